"""The command line ``tfstyle stylize``: one photo and many, what is kept of them, what is refused."""

import os
import pathlib
import subprocess
import sys

import drawn
import numpy as np
import psutil
import pytest
import runs

from tfstyle import images, stylizer
from tfstyle.images import color

pytestmark = pytest.mark.parametrize("exported", ["realtime"], indirect=True)

COMMAND = [sys.executable, "-X", "importtime", "-m", "tfstyle.cli.main"]
FRAMEWORKS = {"tensorflow", "keras"}


@pytest.fixture(autouse=True)
def style(folder, exported):
    """The trained style's folder; the current folder holds photo.png."""
    (folder / "painting.png").unlink()
    return str(exported[1])


@pytest.fixture
def stylize(style):
    def run(*words):
        return runs.command("stylize", *words, "--style", style, "--runtime", "litert")

    return run


def pixels(name):
    return images.load_image(name).rgb


def difference(name, other):
    return np.abs(pixels(name) - pixels(other)).mean()


def left():
    return {str(path) for path in pathlib.Path().rglob("*") if path.is_file()} - {"photo.png"}


def refused(capsys, run, *words):
    """The one line of a command that must fail without a trace."""
    capsys.readouterr()
    before = left()
    assert run(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("tfstyle: ")
    assert said.err.count("\n") == 1
    assert left() == before
    return said.err


class TestOne:
    @pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp", "out.tiff"])
    def test_a_picture_of_the_same_size(self, stylize, capsys, exported, name):
        assert stylize("photo.png", "-o", name) == 0
        assert left() == {name}
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", f"1/1 {name}\n")
        network, _ = exported
        photo = pixels("photo.png")
        expected = network(np.rint(photo)[None]).numpy()[0]
        assert pixels(name).shape == photo.shape
        assert np.abs(pixels(name) - expected).mean() < (0.5 if name in {"out.png", "out.tiff"} else 12)

    def test_into_a_folder_under_the_same_name(self, stylize):
        assert stylize("photo.png", "-o", "deep/painted") == 0
        assert left() == {"deep/painted/photo.png"}

    def test_tells_how_it_was_made(self, stylize, style):
        assert stylize("photo.png", "-o", "out.png", "--strength", "0.5") == 0
        recipe = images.load_recipe("out.png")
        assert recipe["stylize"] == "photo.png"
        assert (recipe["style"], recipe["strength"], recipe["keep_colors"]) == (style, 0.5, False)

    def test_size(self, stylize):
        assert stylize("photo.png", "-o", "out.png", "--size", "24") == 0
        assert pixels("out.png").shape == (18, 24, 3)

    def test_both_runtimes(self, stylize, style):
        assert stylize("photo.png", "-o", "litert.png") == 0
        words = ("photo.png", "-o", "saved.png", "--style", style, "--runtime", "savedmodel")
        assert runs.command("stylize", *words) == 0
        assert difference("litert.png", "saved.png") < 8  # bfloat16, where the processor has it.


class TestStrength:
    def test_nought_is_the_photo(self, stylize):
        assert stylize("photo.png", "-o", "out.png", "--strength", "0") == 0
        assert np.abs(pixels("out.png") - pixels("photo.png")).max() <= 1

    def test_grows(self, stylize):
        for strength in ("0.2", "0.5", "0.8", "1"):
            assert stylize("photo.png", "-o", f"{strength}.png", "--strength", strength) == 0
        assert stylize("photo.png", "-o", "default.png") == 0
        far = [difference(f"{strength}.png", "photo.png") for strength in ("0.2", "0.5", "0.8", "1")]
        assert far == sorted(far)
        assert far[1] == pytest.approx(far[3] / 2, rel=0.05)
        assert difference("1.png", "default.png") == 0

    def test_between_photo_and_painting(self, stylize):
        for strength in ("0.5", "1"):
            assert stylize("photo.png", "-o", f"{strength}.png", "--strength", strength) == 0
        middle = (pixels("photo.png") + pixels("1.png")) / 2
        assert np.abs(pixels("0.5.png") - middle).max() <= 1.01


class TestWhatIsKept:
    def test_colours(self, stylize):
        for name, words in (("plain.png", ()), ("kept.png", ("--keep-colors",))):
            assert stylize("photo.png", "-o", name, *words) == 0
        expected = color.keep_luminance(pixels("plain.png"), pixels("photo.png"))
        assert np.abs(pixels("kept.png") - np.clip(expected, 0, 255)).max() <= 2
        assert difference("kept.png", "photo.png") > 1
        luma = np.array([0.299, 0.587, 0.114])

        def chroma(name):
            rgb = pixels(name)
            return rgb - (rgb @ luma)[..., None]

        kept, plain = (np.abs(chroma(name) - chroma("photo.png")).mean() for name in ("kept.png", "plain.png"))
        assert kept < plain / 3

    def test_alpha(self, stylize):
        alpha = np.random.default_rng(0).integers(0, 256, (36, 48)) / np.float32(255)
        images.save_image("cut.png", runs.photo(), alpha=alpha)
        assert stylize("cut.png", "-o", "out.png") == 0
        np.testing.assert_array_equal(images.load_image("out.png").alpha, images.load_image("cut.png").alpha)

    @pytest.mark.parametrize("orientation", [3, 6, 8])
    def test_what_is_up(self, stylize, orientation):
        upright = drawn.photo(30, 44, 5)
        data = drawn.file(drawn.stored_as(upright, orientation), "PNG", exif=drawn.exif(orientation))
        pathlib.Path("turned.png").write_bytes(data)
        pathlib.Path("upright.png").write_bytes(drawn.file(upright, "PNG"))
        for name in ("turned", "upright"):
            assert stylize(f"{name}.png", "-o", f"{name}-painted.png") == 0
        np.testing.assert_array_equal(pixels("turned-painted.png"), pixels("upright-painted.png"))

    @pytest.mark.parametrize("mode", ["L", "P", "1"])
    def test_other_formats_become_rgb(self, stylize, mode):
        drawn.Image.fromarray(drawn.photo(20, 25, 3)).convert(mode).save("other.png")
        assert stylize("other.png", "-o", "out.png") == 0
        assert pixels("out.png").shape == (20, 25, 3)


@pytest.fixture
def album():
    """Photos in folders within folders, and what is none."""
    for name in ("a.png", "trip/b.jpg", "trip/day 2/a.png"):
        pathlib.Path("album", name).parent.mkdir(parents=True, exist_ok=True)
        images.save_image(pathlib.Path("album", name), runs.photo(20, 24, seed=len(name)))
    pathlib.Path("album/trip/notes.txt").write_text("rain")
    return {"album/a.png", "album/trip/b.jpg", "album/trip/day 2/a.png", "album/trip/notes.txt"}


class TestMany:
    def test_several_photos(self, stylize, album, capsys):
        assert stylize("photo.png", "album/a.png", "-o", "painted") == 0
        assert left() - album == {"painted/photo.png", "painted/a.png"}
        assert capsys.readouterr().err.splitlines() == ["1/2 painted/photo.png", "2/2 painted/a.png"]
        assert pixels("painted/a.png").shape == (20, 24, 3)

    def test_a_folder_with_all_below_it(self, stylize, album):
        assert stylize("album", "-o", "painted") == 0
        assert left() - album == {"painted/a.png", "painted/trip/b.jpg", "painted/trip/day 2/a.png"}
        for name in ("a.png", "trip/b.jpg"):
            assert difference(f"painted/{name}", f"album/{name}") > 5

    @pytest.mark.parametrize("data", [b"", b"nonsense" * 40, "cut"], ids=["empty", "nonsense", "cut"])
    def test_a_broken_one_among_them(self, stylize, album, capsys, data):
        data = pathlib.Path("photo.png").read_bytes()[:900] if data == "cut" else data
        pathlib.Path("album/trip/broken.png").write_bytes(data)
        assert stylize("album", "-o", "painted") == 2
        expected = {"painted/a.png", "painted/trip/b.jpg", "painted/trip/day 2/a.png"}
        assert left() - album == {*expected, "album/trip/broken.png"}
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 6
        assert said[0] == "tfstyle: left out album/trip/notes.txt (not a picture of a known kind)"
        assert "album/trip/broken.png" in next(line for line in said[1:] if line.startswith("tfstyle: "))
        assert said[-1] == "tfstyle: 1 of 4 photos could not be painted (see above); the other 3 were painted"

    def test_all_of_them_broken(self, stylize, capsys):
        for name in ("a.png", "b.png"):
            pathlib.Path(name).write_bytes(b"nonsense" * 40)
        assert stylize("a.png", "b.png", "-o", "painted") == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == "tfstyle: 2 of 2 photos could not be painted (see above); nothing was painted"

    def test_photos_of_every_kind_but_no_hidden_ones(self, stylize, capsys):
        kinds = {"a.gif": "GIF", "a.png": "PNG", "b.bmp": "BMP", "c.jfif": "JPEG", "d.jp2": "JPEG2000"}
        hidden = {"._a.png": "PNG", ".trashed-1-c.jpg": "JPEG", ".thumbnails/e.png": "PNG"}
        pathlib.Path("mixed/.thumbnails").mkdir(parents=True)
        for name, kind in (kinds | hidden).items():
            pathlib.Path("mixed", name).write_bytes(drawn.file(drawn.photo(20, 24), kind))
        pathlib.Path("mixed/f.heic").write_bytes(b"")
        assert stylize("mixed", "-o", "painted") == 0
        painted = {name.removeprefix("painted/") for name in left() if name.startswith("painted")}
        assert painted == {"a.gif.png", "a.png", "b.png", "c.jpg", "d.png"}
        first = capsys.readouterr().err.splitlines()[0]
        assert first == "tfstyle: left out mixed/f.heic (HEIC: convert it to JPEG)"

    def test_one_that_is_too_large_among_them(self, stylize, album, capsys, monkeypatch):
        class Free:
            available = 500 * 30 * 30

        images.save_image("album/large.png", runs.photo(60, 80))
        monkeypatch.setattr(psutil, "virtual_memory", Free)
        assert stylize("album", "-o", "painted") == 2
        assert "80x60 pixels need about" in capsys.readouterr().err
        assert len(left() - album) == 4

    def test_two_of_the_same_name(self, stylize, album, capsys):
        message = refused(capsys, stylize, "album/a.png", "album/trip/day 2/a.png", "-o", "painted")
        assert "several photos would become painted/a.png" in message

    def test_the_folder_itself_as_output(self, stylize, album, capsys):
        before = {name: pathlib.Path(name).read_bytes() for name in album}
        assert stylize("album", "-o", "album") == 2
        said = capsys.readouterr().err
        assert said.count("is the photo itself") == 3
        assert {name: pathlib.Path(name).read_bytes() for name in album} == before

    def test_results_below_the_photos_are_not_painted_again(self, stylize, album):
        for _ in range(2):
            assert stylize("album", "-o", "album/painted") == 0
            assert len(left() - album) == 3


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
def test_two_hundred_photos_of_which_five_are_broken(archive, style, capsys):
    before = left()
    assert len(before) == 200
    assert runs.command("stylize", "archive", "--style", style, "-o", "painted") == 2
    assert left() - before == {f"painted/{name}" for name in archive}
    *complaints, last = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tfstyle: ")]
    assert sorted(line.split(": ")[1] for line in complaints) == sorted(f"archive/{name}" for name in BROKEN)
    assert last == "tfstyle: 5 of 200 photos could not be painted (see above); the other 195 were painted"
    paint = stylizer.Stylizer(style, engine="savedmodel")
    for name, image in archive.items():
        painted = images.load_image(f"painted/{name}")
        assert painted.size == image.shape[:2], name
        far = np.abs(painted.rgb - paint(image[..., :3])).mean()
        assert far < (0.01 if name.endswith((".PNG", ".tif")) else 12), name  # JPEG and WebP lose some, twice.
        alpha = None if painted.alpha is None else np.rint(painted.alpha * 255)
        np.testing.assert_array_equal(alpha, image[..., 3] if image.shape[2] == 4 else None)


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["photo.png", "-o", "photo.png"], "is the photo itself"),
            (["photo.png", "-o", "."], "is the photo itself"),
            (["nowhere.png", "-o", "out.png"], "nowhere.png"),
            (["nowhere.png", "-o", "painted"], "nowhere.png"),
            (["x" * 5000, "-o", "out.png"], "too long"),
            (["photo.png", "-o", "nowhere/out.png"], "make it first"),
            (["photo.png", "photo.png", "-o", "out.png"], "name a folder for the results"),
            ([".", "-o", "out.png"], "name a folder for the results"),
            (["empty", "-o", "painted"], "no photos in empty"),
            (["photo.png", "-o", "notes"], "cannot be made"),
            (["photo.png", "-o", "notes/painted"], "cannot be made"),
            (["photo.png", "-o", "out.gif"], "cannot write '.gif'"),
            (["photo.png", "-o", "out.bmp"], "cannot write '.bmp'"),
            (["photo.png", "-o", "out.heic"], "cannot write '.heic': choose .jpg"),
            (["photo.png", "-o", "out.jxl"], "cannot write '.jxl'"),
            (["photo.png", "-o", "out.xyz"], "cannot write '.xyz'"),
            (["photo.png", "-o", "out.png", "--strength", "1.5"], "use 0 to 1"),
            (["photo.png", "-o", "out.png", "--strength", "nan"], "use 0 to 1"),
            (["photo.png", "-o", "out.png", "--size", "0"], "size"),
            (["photo.png", "-o", "out.png", "--size", "-4"], "size"),
            (["photo.png", "-o", "out.png", "--threads", "-1"], "threads"),
        ],
    )
    def test_in_one_line(self, stylize, capsys, *, words, message):
        pathlib.Path("empty").mkdir()
        pathlib.Path("notes").write_text("no folder")
        assert message in refused(capsys, stylize, *words)

    def test_no_such_style(self, capsys):
        def run(*words):
            return runs.command("stylize", *words)

        words = ("photo.png", "-o", "out.png", "--style")
        assert "no style 'nosuch'" in refused(capsys, run, *words, "nosuch")
        assert "no style there" in refused(capsys, run, *words, ".")

    @pytest.mark.parametrize("words", [["photo.png", "-o", "out.png"], ["photo.png"], ["-o", "out.png"]])
    def test_what_must_be_given(self, capsys, words):
        def run(*given):
            return runs.command("stylize", *given)

        assert "required" in refused(capsys, run, *words)


class TestProcess:
    @pytest.mark.parametrize("runtime", ["litert", "auto"])
    def test_tensorflow_is_not_loaded(self, style, runtime):
        words = ["stylize", "photo.png", "--style", style, "-o", "out.png", "--runtime", runtime]
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
        loaded = {line.rpartition("|")[2].strip() for line in lines}
        assert "tfstyle.stylizer" in loaded
        assert loaded & FRAMEWORKS == set()
        assert [line for line in done.stderr.splitlines() if line not in lines] == ["1/1 out.png"]
        assert done.stdout == ""
        assert os.path.exists("out.png")  # noqa: PTH110
