"""Flicker removal, on films with known motion and a painter whose strokes change with every frame."""

import sys

import filmed
import numpy as np
import pytest

from tfstyle import errors
from tfstyle.video import flicker

STEP = 2


def flickering(frames, seed=7):
    """A painter that adds other fine strokes to each frame."""
    random = np.random.default_rng(seed)
    return [np.clip(frame + random.normal(0, 25, frame.shape), 0, 255).astype(np.uint8) for frame in frames]


def warping_error(frames):
    """Mean squared difference from the previous frame, warped by the known motion; the border is left out."""
    pairs = zip(frames[3:], frames[2:], strict=False)
    inside = (slice(8, -8), slice(8, -8 - STEP))
    return np.mean(
        [
            np.mean(np.square(now.astype(float)[:, :-STEP][inside] - before.astype(float)[:, STEP:][inside]))
            for now, before in pairs
        ]
    )


def filtered(frames, painted, steady=None):
    steady = steady or flicker.FlickerFilter()
    return [steady(*pair) for pair in zip(frames, painted, strict=True)]


@pytest.mark.parametrize(("height", "width"), [(96, 128), (65, 97)])
def test_less_than_half_of_the_flicker_is_left(height, width):
    frames = filmed.pan(12, height, width, STEP)
    painted = flickering(frames)
    result = filtered(frames, painted)
    assert warping_error(result) < 0.5 * warping_error(painted)
    assert all(each.dtype == np.uint8 and each.shape == (height, width, 3) for each in result)


def test_fine_strokes_stay_as_strong():
    frames = filmed.pan(30, 96, 128, STEP)
    painted = flickering(frames)

    def fine(picture):
        return np.abs(np.diff(picture.astype(float), axis=1)).mean()

    last = filtered(frames, painted)[-1]
    assert 0.75 * fine(painted[-1]) < fine(last) < 1.1 * fine(painted[-1])


def test_a_video_without_flicker_stays_sharp():
    """A painter without flicker: there is nothing to remove."""
    frames = filmed.pan(15, 96, 128, STEP)
    result = filtered(frames, frames)
    assert np.abs(result[-1].astype(int) - frames[-1])[8:-8, 8:-8].mean() < 3


def test_first_frame_is_left_alone():
    frame = filmed.pan(1)[0]
    np.testing.assert_array_equal(flicker.FlickerFilter()(frame, 255 - frame), 255 - frame)


def test_nothing_is_smeared_over_a_cut():
    frames = filmed.pan(5, seed=1) + filmed.pan(5, seed=2)
    painted = flickering(frames)
    np.testing.assert_array_equal(filtered(frames, painted)[5], painted[5])


def test_a_fade_is_not_a_cut():
    """Brightness changes slowly: previous frames still count."""
    base = filmed.texture(64, 96)
    frames = [(base * share).astype(np.uint8) for share in np.linspace(1, 0.7, 10)]
    painted = flickering(frames)
    assert all(np.any(a != b) for a, b in list(zip(filtered(frames, painted), painted, strict=True))[1:])


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (20, 300), (32, 32), (33, 40)])
def test_any_size(shape):
    frames = flickering([np.full((*shape, 3), 100, np.uint8)] * 3)
    assert [each.shape for each in filtered(frames, frames)] == [(*shape, 3)] * 3


def test_restored_filter_gives_the_same_frames():
    frames = filmed.pan(8)
    painted = flickering(frames)
    whole = filtered(frames, painted)
    first, second = flicker.FlickerFilter(), flicker.FlickerFilter()
    filtered(frames[:4], painted[:4], first)
    second.restore(first.state())
    for a, b in zip(filtered(frames[4:], painted[4:], second), whole[4:], strict=True):
        np.testing.assert_array_equal(a, b)


def test_has_no_state_before_the_first_frame():
    steady = flicker.FlickerFilter()
    assert steady.state() == {}
    steady.restore({})
    frame = filmed.pan(1)[0]
    np.testing.assert_array_equal(steady(frame, frame), frame)


def test_missing_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(errors.InputError, match=r'videos need OpenCV: pip install "tfstyle\[video\]"'):
        flicker.FlickerFilter()
