"""Writing films: frames, times, size, colors and sound, in one part or many."""

import fractions

import av
import filmed
import numpy as np
import pytest
from PIL import Image

from tfstyle import errors
from tfstyle.video import decoding, outputs, reader

RED = np.full((16, 32, 3), (200, 30, 40), np.uint8)


def copied(source, path, *, size=None, every=4, count=None):
    """Writes a film's frames again, in parts."""
    clip = reader.open_film(source)
    size = size or (clip.height, clip.width)
    film = outputs.open_writer(path, clip, size)
    for number, frame in enumerate(list(clip.frames(size))[:count], start=1):
        film.add(frame)
        if number % every == 0:
            film.pause()
    film.finish()
    return film


def times(path):
    clip = reader.open_film(path)
    return [float(frame.time * clip.tick) for frame in clip.frames((clip.height, clip.width))]


def lengths(path):
    """Seconds of each stream, from the file's header."""
    with av.open(str(path)) as container:
        return {stream.type: float(stream.duration * stream.time_base) for stream in container.streams}


def samples(path):
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


class TestMp4:
    @pytest.mark.parametrize("every", [1, 4, 100])
    def test_same_times_and_length(self, tmp_path, every):
        source = filmed.write(tmp_path / "in.mp4", filmed.pan(30), sound="aac")
        copied(source, tmp_path / "out.mp4", every=every)
        assert times(tmp_path / "out.mp4") == times(source)
        assert lengths(tmp_path / "out.mp4") == pytest.approx(lengths(source), abs=1e-3)

    def test_aac_is_kept_to_the_bit(self, tmp_path):
        source = filmed.write(tmp_path / "in.mp4", filmed.pan(30), sound="aac")
        copied(source, tmp_path / "out.mp4")
        np.testing.assert_array_equal(samples(tmp_path / "out.mp4"), samples(source))

    @pytest.mark.parametrize(("suffix", "codec"), [("mkv", "flac"), ("mkv", "pcm_s16le"), ("ts", "mp2")])
    def test_other_sound_becomes_aac(self, tmp_path, suffix, codec):
        source = filmed.write(tmp_path / f"in.{suffix}", filmed.pan(30), sound=codec)
        copied(source, tmp_path / "out.mp4")
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert container.streams.audio[0].codec_context.name == "aac"
        before, after = samples(source), samples(tmp_path / "out.mp4")
        assert abs(after.shape[1] / 48000 - 1.2) < 0.06
        tone = np.abs(np.fft.rfft(after[0, 9600:-9600]))
        assert abs(np.argmax(tone) * 48000 / (after.shape[1] - 19200) - 440) < 3
        assert before.size > 0

    def test_sound_stays_with_the_picture(self, tmp_path):
        """The times of a transport stream begin anywhere, for both."""
        source = filmed.write(tmp_path / "in.ts", filmed.pan(30), sound="aac")
        copied(source, tmp_path / "out.mp4")

        def apart(path):
            with av.open(str(path)) as container:
                firsts = [next(container.decode(stream)) for stream in (container.streams.video[0],)]
            with av.open(str(path)) as container:
                firsts.append(next(container.decode(container.streams.audio[0])))
            return float(firsts[1].pts * firsts[1].time_base - firsts[0].pts * firsts[0].time_base)

        assert apart(tmp_path / "out.mp4") == pytest.approx(apart(source), abs=0.025)

    def test_sound_ends_with_an_interrupted_video(self, tmp_path):
        source = filmed.write(tmp_path / "in.mp4", filmed.pan(50), sound="aac")
        copied(source, tmp_path / "out.mp4", count=20)
        assert lengths(tmp_path / "out.mp4") == pytest.approx({"video": 0.8, "audio": 0.8}, abs=0.03)

    def test_variable_frame_rate(self, tmp_path):
        tick = fractions.Fraction(1, 1000)
        source = filmed.write(tmp_path / "in.mp4", filmed.pan(7), times=[0, 10, 11, 50, 51, 52, 90], tick=tick)
        copied(source, tmp_path / "out.mp4", every=3)
        assert times(tmp_path / "out.mp4") == times(source)

    @pytest.mark.parametrize(("height", "width"), [(64, 96), (63, 96), (64, 95), (2, 2), (17, 33)])
    def test_any_size(self, tmp_path, height, width):
        source = filmed.write(tmp_path / "in.mp4", filmed.pan(3))
        copied(source, tmp_path / "out.mp4", size=(height, width))
        clip = reader.open_film(tmp_path / "out.mp4")
        assert (clip.height, clip.width) == (height, width)

    def test_non_square_pixels(self, tmp_path):
        source = filmed.write(tmp_path / "in.mp4", filmed.pan(3))
        clip = reader.open_film(source)
        wide = reader.Film(**{**vars(clip), "pixel_aspect": fractions.Fraction(4, 3)})
        film = outputs.open_writer(tmp_path / "out.mp4", wide, (64, 96))
        film.add(decoding.Frame(filmed.pan(1)[0], 0, 0))
        film.finish()
        assert reader.open_film(tmp_path / "out.mp4").pixel_aspect == fractions.Fraction(4, 3)

    def test_colors(self, tmp_path):
        clip = reader.open_film(filmed.write(tmp_path / "in.mp4", filmed.pan(1)))
        film = outputs.open_writer(tmp_path / "out.mp4", clip, (16, 32))
        film.add(decoding.Frame(RED, 0, 1))
        film.finish()
        with av.open(str(tmp_path / "out.mp4")) as container:
            tagged = next(container.decode(video=0))
        assert (tagged.colorspace, tagged.color_primaries, tagged.color_trc, tagged.color_range) == (1, 1, 1, 1)
        painted = next(iter(reader.open_film(tmp_path / "out.mp4").frames((16, 32)))).pixels
        assert np.abs(painted.astype(int) - RED).max() <= 3

    def test_an_existing_file_stays_until_the_video_is_complete(self, tmp_path):
        (tmp_path / "out.mp4").write_text("before")
        clip = reader.open_film(filmed.write(tmp_path / "in.mp4", filmed.pan(1)))
        film = outputs.open_writer(tmp_path / "out.mp4", clip, (16, 32))
        film.add(decoding.Frame(RED, 0, 1))
        film.pause()
        assert (tmp_path / "out.mp4").read_text() == "before"
        film.finish()
        film.clear()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_parts_outlive_the_process(tmp_path):
    """Another writer finds the closed parts, and overwrites the one that was open."""
    source = filmed.write(tmp_path / "in.mp4", filmed.pan(9), sound="aac")
    clip = reader.open_film(source)
    frames = list(clip.frames((64, 96)))
    first, second = (outputs.open_writer(tmp_path / "out.mp4", clip, (64, 96)) for _ in range(2))
    for frame in frames[:4]:
        first.add(frame)
    first.pause()
    first.add(frames[4])  # Killed here.
    second.parts = 1
    for frame in frames[4:]:
        second.add(frame)
    second.finish()
    assert times(tmp_path / "out.mp4") == times(source)


