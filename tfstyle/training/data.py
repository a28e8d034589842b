"""Photos to train on, from a folder or a TensorFlow dataset, as batches of random crops.

A batch depends only on the seed and its step, so a resumed training sees exactly the pictures that an uninterrupted one
would have seen. Unusable photos (broken, gray, smaller than a crop) are replaced by others and counted; they never stop
a training.
"""

import io
import pathlib
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from PIL import Image

from tfstyle import errors, files, images, runtime
from tfstyle.runtime import keras

__all__ = ["Batches", "FEW", "FewPhotosWarning", "LARGEST", "Photos", "decode", "open_photos"]

# What a TensorFlow dataset's name with configuration and version can look like; any other text is a missing folder.
_DATASET = re.compile(r"\w+([/:][\w/:.,=*]*)?")
LARGEST = 1.75
"""Photos are shrunk until their short side is between 1 and this many crops long; COCO's 640x480 to 256..448."""
FEW = 100
"""With fewer photos a network learns them by heart. A guess: 994 were enough for the shipped styles, 4 are not."""
_GRAY_MODES = {"1", "L", "LA", "I", "F"}
# A photo whose channels differ by less than this on average is gray: JPEG noise alone makes about 1.
_GRAY = 2.0
# After this many unusable photos in a row, something is wrong with all of them.
_PATIENCE = 500
# Threads that decode photos: one decodes 80 batches of 4 crops per second (measured), and a GPU uses 50.
_THREADS = 2
# Seconds to wait for the server of a dataset that is not downloaded yet.
_TIMEOUT = 10.0


class FewPhotosWarning(UserWarning):
    """There are too few photos for a network to learn a style that works on others."""


class Photos(Protocol):
    """A sequence of encoded photos."""

    def __len__(self) -> int:
        """Returns the number of photos."""

    def __getitem__(self, index: int) -> bytes:
        """Returns the contents of a photo's file."""


class _Folder:
    """The pictures in a folder and its subfolders, except one subfolder, sorted by name; hidden files do not count."""

    def __init__(self, folder: pathlib.Path, exclude: pathlib.Path | None) -> None:
        self.found = images.find_photos(folder, exclude=exclude)

    def __len__(self) -> int:
        return len(self.found.paths)

    def __getitem__(self, index: int) -> bytes:
        return self.found.paths[index].read_bytes()


class _Dataset:
    """The images of a prepared TensorFlow dataset; other features are not read."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> bytes:
        return self._source[index]["image"]


def open_photos(source: str, exclude: pathlib.Path | None = None) -> Photos:
    """Opens photos to train on.

    Args:
        source: a folder, or the name of a TensorFlow dataset that has an ``image`` feature and a ``train`` split, such
            as ``coco/2017``. The first use of a dataset downloads it (coco/2017: 26 GB) into TFDS_DATA_DIR or
            ~/tensorflow_datasets.
        exclude: a folder inside ``source`` to skip.

    Returns:
        At least one photo.

    Raises:
        InputError: the source is neither a folder nor a dataset, the folder has no pictures, or the download fails.
    """
    photos = _Folder(pathlib.Path(source), exclude) if files.is_folder(source) else _Dataset(_prepared(source))
    if not len(photos):
        raise errors.InputError(f"no photos found in {source}: use a folder with {images.KINDS} files")
    if isinstance(photos, _Folder):
        photos.found.warn_of_skipped(stacklevel=3)
    return photos


def _prepared(name: str) -> Any:
    """Returns a dataset's training split, downloaded if necessary; images stay encoded."""
    unknown = errors.InputError(
        f"{name} is neither a folder nor a TensorFlow dataset: use a folder of photos, or a dataset such as coco/2017"
    )
    if not _DATASET.fullmatch(name):
        raise unknown
    runtime.import_tensorflow()
    import tensorflow_datasets as tfds  # noqa: PLC0415

    try:
        _check_server(name, tfds.builder(name))
        return tfds.data_source(name, split="train", decoders={"image": tfds.decode.SkipDecoding()})
    except errors.InputError:
        raise
    except tfds.core.DatasetNotFoundError as error:
        raise unknown from error
    except Exception as error:  # Network, disk and checksums fail in too many ways to list.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise errors.InputError(
            f"{name}: could not be downloaded or read ({reason[:300]}): try again, or use a folder of photos"
        ) from error


