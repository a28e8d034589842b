"""``tfstyle evaluate`` on an exported network that has learned nothing, and what it refuses."""

import dataclasses
import json
import shutil
import sys

import pytest
import runs

from tfstyle import config, errors, images, stylebook


@pytest.fixture
def style(exported, tmp_path):
    """A folder as tfstyle train leaves it."""
    folder = tmp_path / "style"
    shutil.copytree(exported[1], folder)
    chosen = config.TrainingSettings(network=exported[0].name, style_size=256)
    (folder / "card.json").write_text(json.dumps({"settings": dataclasses.asdict(chosen)}))
    stylebook.StyleFolder(folder).statistics.write_bytes(stylebook.load_all()["scream"].packed())
    return folder


@pytest.fixture
def photos(tmp_path):
    return runs.folder_of_photos(tmp_path / "photos", 2, height=64, width=72)


@pytest.mark.parametrize("exported", ["realtime"], indirect=True)
def test_scores_every_photo(style, photos, tmp_path, capsys, monkeypatch):
    from tfstyle.cli import evaluate

    monkeypatch.setattr(evaluate, "_LATENCIES", ((64, 64),))
    monkeypatch.setattr(evaluate, "_REPEATS", 2)
    words = ["evaluate", str(style), "--photos", str(photos), "--size", "72", "80", "--features", "compact"]
    assert runs.command(*words, "--runtime", "litert", "-o", str(tmp_path / "figures.json")) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures["sizes"]) == ["72", "80"]
    assert figures["features"] == "compact"
    speed = figures["speed"]["64x64"]
    assert speed["p95"] >= speed["median"] > 0
    assert 20e6 < speed["memory"] < 2e9  # An interpreter with NumPy and LiteRT, without TensorFlow.
    for scored in figures["sizes"].values():
        assert list(scored["photos"]) == ["0.png", "1.png"]
        for name, value in scored["median"].items():
            of_both = [row[name] for row in scored["photos"].values()]
            assert value == pytest.approx(sum(of_both) / 2)
        assert scored["iterations"] == sorted(row["iterations"] for row in scored["photos"].values())
    assert "checkerboard" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize("exported", ["realtime"], indirect=True)
def test_memory_grows_with_the_picture(style):
    from tfstyle.cli import evaluate

    small, large = (evaluate._alone(evaluate.peak_memory, str(style), "litert", side, side) for side in (64, 768))
    assert small + 50e6 < large


@pytest.mark.parametrize("exported", ["realtime"], indirect=True)
def test_a_folder_without_photos_or_card_is_refused(style, photos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert runs.command("evaluate", str(style), "--photos", str(tmp_path / "empty")) == 2
    assert "no photos" in capsys.readouterr().err
    (style / "card.json").write_text("{}")
    assert runs.command("evaluate", str(style), "--photos", str(photos)) == 2
    assert "card.json" in capsys.readouterr().err
    assert runs.command("evaluate", "nowhere", "--photos", str(photos)) == 2
    assert "no style 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize("exported", ["realtime"], indirect=True)
def test_a_photo_too_narrow_is_refused_beforehand(style, photos, tmp_path, capsys):
    images.save_image(photos / "2.png", runs.photo(40, 200))
    words = [
        "evaluate",
        str(style),
        "--photos",
        str(photos),
        "--size",
        "72",
        "128",
        "-o",
        str(tmp_path / "figures.json"),
    ]
    assert runs.command(*words) == 2
    assert capsys.readouterr().err == (
        f"tfstyle: {photos / '2.png'}: has 14 pixels on its short side at --size 72; scores need 64: use a larger "
        "--size, or leave it out\n"
    )


@pytest.mark.parametrize("exported", ["realtime"], indirect=True)
@pytest.mark.parametrize(("networks", "expected"), [(("compact", "vgg19"), "vgg19"), (("compact",), "compact")])
def test_scores_by_what_the_style_is_stored_for(style, photos, capsys, monkeypatch, *, networks, expected):
    from tfstyle import training

    whole = stylebook.load_all()["scream"]
    arrays = {key: each for key, each in whole.arrays.items() if key.startswith(networks)}
    about = {"title": "The Scream", "artist": "", "year": ""}
    stylebook.StyleFolder(style).statistics.write_bytes(stylebook.pack(arrays, about))

    def asked(_chosen, style, network, precision):
        raise errors.InputError(f"by {network} of {style.backbones}, {precision}")

    monkeypatch.setattr(training, "target_for", asked)
    assert runs.command("evaluate", str(style), "--photos", str(photos), "--size", "72") == 2
    assert capsys.readouterr().err == f"tfstyle: by {expected} of {networks}, float32\n"
