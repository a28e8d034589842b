"""Decodes a film's frames: past damage, upright, in sRGB, transparent where the film is."""

import dataclasses
import fractions
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfstyle.video import pyav, tone_mapping

__all__ = ["Frame", "Pictures", "has_alpha", "moving_pictures", "quarter_turns", "to_frame"]

# ITU-T H.273, table 4. Players take large films that do not specify a matrix for BT.709.
_UNSPECIFIED, _BT709, _LARGE = 2, 1, 720
# WebM keeps transparency beside the picture, where only these decoders of FFmpeg look for it.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of a film.

    Attributes:
        pixels: ``[H, W, 3]``, uint8, sRGB, upright; transparent parts are white.
        time: when it is shown, in the film's ticks.
        duration: how long it is shown, in ticks; 0 if the film does not say.
        alpha: opacity, ``[H, W]``, uint8; None if all is opaque.
    """

    pixels: np.ndarray
    time: int
    duration: int
    alpha: np.ndarray | None = None


class Pictures:
    """The decoded pictures of a stream; damaged ones are skipped.

    Args:
        container: PyAV's, open for reading.
        stream: one of its video streams.

    Attributes:
        end: latest time of any track so far, seconds.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        stream.thread_type = "AUTO"
        self._errors, self._sent, self._received = 0, 0, 0
        self.end = fractions.Fraction(0)

    def __iter__(self) -> Iterator[Any]:
        av, decoder = pyav.import_av(), _decoder(self._stream)
        for packet in self._packets():
            self._sent += bool(packet.size)
            try:
                pictures = decoder.decode(packet if packet.size else None)
            except av.FFmpegError:
                self._errors += 1
                continue
            self._received += len(pictures)
            yield from pictures

    @property
    def skipped(self) -> int:
        """Damaged pictures so far; after the last one, also those that the decoder dropped without an error."""
        return max(self._errors, self._sent - self._received) if self._errors else 0

    def _packets(self) -> Iterator[Any]:
        """Yields the stream's packets, and notes the times of all others."""
        for packet in pyav.demux(self._container):
            if packet.dts is not None and packet.time_base:
                self.end = max(self.end, (packet.dts + (packet.duration or 0)) * packet.time_base)
            if packet.stream is self._stream:
                yield packet


def moving_pictures(container: Any) -> Any:
    """The video stream of a container; None if there is only a cover picture, or nothing to see at all."""
    disposition = pyav.import_av().stream.Disposition
    covers = disposition.attached_pic | disposition.timed_thumbnails
    return next((each for each in container.streams.video if not each.disposition & covers), None)


def quarter_turns(picture: Any) -> int:
    """Counterclockwise quarter turns that make a picture upright."""
    return round(picture.rotation / 90) % 4


def has_alpha(picture: Any) -> bool:
    """Whether a picture's pixel format has an alpha channel."""
    return any(component.is_alpha for component in picture.format.components) or picture.format.name == "pal8"


def to_frame(picture: Any, size: tuple[int, int], time: int, mapper: tone_mapping.ToneMapper | None = None) -> Frame:
    """Converts a decoded picture.

    Args:
        picture: PyAV's.
        size: height and width of the upright frame.
        time: in ticks.
        mapper: for HDR; None for SDR.
    """
    turns = quarter_turns(picture)
    height, width = size[::-1] if turns % 2 else size
    alpha = picture.to_ndarray(format="rgba")[..., 3] if has_alpha(picture) else None
    if alpha is not None and alpha.min() < 255:
        pixels, alpha = _on_white(picture, alpha, height, width)
        alpha = np.ascontiguousarray(np.rot90(alpha, turns))
    else:
        pixels, alpha = _opaque(picture, height, width, mapper), None
    return Frame(np.ascontiguousarray(np.rot90(pixels, turns)), time, picture.duration or 0, alpha)


def _decoder(stream: Any) -> Any:
    """The stream's decoder; one that sees transparency if the stream has any."""
    metadata = {name.lower(): value for name, value in stream.metadata.items()}
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.name)
    av = pyav.import_av()
    if metadata.get("alpha_mode") != "1" or name not in av.codec.codecs_available:
        return stream.codec_context
    decoder = av.CodecContext.create(name, "r")
    decoder.extradata = stream.codec_context.extradata
    return decoder


def _opaque(picture: Any, height: int, width: int, mapper: tone_mapping.ToneMapper | None) -> np.ndarray:
    if mapper:
        return mapper(picture, height, width)
    is_guessed = picture.colorspace == _UNSPECIFIED and picture.height >= _LARGE
    colors = {"src_colorspace": _BT709} if is_guessed else {}
    return picture.to_ndarray(format="rgb24", width=width, height=height, interpolation="BICUBIC", **colors)


def _on_white(picture: Any, alpha: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and alpha, resized after composition: hidden colors must not bleed into visible ones."""
    rgb, share = picture.to_ndarray(format="rgb24"), alpha[..., None] / np.float32(255)
    composed = np.rint(rgb * share + 255 * (1 - share)).astype(np.uint8)
    frames = pyav.import_av().VideoFrame
    shown = {"width": width, "height": height, "interpolation": "BICUBIC"}
    pixels = frames.from_ndarray(composed, format="rgb24").to_ndarray(format="rgb24", **shown)
    return pixels, frames.from_ndarray(np.ascontiguousarray(alpha), format="gray").to_ndarray(format="gray", **shown)
