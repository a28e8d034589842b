"""Painting with exported networks: both runtimes, all sizes, refusals."""

import itertools
import types

import numpy as np
import psutil
import pytest

from tfstyle import errors, stylizer
from tfstyle.transform import networks


@pytest.fixture(scope="session", params=["litert", "savedmodel"])
def paint(exported, request):
    """A style of each network with each runtime."""
    return exported[0], stylizer.Stylizer(exported[1], engine=request.param)


def noise(height, width):
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


class TestSizes:
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (7, 2), (4, 4)])
    def test_paints_the_smallest(self, paint, height, width):
        painted = paint[1](noise(height, width))
        assert painted.shape == (height, width, 3)
        assert painted.dtype == np.uint8

    @pytest.mark.parametrize(("height", "width"), [(31, 33), (65, 97), (64, 64)])
    def test_paints_as_the_network_does(self, paint, height, width):
        network, painter = paint
        image = noise(height, width)
        painted = painter(image)
        assert painted.shape == image.shape
        assert painted.dtype == np.uint8
        expected = network(image[None].astype(np.float32)).numpy()[0]
        # The SavedModel computes in bfloat16 where the processor is made for it.
        limit = 24 if painter.engine == "savedmodel" and stylizer.runtime.fast_bfloat16() else 1
        assert np.percentile(np.abs(painted - expected), 99) < limit

    def test_the_same_picture_again_after_another_size(self, paint):
        _, painter = paint
        image = noise(20, 30)
        first = painter(image)
        painter(noise(44, 12))
        np.testing.assert_array_equal(painter(image), first)

    @pytest.mark.parametrize("before", [(4, 4), (8, 4), (8, 8)])
    def test_a_small_picture_before_does_no_harm(self, exported, before):
        """LiteRT's own interpreter does: what it paints after growing can be nonsense."""
        painter = stylizer.Stylizer(exported[1], engine="litert")
        image = noise(36, 32)
        painter(noise(*before))
        np.testing.assert_array_equal(painter(image), stylizer.Stylizer(exported[1], engine="litert")(image))

    def test_the_photo_is_left_alone(self, paint):
        _, painter = paint
        image = noise(9, 9)
        before = image.copy()
        painter(image)
        np.testing.assert_array_equal(image, before)

    def test_pads_to_what_networks_need(self):
        assert networks.MULTIPLE == stylizer._MULTIPLE


@pytest.mark.slow
@pytest.mark.parametrize("exported", ["realtime"], indirect=True)
@pytest.mark.parametrize("engine", ["litert", "savedmodel", "serve"])
def test_every_size_is_kept(exported, engine):
    """All 1936 of both sides; "serve" is the SavedModel's own endpoint, which pads in its graph."""
    sides = [*range(1, 41), 255, 256, 257, 1023]
    painter = served(exported[1]) if engine == "serve" else stylizer.Stylizer(exported[1], engine=engine)
    large = noise(max(sides), max(sides))
    sizes = {size: painter(large[: size[0], : size[1]]).shape for size in itertools.product(sides, sides)}
    assert sizes == {size: (*size, 3) for size in sizes}
    assert len(sizes) == 1936


def served(folder):
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    return lambda image: model.signatures["serve"](image=tf.constant(image[None]))["stylized"].numpy()[0]


def test_runtimes_agree(exported, monkeypatch):
    """Within two grey levels, in float32."""
    monkeypatch.setattr(stylizer.runtime, "fast_bfloat16", lambda: False)
    _, folder = exported
    image = noise(65, 97)
    litert, saved = (stylizer.Stylizer(folder, engine=engine)(image) for engine in ("litert", "savedmodel"))
    assert np.percentile(np.abs(litert.astype(np.int16) - saved), 99) <= 2


def test_painting_leaves_the_number_format_of_other_graphs_alone(exported, monkeypatch):
    """A loss computed after it, in the same process, must not be rounded."""
    import tensorflow as tf

    monkeypatch.setattr(stylizer.runtime, "fast_bfloat16", lambda: True)
    stylizer.Stylizer(exported[1], engine="savedmodel")(noise(8, 8))
    options = tf.config.optimizer.get_experimental_options()
    assert not options.get("auto_mixed_precision_onednn_bfloat16", False)


class TestChoice:
    @pytest.mark.parametrize(("count", "expected"), [(1, "litert"), (39, "litert"), (40, "savedmodel")])
    def test_tensorflow_is_started_for_many_pictures_only(self, exported, monkeypatch, count, expected):
        chosen = []
        monkeypatch.setattr(stylizer, "_litert", lambda *_: chosen.append("litert"))
        monkeypatch.setattr(stylizer, "_saved_model", lambda *_: chosen.append("savedmodel"))
        assert stylizer.Stylizer(exported[1], count=count).engine == expected
        assert chosen == [expected]

    def test_unknown_runtime(self, exported):
        with pytest.raises(errors.InputError, match="unknown runtime 'onnx': choose one of auto, litert, savedmodel"):
            stylizer.Stylizer(exported[1], engine="onnx")

    @pytest.mark.parametrize(("engine", "missing"), [("litert", "model.tflite"), ("savedmodel", "saved_model.pb")])
    def test_nothing_there(self, tmp_path, engine, missing):
        for folder in (tmp_path, tmp_path / "nowhere"):
            with pytest.raises(errors.InputError, match=f"no style there .{missing} is missing.*tfstyle train"):
                stylizer.Stylizer(folder, engine=engine)

    @pytest.mark.parametrize("engine", ["litert", "savedmodel"])
    def test_damaged_files(self, tmp_path, engine):
        for name in ("model.tflite", "saved_model.pb"):
            (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(errors.InputError, match="damaged"):
            stylizer.Stylizer(tmp_path, engine=engine)


class TestMemory:
    def test_too_little_names_a_size_that_fits(self, exported, monkeypatch):
        painter = stylizer.Stylizer(exported[1])
        free = types.SimpleNamespace(available=painter.bytes_per_pixel * 30 * 40)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
        assert painter(noise(30, 40)).shape == (30, 40, 3)
        with pytest.raises(errors.InputError, match="80x60 pixels need about .* GB are free: use --size 40 or less"):
            painter(noise(60, 80))
