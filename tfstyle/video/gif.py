"""Painted films as GIF: a palette for each frame, with the original's times, repetitions and transparency."""

import fractions
import pathlib
from typing import Any

import numpy as np

from tfstyle.video import decoding, parts, reader, writer

__all__ = ["GifWriter"]

_TICK = fractions.Fraction(1, 100)
# Browsers show a frame for 10 ticks if it asks for less than 2.
_SHORTEST = 2
# A palette for each frame: one for the whole film would need all frames before the first could be written.
_FILTERS = (("palettegen", "stats_mode=single"), ("paletteuse", "new=1"))


class GifWriter(parts.PartsWriter):
    """Writes a GIF; see `PartsWriter`."""

    def __init__(self, path: pathlib.Path, film: reader.Film, size: tuple[int, int]) -> None:
        super().__init__(path, film, size)
        self.notes = writer.silence_note(film)

    @property
    def _format(self) -> str:
        return "bgra" if self._film.has_alpha else "bgr0"

    def _add_stream(self, container: Any) -> Any:
        stream = container.add_stream("ffv1", rate=self._film.rate)
        stream.height, stream.width = self._size
        stream.pix_fmt = self._format
        return stream

    def _to_picture(self, frame: decoding.Frame) -> Any:
        opaque = np.full(frame.pixels.shape[:2], 255, np.uint8)
        pixels = np.dstack([frame.pixels, opaque if frame.alpha is None else frame.alpha])
        return self._av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=self._format)

    def _assemble(self, path: pathlib.Path) -> None:
        times, last_delay = self._times()
        loop = "-1" if self._film.loops is None else str(self._film.loops)
        options = {"loop": loop, "final_delay": str(last_delay)}
        with self._av.open(str(path), "w", options=options) as result:
            stream = result.add_stream("gif", rate=self._film.rate)
            stream.height, stream.width = self._size
            stream.pix_fmt, stream.codec_context.time_base = "pal8", _TICK
            graph = _palette_graph(self._av, self._size, self._format)
            for part in self._open_parts():
                for picture in part.decode(video=0):
                    time = _ticks(picture.pts * picture.time_base)
                    if time in times:
                        times.remove(time)
                        graph.push(picture)
                        painted = graph.pull()
                        painted.pts, painted.time_base = time, _TICK
                        result.mux(stream.encode(painted))
            result.mux(stream.encode())

    def _times(self) -> tuple[set[int], int]:
        """Times of the frames to keep, and the delay of the last one, all in GIF's ticks."""
        kept: list[int] = []
        time = 0
        end = fractions.Fraction(0)
        for part in self._open_parts():
            for packet in part.demux(video=0):
                if packet.size:
                    end = packet.pts * packet.time_base
                    time = _ticks(end)
                    if not kept or time - kept[-1] >= _SHORTEST:
                        kept.append(time)
        end += self.last_duration * self._film.tick
        return set(kept), max(_SHORTEST, _ticks(end) - kept[-1])


def _ticks(seconds: fractions.Fraction) -> int:
    return round(seconds / _TICK)


def _palette_graph(av: Any, size: tuple[int, int], pixel_format: str) -> Any:
    graph = av.filter.Graph()
    height, width = size
    source = graph.add_buffer(width=width, height=height, format=pixel_format, time_base=_TICK)
    split = graph.add("split")
    make, use = (graph.add(name, options) for name, options in _FILTERS)
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(make, 1, 0)
    make.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
