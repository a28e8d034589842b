import dataclasses
import itertools
import math
import re
import types

import numpy as np
import psutil
import pytest
import runs
import tensorflow as tf
from PIL import Image

from tfstyle import config, errors, features, images, optimization, stylebook, weights
from tfstyle.optimization import memory, minimizers, plan, pyramid
from tfstyle.optimization import run as run_module

DEFAULT_LAYERS = {"content_layers": None, "style_layers": None}


@pytest.fixture(scope="module")
def model(tiny_weights):
    spec = weights.BACKBONES["compact"]
    return features.build("compact", [*spec.content_layers, *spec.style_layers], tiny_weights)


def made(tiny, *, photo=None, style=None, **changes):
    style = [stylebook.Painting(runs.painting())] if style is None else style
    return optimization.Optimization(photo or runs.photo(), style, runs.settings(tiny, **changes))


def finished(tiny, **changes):
    *_, last = made(tiny, **changes)
    return last.image


def with_states(run):
    """The last iterate, and the state at every step."""
    pairs = [(iterate, run.state()) for iterate in run]
    return pairs[-1][0], [state for _, state in pairs]


def distances(model, image, photo, painting):
    """Relative content and mean relative style distance, in NumPy from the network's features."""
    outputs, photos = (model(each[None].astype(np.float32)) for each in (image, photo.rgb))
    paintings = model(painting.rgb[None])
    content = [np.asarray(each["conv4_2"]) for each in (outputs, photos)]
    relative = np.mean((content[0] - content[1]) ** 2) / np.mean(content[1] ** 2)
    style = []
    for layer in weights.BACKBONES["compact"].style_layers:
        image_gram, style_gram = (gram(np.asarray(each[layer])[0]) for each in (outputs, paintings))
        style.append(np.mean((image_gram - style_gram) ** 2) / np.mean(style_gram**2))
    return relative, np.mean(style)


def gram(maps):
    flat = maps.reshape(-1, maps.shape[-1]).astype(np.float64)
    return flat.T @ flat / len(flat)


class TestStrength:
    @pytest.mark.parametrize(
        ("optimizer", "precision"),
        [("lbfgs", "float32"), ("lbfgs", "bfloat16"), ("adam", "bfloat16"), ("sgd", "float32")],
    )
    def test_zero_is_the_photo_to_the_bit(self, tiny, precision, optimizer):
        photo = runs.photo()
        changes = {**runs.TWO_SCALES, "precision": precision, "optimizer": optimizer}
        image = finished(tiny, photo=photo, strength=0.0, **changes)
        np.testing.assert_array_equal(image, photo.rgb)

    def test_zero_is_the_photo_with_the_real_network(self):
        photo = runs.photo(48, 64)
        *_, last = optimization.optimize(
            photo,
            stylebook.Painting(runs.painting()),
            features="compact",
            strength=0.0,
            scales=(32, 64),
            iterations=(2,),
        )
        np.testing.assert_array_equal(last.image, photo.rgb)

    @pytest.mark.parametrize(("seed", "size"), [(3, 32)])
    def test_more_of_it_is_less_content_and_more_style(self, tiny, seed, size):
        """By the unweighted terms of what is minimised."""
        style, seen = [stylebook.Painting(runs.painting(seed=seed))], []
        for strength in (0.1, 0.25, 0.5):
            settings = {"strength": strength, "scales": (size,), "iterations": (25,), "variation_weight": 0.0}
            *_, last = made(tiny, style=style, **settings, **DEFAULT_LAYERS)
            content = last.terms["content/conv4_2"]
            seen.append((content, sum(last.terms.values()) - content))
        for (content, style), (more_content, less_style) in itertools.pairwise(seen):
            assert more_content > content
            assert less_style < style

    def test_one_is_style_alone(self, tiny):
        run = made(tiny, strength=1.0)
        assert not run.pyramid.objective.content
        *_, last = run
        assert {name.partition("/")[0] for name in last.terms} == {"style", "variation"}

    def test_strength_sets_the_ratio(self):
        def ratio(strength):
            objective = plan.objective_for("compact", config.Settings(strength=strength))
            return sum(objective.style.values()) / sum(objective.content.values())

        assert ratio(0.5) == pytest.approx(30)
        assert ratio(0.25) == pytest.approx(30 / 9)

    def test_alpha_and_beta_replace_it(self):
        settings = config.Settings(content_weight=2.0, style_weight=8.0, style_layers="conv1_1:3,conv2_1")
        objective = plan.objective_for("compact", settings)
        assert objective.content == {"conv4_2": 2.0}
        assert objective.style == {"conv1_1": 6.0, "conv2_1": 2.0}
        assert objective.variation == 0


