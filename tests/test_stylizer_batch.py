"""Painting files: one photo, several, folders; what results keep of their photos; what is refused."""

import pathlib

import drawn
import numpy as np
import pytest
import runs
from PIL import ExifTags

import tfstyle
from tfstyle import errors, images, runtime, stylebook, stylizer

STYLE = "starry_night"


@pytest.fixture(autouse=True)
def _folder(folder):
    """The current folder holds photo.png."""
    (folder / "painting.png").unlink()


@pytest.fixture
def album():
    """Photos in folders within folders, and a file that is none."""
    for name in ("a.png", "trip/b.jpg", "trip/day 2/a.png"):
        pathlib.Path("album", name).parent.mkdir(parents=True, exist_ok=True)
        images.save_image(pathlib.Path("album", name), runs.photo(20, 24, seed=len(name)))
    pathlib.Path("album/trip/notes.txt").write_text("rain")
    return {"album/a.png", "album/trip/b.jpg", "album/trip/day 2/a.png", "album/trip/notes.txt"}


def stylize(sources, output, **settings):
    return list(tfstyle.stylize(sources, output, STYLE, **settings))


def pixels(name):
    return images.load_image(name).rgb


def files():
    return {str(path) for path in pathlib.Path().rglob("*") if path.is_file()} - {"photo.png"}


def expected(name):
    return stylizer.Stylizer(STYLE)(name)


class TestOne:
    @pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp", "out.tiff"])
    def test_a_file_of_each_kind(self, name):
        (result,) = stylize("photo.png", name)
        assert (str(result.source), str(result.path)) == ("photo.png", name)
        assert (result.step, result.steps, result.error) == (1, 1, None)
        assert files() == {name}
        far = np.abs(pixels(name) - expected("photo.png")).mean()
        assert far == 0 if name in {"out.png", "out.tiff"} else far < 12

    def test_into_a_folder_under_the_same_name(self):
        stylize(pathlib.Path("photo.png"), pathlib.Path("deep/painted"))
        assert files() == {"deep/painted/photo.png"}

    def test_size(self):
        stylize("photo.png", "out.png", size=24)
        assert pixels("out.png").shape == (18, 24, 3)

    def test_strength_and_colors(self):
        stylize("photo.png", "out.png", strength=0.5, keep_colors=True)
        stylized = stylizer.Stylizer(STYLE)("photo.png", strength=0.5, keep_colors=True)
        np.testing.assert_array_equal(pixels("out.png"), stylized)

    def test_saved_model(self):
        stylize("photo.png", "out.png", runtime="savedmodel")
        assert np.abs(pixels("out.png") - expected("photo.png")).mean() < 8  # bfloat16 on processors made for it

    def test_recipe_has_no_paths(self):
        pathlib.Path("private").mkdir()
        pathlib.Path("photo.png").rename("private/photo.png")
        folder = stylebook.find(STYLE).path
        (result,) = tfstyle.stylize("private/photo.png", "out.png", folder, strength=0.5)
        recipe = images.load_recipe("out.png")
        assert result.error is None
        assert (recipe["stylize"], recipe["style"], recipe["strength"]) == ("photo.png", STYLE, 0.5)
        assert "private" not in str(recipe)


class TestWhatIsKept:
    def test_alpha(self):
        alpha = np.random.default_rng(0).integers(0, 256, (36, 48)) / np.float32(255)
        images.save_image("cut.png", runs.photo(), alpha=alpha)
        stylize("cut.png", "out.png")
        np.testing.assert_array_equal(images.load_image("out.png").alpha, images.load_image("cut.png").alpha)

    @pytest.mark.parametrize("orientation", [3, 6])
    def test_orientation(self, orientation):
        upright = drawn.photo(30, 44, 5)
        data = drawn.file(drawn.stored_as(upright, orientation), "PNG", exif=drawn.exif(orientation))
        pathlib.Path("turned.png").write_bytes(data)
        stylize("turned.png", "out.png")
        np.testing.assert_array_equal(pixels("out.png"), expected(upright))

    @pytest.mark.parametrize("keep_gps", [False, True])
    def test_metadata(self, keep_gps):
        exif = drawn.Image.Exif()
        exif[ExifTags.Base.Artist] = "Berenice Abbott"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1936:05:08 12:00:00"
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
        pathlib.Path("taken.jpg").write_bytes(drawn.file(drawn.photo(20, 24), "JPEG", exif=exif.tobytes()))
        stylize("taken.jpg", "out.jpg", keep_gps=keep_gps)
        with drawn.Image.open("out.jpg") as picture:
            kept = picture.getexif()
            camera, place = (kept.get_ifd(each) for each in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo))
        assert kept[ExifTags.Base.Artist] == "Berenice Abbott"
        assert camera[ExifTags.Base.DateTimeOriginal] == "1936:05:08 12:00:00"
        assert place == ({ExifTags.GPS.GPSLatitudeRef: "N"} if keep_gps else {})
        assert images.load_recipe("out.jpg")["style"] == STYLE

    @pytest.mark.parametrize("mode", ["L", "P", "1"])
    def test_other_color_modes_become_rgb(self, mode):
        drawn.Image.fromarray(drawn.photo(20, 25, 3)).convert(mode).save("other.png")
        stylize("other.png", "out.png")
        assert pixels("out.png").shape == (20, 25, 3)


