"""Stored statistics: how well they restore Gram matrices, what they refuse, how styles are listed."""

import itertools
import json
import math
import subprocess
import sys
import types

import numpy as np
import pytest

from tfstyle import errors, files, stylebook
from tfstyle.stylebook import folder as style_folder
from tfstyle.stylebook import stored as stored_styles

MODEL = types.SimpleNamespace(name="compact")
TOLERANCE = stored_styles._TOLERANCE


def positive(seed, channels, rank, scale=1.0, decay=0.0):
    generator = np.random.default_rng(seed)
    factor = generator.standard_normal((channels, rank)) * np.exp(-decay * np.arange(rank))
    return (scale * factor @ factor.T / max(rank, 1)).astype(np.float32)


def relative_error(gram, factor):
    back = factor.astype(np.float64) @ factor.astype(np.float64).T
    return np.sum((back - gram) ** 2) / np.sum(gram.astype(np.float64) ** 2)


class TestCompress:
    @pytest.mark.parametrize("seed", range(2))
    @pytest.mark.parametrize(("channels", "rank"), [(1, 1), (3, 3), (16, 2), (32, 40), (64, 64), (128, 9)])
    @pytest.mark.parametrize("decay", [0.0, 0.1, 1.0])
    def test_error_bound(self, seed, channels, rank, decay):
        gram = positive(seed, channels, rank, decay=decay)
        factor = stylebook.compress(gram)
        assert factor.shape[0] == channels
        assert factor.shape[1] <= min(channels, rank)
        assert relative_error(gram, factor) <= TOLERANCE

    @pytest.mark.parametrize("scale", [1e-20, 1e-6, 1e-2, 1.0, 1e4, 1e9, 1e15])
    def test_error_bound_at_every_scale(self, scale):
        gram = positive(1, 24, 24, scale=scale, decay=0.2)
        factor = stylebook.compress(gram)
        assert np.isfinite(factor).all()
        assert relative_error(gram, factor) <= TOLERANCE

    def test_float16_where_its_range_suffices(self):
        assert stylebook.compress(positive(1, 16, 16, scale=1e3)).dtype == np.float16

    def test_thinnest(self):
        """Eigenvalues 1, 0.1, 0.01: without the last the squared error is 1e-4, without the last two 1e-2."""
        vectors, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
        gram = (vectors * np.array([1.0, 0.1, 0.01])) @ vectors.T
        assert stylebook.compress(gram).shape == (3, 2)

    def test_zero(self):
        factor = stylebook.compress(np.zeros((5, 5), np.float32))
        assert factor.shape == (5, 0)
        np.testing.assert_array_equal(factor @ factor.T, np.zeros((5, 5)))

    def test_slightly_negative_by_rounding(self):
        gram = positive(2, 12, 3) - 1e-7 * np.eye(12, dtype=np.float32)
        assert relative_error(gram, stylebook.compress(gram)) <= TOLERANCE


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The data folder of a package with two stored styles."""
    data = tmp_path / "stylebook" / "data"
    data.mkdir(parents=True)
    for number, name in enumerate(("waves", "sea")):
        arrays = {
            f"compact/{size}/{layer}": stylebook.compress(positive(size + number, 8, 4))
            for size in stylebook.STORED_SIZES
            for layer in ("conv1_1", "conv2_1")
        }
        about = {"title": name.title(), "artist": "Nobody", "year": "1900"}
        np.savez(data / f"{name}.npz", about=np.array(json.dumps(about)), **arrays)
    (data / "README.md").write_text("no style")
    monkeypatch.setattr(style_folder, "PACKAGE", tmp_path)
    stylebook.load_all.cache_clear()
    yield data
    stylebook.load_all.cache_clear()


def test_styles_with_a_trained_network_are_listed_too(folder):
    trained = folder.parent.parent / "saved_models" / "river"
    trained.mkdir(parents=True)
    sea = stylebook.load_all()["sea"]
    (trained / "statistics.npz").write_bytes(sea.packed())
    stylebook.load_all.cache_clear()
    assert list(stylebook.load_all()) == ["river", "sea", "waves"]
    river = stylebook.load_all()["river"]
    assert (river.name, river.title) == ("river", "Sea")
    np.testing.assert_array_equal(river.arrays["compact/256/conv1_1"], sea.arrays["compact/256/conv1_1"])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not an archive"])
def test_damaged_statistics_are_named(data):
    with pytest.raises(errors.InputError, match="statistics of style 'waves' are damaged"):
        stylebook.unpack("waves", data)


class TestStoredStyle:
    def test_listed_by_name(self, folder):
        found = stylebook.load_all()
        assert list(found) == ["sea", "waves"]
        assert (found["sea"].title, found["sea"].artist, found["sea"].year) == ("Sea", "Nobody", "1900")
        assert found["sea"].digest == files.digest(folder / "sea.npz")
        assert stylebook.load_all() is found

    @pytest.mark.parametrize(
        ("size", "nearest"),
        [(1, stylebook.STORED_SIZES[0]), (10_000, stylebook.STORED_SIZES[-1])]
        + [(size, size) for size in stylebook.STORED_SIZES]
        + [(math.floor((a * b) ** 0.5), a) for a, b in itertools.pairwise(stylebook.STORED_SIZES)]
        + [(math.floor((a * b) ** 0.5) + 1, b) for a, b in itertools.pairwise(stylebook.STORED_SIZES)],
    )
    def test_nearest_size(self, folder, size, nearest):
        gram = stylebook.load_all()["waves"].grams(MODEL, size, ["conv2_1"])["conv2_1"]
        with np.load(folder / "waves.npz") as arrays:
            factor = arrays[f"compact/{nearest}/conv2_1"].astype(np.float32)
        np.testing.assert_allclose(gram, factor @ factor.T, rtol=1e-6)
        assert gram.dtype == np.float32
        assert relative_error(positive(nearest, 8, 4), factor) <= TOLERANCE

    @pytest.mark.parametrize(
        ("backbone", "layers", "pooling", "message"),
        [
            ("vgg16", ["conv1_1"], "average", "only has statistics for compact, not vgg16"),
            (
                "compact",
                ["conv1_1", "conv1_2"],
                "average",
                "no statistics for layer conv1_2, only for conv1_1, conv2_1",
            ),
            ("compact", ["conv1_1"], "max", "only has statistics for average pooling, not max"),
        ],
    )
    def test_missing_statistics_are_refused(self, folder, backbone, layers, pooling, message):
        style = stylebook.load_all()["waves"]
        with pytest.raises(errors.InputError, match=f"^style 'waves' .*{message}: use the painting file"):
            style.grams(types.SimpleNamespace(name=backbone), 256, layers, pooling)

    def test_file_without_all_backbones_and_sizes(self):
        """As of a narrow painting, measured without the weights of vgg19."""
        arrays = {
            f"compact/{size}/conv1_1": stylebook.compress(positive(size, 8, 4)) for size in stylebook.STORED_SIZES[1:]
        }
        style = stylebook.unpack("waves", stylebook.pack(arrays, {"title": "Waves", "artist": "", "year": ""}))
        assert style.backbones == ("compact",)
        nearest = style.grams(MODEL, stylebook.STORED_SIZES[0], ["conv1_1"])["conv1_1"]
        assert relative_error(positive(stylebook.STORED_SIZES[1], 8, 4), stylebook.compress(nearest)) <= 4 * TOLERANCE
        with pytest.raises(errors.InputError, match="only has statistics for compact, not vgg19"):
            style.grams(types.SimpleNamespace(name="vgg19"), 256, ["conv1_1"])

    def test_file_without_statistics(self):
        """As of a painting that is too narrow at every stored size."""
        style = stylebook.unpack("waves", stylebook.pack({}, {"title": "Waves", "artist": "", "year": ""}))
        with pytest.raises(errors.InputError, match="^style 'waves' has no statistics: use the painting file"):
            style.grams(MODEL, 256, ["conv1_1"])

    def test_colors_cannot_be_matched(self, folder):
        with pytest.raises(errors.InputError, match="--keep-colors luminance"):
            stylebook.load_all()["waves"].recolored(None)


def test_needs_neither_keras_nor_tensorflow():
    code = (
        "import sys; from tfstyle import stylebook; stylebook.load_all(); "
        "print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
