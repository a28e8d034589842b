"""``tfstyle optimize``: the slow path."""

import argparse
import pathlib
import shlex
from typing import TYPE_CHECKING

from tfstyle import checkpoints, errors, images, reports, runtime
from tfstyle.cli import console, options

if TYPE_CHECKING:
    from tfstyle.optimization import recipes

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("content", nargs="?", metavar="CONTENT", help="the photo")
    parser.add_argument("style", nargs="*", metavar="STYLE", help="a painting's file or a style's name; or several")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="result: .png, .jpg, .webp or .tiff")
    parser.add_argument("--recipe", metavar="PICTURE", help="repeat the run that made this picture; settings change it")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run of OUT")
    options.add_outputs(parser)
    options.add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Paints, saves, reports.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; everything is saved.
    """
    _check(arguments)
    runtime.import_tensorflow()
    from tfstyle.cli import session

    outputs = session.Outputs.read(arguments)
    interrupted = checkpoints.Interrupted(outputs.output, resume=arguments.resume)
    job = _job(arguments, interrupted.recipe)
    _check_output(outputs.output, job)
    state = interrupted.state(job.recipe, insist=True)
    photo = job.photo()
    painting = session.Session(job.start(photo), job.recipe, outputs, photo.alpha)
    painting.go_on = f"tfstyle optimize --resume -o {shlex.quote(outputs.output)}"
    painting.resume(state)
    painting.complete(job.chosen.features)
    console.say(f"saved {outputs.output}")


def _check(arguments: argparse.Namespace) -> None:
    """Finds what is wrong before TensorFlow is loaded, which takes seconds."""
    images.check_writable(arguments.output)
    reports.check_files(log=arguments.log, plot=arguments.plot, timelapse=arguments.timelapse)
    options.read_settings(arguments)
    if arguments.content is None:
        if arguments.recipe:
            images.load_recipe(arguments.recipe)
        elif not arguments.resume:
            raise errors.InputError(
                "give a photo and a painting (or --recipe PICTURE): tfstyle optimize CONTENT STYLE -o OUT"
            )
        return
    if arguments.recipe:
        raise errors.InputError("--recipe names its own photo and painting: leave out either it or CONTENT and STYLE")
    if not arguments.style:
        raise errors.InputError("give a painting, or a name that tfstyle styles lists, after the photo")
    images.load_image(arguments.content)


def _check_output(output: str, job: "recipes.Job") -> None:
    path = pathlib.Path(output)
    for each in map(pathlib.Path, (job.content, *job.style, job.chosen.start)):
        if path.exists() and each.exists() and path.samefile(each):
            raise errors.InputError(f"{output} is what is to be painted: choose another name for the result")


def _job(arguments: argparse.Namespace, recipe: dict | None) -> "recipes.Job":
    from tfstyle.optimization import recipes

    if arguments.content is not None:
        return recipes.prepare(arguments.content, arguments.style, options.read_settings(arguments))
    if arguments.recipe:
        recipe = images.load_recipe(arguments.recipe)
        recipe.pop("unfinished", None)
    if recipe is None:
        raise errors.InputError(f"{arguments.output} has no interrupted run to resume: give CONTENT and STYLE")
    return recipes.from_recipe(recipe, options.given_settings(arguments))
