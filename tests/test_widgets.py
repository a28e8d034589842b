"""What the page's tabs share and how they follow jobs; no browser needed."""

import asyncio
import contextlib
import gc
import types

import gradio as gr
import numpy as np
import pytest
import runs
from PIL import Image

from tfstyle import errors, images, stylebook, stylizer
from tfstyle.service import looks, recent
from tfstyle.service.page import optimize_tab, photo_tab, visitors, widgets


def test_gallery_opens_on_the_starry_night():
    names, gallery = widgets.style_gallery()
    labels = [entry["caption"] if isinstance(entry, dict) else entry[1] for entry in gallery.value]
    assert names[0] == widgets.FIRST_STYLE
    assert gallery.selected_index == 0
    assert labels[0] == "The Starry Night"
    assert sorted(names) == sorted(stylebook.trained())
    assert len(set(labels)) == len(labels) == len(names)
    assert {name for name, label in zip(names, labels, strict=True) if label.endswith(", large network")} == {
        name for name in names if name.endswith("_johnson")
    }


@pytest.mark.parametrize("name", stylebook.trained())
def test_every_style_has_a_small_swatch(name):
    file = stylebook.trained()[name].swatch
    assert file.stat().st_size <= 20_000
    with Image.open(file) as swatch:
        assert swatch.size == (160, 160)
        assert np.asarray(swatch, np.float32).std() > 10


def test_a_click_picks_its_style():
    pick = widgets.style_picker(["first", "second"])
    assert pick(types.SimpleNamespace(index=1)) == "second"


def test_visitors_see_refusals():
    with pytest.raises(gr.Error, match="too large"), widgets.user_errors():
        raise errors.InputError("too large")
    with pytest.raises(ZeroDivisionError), widgets.user_errors():
        raise ZeroDivisionError


@pytest.mark.parametrize(("shape", "expected"), [((40, 60), (20, 30)), ((60, 20), (30, 10)), ((8, 30), (8, 30))])
def test_shrinks_and_never_enlarges(shape, expected):
    picture = np.full((*shape, 3), 77, np.uint8)
    np.testing.assert_array_equal(widgets.shrink(picture, 30), np.full((*expected, 3), 77, np.uint8))


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ({"status": "waiting"}, "Waiting for its turn."),
        ({"status": "running"}, "Preparing."),
        ({"status": "running", "step": 3, "steps": 9}, "Step 3 of 9"),
        ({"status": "running", "step": 3, "steps": 9, "remaining": 4.4}, "Step 3 of 9, 4 s left"),
        ({"status": "failed", "error": "the disk is full"}, "Failed: the disk is full"),
        ({"status": "stopped"}, "Stopped."),
        ({"status": "done"}, "Done."),
    ],
)
def test_status_line(state, line):
    assert optimize_tab._status_line({"step": None, "steps": None, "remaining": None, **state}) == line


def request(session):
    return types.SimpleNamespace(session_hash=session)


def followed(tmp_path, departure, statuses):
    """Updates of a job that has these statuses, and whether the job was still watched in the end."""
    images.save_image(tmp_path / "result.png", runs.photo(6, 9).rgb)
    job = types.SimpleNamespace(
        preview=b"",
        result=tmp_path / "result.png",
        name="secret",
        described=lambda: {"status": "done", "steps": 1, "step": 1, "remaining": 0.0},
    )
    watched = []

    async def changes(_):
        watched.append(True)
        try:
            for status in statuses:
                if status == "leave":
                    departure.set()
                yield status
        finally:
            watched.clear()

    async def collect():
        service = types.SimpleNamespace(jobs=types.SimpleNamespace(changes=changes))
        return [update async for update in optimize_tab._follow(service, job, departure)], bool(watched)

    return asyncio.run(collect())


def test_follows_a_job_and_skips_heartbeats(tmp_path):
    updates, _ = followed(tmp_path, asyncio.Event(), ["waiting", "", "done"])
    (first, _, name), (last, line, _) = updates
    assert first is None
    assert last.shape == (6, 9, 3)
    assert (line, name) == ("Done.", "secret")


def test_follows_no_longer_than_its_visitor_stays(tmp_path):
    updates, is_watched = followed(tmp_path, asyncio.Event(), ["waiting", "leave", "running", "done"])
    assert len(updates) == 1
    assert not is_watched


