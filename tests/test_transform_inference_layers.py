"""A SavedModel's layers against those that a network is trained with."""

import platform

import maps
import numpy as np
import pytest
import tensorflow as tf

from tfstyle import layers
from tfstyle.transform import inference_layers, networks, upsampling


class TestFusedNorm:
    @pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 5, 7, 4), (1, 40, 33, 2)])
    def test_is_instance_normalisation(self, shape):
        image = np.random.default_rng(0).uniform(-3, 9, shape).astype(np.float32)
        quick, plain = inference_layers.FusedNorm(), layers.InstanceNorm()
        weights = [np.linspace(0.5, 2, shape[-1]), np.linspace(-1, 1, shape[-1])]
        for layer in (quick, plain):
            layer.build(shape)
            layer.set_weights(weights)
        np.testing.assert_allclose(quick(image), plain(image), atol=1e-4)


@pytest.mark.parametrize("shape", maps.SHAPES)
@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize(
    ("quick", "plain"),
    [
        (inference_layers.FusedPhases, upsampling.LinearPhases),
        (inference_layers.FusedUpsampling, upsampling.LinearUpsampling),
    ],
)
def test_interpolates_to_the_bit(shape, rectify, quick, plain):
    padded = np.pad(maps.random(*shape), ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    expected = plain(rectify=rectify)(padded)
    np.testing.assert_array_equal(quick(rectify=rectify)(padded), expected)
    np.testing.assert_array_equal(maps.at_unknown_size(quick(rectify=rectify), padded), expected)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN fuses, which TensorFlow has on x86")
def test_convolution_and_rectifier_become_one():
    """What makes it quick: no rectifier is left by itself in the graph that TensorFlow runs."""
    assert "Relu" in operations(upsampling.LinearPhases(rectify=True))
    assert "Relu" not in operations(inference_layers.FusedPhases(rectify=True))


def operations(layer):
    """Kinds of operations left after TensorFlow's own optimisation."""
    options, metadata = tf.compat.v1.RunOptions(output_partition_graphs=True), tf.compat.v1.RunMetadata()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        image = tf.random.normal([1, 40, 50, 16])  # Nothing that TensorFlow could compute beforehand.
        session.run(layer(image), options=options, run_metadata=metadata)
    return {node.op for graph in metadata.partition_graphs for node in graph.node}


def test_a_network_of_it_paints_the_same():
    network = networks.build("realtime")
    quick = networks.build("realtime", layer_classes=inference_layers.LAYER_CLASSES)
    quick.set_weights(network.get_weights())
    image = 127.5 + 40 * maps.random(1, 64, 48, 3)
    np.testing.assert_allclose(quick(image), network(image), atol=0.5)
