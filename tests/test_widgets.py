"""What the page's tabs share, and what they say: without a browser, which test_page.py needs."""

import asyncio
import types

import gradio as gr
import numpy as np
import pytest
import runs

from tfstyle import errors, images, stylebook
from tfstyle.service.page import optimize_tab, widgets


def test_the_second_network_of_a_painting_is_the_large_one():
    names, gallery = widgets.style_gallery()
    labels = [entry["caption"] if isinstance(entry, dict) else entry[1] for entry in gallery.value]
    assert names == list(stylebook.trained())
    assert len(set(labels)) == len(labels) == len(names)
    assert {name for name, label in zip(names, labels, strict=True) if label.startswith("large: ")} == {
        name for name in names if name.endswith("_johnson")
    }


def test_a_click_names_its_style():
    choose = widgets.style_picker(["first", "second"])
    assert choose(types.SimpleNamespace(index=1)) == "second"


def test_a_refusal_is_told_to_the_visitor():
    with pytest.raises(gr.Error, match="too large"), widgets.user_errors():
        raise errors.InputError("too large")
    with pytest.raises(ZeroDivisionError), widgets.user_errors():
        raise ZeroDivisionError


@pytest.mark.parametrize(("shape", "expected"), [((40, 60), (20, 30)), ((60, 20), (30, 10)), ((8, 30), (8, 30))])
def test_small_enough_and_never_enlarged(shape, expected):
    picture = np.full((*shape, 3), 77, np.uint8)
    np.testing.assert_array_equal(widgets.shrink(picture, 30), np.full((*expected, 3), 77, np.uint8))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"status": "waiting"}, "Waiting for its turn."),
        ({"status": "running"}, "Looking at the photo."),
        ({"status": "running", "step": 3, "steps": 9}, "Step 3 of 9"),
        ({"status": "running", "step": 3, "steps": 9, "remaining": 4.4}, "Step 3 of 9, 4 s left"),
        ({"status": "failed", "error": "the disk is full"}, "It failed: the disk is full"),
        ({"status": "stopped"}, "Stopped."),
        ({"status": "done"}, "Done."),
    ],
)
def test_what_is_said_of_a_slow_picture(told, said):
    assert optimize_tab._said({"step": None, "steps": None, "remaining": None, **told}) == said


def test_a_slow_picture_is_shown_whenever_it_has_changed(tmp_path):
    """And not for the words that only keep connections alive."""
    images.save_image(tmp_path / "result.png", runs.photo(6, 9).rgb)
    picture = types.SimpleNamespace(
        preview=b"",
        result=tmp_path / "result.png",
        name="secret",
        described=lambda: {"status": "done", "steps": 1, "step": 1, "remaining": 0.0},
    )

    async def changes(_):
        for status in ("waiting", "", "done"):
            yield status

    async def seen():
        service = types.SimpleNamespace(jobs=types.SimpleNamespace(changes=changes))
        return [step async for step in optimize_tab._developed(service, picture)]

    (first, _, name), (last, said, _) = asyncio.run(seen())
    assert first is None
    assert last.shape == (6, 9, 3)
    assert (said, name) == ("Done.", "secret")