def test_visitors_that_leave():
    present = visitors.Visitors()
    first, other = present.departure(request("first")), present.departure(request("other"))
    assert present.departure(request("first")) is first
    asyncio.run(present.leave(request("first")))
    assert (first.is_set(), other.is_set()) == (True, False)
    del first, other
    gc.collect()
    assert len(present._departures) == 0


class FakeService:
    """Counts what the photo tab asks for; paints nothing."""

    def __init__(self):
        self.calls, self.paintings = [], types.SimpleNamespace(reserve=self.reserve, encode=self.encode)

    @contextlib.contextmanager
    def reserve(self, *_):
        yield

    async def encode(self, photo, _):
        self.calls.append("encode")
        return photo

    async def decode(self, _):
        self.calls.append("decode")
        return np.zeros((900, 1200, 3), np.uint8), None

    async def measure(self, *_):
        self.calls.append("measure")
        return "vector"

    async def paint(self, look, photo, strength=1.0, painting=None, disconnected=None):
        self.calls.append((look.parts, strength, painting))
        return photo


@pytest.fixture
def mixable(monkeypatch):
    monkeypatch.setattr(stylizer.vectors, "named", lambda: {"starry_night": None, "unknown_lake": None})


class TestPhotoTab:
    @pytest.fixture
    def preview(self, tmp_path):
        """Previews with given values of the controls, in one session, and what was asked of the service."""
        files = {name: tmp_path / f"{name}.png" for name in ("photo", "painting")}
        for file in files.values():
            file.write_bytes(b"picture")
        service, session = FakeService(), None
        handlers = photo_tab._Handlers(service, visitors.Visitors())

        def show(style="starry_night", painting=None, second="", blend=0.5, strength=1.0):
            nonlocal session
            given = (str(files["photo"]), style, painting and str(files[painting]), second, blend, strength, False)
            pictures, session = asyncio.run(handlers.preview(*given, session, request("visitor")))
            calls, service.calls = service.calls, []
            return pictures[1].shape[:2], calls

        return show

    def test_a_trained_style_alone_has_its_own_network_and_is_painted_once(self, preview):
        shape, calls = preview()
        assert (shape, calls) == ((576, 768), ["decode", ((("starry_night", 1.0),), 1.0, None)])
        assert preview(strength=0.5) == ((576, 768), [])

    @pytest.mark.usefixtures("mixable")
    def test_changes_of_a_mixture_only_paint(self, preview):
        shape, calls = preview(second="unknown_lake", blend=0.25)
        mixture = (("starry_night", 0.75), ("unknown_lake", 0.25))
        assert (shape, calls) == ((384, 512), ["decode", "encode", (mixture, 1.0, None)])
        assert preview(second="unknown_lake", blend=0.25, strength=0.5)[1] == [(mixture, 0.5, None)]
        assert preview(second="unknown_lake", blend=1)[1] == [((("unknown_lake", 1.0),), 1.0, None)]

    def test_a_painting_of_the_visitors_is_measured_once(self, preview):
        alone = ((looks.UPLOAD, 1.0),)
        assert preview(looks.UPLOAD, "painting")[1] == ["decode", "measure", "encode", (alone, 1.0, "vector")]
        assert preview(looks.UPLOAD, "painting", strength=0.5)[1] == [(alone, 0.5, "vector")]

    def test_a_style_that_is_gone(self, preview):
        with pytest.raises(gr.Error, match="painting is missing"):
            preview(looks.UPLOAD)

    @pytest.mark.usefixtures("mixable")
    def test_a_painting_becomes_a_tile_and_goes_again(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
        images.save_image(tmp_path / "mine.png", runs.photo(6, 9).rgb)
        names = widgets.style_names()
        gallery, style, second = photo_tab._show_painting(str(tmp_path / "mine.png"), names[2], "unknown_lake")
        assert (style, gallery.selected_index, len(gallery.value)) == (looks.UPLOAD, len(names), len(names) + 1)
        assert (second.value, "Unknown Lake" in dict(second.choices)) == ("unknown_lake", True)
        gallery, style, second = photo_tab._show_painting(None, looks.UPLOAD, looks.UPLOAD)
        assert (style, gallery.selected_index, len(gallery.value)) == (names[0], 0, len(names))
        assert second.value == ""
        assert photo_tab._show_painting(None, names[3], "")[1] == names[3]


def test_the_least_recent_value_is_forgotten():
    kept = recent.Recent[int](2)
    for key, value in zip("ab", (1, 2), strict=True):
        kept.put(key, value)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
