"""H.264 with color tags, the same for films and timelapses."""

import fractions
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfstyle.video import pyav

__all__ = ["add_stream", "encode_mp4", "to_frame"]

# x264's constant rate factor: 18 is close to visually lossless. Without B-frames, films can be cut between any frames.
_OPTIONS = {"crf": "18", "preset": "fast", "bf": "0"}
# ITU-T H.273, tables 2-4: BT.709, limited range. Without tags, a player guesses from the size of the picture.
_BT709, _LIMITED = 1, 1


def add_stream(container: Any, size: tuple[int, int], rate: fractions.Fraction) -> Any:
    """Adds an H.264 stream with color tags to an open container.

    Args:
        container: PyAV's, for writing.
        size: height and width. Odd sides get full chroma (4:4:4), which fewer players support.
        rate: frames per second.

    Returns:
        PyAV's stream.
    """
    stream = container.add_stream("libx264", rate=rate, options=_OPTIONS)
    stream.height, stream.width = size
    stream.pix_fmt = _format(size)
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED
    return stream


def to_frame(pixels: np.ndarray) -> Any:
    """Converts ``[H, W, 3]``, uint8, sRGB to a frame for such a stream."""
    frame = pyav.import_av().VideoFrame.from_ndarray(pixels, format="rgb24")
    return frame.reformat(format=_format(pixels.shape[:2]), dst_colorspace=_BT709)


def encode_mp4(frames: Sequence[np.ndarray], rate: int) -> bytes:
    """Encodes a silent film in memory.

    Args:
        frames: ``[H, W, 3]`` each, uint8, all of one size.
        rate: frames per second.

    Returns:
        An MP4 file's content.
    """
    buffer = io.BytesIO()
    with pyav.import_av().open(buffer, "w", format="mp4") as container:
        stream = add_stream(container, frames[0].shape[:2], fractions.Fraction(rate))
        for frame in frames:
            container.mux(stream.encode(to_frame(frame)))
        container.mux(stream.encode())
    return buffer.getvalue()


def _format(size: tuple[int, ...]) -> str:
    return "yuv444p" if any(side % 2 for side in size) else "yuv420p"