class TestStart:
    @pytest.mark.parametrize("start", ["photo", "noise", "style"])
    def test_each_ends_within_bounds_at_full_size(self, tiny, start):
        image = finished(tiny, start=start)
        assert image.shape == (36, 48, 3)
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 255


class TestLosses:
    @pytest.mark.parametrize(
        ("optimizer", "form"),
        [("lbfgs", "relative"), ("lbfgs", "gatys"), ("lbfgs", "mean"), ("adam", "gatys"), ("sgd", "mean")],
    )
    def test_every_minimizer_lowers_every_form(self, tiny, optimizer, form):
        iterates = list(made(tiny, optimizer=optimizer, form=form, scales=(32,), iterations=(12,)))
        assert iterates[-1].loss < 0.9 * iterates[0].loss

    def test_lbfgs_never_increases_the_loss(self, tiny):
        iterates = list(made(tiny, scales=(48,), iterations=(15,)))
        for before, after in itertools.pairwise(iterates):
            assert after.loss <= before.loss * (1 + 1e-5)

    def test_layers_and_their_weights(self, tiny):
        *_, last = made(tiny, style_layers="conv1_1:3,conv2_1", content_layers="conv3_1")
        assert set(last.terms) == {"content/conv3_1", "style/conv1_1", "style/conv2_1", "variation"}
        expected = 30 * (0.75 * last.terms["style/conv1_1"] + 0.25 * last.terms["style/conv2_1"])
        assert last.losses["style"] == pytest.approx(expected, rel=1e-5)

    def test_pooling_changes_the_picture(self, tiny):
        assert np.abs(finished(tiny) - finished(tiny, pooling="max")).max() > 1

    def test_variation_weight_smooths(self, tiny):
        def roughness(**changes):
            image = finished(tiny, start="noise", scales=(32,), iterations=(10,), **changes)
            return np.abs(np.diff(image, axis=0)).mean()

        assert roughness(variation_weight=200.0) < 0.6 * roughness(variation_weight=0.0)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"style_layers": "conv9_9"}, "conv9_9"),
            (
                {"content_layers": "none", "style_layers": "none", "variation_weight": 0.0},
                "there is nothing to optimize",
            ),
            (
                {"content_weight": 1.0, "style_layers": "none", "content_layers": "none"},
                "no content layers; omit it",
            ),
            ({"style_weights": (1.0, 2.0)}, "2 values in --style-weights for 1 styles"),
            ({"features": "nonsense"}, "nonsense"),
        ],
    )
    def test_unusable_settings(self, tiny, changes, message):
        with pytest.raises(errors.InputError, match=message):
            made(tiny, **changes)

    def test_no_style(self, tiny):
        with pytest.raises(errors.InputError, match="no style"):
            made(tiny, style=[])
        assert finished(tiny, style=[], strength=0.0).shape == (36, 48, 3)


class Recorder:
    """A style that notes what it is asked for."""

    def __init__(self):
        self.asked = []

    def grams(self, model, size, layers, pooling="average"):
        self.asked.append((size, tuple(layers), pooling))
        return stylebook.Painting(runs.painting()).grams(model, size, layers, pooling)

    def recolored(self, photo):
        return self


