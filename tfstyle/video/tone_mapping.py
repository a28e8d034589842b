"""HDR films (PQ, HLG) become SDR, by FFmpeg's scale filter."""

import fractions
import os
from typing import Any

import numpy as np

from tfstyle import errors
from tfstyle.video import pyav

__all__ = ["ToneMapper", "check", "transfer_of"]

# ITU-T H.273, table 3.
_TRANSFERS = {16: "PQ", 18: "HLG"}
# The perceptual intent maps tones and gamut; it needs FFmpeg 8 (PyAV 16).
_OPTIONS = "out_primaries=bt709:out_transfer=bt709:intent=perceptual:flags=bicubic"
_ANY_TICK = fractions.Fraction(1, 1000)  # Times play no role here, but FFmpeg wants a unit.
_COMMAND = (
    "ffmpeg -i IN -vf zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p -c:a copy OUT.mp4"
)


def transfer_of(picture: Any) -> str:
    """Name of a picture's HDR transfer function; empty for SDR."""
    return _TRANSFERS.get(picture.color_trc, "")


def check(path: str | os.PathLike[str]) -> None:
    """Checks that this PyAV can tone-map.

    Raises:
        InputError: it cannot; the message names a command that does.
    """
    av = pyav.import_av()
    try:
        av.filter.Graph().add("scale", f"w=2:h=2:{_OPTIONS}")
    except (av.FFmpegError, ValueError) as error:
        raise errors.InputError(f"{path} is HDR: update PyAV to 16 or later, or convert it: {_COMMAND}") from error


class ToneMapper:
    """Converts the pictures of one film to SDR."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._layout: tuple = ()

    def __call__(self, picture: Any, height: int, width: int) -> np.ndarray:
        """Tone-maps and resizes a picture.

        Args:
            picture: PyAV's.
            height: pixels.
            width: pixels.

        Returns:
            ``[H, W, 3]``, uint8, with BT.709's primaries and transfer function.
        """
        layout = (picture.width, picture.height, picture.format.name, height, width)
        if layout != self._layout:  # It may change within a film.
            self._graph, self._layout = _graph(*layout), layout
        self._graph.push(picture)
        return self._graph.pull().to_ndarray()


def _graph(source_width: int, source_height: int, pixel_format: str, height: int, width: int) -> Any:
    graph = pyav.import_av().filter.Graph()
    source = graph.add_buffer(width=source_width, height=source_height, format=pixel_format, time_base=_ANY_TICK)
    scale = graph.add("scale", f"w={width}:h={height}:{_OPTIONS}")
    graph.link_nodes(source, scale, graph.add("format", "rgb24"), graph.add("buffersink")).configure()
    return graph
