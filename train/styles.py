"""Makes the shipped styles: ``python -m train.styles NAME --data FOLDER --photos FOLDER``.

Trains the network into ``saved_models/NAME`` (``--resume`` goes on with an interrupted training), scores it on photos
that it has not seen, and writes its model card. The Starry Night is trained from random weights, all others from its
network, which knows already how to keep a photo.
"""

import argparse
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys

from tfstyle import shipped

__all__ = ["STYLES", "Recipe", "card", "main"]

_FOLDER = pathlib.Path(__file__).parent.parent / "saved_models"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What differs from `settings.Training`'s defaults.

    Attributes:
        options: of ``tfstyle train``.
        begin_with: the shipped style whose network comes first; empty for random weights.
    """

    options: tuple[str, ...]
    begin_with: str = "starry_night"


_FIRST = ("--steps", "2600", "--finish", "0.06")
_NEXT = ("--steps", "700", "--learning-rate", "2e-3", "--finish", "0.06")
STYLES = {
    "starry_night": Recipe(_FIRST, begin_with=""),
    **dict.fromkeys(
        ("great_wave", "scream", "udnie", "composition_vii", "shipwreck", "wheat_field", "woman_with_a_hat"),
        Recipe(_NEXT),
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
    settings, median = made["settings"], scored["median"]
    beginning = "the network of starry_night" if made["beginning"] else "random weights"
    seconds = scored["latency"]["1024x768"]
    return f"""# {painting.title} ({painting.artist}, {painting.year})

![A cat in this style](preview.jpg)

A `{settings["network"]}` network that paints any photo in this style. The painting is in the public domain; \
the network and its statistics are offered under Apache-2.0, with thanks to K. Simonyan and A. Zisserman, \
through whose VGG-19 (CC BY 4.0) the loss looks.

| | |
| --- | --- |
| trained on | {made["data"][1]} photos ({made["data"][0]}), crops of {settings["crop"]} pixels, \
{settings["batch"]} per step |
| steps | {settings["steps"]}, from {beginning}, in {made["seconds"] / 60:.0f} minutes on two processor cores |
| loss | relative form, strength {settings["strength"]}, painting at {settings["style_size"]} pixels, \
through {settings["features"]}, \
the last {settings["finish"]:.0%} through vgg19 |
| make it again | `python -m train.styles {folder.name} --data PHOTOS --photos OTHER_PHOTOS` |

Scored by {scored["features"]} on {len(scored["photos"])} photos that it has not seen, {scored["size"]} pixels, medians:

| figure | value |
| --- | --- |
| worth so many L-BFGS iterations of the slow path | {median["iterations"]:.1f} ({scored["iterations"][0]:.1f} to \
{scored["iterations"][-1]:.1f}) |
| relative content loss, relative style loss (mean of five layers), weighted total | {median["content"]:.3f}, \
{median["style"]:.3f}, {median["total"]:.3f} |
| structure kept (SSIM) | {median["structure"]:.2f} |
| grid (dB above its surroundings), on flat grey | {median["checkerboard"]:.1f}, {scored["flat checkerboard"]:.1f} |
| frame (dB), saturation, largest blob (grey levels) | {median["frame"]:.1f}, {median["saturation"]:.3f}, \
{median["blobs"]:.0f} |
| seconds for 1024 x 768, SavedModel | {seconds["median"]:.3f} (95 %: {seconds["p95"]:.3f}) |
"""


def main() -> None:
    """Trains, scores, writes the card."""
    parser = argparse.ArgumentParser(prog="python -m train.styles", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=STYLES)
    parser.add_argument("--data", required=True, help="photos to train on")
    parser.add_argument("--photos", required=True, help="photos to score on")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    recipe, folder = STYLES[arguments.name], _FOLDER / arguments.name
    options = [*recipe.options, *(["--resume"] if arguments.resume else [])]
    if recipe.begin_with:
        options += ["--begin-with", recipe.begin_with]
    _tfstyle("train", arguments.name, "--name", arguments.name, "--data", arguments.data, "-o", folder, *options)
    shutil.rmtree(folder / "training")
    _tfstyle("evaluate", folder, "--photos", arguments.photos, "-o", folder / "evaluation.json")
    (folder / "README.md").write_text(card(folder))


def _tfstyle(*arguments: str | pathlib.Path) -> None:
    subprocess.run([sys.executable, "-m", "tfstyle.cli.main", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
