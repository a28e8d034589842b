"""What the recipes name, and that the shipped networks were made by them."""

import dataclasses

import pytest

from tfstyle import config, stylebook
from train import recipes

pytestmark = pytest.mark.slow  # Recipes are for maintainers.


def test_recipes_are_of_stored_styles_and_accepted_by_the_command_line():
    from tfstyle.cli import main

    for name, recipe in recipes.STYLES.items():
        painting = recipe.painting or name
        assert painting in stylebook.load_all()
        for options in recipe.stages:
            words = ["tfstyle", "train", painting, "--name", name, "--data", "photos", *options.split()]
            assert main._parse(words).painting == painting


@pytest.mark.parametrize("name", recipes.STYLES)
def test_recipe_is_what_the_shipped_network_was_made_by(name):
    from tfstyle.cli import main, options

    card = stylebook.StyleFolder(stylebook.root() / name).read_card()
    made = [stage["settings"] for stage in (*card.get("stages", []), card)]
    stages = recipes.STYLES[name].stages
    assert len(stages) - len(made) in (0, 1)  # A new last stage may be still to be trained, with --last.
    for stage, settled in zip(stages, made, strict=False):
        words = ["tfstyle", "train", name, "--name", name, "--data", "photos", *stage.split()]
        asked = dataclasses.asdict(options.read_settings(main._parse(words), config.TrainingSettings))
        assert settled == {key: asked[key] for key in settled}
