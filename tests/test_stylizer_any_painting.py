"""Painting like any picture: both runtimes, sizes, strengths, mixtures, the cache, refusals."""

import pathlib

import drawn
import numpy as np
import pytest

import tfstyle
from tfstyle import config, errors, images, runtime, stylizer, weave
from tfstyle.stylizer import any_painting, predictor, vectors

PAINTING = drawn.painting(96, 128, seed=3)[0]
OTHER = 255 - drawn.painting(128, 96, seed=8)[0]
PHOTO = drawn.photo(72, 100, seed=5)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))


@pytest.fixture(scope="module", params=config.RUNTIMES[1:])
def paint(request):
    return stylizer.Stylizer(PAINTING, runtime=request.param)


@pytest.fixture(scope="module")
def litert():
    return stylizer.Stylizer(PAINTING)


def distance(one, other):
    return float(np.abs(one.astype(float) - other).mean())


class TestPainting:
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (17, 2), (16, 16), (31, 33)])
    def test_any_size(self, paint, height, width):
        painted = paint(PHOTO[:height, :width])
        assert (painted.shape, painted.dtype) == ((height, width, 3), np.uint8)

    def test_runtimes_agree(self, litert):
        exact = stylizer.Stylizer(PAINTING, runtime="savedmodel", precision="float32")
        difference = np.abs(litert(PHOTO).astype(float) - exact(PHOTO))
        assert difference.mean() < 1
        assert np.percentile(difference, 99) < 6

    def test_bfloat16_is_close(self, litert):
        fast = stylizer.Stylizer(PAINTING, runtime="savedmodel")
        assert distance(litert(PHOTO), fast(PHOTO)) < (5 if runtime.fast_bfloat16() else 1)

    def test_the_painting_matters(self, litert):
        assert distance(litert(PHOTO), stylizer.Stylizer(OTHER)(PHOTO)) > 10

    def test_takes_on_the_colors(self):
        red = PAINTING * np.float32([1, 0.3, 0.2])
        painted = stylizer.Stylizer(red)(PHOTO)
        before, after = (np.abs(each.mean((0, 1)) - red.mean((0, 1))).mean() for each in (PHOTO, painted))
        assert after < before / 2

    def test_again_after_another_size(self, paint):
        first = paint(PHOTO)
        paint(PHOTO[:40, :20])
        np.testing.assert_array_equal(paint(PHOTO), first)

    def test_keeps_colors(self, litert):
        def chroma(picture):
            return picture.astype(float) - picture.mean(-1, keepdims=True)

        kept = distance(chroma(litert(PHOTO, keep_colors=True)), chroma(PHOTO))
        assert kept < distance(chroma(litert(PHOTO)), chroma(PHOTO)) / 2

    def test_extreme_photos(self, litert):
        for value in (0, 128, 255):
            assert litert(np.full((48, 48, 3), value, np.uint8)).shape == (48, 48, 3)

    def test_too_large_for_the_memory(self, litert, monkeypatch):
        monkeypatch.setattr(runtime, "available_memory", lambda: 10**6)
        with pytest.raises(errors.ShortageError, match="use --size"):
            litert(PHOTO)


class TestStrength:
    def test_0_is_the_photo(self, paint):
        np.testing.assert_array_equal(paint(PHOTO, strength=0), PHOTO)

    def test_1_is_the_style(self, paint):
        np.testing.assert_array_equal(paint(PHOTO, strength=1), paint(PHOTO))

    def test_more_is_farther_from_the_photo(self, paint):
        distances = [distance(paint(PHOTO, strength=each), PHOTO) for each in (0, 0.25, 0.5, 0.75, 1)]
        assert distances == sorted(distances)
        assert distances[-1] > 10

    def test_refuses_others(self, litert):
        with pytest.raises(errors.InputError, match="use 0 to 1"):
            litert(PHOTO, strength=1.5)


class TestMixtures:
    def files(self, folder):
        for name, picture in (("a.png", PAINTING), ("b.png", OTHER)):
            tfstyle.save_image(folder / name, picture)
        return str(folder / "a.png"), str(folder / "b.png")

    def test_from_one_style_to_the_other(self, tmp_path):
        one, other = self.files(tmp_path)
        painted = [stylizer.Stylizer(f"{one}:{4 - share},{other}:{share}")(PHOTO) for share in range(5)]
        np.testing.assert_array_equal(painted[0], stylizer.Stylizer(one)(PHOTO))
        np.testing.assert_array_equal(painted[4], stylizer.Stylizer(other)(PHOTO))
        away = [distance(each, painted[0]) for each in painted]
        assert away == sorted(away)
        near = [distance(each, painted[4]) for each in painted]
        assert near == sorted(near, reverse=True)

    def test_mapping(self, tmp_path):
        one, other = self.files(tmp_path)
        as_text = stylizer.Stylizer(f"{one}:2,{other}")
        np.testing.assert_array_equal(stylizer.Stylizer({one: 2, other: 1})(PHOTO), as_text(PHOTO))
        assert as_text.name == "a.png:2,b.png:1"

    def test_name_of_a_style(self, tmp_path, monkeypatch):
        one, other = self.files(tmp_path)
        engine = any_painting.load("litert", None, "auto")
        packed = vectors.find(other, engine).packed()
        monkeypatch.setattr(vectors, "named", lambda: {"mine": packed})
        mixed = stylizer.Stylizer(f"{one}:1,mine:1")(PHOTO)
        assert distance(mixed, stylizer.Stylizer(f"{one}:1,{other}:1")(PHOTO)) < 0.5

    def test_trained_style_has_its_own_network(self):
        assert stylizer.Stylizer("starry_night").folder.name == "starry_night"
        assert stylizer.Stylizer(PAINTING).folder is None


