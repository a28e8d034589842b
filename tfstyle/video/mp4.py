"""Painted films as MP4: H.264, with the original's sound, subtitles, chapters, title and date."""

import contextlib
import fractions
import heapq
import pathlib
from typing import Any

from tfstyle.video import audio, decoding, h264, parts, reader

__all__ = ["Mp4Writer"]

# The index comes first, so that a browser can start before it has everything.
_OPTIONS = {"movflags": "+faststart"}


class Mp4Writer(parts.PartsWriter):
    """Writes an MP4; see `PartsWriter`."""

    def __init__(self, path: pathlib.Path, film: reader.Film, size: tuple[int, int]) -> None:
        super().__init__(path, film, size)
        if film.extra_tracks and film.extra_tracks.left_out:
            self.notes = (f"not kept: {', '.join(film.extra_tracks.left_out)}",)

    def _add_stream(self, container: Any) -> Any:
        stream = h264.add_stream(container, self._size, self._film.rate)
        stream.codec_context.sample_aspect_ratio = self._film.pixel_aspect
        return stream

    def _to_picture(self, frame: decoding.Frame) -> Any:
        return h264.to_frame(frame.pixels)

    def _assemble(self, path: pathlib.Path) -> None:
        with contextlib.ExitStack() as stack:
            result = stack.enter_context(self._av.open(str(path), "w", options=_OPTIONS))
            with self._av.open(str(self.part(0))) as first:
                video = result.add_stream_from_template(first.streams.video[0])
            video.time_base = self._film.tick
            sources = [self._packets(video)]
            film, extra = self._film, self._film.extra_tracks
            if extra:
                sources += extra.add(film.path, result, film.origin, self._end(), stack)
            for _, packets in heapq.merge(*sources, key=lambda pair: pair[0]):
                result.mux(packets)

    def _packets(self, stream: Any) -> audio.TimedPackets:
        for number, part in enumerate(self._open_parts()):
            packets = [packet for packet in part.demux(video=0) if packet.size]
            for packet in packets:
                packet.stream = stream
                if packet is packets[-1] and number == self.parts - 1:
                    packet.duration = round(self.last_duration * self._film.tick / packet.time_base)
                yield packet.pts * packet.time_base, packet

    def _end(self) -> fractions.Fraction:
        with self._av.open(str(self.part(self.parts - 1))) as part:
            last = max(packet.pts * packet.time_base for packet in part.demux(video=0) if packet.size)
        return last + self.last_duration * self._film.tick
