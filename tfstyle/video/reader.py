"""Films to paint: any file that FFmpeg reads, or a folder of frames."""

import dataclasses
import fractions
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from tfstyle import errors, files, images
from tfstyle.video import decoding, pyav, tone_mapping, tracks

__all__ = ["Film", "Frames", "open_film"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
# Frames per second of a folder of frames.
_FOLDER_RATE = fractions.Fraction(25)
# Containers whose header says how long the film is, even if the rest is missing. Others guess from what is there.
_DECLARE_LENGTH = {"matroska", "mov", "avi", "flv"}
# Seconds by which an intact film may be shorter than its header says; also a fiftieth of its length.
_TOLERANCE = fractions.Fraction(1, 2)


@dataclasses.dataclass(frozen=True)
class Film:
    """What is known of a film before its frames are decoded.

    Attributes:
        path: a file or a folder.
        height: of the upright frames, pixels.
        width: of the upright frames, pixels.
        tick: unit of times, seconds.
        rate: frames per second, on average.
        count: frames, estimated unless the file says; 0 if unknown.
        origin: time in the file that is shown at 0, seconds.
        pixel_aspect: a pixel's width divided by its height.
        has_audio: whether there is sound.
        has_alpha: whether frames may be transparent.
        hdr: name of the HDR transfer function, which is tone-mapped to SDR; empty for SDR.
        loops: times a GIF repeats, 0 for ever; None if it is played once.
        extra_tracks: sound, subtitles and the like of a film's file; None for a folder.
        length: seconds, as the file's header says; None if it does not.
    """

    path: pathlib.Path
    height: int
    width: int
    tick: fractions.Fraction
    rate: fractions.Fraction
    count: int
    origin: fractions.Fraction = fractions.Fraction(0)
    pixel_aspect: fractions.Fraction = fractions.Fraction(1)
    has_audio: bool = False
    has_alpha: bool = False
    hdr: str = ""
    loops: int | None = 0
    extra_tracks: tracks.Tracks | None = None
    length: fractions.Fraction | None = None

    def frames(self, size: tuple[int, int] | None = None) -> "Frames":
        """Frames in the order of their times.

        Args:
            size: height and width to deliver; None for the film's own.

        Raises:
            InputError: while decoding, if nothing can be decoded or a frame of a folder differs in size.
        """
        return Frames(self, size or (self.height, self.width))


class Frames:
    """Decodes a film from its start, each time it is iterated over.

    Args:
        film: to decode.
        size: height and width to deliver.

    Attributes:
        skipped: damaged frames that were left out so far.
        is_truncated: whether the film has ended earlier than its header says; known when the iteration has ended.
    """

    def __init__(self, film: Film, size: tuple[int, int]) -> None:
        self._film, self._size = film, size
        self.skipped = 0
        self.is_truncated = False

    def __iter__(self) -> Iterator[decoding.Frame]:
        return self._folder() if self._film.path.is_dir() else self._file()

    def _folder(self) -> Iterator[decoding.Frame]:
        for number, path in enumerate(_listed(self._film.path)):
            photo = images.load_image(path)
            if photo.size != (self._film.height, self._film.width):
                height, width = photo.size
                first = f"{self._film.width}x{self._film.height}"
                raise errors.InputError(f"{path} is {width}x{height}, but the first frame is {first}")
            yield _photo_frame(images.resize(photo, *self._size), number)

    def _file(self) -> Iterator[decoding.Frame]:
        film, end = self._film, fractions.Fraction(0)
        start = round(film.origin / film.tick)
        usual = max(1, round(1 / (film.rate * film.tick)))
        last, following = start - 1, start
        mapper = tone_mapping.ToneMapper() if film.hdr else None
        with pyav.opened(film.path) as container:
            pictures = decoding.Pictures(container, decoding.moving_pictures(container))
            for picture in pictures:
                self.skipped = pictures.skipped
                # Broken files repeat or omit times; muxers want every time later than the one before.
                last = max(last + 1, following if picture.pts is None else picture.pts)
                following = last + (picture.duration or usual)
                yield decoding.to_frame(picture, self._size, last - start, mapper)
            end = max(pictures.end, following * film.tick) - film.origin
        self.skipped = pictures.skipped
        self.is_truncated = film.length is not None and film.length - end > max(_TOLERANCE, film.length / 50)


def open_film(path: str | pathlib.Path) -> Film:
    """Reads a film's properties.

    Args:
        path: a film's file, or a folder of frames, which are shown in the order of their names, 25 a second.

    Raises:
        InputError: there is no film, or no frames in the folder.
    """
    path = pathlib.Path(path)
    if files.is_folder(path):
        return _open_folder(path)
    with pyav.opened(path) as container:
        stream = decoding.moving_pictures(container)
        if stream is None:
            raise errors.InputError(f"{path} contains no video stream: use a video file")
        first = next(iter(decoding.Pictures(container, stream)), None)
        if first is None:
            raise errors.InputError(f"{path}: none of its frames can be decoded: use another file")
        if tone_mapping.transfer_of(first):
            tone_mapping.check(path)
        return Film(
            path=path, **_shape(stream, first), **_timing(container, stream), **_extras(container, stream, first)
        )


def _open_folder(path: pathlib.Path) -> Film:
    listed = _listed(path)
    first = images.load_image(listed[0])
    height, width = first.size
    has_alpha = first.alpha is not None
    return Film(path, height, width, 1 / _FOLDER_RATE, _FOLDER_RATE, len(listed), has_alpha=has_alpha)


def _shape(stream: Any, first: Any) -> dict[str, Any]:
    aspect = stream.sample_aspect_ratio or fractions.Fraction(1)
    if decoding.quarter_turns(first) % 2:
        return {"height": stream.width, "width": stream.height, "pixel_aspect": 1 / aspect}
    return {"height": stream.height, "width": stream.width, "pixel_aspect": aspect}


def _timing(container: Any, stream: Any) -> dict[str, Any]:
    rate = stream.average_rate or _FOLDER_RATE
    total = fractions.Fraction(container.duration or 0, 1_000_000)
    counted = stream.frames / rate  # An AVI that is cut off has its frames in its header, but not its length.
    length = stream.duration * stream.time_base if stream.duration else total
    declared = container.format.name.partition(",")[0] in _DECLARE_LENGTH
    return {
        "tick": stream.time_base,
        "rate": rate,
        "count": stream.frames or round(length * rate),
        "origin": fractions.Fraction(container.start_time or 0, 1_000_000),
        "length": max(total, counted) or None if declared else None,
    }


def _extras(container: Any, stream: Any, first: Any) -> dict[str, Any]:
    return {
        "has_audio": bool(container.streams.audio),
        "has_alpha": decoding.has_alpha(first),
        "hdr": tone_mapping.transfer_of(first),
        "extra_tracks": tracks.list_tracks(container, picture=stream),
        "loops": _loops(container.name) if container.format.name == "gif" else 0,
    }


def _loops(path: str) -> int | None:
    with Image.open(path) as image:
        return image.info.get("loop")


def _listed(folder: pathlib.Path) -> list[pathlib.Path]:
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise errors.InputError(f"{folder} contains no frames: use a folder with {', '.join(sorted(_SUFFIXES))} files")
    return found


def _photo_frame(photo: images.Photo, number: int) -> decoding.Frame:
    if photo.alpha is None:
        return decoding.Frame(_to_uint8(photo.rgb), number, 1)
    share = photo.alpha[..., None]
    return decoding.Frame(_to_uint8(photo.rgb * share + 255 * (1 - share)), number, 1, _to_uint8(255 * photo.alpha))


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
