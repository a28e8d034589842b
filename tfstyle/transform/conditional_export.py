"""Exports the network for all paintings: its parts as one LiteRT file, and its weights for TensorFlow.

The LiteRT file has the signatures ``encode`` (``image`` to ``map_0`` ...), ``modulate`` (``mean_0`` ..., ``root_0`` ...
to ``change_<scale>_<convolution>``) and ``stage_<scale>`` (``moved`` and ``change_0`` ... to ``painted``). Between two
stages, features are transported, by whoever runs them: LiteRT has no fast way to do that.
"""

import io
import pathlib
import tempfile
from collections.abc import Callable

import numpy as np

from tfstyle import files
from tfstyle.runtime import keras, tf
from tfstyle.transform import conditional

__all__ = ["write"]


def write(network: conditional.ConditionalNetwork, litert: pathlib.Path, weights: pathlib.Path) -> None:
    """Writes a network's files; weights are stored in float16.

    Args:
        network: trained, float32.
        litert: the LiteRT file.
        weights: the file for `conditional.read_weights`.
    """
    archive = keras.export.ExportArchive()
    archive.add_endpoint("encode", lambda image: _encode(network, image), [_spec((None, None, 3), "image", tf.uint8)])
    archive.add_endpoint("modulate", lambda means, roots: _modulate(network, means, roots), _vector_specs())
    for scale, width in enumerate(conditional.WIDTHS):
        specs = [_spec((2 * count,), f"change_{index}") for index, count in enumerate(conditional.filters(scale))]
        archive.add_endpoint(f"stage_{scale}", _stage(network, scale), [_spec((None, None, width), "moved"), specs])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        data = converter.convert()
    files.atomic_write(litert, data)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **conditional.weights(network))
    files.atomic_write(weights, buffer.getvalue())


def _spec(shape: tuple[int | None, ...], name: str, dtype: tf.DType = tf.float32) -> tf.TensorSpec:
    return tf.TensorSpec([1, *shape], dtype, name=name)


def _vector_specs() -> list[list[tf.TensorSpec]]:
    widths = list(enumerate(conditional.WIDTHS))
    means = [_spec((width,), f"mean_{scale}") for scale, width in widths]
    return [means, [_spec((width, width), f"root_{scale}") for scale, width in widths]]


def _encode(network: conditional.ConditionalNetwork, image: tf.Tensor) -> dict[str, tf.Tensor]:
    maps = network.features(tf.cast(image, tf.float32))
    return {f"map_{scale}": tensor for scale, tensor in enumerate(maps)}


def _modulate(
    network: conditional.ConditionalNetwork, means: list[tf.Tensor], roots: list[tf.Tensor]
) -> dict[str, tf.Tensor]:
    changes = network.modulator([*means, *roots])
    return {
        f"change_{scale}_{index}": tensor for scale, part in enumerate(changes) for index, tensor in enumerate(part)
    }


def _stage(network: conditional.ConditionalNetwork, scale: int) -> Callable:
    def run(moved: tf.Tensor, changes: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        painted = network.stages[scale]([moved, *changes])
        return {"painted": painted if scale else tf.cast(painted + 0.5, tf.uint8)}

    return run
