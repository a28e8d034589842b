"""Maps for tests of layers, and a layer's answer where it knows no size."""

import keras
import numpy as np
import tensorflow as tf


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