class TestStyles:
    @pytest.mark.parametrize(("scale", "expected"), [(1.0, [24, 48]), (2.0, [48, 96]), (0.8, [19, 38])])
    def test_style_scale_is_relative_to_the_pictures_size(self, tiny, scale, expected):
        style = Recorder()
        list(made(tiny, style=[style], style_scale=scale, scales=(24, 48), iterations=(1,)))
        assert [size for size, *_ in style.asked] == expected

    def test_only_style_layers_are_asked_for(self, tiny):
        style = Recorder()
        next(iter(made(tiny, style=[style], style_layers="conv2_1", pooling="max")))
        assert style.asked == [(48, ("conv2_1",), "max")]

    def test_a_style_given_twice_equals_itself(self, tiny):
        style = stylebook.Painting(runs.painting())
        np.testing.assert_array_equal(finished(tiny, style=[style, style]), finished(tiny, style=[style]))

    def test_weights_of_several(self, tiny, model):
        one, other = runs.painting(seed=2), runs.painting(seed=5)
        both = [stylebook.Painting(one), stylebook.Painting(other)]
        changes = {"strength": 1.0, "scales": (40,), "iterations": (20,), **DEFAULT_LAYERS}
        mixes = [finished(tiny, style=both, style_weights=shares, **changes) for shares in ((9.0, 1.0), (1.0, 9.0))]
        photo = images.resize(runs.photo(), 30, 40)
        there = [images.resize(each, *images.fit_size(44, 40, 40)) for each in (one, other)]
        mostly_one, mostly_other = ([distances(model, mix, photo, each)[1] for each in there] for mix in mixes)
        assert mostly_one[0] < mostly_other[0]
        assert mostly_other[1] < mostly_one[1]

    def test_weights_are_relative(self, tiny):
        both = [stylebook.Painting(runs.painting(seed=seed)) for seed in (2, 5)]
        first, second = (finished(tiny, style=both, style_weights=shares) for shares in ((1.0, 3.0), (2.0, 6.0)))
        np.testing.assert_array_equal(first, second)

    def test_transparent_parts_of_a_painting_do_not_count(self, tiny):
        """Left half stripes, right half hidden and glaring: much nearer to the stripes alone than to all of it."""
        left = runs.painting(64, 48, seed=2).rgb
        glaring = np.broadcast_to(np.array([255, 0, 255], np.float32), left.shape)
        rgb = np.concatenate([left, glaring], axis=1)
        alpha = np.concatenate([np.ones(left.shape[:2]), np.zeros(left.shape[:2])], axis=1).astype(np.float32)
        spec, loaded = weights.BACKBONES["compact"], weights.load("compact", tiny)
        model = features.build("compact", spec.style_layers, loaded)

        def grams(photo):
            return stylebook.Painting(photo).grams(model, max(photo.rgb.shape), spec.style_layers)

        hidden, alone, all_of_it = (
            grams(each) for each in (images.Photo(rgb, alpha), images.Photo(left), images.Photo(rgb))
        )
        for layer in ("conv1_1", "conv2_1", "conv3_1"):
            assert np.linalg.norm(hidden[layer] - alone[layer]) < 0.3 * np.linalg.norm(all_of_it[layer] - alone[layer])

    def test_keep_luminance(self, tiny):
        photo = runs.photo()
        plain, kept = finished(tiny, photo=photo), finished(tiny, photo=photo, keep_colors="luminance")
        luma = np.array([0.299, 0.587, 0.114])
        np.testing.assert_allclose(kept @ luma, plain @ luma, atol=0.01)
        ours, theirs = kept - (kept @ luma)[..., None], photo.rgb - (photo.rgb @ luma)[..., None]
        assert np.sum(ours * theirs) / np.sqrt(np.sum(ours**2) * np.sum(theirs**2)) > 0.99

    def test_match_colors_recolors_the_painting(self, tiny):
        photo = images.Photo(runs.photo().rgb * 0.3 + np.array([100, 20, 60], np.float32))
        run = made(tiny, photo=photo, keep_colors="match")
        recolored = run.pyramid.styles[0].photo.rgb
        np.testing.assert_allclose(recolored.mean((0, 1)), photo.rgb.mean((0, 1)), atol=2)
        assert np.abs(runs.painting().rgb.mean((0, 1)) - photo.rgb.mean((0, 1))).max() > 20


