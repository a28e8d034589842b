"""The command ``tfstyle optimize``: in this process where possible, in a separate one where signals matter."""

import csv
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import runs
from PIL import ExifTags, Image, ImageSequence

from tfstyle import checkpoints, config, errors, files, images, runtime
from tfstyle.cli import console
from tfstyle.images import encoding

pytestmark = pytest.mark.usefixtures("folder")

COMMAND = [sys.executable, "-m", "tfstyle.cli.main"]


@pytest.fixture
def few(tiny):
    """Arguments of a run of three steps at 48 pixels."""
    return arguments(runs.settings(tiny))


@pytest.fixture
def two_scales(tiny):
    """Arguments of a run of five steps at 24 and 48 pixels."""
    return arguments(runs.settings(tiny, **runs.TWO_SCALES))


def arguments(settings, *inputs):
    changed = [
        (field.name, getattr(settings, field.name))
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) != field.default
    ]
    options = [
        (f"--{name.replace('_', '-')}", ",".join(map(str, value)) if isinstance(value, tuple) else str(value))
        for name, value in changed
    ]
    return [*(inputs or ("photo.png", "painting.png")), *(word for option in options for word in option)]


def tfstyle(*words):
    return runs.command("optimize", *words)


def left():
    return set(os.listdir()) - {"photo.png", "painting.png"}


