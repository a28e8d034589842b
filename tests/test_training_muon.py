"""Muon: its two halves against NumPy, which weights get which; what it learns; its state; another backend."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfstyle.training import muon

RATE = 0.01
# Of a convolution, of its bias, and of a depthwise convolution.
SHAPES = [(3, 3, 4, 6), (6,), (3, 3, 6, 1)]


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def shares(matrix):
    """Singular values as shares of the matrix's norm."""
    return np.linalg.svd(matrix, compute_uv=False) / np.linalg.norm(matrix)


def orthogonalized(matrix):
    """Jordan et al. 2024 in float64, the polynomial taken of the singular values themselves."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values = values / np.linalg.norm(values)
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left * values @ right


MATRICES = {
    "wide": random(16, 75),
    "tall": random(576, 64),
    "square": random(16, 16),
    "one row": random(1, 8),
    "one column": random(40, 1),
    "rank one": np.outer(random(12), random(9)),
    "badly conditioned": np.linalg.qr(random(24, 16))[0] * np.geomspace(1, 1e-5, 16) @ np.linalg.qr(random(16, 16))[0],
}


class TestOrthogonalized:
    @pytest.mark.parametrize("kind", MATRICES)
    @pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
    def test_against_singular_values(self, kind, scale):
        matrix = MATRICES[kind]
        found = np.asarray(muon.orthogonalized(tf.constant(scale * matrix, tf.float32)))
        np.testing.assert_allclose(found, orthogonalized(matrix), atol=1e-3)

    @pytest.mark.parametrize("kind", MATRICES)
    def test_what_the_docstring_promises(self, kind):
        matrix = MATRICES[kind]
        found = np.asarray(muon.orthogonalized(tf.constant(matrix, tf.float32)))
        # Small ones stay below all others, so that both lists are in the same order.
        before, after = shares(matrix), np.linalg.svd(found, compute_uv=False)
        large, rest = after[: np.sum(before > 0.0015)], before[before <= 0.0015]
        assert large.min() > 0.68
        assert large.max() < 1.21
        np.testing.assert_allclose(after[len(large) :], 485 * rest, rtol=0.1, atol=1e-3)

    def test_nothing_stays_nothing(self):
        np.testing.assert_array_equal(muon.orthogonalized(tf.zeros((5, 3))), 0)


@pytest.fixture
def variables():
    return [keras.Variable(random(*shape, seed=1), dtype="float32", name="kernel") for shape in SHAPES]


def gradients(step):
    return [random(*shape, seed=10 + step) for shape in SHAPES]


def apply(optimizer, variables, steps):
    for step in steps:
        given = [tf.constant(gradient, tf.float32) for gradient in gradients(step)]
        optimizer.apply(given, variables)


def changes(variables, before):
    return [variable.numpy() - value for variable, value in zip(variables, before, strict=True)]


class TestSteps:
    def test_of_convolutions(self, variables):
        optimizer, expected, mean = muon.Muon(RATE), variables[0].numpy().astype(np.float64), 0.0
        for step in range(4):
            apply(optimizer, variables, [step])
            gradient = gradients(step)[0].reshape(36, 6)
            mean = 0.95 * mean + 0.05 * gradient
            ahead = orthogonalized(0.95 * mean + 0.05 * gradient)
            expected = expected - RATE * 0.6 * 36**0.5 * ahead.reshape(3, 3, 4, 6)
            np.testing.assert_allclose(variables[0], expected, atol=1e-5)

    @pytest.mark.parametrize("index", [1, 2])
    def test_of_all_else(self, variables, index):
        """Kingma and Ba 2015, algorithm 1."""
        optimizer, expected = muon.Muon(RATE), variables[index].numpy().astype(np.float64)
        mean, square = 0.0, 0.0
        for step in range(6):
            apply(optimizer, variables, [step])
            gradient = gradients(step)[index]
            mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * gradient**2
            ahead = mean / (1 - 0.9 ** (step + 1)) / (np.sqrt(square / (1 - 0.99 ** (step + 1))) + 1e-8)
            expected = expected - RATE * ahead
            np.testing.assert_allclose(variables[index], expected, atol=1e-5)

    def test_a_schedule_holds_for_both(self, variables):
        rates = keras.optimizers.schedules.PiecewiseConstantDecay([0], [RATE, 3 * RATE])
        scheduled, plain = muon.Muon(rates), muon.Muon(RATE)
        others = [keras.Variable(variable.numpy(), name="kernel") for variable in variables]
        for factor, step in ((1, 0), (3, 1)):
            before = [[each.numpy() for each in several] for several in (variables, others)]
            apply(scheduled, variables, [step])
            apply(plain, others, [step])
            for ours, theirs in zip(changes(variables, before[0]), changes(others, before[1]), strict=True):
                np.testing.assert_allclose(ours, factor * theirs, atol=1e-5)

    @pytest.mark.parametrize(
        ("name", "shape", "matrix"),
        [
            ("kernel", (5, 5, 3, 16), True),
            ("kernel", (3, 3, 16, 64), True),
            ("kernel", (1, 1, 64, 16), True),
            ("kernel", (3, 3, 4, 4), True),
            ("kernel", (3, 3, 64, 3), False),  # To colours.
            ("kernel", (9, 9, 32, 3), False),
            ("kernel", (3, 3, 64, 1), False),  # Depthwise.
            ("bias", (64,), False),
            ("gamma", (8, 1, 1, 64), False),  # One scale for each picture of a batch.
        ],
    )
    def test_which_are_matrices(self, name, shape, matrix):
        """Adam's first step is the learning rate, whatever the gradient; an orthogonal one has another size."""
        variable = keras.Variable(np.zeros(shape, np.float32), name=name)
        muon.Muon(RATE).apply([tf.constant(random(*shape), tf.float32)], [variable])
        steps = np.abs(variable.numpy())
        if matrix:
            assert np.sqrt(np.mean(steps**2)) == pytest.approx(0.6 * RATE, rel=0.25)
            assert steps.std() > 0.1 * RATE
        else:
            np.testing.assert_allclose(steps, RATE, rtol=1e-4)


