"""The published layouts of each backbone's weights, written here and read back in one form."""

import importlib

import h5py
import numpy as np
import pytest
import safetensors.numpy
import torchwriter

from tfstyle import errors, weights
from tfstyle.weights import layer_names, layouts

# Only a few layers of the VGGs, whose files would be large; SqueezeNet and AlexNet are read completely.
SOME = {
    "vgg19": ["conv1_1", "conv1_2", "conv2_1"],
    "vgg16": ["conv1_1", "conv1_2", "conv2_1"],
    "alexnet": None,
    "squeezenet": None,
}
EVERY = pytest.mark.parametrize("network", list(SOME))


def some(network):
    """Random weights of the layers above."""
    generator = np.random.default_rng(1)
    arrays = {}
    for layer in SOME[network] or weights.shapes(network):
        shape = weights.shapes(network)[layer]
        arrays[f"{layer}/kernel"] = generator.standard_normal(shape, np.float32)
        arrays[f"{layer}/bias"] = generator.standard_normal(shape[3], np.float32)
    return arrays


def keras_name(layer):
    return layer.replace("conv", "block").replace("_", "_conv")  # conv1_2: block1_conv2


def torch_names(network):
    """Each layer's number in torchvision's `features`, by building the list of modules as torchvision does."""
    if network == "alexnet":
        modules = ["conv1", "relu", "pool", "conv2", "relu", "pool", "conv3", "relu", "conv4", "relu", "conv5"]
    elif network == "squeezenet":
        modules = ["conv1", "relu", "pool", "fire2", "fire3", "pool", "fire4", "fire5", "pool"]
        modules += ["fire6", "fire7", "fire8", "fire9"]
    else:
        counts = [2, 2, 3, 3, 3] if network == "vgg16" else [2, 2, 4, 4, 4]
        blocks = [[f"conv{b}_{i + 1}" for i in range(count)] for b, count in enumerate(counts, start=1)]
        modules = []
        for block in blocks:
            modules += [module for name in block for module in (name, "relu")] + ["pool"]
    return {module: f"features.{i}" for i, module in enumerate(modules)}


def torch_arrays(network, arrays):
    """A torchvision state dict of the same kernels."""
    names = torch_names(network)
    state = {}
    for name, array in arrays.items():
        layer, _, part = name.rpartition("/")
        module, _, rest = layer.partition("/")
        theirs = names[module] + (f".{rest.replace('squeeze1x1', 'squeeze')}" if rest else "")
        turned = np.ascontiguousarray(array.transpose(3, 2, 0, 1)) if part == "kernel" else array
        state[f"{theirs}.{'weight' if part == 'kernel' else part}"] = turned
    return state


def assert_same(read, written, *, but=()):
    assert set(read) == set(written)
    for name, array in written.items():
        assert read[name].dtype == np.float32
        if name not in but:
            np.testing.assert_array_equal(read[name], array, err_msg=name)


def refused(network, path, *parts, layers=None):
    with pytest.raises(errors.InputError) as caught:
        layouts.read(network, path, layers)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    for part in parts:
        assert part in message, message


# ----------------------------------------------------------------------------------------------------------- tables


def test_shapes_of_vgg19():
    table = weights.shapes("vgg19")
    assert len(table) == 16
    assert list(table)[:3] == ["conv1_1", "conv1_2", "conv2_1"]
    assert table["conv1_1"] == (3, 3, 3, 64)
    assert table["conv3_1"] == (3, 3, 128, 256)
    assert table["conv5_4"] == (3, 3, 512, 512)


@pytest.mark.parametrize(
    ("network", "count"),
    [  # published numbers of parameters without top: keras.applications' summaries; torchvision's alexnet.features
        ("vgg19", 20_024_384),
        ("vgg16", 14_714_688),
        ("alexnet", 2_469_696),
        ("squeezenet", 722_496),
    ],
)
def test_numbers_of_parameters(network, count):
    assert sum(np.prod(shape) + shape[3] for shape in weights.shapes(network).values()) == count


@pytest.mark.parametrize("network", ["compact", "resnet", ""])
def test_networks_without_a_table(network):
    with pytest.raises(errors.InputError, match="no fixed shapes"):
        weights.shapes(network)


