"""The subcommands that end on a contact sheet, and `styles`."""

import csv
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
import runs
from skimage import data

from tfstyle import images, optimization, stylebook
from tfstyle.cli import console
from tfstyle.optimization import reconstruction

pytestmark = pytest.mark.usefixtures("folder")

SMALL = ("--features", "compact", "--precision", "float32", "--scales", "48", "--iterations", "2")


class TestCompare:
    def test_sheet_pictures_curves_and_table(self, tiny, capsys):
        words = ("--vary", "optimizer=adam,lbfgs", *SMALL, "--weights", tiny, "-o", "sheet.png")
        assert runs.command("compare", "photo.png", "painting.png", *words) == 0
        assert sorted(os.listdir("sheet")) == [
            *("optimizer-adam.csv", "optimizer-adam.png", "optimizer-lbfgs.csv", "optimizer-lbfgs.png")
        ]
        with pathlib.Path("sheet.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [(row["variant"], row["step"]) for row in rows] == [
            (f"optimizer {name}", str(step)) for name in ("adam", "lbfgs") for step in (0, 1, 2)
        ]
        losses = [float(row["loss"]) for row in rows]
        assert losses[5] < losses[3]
        assert losses[3] == pytest.approx(losses[0])
        assert images.load_image("sheet-curves.png").size[1] > 300
        assert "saved sheet.png" in capsys.readouterr().err
        # Content, style and two results, two by two, each at most 320 pixels.
        assert images.load_image("sheet.png").size[1] > 2 * 320

    def test_resuming_keeps_finished_pictures(self, tiny):
        words = ("--vary", "seed=1,2", "--start", "noise", *SMALL, "--weights", tiny, "-o", "sheet.png", "--resume")
        assert runs.command("compare", "photo.png", "painting.png", *words) == 0
        first, second = (pathlib.Path(f"sheet/seed-{seed}.png") for seed in (1, 2))
        kept, sheet = first.stat().st_mtime_ns, pathlib.Path("sheet.png").read_bytes()
        second.unlink()
        assert runs.command("compare", "photo.png", "painting.png", *words) == 0
        assert first.stat().st_mtime_ns == kept
        assert second.exists()
        assert pathlib.Path("sheet.png").read_bytes() == sheet

    def test_a_file_in_the_way_of_the_pictures_folder(self, tiny, capsys):
        pathlib.Path("sheet").write_text("in the way")
        words = ("--vary", "strength=0.5", *SMALL, "--weights", tiny, "-o", "sheet.png")
        assert runs.command("compare", "photo.png", "painting.png", *words) == 2
        assert "sheet: cannot create the folder for the individual pictures: File exists" in capsys.readouterr().err
        assert set(os.listdir()) == {"photo.png", "painting.png", "sheet"}

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("nothing.png", "painting.png", "--vary", "strength=1", "-o", "s.png"), "nothing.png"),
            (("photo.png", "painting.png", "--vary", "size", "-o", "s.png"), "vary 'size'"),
            (("photo.png", "painting.png", "--vary", "strength=1", "-o", "s.doc"), ".doc"),
        ],
    )
    def test_bad_input(self, words, message, capsys):
        assert runs.command("compare", *words) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert message in said
        assert set(os.listdir()) == {"photo.png", "painting.png"}


