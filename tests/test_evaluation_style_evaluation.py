"""Evaluation of an exported network that has learned nothing, and what it refuses."""

import dataclasses
import json
import shutil
import sys

import pytest
import runs

import tfstyle
from tfstyle import config, errors, evaluation, images, stylebook
from tfstyle.evaluation import speed, style_evaluation


@pytest.fixture(scope="module")
def style(exported, tmp_path_factory):
    """A folder as tfstyle train leaves it."""
    folder = tmp_path_factory.mktemp("evaluated") / "style"
    shutil.copytree(exported[1], folder)
    settings = config.TrainingSettings(network=exported[0].name, style_size=256)
    (folder / "card.json").write_text(json.dumps({"settings": settings.stored}))
    stylebook.StyleFolder(folder).statistics.write_bytes(stylebook.load_all()["scream"].packed())
    return folder


@pytest.fixture
def photos(tmp_path):
    return runs.folder_of_photos(tmp_path / "photos", 2, height=64, width=72)


pytestmark = pytest.mark.parametrize("exported", ["realtime"], indirect=True)  # The fixture has both networks.


def test_scores_every_photo(style, photos, monkeypatch):
    monkeypatch.setattr(style_evaluation, "_SPEED_SIZES", ((64, 64),))
    monkeypatch.setattr(speed, "_REPEATS", 2)
    (photos / "._0.png").write_bytes(b"hidden")
    settings = config.EvaluationSettings(sizes=(72, 80), features="compact", runtime="litert")
    progress = list(evaluation.evaluation_steps(style, photos, settings))
    assert [(each.step, each.steps) for each in progress] == [(step, 5) for step in range(1, 6)]
    assert progress[0].headline.startswith("72 pixels, 0.png: ")
    assert [each.evaluation is None for each in progress] == [True] * 4 + [False]

    result = progress[-1].evaluation
    assert (result.features, result.runtime, list(result.sizes)) == ("compact", "litert", [72, 80])
    measured = result.speed["64x64"]
    assert measured.p95 >= measured.median > 0
    assert 20e6 < measured.memory < 2e9  # An interpreter with NumPy and LiteRT, without TensorFlow.
    for scores in result.sizes.values():
        assert list(scores.photos) == ["0.png", "1.png"]
        for name, value in dataclasses.asdict(scores.median).items():
            assert value == pytest.approx(sum(getattr(each, name) for each in scores.photos.values()) / 2)
        assert scores.iterations == sorted(each.iterations for each in scores.photos.values())
    stored = json.loads(json.dumps(result.stored))
    assert stored["sizes"]["72"]["median"]["content"] == result.sizes[72].median.content
    assert stored["speed"]["64x64"]["memory"] == measured.memory
    assert list(stored["weave"]) == ["flat", "ramp", "sky"]
    assert stored["weave"]["flat"] == pytest.approx(0, abs=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports it")
def test_memory_grows_with_the_picture(style):
    small, large = (speed._in_new_process(speed.peak_memory, str(style), "litert", side, side) for side in (64, 768))
    assert small + 50e6 < large


def test_a_folder_without_photos_or_card_is_refused(style, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.InputError, match="no photos found in"):
        tfstyle.evaluate(style, tmp_path / "empty")
    other = tmp_path / "style"
    shutil.copytree(style, other)
    (other / "card.json").write_text("{}")
    with pytest.raises(errors.InputError, match=r"card\.json is missing or damaged"):
        tfstyle.evaluate(other, photos)
    with pytest.raises(errors.InputError, match="no style 'nowhere'"):
        tfstyle.evaluate("nowhere", photos)


def test_a_photo_too_small_to_score_is_refused_first(style, photos):
    images.save_image(photos / "2.png", runs.photo(40, 200))
    with pytest.raises(errors.InputError) as caught:
        tfstyle.evaluate(style, photos, sizes=(72, 128))
    assert str(caught.value) == (
        f"{photos / '2.png'} has 14 pixels on its short side at --size 72, but scoring needs 64: use a larger --size, "
        "or remove the photo"
    )


@pytest.mark.parametrize(("networks", "expected"), [(("compact", "vgg19"), "vgg19"), (("compact",), "compact")])
def test_the_style_decides_which_network_scores(style, photos, tmp_path, monkeypatch, *, networks, expected):
    from tfstyle import training

    arrays = {key: each for key, each in stylebook.load_all()["scream"].arrays.items() if key.startswith(networks)}
    other = tmp_path / "style"
    shutil.copytree(style, other)
    about = {"title": "The Scream", "artist": "", "year": ""}
    stylebook.StyleFolder(other).statistics.write_bytes(stylebook.pack(arrays, about))

    def asked(_settings, style, network, precision):
        raise errors.InputError(f"by {network} of {style.backbones}, {precision}")

    monkeypatch.setattr(training, "target_for", asked)
    with pytest.raises(errors.InputError) as caught:
        tfstyle.evaluate(other, photos, sizes=(72,))
    assert str(caught.value) == f"by {expected} of {networks}, float32"
