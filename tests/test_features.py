"""Loss networks against a forward pass in float64 NumPy."""

import functools
import math

import keras
import numpy as np
import pytest
import reference

from tfstyle import errors, features, weights

Arrays = dict[str, np.ndarray]


def layers_of(network: str) -> list[str]:
    return weights.BACKBONES[network].layers


def defaults(network: str) -> tuple[str, ...]:
    spec = weights.BACKBONES[network]
    return spec.content_layers + spec.style_layers


@functools.cache
def thin(network: str, width: int = 4) -> Arrays:
    """Random weights of a network with its own kernels' sizes and as few channels everywhere."""
    shapes = weights.shapes("vgg19" if network == "compact" else network)
    generator, before, arrays = np.random.default_rng(5), 3, {}
    for name in weights.BACKBONES[network].convolutions(layers_of(network)):
        size = shapes[name][0]
        arrays[f"{name}/kernel"] = generator.standard_normal((size, size, before, width)).astype(np.float32) / size**2
        arrays[f"{name}/bias"] = generator.uniform(0.1, 1, width).astype(np.float32)
        after_fire, inside = 2 * width, width
        before = {"expand1x1": inside, "expand3x3": after_fire}.get(name.partition("/")[2], width)
    return arrays


def run(model: keras.Model, image: np.ndarray) -> Arrays:
    return {name: keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")) for name, value in model(image).items()}


def convolutions(model: keras.Model) -> list[str]:
    return [layer.name.replace("-", "/") for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


# --------------------------------------------------------------------------------------- against NumPy, layer by layer


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_a_small_vgg_against_numpy(tiny_weights, photo, pooling):
    names = layers_of("vgg19")
    result = run(features.build("vgg19", names, tiny_weights, pooling=pooling), photo)
    expected = reference.vgg(photo[0].astype(np.float64), tiny_weights, pooling)
    assert list(result) == names == list(expected)
    for name in names:
        scale = np.abs(expected[name]).max()
        assert scale > 0
        np.testing.assert_allclose(result[name][0], expected[name], atol=1e-5 * scale, err_msg=name)


def test_average_pooling_is_the_default(tiny_weights, photo):
    default = run(features.build("vgg19", ["conv2_1"], tiny_weights), photo)["conv2_1"]
    average = run(features.build("vgg19", ["conv2_1"], tiny_weights, pooling="average"), photo)["conv2_1"]
    maximum = run(features.build("vgg19", ["conv2_1"], tiny_weights, pooling="max"), photo)["conv2_1"]
    np.testing.assert_array_equal(default, average)
    assert np.abs(default - maximum).max() > 1


def test_takes_rgb_and_subtracts_the_mean_of_imagenet():
    """A 1x1 network of the identity: BGR minus Caffe's mean, the negative cut off."""
    arrays = {"conv1_1/kernel": np.eye(3, dtype=np.float32)[None, None], "conv1_1/bias": np.zeros(3, np.float32)}
    image = np.float32([[[[200, 150, 100], [0, 255, 120]]]])
    result = run(features.build("vgg19", ["conv1_1"], arrays), image)["conv1_1"]
    expected = [[[[0, 150 - 116.779, 200 - 123.68], [120 - 103.939, 255 - 116.779, 0]]]]
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_alexnet_takes_rgb_in_units_of_deviations():
    kernel = np.zeros((11, 11, 3, 3), np.float32)
    kernel[5, 5] = np.eye(3)
    arrays = {"conv1/kernel": kernel, "conv1/bias": np.zeros(3, np.float32)}
    image = np.tile(np.float32([200, 150, 110]), (1, 25, 25, 1))
    result = run(features.build("alexnet", ["conv1"], arrays), image)["conv1"]
    expected = (np.array([200, 150, 110]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert result.shape == (1, 7, 7, 3)
    np.testing.assert_allclose(result[0, 3, 3], expected, rtol=1e-4)


def test_alexnet_against_numpy():
    arrays, image = thin("alexnet"), np.random.default_rng(0).uniform(0, 255, (45, 61, 3)).astype(np.float32)
    result = run(features.build("alexnet", layers_of("alexnet"), arrays), image[None])
    tensor = (image / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    for name in layers_of("alexnet"):
        kernel, bias = arrays[f"{name}/kernel"], arrays[f"{name}/bias"]
        padded = reference.padded(tensor, kernel.shape[0] // 2)
        tensor = np.maximum(reference.correlate(padded, kernel, bias, stride=4 if name == "conv1" else 1), 0)
        np.testing.assert_allclose(result[name][0], tensor, rtol=1e-3, atol=1e-4)
        if name in ("conv1", "conv2"):
            tensor = reference.pooled(tensor, "average", size=3)


def test_squeezenet_against_numpy():
    arrays, image = thin("squeezenet"), np.random.default_rng(0).uniform(0, 255, (35, 41, 3)).astype(np.float32)
    result = run(features.build("squeezenet", layers_of("squeezenet"), arrays), image[None])

    def conv(name, tensor, stride=1):
        kernel = arrays[f"{name}/kernel"]
        padded = reference.padded(tensor, kernel.shape[0] // 2)
        return np.maximum(reference.correlate(padded, kernel, arrays[f"{name}/bias"], stride), 0)

    tensor = conv("conv1", (image - reference.VGG_MEAN)[..., ::-1], stride=2)
    np.testing.assert_allclose(result["conv1"][0], tensor, rtol=1e-3, atol=1e-3)
    for index in range(2, 10):
        if index in (2, 4, 6):
            tensor = reference.pooled(tensor, "average", size=3)
        squeezed = conv(f"fire{index}/squeeze1x1", tensor)
        tensor = np.concatenate([conv(f"fire{index}/expand{size}", squeezed) for size in ("1x1", "3x3")], axis=-1)
        np.testing.assert_allclose(result[f"fire{index}"][0], tensor, rtol=1e-3, atol=1e-3)


def test_heads_are_applied_to_outputs_but_not_passed_on(tiny_weights, photo):
    head = np.random.default_rng(0).standard_normal((6, 6)).astype(np.float32)
    plain = run(features.build("vgg19", ["conv2_1", "conv2_2"], tiny_weights), photo)
    mixed = run(features.build("vgg19", ["conv2_1", "conv2_2"], {**tiny_weights, "conv2_1/head": head}), photo)
    np.testing.assert_allclose(mixed["conv2_1"], plain["conv2_1"] @ head, rtol=1e-3, atol=1e-2)
    np.testing.assert_array_equal(mixed["conv2_2"], plain["conv2_2"])


def test_heads_of_other_layers_are_left_out(tiny_weights):
    head = np.zeros((6, 6), np.float32)
    model = features.build("vgg19", ["conv3_1"], {**tiny_weights, "conv2_1/head": head})
    assert not any(name.endswith("/head") for name in convolutions(model))


def test_the_weights_given_are_not_changed(tiny_weights):
    before = {name: array.copy() for name, array in tiny_weights.items()}
    features.build("vgg19", ["conv5_4"], tiny_weights)
    for name, array in before.items():
        np.testing.assert_array_equal(tiny_weights[name], array)


# ------------------------------------------------------------------------------------------- what is built, and how far


@pytest.mark.parametrize("network", ["vgg19", "vgg16", "squeezenet", "alexnet"])
def test_published_shapes_build_and_run(network):
    spec = weights.BACKBONES[network]
    model = features.build(network, spec.content_layers, weights.random(network))
    (result,) = run(model, np.random.default_rng(0).uniform(0, 255, (1, 33, 47, 3)).astype(np.float32)).values()
    assert np.isfinite(result).all()
    assert result.std() > 0
    assert convolutions(model) == weights.BACKBONES[network].convolutions(spec.content_layers)
    last = weights.BACKBONES[network].convolutions(spec.content_layers)[-1]
    width = weights.shapes(network)[last][-1] * (2 if network == "squeezenet" else 1)
    assert result.shape[-1] == width


@pytest.mark.parametrize("network", weights.BACKBONES)
def test_the_network_ends_at_the_requested_layer(network):
    for name in layers_of(network)[1::4]:
        model = features.build(network, [name], thin(network))
        assert convolutions(model) == weights.BACKBONES[network].convolutions([name])
        assert list(model.output) == [name]


def test_one_entry_in_the_registry_is_a_new_backbone(tmp_path, monkeypatch):
    steps = (weights.Conv("first", 4, size=5, stride=2), weights.Pool(), weights.Fire("second", 2, 3))
    mini = weights.Backbone(steps, ("second",), ("first",), min_size=9, source=weights.BACKBONES["alexnet"].source)
    monkeypatch.setitem(weights.BACKBONES, "mini", mini)
    np.savez(tmp_path / "mini.npz", **weights.random("mini"))
    arrays = weights.load("mini", tmp_path / "mini.npz", ["second"])
    result = run(features.build("mini", ["first", "second"], arrays), np.full((1, 21, 13, 3), 90, np.float32))
    assert [value.shape for value in result.values()] == [(1, 11, 7, 4), (1, 5, 3, 6)]


NEEDED = [
    ("vgg19", ["conv1_1"], ["conv1_1"]),
    ("vgg19", ["conv2_1", "conv1_2"], ["conv1_1", "conv1_2", "conv2_1"]),
    ("alexnet", ["conv3", "conv1"], ["conv1", "conv2", "conv3"]),
    ("squeezenet", ["fire2"], ["conv1", "fire2/squeeze1x1", "fire2/expand1x1", "fire2/expand3x3"]),
    ("vgg16", [], []),
]


@pytest.mark.parametrize(("network", "names", "expected"), NEEDED)
def test_needed_are_the_convolutions_up_to_the_deepest_layer(network, names, expected):
    assert weights.BACKBONES[network].convolutions(names) == expected


@pytest.mark.parametrize(("network", "deepest", "count"), [("vgg19", "conv5_4", 16), ("vgg16", "conv5_3", 13)])
def test_the_vggs_have_as_many_convolutions_as_their_names_say(network, deepest, count):
    assert (
        len(weights.BACKBONES[network].convolutions([deepest])) == count == int(network[3:]) - 3
    )  # three more are fully connected


@pytest.mark.parametrize("network", [name for name in weights.BACKBONES if name != "compact"])
def test_the_whole_network_needs_exactly_the_published_convolutions(network):
    assert weights.BACKBONES[network].convolutions(layers_of(network)) == list(weights.shapes(network))


def test_only_needed_weights_are_required(tiny_weights):
    few = {
        f"{name}/{part}": tiny_weights[f"{name}/{part}"]
        for name in ("conv1_1", "conv1_2")
        for part in ("kernel", "bias")
    }
    assert list(features.build("vgg19", ["conv1_2"], few).output) == ["conv1_2"]


def test_outputs_come_in_the_requested_order_and_once(tiny_weights, photo):
    model = features.build("vgg19", ["conv3_1", "conv1_1", "conv3_1"], tiny_weights)
    assert list(model(photo)) == ["conv3_1", "conv1_1"]


def test_models_with_the_same_layers_coexist(tiny_weights, photo):
    first, second = (features.build("vgg19", ["conv1_1"], tiny_weights) for _ in range(2))
    np.testing.assert_array_equal(run(first, photo)["conv1_1"], run(second, photo)["conv1_1"])


def test_a_built_network_is_frozen_and_named(tiny_weights):
    model = features.build("vgg19", ["conv4_2"], tiny_weights)
    assert model.trainable_variables == []
    assert model.name == "vgg19"


@pytest.mark.parametrize("shape", [(1, 17, 31, 3), (3, 64, 16, 3), (2, 40, 41, 3)])
def test_shapes_at_odd_sizes_and_batches(tiny_weights, shape):
    result = run(features.build("vgg19", layers_of("vgg19"), tiny_weights), np.ones(shape, np.float32))
    for name, value in result.items():
        halvings = int(name[4]) - 1
        assert value.shape[:3] == (shape[0], shape[1] >> halvings, shape[2] >> halvings)


def test_bfloat16_is_close_to_float32(tiny_weights, photo):
    exact = run(features.build("vgg19", ["conv3_1"], tiny_weights), photo)["conv3_1"]
    model = features.build("vgg19", ["conv3_1"], tiny_weights, dtype="bfloat16")
    rough = run(model, photo)["conv3_1"]
    assert keras.backend.standardize_dtype(model(photo)["conv3_1"].dtype) == "bfloat16"
    assert np.mean((rough - exact) ** 2) / np.mean(exact**2) < 1e-3
    assert not np.array_equal(rough, exact)


# ------------------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("network", weights.BACKBONES)
@pytest.mark.parametrize("turned", [False, True])
def test_the_smallest_picture_gives_features(network, turned):
    model, minimum = features.build(network, defaults(network), thin(network)), weights.BACKBONES[network].min_size
    shape = (1, 2 * minimum, minimum, 3) if turned else (1, minimum, 2 * minimum, 3)
    for name, value in run(model, np.full(shape, 200, np.float32)).items():
        assert value.size > 0, name
        assert np.isfinite(value).all(), name


@pytest.mark.parametrize("network", weights.BACKBONES)
def test_one_pixel_less_gives_none(network):
    model, side = features.build(network, defaults(network), thin(network)), weights.BACKBONES[network].min_size - 1
    try:
        result = run(model, np.full((1, side, side, 3), 200, np.float32))
    except Exception as error:
        assert "InvalidArgument" in type(error).__name__  # noqa: PT017
    else:
        assert any(value.size == 0 for value in result.values())


@pytest.mark.parametrize("network", weights.BACKBONES)
def test_default_layers_exist(network):
    features.check_layers(network, defaults(network))
    assert set(defaults(network)) <= set(layers_of(network))


@pytest.mark.parametrize("function", [features.check_layers, lambda net, names: features.build(net, names, {})])
@pytest.mark.parametrize(
    ("network", "name", "offered"),
    [
        ("vgg", "conv1_1", "vgg19"),
        ("vgg16", "conv3_4", "conv3_3"),
        ("vgg19", "pool1", "conv1_1"),
        ("alexnet", "", "conv5"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(function, network, name, offered):
    with pytest.raises(errors.InputError) as caught:
        function(network, [name])
    message = str(caught.value)
    assert offered in message
    assert repr(network if network == "vgg" else name) in message
    assert "\n" not in message


def test_unknown_pooling_is_refused(tiny_weights):
    with pytest.raises(errors.InputError, match="average or max"):
        features.build("vgg19", ["conv2_1"], tiny_weights, pooling="avg")


# ------------------------------------------------------------------------------------------------------------- memory


def test_memory_counts_every_layer_of_a_small_network():
    arrays = {"conv1_1/kernel": np.zeros((3, 3, 3, 5), np.float32), "conv1_1/bias": np.zeros(5, np.float32)}
    model = features.build("vgg19", ["conv1_1"], arrays)
    values = 8 * 10 * 3 + 10 * 12 * 3 + 8 * 10 * 5  # the image; mirrored; features
    assert features.memory(model, 8, 10) == values * features._BYTES_PER_VALUE


def test_memory_grows_with_the_picture_and_the_depth(tiny_weights):
    shallow, deep = (features.build("vgg19", [name], tiny_weights) for name in ("conv1_2", "conv5_1"))
    assert features.memory(shallow, 64, 64) < features.memory(deep, 64, 64)
    assert features.memory(deep, 64, 96) == features.memory(deep, 96, 64)
    ratio = features.memory(deep, 512, 512) / features.memory(deep, 256, 256)
    assert 3.9 < ratio < 4.0  # margins grow with the side only
    outputs = sum(math.prod(value.shape) for value in deep(np.zeros((1, 64, 64, 3), np.float32)).values())
    assert features.memory(deep, 64, 64) > 4 * outputs


# ---------------------------------------------------------------------------------------------------------- no frame


@pytest.mark.parametrize("network", weights.BACKBONES)
def test_the_first_layer_sees_no_edge_around_one_color(network):
    """Why the image is mirrored: with zero padding, a network sees a frame around the picture."""
    name = weights.BACKBONES[network].style_layers[0]
    value = run(features.build(network, [name], thin(network)), np.full((1, 40, 56, 3), 90, np.float32))[name]
    center = value[:, value.shape[1] // 2, value.shape[2] // 2]
    np.testing.assert_allclose(value, np.broadcast_to(center, value.shape), rtol=1e-4, atol=1e-5)
    assert center.max() > 0


# ------------------------------------------------------------------------------------------ the network in the package


@pytest.fixture(scope="module")
def compact() -> Arrays:
    return weights.load("compact")


def test_the_packaged_network_sees_differences(compact):
    model = features.build("compact", defaults("compact"), compact)
    one, other = (np.random.default_rng(seed).uniform(0, 255, (1, 33, 47, 3)).astype(np.float32) for seed in (0, 1))
    first, second = run(model, one), run(model, other)
    assert list(first) == list(dict.fromkeys(defaults("compact")))
    for name, value in first.items():
        assert np.isfinite(value).all(), name
        assert np.mean((value - second[name]) ** 2) > 0, name


# ------------------------------------------------------------------------------------------------- the real weights


def test_the_real_vgg19_against_numpy(vgg19_weights, photo):
    names = ["conv1_1", "conv2_1", "conv3_1"]
    arrays = weights.load("vgg19", vgg19_weights, weights.BACKBONES["vgg19"].convolutions(names))
    used = {
        key: array
        for key, array in arrays.items()
        if key.split("/")[0] in weights.BACKBONES["vgg19"].convolutions(names)
    }
    result = run(features.build("vgg19", names, arrays), photo)
    expected = reference.vgg(photo[0].astype(np.float64), used)
    for name in names:
        np.testing.assert_allclose(result[name][0], expected[name], atol=1e-4 * expected[name].max())
