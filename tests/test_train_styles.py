"""The program that trains the shipped styles: stages, resumption, refusals."""

import json
import pathlib

import pytest
import scored

from tfstyle import stylebook
from train import recipes, styles

pytestmark = pytest.mark.slow  # Recipes are for maintainers.


def test_a_missing_folder_of_photos_is_refused_before_training(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["styles", "scream", "--data", "photos", "--photos", "nowhere"])
    monkeypatch.setattr(styles, "_tfstyle", lambda *words: pytest.fail(f"started {words}"))
    with pytest.raises(SystemExit):
        styles.main()
    assert "nowhere: there is no such folder" in capsys.readouterr().err


class TestStages:
    @pytest.fixture
    def train(self, tmp_path, monkeypatch):
        """Pretends to train and writes the cards; returns cards and commands."""
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
            cards = styles._train(
                recipe, stylebook.StyleFolder(tmp_path / "scream"), "photos", resume=resume, accelerated=accelerated
            )
            return cards, commands

        return train

    RECIPE = recipes.Recipe(("--steps 5", "--steps 7 --crop 192"), beginning="")

    def test_each_starts_from_the_previous_one(self, train, tmp_path):
        cards, (first, second) = train(self.RECIPE)
        assert cards == [{"words": 1}]
        assert "--begin-with" not in first
        assert first[first.index("-o") + 1] == second[second.index("--begin-with") + 1]
        assert second[second.index("-o") + 1] == str(tmp_path / "scream")
        assert "--steps 7 --crop 192" in " ".join(second)

    def test_finished_stages_are_not_repeated(self, train):
        train(self.RECIPE)
        cards, commands = train(self.RECIPE, resume=True)
        assert [command[-1] for command in commands] == ["--resume"]
        assert cards == [{"words": 1}]

    def test_an_accelerator_does_the_steps_of_each_stage(self, train):
        _, commands = train(self.RECIPE, accelerated=True)
        assert [command[0] for command in commands] == ["accelerator", "train"] * 2
        for steps, finish in (commands[:2], commands[2:]):
            assert [*steps[1:], "--resume"] == finish[1:]

    def test_starts_from_another_style(self, train, tmp_path):
        _, (command,) = train(recipes.Recipe(("--steps 5",), beginning="shipwreck"))
        assert command[command.index("--begin-with") + 1] == str(tmp_path / "shipwreck")

    def test_starts_from_its_part_of_the_joint_network(self, train, tmp_path):
        _, (command,) = train(recipes.Recipe(("--steps 5",)))
        beginning = pathlib.Path(command[command.index("--begin-with") + 1])
        assert (beginning / "network.weights.h5").stat().st_size > 0
        assert beginning.is_relative_to(tmp_path)


class TestLast:
    """A stage added to the recipe of a shipped style."""

    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        folder = scored.stored(tmp_path / "scream")
        (folder / "network.weights.h5").write_text("shipped")
        (folder / "card.json").write_text(json.dumps(scored.made(seed=2) | {"stages": [scored.made(seed=1)]}))
        monkeypatch.setattr(styles, "_FOLDER", tmp_path)
        monkeypatch.setitem(
            recipes.STYLES, "scream", recipes.Recipe(("--seed 1", "--seed 2", "--seed 3"), beginning="")
        )
        return folder

    @pytest.fixture
    def run(self, folder, monkeypatch):
        """Runs the program; trainings only log where they started, and a command may interrupt it."""
        commands = []

        def pretended(*words):
            words = list(map(str, words))
            commands.append(words[0])
            if words[0] == stop:
                raise KeyboardInterrupt
            if words[0] == "train" and not done(folder):
                before = pathlib.Path(words[words.index("--begin-with") + 1], "network.weights.h5").read_text()
                (folder / "network.weights.h5").write_text(f"{before}, {words[words.index('--seed') + 1]}")
                (folder / "card.json").write_text(json.dumps(scored.made(seed=3)))

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

    def test_starts_from_the_shipped_network(self, run, folder, monkeypatch):
        monkeypatch.setattr(styles, "_beginning", lambda *_: pytest.fail("needs no starting point"))
        assert run("--last") == ["train", "evaluate"]
        assert (folder / "network.weights.h5").read_text() == "shipped, 3"
        assert self.seeds(folder) == [1, 2, 3]
        assert not (folder / "training").exists()

    @pytest.mark.parametrize("command", ["train", "evaluate"])
    def test_an_interrupted_run_is_resumed(self, run, folder, capsys, command):
        with pytest.raises(KeyboardInterrupt):
            run("--last", stopping_at=command)
        with pytest.raises(SystemExit):
            run("--last")
        assert "continue it with --resume" in capsys.readouterr().err
        run("--resume")
        assert (folder / "network.weights.h5").read_text() == "shipped, 3"
        assert self.seeds(folder) == [1, 2, 3]

    @pytest.mark.parametrize("stages", [("--seed 1",), ("--seed 1", "--seed 2"), ("--seed 1",) * 4])
    def test_another_number_of_stages_is_refused(self, run, folder, capsys, monkeypatch, stages):
        monkeypatch.setitem(recipes.STYLES, "scream", recipes.Recipe(stages))
        with pytest.raises(SystemExit):
            run("--last")
        assert "add one stage to its recipe" in capsys.readouterr().err
        assert not (folder / "training").exists()

    def test_a_style_without_card_is_refused(self, run, folder, capsys):
        (folder / "card.json").unlink()
        with pytest.raises(SystemExit):
            run("--last")
        assert "its card does not have 2 stages" in capsys.readouterr().err
