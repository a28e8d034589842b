"""Training sessions: the trained style's folder, interruption, resumption, and what is never lost."""

import contextlib
import csv
import dataclasses
import hashlib
import json
import sys
import types
import warnings

import h5py
import numpy as np
import pytest
import runs
import tensorflow as tf

import tfstyle
from tfstyle import checkpoints, config, errors, images, optimization, reports, stylebook, stylizer, training, weave
from tfstyle.stylebook import stored as stored_styles
from tfstyle.training import loop
from tfstyle.transform import export, networks

SMALL = {
    "batch": 1,
    "crop": 64,
    "style_size": 64,
    "precision": "float32",
    "content_layers": "conv2_2",
    "style_layers": "conv1_1,conv2_1",
}
PARTS = ("content", "style", "variation", "grid", "weave")

pytestmark = [
    pytest.mark.filterwarnings("ignore::tfstyle.training.FewPhotosWarning"),
    # The few steps of a test leave a weave by chance.
    pytest.mark.filterwarnings("ignore::tfstyle.training.WeaveWarning"),
]


@pytest.fixture(scope="module")
def small(tiny, tmp_path_factory):
    """A small network that reports after each step; no vgg19."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(networks.NETWORKS, "realtime", runs.small_body)
        patch.setenv("TFSTYLE_COMPACT_WEIGHTS", tiny)
        patch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        patch.setattr(loop.Training, "REPORT_EVERY", 1)
        patch.setattr(training.log, "SAMPLE_SIZE", 48)
        patch.setattr(stored_styles, "STORED_SIZES", (256,))
        yield patch


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a painting and photos."""
    folder = tmp_path_factory.mktemp("inputs")
    runs.folder_of_photos(folder / "photos")
    images.save_image(folder / "painting.png", runs.painting(70, 90))
    return folder


@pytest.fixture(scope="module")
def finished(small, inputs):  # noqa: ARG001
    """The folder of a style after three steps, and the progress on the way."""
    steps = train(inputs, inputs / "waves", sample_every=2, tensorboard=inputs / "board" / "waves")
    return inputs / "waves", list(steps)


class Quick:
    """Stands in for `training.Training`: counts steps and learns nothing."""

    accelerator = ""

    def __init__(self, settings, style, photos):
        self.settings, self.style, self.photos = settings, style, photos
        self.step, self.seconds, self.begun_with, self.network = 0, 0.0, None, self

    def __iter__(self):
        while self.step < self.settings.steps:
            self.step += 1
            yield training.TrainingProgress(self.step, self.settings.steps, {"loss": 1.0}, 0.0, 0.0)

    def state(self):
        return {"step": np.array(self.step)}

    def restore(self, state):
        self.step = int(state["step"])

    def begin_with(self, path):
        self.begun_with = path

    def paint(self, image):
        return image

    def save_weights(self, path):
        path.write_text(f"seed {self.settings.seed}")


@pytest.fixture
def quick(small, monkeypatch):  # noqa: ARG001
    """Makes a session that learns and exports nothing."""
    monkeypatch.setattr(export, "write", lambda *_: None)

    def make(inputs, output, **changes):
        names = {field.name for field in dataclasses.fields(training.TrainingPlan)}
        options = {name: changes.pop(name) for name in names & set(changes)}
        settings = config.TrainingSettings(**{"steps": 3, **SMALL, **changes})
        painting, data = options.pop("painting", inputs / "painting.png"), options.pop("data", inputs / "photos")
        plan = training.TrainingPlan(painting, "waves", data, settings, output=output, **options)
        return training.Session(plan, Quick)

    return make


def train(inputs, output, **changes):
    options = {"output": output, "steps": 3, **SMALL, **changes}
    painting = options.pop("painting", inputs / "painting.png")
    return tfstyle.train(painting, "waves", options.pop("data", inputs / "photos"), **options)


