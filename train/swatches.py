"""Makes the style swatches that the page shows: ``python -m train.swatches [STYLE ...]``.

The package holds no painting. A swatch is a texture synthesized from white noise to match a style's stored Gram
matrices (Gatys, Ecker and Bethge 2015, "Texture synthesis using convolutional neural networks"), so it shows the
painting's colors and brushwork without its motif. Run it once after training a style.
"""

import argparse
import collections
from collections.abc import Sequence

import numpy as np

from tfstyle import config, files, images, optimization, stylebook

__all__ = ["SIDE", "main", "synthesize"]

SIDE = 160
"""Side of a swatch in pixels: a tile is at most 150 CSS pixels wide."""
# Painted larger, so that downsampling removes the synthesis' fine noise.
_PAINTED = 256
_SCALES, _ITERATIONS = (128, _PAINTED), (60, 120)
_QUALITY = 82  # Keeps a swatch below 20 kB.


def synthesize(name: str) -> np.ndarray:
    """Synthesizes a style's texture.

    Args:
        name: a name from `stylebook.load_all`.

    Returns:
        ``[SIDE, SIDE, 3]``, 0..255.
    """
    gray = images.Photo(np.full((_PAINTED, _PAINTED, 3), 127.5, np.float32))
    settings = config.Settings(start="noise", scales=_SCALES, iterations=_ITERATIONS)
    style = stylebook.load_all()[name]
    network = optimization.plan.choose_network(settings, [style])
    objective = optimization.plan.reconstruction_objective(network, "style", None, settings)
    (last,) = collections.deque(optimization.Optimization(gray, [style], settings, objective), maxlen=1)
    return images.resize(images.Photo(last.image), SIDE, SIDE).rgb


def main(names: Sequence[str] | None = None) -> None:
    """Writes swatches into the folders of trained styles.

    Args:
        names: the styles; all trained ones if empty or None. Networks of one painting share a swatch.
    """
    parser = argparse.ArgumentParser(prog="python -m train.swatches", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("styles", nargs="*", metavar="STYLE", help="default: all trained styles")
    folders, swatches = stylebook.trained(), dict[str, bytes]()
    for name in parser.parse_args(names).styles or folders:
        title = stylebook.load_all()[name].title
        if title not in swatches:
            swatches[title] = images.encode(synthesize(name), ".jpg", quality=_QUALITY)
        files.atomic_write(folders[name].swatch, swatches[title])


if __name__ == "__main__":
    main()
