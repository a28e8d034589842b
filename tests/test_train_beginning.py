"""Joint training of several paintings: which weights belong to which style, extraction, interruption."""

import h5py
import keras
import numpy as np
import pytest
import runs

from tfstyle import checkpoints, config, features, images, layers, perceptual, stylebook
from tfstyle import training as trainings
from tfstyle.training import data, trainer
from tfstyle.transform import networks
from train import beginning, recipes

pytestmark = pytest.mark.slow  # Recipes are for maintainers.

STYLE_LAYERS = ("conv1_1", "conv2_1")


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """The training's file, never the real one."""
    monkeypatch.setattr(beginning, "FILE", tmp_path / "beginning.weights.h5")
    return beginning.FILE


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class TestNormOfEach:
    def test_picture_by_picture_it_is_the_plain_one(self):
        joint, batch = beginning.norm_for(3)(), random(3, 6, 5, 4)
        joint.build((None, None, None, 4))
        scales, offsets = random(3, 1, 1, 4, seed=1), random(3, 1, 1, 4, seed=2)
        joint.set_weights([scales, offsets])
        for place, result in enumerate(joint(batch)):
            plain = layers.InstanceNorm()
            plain.build((None, None, None, 4))
            plain.set_weights([scales[place, 0, 0], offsets[place, 0, 0]])
            np.testing.assert_allclose(result, plain(batch[place : place + 1])[0], atol=1e-5)

    def test_a_new_one_treats_all_alike(self):
        picture = random(1, 6, 5, 4)
        joint = beginning.norm_for(2)()(np.concatenate([picture, picture]))
        np.testing.assert_allclose(joint, np.repeat(layers.InstanceNorm()(picture), 2, axis=0), atol=1e-6)


@pytest.fixture
def model(tiny_weights):
    return features.build("vgg19", ("conv2_2", *STYLE_LAYERS), tiny_weights)


class TestSeveral:
    @pytest.fixture
    def paintings(self):
        return [stylebook.Painting(runs.painting(70, 90, seed=seed)) for seed in (2, 3)]

    def test_grams_lie_one_above_the_other(self, model, paintings):
        grams = beginning.Several(paintings).grams(model, 64, STYLE_LAYERS)
        assert set(grams) == set(STYLE_LAYERS)
        for place, painting in enumerate(paintings):
            for layer, expected in painting.grams(model, 64, STYLE_LAYERS).items():
                np.testing.assert_array_equal(grams[layer][place], expected)

    @pytest.mark.usefixtures("tiny_networks")
    def test_a_picture_is_compared_to_its_own_style(self, model, paintings):
        """The batch's loss is the mean of what each picture's loss is for its painting alone."""
        network = runs.shaken(networks.build("realtime"))
        objective = perceptual.Objective({"conv2_2": 1.0}, dict.fromkeys(STYLE_LAYERS, 3.0))

        def loss(style, batch):
            made = trainer.StyleTrainer(network, trainer.Target(model, objective, style.grams(model, 64, STYLE_LAYERS)))
            made.compile(jit_compile=False)
            return made.evaluate(batch, verbose=0, return_dict=True)

        batch = np.stack([runs.photo(64, 64, seed=seed).rgb for seed in (0, 1)])
        alone = [loss(style, batch[place : place + 1]) for place, style in enumerate(paintings)]
        together, crossed = loss(beginning.Several(paintings), batch), loss(beginning.Several(paintings[::-1]), batch)
        expected = {name: (alone[0][name] + alone[1][name]) / 2 for name in alone[0]}
        assert together == pytest.approx(expected, rel=1e-4)
        assert crossed["style"] != pytest.approx(expected["style"], rel=1e-3)


def test_an_extracted_network_paints_like_the_joint_one(file, tmp_path):
    joint = runs.shaken(networks.build("realtime", layer_classes=networks.LayerClasses(beginning.norm_for(3))))
    joint.save_weights(file)
    photo = runs.photo(32, 40).rgb
    painted = joint(np.stack([photo] * 3)).numpy()
    for place in (0, 2):
        result = tmp_path / "new" / f"{place}.weights.h5"
        beginning.extract(file, place, 3, result)
        one = networks.build("realtime")
        one.load_weights(result)
        np.testing.assert_allclose(one(photo[None])[0], painted[place], atol=0.05)
        assert np.abs(painted[place] - painted[1]).mean() > 5


def weights_of(file):
    """All arrays of a weights file, bit by bit."""
    found = {}
    with h5py.File(file) as opened:
        opened.visititems(lambda name, item: found.update({name: item[()].tobytes()} if hasattr(item, "shape") else {}))
    return found


@pytest.fixture
def train(folder, tiny_networks):
    """Trains a small network on two drawn paintings and reports after each step; returns the steps."""
    tiny_networks.setattr(trainings.Training, "REPORT_EVERY", 1)
    photos = data.open_photos(str(runs.folder_of_photos(folder / "photos")))
    names = ["one.png", "two.png"]
    for seed, name in enumerate(names):
        images.save_image(name, runs.painting(70, 90, seed=seed))
    loss = {"content_layers": "conv2_2", "style_layers": ",".join(STYLE_LAYERS)}
    settings = config.TrainingSettings(
        steps=3, batch=2, crop=64, style_size=64, finish=0, precision="float32", seed=5, **loss
    )

    def training(names=names, *, resume=False, until=2):
        keras.utils.set_random_seed(99)  # A new process may have any.
        return (each.step for each in beginning.train(names, settings, photos, until, resume=resume))

    return training


@pytest.mark.slow
class TestTrain:
    def test_resumed_is_uninterrupted(self, train, file):
        for step in train():
            assert step == 1
            break
        assert not file.exists()
        assert checkpoints.load(file)[1]["step"] == 1
        assert list(train(resume=True)) == [2]
        assert checkpoints.load(file) is None
        resumed = weights_of(file)
        assert list(train()) == [1, 2]
        assert weights_of(file) == resumed

        joint = networks.build("realtime", layer_classes=networks.LayerClasses(beginning.norm_for(2)))
        joint.load_weights(file)
        scales = [weight for weight in joint.weights if weight.name == "gamma"]
        assert all(np.abs(scale[0] - scale[1]).max() > 0 for scale in scales)  # Each style has learned its own.

    def test_another_trainings_checkpoint_is_ignored(self, train, file):
        checkpoints.save(file, {"styles": ["two.png", "one.png"], "settings": {}}, {"step": np.array(2)})
        assert list(train(resume=True, until=1)) == [1]


def test_the_command_line_has_one_photo_for_each_style(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(beginning, "train", lambda *given, **named: seen.append((*given, named)) or [])
    photos = runs.folder_of_photos(tmp_path / "photos")
    monkeypatch.setattr("sys.argv", ["beginning", "--data", str(photos), "--steps", "9", "--until", "7", "--resume"])
    beginning.main()
    ((names, settings, opened, until, named),) = seen
    assert names == recipes.PAINTINGS
    assert (settings.batch, settings.steps, settings.finish) == (len(recipes.PAINTINGS), 9, 0)
    assert (len(opened), until, named) == (4, 7, {"resume": True})