def _check_server(name: str, builder: Any) -> None:
    """Checks that a dataset's server answers: tfds itself would retry for minutes before it gives up."""
    if builder.is_prepared() or not builder.url_infos:
        return
    url = next(iter(builder.url_infos))
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_TIMEOUT).close()
    except urllib.error.HTTPError as error:
        error.close()  # The server answered.
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise errors.InputError(
            f"{name} is not downloaded yet, and {urllib.parse.urlsplit(url).hostname} cannot be reached ({reason}): "
            "check your network connection, or use a folder of photos"
        ) from error


class Batches(keras.utils.PyDataset):
    """Batches of random crops, numbered by training step.

    Args:
        photos: from `open_photos`.
        size: side of the crops, pixels.
        batch: crops per batch.
        steps: the training steps to make batches for.
        seed: decides photos, crops and mirroring, together with the step.

    Attributes:
        unusable: indices of the unusable photos found so far.
    """

    def __init__(self, photos: Photos, size: int, batch: int, steps: range, seed: int) -> None:
        super().__init__(workers=_THREADS, max_queue_size=4 * _THREADS)
        self._photos, self._size, self._batch = photos, size, batch
        self._steps, self._seed = steps, seed
        self.unusable: set[int] = set()

    def __len__(self) -> int:
        """Returns the number of steps."""
        return len(self._steps)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        """Returns the batch of a step.

        Args:
            index: into the steps.

        Returns:
            ``[batch, size, size, 3]``, float32, 0..255, as a tuple without targets.

        Raises:
            InputError: hundreds of photos in a row are unusable.
        """
        random = np.random.default_rng((self._seed, self._steps[index]))
        return (np.stack([self._draw(random) for _ in range(self._batch)]).astype(np.float32),)

    def _draw(self, random: np.random.Generator) -> np.ndarray:
        for _ in range(_PATIENCE):
            index = int(random.integers(len(self._photos)))
            if (crop := _crop(self._photos, index, self._size, random)) is not None:
                return crop
            self.unusable.add(index)
        raise errors.InputError(
            f"{_PATIENCE} photos in a row are damaged, grayscale or smaller than {self._size} pixels: "
            "use other photos or a smaller --crop"
        )


def _crop(photos: Photos, index: int, size: int, random: np.random.Generator) -> np.ndarray | None:
    """Returns a random crop ``[size, size, 3]``, uint8, mirrored half of the time; None if the photo is unusable."""

    def cut(image: Image.Image) -> Image.Image:
        wanted = int(random.integers(size, min(*image.size, int(LARGEST * size)) + 1))
        image.draft("RGB", (wanted, wanted))  # Decodes a JPEG at 1/2, 1/4 or 1/8 of its size where that is enough.
        scale = min(image.size) / wanted
        left, top = (random.random() * (side / scale - size) for side in image.size)
        box = (scale * left, scale * top, scale * (left + size), scale * (top + size))
        return image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC, box, reducing_gap=3)

    crop = _read(photos, index, size, cut)
    if crop is None:
        return None
    return crop[:, ::-1] if random.random() < 0.5 else crop


def decode(photos: Photos, index: int, least: int) -> np.ndarray | None:
    """Decodes a whole photo.

    Args:
        photos: from `open_photos`.
        index: of the photo.
        least: smallest usable short side, pixels.

    Returns:
        ``[H, W, 3]``, uint8; None if the photo is unusable.
    """
    return _read(photos, index, least, lambda image: image.convert("RGB"))


def _read(photos: Photos, index: int, least: int, cut: Callable[[Image.Image], Image.Image]) -> np.ndarray | None:
    """Cuts a part from a photo; returns None if the photo is broken, gray or too small."""
    try:
        with Image.open(io.BytesIO(photos[index]), formats=images.READERS) as image:
            if min(image.size) < least or image.mode in _GRAY_MODES:
                return None
            pixels = np.asarray(cut(image))
    except Exception:  # Damaged files make decoders raise nearly anything; the training continues without the photo.
        return None
    is_gray = np.abs(pixels.astype(np.int16) - pixels[..., :1]).mean() < _GRAY
    return None if is_gray else pixels
