"""Where a painted film goes: an MP4, a GIF, or a folder of frames."""

import abc
import pathlib

from tfstyle import errors, files, images
from tfstyle.video import decoding, reader

__all__ = ["FilmWriter", "FolderWriter", "silence_note"]


class FilmWriter(abc.ABC):
    """A film being written.

    Frames are collected in parts. Parts that `pause` has closed survive a crash, and `finish` joins them into a film
    at any time.

    Attributes:
        parts: closed so far; set it before the first frame to continue after that many.
        last_duration: of the last frame, in the film's ticks; set it together with `parts`.
        notes: what the user should know about the result, one line each.
    """

    parts = 0
    last_duration = 0
    notes: tuple[str, ...] = ()

    def is_complete(self) -> bool:
        """Whether all of the parts exist."""
        return all(self.part(number).exists() for number in range(self.parts))

    @abc.abstractmethod
    def part(self, number: int) -> pathlib.Path:
        """Path of a part."""

    def check(self) -> None:  # noqa: B027 - most writers have nothing to check
        """Checks that the film can be written, before its first frame is painted.

        Raises:
            InputError: it cannot.
        """

    def begin(self) -> None:
        """Starts a new film: deletes the parts of another one.

        Raises:
            InputError: there are files that are not the writer's to delete.
        """
        self.clear()

    @abc.abstractmethod
    def add(self, frame: decoding.Frame) -> None:
        """Appends a frame.

        Raises:
            ShortageError: the disk is full.
            InputError: the frame cannot be written.
        """

    @abc.abstractmethod
    def pause(self) -> None:
        """Closes the current part: its frames are on the disk.

        Raises:
            ShortageError: the disk is full.
            InputError: the part cannot be written.
        """

    @abc.abstractmethod
    def finish(self) -> None:
        """Joins the parts.

        Raises:
            ShortageError: the disk is full.
            InputError: the film cannot be written.
        """

    def close(self) -> None:  # noqa: B027 - most writers have nothing open
        """Gives up the part that is open, after an error."""

    @abc.abstractmethod
    def clear(self) -> None:
        """Deletes the parts."""


class FolderWriter(FilmWriter):
    """Each frame a PNG: every frame is a part, and nothing has to be joined.

    Args:
        path: a new or empty folder.
        film: the original.

    Raises:
        InputError: the folder cannot be created.
    """

    def __init__(self, path: pathlib.Path, film: reader.Film) -> None:
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise errors.InputError(f"{path}: cannot be created: {error.strerror}; choose another folder") from error
        files.check_folder(path / "000000.png")
        self._path = path
        self.notes = silence_note(film)

    def begin(self) -> None:
        """Checks that the folder is empty.

        Raises:
            InputError: it is not.
        """
        if any(self._path.iterdir()):
            raise errors.InputError(f"{self._path} is not empty: specify a new folder for the frames, or use --resume")

    def add(self, frame: decoding.Frame) -> None:
        """Writes a frame; see `FilmWriter.add`."""
        alpha = None if frame.alpha is None else frame.alpha / 255
        images.save_image(self.part(self.parts), frame.pixels, alpha=alpha)
        self.parts += 1

    def part(self, number: int) -> pathlib.Path:
        """Path of a frame."""
        return self._path / f"{number:06d}.png"

    def pause(self) -> None:
        """Does nothing: no file is open."""

    def finish(self) -> None:
        """Does nothing: the frames are the film."""

    def clear(self) -> None:
        """Does nothing: the frames are the film."""


def silence_note(film: reader.Film) -> tuple[str, ...]:
    """What to tell the user where sound cannot be kept."""
    return ("not kept: the audio",) if film.has_audio else ()