@EVERY
def test_torchvisions_names_for_every_layer(network):
    arrays = {f"{layer}/bias": np.zeros(shape[3]) for layer, shape in weights.shapes(network).items()}
    theirs = torch_arrays(network, arrays)
    assert [layer_names.layer_of(network, name) for name in theirs] == list(weights.shapes(network))
    assert all(layer_names.is_torch(name) for name in theirs)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("block4_conv2/block4_conv2_W_1:0", "conv4_2"),
        ("model_weights/block4_conv2/block4_conv2/kernel:0", "conv4_2"),
        ("conv4_2/kernel", "conv4_2"),
        ("conv4_2.weight", "conv4_2"),
        ("module.features.21.weight", "conv4_2"),
        ("features.1.weight", None),
        ("classifier.0.weight", None),
        ("fc1/fc1/kernel:0", None),
        ("layers/conv2d_12/vars/0", "layers/conv2d_12"),
        ("layers/conv2d_transpose/vars/0", None),
        ("my_conv4_2/kernel", None),
    ],
)
def test_names_of_layers(name, layer):
    assert layer_names.layer_of("vgg19", name) == layer


# ---------------------------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize(("network", "leaves"), [("vgg19", ("W_1:0", "b_1:0")), ("vgg16", ("kernel:0", "bias:0"))])
def test_keras_applications_h5(tmp_path, network, leaves):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for name, array in some(network).items():
            layer, _, part = name.rpartition("/")
            group = file.require_group(keras_name(layer))
            group[f"{keras_name(layer)}_{leaves[part == 'bias']}"] = array
            group.attrs["weight_names"] = [key.encode() for key in group]
        file.require_group("block1_pool").attrs["weight_names"] = np.zeros(0)
        file["fc1/fc1/kernel:0"] = np.zeros((2, 2), np.float32)
        file.attrs["layer_names"] = [key.encode() for key in file]
    assert_same(layouts.read(network, path, SOME[network]), some(network))


def test_keras_1_squeezenet_h5(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:  # as rcmalli's: kernels are called uniform1, uniform2, …; biases by their layer
        for i, (name, array) in enumerate(some("squeezenet").items()):
            layer, _, part = name.rpartition("/")
            file[f"{layer}/uniform{i}" if part == "kernel" else f"{layer}/{layer}_b"] = array
    assert_same(layouts.read("squeezenet", path), some("squeezenet"))


def keras_model(network):
    """A Keras model of a network's convolutions, each on an input of its own: enough to be saved."""
    keras = importlib.import_module("keras")
    keras.utils.clear_session()
    inputs, outputs = [], []
    for size, _, channels, width in weights.shapes(network).values():
        inputs.append(keras.Input((size, size, channels)))
        outputs.append(keras.layers.Conv2D(width, size)(inputs[-1]))
    model = keras.Model(inputs, outputs)
    arrays = list(some(network).values())
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([arrays.pop(0), arrays.pop(0)])
    return model


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15 on NumPy 2
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_files_that_keras_3_writes_with_generic_names(tmp_path, suffix):
    path = tmp_path / f"squeezenet{suffix}"
    model = keras_model("squeezenet")
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    with h5py.File(path) as file:  # 26 convolutions: alphabetical order would be wrong
        assert "conv2d_10" in str(list(file["layers"] if suffix == ".weights.h5" else file["model_weights"]))
    assert_same(layouts.read("squeezenet", path), some("squeezenet"))


@EVERY
def test_npz(tmp_path, network):
    written = {name: array.astype(np.float16) for name, array in some(network).items()}
    np.savez(tmp_path / "a.npz", **written)
    assert_same(layouts.read(network, tmp_path / "a.npz", SOME[network]), written)


def test_npz_with_keras_names(tmp_path):
    network = "vgg19"
    np.savez(tmp_path / "a.npz", **{keras_name(name): array for name, array in some(network).items()})
    assert_same(layouts.read(network, tmp_path / "a.npz", SOME[network]), some(network))


@pytest.mark.parametrize(
    ("network", "form", "prefix"),
    [
        ("vgg19", "zip", "module."),
        ("vgg16", "legacy", ""),
        ("alexnet", "zip", ""),
        ("squeezenet", "safetensors", ""),
    ],
)
def test_torchvisions_state_dicts(tmp_path, network, form, prefix):
    path = tmp_path / "a.pth"
    state = {prefix + name: array for name, array in torch_arrays(network, some(network)).items()}
    state["classifier.1.weight"] = np.full((2, 2), np.nan, np.float32)  # the classifier is ignored
    if form == "safetensors":
        safetensors.numpy.save_file(state, path)
    else:
        (torchwriter.write_zip if form == "zip" else torchwriter.write_legacy)(path, state)
    first = next(iter(weights.shapes(network)))
    rewritten = () if network == "alexnet" else (f"{first}/kernel", f"{first}/bias")
    assert_same(layouts.read(network, path, SOME[network]), some(network), but=rewritten)


def test_caffes_vgg_with_its_own_names_in_pytorch_form(tmp_path):
    state = {}
    for name, array in some("vgg19").items():
        layer, _, part = name.rpartition("/")
        is_kernel = part == "kernel"
        state[f"{layer}.{'weight' if is_kernel else part}"] = array.transpose(3, 2, 0, 1) if is_kernel else array
    state = {name: np.ascontiguousarray(array) for name, array in state.items()}
    path = torchwriter.write_zip(tmp_path / "vgg_conv.pth", state)
    assert_same(layouts.read("vgg19", path, SOME["vgg19"]), some("vgg19"))


# --------------------------------------------------------------------------------- the input of the first layer


def convolve(picture, kernel, bias, pad):
    """`[H, W, 3]` to `[H', W', out]`, by NumPy; pad is a mode of `np.pad` or None."""
    if pad:
        picture = np.pad(picture, ((1, 1), (1, 1), (0, 0)), pad)
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel.shape[:2], (0, 1))
    return np.einsum("yxchw,hwco->yxo", windows, kernel.astype(np.float64)) + bias


