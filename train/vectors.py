"""Measures the paintings that come with tfstyle: ``python -m train.vectors FOLDER...``.

Writes ``tfstyle/stylebook/vectors.npz``: their style vectors for the network for all paintings. Measure them again
whenever that network has been trained. The paintings themselves are not stored.
"""

import argparse
import pathlib
from typing import NamedTuple

from tfstyle import errors, images, stylebook
from tfstyle.stylizer import any_painting

__all__ = ["PAINTINGS", "Entry", "main"]


class Entry(NamedTuple):
    """A painting in the public domain, and the file it is measured from."""

    title: str
    artist: str
    year: str
    file: str


PAINTINGS = {
    "absinthe": Entry("Absinthe", "Edgar Degas", "1876", "edgar_degas_absinthe.jpg"),
    "apollo": Entry(
        "The Chariot of Apollo",
        "Gustave Moreau",
        "c. 1880",
        "gustave_moreau_the_chariot_of_apollo_or_phoebus_apollo.jpg",
    ),
    "bedroom": Entry("The Bedroom", "Vincent van Gogh", "1888", "vincent_van_gogh_the_bedroom.jpg"),
    "birth_of_venus": Entry(
        "The Birth of Venus", "Sandro Botticelli", "1485", "sandro_botticelli_the_birth_of_venus.jpg"
    ),
    "composition_vii": Entry("Composition VII", "Wassily Kandinsky", "1913", "kandinsky_composition_vii.jpg"),
    "cossacks": Entry("Cossacks", "Wassily Kandinsky", "1911", "wassily_kandinsky_cosaques.jpg"),
    "cotopaxi": Entry("Cotopaxi", "Frederic Edwin Church", "1862", "frederic_edwin_church_cotopaxi.jpg"),
    "deluge": Entry("Deluge", "Wassily Kandinsky", "1912", "wassily_kandinsky_sintflut.jpg"),
    "dream": Entry("The Dream", "Umberto Boccioni", "1909", "umberto_boccioni_il_sogno.jpg"),
    "earthly_delights": Entry(
        "The Garden of Earthly Delights",
        "Hieronymus Bosch",
        "c. 1500",
        "hieronymus_bosch_the_garden_of_earthly_delights.jpg",
    ),
    "giant_mountains": Entry(
        "Giant Mountains", "Caspar David Friedrich", "c. 1835", "caspar_david_friedrich_giant_mountains.jpg"
    ),
    "girl_with_a_cat": Entry("Girl with a Cat II", "Franz Marc", "1912", "franz_marc_m_dchen_mit_katze_ii.jpg"),
    "great_wave": Entry("The Great Wave off Kanagawa", "Katsushika Hokusai", "c. 1831", "hokusai_great_wave.jpg"),
    "horses": Entry("Red and Blue Horse", "Franz Marc", "1912", "franz_marc_rotes_und_blaues_pferd.jpg"),
    "impression_sunrise": Entry("Impression, Sunrise", "Claude Monet", "1872", "monet_impression_sunrise.jpg"),
    "irises": Entry("Irises", "Vincent van Gogh", "1889", "vincent_van_gogh_irises.jpg"),
    "japanese_bridge": Entry("The Japanese Bridge", "Claude Monet", "c. 1920", "claude_monet_the_japanese_bridge.jpg"),
    "joyfulness": Entry("Joyfulness", "Paul Gauguin", "1892", "paul_gauguin_joyfulness.jpg"),
    "melancholy": Entry("Melancholy", "Edvard Munch", "1892", "edvard_munch_melancholy.jpg"),
    "mont_sainte_victoire": Entry(
        "Mont Sainte-Victoire and the Viaduct",
        "Paul Cézanne",
        "1885",
        "paul_c_zanne_mont_sainte_victoire_and_the_viaduct.jpg",
    ),
    "night_watch": Entry("The Night Watch", "Rembrandt van Rijn", "1642", "rembrandt_van_rijn_the_nightwatch.jpg"),
    "pearl_earring": Entry(
        "Girl with a Pearl Earring", "Johannes Vermeer", "1665", "jan_vermeer_the_girl_with_a_pearl_earring.jpg"
    ),
    "portrait": Entry("Portrait", "Robert Delaunay", "1906", "delaunay_portrait_1906.jpg"),
    "raft_of_the_medusa": Entry(
        "The Raft of the Medusa", "Théodore Géricault", "1819", "theodore_g_ricault_the_raft_of_the_medusa.jpg"
    ),
    "rebel_angels": Entry(
        "The Fall of the Rebel Angels",
        "Pieter Bruegel the Elder",
        "1562",
        "pieter_bruegel_the_elder_the_fall_of_the_rebel_angels.jpg",
    ),
    "scream": Entry("The Scream", "Edvard Munch", "1893", "munch_scream.jpg"),
    "shipwreck": Entry("The Shipwreck of the Minotaur", "J. M. W. Turner", "c. 1810", "turner_shipwreck_minotaur.jpg"),
    "spring": Entry("Spring", "Sandro Botticelli", "c. 1480", "sandro_botticelli_spring.jpg"),
    "starry_night": Entry("The Starry Night", "Vincent van Gogh", "1889", "vangogh_starry_night.jpg"),
    "street_pavers": Entry("The Street Pavers", "Umberto Boccioni", "1914", "umberto_boccioni_the_street_pavers.jpg"),
    "sunlight_on_the_coast": Entry(
        "Sunlight on the Coast", "Winslow Homer", "1890", "winslow_homer_sunlight_on_the_coast.jpg"
    ),
    "suprematism": Entry("Suprematism", "Kazimir Malevich", "c. 1915", "malevich_suprematism.jpg"),
    "third_of_may": Entry("The Third of May", "Francisco de Goya", "1814", "francisco_de_goya_the_third_of_may.jpg"),
    "trees_and_houses": Entry(
        "Trees and Houses Near the Jas de Bouffan", "Paul Cézanne", "c. 1885", "cezanne_trees_and_houses.jpg"
    ),
    "trouville": Entry(
        "Harmony in Blue and Silver: Trouville",
        "James McNeill Whistler",
        "1865",
        "james_mcneill_whistler_harmony_in_blue_and_silver_trouville.jpg",
    ),
    "udnie": Entry("Udnie", "Francis Picabia", "1913", "picabia_udnie.jpg"),
    "water_lilies": Entry("Water Lilies", "Claude Monet", "c. 1917", "monet_water_lilies.jpg"),
    "wheat_field": Entry(
        "A Wheatfield, with Cypresses", "Vincent van Gogh", "1889", "vangogh_wheat_field_cypresses.jpg"
    ),
    "when_will_you_marry": Entry(
        "When Will You Marry?", "Paul Gauguin", "1892", "paul_gauguin_when_will_you_marry.jpg"
    ),
    "woman_with_a_hat": Entry("Woman with a Hat", "Henri Matisse", "1905", "matisse_woman_with_hat.jpg"),
}
"""By name, sorted."""


def main() -> None:
    """Finds and measures all paintings.

    Raises:
        InputError: a painting is in none of the folders.
    """
    parser = argparse.ArgumentParser(prog="python -m train.vectors", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path, help="where the paintings are")
    arguments = parser.parse_args()
    engine = any_painting.load("litert")
    vectors = {}
    for name, entry in PAINTINGS.items():
        photo = images.load_image(_find(entry.file, arguments.folders))
        vector = any_painting.style_vector(photo, engine)
        vectors[name] = stylebook.NamedVector(name, entry.title, entry.artist, entry.year, vector.packed())
    stylebook.write_named(vectors)
    print(f"saved {len(vectors)} style vectors")


def _find(file: str, folders: list[pathlib.Path]) -> pathlib.Path:
    for folder in folders:
        if (folder / file).is_file():
            return folder / file
    raise errors.InputError(f"{file} is in none of the folders given")


if __name__ == "__main__":
    main()
