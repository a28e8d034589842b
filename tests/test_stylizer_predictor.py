"""Painting with exported networks: both runtimes, all sizes, all kinds of input, refusals."""

import itertools

import drawn
import numpy as np
import pytest

import tfstyle
from tfstyle import config, errors, images, runtime, stylebook, stylizer
from tfstyle.images import color
from tfstyle.stylizer import predictor, runtimes
from tfstyle.transform import networks

STYLE = "starry_night"


@pytest.fixture(scope="module", params=config.RUNTIMES[1:])
def paint(request):
    """A style in each runtime."""
    return stylizer.Stylizer(STYLE, runtime=request.param)


@pytest.fixture(scope="module")
def litert():
    return stylizer.Stylizer(STYLE, runtime="litert")


def noise(height, width):
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def expected():
    """What the Keras model that the style was exported from paints."""
    network = networks.build("realtime")
    network.load_weights(stylebook.find(STYLE).weights)
    return network(noise(31, 33)[None].astype(np.float32)).numpy()[0]


class TestSizes:
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (7, 2), (4, 4)])
    def test_smallest(self, paint, height, width):
        painted = paint(noise(height, width))
        assert painted.shape == (height, width, 3)
        assert painted.dtype == np.uint8

    def test_paints_like_the_network(self, paint, expected):
        # The SavedModel computes in bfloat16 if the processor is made for it.
        limit = 24 if paint.runtime == "savedmodel" and runtime.fast_bfloat16() else 1
        assert np.percentile(np.abs(paint(noise(31, 33)) - expected), 99) < limit

    def test_same_picture_again_after_another_size(self, paint):
        image = noise(20, 30)
        first = paint(image)
        paint(noise(44, 12))
        np.testing.assert_array_equal(paint(image), first)

    @pytest.mark.parametrize("before", [(4, 4), (8, 4), (8, 8)])
    def test_small_picture_before_does_no_harm(self, before):
        """It does with one LiteRT interpreter for all sizes: after growing, it can paint nonsense."""
        painter, image = stylizer.Stylizer(STYLE), noise(36, 32)
        painter(noise(*before))
        np.testing.assert_array_equal(painter(image), stylizer.Stylizer(STYLE)(image))

    def test_sides_are_padded_to_multiples_of_four(self):
        assert networks.MULTIPLE == predictor._MULTIPLE


@pytest.mark.slow
@pytest.mark.parametrize("runtime_name", ["litert", "savedmodel", "serve"])
def test_every_size_is_kept(runtime_name):
    """All 1936 pairs of sides; "serve" is the SavedModel's own endpoint, which pads in its graph."""
    sides = [*range(1, 41), 255, 256, 257, 1023]
    painter = served() if runtime_name == "serve" else stylizer.Stylizer(STYLE, runtime=runtime_name)
    large = noise(max(sides), max(sides))
    sizes = {size: painter(large[: size[0], : size[1]]).shape for size in itertools.product(sides, sides)}
    assert sizes == {size: (*size, 3) for size in sizes}
    assert len(sizes) == 1936


def served():
    import tensorflow as tf

    model = tf.saved_model.load(str(stylebook.find(STYLE)))
    return lambda image: model.signatures["serve"](image=tf.constant(image[None]))["stylized"].numpy()[0]


def test_number_format_of_other_graphs_is_left_alone(monkeypatch):
    """A loss that is computed afterwards, in the same process, must not be rounded."""
    import tensorflow as tf

    monkeypatch.setattr(runtime, "fast_bfloat16", lambda: True)
    stylizer.Stylizer(STYLE, runtime="savedmodel")(noise(8, 8))
    options = tf.config.optimizer.get_experimental_options()
    assert not options.get("auto_mixed_precision_onednn_bfloat16", False)


