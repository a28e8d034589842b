"""Makes a stored style: ``python -m train.statistics PAINTING --name NAME --title T --artist A --year Y``.

Writes ``tfstyle/stylebook/data/NAME.npz``: Gram matrices of the painting at the sizes and for the networks of
`tfstyle.shipped`, compressed. The painting itself is not stored.
"""

import argparse
import pathlib

from tfstyle import runtime

runtime.import_tensorflow()

from tfstyle import files, images, stylebook  # noqa: E402

__all__ = ["main"]

_FOLDER = pathlib.Path(__file__).parent.parent / "tfstyle" / "stylebook" / "data"


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
    arrays = stylebook.statistics(stylebook.Painting(images.load_image(arguments.painting)))
    files.atomic_write(arguments.folder / f"{arguments.name}.npz", stylebook.pack(arrays, about))


if __name__ == "__main__":
    main()
