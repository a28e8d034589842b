"""Every form of the losses, and their gradients, against the papers' formulas in float64 NumPy."""

import doctest

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from tfstyle import losses


def test_the_examples_in_the_docstrings():
    failures, count = doctest.testmod(losses)
    assert not failures
    assert count


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def number(value: tf.Tensor) -> float:
    return float(keras.ops.convert_to_numpy(value))


def gradient(function, at: np.ndarray) -> np.ndarray:
    point = tf.constant(at)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = function(point)
    return tape.gradient(value, point).numpy()


# ------------------------------------------------------------------------------------------------------- Gram matrix


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 1, 6, 3), (3, 7, 1, 1), (1, 1, 1, 4)])
def test_gram_is_the_mean_over_positions_of_products_of_channels(shape):
    features = noise(*shape)
    result = losses.gram_matrix(features).numpy()
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, reference.gram(features.astype(np.float64)), rtol=1e-4, atol=1e-6)


def test_gram_does_not_depend_on_the_size_of_a_repeated_pattern():
    small = noise(1, 4, 6, 3)
    large = np.tile(small, (1, 3, 2, 1))
    np.testing.assert_allclose(losses.gram_matrix(large), losses.gram_matrix(small), rtol=1e-5)


def test_gram_does_not_see_where_things_are():
    features = noise(1, 5, 6, 3)
    shuffled = np.random.default_rng(1).permutation(features.reshape(30, 3)).reshape(1, 5, 6, 3)
    np.testing.assert_allclose(losses.gram_matrix(shuffled), losses.gram_matrix(features), rtol=1e-4, atol=1e-6)


def test_gram_is_symmetric_and_has_no_negative_eigenvalue():
    result = losses.gram_matrix(noise(1, 2, 3, 12)).numpy()[0]  # rank 6 of 12
    np.testing.assert_array_equal(result, result.T)
    assert np.linalg.eigvalsh(result.astype(np.float64)).min() > -1e-5


def test_a_mask_weighs_positions():
    features, mask = noise(2, 5, 4, 3), np.random.default_rng(3).uniform(0, 1, (2, 5, 4)).astype(np.float32)
    expected = reference.gram(features.astype(np.float64), mask.astype(np.float64))
    np.testing.assert_allclose(losses.gram_matrix(features, mask), expected, rtol=1e-4, atol=1e-6)


