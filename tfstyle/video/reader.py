"""Films to paint: any file that PyAV reads, or a folder of frames; pictures out, with their times."""

import contextlib
import dataclasses
import fractions
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfstyle import errors, files, images

__all__ = ["Clip", "Frame", "import_av", "open_clip"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
# ITU-T H.273, table 4. Films that do not say which they are in: players take large ones for BT.709.
_UNSPECIFIED, _BT709, _LARGE = 2, 1, 720
# Frames per second of a folder of pictures, which does not say.
_FOLDER_RATE = fractions.Fraction(25)


@dataclasses.dataclass(frozen=True)
class Frame:
    """One picture of a film.

    Attributes:
        pixels: ``[H, W, 3]``, uint8, sRGB, upright.
        time: when it is shown, in units of the clip's `Clip.tick`.
        duration: for how long; 0 if the film does not say.
    """

    pixels: np.ndarray
    time: int
    duration: int


@dataclasses.dataclass(frozen=True)
class Clip:
    """What is known of a film before it is decoded.

    Attributes:
        path: file or folder.
        height: of the frames as they are shown, pixels.
        width: likewise.
        tick: the unit of times, seconds.
        rate: frames per second, on average.
        count: of frames, estimated where the file does not say; 0 if unknown.
        origin: of all times in the file, seconds: shown at 0.
        shape: of a pixel, width to height.
        audio: whether there is sound.
    """

    path: pathlib.Path
    height: int
    width: int
    tick: fractions.Fraction
    rate: fractions.Fraction
    count: int
    origin: fractions.Fraction = fractions.Fraction(0)
    shape: fractions.Fraction = fractions.Fraction(1)
    audio: bool = False

    def frames(self, size: tuple[int, int]) -> Iterator[Frame]:
        """Decodes from the start.

        Args:
            size: height and width to deliver.

        Yields:
            Frames in the order of their times.

        Raises:
            InputError: the film is damaged.
        """
        return _pictures(self, size) if self.path.is_dir() else _decoded(self, size)


def open_clip(path: str | pathlib.Path) -> Clip:
    """Looks at a film.

    Args:
        path: a film's file, or a folder of pictures, which are taken in the order of their names at 25 a second.

    Returns:
        What it is.

    Raises:
        InputError: there is none, or no pictures in it.
    """
    path = pathlib.Path(path)
    if files.is_folder(path):
        height, width = images.load_image(_listed(path)[0]).size
        return Clip(path, height, width, 1 / _FOLDER_RATE, _FOLDER_RATE, len(_listed(path)))
    with _opened(path) as container:
        stream = container.streams.video[0]
        rotation = _rotation(container, path)
        height, width, shape = stream.height, stream.width, stream.sample_aspect_ratio or fractions.Fraction(1)
        if rotation % 2:
            height, width, shape = width, height, 1 / shape
        rate = stream.average_rate or _FOLDER_RATE
        length = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / 1_000_000
        origin = fractions.Fraction(container.start_time or 0, 1_000_000)
        return Clip(
            path,
            height,
            width,
            stream.time_base,
            rate,
            stream.frames or round(length * rate),
            origin,
            shape,
            bool(container.streams.audio),
        )


def import_av() -> Any:
    """PyAV, an extra.

    Raises:
        InputError: it is not installed.
    """
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError:
        raise errors.InputError('films need PyAV: pip install "tfstyle[video]"') from None
    return av


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[Any]:
    av = import_av()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise errors.InputError(f"{path}: has no pictures: give a film")
            container.streams.video[0].thread_type = "AUTO"
            yield container
    except av.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise errors.InputError(f"{path}: cannot be read as a film: {reason}; give another file") from error


def _rotation(container: Any, path: pathlib.Path) -> int:
    """Quarter turns, counterclockwise, that the first frame needs to stand upright."""
    for frame in container.decode(video=0):
        return round(frame.rotation / 90) % 4
    raise errors.InputError(f"{path}: has no pictures: give a film")


def _decoded(clip: Clip, size: tuple[int, int]) -> Iterator[Frame]:
    start = round(clip.origin / clip.tick)
    last, usual = start - 1, max(1, round(1 / (clip.rate * clip.tick)))
    following = start
    with _opened(clip.path) as container:
        for picture in container.decode(video=0):
            turns = round(picture.rotation / 90) % 4
            height, width = size[::-1] if turns % 2 else size
            guessed = picture.colorspace == _UNSPECIFIED and picture.height >= _LARGE
            colours = {"src_colorspace": _BT709} if guessed else {}
            shown = {"width": width, "height": height, "interpolation": "BICUBIC"}
            pixels = picture.to_ndarray(format="rgb24", **shown, **colours)
            # Broken files repeat times, or leave them out; writers want each later than the one before.
            last = max(last + 1, following if picture.pts is None else picture.pts)
            following = last + (picture.duration or usual)
            yield Frame(np.ascontiguousarray(np.rot90(pixels, turns)), last - start, picture.duration or 0)


def _listed(folder: pathlib.Path) -> list[pathlib.Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise errors.InputError(f"{folder}: no pictures there: give a folder with {', '.join(sorted(_SUFFIXES))} files")
    return found


def _pictures(clip: Clip, size: tuple[int, int]) -> Iterator[Frame]:
    for number, path in enumerate(_listed(clip.path)):
        photo = images.load_image(path)
        if photo.size != (clip.height, clip.width):
            raise errors.InputError(
                f"{path}: is {photo.size[1]}x{photo.size[0]}, the first is {clip.width}x{clip.height}"
            )
        yield Frame(np.clip(np.rint(images.resize(photo, *size).rgb), 0, 255).astype(np.uint8), number, 1)
