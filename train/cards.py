"""Model cards: what a shipped style was made of, and how good it is, for people to read."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tfstyle import config, stylebook
from train import recipes

__all__ = ["card"]


def card(folder: stylebook.StyleFolder) -> str:
    """The model card of a trained and scored style, Markdown.

    Args:
        folder: of the style, with card, evaluation and statistics.

    Returns:
        The text.
    """
    made, scored = folder.read_card(), json.loads(folder.evaluation.read_text())
    painting = stylebook.StoredStyle.open(folder.statistics, folder.name)
    chosen, sizes = made["settings"], scored["sizes"]
    beginning = _beginning_of(recipes.STYLES[folder.name])
    stages = [*made.get("stages", []), made]
    first = next(iter(sizes.values()))
    rows = "\n".join(f"| {title} | {' | '.join(map(show, sizes.values()))} |" for title, show in _FIGURES)
    speeds = "\n".join(
        f"| {size} | {each['median']:.3f} (95 %: {each['p95']:.3f}) | {each['memory'] / 2**20:.0f} |"
        for size, each in scored["speed"].items()
    )
    return f"""# {painting.title} ({painting.artist}, {painting.year})

![A cat in this style]({folder.preview.name})

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


def _beginning_of(recipe: recipes.Recipe) -> str:
    if recipe.beginning in recipes.STYLES:
        return f"the network of [{recipe.beginning}](../{recipe.beginning})"
    return f"{recipes.COMMON}, as {recipe.place}" if recipe.place else recipe.beginning or "random weights"


def _stage(made: Mapping[str, Any]) -> str:
    chosen = made["settings"]
    last = made.get("last network", "vgg19")  # Cards without it are of trainings with both networks at hand.
    finish = f", the last {chosen['finish']:.0%} through {last}" if last != chosen["features"] else ""
    cores = "one processor core" if chosen["threads"] == 1 else "two processor cores"
    batch = f"{chosen['batch']} x " if chosen["batch"] != config.TrainingSettings.batch else ""
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