def test_a_mask_of_zeros_and_ones_cuts_out():
    features, mask = noise(1, 6, 8, 3), np.zeros((1, 6, 8), np.float32)
    mask[:, 1:4, 2:7] = 1
    expected = losses.gram_matrix(features[:, 1:4, 2:7])
    np.testing.assert_allclose(losses.gram_matrix(features, mask), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("level", [0.01, 0.5, 1.0])
def test_an_even_mask_changes_nothing(level):
    features = noise(1, 6, 8, 3)
    mask = np.full((1, 6, 8), level, np.float32)
    np.testing.assert_allclose(losses.gram_matrix(features, mask), losses.gram_matrix(features), rtol=1e-5, atol=1e-6)


def test_a_mask_of_nothing_gives_zeros_not_nan():
    result = losses.gram_matrix(noise(1, 6, 8, 3), np.zeros((1, 6, 8), np.float32))
    np.testing.assert_array_equal(result, np.zeros((1, 3, 3)))


def plain_gram(features: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(features, (features.shape[0], -1, features.shape[-1]))
    return tf.matmul(flat, flat, transpose_a=True) / flat.shape[1]


@pytest.mark.parametrize("kind", ["any", "symmetric", "antisymmetric"])
def test_gradient_of_gram_equals_automatic_differentiation(kind):
    features, upstream = noise(2, 3, 5, 4), noise(2, 4, 4, seed=1)
    turned = upstream.transpose(0, 2, 1)
    upstream = {"any": upstream, "symmetric": upstream + turned, "antisymmetric": upstream - turned}[kind]
    ours = gradient(lambda f: tf.reduce_sum(upstream * losses.gram_matrix(f)), features)
    automatic = gradient(lambda f: tf.reduce_sum(upstream * plain_gram(f)), features)
    flat = features.reshape(2, 15, 4).astype(np.float64)
    closed = (flat @ (upstream + upstream.transpose(0, 2, 1)) / 15).reshape(features.shape)
    np.testing.assert_allclose(ours, automatic, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours, closed, rtol=1e-4, atol=1e-6)
    assert kind == "antisymmetric" or np.abs(ours).max() > 0.1


def test_gradient_of_a_masked_gram():
    features, upstream = noise(1, 3, 4, 3), noise(1, 3, 3, seed=1)
    mask = np.random.default_rng(3).uniform(0, 1, (1, 3, 4)).astype(np.float32)
    ours = gradient(lambda f: tf.reduce_sum(upstream * losses.gram_matrix(f, mask)), features)
    flat, weights = features.reshape(12, 3).astype(np.float64), mask.reshape(12, 1).astype(np.float64)
    closed = weights * (flat @ (upstream[0] + upstream[0].T)) / weights.sum()
    np.testing.assert_allclose(ours[0].reshape(12, 3), closed, rtol=1e-4, atol=1e-6)


def test_gradient_of_gram_through_a_graph_of_unknown_size():
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def energy(features: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(features)
            value = tf.reduce_sum(losses.gram_matrix(features) ** 2)
        return tape.gradient(value, features)

    features = noise(2, 4, 5, 3)
    flat = features.reshape(2, 20, 3).astype(np.float64)
    closed = 4 / 20 * flat @ reference.gram(features.astype(np.float64))
    np.testing.assert_allclose(energy(features).numpy().reshape(2, 20, 3), closed, rtol=1e-4, atol=1e-5)


def test_bfloat16_features_give_a_float32_gram_and_a_bfloat16_gradient():
    features = tf.cast(noise(1, 9, 11, 6) ** 2, tf.bfloat16)
    mask = np.full((1, 9, 11), 0.25, np.float32)
    expected = reference.gram(tf.cast(features, tf.float64).numpy())
    for result in (losses.gram_matrix(features), losses.gram_matrix(features, mask)):
        assert result.dtype == tf.float32
        np.testing.assert_allclose(result, expected, rtol=2**-7)  # bfloat16 has 8 bits
    with tf.GradientTape() as tape:
        tape.watch(features)
        value = tf.reduce_sum(losses.gram_matrix(features))
    change = tape.gradient(value, features)
    assert change.dtype == tf.bfloat16
    exact = 2 / 99 * tf.cast(features, tf.float64).numpy() @ np.ones((6, 6))
    np.testing.assert_allclose(tf.cast(change, tf.float64), exact, rtol=2**-6)


def test_gram_of_large_bfloat16_features_stays_finite():
    features = tf.cast(tf.fill((1, 64, 64, 4), 3e4), tf.bfloat16)  # float16 ends at 65504, its square far before
    np.testing.assert_allclose(losses.gram_matrix(features), np.full((1, 4, 4), 9e8), rtol=2**-6)


# --------------------------------------------------------------------------------------------------- forms of content

CONTENT = {
    "gatys": lambda f, p: np.sum((f - p) ** 2) / 2,
    "mean": lambda f, p: np.sum((f - p) ** 2) / f.size,
    "relative": lambda f, p: np.mean(np.sum((f - p) ** 2, (1, 2, 3)) / np.sum(p**2, (1, 2, 3))),
}


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 6, 1, 3)])
@pytest.mark.parametrize("form", CONTENT)
def test_content_against_its_formula(form, shape):
    features, target = noise(*shape), noise(*shape, seed=1)
    expected = CONTENT[form](features.astype(np.float64), target.astype(np.float64))
    assert number(losses.CONTENT[form](features, target)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", losses.CONTENT)
def test_content_of_the_photo_itself_is_zero(form):
    features = noise(1, 3, 4, 5)
    assert number(losses.CONTENT[form](features, features)) == 0


def relu(tensor: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(tensor)


def test_gradient_of_content_is_the_difference_where_the_rectifier_is_open():
    """Gatys 2015, equation 2: F - P where F > 0, else 0."""
    before, target = noise(1, 5, 6, 4), np.maximum(noise(1, 5, 6, 4, seed=1), 0)
    features = np.maximum(before.astype(np.float64), 0)
    expected = np.where(features > 0, features - target, 0)
    ours = gradient(lambda z: losses.content_gatys(relu(z), target), before)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    assert np.any((features == 0) & (target > 0))  # there F - P is not zero, but its gradient has to be


# ----------------------------------------------------------------------------------------------------- forms of style


def gatys_style(features: np.ndarray, painting: np.ndarray) -> float:
    """Equation 4 as printed, with unnormalized Gram matrices of equal size: 1 / (4 N^2 M^2) sum (G - A)^2."""
    n, m = features.shape[-1], features.shape[1] * features.shape[2]
    g, a = reference.gram(features) * m, reference.gram(painting) * m
    return np.sum((g - a) ** 2) / (4 * n**2 * m**2)


def course_style(features: np.ndarray, painting: np.ndarray) -> float:
    """J_s = 1 / (2 nH nW nC)^2 sum (G_S - G_G)^2, unnormalized Gram matrices, averaged over the batch."""
    _, height, width, channels = features.shape
    positions = height * width
    g, a = reference.gram(features) * positions, reference.gram(painting) * positions
    return np.sum((g - a) ** 2) / (2 * height * width * channels) ** 2 / len(features)


def relative_style(features: np.ndarray, painting: np.ndarray) -> float:
    g, a = reference.gram(features), reference.gram(painting)
    return np.mean(np.mean((g - a) ** 2, (1, 2)) / np.mean(a**2, (1, 2)))


STYLE = {"gatys": gatys_style, "mean": course_style, "relative": relative_style}


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 6, 2, 3)])
@pytest.mark.parametrize("form", STYLE)
def test_style_against_its_formula(form, shape):
    features, painting = noise(*shape), noise(*shape, seed=1)
    ours = losses.STYLE[form](losses.gram_matrix(features), losses.gram_matrix(painting))
    expected = STYLE[form](features.astype(np.float64), painting.astype(np.float64))
    assert number(ours) == pytest.approx(expected, rel=1e-4)


