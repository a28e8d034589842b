"""The model card of a shipped style."""

import json

import pytest
import scored

from tfstyle import stylebook
from train import cards, recipes


@pytest.fixture
def folder(tmp_path):
    return scored.stored(tmp_path / "scream")


def card_of(folder, made):
    (folder / "card.json").write_text(json.dumps(made))
    return cards.card(stylebook.StyleFolder(folder))


def test_card_tells_what_was_made_and_how_good_it_is(folder):
    card = card_of(folder, scored.made(steps=400, features="vgg19"))
    assert card.startswith("# The Scream (Edvard Munch, 1893)")
    for told in (
        "3976 photos (photos), 4 per step",
        "| begins with | a network that had learned eight paintings at once |",
        "| steps | 400 of 256-pixel crops through vgg19 (6 minutes on two processor cores) |",
        "python -m train.styles scream",
        "by vgg19 on 3 photos",
        "| figure | 256 pixels | 512 pixels |\n| --- | --- | --- |",
        "| 15.3 (9.9 to 21.1) | 15.3 (8.0 to 12.0) |",
        "| 0.751, 0.063, 2.500 |",
        "| 2.0, 5.5 |",
        "grid is 0.3 dB",
        "| 1024x768 | 0.061 (95 %: 0.070) | 900 |",
    ):
        assert told in card


def test_card_tells_of_another_beginning_and_of_all_stages(tmp_path, monkeypatch):
    last = {**scored.made(features="vgg19", steps=30), "stages": [scored.made(finish=0.25, crop=192, threads=1)]}
    monkeypatch.setitem(recipes.STYLES, "alone", recipes.Recipe(("--steps 30",), painting="scream", beginning=""))
    monkeypatch.setitem(recipes.STYLES, "second", recipes.Recipe(("--steps 30",), painting="scream", beginning="alone"))
    card = card_of(scored.stored(tmp_path / "alone"), last)
    assert "| begins with | random weights |" in card
    assert "8000 of 192-pixel crops through compact, the last 25% through vgg19 (6 minutes on one p" in card
    assert "on one processor core); then 30 of 256-pixel crops" in card
    assert "the network of [alone](../alone)" in card_of(scored.stored(tmp_path / "second"), last)


def test_card_tells_of_an_accelerator_and_of_another_batch(folder):
    quick = {
        **scored.made(batch=12, steps=500, crop=224, features="vgg19"),
        "accelerator": "NVIDIA H200",
        "seconds": 38.4,
    }
    assert "| steps | 500 of 12 x 224-pixel crops through vgg19 (38 seconds on NVIDIA H200) |" in card_of(folder, quick)
