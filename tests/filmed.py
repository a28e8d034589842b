"""Films drawn by code, for tests: a picture that moves, with a tone, at any times."""

import fractions
import pathlib
from collections.abc import Sequence

import av
import numpy as np

RATE = 25


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth random colours, ``[H, W, 3]``, float64, 0..255."""
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
    """Frames in which everything moves to the left by some pixels."""
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
        times: when they are shown, in ticks; one after the other if nothing is said.
        tick: seconds.
        sound: codec of a tone as long as the film; none if empty.
        sampling: of the tone, per second.
        layout: of its channels.
        rotation: degrees, counterclockwise, that a player is told to turn it.
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
                container.mux(audio.encode(_tone(start, sampling, layout)))
            container.mux(audio.encode(None))
    return path


def _tone(start: int, sampling: int = 48000, layout: str = "stereo") -> av.AudioFrame:
    wave = (8000 * np.sin(np.arange(start, start + 1024) * 2 * np.pi * 440 / sampling)).astype(np.int16)
    channels = av.AudioLayout(layout).nb_channels
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = sampling, start, fractions.Fraction(1, sampling)
    return frame