def weights_of(folder):
    """The trained weights, bit by bit."""
    found = {}
    with h5py.File(folder / "network.weights.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()} if hasattr(item, "shape") else {}))
    return found


def card_of(folder):
    return json.loads((folder / "card.json").read_text())


def losses_of(folder):
    return list(csv.DictReader((folder / "training" / "losses.csv").read_text().splitlines()))


def network_of(folder, name="realtime"):
    network = networks.build(name)
    network.load_weights(folder / "network.weights.h5")
    return network


class TestFinished:
    def test_progress(self, finished):
        assert [(each.step, each.steps, each.phase) for each in finished[1]] == [(n, 3, "training") for n in (1, 2, 3)]
        assert finished[1][-1].remaining == 0

    def test_files(self, finished):
        files = {str(path.relative_to(finished[0])) for path in finished[0].rglob("*") if path.is_file()}
        assert files >= {"saved_model.pb", "model.tflite", "preview.jpg", "statistics.npz", "network.weights.h5"}
        assert {name for name in files if name.startswith("training/")} == {
            "training/losses.csv",
            "training/losses.png",
            "training/sample-000002.jpg",
            "training/sample-000003.jpg",
        }
        assert images.load_image(finished[0] / "training" / "losses.png").rgb.std() > 5

    def test_losses_are_logged(self, finished):
        for row, progress in zip(losses_of(finished[0]), finished[1], strict=True):
            assert int(row["step"]) == progress.step
            assert sum(float(row[name]) for name in PARTS) == pytest.approx(float(row["loss"]), rel=1e-3)
            assert float(row["loss"]) == pytest.approx(progress.losses["loss"])

    def test_losses_for_tensorboard(self, finished):
        (file,) = (finished[0].parent / "board" / "waves").iterdir()
        told = [tf.compat.v1.Event.FromString(each.numpy()) for each in tf.data.TFRecordDataset(str(file))]
        values = [(event.step, value) for event in told for value in event.summary.value]
        found = {(step, value.tag): float(tf.make_ndarray(value.tensor)) for step, value in values}
        rows = losses_of(finished[0])
        expected = {(int(row["step"]), name): float(row[name]) for row in rows for name in (*PARTS, "loss")}
        assert len(found) == len(values) == 18
        assert found == pytest.approx(expected, rel=1e-6)

    def test_preview_and_both_exports_are_by_the_stored_network(self, finished):
        network, photo = network_of(finished[0]), training.log.sample_photos()[0]
        preview = images.load_image(finished[0] / "preview.jpg").rgb
        assert max(preview.shape) == 48
        assert np.abs(preview - network(photo[None]).numpy()[0]).mean() < 3
        image = np.rint(photo).astype(np.uint8)
        served = tf.saved_model.load(str(finished[0])).signatures["serve"](image=tf.constant(image[None]))
        stylized = stylizer.Stylizer(finished[0], runtime="litert")(image)
        assert np.abs(served["stylized"].numpy()[0].astype(np.int16) - stylized).max() <= 2
        assert np.abs(stylized - network(image[None].astype(np.float32)).numpy()[0]).max() <= 2

    def test_card(self, finished):
        card = card_of(finished[0])
        assert (card["train"], card["beginning"], card["data"]) == ("waves", None, ["photos", 4])
        assert card["settings"] == config.TrainingSettings(steps=3, **SMALL).stored
        measured = weave.of_network(
            lambda picture: network_of(finished[0])(picture[None].astype(np.float32)).numpy()[0]
        )
        assert card["weave"] == pytest.approx(measured, abs=0.1)

    def test_statistics_stand_in_for_the_painting(self, finished):
        style = stylebook.load(str(finished[0]))
        assert (style.title, set(style.backbones)) == ("painting", {"compact"})

    def test_resumed_it_has_nothing_left_to_do(self, finished, inputs):
        before = (finished[0] / "network.weights.h5").stat().st_mtime_ns
        assert list(train(inputs, finished[0], resume=True)) == []
        assert (finished[0] / "network.weights.h5").stat().st_mtime_ns == before

    @pytest.mark.parametrize("changes", [{}, {"resume": True, "steps": 2}], ids=["again", "resumed with other steps"])
    def test_is_not_replaced_unless_asked(self, finished, inputs, changes):
        before = {path: path.read_bytes() for path in finished[0].rglob("*") if path.is_file()}
        with pytest.raises(errors.InputError, match="contains a trained style: choose another --output, or replace it"):
            train(inputs, finished[0], **changes)
        assert {path: path.read_bytes() for path in finished[0].rglob("*") if path.is_file()} == before


class TestInterruption:
    def test_leaving_the_loop_saves_a_checkpoint_that_continues_to_the_same_bits(
        self, finished, inputs, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(export, "write", lambda *_: None)
        for progress in train(inputs, tmp_path):
            if progress.step == 2:
                break
        assert checkpoints.load(tmp_path / "training" / "network")[1]["step"] == 2
        assert not (tmp_path / "network.weights.h5").exists()
        assert [progress.step for progress in train(inputs, tmp_path, resume=True)] == [3]
        assert weights_of(tmp_path) == weights_of(finished[0])
        assert [row["step"] for row in losses_of(tmp_path)] == ["1", "2", "3"]
        assert checkpoints.load(tmp_path / "training" / "network") is None

    def test_left_after_the_last_step_it_is_finished_later(self, quick, inputs, tmp_path):
        next(step for step in quick(inputs, tmp_path).run() if step.step == 3)
        assert not (tmp_path / "card.json").exists()
        assert list(quick(inputs, tmp_path, resume=True).run()) == []
        assert (tmp_path / "card.json").exists()

    @pytest.fixture
    def interrupted(self, quick, inputs, tmp_path):
        """The folder of a training that an exception stopped after its first step."""
        with contextlib.suppress(KeyError):
            for _ in quick(inputs, tmp_path).run():
                raise KeyError
        return tmp_path

    def test_is_not_discarded_unless_asked(self, quick, inputs, interrupted):
        kept = (interrupted / "training" / "network.tfstyle").read_bytes()
        with pytest.raises(
            errors.InputError, match="interrupted training run: continue it with --resume, or discard it"
        ):
            quick(inputs, interrupted)
        assert (interrupted / "training" / "network.tfstyle").read_bytes() == kept
        assert next(quick(inputs, interrupted, overwrite=True).run()).step == 1

    def test_another_training_is_refused_with_the_difference(self, quick, inputs, interrupted, tiny, monkeypatch):
        kept = (interrupted / "training" / "network.tfstyle").read_bytes()
        with pytest.raises(errors.InputError, match="seed was 0, now 4"):
            quick(inputs, interrupted, resume=True, seed=4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training.data, "open_photos", lambda *_, **__: [b""] * 5)
            with pytest.raises(errors.InputError, match=r"data was photos,4, now photos,5"):
                quick(inputs, interrupted, resume=True)
        monkeypatch.setenv("TFSTYLE_VGG19_WEIGHTS", tiny)
        with pytest.raises(errors.InputError, match="last network was compact, now vgg19"):
            quick(inputs, interrupted, resume=True, finish=0.4)
        assert (interrupted / "training" / "network.tfstyle").read_bytes() == kept

    def test_a_finished_style_stays_whole_until_its_replacement_is_trained(self, quick, inputs, tmp_path):
        list(quick(inputs, tmp_path).run())
        steps = quick(inputs, tmp_path, overwrite=True, seed=1).run()
        next(steps)
        assert (tmp_path / "network.weights.h5").read_text() == "seed 0"
        list(steps)
        assert (tmp_path / "network.weights.h5").read_text() == "seed 1"

    def test_samples_among_the_photos_do_not_count(self, quick, tmp_path):
        photos = runs.folder_of_photos(tmp_path / "photos")
        images.save_image(tmp_path / "painting.png", runs.painting(70, 90))
        steps = quick(tmp_path, photos / "waves", sample_every=1).run()
        next(steps)
        steps.close()
        assert list(photos.glob("waves/training/sample-*.jpg"))
        list(quick(tmp_path, photos / "waves", sample_every=1, resume=True).run())
        assert card_of(photos / "waves")["data"] == ["photos", 4]

    def test_a_damaged_checkpoint(self, quick, inputs, tmp_path):
        (tmp_path / "training").mkdir()
        (tmp_path / "training" / "network.tfstyle").write_bytes(b"PK\x03\x04")
        with pytest.raises(errors.InputError, match="delete it"):
            quick(inputs, tmp_path, resume=True)


class TestOptions:
    def test_begins_with_another_styles_network(self, quick, inputs, tmp_path):
        first = tmp_path / "first" / "network.weights.h5"
        first.parent.mkdir()
        first.write_bytes(b"weights")
        session = quick(inputs, tmp_path / "second", begin_with=first.parent)
        list(session.run())
        assert session._training.begun_with == first
        assert card_of(tmp_path / "second")["beginning"] == hashlib.sha256(b"weights").hexdigest()

    def test_a_stored_style_in_place_of_a_painting(self, quick, inputs, tmp_path):
        list(quick(inputs, tmp_path, painting="scream").run())
        assert stylebook.load(str(tmp_path)).title == "The Scream"

    def test_a_preview_by_the_slow_path(self, quick, inputs, tmp_path, monkeypatch):
        def optimize(photo, styles, settings):
            assert (settings.size, settings.style_scale, settings.strength) == (48, 64 / 48, 0.35)
            assert max(photo.rgb.shape) == 48
            assert len(styles) == 1
            for step in range(3):
                yield types.SimpleNamespace(
                    step=step, steps=2, loss=1.0, losses={"style": 1.0}, seconds=0.0, remaining=0.0, image=photo.rgb
                )

        monkeypatch.setattr(optimization, "Optimization", optimize)
        progress = list(quick(inputs, tmp_path, preview=True, steps=1).run())
        assert [(each.phase, each.step) for each in progress] == [
            *(("preview", step) for step in range(3)),
            ("training", 1),
        ]
        assert progress[0].headline == "loss 1 (style 1)"
        assert max(images.load_image(tmp_path / "training" / "preview.png").rgb.shape) == 48

    @pytest.mark.parametrize(("count", "shown"), [(1, "only 1 photo:"), (99, "only 99 photos:"), (100, "")])
    def test_few_photos(self, quick, inputs, tmp_path, monkeypatch, count, shown):
        monkeypatch.setattr(training.data, "open_photos", lambda *_, **__: [b""] * count)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            quick(inputs, tmp_path)
        messages = [str(each.message) for each in caught if each.category is training.FewPhotosWarning]
        assert len(messages) == bool(shown)
        for message in messages:
            assert shown in message
            assert "\n" not in message


class TestWeave:
    """The check of a finished network."""

    def warnings_of(self, session):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(session.run())
        return [str(each.message) for each in caught if each.category is training.WeaveWarning]

    def test_a_network_that_weaves_is_kept_with_a_warning(self, quick, inputs, tmp_path):
        session = quick(inputs, tmp_path)
        rows, columns = np.mgrid[:384, :384]
        wave = 6 * np.cos(2 * np.pi / 9 * (rows + columns))[..., None] * np.array([-0.5, -0.5, 1])
        session._training.paint = lambda image: image + (wave if image.shape == wave.shape else 0)
        (message,) = self.warnings_of(session)
        found = card_of(tmp_path)["weave"]
        assert min(found.values()) > weave.LIMIT
        assert f"{tmp_path} weaves a pattern into smooth areas, {found['flat']:.1f} dB on flat" in message
        assert "(limit: 10 dB): train on" in message
        assert "\n" not in message

    def test_another_does_not_warn(self, quick, inputs, tmp_path):
        assert self.warnings_of(quick(inputs, tmp_path)) == []
        assert set(card_of(tmp_path)["weave"]) == set(weave.pictures())


class TestLog:
    def test_curves_are_drawn_with_every_sample(self, small, tmp_path, monkeypatch):
        drawn = []
        monkeypatch.setattr(reports, "plot_curves", lambda path, curves: drawn.append((path.name, curves["loss"])))
        log = training.log.TrainingLog(tmp_path, 2)
        for step in range(1, 5):
            losses = dict.fromkeys((*PARTS, "loss"), 1.0 / step)
            log.add(training.TrainingProgress(step, 4, losses, 0.0, 0.0), lambda photo: 255 - photo)
        assert drawn == [("losses.png", ([1, 2], [1, 1 / 2])), ("losses.png", ([1, 2, 3, 4], [1, 1 / 2, 1 / 3, 1 / 4]))]

    def test_without_matplotlib_there_is_the_table_alone(self, small, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        log = training.log.TrainingLog(tmp_path, 1)
        log.add(training.TrainingProgress(1, 1, {"loss": 1.0}, 0.0, 0.0), lambda photo: photo)
        log.write()
        assert {path.name for path in tmp_path.iterdir()} == {"losses.csv", "sample-000001.jpg"}
