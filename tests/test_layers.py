"""Layers of the networks against NumPy and TensorFlow's own operations, at sizes known and unknown."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfstyle import layers


@pytest.mark.parametrize(
    ("shape", "size"), [((1, 4, 5, 3), 1), ((2, 3, 7, 1), 3), ((1, 1, 1, 2), 1), ((1, 5, 5, 1), 0)]
)
def test_pads_by_the_mirror_image_with_the_edge_repeated(shape, size):
    image = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    result = layers.MirrorPadding(size)(image).numpy()
    expected = np.pad(image, ((0, 0), (size, size), (size, size), (0, 0)), "symmetric")
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(expected, np.pad(image, ((0, 0), (size,) * 2, (size,) * 2, (0, 0)), "symmetric"))


def test_the_row_beyond_the_border_is_the_row_at_the_border():
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
    padded = layers.MirrorPadding(1)(image).numpy()[0, :, :, 0]
    np.testing.assert_array_equal(padded[0, 1:-1], image[0, 0, :, 0])
    np.testing.assert_array_equal(padded[1:-1, -1], image[0, :, -1, 0])
    assert padded[0, 0] == 0  # the corner, too
    assert padded[-1, -1] == 11


def test_a_margin_wider_than_the_map_is_an_error():
    with pytest.raises(ValueError, match="no 3 rows"):
        layers.MirrorPadding(3)(np.zeros((1, 2, 9, 1), np.float32))


def test_works_at_sizes_known_only_later():
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, layers.MirrorPadding(2)(inputs))
    assert model.output.shape == (None, None, None, 2)
    assert model(np.zeros((1, 4, 6, 2), np.float32)).shape == (1, 8, 10, 2)
    assert model.compute_output_shape((3, 5, 7, 2)) == (3, 9, 11, 2)


def test_gradients_of_mirrored_pixels_add_up():
    image = tf.zeros((1, 3, 3, 1))
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = tf.reduce_sum(layers.MirrorPadding(1)(image))
    expected = [[4, 2, 4], [2, 1, 2], [4, 2, 4]]  # how often each pixel occurs in the padded image
    np.testing.assert_array_equal(tape.gradient(value, image)[0, :, :, 0], expected)


def test_is_saved_and_loaded_with_its_size():
    layer = layers.MirrorPadding(3, name="margin", dtype="bfloat16")
    again = layers.MirrorPadding.from_config(layer.get_config())
    assert (again.size, again.name, again.compute_dtype) == (3, "margin", "bfloat16")


def test_has_no_weights_and_keeps_the_number_format():
    layer = layers.MirrorPadding(1, dtype="bfloat16")
    assert layer(np.zeros((1, 2, 2, 1), np.float32)).dtype == tf.bfloat16
    assert layer.weights == []


# ------------------------------------------------------------------------------------------------------------- helpers


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).uniform(-3, 3, shape).astype(np.float32)


def at_unknown_size(layer: keras.layers.Layer, image: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """What a layer returns within a model, and within a graph, that know nothing but the channels."""
    inputs = [keras.Input((None, None, each.shape[-1])) for each in (image, *others)]
    model = keras.Model(inputs, layer(*inputs))
    specs = [tf.TensorSpec([None, None, None, each.shape[-1]]) for each in (image, *others)]
    traced = tf.function(lambda *tensors: model(list(tensors)), input_signature=specs)
    result = model([image, *others]).numpy()
    np.testing.assert_allclose(traced(image, *others), result, rtol=1e-5, atol=1e-5)
    return result


SHAPES = [(1, 1, 1, 3), (2, 1, 7, 1), (1, 5, 3, 2), (2, 8, 12, 3), (1, 33, 70, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_mirror_padding_of_unknown_sizes(shape):
    image = random(*shape)
    expected = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
    np.testing.assert_array_equal(at_unknown_size(layers.MirrorPadding(1), image), expected)


class TestPadToMultiple:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("multiple", [1, 4, 8])
    def test_mirrors_at_the_far_ends(self, shape, multiple):
        image = random(*shape)
        _, height, width, _ = shape
        missing = ((0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0))
        expected = np.pad(image, missing, "symmetric")  # Mirrors again and again, as far as needed.
        np.testing.assert_array_equal(layers.PadToMultiple(multiple)(image), expected)
        np.testing.assert_array_equal(at_unknown_size(layers.PadToMultiple(multiple), image), expected)

    def test_says_its_size_as_far_as_known(self):
        layer = layers.PadToMultiple(4)
        assert layer.compute_output_shape((2, 5, 8, 3)) == (2, 8, 8, 3)
        assert layer.compute_output_shape((None, None, 1, 3)) == (None, None, 4, 3)
        assert layer(keras.Input((None, 9, 3))).shape == (None, None, 12, 3)

    def test_is_saved_with_its_number(self):
        again = layers.PadToMultiple.from_config(layers.PadToMultiple(6, name="even").get_config())
        assert (again.multiple, again.name) == (6, "even")


class TestCrop:
    @pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 8), (1, 3)])
    def test_keeps_the_top_left(self, height, width):
        image, like = random(2, 8, 8, 3), np.zeros((2, height, width, 1), np.float32)
        np.testing.assert_array_equal(layers.Crop()(image, like), image[:, :height, :width])
        np.testing.assert_array_equal(at_unknown_size(layers.Crop(), image, like), image[:, :height, :width])

    def test_undoes_the_padding(self):
        image = random(1, 5, 7, 3)
        np.testing.assert_array_equal(layers.Crop()(layers.PadToMultiple(4)(image), image), image)

    def test_is_saved(self):
        assert layers.Crop.from_config(layers.Crop(name="cut").get_config()).name == "cut"


def normed(image: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float) -> np.ndarray:
    """Ulyanov, Vedaldi and Lempitsky 2016, equation 2, picture by picture and channel by channel, float64."""
    result = np.empty(image.shape)
    for picture in range(image.shape[0]):
        for channel in range(image.shape[3]):
            values = image[picture, :, :, channel].astype(np.float64)
            scale = gamma[channel] / np.sqrt(values.var() + epsilon)
            result[picture, :, :, channel] = (values - values.mean()) * scale + beta[channel]
    return result


class TestInstanceNorm:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_against_numpy(self, shape):
        layer = layers.InstanceNorm(epsilon=0.1)
        layer.build(shape)
        gamma, beta = np.arange(1.0, 1 + shape[-1]), np.arange(shape[-1]) - 0.5
        layer.set_weights([gamma, beta])
        image = random(*shape) * 7 + 100
        expected = normed(image, gamma, beta, 0.1)
        np.testing.assert_allclose(layer(image), expected, atol=1e-4)
        np.testing.assert_allclose(at_unknown_size(layer, image), expected, atol=1e-4)

    def test_new_ones_give_mean_nought_and_deviation_one(self):
        result = layers.InstanceNorm()(random(2, 20, 30, 4)).numpy()
        np.testing.assert_allclose(result.mean((1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(result.std((1, 2)), 1, atol=1e-3)

    def test_pictures_of_a_batch_do_not_see_each_other(self):
        layer, batch = layers.InstanceNorm(), random(3, 6, 6, 2) * np.float32([1, 10, 100])[:, None, None, None]
        alone = np.concatenate([layer(batch[index : index + 1]) for index in range(3)])
        np.testing.assert_allclose(layer(batch), alone, atol=1e-5)

    def test_statistics_are_exact_in_a_narrow_format(self):
        """bfloat16 has 8 bits: sums of a thousand pixels in it would be off by far more than its own rounding."""
        image = tf.cast(random(1, 40, 40, 3) + 20, "bfloat16")
        layer = layers.InstanceNorm(dtype="mixed_bfloat16")
        result = layer(image)
        assert result.dtype == tf.bfloat16
        expected = normed(tf.cast(image, "float32").numpy(), np.ones(3), np.zeros(3), 1e-5)
        np.testing.assert_allclose(tf.cast(result, "float32"), expected, rtol=2**-8, atol=1e-3)

    def test_is_saved_with_its_epsilon(self):
        again = layers.InstanceNorm.from_config(layers.InstanceNorm(0.25, name="norm").get_config())
        assert (again.epsilon, again.name) == (0.25, "norm")

    def test_two_weights_per_channel(self):
        layer = layers.InstanceNorm()
        layer.build((None, None, None, 5))
        assert [(weight.name, weight.shape) for weight in layer.trainable_weights] == [("gamma", (5,)), ("beta", (5,))]


class TestLinearUpsampling:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_is_bilinear_resizing_of_the_mirrored_map(self, shape):
        """TensorFlow's own, of which only what lies inside the border is kept: centres are a quarter pixel off."""
        image = random(*shape)
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        _, height, width, _ = padded.shape
        expected = tf.image.resize(padded, (2 * height, 2 * width), "bilinear")[:, 2:-2, 2:-2]
        np.testing.assert_allclose(layers.LinearUpsampling()(padded), expected, atol=1e-5)
        np.testing.assert_allclose(at_unknown_size(layers.LinearUpsampling(), padded), expected, atol=1e-5)

    def test_shares_of_one_pixel(self):
        """Nine sixteenths for its own block's pixels, a quarter as much for each step away (NumPy, by hand)."""
        image = np.zeros((1, 5, 5, 1), np.float32)
        image[0, 2, 2] = 16
        share = np.array([0, 1, 3, 3, 1, 0])  # Quarters, along a row.
        np.testing.assert_allclose(layers.LinearUpsampling()(image)[0, :, :, 0], np.outer(share, share), atol=1e-5)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_what_is_even_stays_even_to_the_bit(self, dtype):
        """Whatever the number: normalisations after it take a difference in the last bit for detail of a flat map."""
        image = np.broadcast_to(random(1, 1, 1, 999), (1, 4, 5, 999))
        given = tf.cast(image, dtype)
        painted = layers.LinearUpsampling(dtype=dtype)(given)
        assert painted.shape == (1, 4, 6, 999)
        np.testing.assert_array_equal(tf.cast(painted, "float32"), np.broadcast_to(given[:, :1, :1], painted.shape))

    def test_channels_stay_apart(self):
        image = random(1, 5, 6, 3)
        alone = [layers.LinearUpsampling()(image[..., channel : channel + 1]) for channel in range(3)]
        np.testing.assert_allclose(layers.LinearUpsampling()(image), np.concatenate(alone, axis=-1), atol=1e-6)

    def test_keeps_the_number_format(self):
        assert layers.LinearUpsampling(dtype="bfloat16")(random(1, 3, 3, 2)).dtype == tf.bfloat16

    def test_is_saved(self):
        assert layers.LinearUpsampling.from_config(layers.LinearUpsampling(name="up").get_config()).name == "up"


