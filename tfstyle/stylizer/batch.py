"""Paints files: one photo, several, or whole folders."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from tfstyle import _version, config, errors, files, images
from tfstyle.stylizer import mixtures, predictor

__all__ = ["StylizeResult", "stylize"]

Path: TypeAlias = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class StylizeResult:
    """What became of one photo.

    Attributes:
        source: the photo.
        path: the stylized picture.
        step: number of the photo, from 1.
        steps: number of all photos.
        error: why the photo was not stylized; None if it was.
    """

    source: pathlib.Path
    path: pathlib.Path
    step: int
    steps: int
    error: errors.InputError | None = None


def stylize(  # noqa: PLR0913 - the options of `config.StylizeSettings`
    sources: Path | Sequence[Path],
    output: Path,
    style: mixtures.StyleLike,
    *,
    strength: float = 1.0,
    keep_colors: bool = False,
    size: int | None = None,
    keep_gps: bool = False,
    runtime: str = "auto",
    threads: int | None = None,
) -> Iterator[StylizeResult]:
    """Paints photos in a style.

    Each photo is painted when the iterator reaches it::

        for result in tfstyle.stylize("album", "painted", "starry_night"):
            print(result.source, result.error or result.path)

    A photo that cannot be painted does not stop the others: its result has an error.

    Args:
        sources: a photo, a folder of photos, or several of these.
        output: the result's file if there is one photo; otherwise a folder. Below it, the names stay the same.
        style: see `Stylizer`.
        strength: 0 (the photo itself) to 1 (as trained); see `Stylizer`.
        keep_colors: keep the photo's colors; only light and dark are painted.
        size: long side of the result in pixels; None for the photo's own size.
        keep_gps: keep the photo's GPS location in the result's metadata.
        runtime: see `Stylizer`.
        threads: CPU threads; None for all.

    Returns:
        An iterator over the results.

    Raises:
        InputError: there are no photos, no such style, or two photos would have the same result.
    """
    settings = config.StylizeSettings(strength, keep_colors, size, keep_gps, runtime, threads)
    several = [sources] if isinstance(sources, str | os.PathLike) else sources
    pairs = _pairs([pathlib.Path(source) for source in several], output)
    stylizer = predictor.Stylizer(style, runtime=runtime, count=len(pairs), threads=threads)
    return _stylize_each(pairs, stylizer, settings)


def _stylize_each(
    pairs: Sequence[tuple[pathlib.Path, pathlib.Path]],
    stylizer: predictor.Stylizer,
    settings: config.StylizeSettings,
) -> Iterator[StylizeResult]:
    for step, (source, path) in enumerate(pairs, start=1):
        result = StylizeResult(source, path, step, len(pairs))
        try:
            _stylize_file(source, path, stylizer, settings)
        except errors.InputError as error:
            yield dataclasses.replace(result, error=error)
        else:
            yield result


def _stylize_file(
    source: pathlib.Path, path: pathlib.Path, stylizer: predictor.Stylizer, settings: config.StylizeSettings
) -> None:
    photo = images.load_image(source, size=settings.size, keep_gps=settings.keep_gps)
    if path.exists() and path.samefile(source):
        raise errors.InputError(f"{path} is the photo itself: choose another name for the result")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.InputError(
            f"{path.parent}: cannot be created: {error.strerror}; choose another --output"
        ) from error
    stylized = stylizer(photo, strength=settings.strength, keep_colors=settings.keep_colors)
    images.save_image(path, photo.with_rgb(stylized), recipe=_recipe(source, stylizer, settings))


def _recipe(source: pathlib.Path, stylizer: predictor.Stylizer, settings: config.StylizeSettings) -> dict[str, Any]:
    """Describes how a picture was made, without paths, which are private."""
    return {
        "tfstyle": _version.__version__,
        "stylize": source.name,
        "style": stylizer.name,
        "strength": settings.strength,
        "keep_colors": settings.keep_colors,
        "size": settings.size,
    }


def _pairs(sources: Sequence[pathlib.Path], output: Path) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Pairs every photo with the file of its result."""
    if not images.is_folder_name(output):
        if len(sources) != 1 or files.is_folder(sources[0]):
            raise errors.InputError(f"{output} is a single file: specify a folder to save several results")
        images.check_writable(output)
        return [(sources[0], pathlib.Path(output))]
    pairs = [pair for source in sources for pair in _pairs_of(source, pathlib.Path(output))]
    if not pairs:
        raise errors.InputError(f"no photos found in {', '.join(map(str, sources))}: use {images.KINDS} files")
    times = collections.Counter(result for _, result in pairs)
    if twice := [result for result, count in times.items() if count > 1]:
        raise errors.InputError(
            f"several photos would be saved as {twice[0]}: pass the folder that contains them instead"
        )
    return pairs


def _pairs_of(source: pathlib.Path, output: pathlib.Path) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Pairs a photo, or all photos below a folder except earlier results, with their results."""
    if not files.is_folder(source):
        return [(source, output / images.writable_name(pathlib.PurePath(source.name)))]
    found = images.find_photos(source, exclude=output)
    found.warn_of_skipped(stacklevel=4)
    names = images.result_names([path.relative_to(source) for path in found.paths])
    return [(path, output / name) for path, name in zip(found.paths, names, strict=True)]