def test_for_one_picture_the_mean_form_of_style_is_the_papers():
    gram, target = losses.gram_matrix(noise(1, 3, 4, 5)), losses.gram_matrix(noise(1, 7, 2, 5, seed=1))
    assert number(losses.STYLE["mean"](gram, target)) == number(losses.STYLE["gatys"](gram, target))


@pytest.mark.parametrize("form", ["mean", "relative"])
def test_averaged_forms_do_not_depend_on_the_batch(form):
    features, target, painting = noise(1, 3, 4, 5), noise(1, 3, 4, 5, seed=1), noise(1, 7, 2, 5, seed=2)
    several, goals = np.repeat(features, 3, axis=0), np.repeat(target, 3, axis=0)
    gram = losses.gram_matrix(painting)[0]
    content, style = losses.CONTENT[form], losses.STYLE[form]
    assert number(content(several, goals)) == pytest.approx(number(content(features, target)), rel=1e-5)
    one, three = (number(style(losses.gram_matrix(each), gram)) for each in (features, several))
    assert three == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize("form", losses.STYLE)
def test_a_painting_is_one_matrix_or_one_for_each_picture(form):
    grams, target = losses.gram_matrix(noise(3, 4, 4, 5)), losses.gram_matrix(noise(1, 4, 4, 5, seed=1))
    repeated = np.repeat(target.numpy(), 3, axis=0)
    style = losses.STYLE[form]
    assert number(style(grams, target[0])) == pytest.approx(number(style(grams, repeated)), rel=1e-5)


