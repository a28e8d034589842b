"""The minimizers against exact solutions, textbook formulas and SciPy."""

import itertools
from collections.abc import Callable

import drawn
import keras
import numpy as np
import pytest
import reference
import scipy.optimize
import tensorflow as tf

from tfstyle import features, perceptual, weights
from tfstyle.optimization import minimizers

KINDS = {"lbfgs": minimizers.LBFGS, "adam": minimizers.Adam, "sgd": minimizers.SGD}
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


class Watched:
    """An objective of float64 NumPy functions that remembers where it was asked."""

    def __init__(self, loss: Callable[[np.ndarray], float], gradient: Callable[[np.ndarray], np.ndarray]) -> None:
        self._loss, self._gradient = loss, gradient
        self.images: list[np.ndarray] = []

    def __call__(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, int]:
        point = image.numpy().astype(np.float64)
        self.images.append(point)
        gradient = self._gradient(point.ravel()).reshape(point.shape)
        loss = tf.constant(self._loss(point.ravel()), tf.float32)
        return loss, tf.constant(gradient, tf.float32), len(self.images)


def bowl(centre: np.ndarray, hessian: np.ndarray, offset: float = 0.0) -> Watched:
    """1/2 (x - c)^T H (x - c) + offset."""
    return Watched(lambda x: (x - centre) @ hessian @ (x - centre) / 2 + offset, lambda x: hessian @ (x - centre))


def random_hessian(size: int, condition: float, seed: int = 0) -> np.ndarray:
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    return turn @ np.diag(np.geomspace(1, condition, size)) @ turn.T / condition


def start(size: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).uniform(20, 235, size).astype(np.float32)


def run(minimizer: minimizers.Minimizer, evaluations: int) -> list[float]:
    """Losses after each step, the start's first."""
    result = [minimizer.loss]
    while minimizer.evaluations < evaluations and not minimizer.converged:
        result.append(minimizer.step())
    return result


# ----------------------------------------------------------------------------------------------------- exact solutions


