"""Sources of weights: a file, the environment, the package, the cache, a download (from a local server)."""

import contextlib
import dataclasses
import hashlib
import http.server
import importlib.resources
import os
import pathlib
import socket
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest
import torchwriter

from tfstyle import errors, weights
from tfstyle.weights import downloads, layouts

REAL = {network: os.environ.get(f"TFSTYLE_{network.upper()}_WEIGHTS") for network in ("vgg19", "squeezenet")}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache of our own, and nothing in the environment; returns the folder where Keras keeps models."""
    for network in weights.BACKBONES:
        monkeypatch.delenv(f"TFSTYLE_{network.upper()}_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "keras" / "models"


def save(path, arrays):
    np.savez(path, **arrays)
    return path


def message_of(call, *arguments, **options):
    with pytest.raises(errors.InputError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def one_layer():
    return {"conv1_1/kernel": np.ones((3, 3, 3, 64), np.float32), "conv1_1/bias": np.zeros(64, np.float32)}


# ------------------------------------------------------------------------------------------------- tables and random


@pytest.mark.parametrize("network", ["vgg16", "alexnet", "squeezenet"])
def test_random_weights_have_the_right_form(network):
    random = weights.random(network)
    table = weights.shapes(network)
    assert list(random) == [f"{layer}/{part}" for layer in table for part in ("kernel", "bias")]
    for layer, shape in table.items():
        assert random[f"{layer}/kernel"].shape == shape
        assert random[f"{layer}/bias"].shape == shape[3:]
    assert all(array.dtype == np.float32 for array in random.values())


def test_random_weights_keep_the_size_of_activations():
    kernel = weights.random("squeezenet")["fire9/expand3x3/kernel"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / (3 * 3 * 64)), rel=0.02)
    assert kernel.mean() == pytest.approx(0, abs=1e-3)


def test_random_weights_follow_the_seed():
    first, again, other = (weights.random("squeezenet", seed) for seed in (3, 3, 4))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["conv1/kernel"], other["conv1/kernel"])


def test_shapes_is_a_copy():
    weights.shapes("alexnet").clear()
    assert list(weights.shapes("alexnet")) == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert weights.shapes("alexnet")["conv1"] == (11, 11, 3, 64)


def test_compact_has_no_table():
    assert "no fixed shapes" in message_of(weights.random, "compact")


@pytest.mark.parametrize("call", [weights.load, weights.find])
def test_unknown_network(call):
    assert "choose one of vgg19, vgg16, alexnet, squeezenet, compact" in message_of(call, "vgg17")


# ------------------------------------------------------------------------------------------------------- named files


def test_a_named_file_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("TFSTYLE_VGG19_WEIGHTS", str(save(tmp_path / "other.npz", {"x": np.ones(1)})))
    path = save(tmp_path / "mine.npz", one_layer())
    assert weights.find("vgg19", path) == weights.find("vgg19", str(path)) == path
    assert set(weights.load("vgg19", path, ["conv1_1"])) == set(one_layer())


def test_the_environment_comes_second(tmp_path, monkeypatch):
    path = save(tmp_path / "mine.npz", one_layer())
    monkeypatch.setenv("TFSTYLE_VGG16_WEIGHTS", str(path))
    assert weights.find("vgg16") == path
    assert weights.find("vgg19") is None
    assert set(weights.load("vgg16", layers=["conv1_1"])) == set(one_layer())


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = save(tmp_path / "mine.npz", one_layer())
    assert weights.find("vgg19", "~/mine.npz") == path


@pytest.mark.parametrize("call", [weights.load, weights.find])
def test_missing_named_files(tmp_path, monkeypatch, call):
    assert message_of(call, "vgg19", tmp_path / "no.h5") == f"{tmp_path / 'no.h5'}: no such weight file"
    monkeypatch.setenv("TFSTYLE_ALEXNET_WEIGHTS", str(tmp_path))
    assert "from TFSTYLE_ALEXNET_WEIGHTS" in message_of(call, "alexnet")


def test_a_wrong_named_file_is_an_error_not_a_reason_to_download(tmp_path):
    path = save(tmp_path / "mine.npz", one_layer())
    assert message_of(weights.load, "alexnet", path).startswith(f"{path}: not a weight file for alexnet")


def test_compact_from_a_named_file(tmp_path):
    path = save(tmp_path / "mine.npz", {"conv1_1/kernel": np.ones((1, 1, 1, 2), np.int8)})
    assert weights.load("compact", path)["conv1_1/kernel"].dtype == np.float32


def test_compact_from_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.resources, "files", lambda package: tmp_path / package)
    assert "reinstall" in message_of(weights.load, "compact")
    folder = tmp_path / "tfstyle" / "weights"
    folder.mkdir(parents=True)
    save(folder / "compact.npz", {"a/kernel": np.ones((1, 1, 1, 2), np.int8), "a/kernel_scale": np.ones(2)})
    assert weights.find("compact") == folder / "compact.npz"
    assert list(weights.load("compact")) == ["a/kernel"]


def test_find_imports_neither_keras_nor_tensorflow():
    code = (
        "import sys; from tfstyle import weights; weights.find('vgg19'); "
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("network", list(REAL))
def test_the_real_files(network):
    if not REAL[network]:
        pytest.skip(f"TFSTYLE_{network.upper()}_WEIGHTS names no file of {network}'s weights")
    read = weights.load(network, REAL[network])
    assert list(read) == list(weights.random(network)) or set(read) == set(weights.random(network))
    first = read["conv1_1/kernel" if network == "vgg19" else "conv1/kernel"]
    assert first.std() > 0.05  # trained for pixels 0..255: filters of order 0.1


# ------------------------------------------------------------------------------------------------------------ cache


def squeezenet_bytes(tmp_path):
    """A whole file of SqueezeNet's weights, in Keras 1's layout."""
    path = tmp_path / "server.h5"
    with h5py.File(path, "w") as file:
        for name, array in weights.random("squeezenet").items():
            file[name] = array
    return path.read_bytes()


def alexnet_bytes(tmp_path):
    random = weights.random("alexnet")
    state = {}
    for index, layer in zip([0, 3, 6, 8, 10], weights.shapes("alexnet"), strict=True):
        state[f"features.{index}.weight"] = np.ascontiguousarray(random[f"{layer}/kernel"].transpose(3, 2, 0, 1))
        state[f"features.{index}.bias"] = random[f"{layer}/bias"]
    return torchwriter.write_zip(tmp_path / "server.pth", state).read_bytes()


def publish(monkeypatch, network, url=None, **digest):
    """Patches where a network's weights are, and their hash."""
    source = weights.BACKBONES[network].source
    file = dataclasses.replace(source.file, **digest)
    replace(monkeypatch, network, url=url or source.url, file=file, alternatives=())
    return file.name


