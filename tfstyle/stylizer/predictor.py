"""One style, ready to paint: a trained network, or the network for all paintings."""

import os

import numpy as np

from tfstyle import config, errors, images, runtime, stylebook
from tfstyle.images import color
from tfstyle.stylizer import any_painting, mixtures, runtimes, vectors

__all__ = ["Stylizer"]

# TensorFlow takes about five seconds to start, and paints 1024 x 768 pixels about 0.1 seconds faster than LiteRT: an
# estimate of how many pictures pay for the start.
_MANY = 40
# Networks need sides that are multiples of it: `transform.networks.MULTIPLE`, whose import would load Keras.
_MULTIPLE = 4
# Measured rise of the peak memory with LiteRT, in bytes per pixel: 559 for realtime, 2528 for johnson, which is
# recognized by the size of its file. (SavedModels in bfloat16: 159 and 464.)
_BYTES_PER_PIXEL, _BYTES_PER_PIXEL_OF_LARGE, _LARGE_FILE = 600, 2700, 2e6
# The network for all paintings, with LiteRT: measured at 1024 x 768, 1130 and rounded up.
_BYTES_PER_PIXEL_OF_ANY = 1250


class Stylizer:
    """Paints images in one style, or in a mixture of styles.

    A trained style has its own network. Any other painting, and any mixture, is painted by the network for all
    paintings.

    >>> import numpy as np, tfstyle
    >>> stylizer = tfstyle.Stylizer("starry_night")
    >>> image = np.full((48, 64, 3), 128, np.uint8)
    >>> stylized = stylizer(image)
    >>> stylized.shape, stylized.dtype
    ((48, 64, 3), dtype('uint8'))

    Args:
        style: a name that `styles` lists, the folder of a trained style, or a painting: its file, a `Photo`, an array
            `[H, W, 3]` or its style vector; several with weights as ``starry_night:2,painting.jpg:1``, or as a mapping
            from names or files to weights.
        runtime: ``litert``, ``savedmodel``, or ``auto``: LiteRT for a few images, because it starts at once, the
            SavedModel for many, because it is faster then.
        count: number of images to come, for ``auto``.
        threads: CPU threads; None for all.
        precision: number format of the SavedModel, see `runtime.resolve_precision`; LiteRT computes in float32.

    Attributes:
        name: of the style, without folders.
        folder: of the trained style; None if the network for all paintings paints it.
        runtime: ``litert`` or ``savedmodel``.
        bytes_per_pixel: memory that painting takes.

    Raises:
        InputError: there is no such style or runtime, or the style is damaged.
    """

    def __init__(
        self,
        style: mixtures.StyleLike,
        *,
        runtime: str = "auto",
        count: int = 1,
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        if runtime not in config.RUNTIMES:
            raise errors.InputError(f"unknown runtime {runtime!r}: choose one of {', '.join(config.RUNTIMES)}")
        if runtime == "auto":
            runtime = "savedmodel" if count >= _MANY else "litert"
        mixture, self.runtime = mixtures.parse(style), runtime
        self.name, self.folder = mixtures.name_of(mixture), mixtures.trained(mixture)
        if self.folder is None:
            self.bytes_per_pixel = _BYTES_PER_PIXEL_OF_ANY
            self._engine = any_painting.load(runtime, threads, precision)
            self._vector = vectors.mixed(mixture, self._engine)
        else:
            _check_complete(self.folder, runtime)
            is_large = self.folder.litert.stat().st_size > _LARGE_FILE
            self.bytes_per_pixel = _BYTES_PER_PIXEL_OF_LARGE if is_large else _BYTES_PER_PIXEL
            self._network = _load(self.folder, runtime, threads, precision)

    def __call__(self, image: images.Source, *, strength: float = 1.0, keep_colors: bool = False) -> np.ndarray:
        """Paints one image.

        Args:
            image: an array `[H, W, 3]`, uint8 or numbers in 0..255, sRGB, of any size; a `Photo`; or a picture's file.
            strength: 0 (the image itself) to 1 (as trained). A trained style is blended with the image; any other style
                is itself mixed with the image's own, so that strokes get weaker and not transparent.
            keep_colors: keep the image's colors; only light and dark are painted.

        Returns:
            uint8 `[H, W, 3]`.

        Raises:
            InputError: the image cannot be read or has the wrong shape or values, or the strength is out of range.
            ShortageError: there is too little memory.
        """
        if not 0 <= strength <= 1:
            raise errors.InputError(f"strength is {strength}: use 0 to 1")
        pixels = _pixels(image)
        self._check_memory(*pixels.shape[:2])
        if self.folder is None:
            photo = any_painting.EncodedPhoto(_to_uint8(pixels), self._engine)
            painted, share = photo.paint(self._vector, strength), 1.0
        else:
            painted, share = self._paint(_to_uint8(pixels)), strength
        if share == 1 and not keep_colors:
            return painted
        return _to_uint8(color.mix(painted, pixels, share, keep_colors=keep_colors))

    def _paint(self, image: np.ndarray) -> np.ndarray:
        height, width, _ = image.shape
        margins = [(0, -side % _MULTIPLE) for side in (height, width)]
        return self._network(np.pad(image, (*margins, (0, 0)), mode="symmetric"))[:height, :width]

    def _check_memory(self, height: int, width: int) -> None:
        needed, available = height * width * self.bytes_per_pixel, runtime.available_memory()
        if needed > available:
            side = int(max(height, width) * (available / needed) ** 0.5)
            raise errors.ShortageError(
                f"{width}x{height} pixels need about {needed / 2**30:.1f} GB of memory, but only "
                f"{available / 2**30:.1f} GB is available: use --size {side} or less"
            )


def _check_complete(folder: stylebook.StyleFolder, name: str) -> None:
    for file in (folder.litert if name == "litert" else folder.saved_model, folder.litert):
        if not file.is_file():
            raise errors.InputError(
                f"{folder}: no trained style found there ({file.name} is missing): "
                "use a folder written by tfstyle train"
            )


def _load(folder: stylebook.StyleFolder, name: str, threads: int | None, precision: str) -> runtimes.Network:
    try:
        if name == "litert":
            return runtimes.load_litert(folder.litert, threads)
        return runtimes.load_saved_model(folder.path, threads, precision)
    except ImportError:
        raise
    except Exception as error:  # Damaged files make both libraries raise nearly anything.
        file = folder.litert if name == "litert" else folder.saved_model
        raise errors.InputError(f"{file} is damaged: retrain or reinstall the style") from error


def _pixels(image: images.Source) -> np.ndarray:
    """Returns the image as an array `[H, W, 3]` of numbers in 0..255."""
    if isinstance(image, str | os.PathLike):
        image = images.load_image(image)
    return images.check_array(image.rgb if isinstance(image, images.Photo) else image)


def _to_uint8(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.dtype == np.uint8 else np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
