"""The perceptual loss: a frozen network, targets, weights. Both paths, slow and fast, minimise this one.

The loss is a sum of *terms*, one per layer and kind, kept apart by name (``content/conv4_2``, ``style/conv1_1``,
``variation``) so that logs, plots and error messages can speak of each.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tfstyle import errors, losses
from tfstyle.runtime import keras, ops

__all__ = ["Objective", "PerceptualLoss", "blend", "content_targets", "first_broken", "style_grams", "summary"]

Tensor: TypeAlias = keras.KerasTensor
Tensors: TypeAlias = Mapping[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is compared, and how much it counts.

    Attributes:
        content: weight per content layer.
        style: weight per style layer.
        variation: weight of the total variation.
        form: a name of `losses.CONTENT`.
        pixels: weight of the plain mean squared difference from the photo's own pixels, 0..1 units.
    """

    content: Mapping[str, float]
    style: Mapping[str, float]
    variation: float = 0.0
    form: str = "relative"
    pixels: float = 0.0

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that is looked at, once."""
        return tuple(dict.fromkeys([*self.content, *self.style]))

    def weight(self, term: str) -> float:
        """What a term's name weighs: ``style/conv1_1`` its layer's share of style, ``variation`` that kind's weight."""
        kind, _, layer = term.partition("/")
        weight = getattr(self, kind)
        return weight[layer] if layer else weight


class PerceptualLoss:
    """Terms and total of the loss of an image against fixed targets.

    A plain object, not a Keras layer: the frozen network must not end up among a trainer's variables.

    Args:
        model: from `features.build`, with at least the objective's layers; None if it has none.
        objective: what counts.
        content: features of the photo per content layer, ``[B, h, w, C]``.
        grams: Gram matrices of the painting per style layer, ``[C, C]`` or ``[B, C, C]``.
        pixels: the photo ``[B, H, W, 3]``, if pixels are compared.
    """

    def __init__(
        self,
        model: keras.Model | None,
        objective: Objective,
        content: Tensors,
        grams: Tensors,
        pixels: Tensor | None = None,
    ) -> None:
        self.model, self.objective = model, objective
        self.content, self.grams, self.pixels = content, grams, pixels

    def terms(self, image: Tensor) -> dict[str, Tensor]:
        """Unweighted terms.

        Args:
            image: ``[B, H, W, 3]``, 0..255.

        Returns:
            Scalars by name.
        """
        objective = self.objective
        features = self.model(image) if self.model is not None else {}
        content, style = losses.CONTENT[objective.form], losses.STYLE[objective.form]
        terms = {f"content/{name}": content(_float(features[name]), self.content[name]) for name in objective.content}
        for name in objective.style:
            terms[f"style/{name}"] = style(losses.gram_matrix(features[name]), self.grams[name])
        if objective.variation:
            terms["variation"] = losses.total_variation(image)
        if objective.pixels and self.pixels is not None:
            terms["pixels"] = losses.content_mean(image / 255.0, self.pixels / 255.0)
        return terms

    def total(self, terms: Tensors) -> Tensor:
        """The weighted sum of `terms`, a scalar."""
        return sum(self.objective.weight(name) * value for name, value in terms.items())


def content_targets(model: keras.Model, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Features of the photo.

    Args:
        model: from `features.build`.
        image: ``[B, H, W, 3]``, 0..255.
        layers: which.

    Returns:
        ``[B, h, w, C]`` by layer, float32.
    """
    features = model(image)
    return {name: _float(features[name]) for name in layers}


def style_grams(
    model: keras.Model, image: Tensor, layers: Sequence[str], mask: Tensor | None = None
) -> dict[str, Tensor]:
    """Gram matrices of the painting.

    Args:
        model: from `features.build`.
        image: ``[B, H, W, 3]``, 0..255.
        layers: which.
        mask: ``[B, H, W]``, 0..1, what of the painting counts (its alpha channel); None for all.

    Returns:
        ``[B, C, C]`` by layer, float32.
    """
    features = model(image)
    return {name: losses.gram_matrix(features[name], _shrink(mask, features[name])) for name in layers}


def _shrink(mask: Tensor | None, features: Tensor) -> Tensor | None:
    if mask is None:
        return None
    size = ops.shape(features)[1:3]
    return ops.image.resize(mask[..., None], size, interpolation="bilinear", antialias=True)[..., 0]


def blend(styles: Sequence[Tensors], weights: Sequence[float]) -> dict[str, Tensor]:
    """Gram matrices of several styles at once.

    The weighted sum of squared distances to several targets differs only by a constant from the distance to their
    weighted mean; so the mean is the target.

    Args:
        styles: Gram matrices by layer, for each style.
        weights: one per style, any scale.

    Returns:
        Gram matrices by layer.

    Raises:
        InputError: no style, or another number of weights than styles.
    """
    if not styles:
        raise errors.InputError("there is no style to paint in: give a painting's file or a style's name")
    if len(weights) != len(styles):
        raise errors.InputError(f"style weights are {len(weights)} for {len(styles)} styles: give one for each")
    total = sum(weights)
    return {
        name: sum(weight / total * grams[name] for grams, weight in zip(styles, weights, strict=True))
        for name in styles[0]
    }


def summary(terms: Mapping[str, float], objective: Objective) -> dict[str, float]:
    """Adds up the weighted terms by kind.

    Args:
        terms: unweighted terms by name, numbers.
        objective: gives their weights.

    Returns:
        ``content``, ``style``, ``variation``, ``pixels`` as far as they occur.
    """
    sums: dict[str, float] = {}
    for name, value in terms.items():
        kind = name.partition("/")[0]
        sums[kind] = sums.get(kind, 0.0) + objective.weight(name) * value
    return sums


def first_broken(terms: Mapping[str, float]) -> str | None:
    """Name of the first term that is not a finite number, None if all are."""
    return next((name for name, value in terms.items() if not math.isfinite(value)), None)


def _float(tensor: Tensor) -> Tensor:
    """Differences and sums are float32 whatever the network computes in."""
    return ops.cast(tensor, "float32")
