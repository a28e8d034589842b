"""Photos in folders: one walk for every command, and the names of the results."""

import dataclasses
import os
import pathlib
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tfstyle import errors
from tfstyle.images import decoding, encoding

__all__ = ["FoundPhotos", "SkippedFilesWarning", "find_photos", "is_folder_name", "result_names", "writable_name"]

_RAW = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".iiq", ".nef", ".nrw", ".orf", ".pef", ".raf"),
        *(".raw", ".rw2", ".rwl", ".sr2", ".srw", ".x3f"),
    }
)
_HEIC = frozenset({".heic", ".heif", ".hif"})
_JPEG = frozenset({".jfif", ".jpe", ".mpo"})
_NAMED = 3  # files that `FoundPhotos.skipped_summary` names; the others are counted


class SkippedFilesWarning(UserWarning):
    """Files in a folder were left out, because they are not photos of a known kind."""


@dataclasses.dataclass(frozen=True)
class FoundPhotos:
    """The photos below a folder.

    Attributes:
        paths: The photos, sorted.
        skipped: Every other visible file and folder that the walk left out, with the reason.
    """

    paths: tuple[pathlib.Path, ...]
    skipped: Mapping[pathlib.Path, str]

    def warn_of_skipped(self, *, stacklevel: int = 2) -> None:
        """Issues a `SkippedFilesWarning` with the `skipped_summary`, if there is one."""
        if summary := self.skipped_summary():
            warnings.warn(summary, SkippedFilesWarning, stacklevel=stacklevel + 1)

    def skipped_summary(self) -> str | None:
        """Returns one line that names what was left out, or None if nothing was."""
        if not self.skipped:
            return None
        named = [f"{path} ({reason})" for path, reason in list(self.skipped.items())[:_NAMED]]
        more = len(self.skipped) - len(named)
        return f"left out {', '.join(named)}" + (f" and {more} more" if more else "")


def find_photos(folder: str | os.PathLike[str], *, exclude: str | os.PathLike[str] | None = None) -> FoundPhotos:
    """Finds the photos in a folder and its subfolders, by suffix.

    Hidden files and folders (names that start with a dot: macOS' `._a.png`, Android's `.trashed-…`) are ignored.
    Links are followed, each folder once.

    Args:
        folder: Where to look.
        exclude: A folder below it to leave out, such as that of earlier results; it is not listed as skipped.

    Returns:
        The photos (by the suffixes in `decoding.SUFFIXES`), and everything else with the reason why it was left out.

    Raises:
        errors.InputError: There is no such folder.
    """
    root = pathlib.Path(folder)
    if not os.path.isdir(root):  # noqa: PTH112 - unlike Path.is_dir, False for every name that the system refuses
        raise errors.InputError(f"{root}: no such folder: check the name")
    walk = _Walk(root, exclude)
    return FoundPhotos(tuple(sorted(walk.photos)), dict(sorted(walk.skipped.items())))


class _Walk:
    """Sorts everything visible below a folder into photos and skipped paths."""

    def __init__(self, root: pathlib.Path, exclude: str | os.PathLike[str] | None) -> None:
        self.photos: list[pathlib.Path] = []
        self.skipped: dict[pathlib.Path, str] = {}
        own = os.path.realpath(root)
        self._excluded = {os.path.realpath(exclude)} - {own} if exclude is not None else set()
        self._entered = {own}  # real paths, so that links cannot lead in circles
        self._enter(root)

    def _enter(self, folder: pathlib.Path) -> None:
        try:
            with os.scandir(folder) as entries:  # far fewer system calls than Path.iterdir: data sets have 10^5 files
                visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            self.skipped[folder] = f"cannot be read: {error.strerror}"
            return
        for entry in visible:
            path = folder / entry.name
            if _is(entry.is_dir):
                self._follow(path)
            elif reason := _reason_to_skip(path, is_file=_is(entry.is_file)):
                self.skipped[path] = reason
            else:
                self.photos.append(path)

    def _follow(self, path: pathlib.Path) -> None:
        real = os.path.realpath(path)
        if real in self._excluded:
            return
        if real not in self._entered:
            self._entered.add(real)
            self._enter(path)
        elif pathlib.Path(os.path.realpath(path.parent)).is_relative_to(real):
            self.skipped[path] = "a link loop"
        else:
            self.skipped[path] = "another link to the same folder"


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link loop
        return False


def _reason_to_skip(path: pathlib.Path, *, is_file: bool) -> str | None:
    suffix = path.suffix.lower()
    if is_file:
        if suffix in decoding.SUFFIXES:
            return None
        if suffix in _RAW:
            return "camera raw: export it as JPEG or TIFF"
        return "HEIC: convert it to JPEG" if suffix in _HEIC else "not a supported image format"
    if path.is_symlink():
        return decoding.broken_link(path)
    return "not a regular file"


def is_folder_name(output: str | os.PathLike[str]) -> bool:
    """Returns whether a command's output names a folder for its results (True) or one picture (False).

    An existing folder, a name without a suffix and a name that ends with a slash are folders.

    Raises:
        errors.InputError: The suffix is not one that `save_image` writes.
    """
    text, suffix = os.fspath(output), pathlib.Path(output).suffix
    if os.path.isdir(text) or not suffix or text.endswith(("/", os.sep)):  # noqa: PTH112
        return True
    try:
        encoding.check_format(suffix)
    except errors.InputError as error:
        raise errors.InputError(f"{text}: {error}, or specify a folder") from error
    return False


def writable_name(name: pathlib.PurePath) -> pathlib.PurePath:
    """Returns the result's name for a photo's name: the same if `save_image` writes that kind, else a .jpg or .png.

    >>> [str(writable_name(pathlib.PurePosixPath(name))) for name in ("a.webp", "b.jfif", "c.avif")]
    ['a.webp', 'b.jpg', 'c.png']
    """
    suffix = name.suffix.lower()
    if suffix in encoding.WRITABLE_SUFFIXES:
        return name
    return name.with_suffix(".jpg" if suffix in _JPEG else ".png")


def result_names(names: Sequence[pathlib.PurePath]) -> list[pathlib.PurePath]:
    """Returns `writable_name` of each name, all different: where two would be equal, the photo's suffix stays in.

    >>> [str(name) for name in result_names([pathlib.PurePosixPath("a.gif"), pathlib.PurePosixPath("a.png")])]
    ['a.gif.png', 'a.png']
    """
    results = [writable_name(name) for name in names]
    times = Counter(results)
    return [
        result if times[result] == 1 or result == name else name.with_name(name.name + result.suffix)
        for name, result in zip(names, results, strict=True)
    ]
