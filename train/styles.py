"""Makes the shipped styles: ``python -m train.styles NAME --data FOLDER --photos FOLDER``.

Trains the network into ``saved_models/NAME``, in stages, scores it on photos that it has not seen, and writes its model
card. ``--last`` makes the shipped network better by a stage that was added to its recipe; ``--resume`` goes on with
whatever was interrupted; ``--accelerator`` has a GPU do the steps, by `accelerator`.

Most begin as `beginning` has them, which has learned all paintings at once; what is left is a stretch for one alone,
through VGG-19.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tfstyle import settings, shipped, stylizer

__all__ = ["COMMON", "PAINTINGS", "STYLES", "Recipe", "card", "main"]

COMMON = "a network that had learned eight paintings at once"

_FOLDER = pathlib.Path(__file__).parent.parent / "saved_models"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        stages: options of ``tfstyle train``, in place of `settings.Training`'s defaults; each stage begins with the
            network of the one before.
        painting: a stored style; its own name if empty.
        beginning: `COMMON`, another shipped style, or empty for random weights.
        place: the style as which the common network begins; its own name if empty.
    """

    stages: tuple[str, ...]
    painting: str = ""
    beginning: str = COMMON
    place: str = ""


PAINTINGS = (
    "starry_night",
    "great_wave",
    "scream",
    "udnie",
    "composition_vii",
    "shipwreck",
    "wheat_field",
    "woman_with_a_hat",
)
"""What the common network has learned, in this order."""

_FIRST = "--steps 400 --learning-rate 2e-3 --features vgg19"


def _more(steps: int, rate: str = "4e-3", options: str = "", strength: float = 0.4) -> str:
    chosen = f"--strength {strength} --steps {steps} --crop 192 --learning-rate {rate} --features vgg19"
    return f"{chosen} {options}".rstrip()


def _quick(steps: int, rate: str, seed: int, strength: float) -> str:
    """Of thousands of steps, for a GPU: as many pixels a step as keep one busy."""
    chosen = f"--strength {strength} --steps {steps} --crop 224 --batch 12 --learning-rate {rate}"
    return f"{chosen} --features vgg19 --precision bfloat16 --seed {seed}"


_JOHNSON = "--network johnson --crop 192"
STYLES = {
    "starry_night": Recipe(
        (_FIRST, _more(1500), _more(600, "2e-3"), _more(500, strength=0.5), _quick(3500, "5e-3", 107, 0.5))
    ),
    "great_wave": Recipe(
        (
            _FIRST,
            _more(800),
            _more(3200, "5e-3", "--seed 12 --threads 1"),
            _more(450, options="--seed 71 --threads 1", strength=0.45),
        )
    ),
    "scream": Recipe((_FIRST,)),
    "udnie": Recipe(
        (
            _FIRST,
            _more(800),
            _more(3200, "5e-3", "--seed 11 --threads 1"),
            _more(3200, "5e-3", "--seed 41 --threads 1"),
            _quick(8500, "5e-3", 104, 0.45),
            _more(150, "2e-3", "--seed 222 --threads 1", strength=0.43),
            _more(60, "1e-3", "--seed 225 --threads 1 --border-weight 10", strength=0.43),
        )
    ),
    "composition_vii": Recipe(
        (
            _FIRST,
            _more(500, options="--seed 1", strength=0.5),
            _more(350, options="--seed 2"),
            _more(2600, "5e-3", "--seed 14 --threads 1"),
        )
    ),
    "shipwreck": Recipe((_FIRST,)),
    "wheat_field": Recipe(
        (
            _FIRST,
            _more(800, strength=0.5),
            _more(450, options="--seed 1"),
            _more(240, "3e-3", "--seed 2", strength=0.45),
            _quick(3000, "5e-3", 108, 0.45),
        )
    ),
    "portrait": Recipe(
        (
            _more(1200),
            _more(3200, "5e-3", "--seed 13 --threads 1"),
            _more(2000, "5e-3", "--seed 75 --threads 1", strength=0.5),
        ),
        place="woman_with_a_hat",
    ),
    "scream_johnson": Recipe(
        (
            f"{_JOHNSON} --steps 2400 --finish 0.35",
            f"{_JOHNSON} --steps 500 --learning-rate 2e-3 --features vgg19",
            f"{_JOHNSON} --steps 450 --learning-rate 4e-3 --features vgg19 --grid-weight 30000",
            _more(500, "3e-3", "--network johnson"),
        ),
        painting="scream",
        beginning="",
    ),
    "shipwreck_johnson": Recipe(
        (
            f"{_JOHNSON} --steps 1200 --learning-rate 4e-3 --finish 0.6",
            f"{_JOHNSON} --steps 500 --learning-rate 2e-3 --features vgg19 --grid-weight 30000",
            _more(800, options="--network johnson"),
            _more(300, "3e-3", "--network johnson"),
            _more(300, "3e-3", "--network johnson"),
        ),
        painting="shipwreck",
        beginning="scream_johnson",
    ),
}