def refused(capsys, *words):
    """The one-line error of a run that must leave no files."""
    before = set(os.listdir())
    assert tfstyle(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("tfstyle: ")
    assert said.err.count("\n") == 1
    assert set(os.listdir()) == before
    return said.err


class TestHappyPath:
    def test_a_picture_and_nothing_else(self, few, capsys):
        assert tfstyle(*few, "-o", "out.png") == 0
        assert left() == {"out.png"}
        with Image.open("out.png") as image:
            assert (image.size, image.mode) == ((48, 36), "RGB")
        said = capsys.readouterr()
        assert said.out == ""
        assert "saved out.png" in said.err

    @pytest.mark.parametrize("name", ["out.jpg", "out.webp", "out.tiff"])
    def test_other_formats(self, few, name):
        assert tfstyle(*few, "-o", name) == 0
        assert images.load_image(name).rgb.shape == (36, 48, 3)
        assert images.load_recipe(name)["content"] == "photo.png"

    @pytest.mark.parametrize("keep_gps", [False, True])
    def test_metadata_is_carried_and_the_position_on_request(self, few, keep_gps):
        exif = Image.Exif()
        exif[ExifTags.Base.Artist] = "Berenice Abbott"
        exif[ExifTags.IFD.GPSInfo] = {1: "N"}
        Image.open("photo.png").save("taken.jpg", exif=exif.tobytes(), dpi=(300, 300))
        assert tfstyle("taken.jpg", *few[1:], "-o", "out.jpg", *(["--keep-gps"] if keep_gps else [])) == 0
        with Image.open("out.jpg") as picture:
            assert picture.getexif()[ExifTags.Base.Artist] == "Berenice Abbott"
            assert picture.getexif().get_ifd(ExifTags.IFD.GPSInfo) == ({1: "N"} if keep_gps else {})
            assert picture.info["dpi"] == (300, 300)
        assert images.load_recipe("out.jpg")["content"] == "taken.jpg"

    def test_a_side_too_long_for_the_format_is_refused_before_painting(self, few, capsys, monkeypatch):
        monkeypatch.setitem(encoding._LONGEST, "JPEG", 47)
        assert "JPEG supports at most 47 pixels per side, got 48x36" in refused(capsys, *few, "-o", "out.jpg")

    @pytest.mark.parametrize("size", [31, 77])
    def test_alpha_and_exact_size_are_carried(self, few, size):
        alpha = np.zeros((36, 48), np.float32)
        alpha[:, 24:] = 1
        images.save_image("cut.png", runs.photo(), alpha=alpha)
        words = few[1:]
        words[words.index("--scales") + 1] = str(size)
        words[words.index("--iterations") + 1] = "2"
        assert tfstyle("cut.png", *words, "-o", "out.png") == 0
        out = images.load_image("out.png")
        assert out.rgb.shape[:2] == images.fit_size(36, 48, size)
        assert out.alpha[:, : size // 2 - 4].max() < 0.02
        assert out.alpha[:, size // 2 + 4 :].min() > 0.98

    def test_alpha_of_the_same_size_is_the_same(self, few):
        alpha = np.random.default_rng(0).integers(0, 256, (36, 48)) / np.float32(255)
        images.save_image("cut.png", runs.photo(), alpha=alpha)
        assert tfstyle("cut.png", *few[1:], "-o", "out.png") == 0
        np.testing.assert_array_equal(images.load_image("out.png").alpha, images.load_image("cut.png").alpha)

    def test_several_styles(self, few):
        images.save_image("other.png", runs.painting(seed=5))
        words = ["photo.png", "painting.png", "other.png", *few[2:], "--style-weights", "1,2.5", "-o", "out.png"]
        assert tfstyle(*words) == 0
        recipe = images.load_recipe("out.png")
        assert recipe["style"] == ["painting.png", "other.png"]
        assert recipe["settings"]["style_weights"] == [1.0, 2.5]

    def test_an_older_result_is_replaced(self, few):
        images.save_image("out.png", runs.photo(5, 5))
        assert tfstyle(*few, "-o", "out.png") == 0
        assert images.load_image("out.png").rgb.shape == (36, 48, 3)

    def test_without_a_terminal_a_few_plain_lines(self, two_scales, capsys):
        assert tfstyle(*two_scales, "-o", "out.png") == 0
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 3
        assert lines[0].startswith("compact 0/5  24x18  loss ")
        assert lines[1].startswith("compact 5/5  48x36  loss ")
        assert "0:00 left" in lines[1]
        assert not any("\x1b" in line for line in lines)

    def test_the_real_network(self, capsys):
        words = ("--features", "compact", "--scales", "32,48", "--iterations", "2", "-o", "out.png")
        assert tfstyle("photo.png", "painting.png", *words) == 0
        assert left() == {"out.png"}


class TestReports:
    def test_all_of_them(self, two_scales):
        outputs = {"--log": "log.csv", "--plot": "plot.svg", "--timelapse": "run.gif", "--save-every": "2"}
        assert tfstyle(*two_scales, "-o", "out.png", *(word for pair in outputs.items() for word in pair)) == 0
        assert left() == {"out.png", "log.csv", "plot.svg", "run.gif", "out-0002.png", "out-0004.png"}
        rows = list(csv.DictReader(pathlib.Path("log.csv").read_text().splitlines()))
        assert [int(row["step"]) for row in rows] == list(range(6))
        for row in rows:
            parts = sum(float(row[name]) for name in ("content", "style", "variation"))
            assert parts == pytest.approx(float(row["loss"]), rel=1e-5)
        assert images.load_image("out-0002.png").rgb.shape == (18, 24, 3)
        assert images.load_image("out-0004.png").rgb.shape == (36, 48, 3)
        with Image.open("run.gif") as image:
            assert image.size == (48, 36)
            assert 6 <= sum(1 for _ in ImageSequence.Iterator(image)) <= 7

    def test_numbered_pictures_are_marked_unfinished(self, few, tiny):
        assert tfstyle(*few, "-o", "out.png", "--save-every", "2") == 0
        assert images.load_recipe("out-0002.png")["unfinished"] is True
        assert "unfinished" not in images.load_recipe("out.png")
        assert tfstyle("--recipe", "out-0002.png", "--weights", tiny, "-o", "again.png") == 0
        assert pathlib.Path("again.png").read_bytes() == pathlib.Path("out.png").read_bytes()

    def test_an_unchanged_photo(self, few):
        words = ("--strength", "0", "--plot", "plot.png", "--log", "log.csv", "-o", "out.png")
        assert tfstyle(*few, *words) == 0
        np.testing.assert_array_equal(images.load_image("out.png").rgb, images.load_image("photo.png").rgb)


class TestRecipe:
    def test_the_same_bytes(self, few, tiny):
        shutil.copy(tiny, ".")
        assert tfstyle(*few, "--seed", "3", "--start", "noise", "-o", "out.png") == 0
        first = pathlib.Path("out.png").read_bytes()
        assert tfstyle("--recipe", "out.png", "-o", "again.png") == 0
        assert pathlib.Path("again.png").read_bytes() == first
        assert tfstyle("--recipe", "out.png", "-o", "out.png") == 0
        assert pathlib.Path("out.png").read_bytes() == first

    def test_is_complete(self, few, tiny):
        assert tfstyle(*few, "-o", "out.png") == 0
        recipe = images.load_recipe("out.png")
        assert set(recipe) == {"tfstyle", "content", "style", "settings", "sha256"}
        assert recipe["settings"]["weights"] == pathlib.Path(tiny).name
        assert recipe["settings"]["scales"] == [48]
        assert set(recipe["sha256"]) == {"content", "style 0", "weights"}

    def test_with_a_setting_changed(self, few, tiny):
        assert tfstyle(*few, "-o", "out.png") == 0
        assert tfstyle("--recipe", "out.png", "--weights", tiny, "--strength", "0.9", "-o", "other.png") == 0
        assert tfstyle(*few, "--strength", "0.9", "-o", "expected.png") == 0
        assert pathlib.Path("other.png").read_bytes() == pathlib.Path("expected.png").read_bytes()

    def test_refusals(self, few, capsys):
        assert tfstyle(*few, "-o", "out.png") == 0
        capsys.readouterr()
        assert "omit --recipe" in refused(capsys, "--resume", "--recipe", "out.png", "-o", "again.png")
        assert "no tfstyle recipe" in refused(capsys, "--recipe", "photo.png", "-o", "again.png")
        assert "nowhere.png" in refused(capsys, "--recipe", "nowhere.png", "-o", "again.png")
        images.save_image("painting.png", runs.painting(seed=7))
        assert "style 0 has changed" in refused(capsys, "--recipe", "out.png", "-o", "again.png")


def damaged(name):
    data = {
        "empty.png": b"",
        "text.png": b"hello\n" * 50,
        "cut.png": pathlib.Path("photo.png").read_bytes()[:900],
    }
    pathlib.Path(name).write_bytes(data[name])


class TestOddInput:
    @pytest.mark.parametrize("name", ["empty.png", "text.png", "cut.png"])
    @pytest.mark.parametrize("place", [0, 1])
    def test_damaged_pictures(self, few, capsys, name, place):
        damaged(name)
        few[place] = name
        assert name in refused(capsys, *few, "-o", "out.png")

    @pytest.mark.parametrize("place", [0, 1])
    @pytest.mark.parametrize("name", ["nowhere.png", ".", "", "x" * 5000, "no\nsuch.png", "ünï.png"])
    def test_no_such_picture(self, few, capsys, place, name):
        few[place] = name
        refused(capsys, *few, "-o", "out.png")

    @pytest.mark.parametrize(
        ("output", "message"),
        [
            ("out.gif", "choose .jpg"),
            ("out", "without an extension"),
            ("nowhere/out.png", "create it first"),
            ("photo.png", "choose another name"),
            ("./painting.png", "choose another name"),
            (".", "without an extension"),
        ],
    )
    def test_output(self, few, capsys, output, message):
        assert message in refused(capsys, *few, "-o", output)

    @pytest.mark.parametrize("option", ["--output", "--log", "--plot", "--timelapse"])
    def test_a_read_only_folder_is_found_before_the_work(self, capsys, monkeypatch, option):
        pathlib.Path("locked").mkdir()
        allowed = os.access
        monkeypatch.setattr(
            os, "access", lambda path, mode, **more: "locked" not in str(path) and allowed(path, mode, **more)
        )
        monkeypatch.setattr(runtime, "import_tensorflow", lambda: pytest.fail("the work has begun"))
        name = {"--output": "out.png", "--log": "log.csv", "--plot": "plot.png", "--timelapse": "run.gif"}[option]
        words = ["photo.png", "painting.png", "-o", "out.png", option, f"locked/{name}"]
        assert "is not writable" in refused(capsys, *words)

    def test_first_picture_as_output(self, few, capsys):
        images.save_image("first.png", runs.photo())
        assert "choose another name" in refused(capsys, *few, "--start", "first.png", "-o", "first.png")

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--style-layers", "conv1_1,conv9_9"], "'conv9_9': choose from conv1_1"),
            (["--content-layers", "conv3_3"], "'conv3_3'"),
            (["--style-layers", "conv1_1:heavy"], "NAME:WEIGHT"),
            (["--strength", "2"], "0 to 1"),
            (["--strength", "nan"], "0 to 1"),
            (["--strength", "much"], "--strength"),
            (["--size", "-5"], "1 or more"),
            (["--size", "0.5"], "--size"),
            (["--scales", "96,48"], "coarse to fine"),
            (["--learning-rate", "3"], "learning-rate would have no effect: lbfgs"),
            (["--content-weight", "3"], "content-weight needs style-weight"),
            (["--form", "gatys", "--strength", "0.3"], "strength would have no effect"),
            (["--scales", "24,"], "--scales"),
            (["--scales", "8"], "--scales ending with 22 or more"),
            (["--iterations", "0"], "1 or more"),
            (["--iterations", "1,2,3"], "3 values in --iterations for 1 scales"),
            (["--style-weights", "1,2"], "2 values in --style-weights for 1 styles"),
            (["--style-scale", "0.2"], "larger --size or --style-scale"),
            (["--keep-colors", "sepia"], "--keep-colors"),
            (["--features", "resnet"], "--features"),
            (["--start", "nowhere.png"], "nowhere.png"),
            (["--weights", "nowhere.npz"], "nowhere.npz"),
            (["--weights", "photo.png"], "photo.png"),
            (
                ["--content-layers", "none", "--style-layers", "none", "--variation-weight", "0"],
                "there is nothing to optimize",
            ),
            (["--save-every", "-1"], "save-every"),
            (["--log", "nowhere/log.csv"], "does not exist: create it first"),
            (["--plot", "plot.txt"], ".svg"),
            (["--timelapse", "run.avi"], ".gif or .mp4"),
            (["--stren", "0.5"], "unrecognized arguments"),
            (["--unheard-of"], "unrecognized arguments"),
            (["--resume", "--recipe", "photo.png"], "no tfstyle recipe"),
        ],
    )
    def test_options(self, few, capsys, words, message):
        assert message in refused(capsys, *few, *words, "-o", "out.png")

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "required: -o/--output"),
            (["-o", "out.png"], "specify a photo and a painting"),
            (["photo.png", "-o", "out.png"], "specify a painting after the photo"),
            (["--resume", "-o", "out.png"], "no interrupted run to resume"),
            (["photo.png", "painting.png", "-o"], "expected one argument"),
        ],
    )
    def test_missing_arguments(self, capsys, words, message):
        assert message in refused(capsys, *words)

    def test_too_thin_a_picture(self, few, capsys):
        images.save_image("thin.png", np.zeros((4, 400, 3)))
        few[0] = "thin.png"
        assert "the network needs 16 on the short side" in refused(capsys, *few, "-o", "out.png")

    @pytest.mark.parametrize("wrong", [["--style-layers", "conv9_9"], ["--plot", "nowhere/plot.png"]])
    def test_an_existing_result_stays(self, few, capsys, wrong):
        pathlib.Path("out.png").write_bytes(b"precious")
        refused(capsys, *few, *wrong, "-o", "out.png")
        assert pathlib.Path("out.png").read_bytes() == b"precious"

    def test_loss_is_nan_from_the_start(self, few, capsys):
        words = ("--form", "gatys", "--content-weight", "1", "--style-weight", "3e38", "-o", "out.png")
        assert tfstyle(*few, *words) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("tfstyle: the loss became NaN or infinite")
        assert left() == set()

    def test_loss_becoming_nan_leaves_the_last_good_picture(self, few, capsys, monkeypatch):
        from tfstyle import perceptual

        steps, original = iter(range(100)), perceptual.first_broken
        monkeypatch.setattr(perceptual, "first_broken", lambda terms: original(terms) or late(next(steps)))

        def late(step):
            return "style/conv1_1" if step == 2 else None

        assert tfstyle(*few, "-o", "out.png", "--save-every", "2") == 2
        assert "at style/conv1_1" in capsys.readouterr().err.splitlines()[-1]
        assert left() == {"out.png", "out-0002.png"}
        assert images.load_recipe("out.png")["unfinished"] is True
        np.testing.assert_array_equal(images.load_image("out.png").rgb, images.load_image("out-0002.png").rgb)


