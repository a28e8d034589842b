"""`tfstyle.paint_film`: what comes out, how it stops and continues, what it reports."""

import errno
import fractions
import functools
import itertools
import pathlib

import av
import filmed
import numpy as np
import pytest
from filmed import difference, files, frames, times
from PIL import Image, ImageSequence

import tfstyle
from tfstyle import checkpoints, errors, stylizer
from tfstyle.video import decoding, painter, reader

STYLE = "starry_night"
COUNT = 24

_load = functools.cache(stylizer.Stylizer)


@pytest.fixture(autouse=True)
def film(tmp_path, monkeypatch):
    """The current folder holds film.mp4: moving colors with a tone. The network is loaded once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stylizer, "Stylizer", _load)
    return filmed.write(pathlib.Path("film.mp4"), filmed.pan(COUNT), sound="aac")


def paint(result, source="film.mp4", **settings):
    """Paints a film; returns the last progress."""
    *_, last = tfstyle.paint_film(source, result, STYLE, **settings)
    return last


def test_a_painted_video():
    steps = list(tfstyle.paint_film("film.mp4", "out.mp4", STYLE))
    assert [step.step for step in steps] == [*range(1, COUNT + 1), COUNT]
    assert [step.step < step.steps for step in steps] == [True] * COUNT + [False]
    before, after = reader.open_film("film.mp4"), reader.open_film("out.mp4")
    assert (after.height, after.width, after.rate, after.has_audio) == (before.height, before.width, before.rate, True)
    assert times("out.mp4") == times("film.mp4")
    assert difference(frames("out.mp4"), frames("film.mp4")) > 20
    assert files() == {"out.mp4"}


def test_gif_to_gif_and_folder_to_video():
    pathlib.Path("in").mkdir()
    for number, frame in enumerate(filmed.pan(4)):
        Image.fromarray(frame).save(f"in/{number}.png")
    paint("out.gif", "in")
    paint("again.mp4", "out.gif")
    assert times("again.mp4") == times("out.gif") == pytest.approx([0, 0.04, 0.08, 0.12])


def test_strength_from_the_video_itself_to_the_painting():
    original, changes = frames("film.mp4"), []
    for strength in (0, 0.4, 1):
        paint(f"out {strength:.0%}", strength=strength)
        changes.append(difference(frames(f"out {strength:.0%}"), original))
    assert changes[0] == 0
    assert 1 < changes[1] < changes[2]


def test_colors_can_be_kept():
    paint("kept", keep_colors=True)
    paint("painted")

    def chroma(pictures):
        return [each.astype(float) - each.astype(float) @ np.array([[0.299], [0.587], [0.114]]) for each in pictures]

    original, kept, painted = (chroma(frames(name)) for name in ("film.mp4", "kept", "painted"))
    changes = [np.mean([np.abs(a - b).mean() for a, b in zip(each, original, strict=True)]) for each in (kept, painted)]
    assert changes[0] < 0.6 * changes[1]


@pytest.mark.parametrize(("size", "expected"), [(50, (32, 50)), (192, (128, 192))])
def test_another_size(size, expected):
    paint("out.mp4", size=size)
    assert frames("out.mp4")[0].shape[:2] == expected


def test_less_than_half_of_the_flicker():
    """Each frame is compared to the previous one, moved by the known motion."""
    paint("filtered")
    paint("single", flicker=True)

    def flicker(name):
        pictures = [picture.astype(float)[8:-8, 8:-8] for picture in frames(name)][4:]
        return np.mean([np.mean((b[:, :-2] - a[:, 2:]) ** 2) for a, b in itertools.pairwise(pictures)])

    assert flicker("filtered") < 0.5 * flicker("single")


class TestStopping:
    @pytest.fixture(autouse=True)
    def _small_parts(self, monkeypatch):
        monkeypatch.setattr(painter, "_PART", 5)

    def stop(self, result, count, **settings):
        """Closes the iterator after a number of frames."""
        steps = tfstyle.paint_film("film.mp4", result, STYLE, **settings)
        assert next(itertools.islice(steps, count - 1, None)).step == count
        steps.close()

    @pytest.mark.parametrize("count", [1, 5, 7])
    def test_leaves_a_playable_video_and_a_checkpoint(self, count):
        self.stop("out.mp4", count)
        assert times("out.mp4") == times("film.mp4")[:count]
        with av.open("out.mp4") as container:
            assert container.duration / 1e6 == pytest.approx(count / 25, abs=0.03)
        assert checkpoints.path_for("out.mp4").exists()

    def test_resumed_video_is_the_same_to_the_bit(self):
        paint("whole")
        self.stop("out", 7)
        last = paint("out", resume=True)
        assert (last.step, last.resumed) == (COUNT, 7)
        for ours, expected in zip(frames("out"), frames("whole"), strict=True):
            np.testing.assert_array_equal(ours, expected)
        assert not checkpoints.path_for("out").exists()

    def test_ctrl_c_within_a_frame_leaves_a_video(self, monkeypatch):
        add, added = painter.outputs.mp4.Mp4Writer.add, []

        def interrupted(self, frame):
            added.append(frame.time)
            if len(added) == 9:
                raise KeyboardInterrupt
            add(self, frame)

        monkeypatch.setattr(painter.outputs.mp4.Mp4Writer, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            paint("out.mp4")
        assert times("out.mp4") == times("film.mp4")[: len(added) - 2]  # One frame was a rehearsal, one is missing.

    def test_resume_refuses_other_settings(self):
        self.stop("out.mp4", 7)
        before = files()
        with pytest.raises(errors.InputError, match=r"strength was 1\.0, now 0\.5"):
            paint("out.mp4", resume=True, strength=0.5)
        assert files() == before

    def test_full_disk(self, monkeypatch):
        """One line, and the film continues when there is room again."""
        self.stop("out.mp4", 7)

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(painter.outputs.mp4.h264, "to_frame", full)
            with pytest.raises(errors.ShortageError, match=r"out\.mp4: cannot be written: No space left on dev"):
                paint("out.mp4", resume=True)
        assert paint("out.mp4", resume=True).step == COUNT
        assert times("out.mp4") == times("film.mp4")


class TestOddFilms:
    def test_avi_with_mp3(self):
        """Every old Xvid film: the AVI's times are too coarse for its sound."""
        filmed.write(pathlib.Path("film.avi"), filmed.pan(COUNT), sound="libmp3lame", sampling=44100)
        paint("out.mp4", "film.avi")
        with av.open("out.mp4") as container:
            sound = [packet.dts for packet in container.demux(audio=0) if packet.size]
            assert np.unique(np.diff(sound)).tolist() == [1024]
            assert container.duration / 1e6 == pytest.approx(times("film.avi")[-1] + 0.04, abs=0.05)

    def test_muxer_errors_are_found_before_painting(self, monkeypatch):
        def refused(*_):
            raise av.error.ArgumentError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr(painter.outputs.mp4.audio, "packets", refused)
        steps = tfstyle.paint_film("film.mp4", "out.mp4", STYLE)
        with pytest.raises(errors.InputError, match=r"out\.mp4: cannot be written: Invalid argument"):
            next(steps)
        assert files() == set()

    def test_damaged_frames_are_skipped_and_counted(self):
        filmed.damage(filmed.write(pathlib.Path("broken.mp4"), filmed.pan(20)), 8, 4)
        last = paint("out.mp4", "broken.mp4")
        assert (last.step, last.skipped, last.is_truncated) == (16, 4, False)
        shown = times("out.mp4")
        assert len(shown) == 16
        assert set(shown) < {number / 25 for number in range(20)}

    @pytest.mark.parametrize("suffix", ["mkv", "avi"])
    def test_truncated_video(self, suffix):
        path = filmed.write(pathlib.Path(f"film.{suffix}"), filmed.pan(80, step=1), sound="aac")
        assert not any(self.truncated(path))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        last = paint("out.mp4", path)
        assert 20 < last.step < 60
        assert last.is_truncated

    def truncated(self, path):
        decoder = reader.open_film(path).frames()
        return [decoder.is_truncated for _ in decoder] + [decoder.is_truncated]

    def test_hdr_is_tone_mapped_and_reported(self, monkeypatch):
        monkeypatch.setattr(
            decoding.tone_mapping, "ToneMapper", lambda: lambda _, *size: np.zeros((*size, 3), np.uint8)
        )
        last = paint("out.mp4", filmed.write_hdr(pathlib.Path("hdr.mp4"), 16))
        assert last.notes == ("tone-mapped from HDR (PQ) to SDR",)

    def test_song_with_a_cover_is_not_a_video(self):
        with pytest.raises(errors.InputError, match=r"song\.mp3 contains no video stream: use a video file"):
            paint("out.mp4", filmed.write_song(pathlib.Path("song.mp3")))

    @pytest.mark.parametrize("name", ["out.gif", "frames"])
    def test_anamorphic_video_gets_square_pixels(self, name):
        with av.open("wide.mkv", "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
            stream.codec_context.sample_aspect_ratio = fractions.Fraction(4, 3)
            container.mux([*stream.encode(av.VideoFrame.from_ndarray(filmed.pan(1)[0])), *stream.encode()])
        paint(name, "wide.mkv")
        assert frames(name)[0].shape == (64, 128, 3)
        paint("out.mp4", "wide.mkv")
        kept = reader.open_film("out.mp4")
        assert (kept.height, kept.width, kept.pixel_aspect) == (64, 96, fractions.Fraction(4, 3))

    def test_transparent_video(self):
        """What a WebM hides is white in an MP4 and stays hidden elsewhere."""
        filmed.write_transparent(pathlib.Path("in.webm"))
        paint("out.mp4", "in.webm", strength=0)
        left = frames("out.mp4")[0][:, :28]
        assert left.min() > 245
        for name, path in (("frames", "frames/000001.png"), ("out.gif", "out.gif")):
            paint(name, "in.webm")
            with Image.open(path) as picture:
                alpha = np.asarray(picture.convert("RGBA"))[..., 3]
            assert alpha[:, :28].max() == 0
            assert alpha[:, 36:].min() == 255


class TestGif:
    def test_delays_repetitions_and_transparency(self):
        pictures = []
        for left in (0, 8, 16):
            picture = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
            picture.paste((200, 60, 20, 255), (left, 0, left + 8, 32))
            pictures.append(picture)
        pictures[0].save(
            "in.gif", save_all=True, append_images=pictures[1:], duration=[200, 200, 700], loop=3, disposal=2
        )
        paint("out.gif", "in.gif")
        with Image.open("out.gif") as painted:
            shown = [(each.info["duration"], each.convert("RGBA")) for each in ImageSequence.Iterator(painted)]
            assert painted.info["loop"] == 3
        assert [duration for duration, _ in shown] == [200, 200, 700]
        for number, (_, picture) in enumerate(shown):
            visible = np.asarray(picture)[16, 4:32:8, 3]
            assert visible.tolist() == [255 if place == number else 0 for place in range(4)]

    def test_played_once(self):
        first, *others = [Image.fromarray(frame) for frame in filmed.pan(2)]
        first.save("in.gif", save_all=True, append_images=others, duration=100)
        paint("out.gif", "in.gif")
        with Image.open("out.gif") as painted:
            assert "loop" not in painted.info

    def test_fast_videos_are_thinned_out(self):
        """Browsers show a frame for 100 ms if it asks for less than 20."""
        filmed.write(pathlib.Path("fast.mkv"), filmed.pan(24), tick=fractions.Fraction(1, 120))
        paint("out.gif", "fast.mkv")
        with Image.open("out.gif") as painted:
            delays = [each.info["duration"] for each in ImageSequence.Iterator(painted)]
        assert min(delays) >= 20
        assert sum(delays) == pytest.approx(200, abs=30)
