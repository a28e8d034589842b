"""Makes a stored style: ``python -m train.statistics PAINTING --name NAME --title T --artist A --year Y``.

Writes ``tfstyle/stylebook/data/NAME.npz``: the painting's compressed Gram matrices for `stylebook.STORED_BACKBONES` at
`stylebook.STORED_SIZES`. The painting itself is not stored.
"""

import argparse
import pathlib

from tfstyle import files, stylebook

__all__ = ["main"]

_FOLDER = pathlib.Path(__file__).parent.parent / "tfstyle" / "stylebook" / "data"


def main() -> None:
    """Measures the painting and writes the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("painting")
    for name in ("name", "title", "artist", "year"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--folder", type=pathlib.Path, default=_FOLDER)
    arguments = parser.parse_args()
    painting = stylebook.Painting.open(arguments.painting)
    about = {name: getattr(arguments, name) for name in ("title", "artist", "year")} | {"sha256": painting.digest}
    files.atomic_write(
        arguments.folder / f"{arguments.name}.npz", stylebook.pack(stylebook.statistics(painting), about)
    )


if __name__ == "__main__":
    main()