class TestMany:
    def test_several_photos(self, album):
        results = stylize(["photo.png", "album/a.png"], "painted")
        assert [(result.step, result.steps, str(result.path)) for result in results] == [
            (1, 2, "painted/photo.png"),
            (2, 2, "painted/a.png"),
        ]
        assert files() - album == {"painted/photo.png", "painted/a.png"}

    def test_each_is_painted_when_the_iterator_reaches_it(self):
        results = tfstyle.stylize(["photo.png", "nowhere.png"], "painted", STYLE)
        assert files() == set()
        next(results)
        assert files() == {"painted/photo.png"}

    def test_a_folder_with_all_below_it(self, album):
        with pytest.warns(images.SkippedFilesWarning, match="left out album/trip/notes.txt .not a supported image"):
            stylize("album", "painted")
        assert files() - album == {"painted/a.png", "painted/trip/b.jpg", "painted/trip/day 2/a.png"}
        for name in ("a.png", "trip/day 2/a.png"):
            np.testing.assert_array_equal(pixels(f"painted/{name}"), expected(f"album/{name}"))

    def test_a_bad_photo_does_not_stop_the_others(self):
        pathlib.Path("bad.png").write_bytes(pathlib.Path("photo.png").read_bytes()[:900])
        bad, good = stylize(["bad.png", "photo.png"], "painted")
        assert isinstance(bad.error, errors.InputError)
        assert str(bad.error).startswith("bad.png: ")
        assert good.error is None
        assert files() == {"bad.png", "painted/photo.png"}

    def test_photos_of_every_kind_but_no_hidden_ones(self):
        kinds = {"a.gif": "GIF", "a.png": "PNG", "b.bmp": "BMP", "c.jfif": "JPEG", "d.jp2": "JPEG2000"}
        hidden = {"._a.png": "PNG", ".trashed-1-c.jpg": "JPEG", ".thumbnails/e.png": "PNG"}
        pathlib.Path("mixed/.thumbnails").mkdir(parents=True)
        for name, kind in (kinds | hidden).items():
            pathlib.Path("mixed", name).write_bytes(drawn.file(drawn.photo(20, 24), kind))
        stylize("mixed", "painted")
        painted = {name.removeprefix("painted/") for name in files() if name.startswith("painted")}
        assert painted == {"a.gif.png", "a.png", "b.png", "c.jpg", "d.png"}

    def test_photo_too_large_for_the_memory(self, monkeypatch):
        images.save_image("large.png", runs.photo(60, 80))
        monkeypatch.setattr(runtime, "available_memory", lambda: 600 * 50 * 50)
        large, small = stylize(["large.png", "photo.png"], "painted")
        assert isinstance(large.error, errors.ShortageError)
        assert small.error is None

    @pytest.mark.filterwarnings("ignore:left out")
    def test_folder_of_photos_as_output(self, album):
        before = {name: pathlib.Path(name).read_bytes() for name in album}
        assert ["is the photo itself" in str(result.error) for result in stylize("album", "album")] == [True] * 3
        assert {name: pathlib.Path(name).read_bytes() for name in album} == before

    @pytest.mark.filterwarnings("ignore:left out")
    def test_results_below_the_photos_are_not_painted_again(self, album):
        for _ in range(2):
            assert len(stylize("album", "album/painted")) == 3