@pytest.mark.parametrize("form", losses.STYLE)
def test_style_of_the_painting_itself_is_zero_and_of_another_size_comparable(form):
    painting = noise(1, 6, 8, 3)
    tiled = np.tile(painting, (1, 2, 3, 1))
    target = losses.gram_matrix(painting)
    assert number(losses.STYLE[form](target, target)) == 0
    assert number(losses.STYLE[form](losses.gram_matrix(tiled), target)) < 1e-10


def test_gradient_of_style_is_the_papers_where_the_rectifier_is_open():
    """Gatys 2015, equation 6: 1 / (N^2 M^2) (F^T (G - A)) where F > 0, else 0; G and A unnormalized."""
    before, painting = noise(1, 5, 6, 4), np.maximum(noise(1, 5, 6, 4, seed=1), 0).astype(np.float64)
    n, m = 4, 30
    flat = np.maximum(before.astype(np.float64), 0).reshape(m, n).T  # the paper's F, [N, M]
    other = painting.reshape(m, n).T
    closed = (flat.T @ (flat @ flat.T - other @ other.T)).T / (n**2 * m**2)
    closed = np.where(flat > 0, closed, 0).T.reshape(before.shape)
    target = losses.gram_matrix(painting.astype(np.float32))
    ours = gradient(lambda z: losses.style_gatys(losses.gram_matrix(relu(z)), target), before)
    np.testing.assert_allclose(ours, closed, rtol=1e-3, atol=1e-7)
    assert np.all(ours[before <= 0] == 0)


@pytest.mark.parametrize("kind", ["content", "style"])
def test_gradients_reach_the_pixels_through_a_convolution(kind):
    image, kernel, bias = noise(1, 7, 8, 3), noise(3, 3, 3, 5, seed=1), noise(5, seed=2)
    target = np.maximum(noise(1, 5, 6, 5, seed=3), 0)
    features = np.maximum(reference.correlate(image[0].astype(np.float64), kernel, bias), 0)
    if kind == "content":
        change = features - target[0]
        loss = lambda f: losses.content_gatys(f, target)  # noqa: E731
    else:
        difference = reference.gram(features[None])[0] - reference.gram(target.astype(np.float64))[0]
        change = features @ difference / (5**2 * 30)
        loss = lambda f: losses.style_gatys(losses.gram_matrix(f), losses.gram_matrix(target))  # noqa: E731
    closed = reference.correlate_back(np.where(features > 0, change, 0), kernel, image.shape[1:])
    network = lambda x: relu(tf.nn.conv2d(x, kernel, 1, "VALID") + bias)  # noqa: E731
    ours = gradient(lambda x: loss(network(x)), image)
    np.testing.assert_allclose(ours[0], closed, rtol=1e-3, atol=1e-4 * np.abs(closed).max())


# ------------------------------------------------------------------------------------------------- the relative form


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e4])
def test_the_relative_form_does_not_depend_on_the_scale_of_a_network(factor):
    features, target = noise(1, 5, 6, 4), noise(1, 5, 6, 4, seed=1)
    content, grams = losses.content_relative, (losses.gram_matrix(features), losses.gram_matrix(target))
    scaled = (losses.gram_matrix(factor * features), losses.gram_matrix(factor * target))
    expected = number(content(features, target))
    assert number(content(factor * features, factor * target)) == pytest.approx(expected, rel=1e-4)
    assert number(losses.style_relative(*scaled)) == pytest.approx(number(losses.style_relative(*grams)), rel=1e-4)


def test_relative_losses_are_one_where_nothing_is_left():
    target, nothing = noise(1, 5, 6, 4), np.zeros((1, 5, 6, 4), np.float32)
    assert number(losses.content_relative(nothing, target)) == pytest.approx(1, rel=1e-5)
    style = losses.style_relative(losses.gram_matrix(nothing), losses.gram_matrix(target))
    assert number(style) == pytest.approx(1, rel=1e-5)


