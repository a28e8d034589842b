"""Options as fields of frozen dataclasses: types, ranges, choices and help texts, checked wherever they are set."""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Self

from tfstyle import errors

__all__ = ["Options", "check_value", "converter", "flag_of", "option", "value_type"]


def option(  # noqa: PLR0913 - keywords, most of which an option leaves out
    default: Any,
    text: str,
    *,
    choices: tuple[str, ...] = (),
    metavar: str = "",
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    flag: str = "",
    nargs: str = "",
) -> Any:
    """A dataclass field with everything the command line needs to offer it as an option.

    The field's type decides how a value is parsed: ``str``, ``int``, ``float``, ``bool`` (a flag without a value) or
    a tuple of these (comma-separated); ``X | None`` is parsed as ``X``, and None means "not given".

    Args:
        default: the value when the option is not given.
        text: help, half a line.
        choices: accepted words; empty if any value of the type will do.
        metavar: stands for the value in the help.
        least: smallest accepted number.
        most: largest accepted number.
        above: exclusive lower bound.
        flag: the option's name without dashes, if it is not the field's own.
        nargs: ``+`` if several values are separated by spaces instead of commas.

    Returns:
        A `dataclasses.field`.
    """
    about = {"help": text, "choices": choices, "metavar": metavar, "least": least, "most": most, "above": above}
    return dataclasses.field(default=default, metadata=about | {"flag": flag, "nargs": nargs})


def flag_of(field: dataclasses.Field) -> str:
    """A field's name on the command line, without the dashes: ``style-scale`` for ``style_scale``."""
    return field.metadata["flag"] or field.name.replace("_", "-")


class Options:
    """Base of the frozen dataclasses of options: checks every value against its option's choices and range.

    Raises:
        InputError: a value that is not accepted.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            check_value(field, getattr(self, field.name))

    @property
    def stored(self) -> dict[str, Any]:
        """Values by name, as JSON gives them back: lists instead of tuples."""
        values = dataclasses.asdict(self)  # type: ignore[call-overload]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_stored(cls, values: Mapping[str, Any]) -> Self:
        """Reads `stored` values, also those that earlier versions wrote.

        Args:
            values: by name, as JSON gives them back.

        Returns:
            The options.

        Raises:
            InputError: a value that is not accepted.
            TypeError: a name that is unknown.
        """
        return cls(**cls._read(values))

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Tuples instead of lists, and None where earlier versions wrote "", 0, -1 or () for "not given"."""
        optional = {field.name: field for field in dataclasses.fields(cls) if field.default is None}  # type: ignore[arg-type]
        read = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return {
            name: None if name in optional and _meant_not_given(optional[name], value) else value
            for name, value in read.items()
        }


def check_value(field: dataclasses.Field, value: Any) -> None:
    """Checks one value against its option's choices and range; None, "not given", is always accepted.

    Args:
        field: made by `option`.
        value: of the field's type.

    Raises:
        InputError: names the option, the value and what is accepted.
    """
    about, items = field.metadata, value if isinstance(value, tuple) else (value,)
    if about["choices"] and not {*items, None} <= {*about["choices"], None}:
        raise errors.InputError(f"{flag_of(field)} {value!r}: choose one of {', '.join(about['choices'])}")
    if not all(_is_within(item, about["least"], about["most"], about["above"]) for item in items):
        raise errors.InputError(f"{flag_of(field)} is {value}: use {_range_text(about)}")


def _meant_not_given(field: dataclasses.Field, value: Any) -> bool:
    about = field.metadata
    if value in ("", ()):
        return True
    return value in (0, -1) and not _is_within(value, about["least"], about["most"], about["above"])


def _is_within(item: Any, least: float | None, most: float | None, above: float | None) -> bool:
    if not isinstance(item, int | float):
        return item is None or least is most is above is None
    return (
        -math.inf < item < math.inf
        and (least is None or item >= least)
        and (most is None or item <= most)
        and (above is None or item > above)
    )


def _range_text(about: Any) -> str:
    least, most, above = about["least"], about["most"], about["above"]
    if above is not None:
        return f"a number above {above:g}"
    if least is None:
        return "a finite number"
    return f"{least} or more" if most is None else f"{least} to {most}"


def value_type(kind: type, name: str) -> Any:
    """The type of an option's value when it is given: ``X`` for a field of type ``X | None``.

    Args:
        kind: the dataclass.
        name: of a field.
    """
    hint = typing.get_type_hints(kind)[name]
    given = [each for each in typing.get_args(hint) if each is not type(None)]
    return given[0] if isinstance(hint, types.UnionType) else hint


def converter(kind: Any) -> Callable[[str], Any]:
    """Returns the function that parses a value of a type from text; tuples are comma-separated."""
    if typing.get_origin(kind) is not tuple:
        return kind
    item = typing.get_args(kind)[0]

    def numbers(text: str) -> tuple:
        return tuple(item(part) for part in text.split(","))

    numbers.__name__ = f"comma-separated {item.__name__}"
    return numbers