def features_both_ways(tmp_path, network, name, normalized, pad):
    """First-layer features of the file as written, for `normalized`, and as read, for Caffe's input."""
    first = next(iter(weights.shapes(network)))
    arrays = some(network)
    path = torchwriter.write_zip(tmp_path / name, torch_arrays(network, arrays))
    read = layouts.read(network, path, [first])
    caffe = picture()[..., ::-1] - np.array([103.939, 116.779, 123.68])
    expected = convolve(normalized, arrays[f"{first}/kernel"], arrays[f"{first}/bias"], pad)
    return convolve(caffe, read[f"{first}/kernel"], read[f"{first}/bias"], pad), expected


def picture():
    return np.random.default_rng(2).uniform(0, 255, (9, 8, 3))


def torchvisions_input():
    return (picture() / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])


@pytest.mark.parametrize("network", ["vgg19", "vgg16", "squeezenet"])
@pytest.mark.parametrize("pad", [None, "reflect"])
def test_first_layer_gives_the_same_features(tmp_path, network, pad):
    got, expected = features_both_ways(tmp_path, network, "net.pth", torchvisions_input(), pad)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_with_zero_padding_only_the_border_differs_and_by_little(tmp_path):
    got, expected = features_both_ways(tmp_path, "vgg19", "net.pth", torchvisions_input(), "constant")
    difference = np.abs(got - expected)
    assert difference[1:-1, 1:-1].max() < 1e-5 * np.abs(expected).max()
    assert 0 < difference.max() < 0.01 * np.abs(expected).max()


def test_vgg16_of_torchvision_that_was_trained_without_scaling(tmp_path):
    normalized = picture() - 255 * np.array([0.48235, 0.45882, 0.40784])
    name = "vgg16_features-amdegroot-88682ab5.pth"
    got, expected = features_both_ways(tmp_path, "vgg16", name, normalized, "reflect")
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("network", "name"), [("vgg19", "vgg19-d01eb7cb.pth"), ("vgg16", "vgg16-00b39a1b.pth")])
def test_caffes_weights_in_torchvisions_form_are_known_by_their_published_names(tmp_path, network, name):
    caffe = picture()[..., ::-1] - np.array([103.939, 116.779, 123.68])
    got, expected = features_both_ways(tmp_path, network, name, caffe, "reflect")
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_for_caffe_input_leaves_its_arguments_alone():
    kernel, bias = np.ones((3, 3, 3, 2), np.float32), np.ones(2, np.float32)
    new_kernel, new_bias = layouts.for_caffe_input(kernel, bias, (0.4, 0.5, 0.6), (0.1, 0.2, 0.5))
    assert new_kernel.dtype == new_bias.dtype == np.float32
    assert (kernel == 1).all()
    assert (bias == 1).all()
    np.testing.assert_allclose(new_kernel[0, 0, :, 0], [1 / 127.5, 1 / 51, 1 / 25.5], rtol=1e-6)
    shift = 9 * ((123.68 - 102) / 25.5 + (116.779 - 127.5) / 51 + (103.939 - 153) / 127.5)
    np.testing.assert_allclose(new_bias, 1 + shift, rtol=1e-5)


# ------------------------------------------------------------------------------------------------------ wrong files


def saved(path, arrays):
    np.savez(path, **arrays)
    return path