def taught(optimizer):
    """A convolutional network that is to learn what another one, drawn at random, does; losses of every step."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    teacher, pupil = (
        keras.Sequential([layers.Conv2D(8, 3), layers.DepthwiseConv2D(3, activation="relu"), layers.Conv2D(3, 1)])
        for _ in range(2)
    )
    photos = random(4, 16, 16, 3).astype(np.float32)
    pupil.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    return pupil.fit(photos, teacher(photos), batch_size=4, epochs=60, verbose=0).history["loss"]


@pytest.mark.slow
def test_learns_a_small_network():
    losses = taught(muon.Muon(keras.optimizers.schedules.CosineDecay(0.05, 60)))
    assert losses[-1] < 0.15 * losses[0]


class TestState:
    def test_goes_through_variables(self, variables):
        first, second = muon.Muon(RATE), muon.Muon(RATE)
        apply(first, variables, range(3))
        state = [variable.numpy() for variable in first.variables]
        copies = [keras.Variable(variable.numpy(), name="kernel") for variable in variables]
        second.build(copies)
        for variable, value in zip(second.variables, state, strict=True):
            variable.assign(value)
        apply(first, variables, [3, 4])
        apply(second, copies, [3, 4])
        for ours, theirs in zip(variables, copies, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_without_it_the_next_step_is_another(self, variables):
        first, second = muon.Muon(RATE), muon.Muon(RATE)
        apply(first, variables, range(3))
        copies = [keras.Variable(variable.numpy(), name="kernel") for variable in variables]
        apply(first, variables, [3])
        apply(second, copies, [3])
        for ours, theirs in zip(variables, copies, strict=True):
            assert np.abs(ours.numpy() - theirs.numpy()).max() > 0.1 * RATE

    def test_matrices_have_no_mean_squares(self, variables):
        optimizer = muon.Muon(RATE)
        optimizer.build(variables)
        steps_and_rate = 2
        assert len(optimizer.variables) == steps_and_rate + 3 + 2
        optimizer.build(variables)
        assert len(optimizer.variables) == steps_and_rate + 3 + 2


# A step in Keras' own, compiled training, with gradients that are what is given: the loss is their product with all.
_ELSEWHERE = """
import sys
from tfstyle.runtime import keras
import numpy as np
from tfstyle.training import muon
given = np.load("given.npz")
before, steps = ([given[f"{kind} {index}"] for index in range(3)] for kind in ("before", "gradients"))

class Product(keras.Model):
    def __init__(self):
        super().__init__()
        self.kept = [self.add_weight(shape=value.shape, name="kernel") for value in before]
    def call(self, inputs):
        rows = np.concatenate([value.reshape(len(value), -1) for value in steps], axis=1)
        flat = keras.ops.concatenate([keras.ops.reshape(each, (-1,)) for each in self.kept])
        return keras.ops.sum(keras.ops.matmul(inputs, rows) * flat, axis=-1)

model = Product()
model(np.zeros((1, len(steps[0])), np.float32))
for variable, value in zip(model.kept, before):
    variable.assign(value)
model.compile(optimizer=muon.Muon(0.01), loss=lambda _, product: keras.ops.sum(product), jit_compile=True)
model.fit(np.eye(len(steps[0]), dtype=np.float32), np.zeros(len(steps[0])), batch_size=1, shuffle=False, verbose=0)
np.savez("result.npz", *[keras.ops.convert_to_numpy(variable) for variable in model.kept])
print(keras.backend.backend(), "tensorflow" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed")
def test_makes_the_same_steps_on_jax(variables, tmp_path):
    before = {f"before {index}": variable.numpy() for index, variable in enumerate(variables)}
    steps = zip(*[gradients(step) for step in range(4)], strict=True)
    given = {f"gradients {index}": np.stack(each).astype(np.float32) for index, each in enumerate(steps)}
    np.savez(tmp_path / "given.npz", **before, **given)
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE],
        cwd=tmp_path,
        env={**os.environ, "TFSTYLE_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "jax False"
    apply(muon.Muon(RATE), variables, range(4))
    result = np.load(tmp_path / "result.npz")
    for variable, name in zip(variables, result.files, strict=True):
        np.testing.assert_allclose(variable, result[name], atol=1e-4)
