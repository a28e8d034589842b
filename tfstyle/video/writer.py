"""Painted films: H.264 with the original's sound, a GIF, or a folder of frames; in parts that survive a crash."""

import abc
import contextlib
import fractions
import heapq
import pathlib
import secrets
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfstyle import errors, files, images
from tfstyle.video import audio, reader

__all__ = ["Film", "open_film"]

# x264's constant quality: 18 is near to what the eye cannot tell from the original. No frames that refer to later ones:
# every part then ends where the next one begins.
_H264 = {"crf": "18", "preset": "fast", "bf": "0"}
# ITU-T H.273, tables 2-4: BT.709, limited range. What a player would guess depends on the picture's size.
_BT709, _LIMITED = 1, 1
_GIF_TICK = fractions.Fraction(1, 100)
# A palette for each frame: one for all would have to be made of all frames before the first is written.
_GIF_FILTERS = (("palettegen", "stats_mode=single"), ("paletteuse", "new=1"))


class Film(abc.ABC):
    """A film in the making.

    Frames are kept in parts; what `pause` has closed stays when the process is killed, and `finish` makes a whole film
    of it at any time.

    Attributes:
        parts: closed so far. Set it before the first frame to go on after so many.
        last_duration: of the last frame, in the clip's ticks; likewise.
    """

    parts = 0
    last_duration = 0

    def whole(self) -> bool:
        """Whether everything is there that `parts` counts."""
        return all(self.part(number).exists() for number in range(self.parts))

    @abc.abstractmethod
    def part(self, number: int) -> pathlib.Path:
        """A part's file."""

    def begin(self) -> None:
        """Makes sure that nothing of another film is there.

        Raises:
            InputError: there is, and it is not for this program to delete.
        """
        self.clear()

    @abc.abstractmethod
    def add(self, frame: reader.Frame) -> None:
        """Takes the next frame."""

    @abc.abstractmethod
    def pause(self) -> None:
        """Closes the current part: its frames are on the disk."""

    @abc.abstractmethod
    def finish(self) -> None:
        """Makes the whole film of the parts.

        Raises:
            InputError: it cannot be written.
        """

    @abc.abstractmethod
    def clear(self) -> None:
        """Deletes the parts."""


def open_film(path: str | pathlib.Path, clip: reader.Clip, size: tuple[int, int]) -> Film:
    """Prepares a film.

    Args:
        path: ``.mp4``, ``.gif``, or a folder's name.
        clip: the original, whose rate, pixel shape and sound it has.
        size: height and width of its frames.

    Returns:
        A film without frames.

    Raises:
        InputError: another kind of file, or nothing can be written there.
    """
    path = pathlib.Path(path)
    kinds = {".mp4": _Mp4, ".gif": _Gif}
    if path.suffix.lower() in kinds:
        files.check_folder(path)
        return kinds[path.suffix.lower()](path, clip, size)
    if path.suffix and not files.is_folder(path):
        raise errors.InputError(
            f"{path}: films are written as .mp4, .gif or into a folder of frames: name one of these"
        )
    return _Folder(path)


class _Folder(Film):
    """Every frame a PNG; each is whole by itself, so there are no parts to put together."""

    def __init__(self, path: pathlib.Path) -> None:
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise errors.InputError(f"{path}: cannot be made: {error.strerror}; choose another --output") from error
        files.check_folder(path / "000000.png")
        self._path = path

    def begin(self) -> None:
        if any(self._path.iterdir()):
            raise errors.InputError(f"{self._path}: is not empty: name a new folder for the frames, or use --resume")

    def add(self, frame: reader.Frame) -> None:
        images.save_image(self.part(self.parts), frame.pixels)
        self.parts += 1

    def part(self, number: int) -> pathlib.Path:
        return self._path / f"{number:06d}.png"

    def pause(self) -> None:
        """Nothing is open."""

    def finish(self) -> None:
        """Nothing is left to do."""

    def clear(self) -> None:
        """The frames are the film."""


