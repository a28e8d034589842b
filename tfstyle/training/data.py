"""Photographs to train on: a folder or a TensorFlow dataset, as batches of random crops.

A batch is a pure function of seed and step, so an interrupted training goes on with exactly the pictures that it would
have seen. Photos that cannot serve (broken, grey, smaller than a crop) are replaced by others and counted; they never
stop a training.
"""

import io
import pathlib
import re
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from PIL import Image

from tfstyle import errors, files, images, runtime
from tfstyle.runtime import keras

__all__ = ["Batches", "LARGEST", "Photos", "decode", "open_photos"]

# What may be a dataset's name with configuration and version; anything else was meant to be a folder.
_DATASET = re.compile(r"\w+([/:][\w/:.,=*]*)?")
LARGEST = 1.75
"""A photo is shrunk until its short side is one to this many crops long: COCO's 640 x 480 to 256..448."""
_GREY_MODES = {"1", "L", "LA", "I", "F"}
# A photo whose channels differ by less than this on average is grey: JPEG noise alone makes about 1.
_GREY = 2.0
# So many photos in a row that cannot serve: something is wrong with all of them.
_PATIENCE = 500


# That decode: one does 80 batches of 4 crops per second (measured), a GPU takes 50.
_THREADS = 2


class Photos(Protocol):
    """Encoded photos by number."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, index: int) -> bytes:
        """A photo's file, as it is."""


class _Folder:
    """The pictures in a folder and its subfolders but for one, by name."""

    def __init__(self, folder: pathlib.Path, but: pathlib.Path | None) -> None:
        found = images.find_photos(folder, exclude=but)
        self._paths, self.skipped = found.paths, found.skipped

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> bytes:
        return self._paths[index].read_bytes()


class _Dataset:
    """The images of a prepared TensorFlow dataset; what else belongs to an example is not looked at."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> bytes:
        return self._source[index]["image"]


def open_photos(text: str, but: pathlib.Path | None = None) -> Photos:
    """Finds photos to train on.

    Args:
        text: a folder, or the name of a TensorFlow dataset with a feature "image" and a split "train", such as
            ``coco/2017`` (26 GB are downloaded at the first use, into TFDS_DATA_DIR or ~/tensorflow_datasets).
        but: a folder below it whose pictures are no photos.

    Returns:
        At least one photo.

    Raises:
        InputError: neither a folder nor a dataset, a folder without pictures, or a download that fails.
    """
    photos = _Folder(pathlib.Path(text), but) if files.is_folder(text) else _Dataset(_prepared(text))
    if not len(photos):
        suffixes = ", ".join(sorted(images.decoding.SUFFIXES))
        raise errors.InputError(f"{text}: no photos there: give a folder with {suffixes} files")
    return photos


def _prepared(name: str) -> Any:
    unknown = errors.InputError(f"{name}: neither a folder nor a TensorFlow dataset: give one, as coco/2017")
    if not _DATASET.fullmatch(name):
        raise unknown
    runtime.import_tensorflow()
    import tensorflow_datasets as tfds  # noqa: PLC0415

    try:
        return tfds.data_source(name, split="train", decoders={"image": tfds.decode.SkipDecoding()})
    except tfds.core.DatasetNotFoundError as error:
        raise unknown from error
    except Exception as error:  # Network, disk and checksums fail in too many ways to be listed.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise errors.InputError(
            f"{name}: could not be downloaded or read ({reason[:300]}): try again, or give a folder of photos"
        ) from error


class Batches(keras.utils.PyDataset):
    """Batches of crops, numbered by training step.

    Args:
        photos: from `open_photos`.
        size: side of the crops, pixels.
        batch: crops per batch.
        steps: which.
        seed: of everything random.
    """

    def __init__(self, photos: Photos, size: int, batch: int, steps: range, seed: int) -> None:
        super().__init__(workers=_THREADS, max_queue_size=4 * _THREADS)
        self._photos, self._size, self._batch = photos, size, batch
        self._steps, self._seed = steps, seed
        self.unusable: set[int] = set()

    def __len__(self) -> int:
        """Steps."""
        return len(self._steps)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        """The batch of a step.

        Args:
            index: into `steps`.

        Returns:
            ``[batch, size, size, 3]``, float32, 0..255, in a tuple: there are no targets.

        Raises:
            InputError: hundreds of photos in a row cannot serve.
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
            f"{_PATIENCE} photos in a row are broken, grey or smaller than {self._size} pixels: "
            "give other photos or a smaller --crop"
        )


def _crop(photos: Photos, index: int, size: int, random: np.random.Generator) -> np.ndarray | None:
    """A random crop ``[size, size, 3]``, uint8, perhaps mirrored; None if the photo cannot serve."""

    def cut(image: Image.Image) -> Image.Image:
        wanted = int(random.integers(size, min(*image.size, int(LARGEST * size)) + 1))
        image.draft("RGB", (wanted, wanted))  # A JPEG may now be 1/2, 1/4 or 1/8 as large.
        scale = min(image.size) / wanted
        left, top = (random.random() * (side / scale - size) for side in image.size)
        box = (scale * left, scale * top, scale * (left + size), scale * (top + size))
        return image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC, box, reducing_gap=3)

    crop = _read(photos, index, size, cut)
    if crop is None:
        return None
    return crop[:, ::-1] if random.random() < 0.5 else crop


def decode(photos: Photos, index: int, least: int) -> np.ndarray | None:
    """A photo, whole.

    Args:
        photos: from `open_photos`.
        index: of the photo.
        least: short side, pixels, that it must have.

    Returns:
        ``[H, W, 3]``, uint8; None if it cannot serve.
    """
    return _read(photos, index, least, lambda image: image.convert("RGB"))


def _read(photos: Photos, index: int, least: int, cut: Callable[[Image.Image], Image.Image]) -> np.ndarray | None:
    """What is cut from a photo; None if that is broken, grey or its short side less than the least."""
    try:
        with Image.open(io.BytesIO(photos[index]), formats=images.decoding.READERS) as image:
            if min(image.size) < least or image.mode in _GREY_MODES:
                return None
            pixels = np.asarray(cut(image))
    except Exception:  # Broken bytes make readers raise nearly anything; a training goes on without the photo.
        return None
    is_grey = np.abs(pixels.astype(np.int16) - pixels[..., :1]).mean() < _GREY
    return None if is_grey else pixels
