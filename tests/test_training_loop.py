"""The training loop: progress, bit-exact interruption, the final loss network, failures."""

import itertools
import math

import keras
import numpy as np
import pytest
import runs

from tfstyle import config, errors, stylebook, training, weights
from tfstyle.training import data
from tfstyle.transform import networks

pytestmark = pytest.mark.usefixtures("tiny_networks")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return data.open_photos(str(runs.folder_of_photos(tmp_path_factory.mktemp("data") / "photos")))


@pytest.fixture
def make(photos, tiny_networks):
    """Makes a training of a few steps that reports after each."""
    tiny_networks.setattr(training.Training, "REPORT_EVERY", 1)

    def training_(**changes):
        defaults = {"steps": 3, "batch": 2, "crop": 64, "style_size": 64, "precision": "float32", "seed": 5}
        layers = {"content_layers": "conv2_2", "style_layers": "conv1_1,conv2_1"}
        settings = config.TrainingSettings(**{**defaults, **layers, **changes})
        return training.Training(settings, stylebook.Painting(runs.painting(70, 90)), photos)

    return training_


@pytest.fixture(scope="module")
def kept():
    return []


@pytest.fixture
def whole(make, kept):
    """The state after an uninterrupted training, done once."""
    if not kept:
        run = make()
        list(run)
        kept.append(run.state())
    return kept[0]


def same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> bool:
    assert set(ours) == set(theirs)
    return all((ours[name] == theirs[name]).all() for name in ours if name != "seconds")


@pytest.mark.slow
class TestProgress:
    def test_every_stop_is_reported(self, make, tiny_networks):
        tiny_networks.setattr(training.Training, "REPORT_EVERY", 2)
        run = make(steps=5, batch=1)
        seen = list(run)
        assert [progress.step for progress in seen] == [2, 4, 5]
        assert {progress.steps for progress in seen} == {5}
        assert [progress.seconds for progress in seen] == sorted(progress.seconds for progress in seen)
        assert seen[-1].remaining == 0
        assert seen[0].remaining > 0
        for progress in seen:
            assert set(progress.losses) == {"content", "style", "variation", "grid", "weave", "loss"}
            parts = sum(value for name, value in progress.losses.items() if name != "loss")
            assert parts == pytest.approx(progress.losses["loss"], rel=1e-3)
        assert list(run) == []

    def test_losses_are_means_since_the_last_report(self, make, tiny_networks):
        single = [progress.losses for progress in make(steps=2)]
        assert len(single) == 2
        tiny_networks.setattr(training.Training, "REPORT_EVERY", 20)
        (both,) = [progress.losses for progress in make(steps=2)]
        for name, value in both.items():
            assert value == pytest.approx((single[0][name] + single[1][name]) / 2, rel=1e-4)

    def test_headline_names_all_losses(self):
        losses = {"content": 1.0, "style": 12.5, "variation": 0.25, "loss": 13.75}
        headline = training.TrainingProgress(1, 2, losses, 1.0, math.nan).headline
        assert headline == "loss 13.75 (content 1  style 12.5  variation 0.25)"

    def test_the_loss_falls(self, make):
        losses = [progress.losses["loss"] for progress in make(steps=6, batch=1, learning_rate=0.02)]
        assert np.mean(losses[-2:]) < 0.9 * np.mean(losses[:2])

    def test_the_learning_rate_falls_by_a_cosine_to_two_per_cent(self, make):
        run = make(steps=8, learning_rate=0.01)
        rates = [float(run._trainer.optimizer._learning_rate(step)) for step in range(9)]
        expected = [0.01 * (0.02 + 0.98 * (1 + math.cos(math.pi * step / 8)) / 2) for step in range(9)]
        assert rates == pytest.approx(expected, rel=1e-4)

    def test_unusable_photos_are_counted(self, make, photos, tiny_networks):
        tiny_networks.setattr(training.Training, "REPORT_EVERY", 20)

        class Mixed:
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return b"" if index else photos[0]

        run = make(steps=4)
        run._photos = Mixed()
        list(run)
        assert run.unusable == {1}

    def test_paints_with_the_current_network(self, make):
        run, image = make(batch=1), runs.photo(33, 50).rgb
        before = run.paint(image)
        list(run)
        after = run.paint(image)
        assert after.shape == (33, 50, 3)
        assert np.abs(after - before).max() > 0.01
        np.testing.assert_array_equal(after, keras.ops.convert_to_numpy(run.network(image[None]))[0])


