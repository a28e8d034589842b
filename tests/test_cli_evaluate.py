"""``tfstyle evaluate``: its progress, table, JSON and refusals."""

import json

import pytest
import runs

from tfstyle import evaluation
from tfstyle.evaluation import scoring, speed

SCORE = scoring.Score(2.5, 0.7, 0.06, 15.26, 0.41, 2.0, 5.5, -0.001, 81.4)


@pytest.fixture
def figures(monkeypatch):
    """An evaluation that only reports what it was asked."""
    asked = []

    def steps(style, photos, settings):
        asked.append((style, photos, settings))
        sizes = {size: evaluation.style_evaluation.SizeScores({"a.jpg": SCORE}) for size in settings.sizes}
        measured = {"1024x768": speed.Speed(0.0612, 0.07, 900 * 2**20)}
        yield evaluation.EvaluationProgress(1, 2, "256 pixels, a.jpg: 15.3 iterations")
        result = evaluation.Evaluation("vgg19", sizes, {"sky": 7.34}, settings.runtime, measured)
        yield evaluation.EvaluationProgress(2, 2, "1024x768 pixels: 0.061 s", result)

    monkeypatch.setattr(evaluation, "evaluation_steps", steps)
    return asked


def test_table_and_json(figures, tmp_path, capsys):
    words = ["evaluate", "waves", "--photos", "album", "--count", "3", "--size", "256", "512", "--runtime", "litert"]
    assert runs.command(*words, "-o", str(tmp_path / "figures.json")) == 0
    ((style, photos, settings),) = figures
    assert (style, photos, settings.count, settings.sizes) == ("waves", "album", 3, (256, 512))
    said = capsys.readouterr()
    assert said.err.splitlines() == ["1/2 256 pixels, a.jpg: 15.3 iterations", "2/2 1024x768 pixels: 0.061 s"]
    table = " ".join(said.out.split())
    for part in ("256 pixels, by vgg19", "blob artifact 81.4 81.4", "weave on sky 7.3", "litert 0.061 s", "900 MB"):
        assert part in table
    stored = json.loads((tmp_path / "figures.json").read_text())
    assert stored["sizes"]["512"]["iterations"] == [15.26]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "0"], "count is 0: use 1 or more"),
        (["--size", "0"], "size is (0,): use 1 or more"),
        (["--runtime", "torch"], "--runtime"),
        (["--features", "vgg16"], "--features"),
        (["-o", "nowhere/figures.json"], "nowhere"),
    ],
)
def test_refused_in_one_line(words, message, capsys):
    assert runs.command("evaluate", "scream", "--photos", "album", *words) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
