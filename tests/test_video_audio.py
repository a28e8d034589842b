"""A film's sound: AAC is copied, anything else becomes AAC, in time and up to an end."""

import fractions

import av
import filmed
import numpy as np
import pytest

from tfstyle.video import audio


@pytest.fixture(params=[("mp4", "aac"), ("mkv", "flac"), ("ts", "mp2")], ids=lambda kind: kind[1])
def source(request, tmp_path):
    suffix, codec = request.param
    return filmed.write(tmp_path / f"in.{suffix}", filmed.pan(30), sound=codec)


def written(source, path, end, origin=0):
    """Writes the packets up to an end; returns their times."""
    with av.open(str(source)) as original, av.open(str(path), "w") as result:
        timed = list(
            audio.packets(original.streams.audio[0], fractions.Fraction(origin), result, fractions.Fraction(end))
        )
        for _, packets in timed:
            result.mux(packets)
    return [time for time, _ in timed]


def heard(path):
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def test_up_to_the_end(source, tmp_path):
    times = written(source, tmp_path / "out.mp4", fractions.Fraction(1, 2))
    assert times == sorted(times)
    assert max(times[:-1]) < fractions.Fraction(1, 2)
    assert heard(tmp_path / "out.mp4").shape[1] / 48000 == pytest.approx(0.5, abs=0.1)  # FLAC has blocks of 0.096 s.


def test_all_of_it_where_the_video_is_longer(source, tmp_path):
    written(source, tmp_path / "out.mp4", 99, origin=first(source))
    wave = heard(tmp_path / "out.mp4")
    assert wave.shape[1] / 48000 == pytest.approx(1.2, abs=0.07)
    tone = np.abs(np.fft.rfft(wave[0, 9600:-9600]))
    assert np.argmax(tone) * 48000 / (wave.shape[1] - 19200) == pytest.approx(440, abs=3)


def test_times_count_from_the_origin(source, tmp_path):
    origin = first(source) + fractions.Fraction(1, 4)
    assert written(source, tmp_path / "out.mp4", 99, origin)[0] == pytest.approx(-0.25, abs=0.03)


@pytest.mark.parametrize(
    ("sampling", "layout", "expected"),
    [(8000, "mono", (8000, "mono")), (37800, "mono", (48000, "mono")), (192000, "5.1", (48000, "stereo"))],
)
def test_rates_and_channels_that_aac_or_players_do_not_support(tmp_path, sampling, layout, expected):
    sounding = {"sound": "pcm_s16le", "sampling": sampling, "layout": layout}
    source = filmed.write(tmp_path / "in.mkv", filmed.pan(30), **sounding)
    written(source, tmp_path / "out.mp4", 99)
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.audio[0].codec_context
        assert (context.sample_rate, context.layout.name) == expected
    assert heard(tmp_path / "out.mp4").shape[1] / expected[0] == pytest.approx(1.2, abs=0.3)


def test_damaged_packets_are_left_out(tmp_path):
    source = filmed.write(tmp_path / "in.mkv", filmed.pan(30), sound="flac")
    data = bytearray(source.read_bytes())
    middle = len(data) * 2 // 3
    data[middle : middle + 300] = b"\xff" * 300
    source.write_bytes(bytes(data))
    written(source, tmp_path / "out.mp4", 99)
    assert 0.5 < heard(tmp_path / "out.mp4").shape[1] / 48000 < 1.4


def first(source):
    """When a file's sound begins, seconds."""
    with av.open(str(source)) as container:
        packet = next(container.demux(container.streams.audio[0]))
        return packet.pts * packet.time_base
