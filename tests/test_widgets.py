"""What the page's tabs share and how they follow jobs; no browser needed."""

import asyncio
import gc
import types

import gradio as gr
import numpy as np
import pytest
import runs
from PIL import Image

from tfstyle import errors, images, stylebook
from tfstyle.service.page import optimize_tab, visitors, widgets


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
