"""Scores a stylized photo against the slow path, by the loss that both minimize."""

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tfstyle import perceptual
from tfstyle.evaluation import metrics
from tfstyle.optimization import minimizers, pyramid
from tfstyle.runtime import tf
from tfstyle.training import trainer

__all__ = ["Score", "score"]

Paint: TypeAlias = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Score:
    """The quality of one stylized photo.

    Attributes:
        total: weighted loss.
        content: relative content loss, unweighted.
        style: relative style loss, unweighted, mean over layers.
        iterations: equivalent L-BFGS iterations: how many the slow path needs, from the photo, to reach the same loss.
        structural_similarity: SSIM of picture and photo.
        checkerboard: decibels, see `metrics.checkerboard`.
        border_artifact: decibels, see `metrics.border_artifact`.
        clipping: share of clipped values, minus the photo's, see `metrics.clipping`.
        blob_artifact: gray levels, see `metrics.blob_artifact`.
    """

    total: float
    content: float
    style: float
    iterations: float
    structural_similarity: float
    checkerboard: float
    border_artifact: float
    clipping: float
    blob_artifact: float


def score(paint: Paint, photo: np.ndarray, target: trainer.Target, most: int = 100) -> Score:
    """Scores a network on a photo.

    Args:
        paint: the network, uint8 ``[H, W, 3]`` to the same shape.
        photo: uint8 ``[H, W, 3]``.
        target: the loss, from `training.target_for`.
        most: largest number of slow-path iterations to compare with.

    Returns:
        The score.
    """
    stylized, original = (each.astype(np.float32) for each in (paint(photo), photo))
    evaluate_loss, loss = _objective(tf.constant(original[None]), target)
    terms = {name: float(value) for name, value in loss.terms(tf.constant(stylized[None])).items()}
    total = float(loss.total(terms))
    return Score(
        total=total,
        content=_mean(terms, "content"),
        style=_mean(terms, "style"),
        iterations=metrics.equivalent_iterations(_curve(evaluate_loss, original, total, most), total),
        structural_similarity=metrics.structural_similarity(stylized, original),
        checkerboard=metrics.checkerboard(stylized),
        border_artifact=metrics.border_artifact(stylized, original),
        clipping=metrics.clipping(stylized) - metrics.clipping(original),
        blob_artifact=metrics.blob_artifact(stylized, original),
    )


def _objective(photo: tf.Tensor, target: trainer.Target) -> tuple[minimizers.LossFunction, perceptual.PerceptualLoss]:
    content = perceptual.content_targets(target.model, photo, list(target.objective.content))
    loss = perceptual.PerceptualLoss(target.model, target.objective, content, target.grams)
    return pyramid.loss_function(loss, photo.shape), loss


def _curve(objective: minimizers.LossFunction, photo: np.ndarray, reached: float, most: int) -> list[float]:
    """Returns the slow path's losses after 0, 1, 2 ... iterations, until it is as good as the network."""
    minimizer = minimizers.LBFGS(objective, tf.constant(photo[None]))
    losses = [minimizer.loss]
    while losses[-1] > reached and len(losses) <= most:
        losses.append(minimizer.step())
    return losses


def _mean(terms: dict[str, float], kind: str) -> float:
    """Returns the mean over layers; 0 if the loss has no terms of that kind, such as content at strength 1."""
    values = [value for name, value in terms.items() if name.startswith(kind)]
    return float(np.mean(values)) if values else 0.0
