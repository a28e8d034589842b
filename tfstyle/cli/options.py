"""Command-line options made from a dataclass of settings, and read back into it."""

import argparse
import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from tfstyle import config

__all__ = [
    "add_outputs",
    "add_settings",
    "add_sheet",
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


def add_settings(
    parser: argparse.ArgumentParser,
    kind: type = config.Settings,
    *,
    leave_out: Sequence[str] = (),
    title: str = "settings",
) -> None:
    """Adds one option per field of a dataclass made with `config.option`.

    Args:
        parser: of a subcommand.
        kind: the dataclass.
        leave_out: fields that this subcommand does not offer.
        title: of the group in the help.
    """
    group = parser.add_argument_group(title)
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name not in leave_out:
            _add_option(group, field, _without_none(hints[field.name]))


def _add_option(group: Any, field: dataclasses.Field, kind: Any) -> None:
    about, missing = field.metadata, dataclasses.MISSING
    keywords: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS, "required": field.default is missing}
    if kind is bool:
        keywords["action"] = "store_false" if field.default is True else "store_true"
    elif about["nargs"]:
        keywords |= {"type": typing.get_args(kind)[0], "nargs": about["nargs"], "metavar": about["metavar"]}
    else:
        keywords["type"] = _converter(kind)
        keywords |= {"choices": about["choices"]} if about["choices"] else {"metavar": about["metavar"]}
    shown = "" if field.default in (missing, None, (), "") or kind is bool else f" (default: {_shown(field.default)})"
    group.add_argument(f"--{config.flag_of(field)}", help=(about["help"] + shown).replace("%", "%%"), **keywords)


def _without_none(kind: Any) -> Any:
    """``X`` for ``X | None``."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        (kind,) = (each for each in typing.get_args(kind) if each is not type(None))
    return kind


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def add_sheet(parser: argparse.ArgumentParser) -> None:
    """Adds what every series that ends on a contact sheet is told."""
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="contact sheet: .png, .jpg, .webp, .tiff")
    parser.add_argument("--resume", action="store_true", help="keep what an interrupted run has finished")


def read_settings(arguments: argparse.Namespace, kind: type = config.Settings) -> Any:
    """The options that `add_settings` added, as the dataclass; those not given keep their defaults.

    Raises:
        InputError: a value outside its range.
    """
    return kind(**given_settings(arguments, kind))


def given_settings(arguments: argparse.Namespace, kind: type = config.Settings) -> dict[str, Any]:
    """The options that were given, by field name."""
    given = vars(arguments)
    values = {field.name: given[field.name] for field in dataclasses.fields(kind) if field.name in given}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def parse(name: str, text: str, kind: type = config.Settings) -> Any:
    """Parses one option's value as the command line does.

    Args:
        name: of a field.
        text: as typed.
        kind: the dataclass.

    Returns:
        The value, of the field's type.

    Raises:
        ValueError: the text is not such a value.
    """
    return _converter(_without_none(typing.get_type_hints(kind)[name]))(text)


def _converter(kind: Any) -> Callable[[str], Any]:
    if typing.get_origin(kind) is not tuple:
        return kind
    item = typing.get_args(kind)[0]

    def numbers(text: str) -> tuple:
        return tuple(item(part) for part in text.split(","))

    numbers.__name__ = f"comma-separated {item.__name__}"
    return numbers
