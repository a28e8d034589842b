"""Transformation networks: size, range, borders, number formats."""

import keras
import numpy as np
import pytest
import runs

from tfstyle import errors, layers, stylebook, stylizer
from tfstyle.transform import networks


@pytest.fixture(scope="module", params=networks.NETWORKS)
def network(request):
    return runs.shaken(networks.build(request.param))


def noise(height, width, batch=1):
    return np.random.default_rng(height * width).uniform(0, 255, (batch, height, width, 3)).astype(np.float32)


def test_johnson_has_the_papers_weights():
    """Supplementary table 1: 9x9 to 32, two strided 3x3, five blocks of two 3x3 at 128, two 3x3 up, 9x9 to RGB."""
    convolutions = 81 * 3 * 32 + 9 * 32 * 64 + 9 * 64 * 128 + 10 * 9 * 128 * 128 + 9 * 128 * 64 + 9 * 64 * 32
    norms = 2 * (32 + 64 + 128 + 10 * 128 + 64 + 32)
    colours = 81 * 32 * 3 + 3
    assert convolutions + norms + colours == 1_677_635
    assert networks.build("johnson").count_params() == 1_677_635


def test_realtime_has_a_fifth_of_them_at_most():
    assert networks.build("realtime").count_params() < 1_677_635 / 5


def test_every_weight_is_trained(network):
    assert len(network.trainable_variables) == len(network.variables)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (5, 3), (33, 70), (64, 64)])
def test_the_same_size_comes_out_and_colours_stay_in_range(network, height, width):
    painted = network(noise(height, width, batch=2)).numpy()
    assert painted.shape == (2, height, width, 3)
    assert painted.dtype == np.float32
    assert painted.min() >= 0
    assert painted.max() <= 255
    assert np.isfinite(painted).all()


def test_the_whole_range_can_be_painted():
    network = runs.shaken(networks.build("realtime"))
    biases = [variable for variable in network.variables if variable.name == "bias"]
    for value, level in ((-100, 0), (100, 255)):
        biases[-1].assign(np.full(biases[-1].shape, value))
        np.testing.assert_allclose(network(noise(8, 8)), level, atol=1e-3)


def test_a_grey_photo_has_no_grid(network):
    """Normalisation takes the last bits of a flat map for detail, if they are not all the same."""
    painted = network(np.full((1, 128, 128, 3), 128, np.float32)).numpy()
    assert np.ptp(painted, axis=(1, 2)).max() < 0.5


def test_a_new_network_paints_grey():
    """Sigmoids have no gradient at their ends: training must start between them."""
    for name in networks.NETWORKS:
        keras.utils.set_random_seed(0)
        painted = networks.build(name)(noise(32, 32)).numpy()
        assert np.abs(painted - 127.5).max() < 100, name


@pytest.mark.parametrize(("height", "width"), [(4, 4), (33, 70)])
def test_a_constant_picture_stays_constant(network, height, width):
    """Nothing marks the border: it is mirrored in every layer."""
    image = np.broadcast_to(np.float32([200, 100, 30]), (1, height, width, 3))
    painted = network(np.ascontiguousarray(image)).numpy()
    assert np.ptp(painted, axis=(1, 2)).max() < 0.05


def test_pictures_of_a_batch_do_not_see_each_other(network):
    batch = noise(20, 24, batch=2)
    alone = np.concatenate([network(batch[:1]), network(batch[1:])])
    np.testing.assert_allclose(network(batch), alone, atol=0.05)


def test_a_picture_of_fitting_size_needs_no_padding(network):
    image = noise(24, 32)
    plain = networks.build(network.name, any_size=False)
    plain.set_weights(network.get_weights())
    np.testing.assert_allclose(plain(image), network(image), atol=0.01)
    assert not [layer for layer in plain.layers if isinstance(layer, layers.PadToMultiple | layers.Crop)]


def test_an_odd_size_is_mirrored_to_a_fitting_one(network):
    image = noise(21, 35)
    margins = [(0, -side % networks.MULTIPLE) for side in (21, 35)]
    padded = np.pad(image, ((0, 0), *margins, (0, 0)), "symmetric")
    np.testing.assert_allclose(network(image), network(padded)[:, :21, :35], atol=0.01)


def test_bfloat16_paints_nearly_the_same(network):
    image = noise(48, 64)
    narrow = networks.build(network.name, dtype="mixed_bfloat16")
    narrow.set_weights(network.get_weights())
    painted, exact = narrow(image).numpy(), network(image).numpy()
    assert painted.dtype == np.float32
    assert {variable.dtype for variable in narrow.variables} == {"float32"}
    difference = np.abs(painted - exact)
    assert 0 < difference.mean() < 3
    assert exact.std() > 20  # Or the comparison would say nothing.


def test_another_norm_takes_the_same_place():
    class Other(layers.InstanceNorm):
        pass

    built = networks.build("realtime", layer_classes=networks.LayerClasses(norm=Other))
    kinds = {type(layer) for layer in built.layers if isinstance(layer, layers.InstanceNorm)}
    assert kinds == {Other}


def test_weights_are_drawn_from_keras_seed():
    def weights():
        keras.utils.set_random_seed(3)
        return networks.build("realtime").get_weights()

    for one, other in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_unknown_network():
    with pytest.raises(errors.InputError, match="unknown network 'vgg19': choose one of realtime, johnson"):
        networks.build("vgg19")


@pytest.mark.parametrize("name", ["starry_night", "scream_johnson"])
def test_shipped_weights_load(name):
    """The stored weights fit the architecture, and the exported file stylizes as the network that they belong to."""
    folder = stylebook.find(name)
    network = networks.build("johnson" if name.endswith("johnson") else "realtime")
    network.load_weights(folder.weights)
    image = noise(64, 64)
    exported = stylizer.Stylizer(folder, runtime="litert")(image[0].astype(np.uint8)).astype(np.float32)
    stylized = network(image.astype(np.uint8).astype(np.float32)).numpy()[0]
    assert np.percentile(np.abs(exported - stylized), 99) < 1
