"""Layers of the networks against NumPy and TensorFlow's own operations, at sizes known and unknown."""

import keras
import maps
import numpy as np
import pytest
import tensorflow as tf

from tfstyle import layers


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 4, 5, 3), 1), ((2, 3, 7, 1), 3), ((1, 1, 1, 2), 1), ((1, 5, 5, 1), 0), ((2, 2, 5, 3), 2), ((1, 4, 9, 2), 4)],
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
    with pytest.raises(ValueError, match="too small to mirror a margin of 3"):
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


@pytest.mark.parametrize("shape", maps.SHAPES)
def test_mirror_padding_of_unknown_sizes(shape):
    image = maps.random(*shape)
    expected = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
    np.testing.assert_array_equal(maps.at_unknown_size(layers.MirrorPadding(1), image), expected)


class TestEdgePadding:
    @pytest.mark.parametrize("shape", maps.SHAPES)
    @pytest.mark.parametrize("size", [0, 1, 2, 5])
    def test_repeats_the_outermost_pixels_however_small_the_map(self, shape, size):
        image = maps.random(*shape)
        expected = np.pad(image, ((0, 0), (size, size), (size, size), (0, 0)), "edge")
        np.testing.assert_array_equal(layers.EdgePadding(size)(image), expected)
        np.testing.assert_array_equal(maps.at_unknown_size(layers.EdgePadding(size), image), expected)

    def test_is_saved_with_its_size(self):
        again = layers.EdgePadding.from_config(layers.EdgePadding(2, name="edge").get_config())
        assert (again.size, again.name) == (2, "edge")


@pytest.mark.parametrize("size", [1, 2])
def test_nothing_is_reversed_for_a_narrow_border(size):
    """LiteRT's delegate for processors knows no reversal and would hand the map back and forth."""
    graph = tf.function(layers.MirrorPadding(size)).get_concrete_function(tf.TensorSpec([1, None, None, 2])).graph
    assert not [each.name for each in graph.get_operations() if "Reverse" in each.type]


class TestPadToMultiple:
    @pytest.mark.parametrize("shape", maps.SHAPES)
    @pytest.mark.parametrize("multiple", [1, 4, 8])
    def test_mirrors_at_the_far_ends(self, shape, multiple):
        image = maps.random(*shape)
        _, height, width, _ = shape
        missing = ((0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0))
        expected = np.pad(image, missing, "symmetric")  # Mirrors again and again, as far as needed.
        np.testing.assert_array_equal(layers.PadToMultiple(multiple)(image), expected)
        np.testing.assert_array_equal(maps.at_unknown_size(layers.PadToMultiple(multiple), image), expected)

    def test_known_sides_of_the_output_shape(self):
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
        image, like = maps.random(2, 8, 8, 3), np.zeros((2, height, width, 1), np.float32)
        np.testing.assert_array_equal(layers.Crop()(image, like), image[:, :height, :width])
        np.testing.assert_array_equal(maps.at_unknown_size(layers.Crop(), image, like), image[:, :height, :width])

    def test_undoes_the_padding(self):
        image = maps.random(1, 5, 7, 3)
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
    @pytest.mark.parametrize("shape", maps.SHAPES)
    def test_against_numpy(self, shape):
        layer = layers.InstanceNorm(epsilon=0.1)
        layer.build(shape)
        gamma, beta = np.arange(1.0, 1 + shape[-1]), np.arange(shape[-1]) - 0.5
        layer.set_weights([gamma, beta])
        image = maps.random(*shape) * 7 + 100
        expected = normed(image, gamma, beta, 0.1)
        np.testing.assert_allclose(layer(image), expected, atol=1e-4)
        np.testing.assert_allclose(maps.at_unknown_size(layer, image), expected, atol=1e-4)

    def test_new_layers_give_mean_zero_and_deviation_one(self):
        result = layers.InstanceNorm()(maps.random(2, 20, 30, 4)).numpy()
        np.testing.assert_allclose(result.mean((1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(result.std((1, 2)), 1, atol=1e-3)

    def test_pictures_of_a_batch_do_not_see_each_other(self):
        layer, batch = layers.InstanceNorm(), maps.random(3, 6, 6, 2) * np.float32([1, 10, 100])[:, None, None, None]
        alone = np.concatenate([layer(batch[index : index + 1]) for index in range(3)])
        np.testing.assert_allclose(layer(batch), alone, atol=1e-5)

    def test_statistics_are_exact_in_a_narrow_format(self):
        """bfloat16 has 8 bits: sums of a thousand pixels in it would be off by far more than its own rounding."""
        image = tf.cast(maps.random(1, 40, 40, 3) + 20, "bfloat16")
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


class TestRestrained:
    def test_adds_the_mean_squared_excess_to_the_losses(self):
        layer, numbers = layers.Restrained(3, weight=0.5), np.array([[-5, 0, 1], [2.9, 3.5, 4]], np.float32)
        np.testing.assert_array_equal(layer(numbers), numbers)
        assert [float(loss) for loss in layer.losses] == [pytest.approx(0.5 * (4 + 0.25 + 1) / 6)]
        layer(numbers)
        assert len(layer.losses) == 1

    def test_is_saved_with_its_settings(self):
        copy = layers.Restrained.from_config(layers.Restrained(2, weight=0.3).get_config())
        assert (copy.limit, copy.weight) == (2, 0.3)
