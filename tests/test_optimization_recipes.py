import dataclasses
import json

import numpy as np
import pytest
import runs
import tensorflow as tf

import tfstyle
from tfstyle import config, errors, files, images, runtime, stylebook
from tfstyle.optimization import recipes
from tfstyle.stylebook import catalog


def through_a_picture(job):
    images.save_image("out.png", np.zeros((4, 4, 3)), recipe=job.recipe)
    return images.load_recipe("out.png")


class TestPrepare:
    def test_nothing_stays_automatic(self, folder, monkeypatch):
        monkeypatch.setenv("KERAS_HOME", str(folder))
        monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
        monkeypatch.setattr(runtime, "fast_bfloat16", lambda: True)
        job = recipes.prepare("photo.png", ["painting.png"], config.Settings())
        assert (job.chosen.features, job.chosen.precision) == ("compact", "bfloat16")
        assert job.recipe["settings"]["features"] == "compact"

    def test_recipe(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png", "painting.png"], runs.chosen(tiny, start="painting.png"))
        assert job.recipe["tfstyle"] == tfstyle.__version__
        assert (job.recipe["content"], job.recipe["style"]) == ("photo.png", ["painting.png", "painting.png"])
        painting = files.digest("painting.png")
        assert job.recipe["sha256"] == {
            "content": files.digest("photo.png"),
            "style 0": painting,
            "style 1": painting,
            "start": painting,
            "weights": files.digest(tiny),
        }
        assert set(job.recipe["settings"]) == {field.name for field in dataclasses.fields(config.Settings)}
        assert json.loads(json.dumps(job.recipe)) == job.recipe

    def test_stored_style_counts_by_its_statistics(self, folder, tiny, monkeypatch):
        stored = {"waves": stylebook.StoredStyle("waves", "Waves", "Nobody", "1900", "abc", {})}
        monkeypatch.setattr(catalog, "load_all", lambda: stored)
        assert recipes.prepare("photo.png", ["waves"], runs.chosen(tiny)).recipe["sha256"]["style 0"] == "abc"
        with pytest.raises(errors.InputError, match="no painting or style 'wave'.* one of waves"):
            recipes.prepare("photo.png", ["wave"], runs.chosen(tiny))

    @pytest.mark.parametrize(
        ("content", "style", "changes", "message"),
        [
            ("nowhere.png", "painting.png", {}, r"nowhere\.png: cannot be read"),
            ("photo.png", "nowhere.png", {}, r"nowhere\.png: no such file"),
            ("photo.png", "painting.png", {"start": "nowhere.png"}, r"nowhere\.png: cannot be read"),
            ("photo.png", "painting.png", {"weights": "nowhere.npz"}, r"nowhere\.npz: no such file of weights"),
        ],
    )
    def test_missing_files(self, folder, tiny, content, style, changes, message):
        with pytest.raises(errors.InputError, match=message):
            recipes.prepare(content, [style], dataclasses.replace(runs.chosen(tiny), **changes))

    def test_run(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png"], runs.chosen(tiny))
        run = job.start(job.photo())
        assert run.settings == job.chosen
        assert isinstance(run.problem.styles[0], stylebook.Painting)
        assert isinstance(next(iter(run)).image, np.ndarray)
        assert tf.executing_eagerly()


class TestFromRecipe:
    def test_round_trip(self, folder, tiny):
        chosen = runs.chosen(tiny, strength=0.1 + 0.2, style_weights=(1.0, 2.5), seed=3, start="noise")
        job = recipes.prepare("photo.png", ["painting.png", "painting.png"], chosen)
        assert recipes.from_recipe(through_a_picture(job)) == job

    def test_changes(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png"], runs.chosen(tiny))
        changed = recipes.from_recipe(job.recipe, {"strength": 0.9, "seed": 4})
        assert changed.chosen == dataclasses.replace(job.chosen, strength=0.9, seed=4)
        assert changed.recipe["settings"]["strength"] == 0.9
        assert recipes.from_recipe(job.recipe, {"strength": job.chosen.strength}) == job

    @pytest.mark.parametrize(("file", "name"), [("photo.png", "content"), ("painting.png", "style 0")])
    def test_changed_input(self, folder, tiny, file, name):
        job = recipes.prepare("photo.png", ["painting.png"], runs.chosen(tiny))
        images.save_image(file, runs.photo(seed=99))
        with pytest.raises(errors.InputError, match=f"the recipe's {name} has changed since"):
            recipes.from_recipe(job.recipe)
        with pytest.raises(errors.InputError, match="has changed since"):
            recipes.from_recipe(job.recipe, {"strength": 0.9})

    def test_changed_weights(self, folder, tiny, tiny_weights):
        weights = runs.weights_file(folder, tiny_weights)
        job = recipes.prepare("photo.png", ["painting.png"], runs.chosen(weights))
        runs.weights_file(folder, {**tiny_weights, "conv1_1/bias": tiny_weights["conv1_1/bias"] + 1})
        with pytest.raises(errors.InputError, match="the recipe's weights has changed since"):
            recipes.from_recipe(job.recipe)

    def test_missing_input(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png"], runs.chosen(tiny))
        (folder / "photo.png").unlink()
        with pytest.raises(errors.InputError, match=r"photo\.png: cannot be read"):
            recipes.from_recipe(job.recipe)

    @pytest.mark.parametrize(
        "change",
        [
            lambda recipe: recipe["settings"].update(new_setting=1),
            lambda recipe: recipe["settings"].update(strength="much"),
            lambda recipe: recipe.update(settings=3),
            lambda recipe: recipe.update(sha256=3),
            lambda recipe: recipe.update(style=None),
            lambda recipe: recipe.pop("settings"),
            lambda recipe: recipe.pop("content"),
            lambda recipe: recipe.pop("style"),
            lambda recipe: recipe.pop("sha256"),
        ],
    )
    def test_by_another_version(self, folder, tiny, change):
        recipe = json.loads(json.dumps(recipes.prepare("photo.png", ["painting.png"], runs.chosen(tiny)).recipe))
        recipe["tfstyle"] = "9.9"
        change(recipe)
        with pytest.raises(errors.InputError, match=f"by tfstyle 9.9, this is {tfstyle.__version__}"):
            recipes.from_recipe(recipe)

    def test_by_another_program(self):
        with pytest.raises(errors.InputError, match="by tfstyle another program"):
            recipes.from_recipe({})

    def test_value_out_of_range(self, folder, tiny):
        recipe = recipes.prepare("photo.png", ["painting.png"], runs.chosen(tiny)).recipe
        recipe["settings"]["strength"] = 7
        with pytest.raises(errors.InputError, match="strength is 7"):
            recipes.from_recipe(recipe)