def test_only_the_requested_layers_must_be_there(tmp_path):
    path = saved(tmp_path / "a.npz", some("vgg19"))
    assert set(layouts.read("vgg19", path, ["conv1_1"])) == set(some("vgg19"))
    refused("vgg19", path, "conv3_1/kernel, conv3_1/bias missing", layers=["conv1_1", "conv3_1"])


def test_missing_layers_are_named_with_what_was_found(tmp_path):
    path = saved(tmp_path / "a.npz", some("vgg19"))
    refused("vgg19", path, "vgg19", "conv2_2/kernel, conv2_2/bias", "and 22 more missing", "contains conv1_1/kernel")


def test_missing_bias(tmp_path):
    arrays = some("alexnet")
    del arrays["conv3/bias"]
    refused("alexnet", saved(tmp_path / "a.npz", arrays), "conv3/bias missing;")


def test_file_of_another_network(tmp_path):
    refused("alexnet", saved(tmp_path / "a.npz", some("vgg16")), "conv1/kernel", "contains conv1_1/kernel")
    arrays = torch_arrays("vgg16", {"conv4_2/kernel": np.zeros((3, 3, 512, 512)), **some("vgg16")})
    path = saved(tmp_path / "b.npz", arrays)
    refused("vgg19", path, "conv4_1/kernel", "(3, 3, 256, 512)", "(3, 3, 512, 512)", layers=["conv1_1"])


def test_a_wrong_shape_is_reported_with_the_right_one(tmp_path):
    arrays = some("squeezenet") | {"fire3/squeeze1x1/kernel": np.zeros((1, 1, 16, 128), np.float32)}
    parts = ("fire3/squeeze1x1/kernel", "(1, 1, 128, 16)", "(1, 1, 16, 128)")
    refused("squeezenet", saved(tmp_path / "a.npz", arrays), *parts)


@pytest.mark.parametrize("part", ["kernel", "bias"])
def test_wrong_shape_of_the_first_layer_in_pytorch_form(tmp_path, part):
    arrays = some("vgg19")
    arrays[f"conv1_1/{part}"] = arrays[f"conv1_1/{part}"][..., :32]
    path = torchwriter.write_zip(tmp_path / "a.pth", torch_arrays("vgg19", arrays))
    refused("vgg19", path, f"conv1_1/{part} has shape", "32", layers=SOME["vgg19"])


def test_batch_normalized_vgg_is_refused(tmp_path):
    modules = {"features.0": (64, 3, 3, 3), "features.1": (64,), "features.3": (64, 64, 3, 3), "features.4": (64,)}
    state = {f"{name}.weight": np.zeros(shape, np.float32) for name, shape in modules.items()}
    refused("vgg19", torchwriter.write_zip(tmp_path / "a.pth", state), "missing", "features.0.weight")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_nan_and_infinity(tmp_path, number):
    arrays = some("alexnet")
    arrays["conv2/bias"][3] = number
    refused("alexnet", saved(tmp_path / "a.npz", arrays), "conv2/bias", "infinities or NaN")


def test_too_few_generic_layers(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 64), np.float32)
        file["layers/conv2d/vars/1"] = np.zeros(64, np.float32)
    assert set(layouts.read("vgg19", tmp_path / "a.h5", ["conv1_1"])) == {"conv1_1/kernel", "conv1_1/bias"}
    refused("vgg19", tmp_path / "a.h5", "conv1_2/kernel, conv1_2/bias")


@pytest.mark.parametrize("network", ["vgg19", "compact"])
def test_file_without_arrays(tmp_path, network):
    safetensors.numpy.save_file({}, tmp_path / "a.safetensors")
    refused(network, tmp_path / "a.safetensors", "contains nothing")


def test_compact_arrays_keep_their_names_and_are_dequantized(tmp_path):
    kernel, scale = np.full((3, 3, 2, 2), 100, np.int8), np.array([0.01, 0.02], np.float32)
    arrays = {"conv1_1/kernel": kernel, "conv1_1/kernel_scale": scale, "conv1_1/bias": np.ones(2, np.float16)}
    path = saved(tmp_path / "a.npz", {**arrays, "conv1_1/head": np.ones((2, 64), np.float16)})
    read = layouts.read("compact", path)
    assert set(read) == {"conv1_1/kernel", "conv1_1/bias", "conv1_1/head"}
    assert all(array.dtype == np.float32 for array in read.values())
    np.testing.assert_allclose(read["conv1_1/kernel"][0, 0, 0], [1, 2], rtol=1e-6)
    refused("compact", path, "conv2_1/kernel, conv2_1/bias missing", layers=["conv2_1"])
