"""Painting a film: decoding, painting, flicker removal and encoding run at the same time, each in its own thread."""

import dataclasses
import itertools
import math
import os
import pathlib
import time
from collections.abc import Generator, Iterator

import numpy as np

from tfstyle import _version, checkpoints, config, errors, files
from tfstyle.images import color
from tfstyle.video import decoding, outputs, prefetching, reader, schedule, styling
from tfstyle.video import flicker as flicker_filter

__all__ = ["FilmProgress", "paint_film"]

# Frames in a part, which is the most that is lost when the process is killed: five to ten seconds of work.
_PART = 150


@dataclasses.dataclass(frozen=True)
class FilmProgress:
    """How far a film has been painted.

    Attributes:
        step: frames painted, those of an interrupted run included.
        steps: frames in total: estimated until the film is finished, always more than `step` before that.
        seconds: spent in this run.
        resumed: frames that an interrupted run had painted.
        skipped: damaged frames of the original that were left out so far.
        is_truncated: whether the original is cut off; known at the end.
        notes: what becomes of the film besides its frames: one line each.
    """

    step: int
    steps: int
    seconds: float
    resumed: int
    skipped: int = 0
    is_truncated: bool = False
    notes: tuple[str, ...] = ()

    @property
    def frames_per_second(self) -> float:
        """Frames painted per second, in this run."""
        return (self.step - self.resumed) / self.seconds if self.seconds else 0.0

    @property
    def headline(self) -> str:
        """The speed, for a progress bar."""
        return f"{self.frames_per_second:.1f} frames/s"

    @property
    def remaining(self) -> float:
        """Seconds left, estimated; NaN before the first frame."""
        return (self.steps - self.step) / self.frames_per_second if self.frames_per_second else math.nan


def paint_film(  # noqa: PLR0913 - the options of `config.FilmSettings`
    source: str | os.PathLike[str],
    result: str | os.PathLike[str],
    style: schedule.FilmStyle,
    *,
    strength: float = 1.0,
    keep_colors: bool = False,
    size: int | None = None,
    flicker: bool = False,
    threads: int | None = None,
    resume: bool = False,
) -> Generator[FilmProgress, None, None]:
    """Paints a video in one style, or in styles that turn into each other over time, without flicker.

    The video is finished when the iterator is exhausted. Stopping earlier (``break``) leaves a playable video of the
    frames painted so far and a checkpoint, from which ``resume=True`` continues::

        for progress in tfstyle.paint_film("video.mp4", "painted.mp4", "starry_night"):
            print(progress.step, progress.headline)

    Args:
        source: any file that FFmpeg reads, or a folder of frames.
        result: an ``.mp4`` or ``.gif`` file, or a new folder for PNG frames.
        style: what `Stylizer` accepts; styles with times, ``starry_night@0s,painting.jpg@10s``; or a mapping from
            seconds to styles. Between two times, one style turns into the next.
        strength: 0 (the video itself) to 1 (the style in full); see `Stylizer`.
        keep_colors: keep the video's colors; only light and dark are painted.
        size: long side of the painted video, pixels; None for the video's own size.
        flicker: paint each frame independently (no flicker suppression).
        threads: CPU threads; None for all.
        resume: continue an interrupted run with the same arguments.

    Yields:
        Progress after each frame, and once more when the video is finished.

    Raises:
        InputError: the video or the style cannot be read, or the result cannot be written.
        ShortageError: the disk is full, or the frames need more memory than is free.
    """
    settings = config.FilmSettings(strength, keep_colors, size, flicker, threads)
    run = _Run(pathlib.Path(source), pathlib.Path(result), schedule.parse(style), settings)
    yield from run.steps(resume=resume)


