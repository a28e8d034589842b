"""The perceptual loss: its terms, weights and targets against NumPy."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from tfstyle import errors, features, losses, perceptual

CONTENT, STYLE = ("conv4_2",), ("conv1_1", "conv2_1", "conv4_2")
LAYERS = ("conv4_2", "conv1_1", "conv2_1")


@pytest.fixture(scope="module")
def model(tiny_weights):
    return features.build("vgg19", LAYERS, tiny_weights)


def objective(**changes) -> perceptual.Objective:
    content, style = dict.fromkeys(CONTENT, 2.0), {"conv1_1": 3.0, "conv2_1": 5.0, "conv4_2": 7.0}
    return perceptual.Objective(**({"content": content, "style": style, "variation": 0.5, "pixels": 11.0} | changes))


@pytest.fixture
def loss(model, photo, painting):
    def make(**changes) -> perceptual.PerceptualLoss:
        targets = perceptual.content_targets(model, photo, CONTENT), perceptual.style_grams(model, painting, STYLE)
        return perceptual.PerceptualLoss(model, objective(**changes), *targets, photo)

    return make


@pytest.fixture(scope="module")
def other():
    """Some picture that is neither the photo nor the painting."""
    return np.random.default_rng(9).uniform(0, 255, (1, 40, 56, 3)).astype(np.float32)


def numbers(terms) -> dict[str, float]:
    return {name: float(value) for name, value in terms.items()}


def gradient(function, at) -> np.ndarray:
    point = tf.constant(at)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = function(point)
    return tape.gradient(value, point).numpy()


# --------------------------------------------------------------------------------------------------------- objective


def test_an_objective_looks_at_each_layer_once_content_first():
    assert objective().layers == LAYERS
    assert perceptual.Objective({}, {}).layers == ()


WEIGHTS = [
    ("content/conv4_2", 2.0),
    ("style/conv4_2", 7.0),
    ("style/conv1_1", 3.0),
    ("variation", 0.5),
    ("pixels", 11.0),
]


@pytest.mark.parametrize(("term", "expected"), WEIGHTS)
def test_a_terms_name_gives_its_weight(term, expected):
    assert objective().weight(term) == expected


# ------------------------------------------------------------------------------------------------------------- terms


@pytest.mark.parametrize("form", losses.CONTENT)
def test_terms_against_numpy(loss, tiny_weights, photo, painting, *, other, form):
    ours = numbers(loss(form=form).terms(other))
    f, p, a = (reference.vgg(image[0].astype(np.float64), tiny_weights) for image in (other, photo, painting))
    difference = f["conv4_2"] - p["conv4_2"]
    content = {
        "gatys": np.sum(difference**2) / 2,
        "mean": np.mean(difference**2),
        "relative": np.mean(difference**2) / np.mean(p["conv4_2"] ** 2),
    }
    assert ours["content/conv4_2"] == pytest.approx(content[form], rel=1e-3)
    for name in STYLE:
        gram, target = reference.gram(f[name][None])[0], reference.gram(a[name][None])[0]
        scale = np.sum(target**2) if form == "relative" else 4 * len(gram) ** 2
        assert ours[f"style/{name}"] == pytest.approx(np.sum((gram - target) ** 2) / scale, rel=1e-3)
    assert ours["pixels"] == pytest.approx(np.mean((other / 255.0 - photo / 255.0) ** 2), rel=1e-4)
    steps = [np.diff(other.astype(np.float64) / 255, axis=axis) for axis in (1, 2)]
    assert ours["variation"] == pytest.approx(sum(np.mean(step**2) for step in steps), rel=1e-4)
    assert list(ours) == ["content/conv4_2", *(f"style/{name}" for name in STYLE), "variation", "pixels"]


def test_the_photo_has_no_content_loss_and_the_painting_no_style_loss(loss, model, photo, painting):
    at_photo = numbers(loss().terms(photo))
    assert at_photo["content/conv4_2"] == 0
    assert at_photo["pixels"] == 0
    assert min(at_photo[f"style/{name}"] for name in STYLE) > 1e-3
    grams = perceptual.style_grams(model, painting, STYLE)
    only_style = perceptual.PerceptualLoss(model, perceptual.Objective({}, dict.fromkeys(STYLE, 1.0)), {}, grams)
    assert max(numbers(only_style.terms(painting)).values()) < 1e-10


@pytest.mark.parametrize(
    ("changes", "absent"),
    [({"variation": 0}, "variation"), ({"pixels": 0}, "pixels"), ({"content": {}}, "content/conv4_2")],
)
def test_terms_without_weight_are_not_computed(loss, other, changes, absent):
    everything, fewer = loss().terms(other), loss(**changes).terms(other)
    assert set(everything) - set(fewer) == {absent}


def test_without_a_network_pixels_and_variation_remain(photo, other):
    plain = perceptual.PerceptualLoss(None, perceptual.Objective({}, {}, variation=1, pixels=1), {}, {}, photo)
    assert set(plain.terms(other)) == {"variation", "pixels"}
    assert numbers(plain.terms(photo))["pixels"] == 0


def test_total_is_the_weighted_sum(loss, other):
    one = loss()
    terms = numbers(one.terms(other))
    expected = (
        2 * terms["content/conv4_2"]
        + 3 * terms["style/conv1_1"]
        + 5 * terms["style/conv2_1"]
        + 7 * terms["style/conv4_2"]
        + 0.5 * terms["variation"]
        + 11 * terms["pixels"]
    )
    assert float(one.total(one.terms(other))) == pytest.approx(expected, rel=1e-5)
    assert one.total(dict.fromkeys(terms, 1.0)) == 2 + 3 + 5 + 7 + 0.5 + 11


def test_summary_adds_up_by_kind_to_the_total(loss, other):
    one = loss()
    terms = numbers(one.terms(other))
    sums = perceptual.summary(terms, one.objective)
    assert list(sums) == ["content", "style", "variation", "pixels"]
    assert sum(sums.values()) == pytest.approx(float(one.total(one.terms(other))), rel=1e-5)
    assert sums["style"] == pytest.approx(sum(objective().style[name] * terms[f"style/{name}"] for name in STYLE))
    assert perceptual.summary({"variation": 4.0}, one.objective) == {"variation": 2.0}


@pytest.mark.parametrize("form", losses.CONTENT)
def test_the_gradient_points_uphill(loss, other, form):
    one = loss(form=form)
    total = lambda image: one.total(one.terms(image))  # noqa: E731
    slope = gradient(total, other)
    direction = slope / np.abs(slope).max()
    ahead, behind = (float(total(other + step * direction)) for step in (0.5, -0.5))
    assert ahead - behind == pytest.approx(float(np.sum(slope.astype(np.float64) * direction)), rel=0.02)


def test_terms_are_float32_in_every_number_format(tiny_weights, photo, painting, other):
    rough = features.build("vgg19", LAYERS, tiny_weights, dtype="bfloat16")
    content, grams = perceptual.content_targets(rough, photo, CONTENT), perceptual.style_grams(rough, painting, STYLE)
    assert {value.dtype for value in [*content.values(), *grams.values()]} == {tf.float32}
    one = perceptual.PerceptualLoss(rough, objective(), content, grams, photo)
    terms = one.terms(other)
    assert {keras.backend.standardize_dtype(value.dtype) for value in terms.values()} == {"float32"}
    exact_model = features.build("vgg19", LAYERS, tiny_weights)
    targets = (
        perceptual.content_targets(exact_model, photo, CONTENT),
        perceptual.style_grams(exact_model, painting, STYLE),
    )
    exact = perceptual.PerceptualLoss(exact_model, objective(), *targets, photo).terms(other)
    for name, value in numbers(terms).items():
        assert value == pytest.approx(float(exact[name]), rel=0.05), name


def test_the_network_is_not_among_the_variables_of_a_trainer(loss):
    class Trainer(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.judge = loss()

    assert Trainer().variables == []


# ----------------------------------------------------------------------------------------------------------- targets


def test_targets_are_features_and_grams(model, photo, painting, tiny_weights):
    content = perceptual.content_targets(model, photo, CONTENT)
    assert list(content) == list(CONTENT)
    assert content["conv4_2"].shape == (1, 5, 7, 12)
    expected = reference.vgg(painting[0].astype(np.float64), tiny_weights)
    grams = perceptual.style_grams(model, painting, STYLE)
    assert list(grams) == list(STYLE)
    for name in STYLE:
        target = reference.gram(expected[name][None])
        np.testing.assert_allclose(grams[name], target, atol=1e-4 * target.max())


def test_a_mask_leaves_out_part_of_the_painting(model, painting):
    """Half the painting is transparent: what is painted there (noise) hardly shows in the deep layers, and not at all
    in the first but for one row of pixels along the edge."""
    spoiled = painting.copy()
    spoiled[:, 24:] = np.random.default_rng(0).uniform(0, 255, spoiled[:, 24:].shape)
    mask = np.zeros(painting.shape[:3], np.float32)
    mask[:, :22] = 1
    clean, masked, unmasked = (
        perceptual.style_grams(model, image, STYLE, weights)
        for image, weights in ((painting, mask), (spoiled, mask), (spoiled, None))
    )
    np.testing.assert_allclose(masked["conv1_1"], clean["conv1_1"], rtol=1e-5)
    for name in STYLE:
        error, worst = (np.linalg.norm(grams[name] - clean[name]) for grams in (masked, unmasked))
        assert error < 0.5 * worst, name


def test_a_mask_of_ones_changes_nothing(model, painting):
    plain = perceptual.style_grams(model, painting, STYLE)
    masked = perceptual.style_grams(model, painting, STYLE, np.ones(painting.shape[:3], np.float32))
    for name in STYLE:
        np.testing.assert_allclose(masked[name], plain[name], rtol=1e-4)


# ------------------------------------------------------------------------------------------------------------- blend


def test_the_loss_to_a_blend_differs_from_the_sum_of_losses_by_a_constant(model, photo, painting, other):
    styles = [perceptual.style_grams(model, image, STYLE) for image in (painting, other)]
    shares = (3.0, 1.0)
    goal = perceptual.Objective({}, dict.fromkeys(STYLE, 1.0), form="gatys")

    def sum_of_losses(image):
        each = [perceptual.PerceptualLoss(model, goal, {}, grams) for grams in styles]
        return sum(share / 4 * one.total(one.terms(image)) for share, one in zip(shares, each, strict=True))

    mixed = perceptual.PerceptualLoss(model, goal, {}, perceptual.blend(styles, shares))
    loss_to_blend = lambda image: mixed.total(mixed.terms(image))  # noqa: E731
    ours, expected = gradient(loss_to_blend, photo), gradient(sum_of_losses, photo)
    np.testing.assert_allclose(ours, expected, atol=1e-3 * np.abs(expected).max())
    gaps = [float(sum_of_losses(image) - loss_to_blend(image)) for image in (photo, 255 - photo)]
    assert gaps[0] == pytest.approx(gaps[1], rel=1e-2)
    assert gaps[0] > 0


@pytest.mark.parametrize(("shares", "expected"), [([1, 1], 4.0), ([3, 1], 3.0), ([0.3, 0.1], 3.0), ([0, 5], 6.0)])
def test_blend_is_the_weighted_mean_at_any_scale(shares, expected):
    styles = [{"conv1_1": np.full((2, 2), value, np.float32)} for value in (2, 6)]
    np.testing.assert_allclose(perceptual.blend(styles, shares)["conv1_1"], np.full((2, 2), expected), rtol=1e-6)


def test_one_style_blends_to_itself(model, painting):
    grams = perceptual.style_grams(model, painting, STYLE)
    blended = perceptual.blend([grams], [0.7])
    for name in STYLE:
        np.testing.assert_allclose(blended[name], grams[name], rtol=1e-6)


@pytest.mark.parametrize(("count", "shares"), [(2, [1.0]), (1, [1.0, 2.0])])
def test_blend_requires_one_weight_per_style(count, shares):
    with pytest.raises(errors.InputError, match=f"{len(shares)} style weights for {count} styles"):
        perceptual.blend([{"conv1_1": np.eye(2)}] * count, shares)


def test_blend_requires_a_style():
    with pytest.raises(errors.InputError, match="no style"):
        perceptual.blend([], [])


# ------------------------------------------------------------------------------------------------------ broken losses


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_the_first_broken_term_is_named(bad):
    assert perceptual.first_broken({"a": 1.0, "b": bad, "c": float("nan")}) == "b"


def test_nothing_is_broken_among_numbers():
    assert perceptual.first_broken({"a": 1.0, "b": 0.0, "c": -1e30}) is None
    assert perceptual.first_broken({}) is None
