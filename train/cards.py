"""Model cards of the shipped styles: how each was trained and how good it is."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tfstyle import config, stylebook, weave
from train import recipes

__all__ = ["card"]

Figures: TypeAlias = Mapping[str, Any]

_TEMPLATE = """# {title} ({artist}, {year})

![A photo of a cat in this style]({preview})

A `{network}` network that paints any photo in the style of this painting, which is in the public domain. The network
and the painting's statistics are licensed under Apache-2.0. The loss network was VGG-19 by K. Simonyan and
A. Zisserman (CC BY 4.0).

## Training

| | |
| --- | --- |
| data | {photos} photos (`{data}`), {batch} per step in the last stage |
| starting point | {beginning} |
| training stages | {stages} |
| loss | relative form, strength {strength}, painting at {style_size} pixels (last stage) |
| command | `python -m train.styles {name} --data PHOTOS --photos OTHER_PHOTOS` |

## Quality

Medians over {count} photos that were not used in training, scored with {features}.

| measure | {sizes} |
| --- |{dashes}
{quality}

{smooth}

## Speed

| picture | seconds with the SavedModel, median (95th percentile) | peak memory of the process, MB |
| --- | --- | --- |
{speed}
"""


def card(folder: stylebook.StyleFolder) -> str:
    """Writes the model card of a trained and evaluated style.

    Args:
        folder: of the style, with card, evaluation and statistics.

    Returns:
        The card in Markdown.

    Raises:
        InputError: the card or the statistics are damaged.
    """
    made, scored = folder.read_card(), json.loads(folder.evaluation.read_text())
    painting = stylebook.StoredStyle.open(folder.statistics, folder.name)
    about = {"title": painting.title, "artist": painting.artist, "year": painting.year, "name": folder.name}
    return _TEMPLATE.format(**about, preview=folder.preview.name, **_training(folder.name, made), **_quality(scored))


def _training(name: str, made: Figures) -> dict[str, Any]:
    settings, (data, photos) = made["settings"], made["data"]
    stages = "; then ".join(_stage(each) for each in (*made.get("stages", []), made))
    chosen = {key: settings[key] for key in ("network", "batch", "strength", "style_size")}
    beginning = _beginning(recipes.STYLES[name])
    return {**chosen, "photos": photos, "data": data, "beginning": beginning, "stages": stages}


def _quality(scored: Figures) -> dict[str, Any]:
    sizes = scored["sizes"]
    rows = (f"| {title} | {' | '.join(map(show, sizes.values()))} |" for title, show in _FIGURES)
    speed = (
        f"| {size} | {each['median']:.3f} ({each['p95']:.3f}) | {each['memory'] / 2**20:.0f} |"
        for size, each in scored["speed"].items()
    )
    return {
        "features": scored["features"],
        "count": len(next(iter(sizes.values()))["photos"]),
        "sizes": " | ".join(f"{size} pixels" for size in sizes),
        "dashes": " --- |" * len(sizes),
        "quality": "\n".join(rows),
        "smooth": _smooth(scored),
        "speed": "\n".join(speed),
    }


def _smooth(scored: Figures) -> str:
    if "weave" not in scored:  # Evaluated before weave was measured.
        return f"On a flat gray picture, the checkerboard measures {scored['flat_checkerboard']:.1f} dB."
    measured = ", ".join(f"{value:.1f} dB on {name}" for name, value in scored["weave"].items())
    return f"Weave on smooth pictures: {measured}; the limit is {weave.LIMIT:g} dB."


def _beginning(recipe: recipes.Recipe) -> str:
    if recipe.beginning in recipes.STYLES:
        return f"the network of [{recipe.beginning}](../{recipe.beginning})"
    if recipe.place:
        return f"{recipes.COMMON}, in the style {recipe.place}"
    return recipe.beginning or "random weights"


def _stage(made: Figures) -> str:
    settings = made["settings"]
    final = made.get("last network", "vgg19")  # Cards without it: both loss networks were available.
    finish = f", the last {settings['finish']:.0%} with {final}" if final != settings["features"] else ""
    cores = "one CPU core" if settings["threads"] == 1 else "two CPU cores"
    batch = f"{settings['batch']} x " if settings["batch"] != config.TrainingSettings.batch else ""
    return (
        f"{settings['steps']} steps of {batch}{settings['crop']}-pixel crops with {settings['features']}{finish} "
        f"({_time(made['seconds'])} on {made.get('accelerator', cores)})"
    )


def _time(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _iterations(scored: Figures) -> str:
    least, *_, most = scored["iterations"]
    return f"{scored['median']['iterations']:.1f} ({least:.1f} to {most:.1f})"


def _medians(*names: str, digits: int) -> Callable[[Figures], str]:
    return lambda scored: ", ".join(f"{scored['median'][name]:.{digits}f}" for name in names)


_FIGURES: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("equivalent L-BFGS iterations of the slow path (range)", _iterations),
    (
        "relative content loss, relative style loss (mean of five layers), weighted total",
        _medians("content", "style", "total", digits=3),
    ),
    ("structural similarity to the photo (SSIM)", _medians("structural_similarity", digits=2)),
    ("checkerboard, border artifact (dB)", _medians("checkerboard", "border_artifact", digits=1)),
    ("clipped values (fraction, minus the photo's own)", _medians("clipping", digits=3)),
    ("strongest isolated blob (gray levels)", _medians("blob_artifact", digits=0)),
)
