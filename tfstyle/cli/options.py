"""Command-line options made from a dataclass of `config.option`s, and read back into it."""

import argparse
import dataclasses
import typing
from collections.abc import Sequence
from typing import Any

from tfstyle import config

__all__ = [
    "add_settings",
    "add_sheet",
    "given_settings",
    "read_settings",
]


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
    for field in dataclasses.fields(kind):
        if field.name not in leave_out:
            _add_option(group, field, config.value_type(kind, field.name))


def _add_option(group: Any, field: dataclasses.Field, kind: Any) -> None:
    about, missing = field.metadata, dataclasses.MISSING
    keywords: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS, "required": field.default is missing}
    if kind is bool:
        keywords["action"] = "store_false" if field.default is True else "store_true"
    elif about["nargs"]:
        keywords |= {"type": typing.get_args(kind)[0], "nargs": about["nargs"], "metavar": about["metavar"]}
    else:
        keywords["type"] = config.converter(kind)
        keywords |= {"choices": about["choices"]} if about["choices"] else {"metavar": about["metavar"]}
    shown = "" if field.default in (missing, None, (), "") or kind is bool else f" (default: {_shown(field.default)})"
    group.add_argument(f"--{config.flag_of(field)}", help=(about["help"] + shown).replace("%", "%%"), **keywords)


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def add_sheet(parser: argparse.ArgumentParser) -> None:
    """Adds the options of every series that ends on a contact sheet."""
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="contact sheet (.png, .jpg, .webp, .tiff)")
    parser.add_argument(
        "--resume", action="store_true", help="continue an interrupted series, keeping finished pictures"
    )


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