def card(folder: pathlib.Path) -> str:
    """The model card of a trained and scored style, Markdown.

    Args:
        folder: with ``card.json``, ``evaluation.json`` and the painting's statistics.

    Returns:
        The text.
    """
    made, scored = (json.loads((folder / name).read_text()) for name in ("card.json", "evaluation.json"))
    painting = shipped.read(folder.name, (folder / shipped.STATISTICS).read_bytes())
    chosen, sizes = made["settings"], scored["sizes"]
    beginning = _beginning_of(STYLES[folder.name])
    stages = [*made.get("stages", []), made]
    first = next(iter(sizes.values()))
    rows = "\n".join(f"| {title} | {' | '.join(map(show, sizes.values()))} |" for title, show in _FIGURES)
    speeds = "\n".join(
        f"| {size} | {each['median']:.3f} (95 %: {each['p95']:.3f}) | {each['memory'] / 2**20:.0f} |"
        for size, each in scored["speed"].items()
    )
    return f"""# {painting.title} ({painting.artist}, {painting.year})

![A cat in this style](preview.jpg)

A `{chosen["network"]}` network that paints any photo in this style. The painting is in the public domain; \
the network and its statistics are offered under Apache-2.0, with thanks to K. Simonyan and A. Zisserman, \
through whose VGG-19 (CC BY 4.0) the loss looks.

| | |
| --- | --- |
| trained on | {made["data"][1]} photos ({made["data"][0]}), {chosen["batch"]} per step |
| begins with | {beginning} |
| steps | {"; then ".join(map(_stage, stages))} |
| loss | relative form, strength {chosen["strength"]}, painting at {chosen["style_size"]} pixels |
| make it again | `python -m train.styles {folder.name} --data PHOTOS --photos OTHER_PHOTOS` |

Scored by {scored["features"]} on {len(first["photos"])} photos that it has not seen, medians:

| figure | {" | ".join(f"{size} pixels" for size in sizes)} |
| --- |{" --- |" * len(sizes)}
{rows}

On a flat grey picture the grid is {scored["flat checkerboard"]:.1f} dB.

| picture | seconds, SavedModel | MB in use at most, TensorFlow and all |
| --- | --- | --- |
{speeds}
"""


def _beginning_of(recipe: Recipe) -> str:
    if recipe.beginning in STYLES:
        return f"the network of [{recipe.beginning}](../{recipe.beginning})"
    return f"{COMMON}, as {recipe.place}" if recipe.place else recipe.beginning or "random weights"


def _stage(made: Mapping[str, Any]) -> str:
    chosen = made["settings"]
    last = made.get("last network", "vgg19")  # Cards without it are of trainings with both networks at hand.
    finish = f", the last {chosen['finish']:.0%} through {last}" if last != chosen["features"] else ""
    cores = "one processor core" if chosen["threads"] == 1 else "two processor cores"
    batch = f"{chosen['batch']} x " if chosen["batch"] != settings.Training.batch else ""
    return (
        f"{chosen['steps']} of {batch}{chosen['crop']}-pixel crops through {chosen['features']}{finish} "
        f"({_time(made['seconds'])} on {made.get('accelerator', cores)})"
    )


def _time(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _iterations(scored: Mapping[str, Any]) -> str:
    least, *_, most = scored["iterations"]
    return f"{scored['median']['iterations']:.1f} ({least:.1f} to {most:.1f})"


def _medians(*names: str, digits: int) -> Callable[[Mapping[str, Any]], str]:
    return lambda scored: ", ".join(f"{scored['median'][name]:.{digits}f}" for name in names)


_FIGURES: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("worth so many L-BFGS iterations of the slow path", _iterations),
    (
        "relative content loss, relative style loss (mean of five layers), weighted total",
        _medians("content", "style", "total", digits=3),
    ),
    ("structure kept (SSIM)", _medians("structure", digits=2)),
    ("grid, frame (dB above their surroundings)", _medians("checkerboard", "frame", digits=1)),
    ("saturation (share more than in the photo)", _medians("saturation", digits=3)),
    ("largest blob (grey levels)", _medians("blobs", digits=0)),
)


