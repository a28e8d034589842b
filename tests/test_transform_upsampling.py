"""Layers that enlarge, against NumPy and TensorFlow's own operations, at sizes known and unknown."""

import maps
import numpy as np
import pytest
import tensorflow as tf

from tfstyle.transform import upsampling


class TestLinearUpsampling:
    @pytest.mark.parametrize("shape", maps.SHAPES)
    def test_is_bilinear_resizing_of_the_mirrored_map(self, shape):
        """TensorFlow's own, of which only what lies inside the border is kept: centres are a quarter pixel off."""
        image = maps.random(*shape)
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        _, height, width, _ = padded.shape
        expected = tf.image.resize(padded, (2 * height, 2 * width), "bilinear")[:, 2:-2, 2:-2]
        np.testing.assert_allclose(upsampling.LinearUpsampling()(padded), expected, atol=1e-5)
        np.testing.assert_allclose(maps.at_unknown_size(upsampling.LinearUpsampling(), padded), expected, atol=1e-5)

    def test_shares_of_one_pixel(self):
        """Nine sixteenths for its own block's pixels, a quarter as much for each step away (NumPy, by hand)."""
        image = np.zeros((1, 5, 5, 1), np.float32)
        image[0, 2, 2] = 16
        share = np.array([0, 1, 3, 3, 1, 0])  # Quarters, along a row.
        np.testing.assert_allclose(upsampling.LinearUpsampling()(image)[0, :, :, 0], np.outer(share, share), atol=1e-5)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_what_is_even_stays_even_to_the_bit(self, dtype):
        """Whatever the number: normalisations after it take a difference in the last bit for detail of a flat map."""
        image = np.broadcast_to(maps.random(1, 1, 1, 999), (1, 4, 5, 999))
        given = tf.cast(image, dtype)
        painted = upsampling.LinearUpsampling(dtype=dtype)(given)
        assert painted.shape == (1, 4, 6, 999)
        np.testing.assert_array_equal(tf.cast(painted, "float32"), np.broadcast_to(given[:, :1, :1], painted.shape))

    def test_channels_stay_apart(self):
        image = maps.random(1, 5, 6, 3)
        alone = [upsampling.LinearUpsampling()(image[..., channel : channel + 1]) for channel in range(3)]
        np.testing.assert_allclose(upsampling.LinearUpsampling()(image), np.concatenate(alone, axis=-1), atol=1e-6)

    def test_keeps_the_number_format(self):
        assert upsampling.LinearUpsampling(dtype="bfloat16")(maps.random(1, 3, 3, 2)).dtype == tf.bfloat16

    def test_is_saved(self):
        assert upsampling.LinearUpsampling.from_config(upsampling.LinearUpsampling(name="up").get_config()).name == "up"