class TestRefusals:
    """Before any photo is painted."""

    @pytest.mark.parametrize(
        ("sources", "output", "message"),
        [
            (["photo.png", "photo.png"], "out.png", "specify a folder to save several results"),
            (".", "out.png", "specify a folder to save several results"),
            ("empty", "painted", "no photos found in empty: use "),
            (["photo.png", "same/photo.png"], "painted", "several photos would be saved as painted/photo.png"),
            ("photo.png", "out.heic", "cannot write '.heic'"),
            ("photo.png", "nowhere/out.png", "create it first"),
        ],
    )
    def test_sources_and_output(self, sources, output, message):
        pathlib.Path("empty").mkdir()
        with pytest.raises(errors.InputError, match=message):
            tfstyle.stylize(sources, output, STYLE)

    @pytest.mark.parametrize(
        "settings", [{"strength": 1.5}, {"strength": float("nan")}, {"size": 0}, {"threads": 0}, {"runtime": "onnx"}]
    )
    def test_settings(self, settings):
        with pytest.raises(errors.InputError, match=next(iter(settings))):
            tfstyle.stylize("photo.png", "out.png", STYLE, **settings)

    def test_style(self):
        with pytest.raises(errors.InputError, match="no style 'nosuch'"):
            tfstyle.stylize("photo.png", "out.png", "nosuch")

    @pytest.mark.parametrize("output", ["notes", "notes/painted"])
    def test_output_folder_cannot_be_created(self, output):
        pathlib.Path("notes").write_text("no folder")
        (result,) = stylize("photo.png", output)
        assert "cannot be created" in str(result.error)
        assert files() == {"notes"}


KINDS = {".jpg": "JPEG", ".PNG": "PNG", ".webp": "WEBP", ".tif": "TIFF"}
KEPT = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
PLACES = ("", "trip", "trip/day 2", "best.jpg")  # The last one is a folder, too.
BROKEN = {
    "cut.jpg": drawn.file(drawn.photo(40, 50), "JPEG")[:700],
    "trip/empty.jpg": b"",
    "trip/letter.jpg": b"Dear Theo, the sky is aquamarine.\n" * 9,
    "trip/day 2/header.png": drawn.file(drawn.photo(40, 50), "PNG").replace(b"IHDR", b"IHDR\xff"),
    "best.jpg/nought.png": drawn.png(np.zeros((0, 0, 3)), 8, 2),
}


@pytest.fixture
def archive():
    """195 photos of odd sizes, turned, some transparent, and `BROKEN` ones; returns what each shows, by name."""
    generator, shown = np.random.default_rng(0), {}
    for index in range(195):
        suffix, kind = list(KINDS.items())[index % 4]
        height, width = generator.integers(20, 61, 2)
        image = drawn.photo(height, width, seed=index)
        if kind == "PNG" and index % 3:
            image = np.dstack([image, generator.integers(0, 256, (height, width), dtype=np.uint8)])
        name, turned = f"{PLACES[index // 5 % 4]}/{index}{suffix}".lstrip("/"), 1 + index // 4 % 8
        data = drawn.file(drawn.stored_as(image, turned), kind, exif=drawn.exif(turned), **KEPT.get(kind, {}))
        store(name, data)
        shown[name] = image
    for name, data in BROKEN.items():
        store(name, data)
    return shown


def store(name, data):
    path = pathlib.Path("archive", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.mark.slow
def test_two_hundred_photos_of_which_five_are_broken(archive):
    before = files()
    assert len(before) == 200
    results = stylize("archive", "painted")
    assert files() - before == {f"painted/{name}" for name in archive}
    assert {str(result.source) for result in results if result.error} == {f"archive/{name}" for name in BROKEN}
    paint = stylizer.Stylizer(STYLE, runtime="savedmodel")
    for name, image in archive.items():
        painted = images.load_image(f"painted/{name}")
        assert painted.size == image.shape[:2], name
        far = np.abs(painted.rgb - paint(image[..., :3])).mean()
        assert far < (0.01 if name.endswith((".PNG", ".tif")) else 12), name  # JPEG and WebP are lossy, twice.
        alpha = None if painted.alpha is None else np.rint(painted.alpha * 255)
        np.testing.assert_array_equal(alpha, image[..., 3] if image.shape[2] == 4 else None)
