"""The styles that come with tfstyle: public-domain paintings, some of them with a trained network."""

import dataclasses
import functools
import pathlib

from tfstyle.stylebook import folder, stored, vectors

__all__ = ["StyleInfo", "load_all", "styles"]


@dataclasses.dataclass(frozen=True)
class StyleInfo:
    """A style that can be given by name: for photos and videos always, for `optimize` and `train` if it is measured.

    Attributes:
        name: as on the command line.
        title: title of the painting.
        artist: its painter.
        year: when it was painted.
        folder: of the trained network; None if the network for all paintings paints the style.
        preview: a photo in this style, painted by the trained network; None without one.
        is_measured: whether the painting's Gram matrices are stored, for `optimize` and `train`.
    """

    name: str
    title: str
    artist: str
    year: str
    folder: pathlib.Path | None = None
    preview: pathlib.Path | None = None
    is_measured: bool = True


def styles() -> list[StyleInfo]:
    """Lists the styles that come with tfstyle, sorted by name.

    Returns:
        One record per style.

    >>> import tfstyle
    >>> starry_night = next(style for style in tfstyle.styles() if style.name == "starry_night")
    >>> starry_night.title, starry_night.artist
    ('The Starry Night', 'Vincent van Gogh')
    """
    measured = load_all()
    every: dict[str, stored.StoredStyle | vectors.NamedVector] = dict(vectors.named())
    every.update(measured)
    return [_info(every[name], is_measured=name in measured) for name in sorted(every)]


def _info(style: stored.StoredStyle | vectors.NamedVector, *, is_measured: bool) -> StyleInfo:
    info = StyleInfo(style.name, style.title, style.artist, style.year, is_measured=is_measured)
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