class TestGif:
    def test_times_and_colors(self, tmp_path):
        times_, tick = [0, 4, 8, 20, 24], fractions.Fraction(1, 100)
        source = filmed.write(tmp_path / "in.mp4", filmed.pan(5), times=times_, tick=tick)
        copied(source, tmp_path / "out.gif", every=2)
        assert times(tmp_path / "out.gif") == [time / 100 for time in times_]
        ours, original = (
            np.stack([frame.pixels for frame in reader.open_film(path).frames((64, 96))]).astype(int)
            for path in (tmp_path / "out.gif", source)
        )
        assert np.abs(ours - original).mean() < 12  # 256 colors per frame.


class TestFolder:
    def test_every_frame_is_a_picture(self, tmp_path):
        source = filmed.write(tmp_path / "in.mp4", filmed.pan(5))
        copied(source, tmp_path / "frames")
        names = sorted(path.name for path in (tmp_path / "frames").iterdir())
        assert names == [f"00000{number}.png" for number in range(5)]
        original = list(reader.open_film(source).frames((64, 96)))
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "frames" / "000003.png")), original[3].pixels)

    def test_continues_after_existing_frames(self, tmp_path):
        clip = reader.open_film(filmed.write(tmp_path / "in.mp4", filmed.pan(1)))
        film = outputs.open_writer(tmp_path / "frames", clip, (16, 32))
        film.parts = 7
        film.add(decoding.Frame(RED, 0, 1))
        assert [path.name for path in (tmp_path / "frames").iterdir()] == ["000007.png"]


class TestRefuses:
    @pytest.fixture
    def clip(self, tmp_path):
        return reader.open_film(filmed.write(tmp_path / "in.mp4", filmed.pan(1)))

    def test_other_kinds(self, clip, tmp_path):
        with pytest.raises(
            errors.InputError, match=r"out\.avi: unsupported video format: use \.mp4, \.gif or a folder"
        ):
            outputs.open_writer(tmp_path / "out.avi", clip, (16, 32))

    @pytest.mark.parametrize("name", ["missing/out.mp4", "missing/out.gif", "missing/frames", "in.mp4/frames"])
    def test_missing_folders(self, clip, tmp_path, name):
        with pytest.raises(errors.InputError, match=name.partition("/")[0]):
            outputs.open_writer(tmp_path / name, clip, (16, 32))