class _InParts(Film):
    """Parts are films of their own in a folder beside the result; NUT keeps any unit of time, and times themselves."""

    # FFmpeg's options of the encoder, and of the finished file.
    codec, options, container = "", dict[str, str](), dict[str, str]()

    def __init__(self, path: pathlib.Path, clip: reader.Clip, size: tuple[int, int]) -> None:
        self._path, self._clip, self._size = path, clip, size
        self._folder = path.with_name(path.name + ".parts")
        self._av = reader.import_av()
        self._open: Any = None

    def add(self, frame: reader.Frame) -> None:
        if self._open is None:
            self._folder.mkdir(exist_ok=True)
            self._open = self._av.open(str(self.part(self.parts)), "w", format="nut")
            self._set_up(self._open.add_stream(self.codec, rate=self._clip.rate, options=self.options))
        picture = self._picture(frame.pixels)
        picture.pts, picture.time_base = frame.time, self._clip.tick
        self._open.mux(self._open.streams.video[0].encode(picture))
        self.last_duration = frame.duration or round(1 / (self._clip.rate * self._clip.tick))

    def pause(self) -> None:
        if self._open is not None:
            self._open.mux(self._open.streams.video[0].encode())
            self._open.close()
            self._open = None
            self.parts += 1

    def finish(self) -> None:
        self.pause()
        unfinished = self._path.with_name(f".tfstyle-{secrets.token_hex(8)}{self._path.suffix}")
        try:
            with self._av.open(str(unfinished), "w", options=self.container) as result:
                self._assemble(result)
            unfinished.replace(self._path)
        except (OSError, self._av.FFmpegError) as error:
            raise errors.InputError(f"{self._path}: cannot be written: {error.strerror or error}") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @abc.abstractmethod
    def _assemble(self, result: Any) -> None:
        """Writes all parts into an open container."""

    @abc.abstractmethod
    def _picture(self, pixels: np.ndarray) -> Any:
        """A frame in the part's format."""

    def _set_up(self, stream: Any) -> None:
        stream.height, stream.width = self._size
        context = stream.codec_context
        context.time_base, context.pix_fmt = self._clip.tick, self._format
        context.sample_aspect_ratio = self._clip.shape

    @property
    @abc.abstractmethod
    def _format(self) -> str:
        """FFmpeg's name of the pixel format."""

    def part(self, number: int) -> pathlib.Path:
        return self._folder / f"{number:05d}.nut"

    @contextlib.contextmanager
    def _first(self) -> Iterator[Any]:
        with self._av.open(str(self.part(0))) as part:
            yield part.streams.video[0]

    def _all_parts(self) -> Iterator[Any]:
        """Open containers, one after the other."""
        for number in range(self.parts):
            with self._av.open(str(self.part(number))) as part:
                yield part


class _Mp4(_InParts):
    codec, options, container = "libx264", _H264, {"movflags": "+faststart"}

    @property
    def _format(self) -> str:
        # Chroma for 2x2 blocks, which every player knows, needs even sides.
        return "yuv444p" if any(side % 2 for side in self._size) else "yuv420p"

    def _picture(self, pixels: np.ndarray) -> Any:
        picture = self._av.VideoFrame.from_ndarray(pixels, format="rgb24")
        return picture.reformat(format=self._format, dst_colorspace=_BT709)

    def _set_up(self, stream: Any) -> None:
        super()._set_up(stream)
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED

    def _assemble(self, result: Any) -> None:
        with self._first() as template:
            video = result.add_stream_from_template(template)
        video.time_base = self._clip.tick
        sources = [self._pictures(video)]
        with contextlib.ExitStack() as stack:
            if self._clip.audio:
                original = stack.enter_context(self._av.open(str(self._clip.path)))
                sources.append(audio.packets(original, self._clip.origin, result, self._end()))
            for _, packets in heapq.merge(*sources, key=lambda pair: pair[0]):
                result.mux(packets)

    def _pictures(self, stream: Any) -> Iterator[tuple[fractions.Fraction, Any]]:
        for number, part in enumerate(self._all_parts()):
            packets = [packet for packet in part.demux(video=0) if packet.size]
            for packet in packets:
                packet.stream = stream
                if packet is packets[-1] and number == self.parts - 1:
                    packet.duration = round(self.last_duration * self._clip.tick / packet.time_base)
                yield packet.pts * packet.time_base, packet

    def _end(self) -> fractions.Fraction:
        last = fractions.Fraction(0)
        with self._av.open(str(self.part(self.parts - 1))) as part:
            for packet in part.demux(video=0):
                if packet.size:
                    last = packet.pts * packet.time_base
        return last + self.last_duration * self._clip.tick


class _Gif(_InParts):
    codec = "ffv1"

    @property
    def _format(self) -> str:
        return "bgr0"

    def _picture(self, pixels: np.ndarray) -> Any:
        return self._av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")

    def _assemble(self, result: Any) -> None:
        stream = result.add_stream("gif", rate=self._clip.rate)
        stream.height, stream.width = self._size
        stream.pix_fmt, stream.codec_context.time_base = "pal8", _GIF_TICK
        with self._first() as first:
            graph, source, sink = self._palettes(first.time_base)
        last = -1
        for part in self._all_parts():
            for picture in part.decode(video=0):
                time = round(picture.pts * picture.time_base / _GIF_TICK)
                if time > last:  # Two frames within a hundredth of a second are one.
                    source.push(picture)
                    painted = sink.pull()
                    painted.pts, painted.time_base = time, _GIF_TICK
                    result.mux(stream.encode(painted))
                    last = time
        result.mux(stream.encode())
        del graph

    def _palettes(self, tick: fractions.Fraction) -> tuple[Any, Any, Any]:
        """The graph, which must live as long as its ends; where frames go in, and where they come out."""
        graph = self._av.filter.Graph()
        height, width = self._size
        source = graph.add_buffer(width=width, height=height, format="bgr0", time_base=tick)
        split = graph.add("split")
        make, use = (graph.add(name, options) for name, options in _GIF_FILTERS)
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(make, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph, source, sink
