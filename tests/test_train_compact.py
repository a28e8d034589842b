"""The recipe of the compact loss network, on small made-up networks."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfstyle import errors, features, weights
from train import compact, compact_fit, compact_images, compact_walk

pytestmark = pytest.mark.slow  # Recipes are for maintainers.


def random(seed=0):
    return np.random.default_rng(seed)


def relative(guess, truth):
    return np.mean((guess - truth) ** 2) / np.mean(truth**2)


class TestSecondMoment:
    def test_is_the_product_in_float64(self):
        left, right = (random(seed).normal(size=(40_000, 3)).astype(np.float32) for seed in (0, 1))
        found = compact_fit.second_moment(left, right)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, left.astype(float).T @ right.astype(float), rtol=1e-3, atol=0.05)

    def test_of_one_matrix_is_symmetric_and_positive(self):
        found = compact_fit.second_moment(random().normal(size=(100, 4)).astype(np.float32))
        np.testing.assert_allclose(found, found.T, rtol=1e-6)
        assert np.linalg.eigvalsh(found).min() > 0


class TestChooseChannels:
    def test_leaves_out_copies_and_mixtures(self):
        base = random().normal(size=(500, 4))
        columns = np.stack([base[:, 0], 2 * base[:, 0], base[:, 1], base[:, 2], base[:, 1] + base[:, 2], base[:, 3]], 1)
        chosen = compact_fit.choose_channels(columns.T @ columns, np.eye(6), 4)
        assert np.linalg.matrix_rank(columns[:, chosen]) == 4
        assert sorted(chosen) == list(chosen)

    def test_explains_more_than_the_largest_columns(self):
        mixed = random().normal(size=(500, 6)) @ random(1).normal(size=(6, 12)) + 0.1 * random(2).normal(size=(500, 12))
        largest = np.argsort(-np.square(mixed).sum(0))[:4]

        def unexplained(chosen):
            return np.linalg.lstsq(mixed[:, chosen], mixed, rcond=None)[1].sum()

        chosen = compact_fit.choose_channels(mixed.T @ mixed, np.eye(12), 4)
        assert unexplained(chosen) <= unexplained(largest)

    def test_the_metric_says_what_counts(self):
        moment = np.diag([100.0, 1.0, 1.0])
        assert list(compact_fit.choose_channels(moment, np.diag([0.0, 1.0, 5.0]), 1)) == [2]

    def test_first_choice_is_the_best_of_all(self):
        columns = random().normal(size=(200, 5))
        metric = np.diag(random(1).uniform(size=5))

        def cost(index):
            rest = columns - columns[:, [index]] @ np.linalg.lstsq(columns[:, [index]], columns, rcond=None)[0]
            return np.trace(metric @ rest.T @ rest)

        chosen = compact_fit.choose_channels(columns.T @ columns, metric, 1)
        assert chosen[0] == np.argmin([cost(index) for index in range(5)])


class TestImportance:
    def test_measures_the_next_layers_error(self):
        kernel = random().normal(size=(3, 3, 4, 7)).astype(np.float32)
        metric = compact_fit.importance(np.eye(4), kernel, tapped=False)
        error = random(1).normal(size=4)
        expected = sum(np.sum((error @ kernel[row, column]) ** 2) for row in range(3) for column in range(3))
        assert error @ metric @ error == pytest.approx(expected / np.sum(kernel**2.0), rel=1e-5)

    def test_counts_a_tapped_layer_itself(self):
        kernel = np.zeros((3, 3, 2, 2), np.float32)
        kernel[1, 1, 0, 0] = 1
        moment = np.diag([3.0, 1.0])
        blind, seen = (compact_fit.importance(moment, kernel, tapped=tapped) for tapped in (False, True))
        assert blind[1, 1] == 0
        assert seen[1, 1] == pytest.approx(1 / 4)
        np.testing.assert_allclose(compact_fit.importance(moment, None, tapped=False), np.eye(2) / 4)


class TestFitRectified:
    @pytest.fixture
    def problem(self):
        generator = random()
        inputs = np.concatenate([generator.normal(size=(4000, 8)), np.ones((4000, 1))], 1).astype(np.float32)
        return inputs, generator.normal(size=(9, 5)).astype(np.float32)

    def test_recovers_an_exactly_representable_layer(self, problem):
        inputs, weights = problem
        found = compact_fit.fit_rectified(inputs, inputs @ weights, 1e-9, 3)
        np.testing.assert_allclose(found, weights, atol=1e-4)

    def test_rounds_improve_what_a_line_cannot(self, problem):
        inputs, weights = problem
        truth = inputs @ weights
        truth = np.where(truth < 0, 3 * truth - truth**2, truth)  # Only the hidden half is out of reach.
        errs = [
            relative(
                np.maximum(inputs @ compact_fit.fit_rectified(inputs, truth, 1e-6, rounds), 0), np.maximum(truth, 0)
            )
            for rounds in (0, 1, 3, 30)
        ]
        assert errs == sorted(errs, reverse=True)
        assert errs[-1] < 0.01 * errs[0]

    def test_an_input_that_is_never_active_does_no_harm(self, problem):
        inputs, weights = problem
        inputs = inputs.copy()
        inputs[:, 2] = 0
        found = compact_fit.fit_rectified(inputs, inputs @ weights, 1e-6, 1)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(inputs @ found, inputs @ weights, atol=1e-3)


class TestGeometry:
    def test_gram_differences_keep_their_norm(self):
        head = random().normal(size=(5, 12))
        change = random(1).normal(size=(5, 5))
        change += change.T
        root = compact_fit.geometry(head)
        # Mean squares over all pairs of channels, 12 x 12 and 5 x 5.
        assert np.mean((root @ change @ root) ** 2) == pytest.approx(np.mean((head.T @ change @ head) ** 2), rel=1e-5)

    def test_feature_differences_keep_their_norm(self):
        head, change = random().normal(size=(5, 12)), random(1).normal(size=(100, 5))
        assert np.mean((change @ compact_fit.geometry(head)) ** 2) == pytest.approx(
            np.mean((change @ head) ** 2), rel=1e-5
        )

    def test_a_head_that_loses_a_direction(self):
        head = np.diag([1.0, 0.0])
        np.testing.assert_allclose(compact_fit.geometry(head), head, atol=1e-7)

    def test_fit_head_finds_a_linear_map(self):
        features, head = random().normal(size=(300, 4)).astype(np.float32), random(1).normal(size=(4, 9))
        found = compact_fit.fit_head(features, (features @ head).astype(np.float32), 1e-9)
        np.testing.assert_allclose(found, head, atol=1e-4)


class TestQuantise:
    def test_error_is_at_most_half_a_step(self):
        kernel = random().normal(size=(3, 3, 4, 6)).astype(np.float32) * np.geomspace(1e-3, 1e3, 6, dtype=np.float32)
        rounded, scale = compact_fit.quantize(kernel)
        assert rounded.dtype == np.int8
        assert scale.shape == (6,)
        assert (np.abs(rounded * scale - kernel) <= 0.501 * scale).all()
        assert (np.abs(rounded).max((0, 1, 2)) == 127).all()

    def test_a_dead_channel_stays_dead(self):
        rounded, scale = compact_fit.quantize(np.zeros((3, 3, 2, 1), np.float32))
        assert not rounded.any()
        assert np.isfinite(scale).all()


NAMES = ("conv1_1", "conv1_2", "conv2_1", "conv2_2")


def small_network(widths=(6, 6, 8, 8)):
    generator, arrays, inputs = random(7), {}, 3
    for name, width in zip(NAMES, widths, strict=True):
        arrays[f"{name}/kernel"] = generator.normal(size=(3, 3, inputs, width)).astype(np.float32) / np.sqrt(5 * inputs)
        arrays[f"{name}/bias"] = generator.normal(size=width).astype(np.float32)
        inputs = width
    return arrays


@pytest.fixture
def pictures():
    small = random(3).uniform(0, 255, size=(8, 8, 8, 3))
    return np.kron(small, np.ones((1, 2, 2, 1))).astype(np.uint8)


def sampled(network, pictures):
    places = compact_walk.positions(len(pictures), pictures.shape[1], {1: 200, 2: 64}, random())
    return compact_walk.sample_truth(network, NAMES, pictures, places)


class TestWalk:
    def test_positions_are_inside_and_differ(self):
        places = compact_walk.positions(3, 32, {1: 50, 3: 64}, random())
        assert places[1].shape == (3, 50, 2)
        assert places[1].min() >= 0
        assert places[1].max() < 32
        assert len({tuple(place) for place in places[3][0]}) == 64

    def test_true_samples_are_pre_activations(self, pictures):
        network = small_network()
        samples = sampled(network, pictures)
        centered = pictures[..., ::-1] - np.array([103.939, 116.779, 123.68])
        padded = np.pad(centered, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
        row, column = samples.places[1][2, 5]
        patch = padded[2, row : row + 3, column : column + 3]
        expected = np.einsum("hwi,hwio->o", patch, network["conv1_1/kernel"]) + network["conv1_1/bias"]
        np.testing.assert_allclose(samples.truth["conv1_1"][2, 5], expected, rtol=1e-3, atol=1e-2)

    def test_borders_are_those_of_the_networks_in_use(self, pictures):
        """The fit must see what `features.build` computes, up to the outermost row."""
        names = weights.BACKBONES["vgg19"].convolutions(["conv2_2"])
        network = weights.random("vgg19")
        model = features.build("vgg19", ["conv2_2"], network)
        *_, (name, sums) = compact_walk.forward(network, names, tf.constant(pictures[:1], tf.float32))
        assert name == "conv2_2"
        expected = model(pictures[:1].astype(np.float32))["conv2_2"]
        np.testing.assert_allclose(tf.nn.relu(sums), expected, rtol=1e-3, atol=1e-3 * np.max(expected))

    def test_full_width_recovers_the_network(self, pictures):
        network = small_network()
        setting = compact_walk.Walk(dict(zip(NAMES, (6, 6, 8, 8), strict=True)), ("conv2_1",), 1e-9, 1)
        student, mistakes = compact_walk.walk(sampled(network, pictures), network, setting)
        assert max(mistakes.values()) < 1e-3
        np.testing.assert_allclose(student["conv1_1/kernel"], network["conv1_1/kernel"], atol=1e-2)

    def test_narrow_network_has_its_layers_and_heads(self, pictures):
        network = small_network()
        widths = {"conv1_1": 4, "conv2_1": 6, "conv2_2": 8}
        setting = compact_walk.Walk(widths, ("conv1_1", "conv2_2"), 1e-4, 2)
        student, mistakes = compact_walk.walk(sampled(network, pictures), network, setting)
        assert list(mistakes) == list(widths)
        assert student["conv2_1/kernel"].shape == (3, 3, 4, 6)
        assert {name for name in student if name.endswith("head")} == {"conv1_1/head", "conv2_2/head"}
        outputs = compact_walk.heads(student, tuple(widths), tf.constant(pictures, tf.float32))
        assert outputs["conv2_2"].shape == (8, 8, 8, 8)
        assert np.isfinite(outputs["conv2_2"]).all()

    def test_the_same_seed_gives_the_same_bits(self, pictures):
        network = small_network()
        setting = compact_walk.Walk({"conv1_1": 4, "conv1_2": 4}, ("conv1_2",), 1e-4, 2)
        one, two = (compact_walk.walk(sampled(network, pictures), network, setting)[0] for _ in range(2))
        assert all(np.array_equal(one[name], two[name]) for name in one)

    def test_samples_of_the_first_pictures(self, pictures):
        first = sampled(small_network(), pictures).first(3)
        assert len(first.pictures) == len(first.places[2]) == len(first.truth["conv1_2"]) == 3

    def test_joined_samples(self, pictures):
        samples = sampled(small_network(), pictures)
        both = samples.joined(samples)
        assert len(both.pictures) == 2 * len(pictures)
        assert both.truth["conv2_1"].shape[:2] == both.places[2].shape[:2]


class TestImages:
    @pytest.fixture
    def crops(self, tmp_path):
        for index in range(3):
            pixels = random(index).integers(0, 256, size=(40, 50 + index, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{index}.png")
        return compact_images.Crops(compact_images.listed(tmp_path), 32, (32, 48))

    def test_an_empty_folder_is_an_error(self, tmp_path):
        with pytest.raises(errors.InputError, match="no JPEG"):
            compact_images.listed(tmp_path)

    def test_mixtures(self, crops):
        one, two = (compact_images.mixtures(crops, crops, 9, random(5)) for _ in range(2))
        assert one.shape == (9, 32, 32, 3)
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, two)

    def test_optimized_pictures_differ_from_their_start(self, crops, monkeypatch):
        monkeypatch.setattr(compact_images, "STYLE", ("conv1_1", "conv2_1"))
        monkeypatch.setattr(compact_images, "CONTENT", "conv2_2")
        monkeypatch.setattr(compact_images, "_SNAPSHOTS", (1, 3))
        network = small_network() | {f"{name}/head": np.eye(width, dtype=np.float32) for name, width in
                                     (("conv1_1", 6), ("conv2_1", 8), ("conv2_2", 8))}  # fmt: skip

        visited = compact_images.optimized(
            lambda image: compact_walk.heads(network, NAMES, image), crops, crops, 2, random()
        )
        assert visited.shape == (4, 32, 32, 3)
        assert not np.array_equal(visited[2], visited[3])


class TestPacked:
    def test_large_kernels_in_8_bits_the_rest_in_16(self):
        shape = (3, 3, 2, 4)
        network = {"conv1_1/kernel": np.ones(shape), "conv4_1/kernel": np.ones(shape), "conv4_1/head": np.eye(4)}
        arrays = compact.packed({name: value.astype(np.float32) for name, value in network.items()})
        assert {name: array.dtype.name for name, array in arrays.items()} == {
            "conv1_1/kernel": "float16",
            "conv4_1/kernel": "int8",
            "conv4_1/kernel_scale": "float32",
            "conv4_1/head": "float16",
        }

    def test_widths_are_multiples_of_16_of_known_layers(self):
        assert not any(width % 16 for width in compact.WIDTHS.values())
        assert [name for name in compact.LAYERS if name in compact.WIDTHS] == list(compact.WIDTHS)
