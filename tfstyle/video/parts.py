"""Writes a film in parts: short films in a folder beside the result, joined at the end."""

import abc
import contextlib
import pathlib
import secrets
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfstyle.video import decoding, pyav, reader, writer

__all__ = ["PartsWriter"]


class PartsWriter(writer.FilmWriter):
    """Base of the writers of one file. Parts are NUT files, which keep any unit of time.

    Args:
        path: the result.
        film: the original, whose times and tracks the result gets.
        size: height and width of the frames.
    """

    def __init__(self, path: pathlib.Path, film: reader.Film, size: tuple[int, int]) -> None:
        self._path, self._film, self._size = path, film, size
        self._folder = path.with_name(path.name + ".parts")
        self._av = pyav.import_av()
        self._open: Any = None

    def check(self) -> None:
        """Writes a film of one gray frame, with the first second of all tracks, beside the result and deletes it."""
        path = self._path.with_name(f".tfstyle-{secrets.token_hex(8)}{self._path.suffix}")
        rehearsal = type(self)(path, self._film, self._size)
        try:
            rehearsal.add(decoding.Frame(np.full((*self._size, 3), 128, np.uint8), 0, round(1 / self._film.tick)))
            rehearsal._write(shown=self._path)
        finally:
            rehearsal.close()
            path.unlink(missing_ok=True)
            rehearsal.clear()

    def add(self, frame: decoding.Frame) -> None:
        """Appends a frame; see `FilmWriter.add`."""
        with pyav.writing(self._path):
            if self._open is None:
                self._folder.mkdir(exist_ok=True)
                self._open = self._av.open(str(self.part(self.parts)), "w", format="nut")
                self._add_stream(self._open).codec_context.time_base = self._film.tick
            picture = self._to_picture(frame)
            picture.pts, picture.time_base = frame.time, self._film.tick
            self._open.mux(self._open.streams.video[0].encode(picture))
        self.last_duration = frame.duration or round(1 / (self._film.rate * self._film.tick))

    def pause(self) -> None:
        """Closes the current part; see `FilmWriter.pause`."""
        if self._open is None:
            return
        with pyav.writing(self._path):
            self._open.mux(self._open.streams.video[0].encode())
            part, self._open = self._open, None
            part.close()
        self.parts += 1

    def finish(self) -> None:
        """Joins the parts; see `FilmWriter.finish`."""
        self._write(shown=self._path)

    def close(self) -> None:
        """Gives up the part that is open, after an error."""
        if self._open is not None:
            with contextlib.suppress(OSError, self._av.FFmpegError):
                self._open.close()
            self._open = None

    def clear(self) -> None:
        """Deletes the parts."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def part(self, number: int) -> pathlib.Path:
        """Path of a part."""
        return self._folder / f"{number:05d}.nut"

    def _write(self, shown: pathlib.Path) -> None:
        self.pause()
        unfinished = self._path.with_name(f".tfstyle-{secrets.token_hex(8)}{self._path.suffix}")
        try:
            with pyav.writing(shown):
                self._assemble(unfinished)
                unfinished.replace(self._path)
        finally:
            unfinished.unlink(missing_ok=True)

    @abc.abstractmethod
    def _assemble(self, path: pathlib.Path) -> None:
        """Joins the parts into a file."""

    @abc.abstractmethod
    def _add_stream(self, container: Any) -> Any:
        """Adds the stream of a part."""

    @abc.abstractmethod
    def _to_picture(self, frame: decoding.Frame) -> Any:
        """Converts a frame to the part's pixel format."""

    def _open_parts(self) -> Iterator[Any]:
        """Yields the parts, one open container after the other."""
        for number in range(self.parts):
            with self._av.open(str(self.part(number))) as part:
                yield part