def test_a_target_of_zeros_gives_numbers():
    features, nothing = noise(1, 5, 6, 4), np.zeros((1, 5, 6, 4), np.float32)
    assert np.isfinite(number(losses.content_relative(features, nothing)))
    assert number(losses.content_relative(nothing, nothing)) == 0
    empty = losses.gram_matrix(nothing)
    assert np.isfinite(number(losses.style_relative(losses.gram_matrix(features), empty)))
    assert number(losses.style_relative(empty, empty)) == 0


def test_the_tables_offer_the_same_forms():
    assert list(losses.CONTENT) == list(losses.STYLE) == ["gatys", "mean", "relative"]


# ------------------------------------------------------------------------------------------------------- smoothness


def variation_by_loops(image: np.ndarray) -> float:
    batch, height, width, channels = image.shape
    scaled, total = image.astype(np.float64) / 255, 0.0
    for down, right in ((1, 0), (0, 1)):
        squares = [
            (scaled[b, y + down, x + right, c] - scaled[b, y, x, c]) ** 2
            for b in range(batch)
            for y in range(height - down)
            for x in range(width - right)
            for c in range(channels)
        ]
        total += np.mean(squares) if squares else 0
    return total


@pytest.mark.parametrize("shape", [(1, 4, 6, 3), (2, 2, 2, 3), (1, 1, 5, 3), (1, 5, 1, 3), (1, 1, 1, 3)])
def test_variation_is_the_mean_square_of_steps_between_neighbors(shape):
    image = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    assert float(losses.total_variation(image)) == pytest.approx(variation_by_loops(image), rel=1e-5)


def test_variation_of_one_color_is_zero_and_of_a_checkerboard_two():
    board = np.indices((6, 8)).sum(axis=0) % 2 * 255.0
    assert number(losses.total_variation(np.full((1, 6, 8, 3), 93, np.float32))) == 0
    assert number(losses.total_variation(np.stack([board] * 3, -1)[None].astype(np.float32))) == pytest.approx(2)


def test_gradient_of_variation():
    image = np.random.default_rng(0).uniform(0, 255, (1, 4, 5, 3)).astype(np.float32)
    down, right = (np.diff(image.astype(np.float64), axis=axis) for axis in (1, 2))
    closed = np.zeros(image.shape)
    closed[:, 1:] += 2 * down / down.size
    closed[:, :-1] -= 2 * down / down.size
    closed[:, :, 1:] += 2 * right / right.size
    closed[:, :, :-1] -= 2 * right / right.size
    ours = gradient(losses.total_variation, image)
    np.testing.assert_allclose(ours, closed / 255**2, rtol=1e-4, atol=1e-9)


# -------------------------------------------------------------------------------------------------------------- grid


def grid_by_hand(image: np.ndarray, tile: int = 64) -> float:
    """Every tile's 16 means, one for each place in a block of 4 x 4, and their variance."""
    squares = []
    for picture in image.astype(np.float64) / 255:
        for top in range(0, picture.shape[0] - tile + 1, tile):
            for left in range(0, picture.shape[1] - tile + 1, tile):
                part = picture[top : top + tile, left : left + tile]
                means = [part[row::4, column::4].mean((0, 1)) for row in range(4) for column in range(4)]
                squares.append(np.square(means - np.mean(means, 0)))
    return float(np.mean(squares))


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (2, 130, 200, 3)])
def test_grid_is_the_variance_between_places_in_a_block(shape):
    image = np.random.default_rng(3).uniform(0, 255, shape).astype(np.float32)
    assert number(losses.grid(tf.constant(image))) == pytest.approx(grid_by_hand(image), rel=1e-3)


def test_grid_of_a_wave_depends_on_its_period():
    rows = np.arange(128)[:, None, None] * np.ones((1, 128, 3))

    def wave(period):
        return number(losses.grid(tf.constant((128 + 8 * np.sin(2 * np.pi * rows / period))[None], tf.float32)))

    assert wave(4) == pytest.approx((8 / 255) ** 2 / 2, rel=1e-3)
    assert wave(64) < 1e-3 * wave(4)
    assert wave(16) < 1e-6 * wave(4)