class TestIterates:
    def test_numbers(self, tiny):
        iterates = list(made(tiny, **runs.TWO_SCALES))
        assert [each.step for each in iterates] == list(range(6))
        assert {each.steps for each in iterates} == {5}
        assert [each.scale.width for each in iterates] == [24] * 3 + [48] * 3
        assert [each.image.shape[1] for each in iterates] == [24] * 3 + [48] * 3
        assert all(each.evaluations >= 1 for each in iterates)
        seconds = [each.seconds for each in iterates]
        assert seconds == sorted(seconds)

    def test_losses_sum_up(self, tiny):
        for each in made(tiny):
            assert set(each.losses) == {"content", "style", "variation"}
            assert sum(each.losses.values()) == pytest.approx(each.loss, rel=1e-5)
            assert set(each.losses) == {name.partition("/")[0] for name in each.terms}

    def test_remaining(self, tiny):
        iterates = list(made(tiny, scales=(24, 48), iterations=(5, 5)))
        assert math.isnan(iterates[0].remaining)
        assert all(each.remaining > 0 for each in iterates[1:-1])
        assert iterates[-1].remaining == 0

    def test_remaining_counts_pixels_and_only_this_sessions_steps(self, tiny, monkeypatch):
        """Steps take a second each; at the end of the coarse scale a fifth of the pixels are done."""
        seconds, step = [0.0], minimizers.LBFGS.step

        def slow(minimizer):
            seconds[0] += 1.0
            return step(minimizer)

        monkeypatch.setattr(run_module.time, "monotonic", lambda: seconds[0])
        monkeypatch.setattr(minimizers.LBFGS, "step", slow)
        run = made(tiny, scales=(24, 48), iterations=(4, 4))
        *_, last = itertools.islice(iter(run), 5)
        assert last.seconds == 4
        assert last.remaining == pytest.approx(4 * 4)
        again = made(tiny, scales=(24, 48), iterations=(4, 4))
        again.restore(run.state())
        first, second = itertools.islice(iter(again), 2)
        assert math.isnan(first.remaining)
        assert second.remaining == pytest.approx(3)

    def test_preparing_a_scale_does_not_count_for_every_step(self, tiny, monkeypatch):
        seconds, prepare = [0.0], pyramid.loss_function

        def slow(*inputs):
            seconds[0] += 100.0
            return prepare(*inputs)

        monkeypatch.setattr(run_module.time, "monotonic", lambda: seconds[0])
        monkeypatch.setattr(pyramid, "loss_function", slow)
        assert [each.remaining for each in made(tiny, **runs.TWO_SCALES)][1:] == [0] * 5

    def test_images_of_earlier_iterates_stay(self, tiny):
        iterates = list(made(tiny))
        early = iterates[1].image
        np.testing.assert_array_equal(early, iterates[1].image)
        assert np.abs(early - iterates[2].image).max() > 0

    def test_early_convergence_ends_the_run(self, tiny):
        steps = [each.step for each in made(tiny, strength=0.0, scales=(24, 48), iterations=(9, 9))]
        assert steps == [0, 1, 10]


class TestContent:
    def test_photo_path_or_string(self, tiny, tmp_path):
        path, painting = tmp_path / "photo.png", tmp_path / "painting.png"
        images.save_image(path, runs.photo())
        images.save_image(painting, runs.painting())
        settings = runs.settings(tiny, iterations=(1,))
        loaded, style = images.load_image(path), stylebook.Painting(images.load_image(painting))
        results = []
        for content, given in ((path, painting), (str(path), [str(painting)]), (loaded, style)):
            *_, last = optimization.optimize(content, given, settings)
            results.append(last.image)
        np.testing.assert_array_equal(results[0], results[1])
        np.testing.assert_array_equal(results[0], results[2])

    def test_single_settings_by_name(self, tiny):
        *_, last = optimization.optimize(
            runs.photo(), stylebook.Painting(runs.painting()), runs.settings(tiny), iterations=(2,)
        )
        assert last.steps == 2

    def test_a_photo_with_alpha(self, tiny):
        photo = dataclasses.replace(runs.photo(), alpha=np.linspace(0, 1, 36 * 48, dtype=np.float32).reshape(36, 48))
        np.testing.assert_array_equal(finished(tiny, photo=photo, strength=0.0), photo.rgb)
        assert np.isfinite(finished(tiny, photo=photo)).all()