class TestReconstruct:
    @pytest.mark.parametrize(
        ("words", "pictures"),
        [
            (("--of", "pixels"), ["pixels.png"]),
            (("--of", "content", "--layer", "conv1_1", "conv2_1"), ["conv1_1.png", "conv2_1.png"]),
            (("--of", "style", "--layer", "conv1_1+conv2_1"), ["conv1_1-conv2_1.png"]),
        ],
    )
    def test_a_picture_per_layer(self, words, pictures, tiny):
        assert runs.command("reconstruct", "photo.png", *words, *SMALL, "--weights", tiny, "-o", "out.png") == 0
        assert sorted(name for name in os.listdir("out") if name.endswith(".png")) == pictures
        for name in pictures:
            assert images.load_image(f"out/{name}").rgb.shape == (36, 48, 3)

    @pytest.mark.slow
    def test_the_papers_figure_by_default(self, tiny):
        words = ("--of", "style", *SMALL, "--weights", tiny, "-o", "style.png")
        assert runs.command("reconstruct", "photo.png", *words) == 0
        assert len([name for name in os.listdir("style") if name.endswith(".png")]) == 5
        assert "conv1_1-conv2_1.png" in os.listdir("style")
        assert reconstruction._figure("content", "vgg19") == ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]

    def test_pixels_come_back_from_noise(self, tiny):
        words = ("--of", "pixels", "--scales", "48", "--iterations", "30", "-o", "out.png")
        assert runs.command("reconstruct", "photo.png", *words) == 0
        assert np.abs(images.load_image("out/pixels.png").rgb - runs.photo().rgb).max() < 3

    def test_unknown_layer(self, tiny, capsys):
        words = ("--of", "content", "--layer", "conv9_9", *SMALL, "--weights", tiny, "-o", "out.png")
        assert runs.command("reconstruct", "photo.png", *words) == 2
        assert "conv9_9" in capsys.readouterr().err

    def test_irrelevant_settings_are_not_offered(self, capsys):
        assert runs.command("reconstruct", "photo.png", "--of", "pixels", "-o", "o.png", "--strength", "0.5") == 2
        assert "--strength" in capsys.readouterr().err


class TestStyles:
    def test_lists_every_stored_style_in_a_moment(self):
        code = "import sys; from tfstyle.cli import main; sys.argv = ['tfstyle', 'styles']\ntry: main.main()\n"
        code += "except SystemExit: pass\nassert not {'tensorflow', 'keras'} & set(sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert stylebook.load_all()
        for style in stylebook.load_all().values():
            for word in (style.name, style.year, *style.title.split(), *style.artist.split()):
                assert word in done.stdout

    @pytest.mark.parametrize("name", ["starry_night", "great_wave", "scream"])
    def test_well_known_ones_are_there(self, name):
        assert name in stylebook.load_all()


class TestDemo:
    @pytest.mark.slow
    def test_paints_without_any_file(self):
        assert runs.command("demo", "--size", "64", "-o", "demo.png") == 0
        sheet, slow = images.load_image("demo.png").rgb, images.load_image("demo/starry_night--slow.png").rgb
        assert max(slow.shape) == 64
        assert min(sheet.shape[:2]) > 64
        assert images.load_recipe("demo/starry_night--slow.png")["demo"] == "starry_night"

    @pytest.mark.slow
    def test_resumes_its_own_run_and_starts_over_beside_another(self, monkeypatch, capsys):
        show, firsts = console.ProgressBar.show, []

        def shown(self, iterate):
            show(self, iterate)
            firsts.append(iterate.step)
            if stop_at == iterate.step:
                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(console.ProgressBar, "show", shown)
        words = ("demo", "--size", "32", "--resume", "-o", "demo.png")
        stop_at = 5
        assert runs.command(*words) == 130
        assert runs.command(*words, "--style", "scream") == 130
        assert firsts[6] == 0
        stop_at, firsts = None, []
        assert runs.command(*words, "--style", "scream") == 0
        assert firsts[0] == 5
        assert set(os.listdir()) == {"photo.png", "painting.png", "demo.png", "demo"}
        slow = pathlib.Path("demo/scream--slow.png")
        assert images.load_recipe(slow)["demo"] == "scream"
        kept = slow.stat().st_mtime_ns
        assert runs.command(*words, "--style", "scream") == 0
        assert slow.stat().st_mtime_ns == kept

    def test_fast_pictures_have_the_photos_own_size(self, monkeypatch):
        def record(*_, first, **__):
            shown.extend(first)
            return (each for each in ())

        monkeypatch.setattr(optimization, "Series", record)
        shown = []
        assert runs.command("demo", "--size", "32", "--style", "scream") == 0
        assert [label for label, _ in shown] == ["photo", "scream, fast"]
        assert {picture.shape for _, picture in shown} == {data.chelsea().shape}

    def test_unknown_style(self, capsys):
        assert runs.command("demo", "--style", "nobody", "-o", "demo.png") == 2
        assert "starry_night" in capsys.readouterr().err
