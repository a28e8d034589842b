"""Makes a stored style: ``python -m train.statistics PAINTING --name NAME --title T --artist A --year Y``.

Writes ``tfstyle/assets/styles/NAME.npz``: Gram matrices of the painting at the sizes and for the networks of
`tfstyle.shipped`, compressed. The painting itself is not stored.
"""

import argparse
import io
import json
import pathlib

import numpy as np

from tfstyle import runtime

runtime.import_tensorflow()

from tfstyle import features, files, images, shipped, styles, weights  # noqa: E402

__all__ = ["main", "statistics"]

_FOLDER = pathlib.Path(__file__).parent.parent / "tfstyle" / "assets" / "styles"


def statistics(photo: images.Photo) -> dict[str, np.ndarray]:
    """Compressed Gram matrices of one painting.

    Args:
        photo: the painting, at least as large as the largest of `shipped.SIZES`.

    Returns:
        Factors ``[C, rank]``, float16, by ``<network>/<size>/<layer>``.
    """
    arrays: dict[str, np.ndarray] = {}
    for network in shipped.NETWORKS:
        layers = features.NETWORKS[network].style_layers
        model = features.build(network, layers, weights.load(network, layers=features.needed(network, layers)))
        for size in shipped.SIZES:
            grams = styles.Painting(photo).grams(model, size, layers)
            arrays |= {f"{network}/{size}/{layer}": shipped.compress(gram) for layer, gram in grams.items()}
    return arrays


def main() -> None:
    """Reads the arguments, writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("painting")
    for name in ("name", "title", "artist", "year"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--folder", type=pathlib.Path, default=_FOLDER)
    arguments = parser.parse_args()
    about = {name: getattr(arguments, name) for name in ("title", "artist", "year")}
    about["sha256"] = files.digest(arguments.painting)
    buffer = io.BytesIO()
    arrays = statistics(images.load_image(arguments.painting))
    np.savez_compressed(buffer, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
    files.atomic_write(arguments.folder / f"{arguments.name}.npz", buffer.getvalue())


if __name__ == "__main__":
    main()
