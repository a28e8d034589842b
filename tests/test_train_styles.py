"""The model card of a shipped style, and what the recipes name."""

import dataclasses
import json
import pathlib

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
    return stored(tmp_path / "scream")


def stored(folder):
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


def made(**changes):
    chosen = dataclasses.asdict(dataclasses.replace(settings.Training(), **changes))
    return {"train": "scream", "beginning": "abc", "data": ["photos", 3976], "settings": chosen, "seconds": 372}


def card_of(folder, made):
    (folder / "card.json").write_text(json.dumps(made))
    return styles.card(folder)


def test_card_tells_what_was_made_and_how_good_it_is(folder):
    card = card_of(folder, made(steps=400, features="vgg19"))
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
    last = {**made(features="vgg19", steps=30), "stages": [made(finish=0.25, crop=192, threads=1)]}
    monkeypatch.setitem(styles.STYLES, "alone", styles.Recipe(("--steps 30",), painting="scream", beginning=""))
    monkeypatch.setitem(styles.STYLES, "second", styles.Recipe(("--steps 30",), painting="scream", beginning="alone"))
    card = card_of(stored(tmp_path / "alone"), last)
    assert "| begins with | random weights |" in card
    assert "8000 of 192-pixel crops through compact, the last 25% through vgg19 (6 minutes on one p" in card
    assert "on one processor core); then 30 of 256-pixel crops" in card
    assert "the network of [alone](../alone)" in card_of(stored(tmp_path / "second"), last)


def test_card_tells_of_an_accelerator_and_of_another_batch(folder):
    quick = {**made(batch=12, steps=500, crop=224, features="vgg19"), "accelerator": "NVIDIA H200", "seconds": 38.4}
    assert "| steps | 500 of 12 x 224-pixel crops through vgg19 (38 seconds on NVIDIA H200) |" in card_of(folder, quick)


def test_recipes_are_of_stored_styles_and_accepted_by_the_command_line():
    from tfstyle.cli import main

    for name, recipe in styles.STYLES.items():
        painting = recipe.painting or name
        assert painting in shipped.load_all()
        for options in recipe.stages:
            words = ["tfstyle", "train", painting, "--name", name, "--data", "photos", *options.split()]
            assert main._parse(words).painting == painting


@pytest.mark.parametrize("name", styles.STYLES)
def test_recipe_is_what_the_shipped_network_was_made_by(name):
    from tfstyle.cli import main, options

    card = json.loads((shipped.models() / name / "card.json").read_text())
    made = [stage["settings"] for stage in (*card.get("stages", []), card)]
    for stage, settled in zip(styles.STYLES[name].stages, made, strict=True):
        words = ["tfstyle", "train", name, "--name", name, "--data", "photos", *stage.split()]
        asked = dataclasses.asdict(options.read_settings(main._parse(words), settings.Training))
        assert settled == {key: asked[key] for key in settled}


def test_photos_to_score_on_are_looked_for_before_the_training(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["styles", "scream", "--data", "photos", "--photos", "nowhere"])
    monkeypatch.setattr(styles, "_tfstyle", lambda *words: pytest.fail(f"started {words}"))
    with pytest.raises(SystemExit):
        styles.main()
    assert "nowhere: there is no such folder" in capsys.readouterr().err


class TestStages:
    @pytest.fixture
    def train(self, tmp_path, monkeypatch):
        """Trains nothing, but leaves what a training leaves; returns the commands."""
        commands = []

        def run(*words):
            words = list(map(str, words))
            commands.append(words)
            (pathlib.Path(words[words.index("-o") + 1]) / "card.json").write_text(json.dumps({"words": len(commands)}))

        monkeypatch.setattr(styles, "_tfstyle", run)
        monkeypatch.setattr(styles, "_accelerator", lambda *words: commands.append(["accelerator", *words]))
        monkeypatch.setattr(styles, "_FOLDER", tmp_path)

        def train(recipe, *, resume=False, accelerated=False):
            commands.clear()
            cards = styles._train(recipe, tmp_path / "scream", "photos", resume=resume, accelerated=accelerated)
            return cards, commands

        return train

    RECIPE = styles.Recipe(("--steps 5", "--steps 7 --crop 192"), beginning="")

    def test_each_begins_with_the_one_before(self, train, tmp_path):
        cards, (first, second) = train(self.RECIPE)
        assert cards == [{"words": 1}]
        assert "--begin-with" not in first
        assert first[first.index("-o") + 1] == second[second.index("--begin-with") + 1]
        assert second[second.index("-o") + 1] == str(tmp_path / "scream")
        assert "--steps 7 --crop 192" in " ".join(second)

    def test_what_is_done_is_not_done_again(self, train):
        train(self.RECIPE)
        cards, commands = train(self.RECIPE, resume=True)
        assert [command[-1] for command in commands] == ["--resume"]
        assert cards == [{"words": 1}]

    def test_an_accelerator_does_the_steps_of_each(self, train):
        _, commands = train(self.RECIPE, accelerated=True)
        assert [command[0] for command in commands] == ["accelerator", "train"] * 2
        for steps, finish in (commands[:2], commands[2:]):
            assert [*steps[1:], "--resume"] == finish[1:]

    def test_begins_with_another_style(self, train, tmp_path):
        _, (command,) = train(styles.Recipe(("--steps 5",), beginning="shipwreck"))
        assert command[command.index("--begin-with") + 1] == str(tmp_path / "shipwreck")

    def test_begins_with_its_part_of_the_common_network(self, train, tmp_path):
        _, (command,) = train(styles.Recipe(("--steps 5",)))
        beginning = pathlib.Path(command[command.index("--begin-with") + 1])
        assert (beginning / "network.weights.h5").stat().st_size > 0
        assert beginning.is_relative_to(tmp_path)


