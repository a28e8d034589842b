"""The trainer: its loss, what belongs to it and what does not; on several devices, on another backend."""

import csv
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import drawn
import h5py
import keras
import numpy as np
import pytest
import runs
import tensorflow as tf

from tfstyle import features, losses, perceptual
from tfstyle.training import trainer
from tfstyle.transform import networks

LAYERS = ("conv2_2", "conv1_1", "conv2_1")
OBJECTIVE = perceptual.Objective({"conv2_2": 1.0}, {"conv1_1": 3.0, "conv2_1": 5.0}, variation=0.5)
SIZE, RATE = 32, 1e-3


GRID = 3000.0


@pytest.fixture(scope="module")
def model(tiny_weights):
    return features.build("vgg19", LAYERS, tiny_weights)


@pytest.fixture(scope="module")
def grams(model, painting):
    return {name: np.asarray(gram)[0] for name, gram in perceptual.style_grams(model, painting, LAYERS[1:]).items()}


@pytest.fixture
def train(model, grams, monkeypatch):
    """A trainer of a new network with the same weights every time; eager, because tracing takes longer than a step."""
    monkeypatch.setitem(networks.NETWORKS, "realtime", runs.small_body)

    def make(objective=OBJECTIVE, optimizer=None, *, run_eagerly=True, **weights):
        network = runs.shaken(networks.build("realtime"))
        made = trainer.StyleTrainer(network, trainer.Target(model, objective, grams, GRID, **weights))
        made.compile(optimizer or keras.optimizers.SGD(RATE), jit_compile=False, run_eagerly=run_eagerly)
        return made

    return make


@pytest.fixture(scope="module")
def batch():
    return np.stack([drawn.photo(SIZE, SIZE, seed) for seed in range(3)]).astype(np.float32)


def expected_parts(made, model, objective, grams, batch):
    """The weighted terms, picture by picture, averaged."""
    sums = dict.fromkeys(("content", "style", "variation", "grid"), 0.0)
    for photo in batch[:, None]:
        targets = perceptual.content_targets(model, photo, list(objective.content))
        terms = perceptual.PerceptualLoss(model, objective, targets, grams).terms(made.network(photo))
        numbers = {name: float(value) for name, value in terms.items()}
        for kind, value in perceptual.summary(numbers, objective).items():
            sums[kind] += value / len(batch)
        sums["grid"] += GRID * float(losses.grid(made.network(photo))) / len(batch)
    return sums


def own_loss(network, batch):
    """What the network itself adds."""
    network(batch)
    (value,) = network.losses
    return float(value)


