"""Scores of a network against the slow path, with painters whose score is known."""

import drawn
import numpy as np
import pytest
import tensorflow as tf

from tfstyle import config, perceptual, stylebook, training
from tfstyle.evaluation import scoring
from tfstyle.optimization import minimizers, pyramid


@pytest.fixture(scope="module")
def target():
    settings = config.TrainingSettings(style_layers="conv1_1,conv2_1", content_layers="conv4_2", style_size=256)
    return training.target_for(settings, stylebook.load_all()["scream"], "compact", "float32")


@pytest.fixture(scope="module")
def photo():
    return drawn.photo(64, 80, seed=3)


def slow_path(photo, target, steps):
    """The picture after some iterations from the photo, and its loss."""
    start = tf.constant(photo[None].astype(np.float32))
    content = perceptual.content_targets(target.model, start, list(target.objective.content))
    loss = perceptual.PerceptualLoss(target.model, target.objective, content, target.grams)
    minimizer = minimizers.LBFGS(pyramid.loss_function(loss, start.shape), start)
    for _ in range(steps):
        minimizer.step()
    return minimizer.image.numpy()[0], minimizer.loss


def test_the_photo_itself_is_worth_nothing_and_keeps_everything(photo, target):
    score = scoring.score(lambda image: image, photo, target, most=3)
    assert score.iterations == pytest.approx(0, abs=1e-4)  # The two losses may be summed in different orders.
    assert score.content == pytest.approx(0, abs=1e-6)
    assert score.structural_similarity == pytest.approx(1)
    assert score.border_artifact == score.clipping == score.blob_artifact == 0


@pytest.mark.parametrize("steps", [2, 6])
def test_the_slow_paths_own_picture_is_worth_its_iterations(photo, target, steps):
    picture, loss = slow_path(photo, target, steps)
    rounded = np.rint(picture).astype(np.uint8)
    score = scoring.score(lambda _: rounded, photo, target, most=12)
    assert score.iterations == pytest.approx(steps, abs=0.3)
    assert score.total == pytest.approx(loss, rel=0.02)


def test_total_is_the_weighted_sum(photo, target):
    score = scoring.score(lambda image: 255 - image, photo, target, most=1)
    style = sum(target.objective.style.values())
    content = sum(target.objective.content.values())
    variation = score.total - content * score.content - style * score.style
    assert 0 <= variation < 0.02 * score.total


def test_a_kind_that_does_not_count_is_nought():
    assert scoring._mean({"style/conv1_1": 2.0, "style/conv2_1": 4.0}, "style") == 3.0
    assert scoring._mean({"style/conv1_1": 2.0}, "content") == 0.0