def replace(monkeypatch, network, **changes):
    backbone = weights.BACKBONES[network]
    source = dataclasses.replace(backbone.source, **changes)
    monkeypatch.setitem(weights.BACKBONES, network, dataclasses.replace(backbone, source=source))


def test_published_urls_name_the_files_in_the_cache():
    for source in [backbone.source for backbone in weights.BACKBONES.values() if not backbone.is_packaged]:
        assert source.url.startswith("https://")
        assert source.url.endswith(f"/{source.file.name}")


@pytest.mark.parametrize("network", ["vgg19", "vgg16"])
def test_the_table_is_keras_own(network):
    module = importlib.import_module(f"keras.src.applications.{network}")
    text = pathlib.Path(module.__file__).read_text(encoding="utf-8")
    source = weights.BACKBONES[network].source
    assert source.url == module.WEIGHTS_PATH_NO_TOP
    for file in (source.file, *source.alternatives):
        assert f'"{file.name}"' in text
        assert f'"{file.digest}"' in text


def test_a_file_in_the_cache_is_found(tmp_path, home):
    home.mkdir(parents=True)
    path = home / "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"
    path.write_bytes(squeezenet_bytes(tmp_path))
    assert weights.find("squeezenet") == path
    assert weights.find("vgg19") is None
    assert set(weights.load("squeezenet")) == set(weights.random("squeezenet"))