class TestLast:
    """A stage added to a recipe, for a style that is shipped."""

    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        folder = stored(tmp_path / "scream")
        (folder / "network.weights.h5").write_text("shipped")
        (folder / "card.json").write_text(json.dumps(made(seed=2) | {"stages": [made(seed=1)]}))
        monkeypatch.setattr(styles, "_FOLDER", tmp_path)
        monkeypatch.setitem(styles.STYLES, "scream", styles.Recipe(("--seed 1", "--seed 2", "--seed 3"), beginning=""))
        return folder

    @pytest.fixture
    def run(self, folder, monkeypatch):
        """Runs the program, whose trainings only note what they began with; may stop it at a command."""
        commands = []

        def pretended(*words):
            words = list(map(str, words))
            commands.append(words[0])
            if words[0] == stop:
                raise KeyboardInterrupt
            if words[0] == "train" and not done(folder):
                before = pathlib.Path(words[words.index("--begin-with") + 1], "network.weights.h5").read_text()
                (folder / "network.weights.h5").write_text(f"{before}, {words[words.index('--seed') + 1]}")
                (folder / "card.json").write_text(json.dumps(made(seed=3)))

        def done(folder):  # As `tfstyle train --resume` finds out.
            return json.loads((folder / "card.json").read_text())["settings"]["seed"] == 3

        stop = ""

        def run(*options, stopping_at=""):
            nonlocal stop
            stop = stopping_at
            commands.clear()
            words = ["styles", "scream", "--data", "photos", "--photos", str(folder), *options]
            monkeypatch.setattr("sys.argv", words)
            styles.main()
            return commands

        monkeypatch.setattr(styles, "_tfstyle", pretended)
        return run

    def seeds(self, folder):
        card = json.loads((folder / "card.json").read_text())
        return [stage["settings"]["seed"] for stage in (*card["stages"], card)]

    def test_begins_with_the_shipped_network(self, run, folder, monkeypatch):
        monkeypatch.setattr(styles, "_beginning", lambda *_: pytest.fail("nobody needs the first stage's beginning"))
        assert run("--last") == ["train", "evaluate"]
        assert (folder / "network.weights.h5").read_text() == "shipped, 3"
        assert self.seeds(folder) == [1, 2, 3]
        assert not (folder / "training").exists()

    @pytest.mark.parametrize("command", ["train", "evaluate"])
    def test_interrupted_it_is_gone_on_with(self, run, folder, capsys, command):
        with pytest.raises(KeyboardInterrupt):
            run("--last", stopping_at=command)
        with pytest.raises(SystemExit):
            run("--last")
        assert "go on with --resume" in capsys.readouterr().err
        run("--resume")
        assert (folder / "network.weights.h5").read_text() == "shipped, 3"
        assert self.seeds(folder) == [1, 2, 3]

    @pytest.mark.parametrize("stages", [("--seed 1",), ("--seed 1", "--seed 2"), ("--seed 1",) * 4])
    def test_a_network_of_another_number_of_stages_is_refused(self, run, folder, capsys, monkeypatch, stages):
        monkeypatch.setitem(styles.STYLES, "scream", styles.Recipe(stages))
        with pytest.raises(SystemExit):
            run("--last")
        assert "add one to its recipe" in capsys.readouterr().err
        assert not (folder / "training").exists()

    def test_nor_does_one_that_was_never_trained_serve(self, run, folder, capsys):
        (folder / "card.json").unlink()
        with pytest.raises(SystemExit):
            run("--last")
        assert "its card does not tell of 2 stages" in capsys.readouterr().err
