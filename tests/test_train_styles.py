"""The model card of a shipped style, and what the recipes name."""

import dataclasses
import json

import pytest

from tfstyle import settings, shipped
from train import styles

MEDIAN = {
    "total": 2.5,
    "content": 0.7512,
    "style": 0.0634,
    "iterations": 15.26,
    "structure": 0.418,
    "checkerboard": 2.04,
    "frame": 5.55,
    "saturation": -0.0012,
    "blobs": 81.4,
}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "scream"
    folder.mkdir()
    (folder / shipped.STATISTICS).write_bytes(shipped.load_all()["scream"].packed())
    scored = {"median": MEDIAN, "iterations": [9.9, 15.26, 21.1], "photos": {"a": {}, "b": {}, "c": {}}}
    evaluation = {
        "features": "vgg19",
        "sizes": {"256": scored, "512": {**scored, "iterations": [8.0, 12.0]}},
        "flat checkerboard": 0.3,
        "runtime": "savedmodel",
        "speed": {"1024x768": {"median": 0.0612, "p95": 0.07, "memory": 900 * 2**20}},
    }
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    return folder


def card_of(folder, beginning="abc", **changes):
    chosen = dataclasses.replace(settings.Training(), **changes)
    made = {
        "train": "scream",
        "beginning": beginning,
        "data": ["photos", 3976],
        "settings": dataclasses.asdict(chosen),
        "seconds": 372,
    }
    (folder / "card.json").write_text(json.dumps(made))
    return styles.card(folder)


def test_card_tells_what_was_made_and_how_good_it_is(folder):
    card = card_of(folder, steps=400, features="vgg19")
    assert card.startswith("# The Scream (Edvard Munch, 1893)")
    for told in (
        "3976 photos (photos), crops of 256 pixels, 4 per step",
        "400, from a network that had learned eight paintings at once, in 6 minutes",
        "through vgg19 |",
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


def test_card_tells_of_another_beginning_and_a_last_stretch(folder):
    card = card_of(folder, beginning=None, finish=0.25)
    assert "from random weights" in card
    assert "through compact, the last 25% through vgg19" in card


def test_recipes_are_of_stored_styles_and_accepted_by_the_command_line():
    from tfstyle.cli import main

    for name, recipe in styles.STYLES.items():
        assert name in shipped.load_all()
        words = ["tfstyle", "train", name, "--name", name, "--data", "photos", *recipe.options]
        assert main._parse(words).painting == name
