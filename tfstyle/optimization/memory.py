"""Refuses runs that would not fit into memory, before they start."""

from collections.abc import Sequence

from tfstyle import config, errors, features, images, runtime, stylebook, weights
from tfstyle.optimization import plan
from tfstyle.runtime import keras

__all__ = ["check", "check_paintings"]


def check(model: keras.Model, scale: plan.Scale, settings: config.Settings) -> None:
    """Refuses a picture that needs more memory than is free.

    Args:
        model: the loss network.
        scale: the finest one.
        settings: of the run.

    Raises:
        ShortageError: says how much is needed and which size would fit.
    """
    needed, free = features.memory(model, scale.height, scale.width), runtime.available_memory()
    if needed <= free:
        return
    fits = int(max(scale.height, scale.width) * (free / needed) ** 0.5) // 16 * 16
    short_side = min(images.fit_size(scale.height, scale.width, max(fits, 1)))
    is_usable = short_side >= weights.BACKBONES[model.name].min_size
    advice = f"use {plan.size_option(settings, fits)}" if is_usable else "close other programs"
    if model.name != "compact":
        advice += ", or --features compact, which needs less"
    raise errors.ShortageError(f"{scale.width}x{scale.height} pixels need {_shortage(needed, free)}: {advice}")


def check_paintings(
    model: keras.Model, scale: plan.Scale, settings: config.Settings, styles: Sequence[stylebook.Style]
) -> None:
    """Refuses a style scale at which a painting is too small for the network, or needs more memory than is free.

    Args:
        model: the loss network.
        scale: the finest one.
        settings: of the run.
        styles: of the run.

    Raises:
        InputError: the painting is too small or too narrow.
        ShortageError: says how much is needed.
    """
    size, free = max(1, round(max(scale.height, scale.width) * settings.style_scale)), runtime.available_memory()
    for style in styles:
        if isinstance(style, stylebook.Painting):
            height, width = style.fit_size(model.name, size)
            needed = features.memory(model, height, width) / 2  # The forward pass only, no gradient.
            if needed > free:
                raise errors.ShortageError(
                    f"the painting at {width}x{height} pixels needs {_shortage(needed, free)}: use a smaller "
                    "--style-scale or --size"
                )


def _shortage(needed: float, free: float) -> str:
    return f"about {needed / 2**30:.1f} GB of memory, but only {free / 2**30:.1f} GB is free"
