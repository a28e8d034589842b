"""``tfstyle train``: trains a transformation network for one painting."""

import argparse
import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING

from tfstyle import config, images, runtime
from tfstyle.cli import console, options

if TYPE_CHECKING:
    from tfstyle import training

__all__ = ["add_arguments", "plan_from", "run", "show"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("painting", metavar="PAINTING", help="a painting file or a style name")
    parser.add_argument("--name", required=True, metavar="NAME", help="name of the new style")
    parser.add_argument(
        "--data", required=True, metavar="DATA", help="folder of photos, or a TensorFlow dataset such as coco/2017"
    )
    parser.add_argument("-o", "--output", metavar="FOLDER", help="folder for the trained style (default: NAME)")
    parser.add_argument("--resume", action="store_true", help="continue an interrupted training run")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an interrupted run or a finished style in that folder"
    )
    parser.add_argument("--begin-with", metavar="STYLE", help="start from another style's network; needs fewer steps")
    parser.add_argument(
        "--preview", action="store_true", help="first paint one photo with the slow path and the same loss"
    )
    parser.add_argument(
        "--sample-every", type=int, default=500, metavar="N", help="paint samples every N steps (default: 500)"
    )
    parser.add_argument(
        "--tensorboard", metavar="FOLDER", help="also write the losses for TensorBoard (pip install tensorboard)"
    )
    options.add_settings(parser, config.TrainingSettings)


def run(arguments: argparse.Namespace) -> None:
    """Trains, shows progress and exports.

    Raises:
        InputError: an input is unusable.
        KeyboardInterrupt: the user stopped the training; a checkpoint is saved.
    """
    settings = options.read_settings(arguments, config.TrainingSettings)
    runtime.import_tensorflow()

    plan = plan_from(arguments, settings)
    session = _session(plan)
    if session.is_done:
        console.say(f"{plan.folder} is already trained")
        return
    from tfstyle import training

    with console.Interrupts().watch() as interrupts, console.showing_warnings(training.WeaveWarning):
        unusable = show(session.run(), plan.name, interrupts)
    left_out = f"; {unusable} photos were skipped (damaged, grayscale or too small)" if unusable else ""
    console.say(f"saved {plan.folder}: stylize with tfstyle stylize PHOTO --style {plan.folder}{left_out}")


def _session(plan: "training.TrainingPlan") -> "training.Session":
    """Prepares the training, and prints its warnings about the photos in one line each."""
    from tfstyle import training

    with (
        console.showing_warnings(training.FewPhotosWarning),
        console.showing_warnings(images.SkippedFilesWarning),
    ):
        return training.Session(plan)


def plan_from(arguments: argparse.Namespace, settings: config.TrainingSettings) -> "training.TrainingPlan":
    """Returns the plan that the arguments describe.

    Raises:
        InputError: a value is outside its range.
    """
    from tfstyle import training

    names = ("painting", "name", "data", "output", "resume", "overwrite", "begin_with", "preview", "sample_every")
    given = {name: getattr(arguments, name) for name in (*names, "tensorboard")}
    return training.TrainingPlan(settings=settings, **given)


def show(steps: "Generator[training.TrainingProgress]", title: str, interrupts: console.Interrupts) -> int:
    """Shows a training's progress until it ends or the user stops it.

    Args:
        steps: of `training.Session`.
        title: of the progress bar.
        interrupts: say whether to stop.

    Returns:
        How many photos were unusable.

    Raises:
        InputError: the training fails.
        KeyboardInterrupt: the user stopped it; a checkpoint is saved.
    """
    unusable = 0
    with contextlib.ExitStack() as stack:
        bars = {}
        for progress in steps:
            if progress.phase not in bars:
                stack.close()
                bars[progress.phase] = stack.enter_context(console.ProgressBar(_title(title, progress)))
            bars[progress.phase].show(progress)
            unusable = progress.unusable
            if interrupts.asked and progress.step < progress.steps:
                _stop(steps, progress)
    return unusable


def _title(title: str, progress: "training.TrainingProgress") -> str:
    return title if progress.phase == "training" else progress.phase


def _stop(steps: "Generator[training.TrainingProgress]", progress: "training.TrainingProgress") -> None:
    steps.close()  # Saves a checkpoint.
    if progress.phase == "training":
        console.say(f"stopped after step {progress.step}: continue with the same command and --resume")
    raise KeyboardInterrupt