def main() -> None:
    """Trains, scores, writes the card."""
    parser = argparse.ArgumentParser(prog="python -m train.styles", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=STYLES)
    parser.add_argument("--data", required=True, help="photos to train on")
    parser.add_argument("--photos", required=True, help="photos to score on")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    parser.add_argument("--accelerator", action="store_true", help="do the steps on a GPU, by Keras' JAX backend")
    parser.add_argument(
        "--last", action="store_true", help="the recipe's last stage only, from the shipped network as it is"
    )
    arguments = parser.parse_args()
    if not pathlib.Path(arguments.photos).is_dir():
        parser.error(f"{arguments.photos}: there is no such folder of photos to score on")
    recipe, folder = STYLES[arguments.name], _FOLDER / arguments.name
    if arguments.last and (folder / "training").exists():
        parser.error(f"{folder / 'training'}: a training was interrupted: go on with --resume, or delete that folder")
    if arguments.last and not _lay_out(recipe, folder):
        parser.error(f"{folder}: its card does not tell of {len(recipe.stages) - 1} stages: add one to its recipe")
    resume, accelerated = arguments.resume or arguments.last, arguments.accelerator
    earlier = _train(recipe, folder, arguments.data, resume=resume, accelerated=accelerated)
    made = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**made, "stages": earlier}, indent=1) + "\n")
    _tfstyle("evaluate", folder, "--photos", arguments.photos, "--size", "256", "512", "-o", folder / "evaluation.json")
    (folder / "README.md").write_text(card(folder))
    shutil.rmtree(folder / "training")


def _lay_out(recipe: Recipe, folder: pathlib.Path) -> bool:
    """Puts the shipped network where the last stage but one leaves its own, and all cards where theirs are."""
    file = folder / "card.json"
    made = json.loads(file.read_text()) if file.exists() else {}
    cards = [*made.pop("stages", []), made] if made else []
    if not cards or len(cards) != len(recipe.stages) - 1:
        return False
    for number, each in enumerate(cards, start=1):
        result = folder / "training" / f"stage-{number}"
        result.mkdir(parents=True)
        (result / "card.json").write_text(json.dumps(each))
    shutil.copy(folder / stylizer.WEIGHTS, result)
    return True


def _train(
    recipe: Recipe, folder: pathlib.Path, data: str, *, resume: bool, accelerated: bool = False
) -> list[dict[str, Any]]:
    """Trains all stages, the last one into the folder; the cards of those before."""
    before, cards = None, list[dict[str, Any]]()
    for number, options in enumerate(recipe.stages, start=1):
        last = number == len(recipe.stages)
        result = folder if last else folder / "training" / f"stage-{number}"
        if last or not (resume and (result / "card.json").exists()):
            if number == 1:  # Later ones begin with the stage before, which may be done already.
                before = _beginning(recipe, folder)
            words = [recipe.painting or folder.name, "--name", folder.name, "--data", data, "-o", str(result)]
            words += [*options.split(), *(["--begin-with", str(before)] if before else [])]
            result.mkdir(parents=True, exist_ok=True)
            if accelerated:
                _accelerator(*words, *(["--resume"] if resume else []))
            _tfstyle("train", *words, *(["--resume"] if resume or accelerated else []))
        before = result
        if not last:
            cards.append(json.loads((result / "card.json").read_text()))
    return cards


def _beginning(recipe: Recipe, folder: pathlib.Path) -> pathlib.Path | None:
    """A folder with the network to begin with: another style's, or one among the training's own files."""
    from train import beginning  # noqa: PLC0415 - loads Keras

    if recipe.beginning != COMMON:
        return _FOLDER / recipe.beginning if recipe.beginning else None
    result = folder / "training" / "beginning"
    if not result.exists():  # A resumed training is to find the same file.
        place = PAINTINGS.index(recipe.place or folder.name)
        beginning.extract(beginning.FILE, place, len(PAINTINGS), result / stylizer.WEIGHTS)
    return result


def _accelerator(*arguments: str) -> None:
    command = [sys.executable, "-m", "train.accelerator", *arguments]
    subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "jax"}, check=True)


def _tfstyle(*arguments: str | pathlib.Path) -> None:
    subprocess.run([sys.executable, "-m", "tfstyle.cli.main", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
