"""What is exported paints as the network does, from arrays and from files, and holds its weights once."""

import io

import drawn
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfstyle import stylizer


@pytest.fixture(scope="session")
def loaded(exported):
    """SavedModel and LiteRT file as others load them."""
    network, folder = exported
    return network, tf.saved_model.load(str(folder)), folder


def noise(height, width, batch=1):
    return np.random.default_rng(height * width).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)


def expected(network, pictures):
    return network(pictures.astype(np.float32)).numpy()


class TestServe:
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (5, 3), (33, 70), (64, 48)])
    def test_equals_the_network_within_rounding(self, loaded, height, width):
        network, model, _ = loaded
        pictures = noise(height, width, batch=2)
        result = model.signatures["serve"](image=tf.constant(pictures))
        assert list(result) == ["stylized"]
        assert result["stylized"].dtype == tf.uint8
        assert result["stylized"].shape == pictures.shape
        difference = np.abs(result["stylized"].numpy().astype(np.float32) - expected(network, pictures))
        # Half a level. Of a few pixels, normalisation divides by deviations near 0 and makes much of any rounding.
        assert difference.max() < (0.6 if min(height, width) > 30 else 10)

    def test_on_a_photo(self, loaded):
        network, model, _ = loaded
        pictures = drawn.photo(40, 60, 3)[None]
        painted = model.signatures["serve"](image=tf.constant(pictures))["stylized"].numpy()
        assert painted.std() > 10
        assert np.abs(painted - expected(network, pictures)).max() < 0.6

    def test_endpoints_are_named(self, loaded):
        _, model, _ = loaded
        assert set(model.signatures) == {"serve", "bytes", "serving_default"}
        (image,) = model.signatures["serve"].structured_input_signature[1].values()
        assert (image.name, image.dtype, image.shape.as_list()) == ("image", tf.uint8, [None, None, None, 3])
        (image,) = model.signatures["bytes"].structured_input_signature[1].values()
        assert (image.name, image.dtype, image.shape.as_list()) == ("image", tf.string, [None])


class TestBytes:
    def test_png_and_jpeg_of_different_sizes(self, loaded):
        _, model, _ = loaded
        images = [drawn.photo(33, 50, 1), drawn.photo(40, 21, 2), drawn.photo(1, 9, 3)]
        files = [drawn.file(image, kind) for image, kind in zip(images, ("PNG", "JPEG", "PNG"), strict=True)]
        result = model.signatures["bytes"](image=tf.constant(files))["stylized_bytes"].numpy()
        assert len(result) == 3
        for image, file in zip(images, result, strict=True):
            with Image.open(io.BytesIO(file)) as painted:
                assert (painted.format, painted.mode, painted.size) == ("JPEG", "RGB", image.shape[1::-1])

    def test_paints_what_serve_paints(self, loaded):
        _, model, _ = loaded
        image = drawn.photo(48, 64, 4)
        (file,) = model.signatures["bytes"](image=tf.constant([drawn.file(image, "PNG")]))["stylized_bytes"].numpy()
        served = model.signatures["serve"](image=tf.constant(image[None]))["stylized"].numpy()[0]
        as_jpeg = drawn.file(served, "JPEG", quality=95, subsampling=0)
        with Image.open(io.BytesIO(file)) as painted, Image.open(io.BytesIO(as_jpeg)) as expected_:
            difference = np.abs(np.asarray(painted).astype(np.int16) - np.asarray(expected_))
        assert difference.mean() < 0.5

    @pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P"])
    def test_other_pngs(self, loaded, mode):
        _, model, _ = loaded
        image = Image.fromarray(drawn.photo(12, 16, 4)).convert(mode)
        (file,) = model.signatures["bytes"](image=tf.constant([drawn.file(image, "PNG")]))["stylized_bytes"].numpy()
        with Image.open(io.BytesIO(file)) as painted:
            assert painted.size == (16, 12)


class TestLiteRT:
    @pytest.mark.parametrize(("height", "width"), [(4, 4), (64, 48), (36, 100)])
    def test_is_near_the_network(self, loaded, height, width):
        network, _, folder = loaded
        paint = stylizer.Stylizer(folder, runtime="litert", threads=1)
        pictures = noise(height, width)
        painted = paint(pictures[0]).astype(np.float32)
        difference = np.abs(painted - expected(network, pictures)[0])
        assert np.percentile(difference, 99) < 1

    def test_has_weights(self, loaded):
        """A converter that loses them says nothing: every picture would come out the same."""
        network, _, folder = loaded
        paint = stylizer.Stylizer(folder, runtime="litert", threads=1)
        assert paint(noise(32, 32)[0]).std() > 5
        assert (folder / "model.tflite").stat().st_size > 4 * network.count_params()


class TestFiles:
    def test_nothing_is_stored_twice(self, loaded):
        network, _, folder = loaded
        size = 4 * network.count_params()
        variables = sum(file.stat().st_size for file in (folder / "variables").iterdir())
        assert size <= variables < 1.3 * size
        assert (folder / "model.tflite").stat().st_size < 1.3 * size + 100_000  # 60 kB are the graph.

    def test_no_checkpoint_of_anything_else(self, loaded):
        _, _, folder = loaded
        names = {path.relative_to(folder).parts[0] for path in folder.rglob("*")}
        assert names == {"assets", "saved_model.pb", "fingerprint.pb", "variables", "model.tflite"}