class TestLoss:
    def test_is_the_perceptual_loss_of_each_picture(self, train, model, grams, batch):
        made = train()
        made.network.variables[-1].assign(np.full(3, 6.0))  # So bright that the network restrains itself.
        expected = expected_parts(made, model, OBJECTIVE, grams, batch)
        own = own_loss(made.network, batch)
        assert own > 1e-3 * sum(expected.values())
        found = made.train_on_batch(batch, return_dict=True)
        assert found.pop("loss") == pytest.approx(sum(expected.values()) + own, rel=1e-4)
        assert found == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize(
        "objective",
        [
            perceptual.Objective({"conv2_2": 4.0}, {}),
            perceptual.Objective({}, {"conv1_1": 1.0}, variation=2.0),
            perceptual.Objective({}, {"conv2_1": 7.0}),
        ],
        ids=["content", "style and variation", "style"],
    )
    def test_with_parts_left_out(self, train, model, grams, batch, *, objective):
        made = train(objective)
        expected = expected_parts(made, model, objective, grams, batch)
        own = own_loss(made.network, batch)
        found = made.train_on_batch(batch, return_dict=True)
        assert found.pop("loss") == pytest.approx(sum(expected.values()) + own, rel=1e-4)
        assert found == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize(("kind", "weight"), [("border", 20.0), ("stability", 1e5)])
    def test_a_disturbed_photo_counts_as_far_as_that_changes_its_picture(
        self, train, model, grams, batch, *, kind, weight
    ):
        """A border around the middle of all photos; noise of two grey levels in the first."""
        made, first = train(**{kind: weight}), batch[:1]
        whole, middle = (np.asarray(made.network(photos)) for photos in (batch, batch[:, 4:-4, 4:-4]))
        noise = np.random.default_rng(0).uniform(-2, 2, first.shape).astype(np.float32)
        noisy = np.asarray(made.network(first + noise))
        pictures = {"border": (middle, whole[:, 4:-4, 4:-4]), "stability": (noisy, whole[:1])}[kind]
        expected = expected_parts(made, model, OBJECTIVE, grams, batch)
        expected[kind] = weight * np.square(np.subtract(*pictures)).mean() / 255**2
        assert expected[kind] > 0.1
        found = made.train_on_batch(batch, return_dict=True)
        assert found["loss"] == pytest.approx(sum(expected.values()), rel=1e-2)  # And what the network itself adds.
        assert found[kind] == pytest.approx(expected[kind], rel=1e-3)

    def test_weave_counts_on_the_photos_and_on_a_smooth_picture(self, train):
        photos = np.stack([drawn.photo(64, 64, seed) for seed in range(2)]).astype(np.float32)
        made = train(weave=0.01)
        means = photos[:1].reshape(1, 4, 16, 4, 16, 3).mean((2, 4))
        smooth = keras.ops.image.resize(means, (64, 64), "bicubic")
        smooth += np.random.default_rng(0).normal(0, 1, (1, 64, 64, 3)).astype(np.float32)
        expected = 0.01 * sum(float(losses.weave(made.network(each))) for each in (photos, smooth))
        assert expected > 0
        assert made.train_on_batch(photos, return_dict=True)["weave"] == pytest.approx(expected, rel=1e-2)

    @pytest.mark.parametrize("kind", ["border", "stability"])
    def test_the_disturbed_picture_is_to_change_not_the_other(self, train, batch, kind):
        made, painted = train(**{kind: 20.0}), tf.Variable(batch)
        with tf.GradientTape() as tape:
            difference = getattr(made, f"_{kind}")(tf.constant(batch), painted)
        gradients = tape.gradient(difference, [painted, made.network.trainable_variables[0]])
        assert gradients[0] is None
        assert np.abs(gradients[1]).max() > 0

    def test_a_grid_counts_where_a_whole_tile_is_seen(self, train, model, grams):
        made, photos = train(), np.stack([drawn.photo(64, 64, seed) for seed in range(2)]).astype(np.float32)
        expected = expected_parts(made, model, OBJECTIVE, grams, photos)
        assert expected["grid"] > 0
        assert made.train_on_batch(photos, return_dict=True)["grid"] == pytest.approx(expected["grid"], rel=1e-3)

    def test_its_gradient_moves_the_weights(self, train, model, grams, batch):
        """One step of SGD against a step by hand, with the gradient of the loss written out here."""
        made, other = train(), train()
        with tf.GradientTape() as tape:
            targets = perceptual.content_targets(model, batch, list(OBJECTIVE.content))
            loss = perceptual.PerceptualLoss(model, OBJECTIVE, targets, grams)
            painted = other.network(batch)
            value = loss.total(loss.terms(painted)) + GRID * losses.grid(painted) + other.network.losses[0]
        variables = other.network.trainable_variables
        gradients = tape.gradient(value, [variable.value for variable in variables])
        made.train_on_batch(batch)
        for ours, before, gradient in zip(made.network.trainable_variables, variables, gradients, strict=True):
            np.testing.assert_allclose(ours, before - RATE * gradient, rtol=1e-3, atol=1e-5)

    @pytest.mark.slow
    def test_training_lessens_it(self, train, batch):
        history = (
            train(optimizer=keras.optimizers.Adam(1e-3), run_eagerly=False)
            .fit(batch, batch_size=3, epochs=6, verbose=0)
            .history
        )
        assert history["loss"][-1] < 0.9 * history["loss"][0]


class TestWhatBelongsToIt:
    def test_the_loss_network_does_not(self, train, model):
        made = train()
        others = {id(variable) for variable in model.variables}
        assert others.isdisjoint(id(variable) for variable in made.variables)
        names = {variable.path for variable in made.variables} - {variable.path for variable in made.network.variables}
        assert not [name for name in names if "conv" in name]
        assert made.trainable_variables == made.network.trainable_variables

    def test_nor_is_it_saved(self, train, batch, tmp_path):
        made = train()
        made.train_on_batch(batch)
        made.save_weights(tmp_path / "it.weights.h5")
        saved = []
        with h5py.File(tmp_path / "it.weights.h5") as file:
            file.visititems(lambda _, item: saved.append(item.size) if isinstance(item, h5py.Dataset) else None)
        means = 2 * len(made.metrics)  # Total and count of each.
        slots = made.optimizer.variables  # Iterations and learning rate.
        assert sum(saved) <= made.network.count_params() + means + len(slots)
        assert sum(saved) >= made.network.count_params()

    def test_saved_weights_come_back(self, train, batch, tmp_path):
        made = train()
        made.train_on_batch(batch)
        made.save_weights(tmp_path / "it.weights.h5")
        again = train()
        again.train_on_batch(batch[:1])
        again.load_weights(tmp_path / "it.weights.h5")
        for one, other in zip(made.network.get_weights(), again.network.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_it_paints_with_the_network(self, train, batch):
        made = train()
        np.testing.assert_array_equal(made(batch), made.network(batch))
        np.testing.assert_allclose(made.predict(batch, verbose=0), made.network(batch), atol=0.01)


class TestFit:
    @pytest.mark.slow
    def test_plain_fit_with_keras_own_callbacks(self, train, batch, tmp_path):
        made, steps = train(run_eagerly=False), []
        callbacks = [
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True),
            keras.callbacks.LearningRateScheduler(lambda epoch: 1e-3 / (epoch + 1)),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: steps.append((step, *logs))),
        ]
        history = made.fit(batch, batch_size=1, epochs=2, callbacks=callbacks, verbose=0).history
        assert [step for step, *_ in steps] == [0, 1, 2, 0, 1, 2]
        rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
        for name in ("content", "grid", "loss", "style", "variation"):
            assert [float(row[name]) for row in rows] == pytest.approx(history[name])
        for row in rows:
            parts = sum(float(row[name]) for name in ("content", "style", "variation"))
            assert parts == pytest.approx(float(row["loss"]), rel=1e-3)
        assert {file.name for file in tmp_path.iterdir()} == {"log.csv", "1.weights.h5", "2.weights.h5"}

    def test_evaluation_changes_nothing(self, train, batch):
        made = train()
        before = made.network.get_weights()
        found = made.evaluate(batch, batch_size=3, verbose=0, return_dict=True)
        assert found == pytest.approx(made.train_on_batch(batch, return_dict=True), rel=1e-4)
        assert all((one == other).all() for one, other in zip(before, train().network.get_weights(), strict=True))