class _Run:
    """One film from its start, or from where it was interrupted, to its end."""

    def __init__(
        self, source: pathlib.Path, result: pathlib.Path, plan: schedule.Schedule, settings: config.FilmSettings
    ) -> None:
        if result.exists() and source.exists() and result.samefile(source):
            raise errors.InputError(f"{result} is the input video: choose another name for the result")
        self._source, self._result, self._plan, self._settings = source, result, plan, settings
        self._film = reader.open_film(source)
        self._size = outputs.output_size(result, self._film, settings.size)
        self._decoder = self._film.frames(self._size)
        self._writer = outputs.open_writer(result, self._film, self._size)
        self._filter = None if settings.flicker else flicker_filter.FlickerFilter()
        self._stylizer = styling.FrameStylizer(plan, settings.threads)
        self._painted, self._resumed, self._started = 0, 0, time.monotonic()

    def steps(self, *, resume: bool) -> Iterator[FilmProgress]:
        """Yields progress; see `paint_film`."""
        interrupted = checkpoints.Interrupted(self._result, resume=resume)
        self._restore(interrupted.state(self._recipe, insist=True))
        try:
            yield from checkpoints.checkpointed(
                self._frames(), self._save, is_due=lambda progress: progress.step % _PART == 0
            )
            self._save()  # If the film cannot be written, its frames are not lost.
            self._writer.finish()
        except (GeneratorExit, KeyboardInterrupt):
            if self._painted:
                self._writer.finish()
            raise
        finally:
            self._writer.close()
        self._writer.clear()
        checkpoints.remove(self._result)
        yield self._progress(steps=self._painted)

    def _frames(self) -> Iterator[FilmProgress]:
        """Paints and writes frame after frame."""
        for frame in self._painted_frames():
            self._writer.add(frame)
            self._painted += 1
            yield self._progress(steps=max(self._film.count, self._painted + 1))

    def _painted_frames(self) -> Iterator[decoding.Frame]:
        decoded = itertools.islice(self._decoder, self._painted, None)
        if self._settings.strength == 0:
            yield from decoded
            return
        pairs = prefetching.prefetch((frame, self._paint(frame)) for frame in prefetching.prefetch(decoded))
        for frame, painted in pairs:
            steady = self._filter(frame.pixels, painted) if self._filter else painted
            yield dataclasses.replace(frame, pixels=self._mixed(frame.pixels, steady))

    def _paint(self, frame: decoding.Frame) -> np.ndarray:
        strength = 1.0 if self._stylizer.is_trained else self._settings.strength
        return self._stylizer(frame.pixels, float(frame.time * self._film.tick), strength)

    def _mixed(self, photo: np.ndarray, painted: np.ndarray) -> np.ndarray:
        """Applies the strength of a trained style, and the film's colors."""
        share = self._settings.strength if self._stylizer.is_trained else 1.0
        if share == 1 and not self._settings.keep_colors:
            return painted
        mixed = color.mix(painted, photo, share, keep_colors=self._settings.keep_colors)
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def _progress(self, steps: int) -> FilmProgress:
        hdr = (f"tone-mapped from HDR ({self._film.hdr}) to SDR",) if self._film.hdr else ()
        return FilmProgress(
            self._painted,
            steps,
            time.monotonic() - self._started,
            self._resumed,
            skipped=self._decoder.skipped,
            is_truncated=self._decoder.is_truncated,
            notes=hdr + self._writer.notes,
        )

    def _save(self) -> None:
        self._writer.pause()
        counts = {"painted": self._painted, "parts": self._writer.parts, "last_duration": self._writer.last_duration}
        state = {name: np.array(value) for name, value in counts.items()}
        checkpoints.save(self._result, self._recipe, {**state, **(self._filter.state() if self._filter else {})})

    def _restore(self, state: dict[str, np.ndarray] | None) -> None:
        """Returns to the last closed part."""
        if state is None:
            self._writer.check()
            self._writer.begin()
            checkpoints.remove(self._result)  # Its parts are gone now.
            return
        self._painted = self._resumed = int(state["painted"])
        self._writer.parts, self._writer.last_duration = int(state["parts"]), int(state["last_duration"])
        if not self._writer.is_complete():
            raise errors.InputError(f"{self._result}: its first parts are missing: start over without --resume")
        if self._filter:
            self._filter.restore(state)

    @property
    def _recipe(self) -> dict:
        digests = [] if files.is_folder(self._source) else [files.digest(self._source)]
        settings = {name: value for name, value in dataclasses.asdict(self._settings).items() if name != "threads"}
        names = {"film": str(self._source), "style": self._plan.name, "sha256": digests + self._stylizer.digests}
        return {"tfstyle": _version.__version__, **names, **settings}