class TestHelp:
    def test_mentions_every_setting_and_does_without_tensorflow(self):
        code = (
            "import sys\nfrom tfstyle.cli import main\n"
            "try:\n    main._parse(['tfstyle', 'optimize', '--help'])\n"
            "finally:\n    print('loaded:', {'tensorflow', 'keras'} & set(sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for field in dataclasses.fields(config.Settings):
            assert f"--{field.name.replace('_', '-')}" in done.stdout
            assert field.metadata["help"].split()[0] in done.stdout
        for option in ("--output", "--recipe", "--resume", "--save-every", "--timelapse", "--log", "--plot"):
            assert option in done.stdout
        assert done.stdout.endswith("loaded: set()\n")

    def test_mistakes_are_found_before_tensorflow_is_loaded(self):
        code = (
            "import sys\nfrom tfstyle.cli import main\n"
            "for words in (['nowhere.png', 'painting.png', '-o', 'out.png'], ['photo.png', '-o', 'out.png'],\n"
            "              ['photo.png', 'painting.png', '-o', 'nowhere/out.png'], ['-o', 'out.png'],\n"
            "              ['photo.png', 'painting.png', '--strength', '3', '-o', 'out.png']):\n"
            "    assert main._run(main._parse(['tfstyle', 'optimize', *words])) == 2\n"
            "print('loaded:', {'tensorflow', 'keras'} & set(sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "loaded: set()\n"
        assert done.stderr.count("\n") == 5


@pytest.fixture
def interrupt(monkeypatch):
    """Sends this process signals at a step, once."""
    show = console.ProgressBar.show

    def arrange(step, *numbers):
        pending = [numbers]

        def shown(self, iterate):
            show(self, iterate)
            if iterate.step == step and pending:
                for number in pending.pop():
                    os.kill(os.getpid(), number)

        monkeypatch.setattr(console.ProgressBar, "show", shown)

    return arrange


@pytest.fixture(scope="module")
def painted():
    return []


class TestInterruption:
    @pytest.fixture
    def few(self, two_scales):
        return two_scales

    @pytest.fixture
    def whole(self, few, painted):
        """The bytes of the uninterrupted run's picture, painted once."""
        if not painted:
            assert tfstyle(*few, "-o", "whole.png") == 0
            painted.append(pathlib.Path("whole.png").read_bytes())
            pathlib.Path("whole.png").unlink()
        return painted[0]

    @pytest.mark.parametrize(("step", "number"), [(2, signal.SIGINT), (3, signal.SIGTERM)])
    def test_stop_and_resume(self, few, whole, capsys, interrupt, step, number):
        interrupt(step, number)
        assert tfstyle(*few, "-o", "out.png") == 130
        assert left() == {"out.png", "out.png.tfstyle"}
        said = capsys.readouterr().err
        assert f"stopped at step {step} of 5" in said
        assert "  tfstyle optimize --resume -o out.png\n" in said
        assert images.load_recipe("out.png")["unfinished"] is True
        assert images.load_image("out.png").rgb.shape == ((18, 24, 3) if step <= 2 else (36, 48, 3))
        assert tfstyle("--resume", "-o", "out.png") == 0
        assert pathlib.Path("out.png").read_bytes() == whole
        assert left() == {"out.png"}

    def test_in_the_last_step_there_is_nothing_to_stop(self, few, whole, interrupt):
        interrupt(5, signal.SIGINT)
        assert tfstyle(*few, "-o", "out.png") == 0
        assert pathlib.Path("out.png").read_bytes() == whole

    def test_the_second_one_kills(self, few, capsys, interrupt):
        interrupt(2, signal.SIGINT, signal.SIGINT)
        assert tfstyle(*few, "-o", "out.png") == 130
        assert left() == {"out.png", "out.png.tfstyle"}  # Between two steps, nothing is lost.
        assert capsys.readouterr().err.splitlines()[-1] == "tfstyle: interrupted"

    def test_handlers_are_put_back(self, few, interrupt):
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        interrupt(1, signal.SIGINT)
        tfstyle(*few, "-o", "out.png")
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    def test_reports_go_on_as_if_nothing_had_happened(self, few, interrupt):
        outputs = ("--log", "log.csv", "--timelapse", "run.gif")
        assert tfstyle(*few, "-o", "out.png", *outputs) == 0
        kept = {name: pathlib.Path(name).read_bytes() for name in ("out.png", "run.gif")}
        rows = list(csv.reader(pathlib.Path("log.csv").read_text().splitlines()))
        interrupt(3, signal.SIGINT)
        assert tfstyle(*few, "-o", "out.png", *outputs) == 130
        assert len(pathlib.Path("log.csv").read_text().splitlines()) == 5
        assert tfstyle("--resume", "-o", "out.png", *outputs) == 0
        assert kept == {name: pathlib.Path(name).read_bytes() for name in kept}
        again = list(csv.reader(pathlib.Path("log.csv").read_text().splitlines()))
        assert [row[:-1] for row in again] == [row[:-1] for row in rows]  # All but the seconds.

    def test_resuming_with_all_arguments_again(self, few, whole, interrupt):
        interrupt(2, signal.SIGINT)
        assert tfstyle(*few, "-o", "out.png") == 130
        assert tfstyle(*few, "--resume", "-o", "out.png") == 0
        assert pathlib.Path("out.png").read_bytes() == whole

    def test_resume_of_nothing_starts(self, few, whole):
        assert tfstyle(*few, "--resume", "-o", "out.png") == 0
        assert pathlib.Path("out.png").read_bytes() == whole

    def test_another_run_is_refused_with_the_difference(self, few, capsys, interrupt):
        interrupt(2, signal.SIGINT)
        assert tfstyle(*few, "-o", "out.png") == 130
        capsys.readouterr()
        kept = pathlib.Path("out.png.tfstyle").read_bytes()
        resume = ("--resume", "-o", "out.png")
        said = refused(capsys, *few, "--strength", "0.8", "--pooling", "max", *resume)
        assert r"used different settings (pooling was average, now max; strength was not given, now 0.8" in said
        assert "strength was not given, now 0.8" in refused(capsys, "--strength", "0.8", *resume)
        assert "style was painting.png, now photo.png" in refused(capsys, "photo.png", "photo.png", *few[2:], *resume)
        images.save_image("painting.png", runs.painting(seed=7))
        assert "its files have changed" in refused(capsys, *few, *resume)
        assert "style 0 has changed" in refused(capsys, *resume)
        assert pathlib.Path("out.png.tfstyle").read_bytes() == kept

    def test_unusable_checkpoint(self, few, capsys, interrupt):
        interrupt(2, signal.SIGINT)
        assert tfstyle(*few, "-o", "out.png") == 130
        capsys.readouterr()
        recipe, state = checkpoints.load("out.png")
        state.pop("pairs")
        checkpoints.save("out.png", recipe, state)
        assert "delete it and start over" in refused(capsys, "--resume", "-o", "out.png")
        pathlib.Path("out.png.tfstyle").write_bytes(b"PK\x03\x04")
        assert "delete it and start over" in refused(capsys, "--resume", "-o", "out.png")

    def test_a_new_run_does_without_the_old_checkpoint(self, few, whole, interrupt):
        interrupt(2, signal.SIGINT)
        assert tfstyle(*few, "--strength", "0.9", "-o", "out.png") == 130
        assert tfstyle(*few, "-o", "out.png") == 0
        assert pathlib.Path("out.png").read_bytes() == whole
        assert left() == {"out.png"}

    def test_paths_are_quoted_for_the_shell(self, few, capsys, interrupt):
        interrupt(1, signal.SIGINT)
        assert tfstyle(*few, "-o", "my out.png") == 130
        assert "  tfstyle optimize --resume -o 'my out.png'\n" in capsys.readouterr().err

    def test_nothing_half_written_if_the_result_cannot_be_saved(self, few, capsys, monkeypatch):
        def full(*_, **__):
            raise errors.InputError("out.png: cannot be written: No space left on device")

        monkeypatch.setattr(files, "atomic_write", full)
        assert tfstyle(*few, "-o", "out.png") == 2
        assert left() == set()
        assert "No space left" in capsys.readouterr().err


class TestProcess:
    """What only a separate process shows: exit codes, all of its output, real signals."""

    @pytest.mark.slow
    def test_ctrl_c_then_resume(self, tiny):
        settings = runs.settings(tiny, scales=(24,), iterations=(250,), strength=0.8, optimizer="adam")
        words = arguments(settings)
        process = subprocess.Popen(
            [*COMMAND, "optimize", *words, "-o", "out.png"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        first = process.stderr.readline()
        assert first.startswith("compact 0/250")
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=60)
        assert process.returncode == 130
        assert out == ""
        assert "Traceback" not in rest
        assert rest.splitlines()[-1] == "tfstyle: interrupted"
        assert left() == {"out.png", "out.png.tfstyle"}
        assert tfstyle("--resume", "-o", "out.png") == 0
        assert tfstyle(*words, "-o", "whole.png") == 0
        assert pathlib.Path("out.png").read_bytes() == pathlib.Path("whole.png").read_bytes()

    def test_exit_code_and_one_line(self):
        done = subprocess.run(
            [*COMMAND, "optimize", "photo.png", "painting.png", "-o", "nowhere/out.png"], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("tfstyle: ")
        assert done.stderr.count("\n") == 1
