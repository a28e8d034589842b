"""Trains a shipped style: ``python -m train.styles NAME --data FOLDER --photos FOLDER``.

Trains the network into ``saved_models/NAME`` in the stages of its recipe, evaluates it on other photos, and writes its
model card. ``--last`` adds a new last stage to the shipped network, ``--resume`` continues an interrupted run, and
``--accelerator`` does the steps on a GPU (`accelerator`).
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

from tfstyle import stylebook
from train import cards, recipes

__all__ = ["main"]

_FOLDER = pathlib.Path(__file__).parent.parent / "saved_models"


def main() -> None:
    """Trains, evaluates, writes the card."""
    parser = argparse.ArgumentParser(prog="python -m train.styles", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=recipes.STYLES)
    parser.add_argument("--data", required=True, help="photos to train on")
    parser.add_argument("--photos", required=True, help="other photos, to evaluate on")
    parser.add_argument("--resume", action="store_true", help="continue an interrupted run")
    parser.add_argument("--accelerator", action="store_true", help="do the steps on a GPU with Keras' JAX backend")
    parser.add_argument(
        "--last", action="store_true", help="only the recipe's last stage, starting from the shipped network"
    )
    arguments = parser.parse_args()
    if not pathlib.Path(arguments.photos).is_dir():
        parser.error(f"{arguments.photos}: there is no such folder of photos to evaluate on")
    recipe, folder = recipes.STYLES[arguments.name], stylebook.StyleFolder(_FOLDER / arguments.name)
    if arguments.last and folder.training.exists():
        parser.error(f"{folder.training}: a training was interrupted: continue it with --resume, or delete that folder")
    if arguments.last and not _lay_out(recipe, folder):
        parser.error(f"{folder}: its card does not have {len(recipe.stages) - 1} stages: add one stage to its recipe")
    resume, accelerated = arguments.resume or arguments.last, arguments.accelerator
    earlier = _train(recipe, folder, arguments.data, resume=resume, accelerated=accelerated)
    folder.write_card({**folder.read_card(), "stages": earlier})
    _tfstyle("evaluate", folder, "--photos", arguments.photos, "--size", "256", "512", "-o", folder.evaluation)
    folder.model_card.write_text(cards.card(folder))
    shutil.rmtree(folder.training)


def _lay_out(recipe: recipes.Recipe, folder: stylebook.StyleFolder) -> bool:
    """Puts the shipped network and all cards where the earlier stages would have left theirs."""
    made = folder.read_card() if folder.card.exists() else {}
    stages = [*made.pop("stages", []), made] if made else []
    if not stages or len(stages) != len(recipe.stages) - 1:
        return False
    for number, each in enumerate(stages, start=1):
        result = _stage(folder, number)
        result.path.mkdir(parents=True)
        result.write_card(each)
    shutil.copy(folder.weights, result)
    return True


def _stage(folder: stylebook.StyleFolder, number: int) -> stylebook.StyleFolder:
    return stylebook.StyleFolder(folder.training / f"stage-{number}")


def _train(
    recipe: recipes.Recipe, folder: stylebook.StyleFolder, data: str, *, resume: bool, accelerated: bool
) -> list[dict[str, Any]]:
    """Trains all stages, the last one into the folder; returns the cards of the earlier ones."""
    before, earlier = None, list[dict[str, Any]]()
    for number, options in enumerate(recipe.stages, start=1):
        last = number == len(recipe.stages)
        result = folder if last else _stage(folder, number)
        if last or not (resume and result.card.exists()):
            if number == 1:  # Later stages start from the previous one, which may be done already.
                before = _beginning(recipe, folder)
            words = [recipe.painting or folder.name, "--name", folder.name, "--data", data, "-o", str(result)]
            words += ["--overwrite", *options.split(), *(["--begin-with", str(before)] if before else [])]
            result.path.mkdir(parents=True, exist_ok=True)
            if accelerated:
                _accelerator(*words, *(["--resume"] if resume else []))
            _tfstyle("train", *words, *(["--resume"] if resume or accelerated else []))
        before = result.path
        if not last:
            earlier.append(result.read_card())
    return earlier


def _beginning(recipe: recipes.Recipe, folder: stylebook.StyleFolder) -> pathlib.Path | None:
    """Returns a folder with the network to start from: another style's, or one extracted for this training."""
    from train import beginning  # noqa: PLC0415 - loads Keras

    if recipe.beginning != recipes.COMMON:
        return _FOLDER / recipe.beginning if recipe.beginning else None
    result = stylebook.StyleFolder(folder.training / "beginning")
    if not result.path.exists():  # A resumed training must find the same file.
        place = recipes.PAINTINGS.index(recipe.place or folder.name)
        beginning.extract(beginning.FILE, place, len(recipes.PAINTINGS), result.weights)
    return result.path


def _accelerator(*arguments: str) -> None:
    command = [sys.executable, "-m", "train.accelerator", *arguments]
    subprocess.run(command, check=True)


def _tfstyle(*arguments: str | os.PathLike[str]) -> None:
    subprocess.run([sys.executable, "-m", "tfstyle.cli.main", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
