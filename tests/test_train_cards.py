"""The model card of a shipped style."""

import json

import pytest
import scored

from tfstyle import stylebook
from train import cards, recipes

pytestmark = pytest.mark.slow  # Recipes are for maintainers.


@pytest.fixture
def folder(tmp_path):
    return scored.stored(tmp_path / "scream")


def card_of(folder, made):
    (folder / "card.json").write_text(json.dumps(made))
    return cards.card(stylebook.StyleFolder(folder))


def test_training_quality_and_speed(folder):
    card = card_of(folder, scored.made(steps=400, features="vgg19"))
    assert card.startswith("# The Scream (Edvard Munch, 1893)")
    for part in (
        "3976 photos (`photos`), 4 per step in the last stage",
        "| starting point | a network trained on eight paintings jointly |",
        "| training stages | 400 steps of 256-pixel crops with vgg19 (6 minutes on two CPU cores) |",
        "python -m train.styles scream",
        "Medians over 3 photos that were not used in training, scored with vgg19.",
        "| measure | 256 pixels | 512 pixels |\n| --- | --- | --- |",
        "| 15.3 (9.9 to 21.1) | 15.3 (8.0 to 12.0) |",
        "| 0.751, 0.063, 2.500 |",
        "| 2.0, 5.5 |",
        "Weave on smooth pictures: 0.0 dB on flat, 4.3 dB on ramp, 11.0 dB on sky; the limit is 10 dB.",
        "| 1024x768 | 0.061 (0.070) | 900 |",
    ):
        assert part in card


def test_other_starting_points_and_all_stages(tmp_path, monkeypatch):
    last = {**scored.made(features="vgg19", steps=30), "stages": [scored.made(finish=0.25, crop=192, threads=1)]}
    monkeypatch.setitem(recipes.STYLES, "alone", recipes.Recipe(("--steps 30",), painting="scream", beginning=""))
    monkeypatch.setitem(recipes.STYLES, "second", recipes.Recipe(("--steps 30",), painting="scream", beginning="alone"))
    card = card_of(scored.stored(tmp_path / "alone"), last)
    assert "| starting point | random weights |" in card
    assert "8000 steps of 192-pixel crops with compact, the last 25% with vgg19 (6 minutes on one CPU" in card
    assert "on one CPU core); then 30 steps of 256-pixel crops" in card
    assert "the network of [alone](../alone)" in card_of(scored.stored(tmp_path / "second"), last)


def test_accelerator_and_batch(folder):
    quick = {
        **scored.made(batch=12, steps=500, crop=224, features="vgg19"),
        "accelerator": "NVIDIA H200",
        "seconds": 38.4,
    }
    assert "| training stages | 500 steps of 12 x 224-pixel crops with vgg19 (38 seconds on NVIDIA H200) |" in card_of(
        folder, quick
    )


def test_evaluated_before_weave_was_measured(folder):
    evaluation = json.loads((folder / "evaluation.json").read_text())
    del evaluation["weave"]
    (folder / "evaluation.json").write_text(json.dumps({**evaluation, "flat_checkerboard": 0.3}))
    card = card_of(folder, scored.made())
    assert "On a flat gray picture, the checkerboard measures 0.3 dB." in card


@pytest.mark.parametrize("name", recipes.STYLES)
def test_shipped_cards_are_up_to_date(name):
    folder = stylebook.StyleFolder(stylebook.root() / name)
    assert folder.model_card.read_text() == cards.card(folder)
