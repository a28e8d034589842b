"""Chooses the writer and the size of a painted film."""

import os
import pathlib

from tfstyle import errors, files, images
from tfstyle.video import gif, mp4, reader, writer

__all__ = ["open_writer", "output_size"]

_WRITERS = {".mp4": mp4.Mp4Writer, ".gif": gif.GifWriter}


def open_writer(path: str | os.PathLike[str], film: reader.Film, size: tuple[int, int]) -> writer.FilmWriter:
    """Prepares to write a film.

    Args:
        path: an ``.mp4`` or ``.gif`` file, or a folder.
        film: the original.
        size: height and width of the frames.

    Raises:
        InputError: another kind of file, or a folder that cannot be written to.
    """
    path = pathlib.Path(path)
    kind = _WRITERS.get(path.suffix.lower())
    if kind:
        files.check_folder(path)
        return kind(path, film, size)
    if path.suffix and not files.is_folder(path):
        raise errors.InputError(f"{path}: unsupported video format: use .mp4, .gif or a folder for the frames")
    return writer.FolderWriter(path, film)


def output_size(path: str | os.PathLike[str], film: reader.Film, long_side: int | None) -> tuple[int, int]:
    """Height and width of a painted film.

    Args:
        path: the result. MP4 keeps the shape of the film's pixels; elsewhere pixels are square.
        film: the original.
        long_side: pixels; None for the film's own size. A size that is asked for is made even, for all players.
    """
    height, width = film.height, film.width
    if pathlib.Path(path).suffix.lower() != ".mp4":
        width = max(1, round(width * film.pixel_aspect))
    if long_side is None:
        return height, width
    height, width = images.fit_size(height, width, long_side)
    return max(2, height // 2 * 2), max(2, width // 2 * 2)
