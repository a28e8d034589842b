"""Paints README's picture: ``python -m train.gallery PHOTO FOLDER -o docs/any_painting.jpg``.

One photo in twelve of the paintings that no training has seen (`held_out`), each with its painter's name.
"""

import argparse
import pathlib
import time

from tfstyle import images, reports, stylizer
from train.held_out import held_out

__all__ = ["PAINTINGS", "main"]

PAINTINGS = {
    "arthur-segal_die-br-cke-in-r-genwalderm-nde-1925.jpg": "Arthur Segal",
    "louis-valtat_young-women-in-the-garden.jpg": "Louis Valtat",
    "hiroshige_the-inari-shrine-at-oji.jpg": "Hiroshige",
    "franz-marc_caliban-from-shakespeare-s-the-tempest-1914.jpg": "Franz Marc",
    "pavel-filonov_landscape-with-two-animals.jpg": "Pavel Filonov",
    "theo-van-rysselberghe_sunset-at-ambleteuse-1899.jpg": "Theo van Rysselberghe",
    "umberto-boccioni_glass-and-syphon-1913.jpg": "Umberto Boccioni",
    "utagawa-kuniyoshi_paragons-of-filial-piety.jpg": "Utagawa Kuniyoshi",
    "henri-martin_view-from-the-artist-s-studio-1902.jpg": "Henri Martin",
    "georges_de_la_tour_the_new_born.jpg": "Georges de La Tour",
    "albert-marquet_the-port-of-marseliles-1904.jpg": "Albert Marquet",
    "ilya-mashkov_landscape-with-a-house-1911.jpg": "Ilya Mashkov",
}
"""Painters by file."""

_SIZE, _COLUMNS = 320, 4


def main() -> None:
    """Paints the pictures and prints how long they took."""
    parser = argparse.ArgumentParser(prog="python -m train.gallery", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photo", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path, help="the paintings, with their manifest")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--size", type=int, default=512, help="long side of the painted pictures, pixels")
    arguments = parser.parse_args()
    if seen := set(PAINTINGS) - set(held_out(arguments.folder)):
        parser.error(f"{min(seen)} is not held out from training: choose others")
    photo = images.load_image(arguments.photo, size=arguments.size)
    started = time.perf_counter()
    pictures = [stylizer.Stylizer(arguments.folder / file)(photo) for file in PAINTINGS]
    print(f"{len(pictures)} pictures in {time.perf_counter() - started:.1f} s")
    images.save_image(
        arguments.output, reports.contact_sheet(pictures, list(PAINTINGS.values()), columns=_COLUMNS, cell=_SIZE)
    )


if __name__ == "__main__":
    main()