class TestResuming:
    @pytest.mark.parametrize(
        ("optimizer", "precision", "start", "steps"),
        [
            ("lbfgs", "float32", "photo", [0, 2, 3, 5]),
            pytest.param("lbfgs", "bfloat16", "noise", [1, 2, 4], marks=pytest.mark.slow),
            pytest.param("adam", "bfloat16", "photo", [2, 4], marks=pytest.mark.slow),
            pytest.param("sgd", "float32", "photo", [2, 4], marks=pytest.mark.slow),
        ],
    )
    def test_from_every_step_to_the_same_bits(self, tiny, optimizer, precision, start, steps):
        changes = {**runs.TWO_SCALES, "optimizer": optimizer, "precision": precision, "start": start}
        run = made(tiny, **changes)
        last, states = with_states(run)
        assert len(states) == 6
        for step in steps:  # 2 is right before the change of scale.
            again = made(tiny, **changes)
            again.restore(states[step])
            iterates = list(again)
            assert [each.step for each in iterates] == list(range(step, 6))
            np.testing.assert_array_equal(iterates[-1].image, last.image)
            assert iterates[-1].loss == last.loss
            assert iterates[-1].evaluations == last.evaluations

    @pytest.mark.slow
    def test_where_another_network_takes_over(self, tiny_weights, monkeypatch):
        """Step 2 is the last of compact at full size, and vgg19 goes on from its picture as it is."""
        monkeypatch.setattr(weights, "load", lambda *_: tiny_weights)
        monkeypatch.setattr(plan, "_WARM_STEPS", (1, 2, 2))
        settings = config.Settings(features="vgg19", size=48, precision="float32")

        def begun():
            return optimization.Optimization(runs.photo(), [stylebook.Painting(runs.painting())], settings)

        run = begun()
        last, states = with_states(run)
        assert [scale.network for scale in run.scales] == ["compact", "vgg19"]
        assert last.steps == len(states) - 1 == 4
        for step in (2,):
            again = begun()
            again.restore(states[step])
            np.testing.assert_array_equal(list(again)[-1].image, last.image)

    def test_more_pairs_than_lbfgs_keeps(self, tiny):
        changes = {"scales": (24,), "iterations": (26,)}
        last, states = with_states(made(tiny, **changes))
        again = made(tiny, **changes)
        again.restore(states[13])
        np.testing.assert_array_equal(list(again)[-1].image, last.image)

    def test_a_converged_run_stays_so(self, tiny):
        run = made(tiny, strength=0.0, scales=(24, 48), iterations=(9, 9))
        states = {each.step: run.state() for each in run}
        for step, expected in ((1, [1, 10]), (10, [10])):
            again = made(tiny, strength=0.0, scales=(24, 48), iterations=(9, 9))
            again.restore(states[step])
            assert [each.step for each in again] == expected

    def test_a_state_is_not_changed_by_going_on(self, tiny):
        run = made(tiny)
        iterator = iter(run)
        next(iterator)
        next(iterator)
        state = run.state()
        kept = {name: value.copy() for name, value in state.items()}
        list(iterator)
        for name, value in state.items():
            np.testing.assert_array_equal(value, kept[name])

    def test_before_the_start_there_is_nothing(self, tiny):
        run = made(tiny)
        assert run.state() == {}
        run.restore({})
        assert next(iter(run)).step == 0

    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_repeated_runs_are_the_same_to_the_bit(self, tiny, precision):
        np.testing.assert_array_equal(finished(tiny, precision=precision), finished(tiny, precision=precision))


class TestBrokenLoss:
    def test_names_the_term_and_carries_the_last_good_picture(self, tiny, monkeypatch):
        step, good = minimizers.LBFGS.step, []

        def breaks(minimizer):
            step(minimizer)
            if len(good) == 3:
                minimizer.extras = {**minimizer.extras, "variation": tf.constant(math.nan)}

        monkeypatch.setattr(minimizers.LBFGS, "step", breaks)
        with pytest.raises(
            optimization.BrokenLoss, match="became NaN or infinite at variation: use --precision"
        ) as caught:
            good.extend(made(tiny, iterations=(9,)))
        assert len(good) == 3
        np.testing.assert_array_equal(caught.value.image, good[-1].image)

    def test_the_picture_has_the_photos_colors_if_they_are_to_be_kept(self, tiny, monkeypatch):
        original, calls = run_module._numbers, itertools.count()
        changes = {"keep_colors": "luminance", "scales": (48,)}
        run = made(tiny, **changes, iterations=(5,))
        iterator = iter(run)
        kept = [next(iterator).image for _ in range(3)]
        monkeypatch.setattr(run_module, "_numbers", lambda terms: {**original(terms), f"{next(calls)}": math.nan})
        with pytest.raises(optimization.BrokenLoss) as caught:
            next(iterator)
        np.testing.assert_array_equal(caught.value.image, kept[-1])

    def test_overflowing_total_loss(self, tiny):
        with pytest.raises(optimization.BrokenLoss, match="the total"):
            list(made(tiny, content_weight=1.0, style_weight=3e38, form="gatys"))


