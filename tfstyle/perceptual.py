"""The perceptual loss: a frozen network, targets and weights. The slow and the fast path both minimize it.

The loss is a weighted sum of *terms*, one per kind and layer: ``content/conv4_2``, ``style/conv1_1``, ``variation``.
Terms keep their names, so that logs, plots and error messages can refer to each.
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
    """Which layers are compared, in what form, and with what weights.

    Attributes:
        content: weight per content layer.
        style: weight per style layer.
        variation: weight of the total variation.
        form: normalization of the losses, a key of `losses.CONTENT`.
        pixels: weight of the mean squared difference from the photo's pixels, in units of 0..1.
    """

    content: Mapping[str, float]
    style: Mapping[str, float]
    variation: float = 0.0
    form: str = "relative"
    pixels: float = 0.0

    @property
    def layers(self) -> tuple[str, ...]:
        """All content and style layers, without duplicates."""
        return tuple(dict.fromkeys([*self.content, *self.style]))

    def weight(self, term: str) -> float:
        """Looks up the weight of a term by its name, for instance ``style/conv1_1`` or ``variation``."""
        kind, _, layer = term.partition("/")
        weight = getattr(self, kind)
        return weight[layer] if layer else weight


class PerceptualLoss:
    """Computes the loss of an image against fixed targets.

    A plain object, not a Keras layer: the frozen network must not become part of a trainer's variables.

    Args:
        model: from `features.build`, with the objective's layers; None if the objective has none.
        objective: layers, form and weights.
        content: features of the photo per content layer, ``[B, h, w, C]``.
        grams: Gram matrices of the painting per style layer, ``[C, C]`` or ``[B, C, C]``.
        pixels: the photo ``[B, H, W, 3]``, 0..255, if pixels are compared.
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
        """Computes the unweighted terms.

        Args:
            image: ``[B, H, W, 3]``, 0..255.

        Returns:
            Scalars by term name.
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
        """Adds up `terms` with their weights; a scalar."""
        return sum(self.objective.weight(name) * value for name, value in terms.items())


def content_targets(model: keras.Model, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Computes the features of the photo.

    Args:
        model: from `features.build`.
        image: ``[B, H, W, 3]``, 0..255.
        layers: layer names.

    Returns:
        ``[B, h, w, C]`` by layer, float32.
    """
    features = model(image)
    return {name: _float(features[name]) for name in layers}


def style_grams(
    model: keras.Model, image: Tensor, layers: Sequence[str], mask: Tensor | None = None
) -> dict[str, Tensor]:
    """Computes the Gram matrices of the painting.

    Args:
        model: from `features.build`.
        image: ``[B, H, W, 3]``, 0..255.
        layers: layer names.
        mask: ``[B, H, W]``, 0..1, weight of each pixel (the alpha channel); None weighs all equally.

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
    """Blends the Gram matrices of several styles.

    The weighted sum of squared distances to several targets differs from the squared distance to their weighted mean
    only by a constant, so the mean is the target.

    Args:
        styles: Gram matrices by layer, for each style.
        weights: one per style; only their ratios matter.

    Returns:
        Gram matrices by layer.

    Raises:
        InputError: no style, or not one weight per style.
    """
    if not styles:
        raise errors.InputError("no style: specify a painting file or a style name")
    if len(weights) != len(styles):
        raise errors.InputError(f"{len(weights)} style weights for {len(styles)} styles: give one per style")
    total = sum(weights)
    return {
        name: sum(weight / total * grams[name] for grams, weight in zip(styles, weights, strict=True))
        for name in styles[0]
    }


def summary(terms: Mapping[str, float], objective: Objective) -> dict[str, float]:
    """Adds up the weighted terms of each kind.

    Args:
        terms: unweighted terms by name.
        objective: the weights.

    Returns:
        Sums by kind: ``content``, ``style``, ``variation``, ``pixels``; kinds without a term are left out.
    """
    sums: dict[str, float] = {}
    for name, value in terms.items():
        kind = name.partition("/")[0]
        sums[kind] = sums.get(kind, 0.0) + objective.weight(name) * value
    return sums


def first_broken(terms: Mapping[str, float]) -> str | None:
    """Finds the first term that is NaN or infinite; returns its name, None if all are finite."""
    return next((name for name, value in terms.items() if not math.isfinite(value)), None)


def _float(tensor: Tensor) -> Tensor:
    """Losses are computed in float32 whatever format the network uses."""
    return ops.cast(tensor, "float32")
