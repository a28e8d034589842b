"""Films made by code, for tests: moving pictures with a tone, at any times, and the oddities of real films."""

import fractions
import pathlib
from collections.abc import Sequence

import av
import av.subtitles.subtitle
import numpy as np

from tfstyle.video import reader, tracks

RATE = 25


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth random colors, ``[H, W, 3]``, float64, 0..255."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    rows, columns = (
        np.linspace(0, side - 1.001, length) for side, length in zip(coarse.shape, (height, width), strict=False)
    )
    top, left = rows.astype(int), columns.astype(int)
    down, right = (rows - top)[:, None, None], (columns - left)[None, :, None]
    upper = coarse[top][:, left] * (1 - right) + coarse[top][:, left + 1] * right
    lower = coarse[top + 1][:, left] * (1 - right) + coarse[top + 1][:, left + 1] * right
    return upper * (1 - down) + lower * down


def pan(count: int, height: int = 64, width: int = 96, step: int = 2, seed: int = 0) -> list[np.ndarray]:
    """Frames in which everything moves to the left, some pixels per frame."""
    whole = texture(height, width + step * count, seed).astype(np.uint8)
    return [whole[:, step * number : step * number + width] for number in range(count)]


def write(
    path: pathlib.Path,
    frames: Sequence[np.ndarray],
    *,
    times: Sequence[int] | None = None,
    tick: fractions.Fraction = fractions.Fraction(1, RATE),
    sound: str = "",
    sampling: int = 48000,
    layout: str = "stereo",
    rotation: int = 0,
) -> pathlib.Path:
    """Writes a film.

    Args:
        path: ``.mp4``, ``.mkv``, ``.gif``.
        frames: ``[H, W, 3]``, uint8.
        times: when they are shown, in ticks; one after the other by default.
        tick: seconds.
        sound: codec of a tone as long as the film; empty for silence.
        sampling: samples per second.
        layout: of the channels.
        rotation: degrees, counterclockwise, that a player has to turn it.
    """
    times = range(len(frames)) if times is None else times
    with av.open(str(path), "w") as container:
        video = container.add_stream("gif" if path.suffix == ".gif" else "libx264", rate=RATE)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "rgb8" if path.suffix == ".gif" else "yuv420p"
        video.codec_context.time_base = tick
        if rotation:
            video.set_display_rotation(rotation)
        audio = container.add_stream(sound, rate=sampling, layout=layout) if sound else None
        for frame, time in zip(frames, times, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = time, tick
            container.mux(video.encode(picture))
        container.mux(video.encode())
        if audio:
            samples = int(sampling * (times[-1] + 1) * tick)
            for start in range(0, samples, 1024):
                container.mux(audio.encode(tone(start, sampling, layout)))
            container.mux(audio.encode(None))
    return path


def tone(start: int, sampling: int = 48000, layout: str = "stereo") -> av.AudioFrame:
    """1024 samples of 440 Hz, from a sample on."""
    wave = (8000 * np.sin(np.arange(start, start + 1024) * 2 * np.pi * 440 / sampling)).astype(np.int16)
    channels = av.AudioLayout(layout).nb_channels
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = sampling, start, fractions.Fraction(1, sampling)
    return frame


def write_hdr(path: pathlib.Path, transfer: int) -> pathlib.Path:
    """Writes a frame with a gray ramp from black to the brightest code value, 10 bits, BT.2020.

    Args:
        path: ``.mp4``.
        transfer: ITU-T H.273, table 3: 16 for PQ, 18 for HLG.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = 64, 256, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, transfer, 1
        frame = av.VideoFrame(256, 64, "yuv420p10le")
        for plane, values in zip(frame.planes, (np.linspace(64, 940, 256), [512] * 128, [512] * 128), strict=True):
            row = np.zeros(plane.line_size // 2, np.uint16)
            row[: len(values)] = np.round(values)
            plane.update(np.tile(row, plane.height).tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_transparent(path: pathlib.Path, count: int = 3) -> pathlib.Path:
    """Writes a WebM whose left half is invisible; the color hidden there, as in the right half, is red."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[..., 0] = 255
    pixels[:, 32:, 3] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuva420p"
        for time in range(count):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="yuva420p")
            frame.pts, frame.time_base = time, fractions.Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_song(path: pathlib.Path) -> pathlib.Path:
    """Writes an MP3 with a cover picture."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=48000, layout="stereo")
        cover = container.add_stream("png", rate=1)
        cover.height, cover.width, cover.pix_fmt = 64, 96, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux([*cover.encode(av.VideoFrame.from_ndarray(pan(1)[0])), *cover.encode()])
        for start in range(0, 20000, 1024):
            container.mux(sound.encode(tone(start)))
        container.mux(sound.encode(None))
    return path


def write_many_tracks(path: pathlib.Path, count: int = 30) -> pathlib.Path:
    """Writes an MKV with German and English sound (the default), French subtitles, chapters, a title and a year."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE)
        video.height, video.width, video.pix_fmt = 64, 96, "yuv420p"
        german, english = (container.add_stream(codec, rate=48000, layout="stereo") for codec in ("aac", "flac"))
        german.metadata["language"] = "deu"
        english.metadata.update({"language": "eng", "title": "Original"})
        german.disposition, english.disposition = av.stream.Disposition(0), av.stream.Disposition.default
        texts = container.add_stream("subrip")
        texts.codec_context.subtitle_header, texts.metadata["language"] = tracks.ASS_HEADER, "fra"
        texts.codec_context.time_base = fractions.Fraction(1, 1000)
        container.metadata.update({"title": "The sea", "date": "2019", "location": "+48.1+011.6/"})
        container.set_chapters([_chapter("One", 0, 500), _chapter("Two", 500, 1200)])
        for time, frame in enumerate(pan(count)):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = time, fractions.Fraction(1, RATE)
            container.mux(video.encode(picture))
        container.mux(video.encode())
        for stream in (german, english):
            for start in range(0, 48000 * count // RATE, 1024):
                container.mux(stream.encode(tone(start)))
            container.mux(stream.encode(None))
        container.mux([_subtitle(texts, "Bonjour", 100, 400), _subtitle(texts, "Adieu", 600, 900)])
    return path


def _chapter(title: str, start: int, end: int) -> dict:
    return {
        "id": start,
        "start": start,
        "end": end,
        "time_base": fractions.Fraction(1, 1000),
        "metadata": {"title": title},
    }


def _subtitle(stream: av.stream.Stream, text: str, start: int, end: int) -> av.Packet:
    line = f"0,0,Default,,0,0,0,,{text}".encode()
    made = av.subtitles.subtitle.SubtitleSet.create(text=line, start=0, end=end - start, pts=start)
    packet = stream.codec_context.encode_subtitle(made)
    packet.stream, packet.time_base = stream, fractions.Fraction(1, 1000)
    packet.pts = packet.dts = start
    packet.duration = end - start
    return packet


def damage(path: pathlib.Path, first: int, count: int) -> pathlib.Path:
    """Overwrites the packets of some of a film's frames."""
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for position, size in packets[first : first + count]:
        data[position : position + size] = b"\xff" * size
    path.write_bytes(bytes(data))
    return path


def frames(path):
    return [frame.pixels for frame in reader.open_film(path).frames()]


def times(path):
    film = reader.open_film(path)
    return [float(frame.time * film.tick) for frame in film.frames()]


def files():
    return {str(path) for path in pathlib.Path().rglob("*")} - {"film.mp4"}


def difference(one, other):
    return np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(one, other, strict=True)])