def test_a_picture_smaller_than_a_tile_has_no_grid():
    assert number(losses.grid(tf.zeros((1, 63, 200, 3)))) == 0


# ------------------------------------------------------------------------------------------------------------- weave


def grainy(deviation: float, shape=(1, 128, 128, 3)) -> np.ndarray:
    return np.random.default_rng(6).normal(128, deviation, shape)


def waves(period: float, color=(1, 1, 1), side: int = 128) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return np.cos(2 * np.pi / period * (rows + columns))[None, ..., None] * np.array(color)


def weave_of(image: np.ndarray) -> float:
    return number(losses.weave(tf.constant(image, tf.float32)))


def weave_by_hand(image: np.ndarray, tile: int = 64) -> float:
    """Bin by bin, with NumPy's Fourier transform."""
    opponents = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0], [-0.25, -0.25, 0.5]])
    window, total = np.outer(*[np.hanning(tile + 1)[:-1]] * 2), 0.0
    for picture in image:
        for weights in opponents:
            channel, levels = picture @ weights, []
            for top in range(0, channel.shape[0] - tile + 1, tile // 2):
                for left in range(0, channel.shape[1] - tile + 1, tile // 2):
                    part = channel[top : top + tile, left : left + tile]
                    power = np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2 / np.sum(window**2)
                    invisible = 0.25**2 / 4 * window.sum() ** 2 / np.sum(window**2)
                    levels.append(np.log10(power + invisible))
            total += excess_by_hand(np.mean(levels, axis=0))
    return total / len(image)


def excess_by_hand(level: np.ndarray) -> float:
    size, steps, total = len(level), range(-5, 6), 0.0
    for row in range(size):
        for column in range(size):
            if max(min(row, size - row), min(column, size - column)) < size / 16:
                continue
            ring = [
                level[(row + down) % size, (column + right) % size]
                for down in steps
                for right in steps
                if max(abs(down), abs(right)) >= 3
            ]
            total += max(level[row, column] - np.mean(ring) - 0.4, 0)
    return total


def test_weave_is_what_stands_out_of_the_spectrum():
    image = grainy(3, (2, 70, 100, 3)) + 6 * waves(9)[:, :70, :100]
    assert weave_of(image) == pytest.approx(weave_by_hand(image), rel=1e-3)
    assert weave_of(image) > 5


@pytest.mark.parametrize("period", [2, 3, 4, 6.5, 9, 13])
@pytest.mark.parametrize("color", [(1, 1, 1), (1, -1, 0), (-0.5, -0.5, 1)])
def test_weave_sees_every_period_and_color(period, color):
    found = [weave_of(grainy(3) + amplitude * waves(period, color)) for amplitude in (0, 3, 6)]
    assert found[0] < 0.2
    assert found[0] + 1 < found[1] < found[2]


def test_weave_sees_no_strokes_and_nothing_invisible():
    assert weave_of(grainy(3) + 20 * waves(32)) < 0.2
    assert weave_of(128 + 0.1 * waves(8)) == 0
    assert weave_of(np.full((1, 64, 64, 3), 50.0)) == 0


def test_a_picture_smaller_than_a_tile_has_no_weave():
    assert weave_of(grainy(3, (1, 63, 200, 3))) == 0


def test_gradient_of_weave_lessens_the_wave_not_its_neighborhood():
    wave = waves(9)
    image = (grainy(3) + 6 * wave).astype(np.float32)
    change = np.asarray(gradient(losses.weave, image), np.float64)
    assert np.isfinite(change).all()
    assert np.sum(change * wave) > 0
    moved = image - change / np.abs(change).max()
    assert weave_of(moved) < 0.97 * weave_of(image)
    assert np.square(moved - moved.mean()).mean() < np.square(image - image.mean()).mean()
