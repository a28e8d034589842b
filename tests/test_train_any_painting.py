"""The training of the network for all paintings, on tiny pictures drawn by code."""

import re
import sys

import drawn
import numpy as np
import pytest

import tfstyle
from tfstyle.runtime import keras, ops
from tfstyle.stylizer import any_painting as shipped
from tfstyle.transform import conditional
from train import any_encoder, any_painting, steady, style_crops, vectors

pytestmark = pytest.mark.slow


@pytest.fixture
def folders(tmp_path):
    """Photos, and paintings of which `held_out` holds one back."""
    for name in ("photos", "paintings"):
        (tmp_path / name).mkdir()
    for seed in range(4):
        tfstyle.save_image(tmp_path / "photos" / f"{seed}.png", drawn.photo(200, 240, seed))
        tfstyle.save_image(tmp_path / "paintings" / f"{seed}.jpg", drawn.painting(90, 120, seed)[0])
    rows = ["file,kind,public_domain", "0.jpg,painting,yes", *(f"{seed}.jpg,painting,no" for seed in (1, 2, 3))]
    (tmp_path / "paintings" / "manifest.csv").write_text("\n".join(rows))
    return tmp_path


def run(monkeypatch, folders, *words):
    options = ["--photos", folders / "photos", "--paintings", folders / "paintings", "-o", folders / "out"]
    sizes = ["--batch", "2", "--crop", "64", "--encoder-steps", "20"]
    monkeypatch.setattr(sys, "argv", ["any_painting", *map(str, options), *sizes, *words])
    any_painting.main()


def test_trains_resumes_and_writes_the_network(folders, monkeypatch, capsys):
    for name in ("NETWORK", "WEIGHTS"):
        monkeypatch.setattr(shipped, name, folders / name)
    run(monkeypatch, folders, "--steps", "25")
    first = capsys.readouterr().out
    assert "25 content" in first
    assert (folders / "out" / "sample-000025.png").is_file()
    run(monkeypatch, folders, "--steps", "50")
    said = capsys.readouterr().out
    assert "continues at step 25" in said
    assert "conv1_1" not in said  # The encoder is not trained again.
    losses = [float(found) for found in re.findall(r"content.* loss ([\d.]+)", first + said)]
    assert losses[-1] < losses[0]
    engine = shipped.load.__wrapped__("litert")
    vector = shipped.style_vector(tfstyle.load_image(folders / "paintings" / "0.jpg"), engine)
    assert engine.paint(engine.features(drawn.photo(32, 48)), vector).shape == (32, 48, 3)


def test_the_trained_paintings_leave_out_those_held_back(folders):
    look, metric = any_painting.loss_network("float32")
    bank = style_crops.Bank.measure(folders / "paintings", look, metric)
    assert len(bank.crops) == 9
    gram = bank.grams["conv1_1"][0].astype(np.float64)
    product = metric["conv1_1"] @ gram
    assert bank.energies[0, 0] == pytest.approx(np.trace(product @ product), rel=0.01)


def test_whitened_projections():
    encoder = conditional.ConditionalNetwork().encoder
    batches = [(np.stack([drawn.painting(96, 96, seed)[0] for seed in range(4)]),) for _ in range(2)]
    any_encoder.whiten(encoder, batches)
    flat = ops.convert_to_numpy(encoder(batches[0][0])["features"][1]).reshape(4, -1, conditional.WIDTHS[1])
    covariance = np.mean([np.cov(each, rowvar=False, bias=True) for each in flat], axis=0)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.01
    assert np.diag(covariance)[0] == pytest.approx(1, abs=0.05)
    assert np.abs(flat.mean((0, 1))).max() < 0.05


class TestSteady:
    def optimizer(self):
        variable = keras.Variable(np.ones(3, np.float32))
        optimizer = steady.Steady(0.1)
        optimizer.build([variable])
        return optimizer, variable

    def test_broken_gradients_change_nothing(self):
        optimizer, variable = self.optimizer()
        optimizer.apply([ops.convert_to_tensor(np.array([np.nan, 1, 1], np.float32))])
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), 1)
        optimizer.apply([ops.ones(3)])
        assert (ops.convert_to_numpy(variable) < 1).all()

    def test_outliers_are_shortened(self):
        """After many gradients of length 1, one of length 1000 counts like one of length 1.5."""
        optimizer, _ = self.optimizer()
        unit = np.array([1, 0, 0], np.float32)
        for _ in range(20):
            optimizer.apply([ops.convert_to_tensor(unit)])
        before = ops.convert_to_numpy(optimizer._means[0]).copy()
        optimizer.apply([ops.convert_to_tensor(1000 * unit)])
        after = ops.convert_to_numpy(optimizer._means[0])
        assert after[0] - 0.9 * before[0] == pytest.approx(0.1 * 1.5, rel=0.05)


def test_named_paintings_are_sorted_and_described():
    assert list(vectors.PAINTINGS) == sorted(vectors.PAINTINGS)
    assert len(vectors.PAINTINGS) >= 32
    assert all(all(entry) for entry in vectors.PAINTINGS.values())
    assert len({entry.file for entry in vectors.PAINTINGS.values()}) == len(vectors.PAINTINGS)
