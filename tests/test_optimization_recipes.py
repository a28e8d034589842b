import dataclasses
import json
import shutil

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
        assert (job.settings.features, job.settings.precision) == ("compact", "bfloat16")
        assert job.recipe["settings"]["features"] == "compact"

    def test_recipe(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png", "painting.png"], runs.settings(tiny, start="painting.png"))
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

    def test_a_stored_style_is_hashed_by_its_statistics(self, folder, tiny, monkeypatch):
        stored = {"waves": stylebook.StoredStyle("waves", "Waves", "Nobody", "1900", "abc", {})}
        monkeypatch.setattr(catalog, "load_all", lambda: stored)
        assert recipes.prepare("photo.png", ["waves"], runs.settings(tiny)).recipe["sha256"]["style 0"] == "abc"
        with pytest.raises(errors.InputError, match="no painting or style 'wave'.* one of waves"):
            recipes.prepare("photo.png", ["wave"], runs.settings(tiny))

    @pytest.mark.parametrize(
        ("content", "style", "changes", "message"),
        [
            ("nowhere.png", "painting.png", {}, r"nowhere\.png: cannot be read"),
            ("photo.png", "nowhere.png", {}, r"nowhere\.png: no such file"),
            ("photo.png", "painting.png", {"start": "nowhere.png"}, r"nowhere\.png: cannot be read"),
            ("photo.png", "painting.png", {"weights": "nowhere.npz"}, r"nowhere\.npz: no such weight file"),
        ],
    )
    def test_missing_files(self, folder, tiny, content, style, changes, message):
        with pytest.raises(errors.InputError, match=message):
            recipes.prepare(content, [style], dataclasses.replace(runs.settings(tiny), **changes))

    def test_run(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png"], runs.settings(tiny))
        run = job.start(job.photo())
        assert run.settings == job.settings
        assert isinstance(run.pyramid.styles[0], stylebook.Painting)
        assert isinstance(next(iter(run)).image, np.ndarray)
        assert tf.executing_eagerly()


class TestFromRecipe:
    def test_round_trip(self, folder, tiny):
        settings = runs.settings(tiny, strength=0.1 + 0.2, style_weights=(1.0, 2.5), seed=3, start="noise")
        job = recipes.prepare("photo.png", ["painting.png", "painting.png"], settings)
        assert recipes.from_recipe(through_a_picture(job)) == job

    def test_changes(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png"], runs.settings(tiny))
        changed = recipes.from_recipe(job.recipe, {"strength": 0.9, "size": 48})
        assert changed.settings == dataclasses.replace(job.settings, strength=0.9, size=48)
        assert changed.recipe["settings"]["strength"] == 0.9
        assert recipes.from_recipe(job.recipe, {"strength": job.settings.strength}) == job

    @pytest.mark.parametrize(("file", "name"), [("photo.png", "content"), ("painting.png", "style 0")])
    def test_changed_input(self, folder, tiny, file, name):
        job = recipes.prepare("photo.png", ["painting.png"], runs.settings(tiny))
        images.save_image(file, runs.photo(seed=99))
        with pytest.raises(errors.InputError, match=f"the recipe's {name} has changed since"):
            recipes.from_recipe(job.recipe)
        with pytest.raises(errors.InputError, match="has changed since"):
            recipes.from_recipe(job.recipe, {"strength": 0.9})

    def test_changed_weights(self, folder, tiny, tiny_weights):
        weights = runs.weights_file(folder, tiny_weights)
        job = recipes.prepare("photo.png", ["painting.png"], runs.settings(weights))
        runs.weights_file(folder, {**tiny_weights, "conv1_1/bias": tiny_weights["conv1_1/bias"] + 1})
        with pytest.raises(errors.InputError, match="the recipe's weights has changed since"):
            recipes.from_recipe(job.recipe)

    def test_missing_input(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png"], runs.settings(tiny))
        (folder / "photo.png").unlink()
        with pytest.raises(errors.InputError, match=r"recipe's content is missing: looked for photo\.png; put it"):
            recipes.from_recipe(job.recipe)

    @pytest.mark.parametrize(
        "change",
        [
            lambda recipe: recipe["settings"].update(new_setting=1),
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
        recipe = json.loads(json.dumps(recipes.prepare("photo.png", ["painting.png"], runs.settings(tiny)).recipe))
        recipe["tfstyle"] = "9.9"
        change(recipe)
        with pytest.raises(
            errors.InputError, match=f"by tfstyle 9.9 and cannot be reproduced with tfstyle {tfstyle.__version__}"
        ):
            recipes.from_recipe(recipe)

    def test_by_another_program(self):
        with pytest.raises(errors.InputError, match="by tfstyle another program"):
            recipes.from_recipe({})

    @pytest.mark.parametrize("value", [7, "much"])
    def test_value_out_of_range(self, folder, tiny, value):
        recipe = recipes.prepare("photo.png", ["painting.png"], runs.settings(tiny)).recipe
        recipe["settings"]["strength"] = value
        with pytest.raises(errors.InputError, match=f"strength is {value}: use 0 to 1"):
            recipes.from_recipe(recipe)

    def test_by_an_earlier_version_with_other_words_for_not_given(self, folder, tiny):
        job = recipes.prepare("photo.png", ["painting.png"], runs.settings(tiny, strength=0.3))
        recipe = through_a_picture(job)
        earlier = {"size": 0, "style_weights": [], "learning_rate": 0.0, "seed": 0, "variation_weight": -1.0}
        earlier |= {"content_weight": 0.0, "style_weight": 0.0, "threads": 0}
        recipe["settings"] |= earlier
        assert recipes.from_recipe(recipe) == job


class TestFilesThatMoved:
    """A picture's recipe holds bare names: others need not know where files lie on this machine."""

    def test_no_folders_are_stored(self, folder, tiny):
        (folder / "in").mkdir()
        for name in ("photo.png", "painting.png"):
            (folder / name).rename(folder / "in" / name)
        settings = runs.settings(tiny, start="in/painting.png")
        job = recipes.prepare(str(folder / "in" / "photo.png"), ["in/painting.png", "starry_night"], settings)
        bare = recipes.without_folders(job.recipe)
        assert (bare["content"], bare["style"]) == ("photo.png", ["painting.png", "starry_night"])
        assert (bare["settings"]["start"], bare["settings"]["weights"]) == ("painting.png", "tiny.npz")
        assert "/" not in json.dumps(bare)
        assert bare["sha256"] == job.recipe["sha256"]

    def moved(self, folder, tiny):
        """A picture in ``made``, with its inputs beside it."""
        job = recipes.prepare("photo.png", ["painting.png"], runs.settings(tiny))
        (folder / "made").mkdir()
        images.save_image("made/out.png", np.zeros((4, 4, 3)), recipe=recipes.without_folders(job.recipe))
        for name in ("photo.png", "painting.png"):
            (folder / name).rename(folder / "made" / name)
        shutil.copy(tiny, folder)
        return job

    def test_found_beside_the_picture(self, folder, tiny):
        job = self.moved(folder, tiny)
        found = recipes.from_picture("made/out.png")
        assert (found.content, found.styles) == ("made/photo.png", ("made/painting.png",))
        assert found.recipe["sha256"] == job.recipe["sha256"]

    def test_named_on_the_command_line(self, folder, tiny):
        self.moved(folder, tiny)
        for name in ("photo.png", "painting.png"):
            (folder / "made" / name).rename(folder / f"my-{name}")
        inputs = ["my-photo.png", "my-painting.png"]
        assert recipes.from_picture("made/out.png", inputs=inputs).content == "my-photo.png"
        with pytest.raises(errors.InputError, match=r"content is missing: looked for photo\.png, made/photo\.png; put"):
            recipes.from_picture("made/out.png")
        with pytest.raises(errors.InputError, match="the recipe has 1 styles"):
            recipes.from_picture("made/out.png", inputs=[*inputs, "my-painting.png"])

    def test_other_files_of_the_same_name_are_skipped(self, folder, tiny):
        self.moved(folder, tiny)
        images.save_image("photo.png", runs.photo(seed=99))
        assert recipes.from_picture("made/out.png").content == "made/photo.png"