def in_their_places(phases: np.ndarray) -> np.ndarray:
    """``[B, H, W, 4 C]`` to ``[B, 2 H, 2 W, C]``, by NumPy."""
    batch, height, width, channels = phases.shape
    blocks = np.reshape(phases, (batch, height, width, 2, 2, channels // 4))
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, channels // 4)


class TestInterleave:
    @pytest.mark.parametrize("shape", maps.SHAPES)
    def test_puts_the_pixels_of_each_block_in_rows(self, shape):
        phases = maps.random(*shape[:3], 4 * shape[3])
        np.testing.assert_array_equal(upsampling.Interleave()(phases), in_their_places(phases))
        np.testing.assert_array_equal(maps.at_unknown_size(upsampling.Interleave(), phases), in_their_places(phases))

    def test_is_saved(self):
        assert upsampling.Interleave.from_config(upsampling.Interleave(name="places").get_config()).name == "places"


class TestLinearPhases:
    @pytest.mark.parametrize("shape", maps.SHAPES)
    def test_are_those_of_the_enlarged_map(self, shape):
        padded = np.pad(maps.random(*shape), ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        phases = maps.at_unknown_size(upsampling.LinearPhases(), padded)
        np.testing.assert_array_equal(in_their_places(phases), upsampling.LinearUpsampling()(padded))

    @pytest.mark.parametrize("shape", maps.SHAPES)
    def test_rectified_before_they_are_put_together(self, shape):
        padded = np.pad(maps.random(*shape), ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        expected = np.maximum(upsampling.LinearPhases()(padded), 0)
        assert np.any(expected == 0)
        np.testing.assert_array_equal(upsampling.LinearPhases(rectify=True)(padded), expected)

    @pytest.mark.parametrize("shape", maps.SHAPES)
    def test_a_wider_border_of_the_small_map_is_a_mirrored_border_of_the_large_one(self, shape):
        """Next to the edge; `networks.Blocks.interpolated_with_border` relies on it."""
        image = maps.random(*shape)
        large = upsampling.LinearUpsampling()(np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")).numpy()
        wider = upsampling.LinearUpsampling()(np.pad(image, ((0, 0), (2, 2), (2, 2), (0, 0)), "edge")).numpy()
        expected = np.pad(large, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        np.testing.assert_array_equal(wider[:, 1:-1, 1:-1], expected)

    def test_is_saved_with_its_rectifier(self):
        assert upsampling.LinearPhases.from_config(upsampling.LinearPhases(rectify=True).get_config()).rectify


class TestGridFilter:
    def test_takes_out_what_repeats_every_four_pixels(self):
        """A grid on a picture that is bright on one side: the grid goes, but for the border, and the slope stays."""
        tile = np.random.default_rng(4).normal(size=(4, 4))
        grid = np.tile(5 * (tile - tile.mean()), (40, 40))[None, ..., None].astype(np.float32)
        slope = np.linspace(50, 200, 160, dtype=np.float32)[None, None, :, None] * np.ones((1, 160, 1, 1), np.float32)
        filtered = upsampling.GridFilter(9)(slope + grid).numpy()
        np.testing.assert_allclose(filtered[:, 24:-24, 24:-24], slope[:, 24:-24, 24:-24], atol=0.1)
        assert np.abs(filtered - slope).max() < np.abs(grid).max()

    def test_leaves_other_detail(self):
        """Waves of period 5 and 11; and noise, of whose power one part in fifty counts as grid."""
        rows, columns = np.mgrid[:160, :160]
        waves = (np.sin(2 * np.pi * rows / 5) + np.sin(2 * np.pi * columns / 11))[None, ..., None].astype(np.float32)
        filtered = upsampling.GridFilter(9)(waves).numpy()
        np.testing.assert_allclose(filtered[:, 24:-24, 24:-24], waves[:, 24:-24, 24:-24], atol=0.1)
        noise = maps.random(1, 160, 160, 1)
        taken = upsampling.GridFilter(9)(noise).numpy() - noise
        assert np.var(taken) < np.var(noise) / 50

    @pytest.mark.parametrize("shape", [(1, 4, 4, 3), (2, 8, 4, 1), (1, 64, 12, 2)])
    def test_is_gentle_to_small_pictures(self, shape):
        picture = maps.random(*shape)
        filtered = maps.at_unknown_size(upsampling.GridFilter(9), picture)
        assert filtered.shape == shape
        assert np.abs(filtered - picture).max() < 0.25 * np.ptp(picture)
        np.testing.assert_array_equal(upsampling.GridFilter(9)(np.full(shape, 7, np.float32)), np.full(shape, 7))

    def test_is_saved_with_its_size(self):
        assert upsampling.GridFilter.from_config(upsampling.GridFilter(5).get_config()).blocks == 5


def as_phases(large: np.ndarray) -> np.ndarray:
    """`in_their_places` backwards."""
    batch, height, width, channels = large.shape
    blocks = np.reshape(large, (batch, height // 2, 2, width // 2, 2, channels))
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // 2, width // 2, 4 * channels)


class TestPhasesConv:
    @pytest.mark.parametrize("shape", maps.SHAPES)
    def test_is_the_convolution_of_the_large_map(self, shape):
        """Mirrored by two pixels, a block, of which the farther one does not count."""
        batch, height, width, channels = shape
        large = maps.random(batch, 2 * height, 2 * width, channels)
        layer = upsampling.PhasesConv(5)
        layer.build((batch, None, None, 4 * channels))
        kernel = maps.random(3, 3, channels, 5)
        layer.set_weights([kernel])
        mirrored = np.pad(large, ((0, 0), (2, 2), (2, 2), (0, 0)), "symmetric")
        phases, expected = as_phases(mirrored), tf.nn.conv2d(mirrored[:, 1:-1, 1:-1], kernel, 1, "VALID")
        np.testing.assert_allclose(in_their_places(layer(phases).numpy()), expected, atol=1e-4)
        np.testing.assert_allclose(in_their_places(maps.at_unknown_size(layer, phases)), expected, atol=1e-4)

    def test_gradients_reach_kernel_and_map(self):
        layer, phases = upsampling.PhasesConv(2), tf.constant(maps.random(1, 4, 5, 12))
        with tf.GradientTape() as tape:
            tape.watch(phases)
            value = tf.reduce_sum(layer(phases))
        kernel, below = tape.gradient(value, [layer.kernel.value, phases])
        assert kernel.shape == (3, 3, 3, 2)
        assert np.abs(kernel).min() > 0
        assert np.abs(below[:, 1:-1, 1:-1]).min() > 0

    def test_is_saved_with_its_filters_and_start(self):
        layer = upsampling.PhasesConv(6, kernel_initializer="zeros", name="colours")
        again = upsampling.PhasesConv.from_config(layer.get_config())
        assert (again.filters, again.name) == (6, "colours")
        assert np.abs(again(maps.random(1, 4, 4, 4))).max() == 0

    def test_keeps_the_number_format(self):
        assert upsampling.PhasesConv(2, dtype="mixed_bfloat16")(maps.random(1, 3, 3, 4)).dtype == tf.bfloat16


class TestUpsampledConv:
    @pytest.mark.parametrize("shape", maps.SHAPES)
    def test_is_interpolation_then_convolution(self, shape):
        """TensorFlow's own bilinear resizing of the mirrored map, then its own convolution of what lies inside."""
        image = maps.random(*shape)
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        layer = upsampling.UpsampledConv(4)
        layer.build(padded.shape)
        kernel, bias = maps.random(3, 3, shape[-1], 4), maps.random(4)
        layer.set_weights([kernel, bias])
        _, height, width, _ = padded.shape
        inside = tf.image.resize(padded, (2 * height, 2 * width), "bilinear")[:, 1:-1, 1:-1]
        expected = tf.nn.conv2d(inside, kernel, 1, "VALID") + bias
        np.testing.assert_allclose(in_their_places(layer(padded).numpy()), expected, atol=1e-4)
        np.testing.assert_allclose(in_their_places(maps.at_unknown_size(layer, padded)), expected, atol=1e-4)

    def test_a_slope_stays_without_a_grid_whatever_the_kernel(self):
        rows, columns = np.mgrid[:10, :12]
        slope = (3.0 * rows - 2.0 * columns + 7)[None, :, :, None].astype(np.float32)
        layer = upsampling.UpsampledConv(2)
        layer.build(slope.shape)
        layer.set_weights([maps.random(3, 3, 1, 2), maps.random(2)])
        result = in_their_places(layer(slope).numpy())
        for axis in (1, 2):
            steps = np.diff(result, axis=axis)
            np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1, :1], steps.shape), atol=1e-3)

    def test_gradients_reach_kernel_bias_and_map(self):
        layer, image = upsampling.UpsampledConv(2), tf.constant(maps.random(1, 4, 5, 3))
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = tf.reduce_sum(layer(image))
        kernel, bias, below = tape.gradient(value, [*(each.value for each in layer.trainable_weights), image])
        assert kernel.shape == (3, 3, 3, 2)
        np.testing.assert_allclose(bias, 4 * 6)  # One for each pixel that comes out.
        assert np.abs(below).min() > 0

    def test_is_saved_with_its_filters(self):
        again = upsampling.UpsampledConv.from_config(upsampling.UpsampledConv(6, name="up").get_config())
        assert (again.filters, again.name) == (6, "up")

    def test_keeps_the_number_format(self):
        assert upsampling.UpsampledConv(2, dtype="mixed_bfloat16")(maps.random(1, 3, 3, 1)).dtype == tf.bfloat16
