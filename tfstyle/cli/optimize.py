"""``tfstyle optimize``: the slow path."""

import argparse
import pathlib
import shlex
from typing import TYPE_CHECKING, Any

from tfstyle import checkpoints, errors, images, runtime
from tfstyle.cli import console, following, options

if TYPE_CHECKING:
    from tfstyle.optimization import recipes

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    from tfstyle.optimization import outputs

    parser.add_argument("content", nargs="?", metavar="CONTENT", help="the photo")
    parser.add_argument("style", nargs="*", metavar="STYLE", help="painting files or style names")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="result (.png, .jpg, .webp, .tiff)")
    parser.add_argument(
        "--recipe",
        metavar="PICTURE",
        help="re-run the recipe stored in a picture; the output is byte-identical unless settings are given",
    )
    parser.add_argument("--resume", action="store_true", help="continue the interrupted run that was writing OUT")
    options.add_settings(parser, outputs.Outputs, leave_out=("output",), title="reports")
    options.add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Paints, saves, reports.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; everything is saved.
    """
    from tfstyle.optimization import outputs as outputs_module

    outputs = options.read_settings(arguments, outputs_module.Outputs)
    outputs.check()
    _check(arguments)
    runtime.import_tensorflow()
    from tfstyle import optimization

    interrupted = checkpoints.Interrupted(outputs.output, resume=arguments.resume)
    job = _job(arguments, interrupted.recipe)
    _check_output(outputs.output, job)
    session = optimization.Session.of(job, outputs, interrupted.state(job.recipe, insist=True))
    resume = f"tfstyle optimize --resume -o {shlex.quote(outputs.output)}"
    following.follow(iter(session), job.settings.features, outputs.output, resume)
    console.say(f"saved {outputs.output}")


def _check(arguments: argparse.Namespace) -> None:
    """Finds mistakes before TensorFlow is loaded, which takes seconds."""
    if arguments.recipe:
        images.load_recipe(arguments.recipe)
        if arguments.resume:
            raise errors.InputError("--resume continues the run that was writing OUT: omit --recipe")
        return
    options.read_settings(arguments)
    if arguments.content is None:
        if not arguments.resume:
            raise errors.InputError(
                "specify a photo and a painting (or --recipe PICTURE): tfstyle optimize CONTENT STYLE -o OUT"
            )
        return
    if not arguments.style:
        raise errors.InputError('specify a painting after the photo: a file, or a style listed by "tfstyle styles"')
    images.load_image(arguments.content)


def _check_output(output: str, job: "recipes.Job") -> None:
    path = pathlib.Path(output)
    for each in map(pathlib.Path, (job.recipe["content"], *job.recipe["style"], job.settings.start)):
        if path.exists() and each.exists() and path.samefile(each):
            raise errors.InputError(f"{output} is one of the inputs: choose another name for the result")


def _job(arguments: argparse.Namespace, interrupted: dict[str, Any] | None) -> "recipes.Job":
    from tfstyle.optimization import recipes

    if arguments.recipe:
        inputs = [arguments.content, *arguments.style] if arguments.content else []
        return recipes.from_picture(arguments.recipe, options.given_settings(arguments), inputs)
    if arguments.content is not None:
        return recipes.prepare(arguments.content, arguments.style, options.read_settings(arguments))
    if interrupted is None:
        raise errors.InputError(f"{arguments.output} has no interrupted run to resume: specify CONTENT and STYLE")
    return recipes.from_recipe(interrupted, options.given_settings(arguments))
