"""Exports a trained transformation network to files that work without tfstyle: a SavedModel and a LiteRT file.

The SavedModel has two endpoints, both for pictures of any size:

* ``serve``: ``image``, uint8 ``[B, H, W, 3]``, to ``stylized``, uint8 of the same shape;
* ``bytes``: ``image``, encoded pictures ``[B]`` (JPEG, PNG, GIF or BMP), to ``stylized_bytes``, JPEG files ``[B]``.
  TensorFlow Serving encodes outputs whose names end in ``_bytes`` as base64.

The LiteRT file has one function, uint8 ``[1, H, W, 3]`` to the same shape. Its sides must be multiples of four, because
padding inside the graph would be slow.
"""

import pathlib
import tempfile

from tfstyle import layers, stylebook
from tfstyle.runtime import keras, tf
from tfstyle.transform import inference_layers, networks

__all__ = ["write"]

_JPEG_QUALITY = 95
_PICTURE = tf.TensorSpec([None, None, 3], tf.uint8)
_PICTURES = tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")
_FILES = tf.TensorSpec([None], tf.string, name="image")


def write(network: keras.Model, folder: pathlib.Path) -> None:
    """Writes a network's SavedModel and LiteRT file into one folder.

    Args:
        network: trained, from `networks.build`.
        folder: the destination; created if it does not exist.
    """
    fast = _copy(network, inference_layers.LAYER_CLASSES)
    plain = _copy(network, networks.LayerClasses())
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serve", lambda image: {"stylized": _stylize_each(fast, image)}, [_PICTURES])
    archive.add_endpoint("bytes", lambda image: {"stylized_bytes": _stylize_files(fast, image)}, [_FILES])
    archive.write_out(str(folder), verbose=False)
    stylebook.StyleFolder(folder).litert.write_bytes(_litert(plain))


def _copy(network: keras.Model, layer_classes: networks.LayerClasses) -> keras.Model:
    """Copies the weights into a float32 network without padding."""
    copy = networks.build(network.name, layer_classes=layer_classes, any_size=False)
    copy.set_weights(network.get_weights())
    return copy


def _stylize_each(network: keras.Model, batch: tf.Tensor) -> tf.Tensor:
    """Stylizes one picture after the other: `FusedNorm` needs batches of one, and a CPU loses nothing by it."""
    return tf.map_fn(lambda image: _stylize(network, image), batch, fn_output_signature=_PICTURE)


def _stylize(network: keras.Model, image: tf.Tensor) -> tf.Tensor:
    """Stylizes uint8 ``[H, W, 3]`` to the same shape."""
    height, width, _ = tf.unstack(tf.shape(image))
    fits = tf.reduce_all(tf.shape(image)[:2] % networks.MULTIPLE == 0)
    pad = layers.PadToMultiple(networks.MULTIPLE)
    # Padding by nothing would still cost 3 of 100 ms.
    padded = tf.cond(fits, lambda: image[None], lambda: pad(image[None]))
    stylized = _round(network(tf.cast(padded, tf.float32)))
    return tf.ensure_shape(stylized[0, :height, :width], [None, None, 3])


def _round(picture: tf.Tensor) -> tf.Tensor:
    return tf.cast(picture + 0.5, tf.uint8)


def _stylize_files(network: keras.Model, files: tf.Tensor) -> tf.Tensor:
    def stylize_file(file: tf.Tensor) -> tf.Tensor:
        image = tf.ensure_shape(tf.io.decode_image(file, channels=3, expand_animations=False), [None, None, 3])
        return tf.io.encode_jpeg(_stylize(network, image), quality=_JPEG_QUALITY, chroma_downsampling=False)

    return tf.map_fn(stylize_file, files, fn_output_signature=tf.string)


def _litert(network: keras.Model) -> bytes:
    """Converts by way of a SavedModel: a direct conversion silently loses the weights."""
    archive = keras.export.ExportArchive()
    pictures = tf.TensorSpec([1, None, None, 3], tf.uint8, name="image")
    archive.add_endpoint("serve", lambda image: _round(network(tf.cast(image, tf.float32))), [pictures])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()