def in_their_places(phases: np.ndarray) -> np.ndarray:
    """``[B, H, W, 4 C]`` to ``[B, 2 H, 2 W, C]``, by NumPy."""
    batch, height, width, channels = phases.shape
    blocks = np.reshape(phases, (batch, height, width, 2, 2, channels // 4))
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, channels // 4)


class TestInterleave:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_puts_the_pixels_of_each_block_in_rows(self, shape):
        phases = random(*shape[:3], 4 * shape[3])
        np.testing.assert_array_equal(layers.Interleave()(phases), in_their_places(phases))
        np.testing.assert_array_equal(at_unknown_size(layers.Interleave(), phases), in_their_places(phases))

    def test_is_saved(self):
        assert layers.Interleave.from_config(layers.Interleave(name="places").get_config()).name == "places"


class TestLinearPhases:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_are_those_of_the_enlarged_map(self, shape):
        padded = np.pad(random(*shape), ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        phases = at_unknown_size(layers.LinearPhases(), padded)
        np.testing.assert_array_equal(in_their_places(phases), layers.LinearUpsampling()(padded))


class TestGridFilter:
    def test_takes_out_what_repeats_every_four_pixels(self):
        """A grid on a picture that is bright on one side: the grid goes, but for the border, and the slope stays."""
        tile = np.random.default_rng(4).normal(size=(4, 4))
        grid = np.tile(5 * (tile - tile.mean()), (40, 40))[None, ..., None].astype(np.float32)
        slope = np.linspace(50, 200, 160, dtype=np.float32)[None, None, :, None] * np.ones((1, 160, 1, 1), np.float32)
        filtered = layers.GridFilter(9)(slope + grid).numpy()
        np.testing.assert_allclose(filtered[:, 24:-24, 24:-24], slope[:, 24:-24, 24:-24], atol=0.1)
        assert np.abs(filtered - slope).max() < np.abs(grid).max()

    def test_leaves_other_detail(self):
        """Waves of period 5 and 11; and noise, of whose power one part in fifty counts as grid."""
        rows, columns = np.mgrid[:160, :160]
        waves = (np.sin(2 * np.pi * rows / 5) + np.sin(2 * np.pi * columns / 11))[None, ..., None].astype(np.float32)
        filtered = layers.GridFilter(9)(waves).numpy()
        np.testing.assert_allclose(filtered[:, 24:-24, 24:-24], waves[:, 24:-24, 24:-24], atol=0.1)
        noise = random(1, 160, 160, 1)
        taken = layers.GridFilter(9)(noise).numpy() - noise
        assert np.var(taken) < np.var(noise) / 50

    @pytest.mark.parametrize("shape", [(1, 4, 4, 3), (2, 8, 4, 1), (1, 64, 12, 2)])
    def test_is_gentle_to_small_pictures(self, shape):
        picture = random(*shape)
        filtered = at_unknown_size(layers.GridFilter(9), picture)
        assert filtered.shape == shape
        assert np.abs(filtered - picture).max() < 0.25 * np.ptp(picture)
        np.testing.assert_array_equal(layers.GridFilter(9)(np.full(shape, 7, np.float32)), np.full(shape, 7))

    def test_is_saved_with_its_size(self):
        assert layers.GridFilter.from_config(layers.GridFilter(5).get_config()).blocks == 5


class TestRestrained:
    def test_passes_on_and_adds_the_mean_square_of_what_is_beyond(self):
        layer, numbers = layers.Restrained(3, weight=0.5), np.array([[-5, 0, 1], [2.9, 3.5, 4]], np.float32)
        np.testing.assert_array_equal(layer(numbers), numbers)
        assert [float(loss) for loss in layer.losses] == [pytest.approx(0.5 * (4 + 0.25 + 1) / 6)]
        layer(numbers)
        assert len(layer.losses) == 1

    def test_is_saved_with_its_settings(self):
        copy = layers.Restrained.from_config(layers.Restrained(2, weight=0.3).get_config())
        assert (copy.limit, copy.weight) == (2, 0.3)


class TestPhasesConv:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_is_the_convolution_of_the_mirrored_large_map(self, shape):
        phases = random(*shape[:3], 4 * shape[3])
        layer = layers.PhasesConv(5)
        layer.build(phases.shape)
        kernel = random(3, 3, shape[-1], 5)
        layer.set_weights([kernel])
        large = np.pad(in_their_places(phases), ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        expected = tf.nn.conv2d(large, kernel, 1, "VALID")
        np.testing.assert_allclose(in_their_places(layer(phases).numpy()), expected, atol=1e-4)
        np.testing.assert_allclose(in_their_places(at_unknown_size(layer, phases)), expected, atol=1e-4)

    def test_gradients_reach_kernel_and_map(self):
        layer, phases = layers.PhasesConv(2), tf.constant(random(1, 4, 5, 12))
        with tf.GradientTape() as tape:
            tape.watch(phases)
            value = tf.reduce_sum(layer(phases))
        kernel, below = tape.gradient(value, [layer.kernel.value, phases])
        assert kernel.shape == (3, 3, 3, 2)
        assert np.abs(kernel).min() > 0
        assert np.abs(below).min() > 0

    def test_is_saved_with_its_filters_and_start(self):
        layer = layers.PhasesConv(6, kernel_initializer="zeros", name="colours")
        again = layers.PhasesConv.from_config(layer.get_config())
        assert (again.filters, again.name) == (6, "colours")
        assert np.abs(again(random(1, 2, 2, 4))).max() == 0

    def test_keeps_the_number_format(self):
        assert layers.PhasesConv(2, dtype="mixed_bfloat16")(random(1, 3, 3, 4)).dtype == tf.bfloat16


class TestUpsampledConv:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_is_interpolation_then_convolution(self, shape):
        """TensorFlow's own bilinear resizing of the mirrored map, then its own convolution of what lies inside."""
        image = random(*shape)
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        layer = layers.UpsampledConv(4)
        layer.build(padded.shape)
        kernel, bias = random(3, 3, shape[-1], 4), random(4)
        layer.set_weights([kernel, bias])
        _, height, width, _ = padded.shape
        inside = tf.image.resize(padded, (2 * height, 2 * width), "bilinear")[:, 1:-1, 1:-1]
        expected = tf.nn.conv2d(inside, kernel, 1, "VALID") + bias
        np.testing.assert_allclose(in_their_places(layer(padded).numpy()), expected, atol=1e-4)
        np.testing.assert_allclose(in_their_places(at_unknown_size(layer, padded)), expected, atol=1e-4)

    def test_a_slope_stays_without_a_grid_whatever_the_kernel(self):
        rows, columns = np.mgrid[:10, :12]
        slope = (3.0 * rows - 2.0 * columns + 7)[None, :, :, None].astype(np.float32)
        layer = layers.UpsampledConv(2)
        layer.build(slope.shape)
        layer.set_weights([random(3, 3, 1, 2), random(2)])
        result = in_their_places(layer(slope).numpy())
        for axis in (1, 2):
            steps = np.diff(result, axis=axis)
            np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1, :1], steps.shape), atol=1e-3)

    def test_gradients_reach_kernel_bias_and_map(self):
        layer, image = layers.UpsampledConv(2), tf.constant(random(1, 4, 5, 3))
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = tf.reduce_sum(layer(image))
        kernel, bias, below = tape.gradient(value, [*(each.value for each in layer.trainable_weights), image])
        assert kernel.shape == (3, 3, 3, 2)
        np.testing.assert_allclose(bias, 4 * 6)  # One for each pixel that comes out.
        assert np.abs(below).min() > 0

    def test_is_saved_with_its_filters(self):
        again = layers.UpsampledConv.from_config(layers.UpsampledConv(6, name="up").get_config())
        assert (again.filters, again.name) == (6, "up")

    def test_keeps_the_number_format(self):
        assert layers.UpsampledConv(2, dtype="mixed_bfloat16")(random(1, 3, 3, 1)).dtype == tf.bfloat16