# ---------------------------------------------------------------------------------------- in processes of their own

_TRAINED = """
import contextlib, json, sys
import numpy as np
from tfstyle import runtime
{start}
from tfstyle.runtime import keras
import runs
from tfstyle import features, losses, perceptual
from tfstyle.training import trainer
from tfstyle.transform import networks
for name in networks.NETWORKS:
    networks.build(name)
networks.NETWORKS["realtime"] = runs.small_body
given, result = np.load(sys.argv[1]), sys.argv[2]
layers = json.loads(sys.argv[3])
model = features.build("vgg19", layers, {{name[4:]: given[name] for name in given.files if name.startswith("vgg/")}})
grams = {{name[5:]: given[name] for name in given.files if name.startswith("gram/")}}
objective = perceptual.Objective({{"conv2_2": 1.0}}, {{"conv1_1": 3.0, "conv2_1": 5.0}}, variation=0.5)

def trained():
    with scope():
        network = networks.build("realtime")
        network.set_weights([given[f"weight/{{index}}"] for index in range(len(network.weights))])
        made = trainer.StyleTrainer(network, trainer.Target(model, objective, grams, {grid}))
        made.compile(optimizer=keras.optimizers.SGD({rate}), jit_compile={jit})
    history = made.fit({photos}, epochs=2, shuffle=False, verbose=0).history
    return history["loss"], network.get_weights()

{end}
losses, weights = trained()
np.savez(result, *weights, losses=losses)
print(keras.backend.backend(), "tensorflow" in sys.modules)
"""

_TWO_DEVICES = {
    "jit": "False",
    "start": """
runtime.import_tensorflow()
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
""",
    "photos": "tf.data.Dataset.from_tensor_slices(given['photos']).batch(2)",
    "end": """
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
scope = strategy.scope
""",
}
_JAX = {"jit": "True", "start": "", "photos": "given['photos'], batch_size=2", "end": "scope = contextlib.nullcontext"}


@pytest.fixture
def elsewhere(train, tiny_weights, grams, batch, tmp_path):
    """Trains two steps in a new process and, for comparison, in this one; returns losses and weights of both."""

    def compare(parts, **environment):
        made, photos = train(run_eagerly=False), np.concatenate([batch, batch[:1, ::-1]])
        arrays = {f"weight/{index}": weight for index, weight in enumerate(made.network.get_weights())}
        arrays |= {f"vgg/{name}": value for name, value in tiny_weights.items()}
        arrays |= {f"gram/{name}": value for name, value in grams.items()}
        np.savez(tmp_path / "given.npz", photos=photos, **arrays)
        command = [
            sys.executable,
            "-c",
            _TRAINED.format(rate=RATE, grid=GRID, **parts),
            "given.npz",
            "result.npz",
            json.dumps(LAYERS),
        ]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent), **environment},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        history = made.fit(photos, batch_size=2, epochs=2, shuffle=False, verbose=0).history
        result = np.load(tmp_path / "result.npz")
        weights = [result[name] for name in result.files if name != "losses"]
        return done.stdout.strip(), (result["losses"], weights), (history["loss"], made.network.get_weights())

    return compare


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two devices", "jax"])
def test_trains_alike_elsewhere(elsewhere, train, kind):
    """A batch of two against one picture on each of two devices; TensorFlow against JAX."""
    if kind == "jax" and not importlib.util.find_spec("jax"):
        pytest.skip("jax is not installed")
    if kind == "jax":
        said, ours, expected = elsewhere(_JAX, TFSTYLE_BACKEND="jax")
        assert said == "jax False"
    else:
        said, ours, expected = elsewhere(_TWO_DEVICES)
        assert said == "tensorflow True"
    assert list(ours[0]) == pytest.approx(expected[0], rel=1e-4)
    start = train().network.get_weights()
    for weight, other, before in zip(ours[1], expected[1], start, strict=True):
        change = np.abs(other - before).max()
        assert change > 0 or weight.ndim == 1  # An offset before another normalisation changes nothing.
        assert np.abs(weight - other).max() < 0.01 * change + 1e-6
