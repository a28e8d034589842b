"""Training with photos and steps on the accelerator, by JAX: the same crops, losses and checkpoints as elsewhere."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import runs

from tfstyle import checkpoints, images

LAYERS = ("--content-layers", "conv2_2", "--style-layers", "conv1_1,conv2_1")
SMALL = ("--batch", "2", "--crop", "64", "--precision", "float32", "--finish", "0", *LAYERS)
WORDS = ("udnie", "--name", "waves", "--data", "photos", *SMALL)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed"),
]


@pytest.fixture(autouse=True)
def workplace(folder):
    """The current folder with photos."""
    runs.folder_of_photos(folder / "photos", height=64, width=64)
    return folder


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Where JAX keeps what it has compiled: most of these tests' time."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def start(compiled):
    """Starts Python in a new process: in this one, Keras runs on TensorFlow."""

    def run(*words):
        places = os.pathsep.join(str(pathlib.Path(__file__).parents[up]) for up in (0, 1))
        chosen = {"PYTHONPATH": places, "JAX_COMPILATION_CACHE_DIR": str(compiled)}
        return subprocess.run(
            [sys.executable, *words], env={**os.environ, **chosen}, capture_output=True, text=True, timeout=240
        )

    return run


@pytest.fixture
def asked(start):
    """What a piece of code prints, as JSON, with `accelerator`, `data`, `jax` and `numpy` at hand."""

    def run(code):
        head = "import json, jax, numpy\nfrom train import accelerator\nfrom tfstyle.training import data\n"
        done = start("-c", head + code)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


def accelerated(start, *words):
    return start("-m", "train.accelerator", *WORDS, *words)


RAMP = """
def ramp(height, width):
    rows, columns = numpy.mgrid[:height, :width]
    return numpy.stack([rows, columns, 0 * rows + 200], -1).astype("uint8")

class Ramps:
    sizes = [(100, 130), (120, 90), (64, 64), (50, 200)]
    def __len__(self): return len(self.sizes)
    def __getitem__(self, index):
        import io
        from PIL import Image
        file = io.BytesIO()
        Image.fromarray(ramp(*self.sizes[index])).save(file, "PNG")
        return file.getvalue()
photos, refused = accelerator.resident(Ramps(), 64)
"""


class TestCrops:
    def test_what_is_too_small_is_left_out(self, asked):
        assert asked(RAMP + "print(json.dumps([sorted(refused), photos.sides.tolist()]))") == [
            [3],
            [[100, 130], [120, 90], [64, 64]],
        ]

    def test_a_crop_is_a_part_of_a_photo_perhaps_shrunk_and_mirrored(self, asked):
        """Red grows by row and green by column, both by 1 a pixel: by the shrinking's inverse in a crop."""
        found = asked(
            RAMP
            + """
crops = numpy.asarray(accelerator.crops(photos, jax.random.key(3), 64, 200))
down, right = ((crops[:, 56] - crops[:, 8]) / 48, (crops[:, :, 56] - crops[:, :, 8]) / 48)
step, across = down[:, 32, 0], right[:, 32, 1]
inside = [crops[..., 0].max(), crops[..., 1].max(), crops.min()]
blue = [crops[..., 2].min(), crops[..., 2].max()]
print(json.dumps([step.tolist(), across.tolist(), [float(each) for each in inside + blue], list(crops.shape)]))
"""
        )
        down, right, (rows, columns, least, *blue), shape = found
        assert shape == [200, 64, 64, 3]
        np.testing.assert_allclose(np.abs(right), down, atol=0.01)
        assert 0.99 < min(down) < 1.02
        assert 1.5 < max(down) < 100 / 64 + 0.01
        assert 0.3 < np.mean(np.array(right) < 0) < 0.7
        assert 117 < rows <= 119.5
        assert 127 < columns <= 129.5
        assert -0.01 <= least < 1
        assert blue == pytest.approx([200, 200], abs=0.1)

    def test_a_photo_of_a_crops_own_size_is_the_crop(self, asked):
        code = """
whole = accelerator.Resident(photos.pixels[2:], photos.sides[2:])
crops = numpy.asarray(accelerator.crops(whole, jax.random.key(4), 64, 8))
plain = ramp(64, 64).astype("float32")
print(json.dumps([min(abs(crop - each).max() for each in (plain, plain[:, ::-1])).item() for crop in crops]))
"""
        assert max(asked(RAMP + code)) < 1e-3


class TestTraining:
    FOUR = ("--steps", "4", "--border-weight", "10", "--stability-weight", "100", "--begin-with", "starry_night")

    @pytest.fixture
    def one_photo(self, workplace):
        """A symmetric photo of a crop's own size: every crop is this one."""
        half = runs.painting(64, 32).rgb
        for file in (workplace / "photos").iterdir():
            images.save_image(file, np.concatenate([half, half[:, ::-1]], axis=1))

    def test_interrupted_and_resumed_it_makes_the_steps_of_tfstyle_train_which_finishes_it(self, start, one_photo):
        code = f"""
import sys
from tfstyle import checkpoints
from tfstyle.cli import console
from train import accelerator

def ended(folder, *more):
    sys.argv = {["", *WORDS, *self.FOUR]} + ["-o", folder, *more]
    return accelerator.main()

every, accelerator.Accelerated.REPORT_EVERY = accelerator.Accelerated.REPORT_EVERY, 2
console.Interrupts.asked = property(lambda self: True, lambda self, value: None)
assert ended("fast") == 130
assert int(checkpoints.load("fast/training/network")[1]["step"]) == 2
del console.Interrupts.asked
accelerator.Accelerated.REPORT_EVERY = every
assert ended("fast", "--resume") == ended("whole") == 0
"""
        done = start("-c", code)
        assert done.returncode == 0, done.stderr[-3000:]
        (one, resumed), (other, whole) = (checkpoints.load(f"{each}/training/network") for each in ("fast", "whole"))
        assert one == other
        variables = [name for name in whole if name.startswith("variable")]
        assert len(variables) > 10
        for name in variables:
            np.testing.assert_array_equal(resumed[name], whole[name])
        recipe, state = checkpoints.load("fast/training/network")
        assert (recipe["train"], int(state["step"])) == ("waves", 4)
        assert not pathlib.Path("fast/card.json").exists()
        words = ("-m", "tfstyle.cli.main", "train", *WORDS, *self.FOUR)
        for folder, more in (("fast", "--resume"), ("plain", "--sample-every=1")):
            done = start(*words, "-o", folder, more)
            assert done.returncode == 0, done.stderr[-3000:]
        fast, plain = (
            np.genfromtxt(f"{folder}/training/losses.csv", names=True, delimiter=",") for folder in ("fast", "plain")
        )
        for name in ("loss", "content", "style", "grid", "border", "stability", "weave"):
            assert np.mean(fast[name]) == pytest.approx(float(plain[name]), rel=1e-3), name
        cards = [json.loads(pathlib.Path(folder, "card.json").read_text()) for folder in ("fast", "plain")]
        assert [card.get("accelerator") for card in cards] == ["cpu", None]
        pictures = [images.load_image(f"{folder}/preview.jpg").rgb for folder in ("fast", "plain")]
        assert np.abs(pictures[0] - pictures[1]).mean() < 1


class TestRefuses:
    def test_photos_of_which_none_can_serve(self, start, workplace):
        done = accelerated(start, "--steps", "1", "--crop", "1000")
        assert done.returncode == 2
        assert "smaller than 1000 pixels" in done.stderr.splitlines()[-1]
