"""What an MP4 keeps of a film besides its picture: sound, subtitles, chapters, title and date."""

import contextlib
import dataclasses
import fractions
from collections import Counter
from typing import Any

from tfstyle.video import audio, pyav

__all__ = ["ASS_HEADER", "Tracks", "list_tracks"]

# FFmpeg's names of subtitles that are text. The others are pictures, which MP4 cannot hold.
_TEXT = {"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"}
# What FFmpeg's MP4 muxer writes of a film's metadata; its place is left out, as from photos.
_KEPT = {"title", "artist", "album", "album_artist", "composer", "genre", "date", "creation_time", "copyright"}
_KEPT |= {"comment", "description", "synopsis", "show", "episode_id", "network"}
_MILLISECOND = fractions.Fraction(1, 1000)
# FFmpeg's encoder reads its styles from a header, and wants one even for plain text.
ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline,\
 StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclasses.dataclass(frozen=True)
class Tracks:
    """The tracks of a film, by what becomes of them.

    Attributes:
        sound: indices of the sound tracks, the default one first.
        subtitles: indices of the subtitles that are text.
        left_out: names of everything that is not kept.
    """

    sound: tuple[int, ...]
    subtitles: tuple[int, ...]
    left_out: tuple[str, ...]

    def add(
        self, path: Any, result: Any, origin: fractions.Fraction, end: fractions.Fraction, stack: contextlib.ExitStack
    ) -> list[audio.TimedPackets]:
        """Adds all tracks, chapters and metadata to a film.

        Args:
            path: the original film.
            result: a container open for writing.
            origin: time in the original that becomes 0, seconds.
            end: where to stop, seconds from the origin.
            stack: keeps the original open.

        Returns:
            Packets of each track.
        """
        av, replace = pyav.import_av(), {"metadata_errors": "replace"}
        _copy_metadata(stack.enter_context(av.open(str(path), **replace)), result, origin, end)
        sources = []
        for index in (*self.sound, *self.subtitles):
            source = stack.enter_context(av.open(str(path), **replace)).streams[
                index
            ]  # Each track is read at its own pace.
            add = audio.packets if index in self.sound else _subtitles
            sources.append(add(source, origin, result, end))
            _describe(result.streams[-1], source)
        return sources


def list_tracks(container: Any, *, picture: Any) -> Tracks:
    """Decides which tracks an MP4 can keep.

    Args:
        container: PyAV's, open for reading.
        picture: the video stream that is painted.
    """
    av = pyav.import_av()
    is_default = av.stream.Disposition.default
    sound = sorted(
        (each for each in container.streams.audio if each.codec_context is not None),
        key=lambda each: not each.disposition & is_default,
    )
    encodes_text = hasattr(av.subtitles.subtitle.SubtitleSet, "create")  # PyAV 17.
    text = [each for each in container.streams.subtitles if encodes_text and each.codec_context.name in _TEXT]
    kept = {picture.index, *(each.index for each in (*sound, *text))}
    counts = Counter(_name(each) for each in container.streams if each.index not in kept and not _is_chapters(each))
    left_out = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items()]
    if any(name.lower().startswith("location") for name in container.metadata):
        left_out.append("the recording location")
    return Tracks(tuple(each.index for each in sound), tuple(each.index for each in text), tuple(left_out))


def _name(stream: Any) -> str:
    if stream.type == "subtitle":
        return f"subtitle track ({stream.codec_context.name if stream.codec_context else 'unknown'})"
    if stream.type == "video":
        return "cover picture" if stream.disposition & _covers() else "video track"
    return {"attachment": "attachment", "audio": "audio track"}.get(stream.type, "data track")


def _covers() -> Any:
    disposition = pyav.import_av().stream.Disposition
    return disposition.attached_pic | disposition.timed_thumbnails


def _is_chapters(stream: Any) -> bool:
    """MP4 keeps chapters in a track of their own, which FFmpeg shows twice."""
    return stream.type == "data" and stream.metadata.get("handler_name") == "SubtitleHandler"


def _describe(stream: Any, source: Any) -> None:
    """Keeps a track's language and title."""
    for name in ("language", "title"):
        if source.metadata.get(name):
            stream.metadata[name] = source.metadata[name]
    if source.metadata.get("title"):
        stream.metadata["handler_name"] = source.metadata["title"]


def _copy_metadata(original: Any, result: Any, origin: fractions.Fraction, end: fractions.Fraction) -> None:
    metadata = {name.lower(): value for name, value in original.metadata.items()}
    result.metadata.update({name: value for name, value in metadata.items() if name in _KEPT})
    if not hasattr(result, "set_chapters"):  # PyAV 15.
        return
    chapters: list[dict[str, Any]] = []
    for chapter in original.chapters():
        tick = chapter["time_base"] or _MILLISECOND
        start, stop = (chapter[side] * tick - origin for side in ("start", "end"))
        if start < end:
            times = {"start": max(0, round(start / _MILLISECOND)), "end": round(min(stop, end) / _MILLISECOND)}
            chapters.append({**chapter, **times, "id": len(chapters), "time_base": _MILLISECOND})
    result.set_chapters(chapters)


def _subtitles(source: Any, origin: fractions.Fraction, result: Any, end: fractions.Fraction) -> audio.TimedPackets:
    """Adds a track of timed text, as `audio.packets` adds one of sound."""
    stream = result.add_stream("mov_text")
    stream.codec_context.subtitle_header = source.codec_context.subtitle_header or ASS_HEADER
    stream.codec_context.time_base = stream.time_base = _MILLISECOND
    return _texts(source, stream, origin, end)


def _texts(source: Any, stream: Any, origin: fractions.Fraction, end: fractions.Fraction) -> audio.TimedPackets:
    av, last = pyav.import_av(), -1
    for packet in pyav.demux(source.container, source):
        if packet.pts is None or not packet.size:
            continue
        time = packet.pts * packet.time_base - origin
        if time >= end:
            return
        with contextlib.suppress(av.FFmpegError):  # A damaged text is left out.
            for text, milliseconds in _decoded(source, packet):
                last = max(last + 1, round(time / _MILLISECOND))
                lasting = min(milliseconds, round((end - time) / _MILLISECOND))
                yield time, _encoded(stream, text, last, lasting)


def _decoded(source: Any, packet: Any) -> list[tuple[bytes, int]]:
    shown = source.codec_context.decode2(packet)
    if shown is None:
        return []
    lasting = round((packet.duration or 0) * packet.time_base / _MILLISECOND) or shown.end_display_time
    return [(rect.ass, lasting) for rect in shown.rects if rect.ass]


def _encoded(stream: Any, text: bytes, start: int, lasting: int) -> Any:
    made = pyav.import_av().subtitles.subtitle.SubtitleSet.create(text=text, start=0, end=lasting, pts=start)
    packet = stream.codec_context.encode_subtitle(made)
    packet.stream, packet.time_base = stream, _MILLISECOND
    packet.pts = packet.dts = start
    packet.duration = lasting
    return packet
