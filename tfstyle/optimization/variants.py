"""Settings that differ in one value, for comparisons."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfstyle import config, errors

__all__ = ["parse"]

# Short names of the classic experiments; any other setting has its own name.
_ALIASES = {"layers": "style_layers", "content": "content_layers"}


def parse(vary: str, given: Mapping[str, Any]) -> list[tuple[str, config.Settings]]:
    """Parses ``SETTING=A,B,...``.

    Args:
        vary: as typed; ``+`` joins the items of a value that is itself a list (layers, scales). Besides the settings'
            own names: ``layers`` (of style), ``content`` (its layers), and ``ratio`` (alpha/beta, Gatys' form).
        given: all other settings that were given, by name. One that has no effect on some variants (a learning rate
            where lbfgs is among the optimizers) counts for the others.

    Returns:
        Label and settings of each variant.

    Raises:
        InputError: no such setting, a value that it does not accept, or a setting without effect on any variant.
    """
    name, _, values = vary.partition("=")
    field = _ALIASES.get(name, name.replace("-", "_"))
    known = [each.name for each in dataclasses.fields(config.Settings)]
    if not values or field not in [*known, "ratio"]:
        raise errors.InputError(f"vary {vary!r}: use SETTING=A,B,... with one of ratio, layers, {', '.join(known)}")
    several = [{**given, **_change(field, value)} for value in values.split(",")]
    useless = set.intersection(*(set(config.without_effect(each)) for each in several))
    return [
        (f"{name} {value}", _settings(each, useless)) for value, each in zip(values.split(","), several, strict=True)
    ]


def _settings(values: dict[str, Any], useless: set[str]) -> config.Settings:
    """Without what counts for other variants only; what counts for none is refused by `config.Settings`."""
    elsewhere = set(config.without_effect(values)) - useless
    return config.Settings(**{name: value for name, value in values.items() if name not in elsewhere})


def _change(field: str, value: str) -> dict[str, Any]:
    try:
        if field == "ratio":  # Alpha over beta, in the paper's own normalization.
            return {"form": "gatys", "content_weight": 1.0, "style_weight": 1 / float(value)}
        return {field: config.parse(field, value.replace("+", ","))}
    except (ValueError, ZeroDivisionError):
        raise errors.InputError(f"{field} does not accept {value!r}") from None
