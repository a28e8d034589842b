"""A trained transformation network as files that paint without tfstyle: SavedModel and LiteRT.

The SavedModel's endpoints: ``serve``, uint8 ``image`` ``[B, H, W, 3]`` to uint8 ``stylized`` of the same shape;
``bytes``, encoded pictures ``image`` ``[B]`` (JPEG, PNG, GIF or BMP) to JPEG files ``stylized_bytes`` ``[B]``, a name
by whose end TensorFlow Serving knows what JSON cannot hold. Both take any size. The LiteRT file has one function, uint8
``[1, H, W, 3]`` to the same, for sides that are multiples of four: what is beyond that would be slow there.
"""

import pathlib
import tempfile

from tfstyle import layers, stylebook
from tfstyle.runtime import keras, tf
from tfstyle.transform import fused, networks

__all__ = ["write"]

_QUALITY = 95
_PICTURE = tf.TensorSpec([None, None, 3], tf.uint8)
_PICTURES = tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")
_FILES = tf.TensorSpec([None], tf.string, name="image")


def write(network: keras.Model, folder: pathlib.Path) -> None:
    """Writes SavedModel and LiteRT file of a network into one folder.

    Args:
        network: from `networks.build`, trained.
        folder: is made, if need be.
    """
    quick, plain = (_copy(network, kit) for kit in (fused.KIT, networks.Kit()))
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serve", lambda image: {"stylized": _each(quick, image)}, [_PICTURES])
    archive.add_endpoint("bytes", lambda image: {"stylized_bytes": _files(quick, image)}, [_FILES])
    archive.write_out(str(folder), verbose=False)
    (folder / stylebook.LITERT).write_bytes(_litert(plain))


def _copy(network: keras.Model, kit: networks.Kit) -> keras.Model:
    """The same weights in float32, without the padding to a multiple."""
    copy = networks.build(network.name, kit=kit, any_size=False)
    copy.set_weights(network.get_weights())
    return copy


def _each(network: keras.Model, batch: tf.Tensor) -> tf.Tensor:
    """One picture after the other: `fused.FusedNorm` takes no more, and on a processor nothing is lost."""
    return tf.map_fn(lambda image: _painted(network, image), batch, fn_output_signature=_PICTURE)


def _painted(network: keras.Model, image: tf.Tensor) -> tf.Tensor:
    """uint8 ``[H, W, 3]`` to the same."""
    height, width, _ = tf.unstack(tf.shape(image))
    fits = tf.reduce_all(tf.shape(image)[:2] % networks.MULTIPLE == 0)
    pad = layers.PadToMultiple(networks.MULTIPLE)
    padded = tf.cond(fits, lambda: image[None], lambda: pad(image[None]))  # What fits would cost 3 ms of 100.
    painted = _rounded(network(tf.cast(padded, tf.float32)))
    return tf.ensure_shape(painted[0, :height, :width], [None, None, 3])


def _rounded(picture: tf.Tensor) -> tf.Tensor:
    return tf.cast(picture + 0.5, tf.uint8)


def _files(network: keras.Model, files: tf.Tensor) -> tf.Tensor:
    def one(file: tf.Tensor) -> tf.Tensor:
        image = tf.ensure_shape(tf.io.decode_image(file, channels=3, expand_animations=False), [None, None, 3])
        return tf.io.encode_jpeg(_painted(network, image), quality=_QUALITY, chroma_downsampling=False)

    return tf.map_fn(one, files, fn_output_signature=tf.string)


def _litert(network: keras.Model) -> bytes:
    """By way of a SavedModel: converted directly, the weights would be missing, without an error."""
    archive = keras.export.ExportArchive()
    pictures = tf.TensorSpec([1, None, None, 3], tf.uint8, name="image")
    archive.add_endpoint("serve", lambda image: _rounded(network(tf.cast(image, tf.float32))), [pictures])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()
