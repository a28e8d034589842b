"""Mirror padding against NumPy, and what it is for: no border that a network can see."""

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
