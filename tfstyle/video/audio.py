"""A film's sound: AAC is copied, anything else becomes AAC; times only rise, as MP4 demands."""

import fractions
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from tfstyle.video import pyav

__all__ = ["TimedPackets", "packets"]

TimedPackets: TypeAlias = Iterator[tuple[fractions.Fraction, Any]]
"""Time in seconds, and the packets to write then."""
# ISO/IEC 14496-3, table 1.18: sampling rates of AAC. Sound of any other rate is resampled to the first one.
_AAC_RATES = (48000, 44100, 96000, 88200, 64000, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
# Seconds that the source's times may run ahead of its samples before silence fills the gap: AVI rounds times, and a
# packet's duration is about 0.02 s.
_TOLERANCE = 0.1


def packets(source: Any, origin: fractions.Fraction, result: Any, end: fractions.Fraction) -> TimedPackets:
    """Adds an audio stream to a film and returns its packets.

    Args:
        source: an audio stream of a container open for reading.
        origin: time in the source that becomes 0, seconds.
        result: a container open for writing; gets the stream.
        end: where to stop, seconds from the origin.

    Returns:
        Packets, or lists of them, in the order of their times.
    """
    if source.codec_context.name == "aac":
        stream = result.add_stream_from_template(source)
        return _copied(source, stream, origin, end)
    rate = source.codec_context.sample_rate
    stream = result.add_stream("aac", rate=rate if rate in _AAC_RATES else _AAC_RATES[0])
    stream.layout = "mono" if source.codec_context.layout.nb_channels == 1 else "stereo"
    return _encoded(source, stream, origin, end)


def _copied(source: Any, stream: Any, origin: fractions.Fraction, end: fractions.Fraction) -> TimedPackets:
    shift, last = round(origin / source.time_base), None
    for packet in pyav.demux(source.container, source):
        if packet.dts is None:
            continue
        packet.dts, packet.stream = packet.dts - shift, stream
        if last is not None and packet.dts <= last:
            packet.dts = last + 1
        packet.pts, last = packet.dts, packet.dts  # AAC has no packets out of order.
        time = packet.dts * packet.time_base
        if time >= end:
            return
        yield time, packet


def _encoded(source: Any, stream: Any, origin: fractions.Fraction, end: fractions.Fraction) -> TimedPackets:
    clock = _Clock(stream)
    for frame in _decoded(source):
        time = None if frame.pts is None else frame.pts * frame.time_base - origin
        if (clock.now if time is None else time) >= end:
            break
        clock.start(time)
        yield clock.now, clock.encode(frame, time)
    yield clock.now, clock.flush()


class _Clock:
    """Encodes sound without gaps and counts its samples, which gives every packet its time."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._av = stream, pyav.import_av()
        self._start: int | None = None
        self._samples, self._packets = 0, 0
        self._resampler: Any = None
        self._layout: tuple | None = None

    @property
    def now(self) -> fractions.Fraction:
        """Time of the next sample, seconds."""
        return fractions.Fraction((self._start or 0) + self._samples, self._stream.sample_rate)

    def start(self, time: fractions.Fraction | None) -> None:
        """Sets the time of the first sample, once."""
        if self._start is None:
            self._start = round((time or 0) * self._stream.sample_rate)

    def encode(self, frame: Any, time: fractions.Fraction | None) -> list:
        layout = (frame.format.name, frame.layout.name, frame.sample_rate)
        if layout != self._layout:  # It may change within a film.
            format_ = {"format": "fltp", "layout": self._stream.layout, "rate": self._stream.sample_rate}
            self._resampler, self._layout = self._av.AudioResampler(**format_), layout
        frame.pts = None
        parts = [*self._silence(time), *self._resampler.resample(frame)]
        return [packet for part in parts for packet in self._timed(part)]

    def flush(self) -> list:
        return self._timed(None)

    def _silence(self, time: fractions.Fraction | None) -> Iterator[Any]:
        """Fills a gap before a time."""
        missing = 0 if time is None else time - self.now
        if missing <= _TOLERANCE:
            return
        channels = self._stream.layout.nb_channels
        samples = round(missing * self._stream.sample_rate)
        for start in range(0, samples, self._stream.sample_rate):
            count = min(self._stream.sample_rate, samples - start)
            block = np.zeros((channels, count), np.float32)
            frame = self._av.AudioFrame.from_ndarray(block, format="fltp", layout=self._stream.layout)
            frame.sample_rate = self._stream.sample_rate
            yield frame

    def _timed(self, part: Any) -> list:
        if part is not None:
            self._samples += part.samples
            part.pts = None
        done = self._stream.encode(part)
        size = self._stream.codec_context.frame_size
        for packet in done:
            # The encoder's first packet holds what decoders need before the first sample.
            packet.pts = packet.dts = (self._start or 0) + (self._packets - 1) * size
            packet.time_base, packet.duration = fractions.Fraction(1, self._stream.sample_rate), size
            self._packets += 1
        return done


def _decoded(source: Any) -> Iterator[Any]:
    """Decoded sound; damaged packets are skipped."""
    error = pyav.import_av().FFmpegError
    for packet in pyav.demux(source.container, source):
        try:
            yield from packet.decode()
        except error:
            continue
