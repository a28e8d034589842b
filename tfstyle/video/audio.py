"""A film's sound, as far as there are pictures."""

import fractions
from collections.abc import Iterator
from typing import Any, TypeAlias

from tfstyle.video import reader

__all__ = ["packets"]

# Time in seconds, and what is to be written then.
_Timed: TypeAlias = Iterator[tuple[fractions.Fraction, Any]]
# ISO/IEC 14496-3, table 1.18: sampling rates of AAC; sound of any other becomes the first one.
_AAC_RATES = (48000, 44100, 96000, 88200, 64000, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def packets(original: Any, origin: fractions.Fraction, result: Any, end: fractions.Fraction) -> _Timed:
    """AAC as it is, anything else as AAC.

    Args:
        original: an open container with sound.
        origin: of its times, seconds.
        result: a container to be written; gets an audio stream.
        end: where to stop, seconds from the origin.

    Returns:
        Packets, or lists of them, with their times from the origin.
    """
    source = original.streams.audio[0]
    if source.codec_context.name == "aac":
        return _copied(source, result.add_stream_from_template(source), origin, end)
    rate = source.codec_context.sample_rate
    stream = result.add_stream("aac", rate=rate if rate in _AAC_RATES else _AAC_RATES[0])
    stream.layout = "mono" if source.codec_context.layout.nb_channels == 1 else "stereo"
    return _encoded(source, stream, origin, end)


def _copied(source: Any, stream: Any, origin: fractions.Fraction, end: fractions.Fraction) -> _Timed:
    shift = round(origin / source.time_base)
    for packet in source.container.demux(source):
        if packet.dts is None:
            continue
        packet.dts, packet.pts, packet.stream = packet.dts - shift, packet.pts - shift, stream
        time = packet.dts * packet.time_base
        if time >= end:
            return
        yield time, packet


def _encoded(source: Any, stream: Any, origin: fractions.Fraction, end: fractions.Fraction) -> _Timed:
    shift = round(origin / source.time_base)
    time = fractions.Fraction(0)
    fitted: Any = None
    kind: tuple | None = None
    for frame in _heard(source):
        if kind != (frame.format.name, frame.layout.name, frame.sample_rate):  # It may change in the middle.
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            fitted = reader.import_av().AudioResampler(format="fltp", layout=stream.layout, rate=stream.sample_rate)
        if frame.pts is not None:
            frame.pts -= shift
            time = frame.pts * frame.time_base
        if time >= end:
            break
        yield time, [packet for part in fitted.resample(frame) for packet in stream.encode(part)]
    yield time, stream.encode(None)


def _heard(source: Any) -> Iterator[Any]:
    """Decoded sound; what is damaged is left out."""
    for packet in source.container.demux(source):
        try:
            yield from packet.decode()
        except reader.import_av().FFmpegError:
            continue
