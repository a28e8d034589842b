"""What a layer encodes of a picture: the picture reconstructed from its features (Gatys 2015, figure 1)."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from tfstyle import config, images, stylebook, weights
from tfstyle.optimization import plan, recipes, run, series

__all__ = ["reconstruct", "reconstruct_layers"]

# A reconstruction from noise shows what it is to show at this long side.
_SIZE = 256


def reconstruct(
    image: images.Source,
    of: str,
    layers: str | None = None,
    settings: config.Settings | None = None,
    **changes: object,
) -> Iterator[run.Iterate]:
    """Reconstructs a picture from its features in some layers: Gatys 2015, figure 1.

    Args:
        image: the picture: a file, a `Photo`, or an array `[H, W, 3]`, 0..255.
        of: ``pixels`` (plain squared difference), ``content`` (features) or ``style`` (Gram matrices).
        layers: ``NAME[:WEIGHT],...``; None for the network's default layers.
        settings: by default a start from noise at 256 pixels.
        **changes: single settings by name.

    Yields:
        Iterates, the start first.

    Raises:
        InputError: unusable pictures, layers or settings.
        BrokenLoss: a term became NaN or infinite.

    Example:
        >>> from skimage import data
        >>> cat = data.chelsea()[::8, ::8]
        >>> *_, last = reconstruct(cat, "pixels", size=48, iterations=(3,))
        >>> last.image.shape
        (32, 48, 3)
    """
    settings = dataclasses.replace(settings or config.Settings(start="noise", size=_SIZE), **changes)  # type: ignore[arg-type]
    photo = images.as_photo(image)
    objective = plan.reconstruction_objective(plan.choose_network(settings), of, layers, settings)
    yield from run.Optimization(photo, [stylebook.Painting(photo)], settings, objective)


def reconstruct_layers(
    image: images.Source,
    of: str,
    output: str | pathlib.Path,
    labels: Sequence[str] = (),
    *,
    resume: bool = False,
    **settings: Any,
) -> Iterator[series.SeriesProgress]:
    """Reconstructs a picture from several sets of layers and lays the results out on a contact sheet.

    Args:
        image: the picture: a file, a `Photo`, or an array `[H, W, 3]`, 0..255.
        of: ``pixels``, ``content`` or ``style``.
        output: file of the contact sheet; the pictures go into a folder of the same name.
        labels: one picture each, ``NAME+NAME`` for several layers at once; empty for the paper's figure.
        resume: keep what an interrupted series has finished.
        **settings: single settings by name; by default a start from noise at 256 pixels.

    Yields:
        Progress of every reconstruction.

    Raises:
        InputError: unusable pictures, layers or settings.
        BrokenLoss: the loss of a run became NaN or infinite.
    """
    size = {} if settings.get("size") or settings.get("scales") else {"size": _SIZE}
    job = recipes.prepare(image, [], config.Settings(**{"start": "noise", **size, **settings}))
    photo = job.photo()

    def entry(label: str) -> series.Entry:
        layers = label.replace("+", ",") if of != "pixels" else None
        objective = plan.reconstruction_objective(job.settings.features, of, layers, job.settings)
        painting = [stylebook.Painting(photo)]
        return series.Entry(
            label,
            {**job.recipe, "reconstruct": of, "layers": label},
            lambda: run.Optimization(photo, painting, job.settings, objective),
        )

    entries = [entry(label) for label in labels or _figure(of, job.settings.features)]
    yield from series.Series(entries, output, first=[("original", photo.rgb)], resume=resume)


def _figure(of: str, network: str) -> list[str]:
    """The rows of Gatys 2015, figure 1: content of each style layer alone, style of the first one, two, three, ..."""
    layers = weights.BACKBONES[network].style_layers
    match of:
        case "pixels":
            return ["pixels"]
        case "content":
            return list(layers)
        case _:
            return list(itertools.accumulate(layers, lambda before, layer: f"{before}+{layer}"))
