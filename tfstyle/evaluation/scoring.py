"""How good a trained network is: its pictures against the slow path's, by the loss that both minimise."""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfstyle import perceptual
from tfstyle.evaluation import metrics
from tfstyle.optimization import minimizers, problem
from tfstyle.runtime import tf
from tfstyle.training import trainer

__all__ = ["Score", "assess", "flat_checkerboard"]

Painter = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Score:
    """One photo's picture in numbers.

    Attributes:
        total: the weighted loss.
        content: unweighted, relative.
        style: likewise, the mean over layers.
        iterations: L-BFGS steps of the slow path, from the photo, that reach the same loss.
        structure: see `metrics.structure`; likewise the following.
        checkerboard: decibels.
        frame: decibels.
        saturation: share, more than the photo has.
        blobs: grey levels.
    """

    total: float
    content: float
    style: float
    iterations: float
    structure: float
    checkerboard: float
    frame: float
    saturation: float
    blobs: float


def assess(paint: Painter, photo: np.ndarray, target: trainer.Target, most: int = 100) -> Score:
    """Scores a network on a photo.

    Args:
        paint: uint8 ``[H, W, 3]`` to the same.
        photo: uint8 ``[H, W, 3]``.
        target: the loss that scores, from `training.target_for`.
        most: iterations of the slow path to compare to.

    Returns:
        The score.
    """
    painted, original = (each.astype(np.float32) for each in (paint(photo), photo))
    evaluate_loss, loss = _objective(tf.constant(original[None]), target)
    terms = {name: float(value) for name, value in loss.terms(tf.constant(painted[None])).items()}
    total = float(loss.total(terms))
    return Score(
        total=total,
        content=_mean(terms, "content"),
        style=_mean(terms, "style"),
        iterations=metrics.equivalent_iterations(_curve(evaluate_loss, original, total, most), total),
        structure=metrics.structure(painted, original),
        checkerboard=metrics.checkerboard(painted),
        frame=metrics.frame(painted, original),
        saturation=metrics.saturation(painted) - metrics.saturation(original),
        blobs=metrics.blobs(painted, original),
    )


def flat_checkerboard(paint: Painter) -> float:
    """The grid that a network leaves where there is nothing to paint.

    Args:
        paint: uint8 ``[H, W, 3]`` to the same.

    Returns:
        Decibels, see `metrics.checkerboard`, of a grey picture of 256 x 256.
    """
    return metrics.checkerboard(paint(np.full((256, 256, 3), 128, np.uint8)).astype(np.float32))


def _objective(photo: tf.Tensor, target: trainer.Target) -> tuple[minimizers.Objective, perceptual.PerceptualLoss]:
    content = perceptual.content_targets(target.model, photo, list(target.objective.content))
    loss = perceptual.PerceptualLoss(target.model, target.objective, content, target.grams)
    return problem.evaluator(loss, photo.shape), loss


def _curve(objective: minimizers.Objective, photo: np.ndarray, reached: float, most: int) -> list[float]:
    """Losses of the slow path after 0, 1, 2 ... steps, until it is as good as the network."""
    minimizer = minimizers.LBFGS(objective, tf.constant(photo[None]))
    losses = [minimizer.loss]
    while losses[-1] > reached and len(losses) <= most:
        losses.append(minimizer.step())
    return losses


def _mean(terms: dict[str, float], kind: str) -> float:
    """Over layers; 0 if that kind does not count, as content at strength 1."""
    values = [value for name, value in terms.items() if name.startswith(kind)]
    return float(np.mean(values)) if values else 0.0
