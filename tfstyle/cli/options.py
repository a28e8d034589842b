"""Command-line options made from a dataclass of settings, and read back into it."""

import argparse
import dataclasses
import typing
from collections.abc import Callable
from typing import Any

from tfstyle import config, errors

__all__ = [
    "add_outputs",
    "add_painting",
    "add_settings",
    "add_sheet",
    "check_painting",
    "given_settings",
    "parse",
    "read_settings",
]


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Adds the options for what a run leaves besides its picture."""
    group = parser.add_argument_group("reports")
    group.add_argument("--save-every", type=int, default=0, metavar="N", help="save a numbered picture every N steps")
    group.add_argument("--timelapse", metavar="FILE", help="animation of the run, .gif or .mp4")
    group.add_argument("--log", metavar="FILE", help="losses of every step, .csv")
    group.add_argument("--plot", metavar="FILE", help="loss curves, .png, .svg or .pdf")


def add_painting(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds how a trained network is to paint.

    Args:
        parser: of a subcommand.
        what: is painted, in a word.
    """
    parser.add_argument(
        "--style", required=True, metavar="NAME|FOLDER", help="a shipped style, or a trained one's folder"
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, metavar="0..1", help=f"0: the {what}; 1: as trained (default)"
    )
    parser.add_argument("--keep-colors", action="store_true", help=f"keep the {what}'s colours")
    parser.add_argument("--size", type=int, metavar="PIXELS", help=f"long side (default: the {what}'s own)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="processor threads, 0 for all")


def check_painting(arguments: argparse.Namespace) -> None:
    """Checks what `add_painting` has added; the size is checked where it is used.

    Raises:
        InputError: a value outside its range.
    """
    if not 0 <= arguments.strength <= 1:
        raise errors.InputError(f"strength is {arguments.strength}: use 0 to 1")
    if arguments.threads < 0:
        raise errors.InputError(f"threads is {arguments.threads}: use 0 or more")


def add_settings(parser: argparse.ArgumentParser, left_out: tuple[str, ...] = (), kind: type = config.Settings) -> None:
    """Adds one option per field of a dataclass of settings.

    Args:
        parser: of a subcommand.
        left_out: fields that this subcommand does not offer.
        kind: `config.Settings` or `config.TrainingSettings`.
    """
    group = parser.add_argument_group("settings")
    types = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in left_out:
            continue
        about = field.metadata
        default = "" if field.default in ("", 0, 0.0, (), -1.0) else f" (default: {field.default})"
        keywords: dict[str, Any] = {"choices": about["choices"]} if about["choices"] else {"metavar": about["metavar"]}
        group.add_argument(
            f"--{field.name.replace('_', '-')}",
            dest=field.name,
            type=_converter(types[field.name]),
            default=argparse.SUPPRESS,
            help=(about["help"] + default).replace("%", "%%"),
            **keywords,
        )


def add_sheet(parser: argparse.ArgumentParser) -> None:
    """Adds what every series that ends on a contact sheet is told."""
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="contact sheet: .png, .jpg, .webp, .tiff")
    parser.add_argument("--resume", action="store_true", help="keep what an interrupted run has finished")


def read_settings(arguments: argparse.Namespace, kind: type = config.Settings) -> Any:
    """The settings that were given, as the dataclass that holds them; the others keep their defaults.

    Raises:
        InputError: a value outside its range.
    """
    return kind(**given_settings(arguments, kind))


def given_settings(arguments: argparse.Namespace, kind: type = config.Settings) -> dict[str, Any]:
    """The settings that were given, by name."""
    given = vars(arguments)
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: given[name] for name in names if name in given}


def parse(field: str, text: str) -> Any:
    """Reads one setting's value as the command line does.

    Args:
        field: name of a field of `config.Settings`.
        text: as typed.

    Returns:
        The value, of the field's type.

    Raises:
        ValueError: the text is no such value.
    """
    return _converter(typing.get_type_hints(config.Settings)[field])(text)


def _converter(kind: Any) -> Callable[[str], Any]:
    if typing.get_origin(kind) is not tuple:
        return kind
    item = typing.get_args(kind)[0]

    def numbers(text: str) -> tuple:
        return tuple(item(part) for part in text.split(","))

    numbers.__name__ = f"comma-separated {item.__name__}"
    return numbers
