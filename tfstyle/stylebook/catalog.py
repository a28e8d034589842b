"""The styles that come with tfstyle: public-domain paintings, with or without a trained network."""

import dataclasses
import functools
import pathlib

from tfstyle.stylebook import folder, stored

__all__ = ["StyleInfo", "load_all", "styles"]


@dataclasses.dataclass(frozen=True)
class StyleInfo:
    """A style that can be given by name.

    Attributes:
        name: as on the command line.
        title: title of the painting.
        artist: its painter.
        year: when it was painted.
        folder: of the trained network; None if there is none, so that only the slow path knows the style.
        preview: a photo in this style, painted by the network; None without one.
    """

    name: str
    title: str
    artist: str
    year: str
    folder: pathlib.Path | None = None
    preview: pathlib.Path | None = None


def styles() -> list[StyleInfo]:
    """Lists the styles that come with tfstyle, sorted by name.

    Returns:
        One record per style.

    >>> import tfstyle
    >>> starry_night = next(style for style in tfstyle.styles() if style.name == "starry_night")
    >>> starry_night.title, starry_night.artist
    ('The Starry Night', 'Vincent van Gogh')
    """
    return [_info(style) for style in load_all().values()]


def _info(style: stored.StoredStyle) -> StyleInfo:
    info = StyleInfo(style.name, style.title, style.artist, style.year)
    network = folder.trained().get(style.name)
    return info if network is None else dataclasses.replace(info, folder=network.path, preview=network.preview)


@functools.cache
def load_all() -> dict[str, stored.StoredStyle]:
    """Reads the stored statistics of all styles that come with tfstyle.

    Returns:
        Styles by name, sorted; with or without a trained network.
    """
    alone = {path.stem: path for path in (folder.PACKAGE / "stylebook" / "data").glob("*.npz")}
    trained = {each.name: each.statistics for each in folder.folders() if each.statistics.is_file()}
    return {name: stored.StoredStyle.open(path, name) for name, path in sorted({**alone, **trained}.items())}