class TestInterruption:
    @pytest.mark.slow
    def test_restored_is_uninterrupted(self, make, whole):
        first = make()
        list(itertools.islice(first, 2))
        state = first.state()
        list(first)  # Continues without changing the kept state.
        keras.utils.set_random_seed(99)  # A new process may have any.
        second = make()
        second.restore(state)
        assert [progress.step for progress in second] == [3]
        assert same(whole, second.state())
        assert second.seconds > float(state["seconds"])

    @pytest.mark.slow
    def test_reports_do_not_change_the_result(self, make, whole, tiny_networks):
        tiny_networks.setattr(training.Training, "REPORT_EVERY", 20)
        seldom = make()
        list(seldom)
        assert same(whole, seldom.state())

    def test_the_seed_decides(self, make):
        one, same_seed, other = make().state(), make().state(), make(seed=6).state()
        assert same(one, same_seed)
        assert not same(one, other)

    def test_state_has_all_variables(self, make):
        state = make().state()
        assert all(isinstance(value, np.ndarray) for value in state.values())
        shapes = [weight.shape for weight in make().network.weights]
        matrices = [shape for shape in shapes if len(shape) == 4 and shape[-1] > 3]
        assert len(matrices) == 4
        # Means of all gradients, mean squares for Adam, and the optimizer's steps.
        assert len(state) == 3 + len(shapes) + len(shapes) + len(shapes) - len(matrices) + 1

    def test_another_networks_state_is_refused(self, make):
        state = make().state()
        with pytest.raises((KeyError, ValueError)):
            make(network="johnson").restore(state)
        state.pop("variable 0")
        with pytest.raises(KeyError):
            make().restore(state)