def exact(centre: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """The bowl's lowest point within 0..255, by SciPy's active-set method (Stark and Parker 1995)."""
    root = np.linalg.cholesky(hessian).T
    return scipy.optimize.lsq_linear(root, root @ centre, (0, 255), method="bvls", tol=1e-12).x


@pytest.mark.parametrize("seed", range(5))
def test_lbfgs_finds_the_lowest_point_within_bounds(seed):
    hessian, centre = random_hessian(24, 50, seed), np.random.default_rng(seed).uniform(-200, 455, 24)
    objective, expected = bowl(centre, hessian), exact(centre, hessian)
    assert np.sum((expected <= 0) | (expected >= 255)) >= 3  # the bounds matter
    minimizer = minimizers.LBFGS(objective, start(24))
    run(minimizer, 150)
    np.testing.assert_allclose(minimizer.image, expected, atol=0.3)
    lowest = (expected - centre) @ hessian @ (expected - centre) / 2
    assert minimizer.loss == pytest.approx(lowest, rel=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_minimizers_are_made_by_name(name):
    minimizer = minimizers.create(name, bowl(np.full(6, 90.0), np.eye(6)), start(6))
    assert type(minimizer) is KINDS[name]
    np.testing.assert_array_equal(minimizer.image, start(6))


@pytest.mark.parametrize(
    ("name", "rate", "first"), [("adam", 4.0, 4.0), ("adam", 0, 2.0), ("sgd", 4.0, 4.0), ("sgd", 0, 1.0)]
)
def test_the_rate_is_the_first_step_in_grey_levels(name, rate, first):
    minimizer = minimizers.create(name, bowl(np.full(6, 300.0), np.eye(6)), np.full(6, 90, np.float32), rate)
    minimizer.step()
    np.testing.assert_allclose(minimizer.image, np.full(6, 90 + first), rtol=1e-5)


@EVERY
def test_every_minimizer_comes_close(kind):
    hessian, centre = random_hessian(24, 10), np.random.default_rng(1).uniform(-100, 355, 24)
    expected = exact(centre, hessian)
    minimizer = kind(bowl(centre, hessian), start(24))
    losses = run(minimizer, 400)
    lowest = (expected - centre) @ hessian @ (expected - centre) / 2
    assert minimizer.loss - lowest < 1e-3 * (losses[0] - lowest)


def test_lbfgs_follows_rosenbrocks_valley():
    scaled = lambda x: x / 100  # noqa: E731 - the minimum at 1 is grey level 100
    objective = Watched(lambda x: scipy.optimize.rosen(scaled(x)), lambda x: scipy.optimize.rosen_der(scaled(x)) / 100)
    minimizer = minimizers.LBFGS(objective, np.float32([10, 200, 30, 180]))
    run(minimizer, 200)
    np.testing.assert_allclose(minimizer.image, np.full(4, 100), atol=0.5)


def test_lbfgs_copes_with_ill_conditioned_valleys():
    hessian, centre = random_hessian(40, 1e5), np.full(40, 127.0)
    losses = run(minimizers.LBFGS(bowl(centre, hessian), start(40)), 150)
    downhill = run(minimizers.SGD(bowl(centre, hessian), start(40)), 150)
    assert losses[-1] < 1e-3 * losses[0]
    assert losses[-1] < 0.05 * downhill[-1]


def test_lbfgs_solves_a_sphere_in_a_few_steps():
    minimizer = minimizers.LBFGS(bowl(np.full(9, 100.0), np.eye(9)), start(9))
    run(minimizer, 8)
    np.testing.assert_allclose(minimizer.image, np.full(9, 100), atol=1e-2)


@EVERY
@pytest.mark.parametrize("factor", [1e-8, 1.0, 1e8])
def test_the_scale_of_the_loss_does_not_matter(kind, factor):
    hessian, centre = random_hessian(12, 30), np.random.default_rng(2).uniform(0, 255, 12)
    plain, scaled = (kind(bowl(centre, scale * hessian), start(12)) for scale in (1.0, factor))
    first, second = run(plain, 20), run(scaled, 20)
    np.testing.assert_allclose(np.array(second) / factor, first, rtol=0.05, atol=1e-4 * first[0])


# -------------------------------------------------------------------------------------------- bounds, descent, accounts


@EVERY
def test_never_asks_beyond_the_bounds(kind):
    objective = bowl(np.random.default_rng(0).uniform(-900, 1100, 27), random_hessian(27, 100))
    minimizer = kind(objective, np.random.default_rng(1).uniform(-50, 300, (1, 3, 3, 3)).astype(np.float32))
    run(minimizer, 80)
    asked = np.array(objective.images)
    assert asked.shape[1:] == (1, 3, 3, 3) == tuple(minimizer.image.shape)
    assert asked.min() >= 0
    assert asked.max() <= 255


@EVERY
def test_counts_evaluations_and_shows_the_current_point(kind):
    objective = bowl(np.full(6, 90.0), random_hessian(6, 20))
    minimizer = kind(objective, start(6))
    for _ in range(6):
        minimizer.step()
        assert minimizer.evaluations == len(objective.images)
        np.testing.assert_array_equal(objective.images[minimizer.extras - 1], minimizer.image)


@pytest.mark.parametrize("condition", [1, 1e2, 1e4])
def test_the_loss_never_rises_beyond_rounding(condition):
    losses = run(minimizers.LBFGS(bowl(np.full(30, 40.0), random_hessian(30, condition), 5.0), start(30)), 100)
    assert all(after <= before * (1 + 2e-6) for before, after in itertools.pairwise(losses))
    assert losses[-1] < 0.1 * losses[0]


@EVERY
def test_a_point_without_slope_stays(kind):
    minimizer = kind(bowl(np.full(6, 90.0), np.eye(6)), np.full(6, 90, np.float32))
    for _ in range(3):
        minimizer.step()
    np.testing.assert_array_equal(minimizer.image, np.full(6, 90))


def test_lbfgs_says_when_it_has_converged():
    minimizer = minimizers.LBFGS(bowl(np.full(6, 90.0), np.eye(6)), np.full(6, 90, np.float32))
    assert not minimizer.converged
    minimizer.step()
    assert minimizer.converged
    assert minimizer.evaluations == 1


def test_a_corner_that_the_slope_points_out_of_is_converged():
    minimizer = minimizers.LBFGS(bowl(np.array([-50.0, 300.0]), np.eye(2)), np.float32([0, 255]))
    minimizer.step()
    assert minimizer.converged
    np.testing.assert_array_equal(minimizer.image, [0, 255])


def test_lbfgs_converges_after_a_while_at_the_bottom():
    minimizer = minimizers.LBFGS(bowl(np.full(6, 90.0), np.diag([1, 2, 3, 4, 5, 6.0])), start(6))
    run(minimizer, 200)
    assert minimizer.converged
    assert minimizer.evaluations < 200
    assert minimizer.loss < 1e-6


# ------------------------------------------------------------------------------------------------ broken, noisy losses


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("broken", ["loss", "gradient", "both"])
def test_long_steps_into_nonsense_are_shortened(bad, broken):
    """Finite within a tenth of a grey level of the way to the lowest point, nonsense elsewhere."""
    centre = np.full(6, 120.0)
    fine = lambda x: np.abs(x - 20).max() < 2  # noqa: E731
    loss = lambda x: np.sum((x - centre) ** 2) if fine(x) or broken == "gradient" else bad  # noqa: E731
    slope = lambda x: 2 * (x - centre) if fine(x) or broken == "loss" else np.full(6, bad)  # noqa: E731
    minimizer = minimizers.LBFGS(Watched(loss, slope), np.full(6, 20, np.float32), first_step=50.0)
    losses = run(minimizer, 60)
    assert np.isfinite(losses).all()
    assert np.isfinite(minimizer.image).all()
    assert np.isfinite(minimizer.state()["pairs"]).all()
    assert losses[-1] < losses[0]
    assert fine(minimizer.image.numpy())


def test_a_start_of_nonsense_ends_at_once_where_it_is():
    minimizer = minimizers.LBFGS(Watched(lambda _: np.nan, lambda x: np.full(x.shape, np.nan)), start(6))
    minimizer.step()
    assert minimizer.converged
    np.testing.assert_array_equal(minimizer.image, start(6))


@pytest.mark.parametrize("seed", range(3))
def test_rounding_of_the_loss_does_not_end_the_search(seed):
    """The loss is rounded like a sum of float32: far more coarsely than what a step near the end gains."""
    generator, hessian, centre = np.random.default_rng(seed), random_hessian(30, 1e3), np.full(30, 100.0)
    clean = bowl(centre, hessian, offset=500.0)

    def noisy(image):
        loss, gradient, extras = clean(image)
        return loss * (1 + 2e-7 * generator.standard_normal()), gradient, extras

    minimizer = minimizers.LBFGS(noisy, start(30))
    losses = run(minimizer, 150)
    assert len(losses) > 30
    assert losses[-1] - 500 < 2e-3
    assert np.abs(minimizer.image - centre).max() < 5


@pytest.mark.parametrize(("rise", "accepted"), [(3e-7, True), (1e-5, False)])
def test_a_rise_as_small_as_rounding_is_no_ascent(rise, accepted):
    """Every loss is a little higher than the one before, whatever the image."""
    objective = Watched(lambda _: 1000 * (1 + rise * len(objective.images)), lambda x: 1e-6 * (x - 100))
    minimizer = minimizers.LBFGS(objective, start(12), first_step=1.0)
    minimizer.step()
    moved = not np.array_equal(minimizer.image, start(12))
    assert (moved, minimizer.converged, minimizer.evaluations == 2) == (accepted, not accepted, accepted)


# ------------------------------------------------------------------------------------------------- going on to the bits


@EVERY
@pytest.mark.parametrize("steps", [0, 1, 4, 15])
def test_goes_on_from_a_saved_state_to_the_same_bits(kind, steps, tmp_path):
    def make(image):
        return kind(bowl(np.linspace(-50, 300, 24), random_hessian(24, 200)), image)

    whole = make(start(24).reshape(1, 2, 4, 3))
    for _ in range(steps):
        whole.step()
    np.savez(tmp_path / "state.npz", **whole.state())
    again = make(np.zeros((1, 2, 4, 3), np.float32))
    with np.load(tmp_path / "state.npz") as state:
        again.restore(dict(state))
    assert again.evaluations == whole.evaluations
    for _ in range(12):
        assert whole.step() == again.step()
        np.testing.assert_array_equal(whole.image, again.image)
        assert (whole.evaluations, whole.converged) == (again.evaluations, again.converged)
    assert whole.loss < make(start(24).reshape(1, 2, 4, 3)).loss


def test_a_converged_run_is_still_converged_when_restored():
    done = minimizers.LBFGS(bowl(np.full(3, 90.0), np.eye(3)), np.full(3, 90, np.float32))
    done.step()
    again = minimizers.LBFGS(bowl(np.full(3, 90.0), np.eye(3)), np.zeros(3, np.float32))
    again.restore(done.state())
    assert again.converged


@EVERY
def test_a_state_is_a_copy(kind):
    minimizer = kind(bowl(np.full(6, 90.0), random_hessian(6, 20)), start(6))
    minimizer.step()
    state = minimizer.state()
    kept = {name: array.copy() for name, array in state.items()}
    minimizer.step()
    for name, array in kept.items():
        np.testing.assert_array_equal(state[name], array)


# ------------------------------------------------------------------------------------------------------------ textbooks


def history(count: int, size: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    generator, hessian = np.random.default_rng(seed), random_hessian(size, 100, seed)
    steps = [generator.standard_normal(size) for _ in range(count)]
    return steps, [hessian @ step for step in steps], generator.standard_normal(size)


@pytest.mark.parametrize(("count", "newest"), [(0, 0), (1, 0), (3, 2), (5, 4), (5, 1)])
def test_two_loops_on_products_equal_two_loops_on_vectors(count, newest):
    memory, (steps, changes, gradient) = 5, history(count, 20)
    vectors = np.zeros((2 * memory + 1, 20))
    vectors[:count], vectors[memory : memory + count], vectors[-1] = steps or 0, changes or 0, gradient
    order = [(newest + 1 + age) % memory for age in range(count)] if count == memory else list(range(count))
    ours = minimizers._two_loops(vectors @ vectors.T, order, memory) @ vectors
    expected = reference.lbfgs_direction(gradient, [steps[row] for row in order], [changes[row] for row in order])
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-10)


def test_two_loops_pass_over_pairs_without_curvature():
    steps, changes, gradient = history(3, 20)
    changes[1] = -changes[1]
    vectors = np.stack([*steps, *changes, gradient])
    ours = minimizers._two_loops(vectors @ vectors.T, [0, 1, 2], 3) @ vectors
    expected = reference.lbfgs_direction(gradient, [steps[0], steps[2]], [changes[0], changes[2]])
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("steps", [1, 4, 9])
@pytest.mark.parametrize("reach", [(60, 190), (-400, 600)], ids=["inside", "at the bounds"])
def test_the_direction_is_the_textbooks_among_the_free_pixels(steps, reach):
    memory, centre = 4, np.random.default_rng(3).uniform(*reach, 30)
    hessian = random_hessian(30, 40)
    minimizer = minimizers.LBFGS(bowl(centre, hessian), start(30), memory=memory)
    points = [minimizer.image.numpy().astype(np.float64)]
    for _ in range(steps):
        minimizer.step()
        points.append(minimizer.image.numpy().astype(np.float64))
    gradients = [hessian @ (point - centre) for point in points]
    held = ((points[-1] <= 0) & (gradients[-1] > 0)) | ((points[-1] >= 255) & (gradients[-1] < 0))
    pairs = [[after - before for before, after in itertools.pairwise(list_)][-memory:] for list_ in (points, gradients)]
    assert all(step @ change > 0 for step, change in zip(*pairs, strict=True))
    expected = -reference.lbfgs_direction(np.where(held, 0, gradients[-1]), *pairs)
    ours = minimizer._direction().numpy()
    np.testing.assert_allclose(ours[~held], expected[~held], rtol=2e-2, atol=1e-3 * np.abs(expected).max())
    np.testing.assert_array_equal(ours[held], 0)


def test_the_first_step_of_lbfgs_is_straight_downhill_of_the_length_asked_for():
    objective = bowl(np.full(8, 90.0), np.diag(np.arange(1.0, 9.0)))
    minimizer = minimizers.LBFGS(objective, start(8), first_step=3.0)
    minimizer.step()
    begin, slope = start(8).astype(np.float64), np.arange(1.0, 9.0) * (start(8) - 90.0)
    np.testing.assert_allclose(objective.images[1], begin - 3 * slope / np.abs(slope).mean(), rtol=1e-5)


def test_adam_is_algorithm_1_of_kingma_and_ba():
    hessian, centre = random_hessian(10, 20), np.full(10, 120.0)
    minimizer = minimizers.Adam(bowl(centre, hessian), start(10), rate=1.5, decay=(0.8, 0.95))
    x, m, v = start(10).astype(np.float64), 0.0, 0.0
    for t in range(1, 16):
        g = hessian @ (x - centre)
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
        x = x - 1.5 * (m / (1 - 0.8**t)) / np.sqrt(v / (1 - 0.95**t))
        minimizer.step()
        np.testing.assert_allclose(minimizer.image, x, atol=1e-2)


def test_sgd_is_polyaks_momentum_in_units_of_the_first_gradient():
    hessian, centre = random_hessian(10, 20), np.full(10, 120.0)
    minimizer = minimizers.SGD(bowl(centre, hessian), start(10), rate=2.0, momentum=0.7)
    x, velocity = start(10).astype(np.float64), 0.0
    unit = np.abs(hessian @ (x - centre)).mean()
    for _ in range(15):
        velocity = 0.7 * velocity - 2.0 * hessian @ (x - centre) / unit
        x = x + velocity
        minimizer.step()
        np.testing.assert_allclose(minimizer.image, x, atol=1e-2)


def test_the_base_class_leaves_the_step_to_others():
    with pytest.raises(TypeError, match="abstract.*step"):
        minimizers.Minimizer(bowl(np.zeros(3), np.eye(3)), start(3))


# ----------------------------------------------------------------------------------------------------- SciPy's L-BFGS-B

HEIGHT, WIDTH, EVALUATIONS = 40, 48, 60


@pytest.fixture(scope="module")
def network() -> keras.Model:
    spec = weights.BACKBONES["compact"]
    return features.build("compact", spec.content_layers + spec.style_layers, weights.load("compact"))


def style_transfer(network: keras.Model, photo: np.ndarray, painting: np.ndarray) -> minimizers.LossFunction:
    """The slow path's default loss."""
    spec = weights.BACKBONES["compact"]
    objective = perceptual.Objective(
        dict.fromkeys(spec.content_layers, 1.0), dict.fromkeys(spec.style_layers, 6.0), variation=0.5
    )
    content = perceptual.content_targets(network, photo, spec.content_layers)
    grams = perceptual.style_grams(network, painting, spec.style_layers)
    loss = perceptual.PerceptualLoss(network, objective, content, grams)

    @tf.function
    def evaluate(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = loss.terms(image)
            total = loss.total(terms)
        return total, tape.gradient(total, image), terms

    return evaluate


def scipys_best(objective: minimizers.LossFunction, image: np.ndarray) -> float:
    losses = []

    def evaluate(flat: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient, _ = objective(tf.constant(flat.reshape(image.shape), tf.float32))
        losses.append(float(loss))
        return losses[-1], gradient.numpy().astype(np.float64).ravel()

    options = {"maxcor": 10, "ftol": 0, "gtol": 0, "maxfun": EVALUATIONS, "maxiter": 10**6}
    scipy.optimize.minimize(
        evaluate, image.ravel(), method="L-BFGS-B", jac=True, bounds=[(0, 255)] * image.size, options=options
    )
    assert len(losses) >= EVALUATIONS
    return min(losses[:EVALUATIONS])


def our_last(objective: minimizers.LossFunction, image: np.ndarray) -> float:
    minimizer = minimizers.LBFGS(objective, image)
    loss = minimizer.loss
    while minimizer.evaluations < EVALUATIONS and not minimizer.converged:
        after = minimizer.step()
        loss = after if minimizer.evaluations <= EVALUATIONS else loss
    return loss


@pytest.mark.parametrize("pair", [0, *(pytest.param(pair, marks=pytest.mark.slow) for pair in range(1, 5))])
def test_as_low_as_scipy_with_as_many_gradients(network, pair):
    photo = drawn.photo(HEIGHT, WIDTH, seed=10 + pair)[None].astype(np.float32)
    objective = style_transfer(network, photo, drawn.painting(HEIGHT + 8, WIDTH - 8, seed=20 + pair))
    ours, theirs = our_last(objective, photo), scipys_best(objective, photo)
    assert ours <= 1.01 * theirs