class TestInput:
    def test_array_photo_and_file_are_painted_alike(self, litert, tmp_path):
        image = noise(20, 30)
        expected = litert(image)
        images.save_image(tmp_path / "photo.png", image)
        for given in (image.astype(np.float32), images.Photo(image.astype(np.float32)), tmp_path / "photo.png"):
            np.testing.assert_array_equal(litert(given), expected)
        np.testing.assert_array_equal(litert(str(tmp_path / "photo.png")), expected)

    @pytest.mark.parametrize("kind", [np.int64, np.uint16, np.float16, np.float64])
    def test_other_numbers(self, litert, kind):
        image = noise(8, 8)
        np.testing.assert_array_equal(litert(image.astype(kind)), litert(image))

    def test_floats_are_rounded(self, litert):
        image = noise(8, 8)
        shifted = np.clip(image + np.float32(0.4), -0.3, 255.3)
        np.testing.assert_array_equal(litert(shifted), litert(image))

    def test_image_is_left_alone(self, litert):
        for image in (noise(9, 9), noise(9, 9).astype(np.float32)):
            before = image.copy()
            litert(image, strength=0.5, keep_colors=True)
            np.testing.assert_array_equal(image, before)

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            (np.zeros((8, 8), np.uint8), r"shape \[H, W, 3\], got \[8, 8\]"),
            (np.zeros((8, 8, 4), np.uint8), r"shape \[H, W, 3\]"),
            (np.zeros((0, 8, 3), np.uint8), r"shape \[H, W, 3\]"),
            (np.full((8, 8, 3), np.nan), "finite numbers"),
            (np.zeros((8, 8, 3), complex), "finite numbers"),
            (np.full((8, 8, 3), "red"), "finite numbers"),
            (np.full((8, 8, 3), 65535, np.uint16), r"values in 0\.\.255, got 65535"),
            (np.full((8, 8, 3), -9.0), r"values in 0\.\.255, got -9"),
            ("nowhere.png", "nowhere.png: no such file"),
        ],
    )
    def test_unusable(self, litert, image, message):
        with pytest.raises(errors.InputError, match=message):
            litert(image)


class TestStrengthAndColors:
    def test_zero_is_the_image(self, litert):
        np.testing.assert_array_equal(litert(noise(12, 12), strength=0), noise(12, 12))

    def test_half_is_between(self, litert):
        image = drawn.photo(24, 24)
        middle = (image.astype(float) + litert(image)) / 2
        assert np.abs(litert(image, strength=0.5) - middle).max() <= 0.5

    def test_kept_colors(self, litert):
        image = drawn.photo(24, 24)
        expected = color.keep_luminance(litert(image), image)
        assert np.abs(litert(image, keep_colors=True) - expected).max() <= 0.5

    @pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
    def test_strength_out_of_range(self, litert, strength):
        with pytest.raises(errors.InputError, match="use 0 to 1"):
            litert(noise(8, 8), strength=strength)


class TestRuntime:
    @pytest.mark.parametrize(("count", "expected"), [(1, "litert"), (39, "litert"), (40, "savedmodel")])
    def test_tensorflow_is_started_for_many_pictures_only(self, monkeypatch, count, expected):
        loaded = []
        monkeypatch.setattr(runtimes, "load_litert", lambda *_: loaded.append("litert"))
        monkeypatch.setattr(runtimes, "load_saved_model", lambda *_: loaded.append("savedmodel"))
        assert stylizer.Stylizer(STYLE, count=count).runtime == expected
        assert loaded == [expected]

    def test_unknown(self):
        with pytest.raises(errors.InputError, match="unknown runtime 'onnx': choose one of auto, litert, savedmodel"):
            stylizer.Stylizer(STYLE, runtime="onnx")


class TestStyle:
    def test_by_name_and_by_folder(self, litert):
        image = noise(8, 8)
        for style in (stylebook.find(STYLE), stylebook.find(STYLE).path, str(stylebook.find(STYLE))):
            np.testing.assert_array_equal(tfstyle.Stylizer(style)(image), litert(image))

    def test_unknown(self):
        with pytest.raises(errors.InputError, match="no style 'nosuch': use .* one of: .*starry_night"):
            stylizer.Stylizer("nosuch")

    @pytest.mark.parametrize(("name", "missing"), [("litert", "model.tflite"), ("savedmodel", "saved_model.pb")])
    def test_folder_without_a_style(self, tmp_path, name, missing):
        with pytest.raises(
            errors.InputError, match=f"no trained style found there .{missing} is missing.*tfstyle train"
        ):
            stylizer.Stylizer(tmp_path, runtime=name)

    @pytest.mark.parametrize("name", config.RUNTIMES[1:])
    def test_damaged_files(self, tmp_path, name):
        for file in ("model.tflite", "saved_model.pb"):
            (tmp_path / file).write_bytes(b"nonsense")
        with pytest.raises(errors.InputError, match="damaged"):
            stylizer.Stylizer(tmp_path, runtime=name)


def test_too_little_memory_names_a_size_that_fits(litert, monkeypatch):
    monkeypatch.setattr(runtime, "available_memory", lambda: litert.bytes_per_pixel * 30 * 40)
    assert litert(noise(30, 40)).shape == (30, 40, 3)
    with pytest.raises(errors.ShortageError, match="80x60 pixels need about .* available: use --size 40 or less"):
        litert(noise(60, 80))