class TestMemory:
    def available(self, monkeypatch, free):
        monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=free))

    @pytest.mark.parametrize("share", [0.9, 0.5, 0.2])
    def test_error_names_a_size_that_fits(self, tiny, model, monkeypatch, share):
        free = features.memory(model, 720, 960) * share
        self.available(monkeypatch, free)
        changes = {"photo": runs.photo(72, 96), "scales": None, **DEFAULT_LAYERS}
        with pytest.raises(
            errors.InputError, match=r"960x720 pixels need .* GB of memory, .* use --size \d+$"
        ) as caught:
            made(tiny, **changes, iterations=(1,), size=960)
        size = int(re.search(r"--size (\d+)", str(caught.value))[1])
        assert size > 0.9 * 960 * share**0.5
        made(tiny, **changes, iterations=(1,), size=size)

    def test_no_size_at_all(self, tiny, monkeypatch):
        self.available(monkeypatch, 1000)
        with pytest.raises(errors.InputError, match="close other programs$"):
            made(tiny)

    def test_other_networks_are_advised_to_use_compact(self, monkeypatch, model):
        larger = types.SimpleNamespace(name="vgg19")
        monkeypatch.setattr(features, "memory", lambda *_: 2**40)
        self.available(monkeypatch, 2**39)
        with pytest.raises(errors.InputError, match="--features compact") as caught:
            memory.check(larger, plan.Scale(3000, 4000, 1, "compact"), config.Settings(size=4000))
        assert "use --size 2816" in str(caught.value)

    def test_strokes_too_large(self, tiny, model, monkeypatch):
        self.available(monkeypatch, 4 * features.memory(model, 36, 48))
        made(tiny, **DEFAULT_LAYERS)
        with pytest.raises(errors.InputError, match="smaller --style-scale"):
            made(tiny, style_scale=10.0, **DEFAULT_LAYERS)

    def test_too_narrow_a_painting(self, tiny):
        """300x3 pixels: Keras would end in a traceback."""
        narrow = stylebook.Painting(runs.painting(300, 3))
        with pytest.raises(errors.InputError, match="the painting would be 1x48 pixels, but compact needs"):
            made(tiny, style=[narrow], **DEFAULT_LAYERS)


class TestNetwork:
    def test_auto_is_vgg19_if_its_weights_are_available(self, tiny, tmp_path, monkeypatch):
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
        assert plan.choose_network(config.Settings()) == "compact"
        assert plan.choose_network(config.Settings(weights=tiny)) == "vgg19"
        monkeypatch.setenv("TFSTYLE_VGG19_WEIGHTS", tiny)
        assert plan.choose_network(config.Settings()) == "vgg19"
        assert plan.choose_network(config.Settings(features="alexnet")) == "alexnet"
        painting, stored = stylebook.Painting(runs.painting()), types.SimpleNamespace(backbones=("compact",))
        assert plan.choose_network(config.Settings(), [painting]) == "vgg19"
        assert plan.choose_network(config.Settings(), [painting, stored]) == "compact"

    @pytest.mark.slow
    def test_real_network_gives_a_picture(self, tmp_path):
        painting = tmp_path / "painting.png"
        Image.fromarray(np.rint(runs.painting().rgb).astype(np.uint8)).save(painting)
        *_, last = optimization.optimize(
            runs.photo(48, 64), painting, features="compact", scales=(32, 64), iterations=(4,)
        )
        assert last.image.shape == (48, 64, 3)
        assert last.losses["style"] < 20
