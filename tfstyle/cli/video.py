"""``tfstyle video``: paint a film with a trained network."""

import argparse
import dataclasses
import itertools
import math
import pathlib
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from tfstyle import _version, checkpoints, errors, files, images, stylizer
from tfstyle.cli import console, options
from tfstyle.images import color
from tfstyle.video import flicker, reader, writer

__all__ = ["add_arguments", "ahead", "run"]

Item = TypeVar("Item")

# Frames that decoding and painting may be ahead of what follows.
_AHEAD = 4
# Frames of a part, which is what is lost at most when the process is killed.
_PART = 150
# Seconds between two lines of progress: a bar needs no more, and fast films have hundreds of frames in them.
_REPORT_EVERY = 0.25


@dataclasses.dataclass(frozen=True)
class _Progress:
    """Where a film stands; see `console.Stage`."""

    step: int
    steps: int
    seconds: float
    first: int

    @property
    def headline(self) -> str:
        """Speed, for a line of progress."""
        return f"{self._pace:.1f} frames/s"

    @property
    def remaining(self) -> float:
        """Seconds, estimated."""
        return (self.steps - self.step) / self._pace if self._pace else math.nan

    @property
    def _pace(self) -> float:
        return (self.step - self.first) / self.seconds if self.seconds else 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("film", metavar="IN", help="a film, a GIF, or a folder of frames")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="an .mp4, a .gif, or a folder for frames")
    options.add_painting(parser, "film")
    parser.add_argument("--flicker", action="store_true", help="paint every frame by itself")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted film")


def run(arguments: argparse.Namespace) -> None:
    """Decodes, paints, steadies and encodes, all at the same time.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; what is painted can be seen, and gone on with.
    """
    _check(arguments)
    clip = reader.open_clip(arguments.film)
    size = _size(clip, arguments)
    film = writer.open_film(arguments.output, clip, size)
    interrupted = checkpoints.Interrupted(arguments.output, resume=arguments.resume)
    run = _Run(arguments, clip, size, film)
    run.resume(interrupted.state(run.recipe, insist=True))
    run.complete()


def ahead(items: Iterable[Item], most: int = _AHEAD) -> Iterator[Item]:
    """The same items, made by a thread of their own, which is a little ahead.

    Args:
        items: what its errors are, are raised here.
        most: items made and not yet taken.

    Yields:
        The items.
    """
    made: queue.Queue = queue.Queue(most)
    stopped = threading.Event()

    def put(entry: tuple) -> bool:
        while not stopped.is_set():
            try:
                made.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            if all(put((item, None)) for item in items):
                put((None, StopIteration()))
        except BaseException as error:  # Raised again in the other thread.
            put((None, error))
        finally:
            getattr(items, "close", bool)()  # Not taken to the end, a generator would keep its film open.

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        stopped.set()
        worker.join()


def _check(arguments: argparse.Namespace) -> None:
    options.check_painting(arguments)
    if (arguments.size or 0) < 0:
        raise errors.InputError(f"size is {arguments.size}: use 0 or more")
    source, result = pathlib.Path(arguments.film), pathlib.Path(arguments.output)
    if result.exists() and source.exists() and result.samefile(source):
        raise errors.InputError(f"{result} is the film itself: choose another place for the result")


def _size(clip: reader.Clip, arguments: argparse.Namespace) -> tuple[int, int]:
    """Height and width; even where they are not the film's own, as players like it."""
    if not arguments.size:
        return clip.height, clip.width
    height, width = images.fit_size(clip.height, clip.width, arguments.size)
    return max(2, height // 2 * 2), max(2, width // 2 * 2)


class _Run:
    """One film from its start, or from where it was interrupted, to its end."""

    def __init__(
        self, arguments: argparse.Namespace, clip: reader.Clip, size: tuple[int, int], film: writer.Film
    ) -> None:
        self._arguments, self._clip, self._size, self._film = arguments, clip, size, film
        self._steady = None if arguments.flicker else flicker.Steady()
        self._painted = 0
        self.recipe = _recipe(arguments)
        folder, threads = stylizer.find(arguments.style), arguments.threads
        # The film has many pictures, known or not: TensorFlow's start pays.
        self._paint = stylizer.Stylizer(folder, engine="savedmodel", threads=threads)

    def resume(self, state: dict[str, np.ndarray] | None) -> None:
        """Goes back to the last part that was closed."""
        if state is None:
            self._film.begin()
            checkpoints.remove(self._arguments.output)  # Of a run whose parts are gone now.
            return
        self._painted, self._film.parts = int(state["painted"]), int(state["parts"])
        self._film.last_duration = int(state["last_duration"])
        if not self._film.whole():
            raise errors.InputError(f"{self._arguments.output}: its first parts are gone: start anew, without --resume")
        if self._steady:
            self._steady.restore(state)

    def complete(self) -> None:
        first, begun = self._painted, time.monotonic()
        shown_at = 0.0
        with console.Interrupts().watch() as interrupts:
            with console.Progress(pathlib.Path(self._arguments.output).name) as bar:
                for frame in self._frames():
                    self._film.add(frame)
                    self._painted += 1
                    now = time.monotonic()
                    if now - shown_at > _REPORT_EVERY:
                        bar.show(_Progress(self._painted, max(self._clip.count, self._painted), now - begun, first))
                        shown_at = now
                    if self._painted % _PART == 0:
                        self._save()
                    if interrupts.asked:
                        break
            if interrupts.asked:
                self._stop()
            self._finish(time.monotonic() - begun, first)

    def _frames(self) -> Iterator[reader.Frame]:
        """Finished frames. Decoding, painting, and what follows each have their thread."""
        decoded = itertools.islice(self._clip.frames(self._size), self._painted, None)
        pairs = ahead((frame, self._paint(frame.pixels)) for frame in ahead(decoded))
        for frame, painted in pairs:
            steady = self._steady(frame.pixels, painted) if self._steady else painted
            yield dataclasses.replace(frame, pixels=self._mixed(frame.pixels, steady))

    def _mixed(self, photo: np.ndarray, painted: np.ndarray) -> np.ndarray:
        strength, keep_colors = self._arguments.strength, self._arguments.keep_colors
        if strength == 1 and not keep_colors:
            return painted
        mixed = color.mix(painted, photo, strength, keep_colors=keep_colors)
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def _save(self) -> None:
        self._film.pause()
        places = {"painted": self._painted, "parts": self._film.parts, "last_duration": self._film.last_duration}
        state = {name: np.array(value) for name, value in places.items()}
        checkpoints.save(
            self._arguments.output, self.recipe, {**state, **(self._steady.state() if self._steady else {})}
        )

    def _stop(self) -> None:
        self._save()
        self._film.finish()
        console.say(
            f"stopped after frame {self._painted}: {self._arguments.output} ends there; "
            "go on with the same command and --resume"
        )
        raise KeyboardInterrupt

    def _finish(self, seconds: float, first: int) -> None:
        if not self._painted:
            raise errors.InputError(f"{self._clip.path}: has no pictures: give a film")
        self._film.finish()
        self._film.clear()
        checkpoints.remove(self._arguments.output)
        pace = (self._painted - first) / seconds
        console.say(f"saved {self._arguments.output}: {self._painted} frames, {pace:.1f} a second")


def _recipe(arguments: argparse.Namespace) -> dict:
    names = ("film", "style", "strength", "keep_colors", "size", "flicker")
    film = pathlib.Path(arguments.film)
    digest = None if files.is_folder(film) else files.digest(film)
    return {"tfstyle": _version.__version__, **{name: getattr(arguments, name) for name in names}, "sha256": digest}
