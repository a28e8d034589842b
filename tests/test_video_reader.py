"""Reading films: every frame, its time, upright, from files and folders."""

import fractions
import sys

import av
import filmed
import numpy as np
import pytest
from PIL import Image

from tfstyle import errors
from tfstyle.video import reader

# Mean gray levels lost by H.264 with subsampled chroma. A wrong frame or rotation is off by 40 and more.
LOSS = 9


def read(clip, size=None):
    return list(clip.frames(size or (clip.height, clip.width)))


@pytest.fixture
def film(tmp_path):
    return filmed.write(tmp_path / "film.mp4", filmed.pan(10), sound="aac")


def test_properties(film):
    clip = reader.open_film(film)
    assert (clip.height, clip.width, clip.rate, clip.count, clip.has_audio) == (64, 96, 25, 10, True)
    assert clip.pixel_aspect == 1


def test_all_frames_at_their_times(film):
    clip = reader.open_film(film)
    frames = read(clip)
    assert [frame.time * clip.tick for frame in frames] == [fractions.Fraction(number, 25) for number in range(10)]
    for frame, original in zip(frames, filmed.pan(10), strict=True):
        assert frame.pixels.dtype == np.uint8
        assert np.abs(frame.pixels.astype(int) - original).mean() < LOSS


def test_variable_frame_rate(tmp_path):
    times, tick = [0, 10, 11, 50, 51, 52, 90], fractions.Fraction(1, 1000)
    clip = reader.open_film(filmed.write(tmp_path / "film.mp4", filmed.pan(7), times=times, tick=tick))
    assert [frame.time * clip.tick for frame in read(clip)] == [time * tick for time in times]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_stands_upright(tmp_path, degrees):
    """Films that a player has to turn are turned, their size as well."""
    frames = filmed.pan(3)
    clip = reader.open_film(filmed.write(tmp_path / "film.mp4", frames, rotation=degrees))
    expected = np.rot90(frames[0], degrees // 90)
    assert (clip.height, clip.width) == expected.shape[:2]
    pixels = read(clip)[0].pixels
    assert np.abs(pixels.astype(int) - expected).mean() < LOSS


def test_at_another_size(film):
    assert {frame.pixels.shape for frame in read(reader.open_film(film), (32, 48))} == {(32, 48, 3)}


def test_times_begin_at_zero(tmp_path):
    """The times of transport streams begin anywhere."""
    path = tmp_path / "film.ts"
    clip = reader.open_film(filmed.write(path, filmed.pan(5), sound="aac"))
    assert clip.origin > 0
    assert abs(read(clip)[0].time * clip.tick) < 0.1


def test_gif(tmp_path):
    clip = reader.open_film(
        filmed.write(tmp_path / "film.gif", filmed.pan(4), tick=fractions.Fraction(1, 100), times=[0, 4, 8, 20])
    )
    assert [frame.time * clip.tick for frame in read(clip)] == [fractions.Fraction(time, 100) for time in (0, 4, 8, 20)]


def test_folder_in_the_order_of_names(tmp_path):
    for number, frame in enumerate(filmed.pan(3)):
        Image.fromarray(frame).save(tmp_path / f"{9 - number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    clip = reader.open_film(tmp_path)
    assert (clip.count, clip.rate, clip.has_audio) == (3, 25, False)
    frames = read(clip)
    np.testing.assert_array_equal(frames[0].pixels, filmed.pan(3)[2])
    assert [frame.time * clip.tick for frame in frames] == [0, fractions.Fraction(1, 25), fractions.Fraction(2, 25)]


def test_folder_of_different_sizes(tmp_path):
    for number, size in enumerate([(8, 8), (8, 9)]):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    with pytest.raises(errors.InputError, match=r"1\.png is 8x9, but the first frame is 8x8"):
        read(reader.open_film(tmp_path))


class TestRefuses:
    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(errors.InputError, match="contains no frames: use a folder with"):
            reader.open_film(tmp_path)

    @pytest.mark.parametrize("content", [None, b"", b"this is no film" * 100])
    def test_not_a_video_file(self, tmp_path, content):
        path = tmp_path / "film.mp4"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(errors.InputError, match=r"film\.mp4: cannot be read as a video: .*; use another file"):
            reader.open_film(path)

    def test_sound_alone(self, tmp_path):
        path = tmp_path / "tone.wav"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=48000, layout="stereo")
            container.mux(stream.encode(filmed.tone(0)))
        with pytest.raises(errors.InputError, match=r"tone\.wav contains no video stream: use a video file"):
            reader.open_film(path)

    def test_to_work_without_pyav(self, film, monkeypatch):
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(errors.InputError, match=r'videos need PyAV: pip install "tfstyle\[video\]"'):
            reader.open_film(film)


def test_truncated_video_gives_its_remaining_frames(tmp_path):
    """The frames before the cut are intact."""
    path = filmed.write(tmp_path / "film.mkv", filmed.pan(300, step=1))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = read(reader.open_film(path))
    assert 50 < len(frames) < 300