class TestBeginning:
    @pytest.fixture
    def file(self, tmp_path):
        """A trained network's weights."""
        runs.shaken(networks.build("realtime"), seed=7).save_weights(tmp_path / "network.weights.h5")
        return tmp_path / "network.weights.h5"

    def test_loads_the_weights_and_nothing_else(self, make, file):
        run, other = make(), runs.shaken(networks.build("realtime"), seed=7)
        before = run.state()
        run.begin_with(file)
        for ours, theirs in zip(run.network.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        changed = {name for name, value in run.state().items() if (value != before[name]).any()}
        assert changed == {f"variable {index}" for index in range(len(other.weights))}

    @pytest.mark.parametrize("kind", ["missing", "empty", "no weights", "cut short", "folder", "johnson", "wider"])
    def test_refused_in_one_line(self, make, file, *, kind, tiny_networks):
        run, whole = make(), file.read_bytes()
        file.unlink()
        if kind == "folder":
            file.mkdir()
        elif kind == "johnson":
            networks.build("johnson").save_weights(file)
        elif kind == "wider":
            tiny_networks.setitem(networks.NETWORKS, "realtime", lambda builder, tensor: builder.to_rgb(tensor, 9))
            networks.build("realtime").save_weights(file)
        elif kind != "missing":
            file.write_bytes({"empty": b"", "no weights": b"weights", "cut short": whole[: len(whole) // 2]}[kind])
        with pytest.raises(errors.InputError, match=r"network\.weights\.h5 has no weights for realtime: ") as caught:
            run.begin_with(file)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
class TestFinalLossNetwork:
    @pytest.fixture
    def loaded_networks(self, monkeypatch, tiny_weights):
        """The loss networks that were loaded, in order; vgg19 is small, and differs from compact."""
        loaded, load = [], weights.load

        def noting(network, *arguments, **keywords):
            loaded.append(network)
            if network == "compact":
                return load(network, *arguments, **keywords)
            assert weights.find("vgg19") is not None
            return {name: value * np.float32(1.1) for name, value in tiny_weights.items()}

        monkeypatch.setattr(weights, "load", noting)
        return loaded

    def test_without_weights_there_is_none(self, make, loaded_networks):
        list(make(finish=0.5))
        assert loaded_networks == ["compact"]

    @pytest.mark.parametrize(("finish", "expected"), [(0.0, ["compact"]), (0.34, ["compact", "vgg19"])])
    def test_with_weights(self, make, loaded_networks, *, tiny, tiny_networks, finish, expected):
        tiny_networks.setenv("TFSTYLE_VGG19_WEIGHTS", tiny)
        run = make(finish=finish)
        assert [progress.step for progress in run] == [1, 2, 3]
        assert loaded_networks == expected
        assert run._trainer.target.model.name == expected[-1]

    def test_vgg19_from_the_start(self, make, loaded_networks, *, tiny, tiny_networks):
        tiny_networks.setenv("TFSTYLE_VGG19_WEIGHTS", tiny)
        list(make(features="vgg19"))
        assert loaded_networks == ["vgg19"]

    @pytest.mark.usefixtures("loaded_networks")
    def test_its_first_step_is_reported(self, make, *, tiny, tiny_networks):
        tiny_networks.setenv("TFSTYLE_VGG19_WEIGHTS", tiny)
        tiny_networks.setattr(training.Training, "REPORT_EVERY", 20)
        assert [progress.step for progress in make(steps=5, finish=0.4, batch=1)] == [3, 5]

    @pytest.mark.usefixtures("loaded_networks")
    def test_resumes_with_it(self, make, *, whole, tiny, tiny_networks):
        tiny_networks.setenv("TFSTYLE_VGG19_WEIGHTS", tiny)
        first, second = make(finish=0.67), make(finish=0.67)
        list(itertools.islice(first, 2))
        second.restore(first.state())
        list(first)
        list(second)
        assert same(first.state(), second.state())
        assert not same(first.state(), whole)


class TestFailures:
    def test_loss_becomes_nan(self, make, monkeypatch):
        run = make(steps=4)
        losses = iter([{"content": 1.0, "loss": 1.0}, {"content": math.nan, "loss": math.nan}])
        monkeypatch.setattr(run, "_fit", lambda _: next(losses))
        with pytest.raises(errors.InputError, match="loss became NaN or infinite between steps 1 and 2: start"):
            list(run)
        assert run.step == 1

    @pytest.mark.slow
    def test_learning_rate_is_too_large(self, make):
        with pytest.raises(errors.InputError, match="became NaN or infinite between steps .*--learning-rate") as caught:
            list(make(learning_rate=1e30, steps=4))
        assert "\n" not in str(caught.value)

    def test_no_usable_photo(self, make):
        run = make()
        run._photos = [b"broken"]
        with pytest.raises(errors.InputError, match="500 photos in a row"):
            list(run)

    def test_unknown_layers(self, make):
        with pytest.raises(errors.InputError, match="no layer 'conv9_9'"):
            make(style_layers="conv9_9")

    def test_a_missing_file_of_weights(self, make, tiny_networks):
        tiny_networks.setenv("TFSTYLE_COMPACT_WEIGHTS", "nowhere.npz")
        with pytest.raises(errors.InputError, match=r"nowhere\.npz"):
            make()

    def test_unusable_weights_fail_before_training(self, make, *, tmp_path, tiny_networks):
        (tmp_path / "bad.npz").write_bytes(b"nonsense")
        tiny_networks.setenv("TFSTYLE_VGG19_WEIGHTS", str(tmp_path / "bad.npz"))
        with pytest.raises(errors.InputError, match=r"bad\.npz"):
            make(finish=0.5)
        make(finish=0.0)


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("steps", 0),
            ("batch", 0),
            ("crop", 63),
            ("style_size", 10),
            ("threads", -1),
            ("threads", 0),
            ("finish", 1.1),
            ("finish", math.nan),
            ("learning_rate", 0),
            ("learning_rate", math.inf),
            ("seed", -1),
            ("seed", 2**32),
            ("strength", 1.5),
            ("variation_weight", -2),
            ("grid_weight", -1),
            ("border_weight", -1),
            ("stability_weight", -1),
            ("weave_weight", -1),
            ("network", "vgg19"),
            ("features", "alexnet"),
            ("precision", "float16"),
        ],
    )
    def test_out_of_range(self, name, value):
        with pytest.raises(errors.InputError) as caught:
            config.TrainingSettings(**{name: value})
        assert "\n" not in str(caught.value)

    def test_the_slow_paths_settings_have_the_same_loss(self):
        settings = config.TrainingSettings(
            strength=0.8, variation_weight=2, style_layers="conv1_1", content_layers="conv2_2"
        )
        slow = settings.loss("vgg19")
        assert (slow.features, slow.strength, slow.variation_weight) == ("vgg19", 0.8, 2)
        assert (slow.style_layers, slow.content_layers) == ("conv1_1", "conv2_2")
        assert slow.form == "relative"