class TestPaintings:
    def test_transparent_parts_do_not_count(self):
        alpha = np.ones(PAINTING.shape[:2], np.float32)
        alpha[:, 64:] = 0
        spoiled = PAINTING.copy()
        spoiled[:, 64:] = (255, 0, 255)
        found = stylizer.Stylizer(images.Photo(spoiled, alpha))(PHOTO)
        alone, everything = stylizer.Stylizer(PAINTING[:, :64]), stylizer.Stylizer(spoiled)
        assert distance(found, alone(PHOTO)) < 0.5 * distance(found, everything(PHOTO))

    def test_refuses_a_transparent_one(self):
        with pytest.raises(errors.InputError, match="transparent everywhere"):
            stylizer.Stylizer(images.Photo(PAINTING, np.zeros(PAINTING.shape[:2], np.float32)))

    def test_narrow_painting(self):
        assert stylizer.Stylizer(PAINTING[:3])(PHOTO).shape == PHOTO.shape

    def test_vector_of_a_file_is_kept(self, tmp_path, monkeypatch):
        tfstyle.save_image(tmp_path / "painting.png", PAINTING)
        painted = stylizer.Stylizer(tmp_path / "painting.png")(PHOTO)
        assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1
        monkeypatch.setattr(any_painting, "style_vector", None)  # Not measured again.
        again = stylizer.Stylizer(tmp_path / "painting.png")(PHOTO)
        assert distance(painted, again) < 1

    def test_damaged_or_unwritable_cache(self, tmp_path, monkeypatch):
        tfstyle.save_image(tmp_path / "painting.png", PAINTING)
        first = stylizer.Stylizer(tmp_path / "painting.png")(PHOTO)
        (kept,) = (tmp_path / "cache").rglob("*.npy")
        kept.write_bytes(b"nonsense")
        np.testing.assert_array_equal(stylizer.Stylizer(tmp_path / "painting.png")(PHOTO), first)
        (tmp_path / "file").touch()
        monkeypatch.setattr(vectors.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "file"))
        np.testing.assert_array_equal(stylizer.Stylizer(tmp_path / "painting.png")(PHOTO), first)

    def test_unknown_style(self):
        with pytest.raises(errors.InputError, match=r"no style 'nosuch': use a painting's file, .*starry_night"):
            stylizer.Stylizer("nosuch")

    def test_missing_file(self):
        with pytest.raises(errors.InputError, match=r"nosuch\.jpg"):
            stylizer.Stylizer("nosuch.jpg")

    def test_damaged_painting(self, tmp_path):
        (tmp_path / "painting.jpg").write_bytes(b"nonsense")
        with pytest.raises(errors.InputError, match="painting.jpg"):
            stylizer.Stylizer(tmp_path / "painting.jpg")

    def test_damaged_network(self, tmp_path, monkeypatch):
        (tmp_path / "network").write_bytes(b"nonsense")
        for name, file in (("litert", "NETWORK"), ("savedmodel", "WEIGHTS")):
            monkeypatch.setattr(any_painting, file, tmp_path / "network")
            with pytest.raises(errors.InputError, match="reinstall tfstyle"):
                any_painting.load.__wrapped__(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["irises", "street_pavers", "suprematism"])
def test_no_weave(name):
    assert max(weave.of_network(stylizer.Stylizer(name)).values()) < weave.LIMIT


def test_memory_is_known_without_a_folder():
    assert stylizer.Stylizer(PAINTING).bytes_per_pixel == predictor._BYTES_PER_PIXEL_OF_ANY


def test_several_photos_to_a_folder(tmp_path):
    tfstyle.save_image(tmp_path / "painting.png", PAINTING)
    for name in ("a.png", "b.png"):
        tfstyle.save_image(tmp_path / name, PHOTO)
    photos = [tmp_path / "a.png", tmp_path / "b.png"]
    results = list(tfstyle.stylize(photos, tmp_path / "out", tmp_path / "painting.png"))
    assert [result.error for result in results] == [None, None]
    assert images.load_recipe(tmp_path / "out" / "a.png")["style"] == "painting.png"
    assert pathlib.Path(tmp_path / "out" / "b.png").is_file()