def test_a_file_in_the_cache_with_another_hash_is_passed_over(home, monkeypatch):
    name = publish(monkeypatch, "vgg19", algorithm="md5", digest=hashlib.md5(b"whole").hexdigest())
    home.mkdir(parents=True)
    (home / name).write_bytes(b"who")
    assert weights.find("vgg19") is None
    (home / name).write_bytes(b"whole")
    assert weights.find("vgg19") == home / name


def test_the_file_with_the_top_will_do(home, monkeypatch):
    source = weights.BACKBONES["vgg19"].source
    top = dataclasses.replace(source.alternatives[0], digest=hashlib.md5(b"top").hexdigest())
    replace(monkeypatch, "vgg19", alternatives=(top,))
    home.mkdir(parents=True)
    (home / "vgg19_weights_tf_dim_ordering_tf_kernels.h5").write_bytes(b"top")
    assert weights.find("vgg19") == home / top.name


def test_read_only_home_and_temporary_folder_are_searched(tmp_path, home, monkeypatch):
    home.mkdir(parents=True)
    monkeypatch.setattr(downloads.os, "access", lambda *_: False)
    monkeypatch.setattr(downloads.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    second = tmp_path / "tmp" / ".keras" / "models"
    second.mkdir(parents=True)
    name = publish(monkeypatch, "squeezenet")
    (second / name).write_bytes(b"")
    assert weights.find("squeezenet") == second / name
    (home / name).write_bytes(b"")
    assert weights.find("squeezenet") == home / name


def test_without_keras_home_the_cache_is_in_the_users_home(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert downloads._folders() == [tmp_path / ".keras" / "models"]


# --------------------------------------------------------------------------------------------------------- downloads


class Server:
    """Answers every request with `data`, of which it sends only the first `sent` bytes, or with an error."""

    def __init__(self):
        self.data, self.sent, self.status, self.announce, self.requests = b"", None, 200, True, 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests += 1
                if server.status != 200:
                    self.send_error(server.status)
                    return
                self.send_response(200)
                if server.announce:
                    self.send_header("Content-Length", str(len(server.data)))
                self.end_headers()
                self.wfile.write(server.data[: server.sent])

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/weights"


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def assert_nothing_kept(home, network="squeezenet"):
    assert not home.exists() or list(home.iterdir()) == []
    assert weights.find(network) is None


def assert_helpful(message, network, home, url):
    """One line: the file, where it is, where to put it, what else to do."""
    name = weights.BACKBONES[network].source.file.name
    parts = (
        f"no weights for {network} found",
        url,
        str(home / name),
        "--weights",
        f"TFSTYLE_{network.upper()}_WEIGHTS",
    )
    for part in (*parts, "--features compact needs none"):
        assert part in message, message
    assert message.count(url) == 1
    assert ".part" not in message


def test_download_then_offline(tmp_path, home, monkeypatch, server):
    server.data = squeezenet_bytes(tmp_path)
    name = publish(monkeypatch, "squeezenet", server.url)
    assert weights.find("squeezenet") is None
    downloaded = weights.load("squeezenet")
    assert [path.name for path in home.iterdir()] == [name]
    server.status = 500
    again = weights.load("squeezenet")
    assert server.requests == 1
    assert all(np.array_equal(again[layer], array) for layer, array in downloaded.items())
    assert np.array_equal(again["conv1/kernel"], weights.random("squeezenet")["conv1/kernel"])


def test_download_in_a_process_without_standard_streams(tmp_path, monkeypatch, server):
    server.data = squeezenet_bytes(tmp_path)
    publish(monkeypatch, "squeezenet", server.url)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert len(weights.load("squeezenet")) == len(weights.random("squeezenet"))


def test_download_checked_by_the_first_digits_of_sha256(tmp_path, home, monkeypatch, server):
    server.data = alexnet_bytes(tmp_path)
    name = publish(monkeypatch, "alexnet", server.url, digest=hashlib.sha256(server.data).hexdigest()[:8])
    assert np.array_equal(weights.load("alexnet")["conv5/kernel"], weights.random("alexnet")["conv5/kernel"])
    assert weights.find("alexnet") == home / name


def test_download_with_another_hash_is_refused_and_removed(tmp_path, home, monkeypatch, server):
    server.data = alexnet_bytes(tmp_path)
    publish(monkeypatch, "alexnet", server.url)
    message = message_of(weights.load, "alexnet")
    assert "(its sha256 is not 7be5be79)" in message
    assert_helpful(message, "alexnet", home, server.url)
    assert_nothing_kept(home, "alexnet")


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path, home, monkeypatch, server):
    server.data = alexnet_bytes(tmp_path)
    name = publish(monkeypatch, "alexnet", server.url, digest=hashlib.sha256(server.data).hexdigest()[:8])
    home.mkdir(parents=True)
    (home / name).write_bytes(server.data[:1000])
    weights.load("alexnet")
    assert (home / name).read_bytes() == server.data


@pytest.mark.parametrize(("status", "words"), [(404, "Not Found"), (503, "Service Unavailable")])
def test_server_errors(home, monkeypatch, server, status, words):
    server.status = status
    publish(monkeypatch, "squeezenet", server.url)
    message = message_of(weights.load, "squeezenet")
    assert words in message
    assert_helpful(message, "squeezenet", home, server.url)
    assert_nothing_kept(home)


def test_offline(home, monkeypatch):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/weights"
    publish(monkeypatch, "vgg19", url)
    message = message_of(weights.load, "vgg19")
    assert "refused" in message
    assert_helpful(message, "vgg19", home, url)
    assert_nothing_kept(home, "vgg19")


@pytest.mark.parametrize("announce", [True, False])
def test_connection_cut_in_the_middle(tmp_path, home, monkeypatch, server, announce):
    server.data, server.announce = squeezenet_bytes(tmp_path), announce
    server.sent = len(server.data) // 2
    publish(monkeypatch, "squeezenet", server.url)
    message = message_of(weights.load, "squeezenet")
    assert ("retrieval incomplete" if announce else "incomplete") in message
    assert_helpful(message, "squeezenet", home, server.url)
    assert_nothing_kept(home)
    server.sent = None
    assert len(weights.load("squeezenet")) == len(weights.random("squeezenet"))


def test_a_page_instead_of_the_file(home, monkeypatch, server):
    server.data = b"<html><body>Please log in to this network</body></html>"
    publish(monkeypatch, "squeezenet", server.url)
    message = message_of(weights.load, "squeezenet")
    assert "not a weight file" in message
    assert_helpful(message, "squeezenet", home, server.url)
    assert_nothing_kept(home)


def test_interrupted_by_the_user(home, monkeypatch, server):
    publish(monkeypatch, "squeezenet", server.url)

    def interrupted(_url, part):
        part.parent.mkdir(parents=True)
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads, "_fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        weights.load("squeezenet")
    assert_nothing_kept(home)


def test_cache_folder_cannot_be_created(tmp_path, monkeypatch, server):
    (tmp_path / "keras").write_text("a file where the folder should be")
    publish(monkeypatch, "squeezenet", server.url)
    assert_helpful(message_of(weights.load, "squeezenet"), "squeezenet", tmp_path / "keras" / "models", server.url)


def test_layers_reach_the_reader(tmp_path, monkeypatch, server):
    server.data = save(tmp_path / "server.npz", one_layer()).read_bytes()
    publish(monkeypatch, "vgg19", server.url, algorithm="md5", digest=hashlib.md5(server.data).hexdigest())
    assert set(weights.load("vgg19", layers=["conv1_1"])) == set(one_layer())
    assert set(layouts.read("vgg19", weights.find("vgg19"), ["conv1_1"])) == set(one_layer())
