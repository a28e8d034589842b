"""What a run leaves besides its picture: loss curves as CSV, plot and event file, an animation, contact sheets."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfstyle import errors, files, images

__all__ = ["Board", "History", "Timelapse", "check_files", "contact_sheet", "plot_curves"]

_GIF_SECONDS_PER_FRAME = 0.1
_HOLD_FRAMES = 12  # The finished picture stays for a moment before an animation starts again.


@dataclasses.dataclass
class History:
    """Numbers per step, in the order they came.

    Attributes:
        rows: one dict per step; all with the same keys.
    """

    rows: list[dict[str, float]] = dataclasses.field(default_factory=list)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Appends one step's numbers; a step that was already there (a resumed run) is replaced."""
        self.rows = [row for row in self.rows if row["step"] < step]
        self.rows.append({"step": step, **values})

    def state(self) -> dict[str, np.ndarray]:
        """Arrays to keep in a checkpoint."""
        if not self.rows:
            return {}
        names = list(self.rows[0])
        return {"history": np.array([[row[n] for n in names] for row in self.rows]), "history_names": np.array(names)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Puts back what `state` returned."""
        if "history" in state:
            names = [str(name) for name in state["history_names"]]
            self.rows = [dict(zip(names, map(float, row), strict=True)) for row in state["history"]]

    def write_csv(self, path: str | pathlib.Path) -> None:
        """Writes the numbers, one line per step, atomically.

        Raises:
            InputError: the file cannot be written.
        """
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(self.rows[0]) if self.rows else ["step"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in self.rows)
        files.atomic_write(path, buffer.getvalue().encode())

    @classmethod
    def read_csv(cls, path: str | pathlib.Path) -> "History":
        """Reads what `write_csv` wrote."""
        with pathlib.Path(path).open(newline="") as file:
            return cls([{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)])

    def curves(self, names: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
        """Steps and values of some columns, for `plot_curves`."""
        present = [name for name in names if self.rows and name in self.rows[0]]
        steps = [row["step"] for row in self.rows]
        return {name: (steps, [row[name] for row in self.rows]) for name in present}


class Board:
    """Numbers per step in an event file, which TensorBoard shows; written by TensorFlow alone.

    Args:
        folder: for the file; it is made if need be.

    Raises:
        InputError: nothing can be written there.
    """

    def __init__(self, folder: str | pathlib.Path) -> None:
        from tfstyle.runtime import tf  # noqa: PLC0415 - seconds, which only trainings spend

        self._summary = tf.summary
        # What tf.summary.scalar adds, which would need the package tensorboard.
        self._about = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"}, data_class=1)
        try:
            self._writer = tf.summary.create_file_writer(str(folder))
        except tf.errors.OpError as error:
            raise errors.InputError(f"{folder}: no event file can be written there: choose another folder") from error

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Appends one step's numbers; they are on the disk afterwards."""
        with self._writer.as_default(step):
            for name, value in values.items():
                self._summary.write(name, np.float32(value), metadata=self._about)
        self._writer.flush()


def plot_curves(
    path: str | pathlib.Path, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, title: str = ""
) -> None:
    """Draws loss curves with a logarithmic axis.

    Args:
        path: a .png, .svg or .pdf file.
        curves: x and y by label.
        title: above the plot.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    drawing, suffix = _empty_figure(path)
    axes = drawing.add_subplot(xlabel="step", ylabel="loss", title=title)
    for label, (steps, values) in curves.items():
        axes.plot(steps, values, label=label)
    if any(value > 0 for _, values in curves.values() for value in values):
        axes.set_yscale("log")
    axes.grid(visible=True, alpha=0.3)
    if curves:
        axes.legend()
    buffer = io.BytesIO()
    drawing.savefig(buffer, format=suffix, dpi=120)
    files.atomic_write(path, buffer.getvalue())


def check_files(*, log: str | None = None, plot: str | None = None, timelapse: str | None = None) -> None:
    """Checks, before any work is done, that the reports could be written.

    Args:
        log: for `History.write_csv`.
        plot: for `plot_curves`.
        timelapse: for `Timelapse`.

    Raises:
        InputError: a folder that is not there or cannot be written into, a suffix or a missing package.
    """
    for path in filter(None, (log, plot, timelapse)):
        files.check_folder(path)
    if plot:
        _empty_figure(plot)
    if timelapse:
        Timelapse(timelapse)


def _empty_figure(path: str | pathlib.Path) -> tuple[Any, str]:
    """A figure and its file's format."""
    try:
        from matplotlib import figure  # noqa: PLC0415 - an extra
    except ImportError:
        raise errors.InputError('plots need matplotlib: pip install "tfstyle[plot]"') from None
    drawing, suffix = figure.Figure(figsize=(7, 4.5), layout="constrained"), pathlib.Path(path).suffix[1:].lower()
    if suffix not in drawing.canvas.get_supported_filetypes():
        raise errors.InputError(f"{path}: plots are written as .png, .svg or .pdf")
    return drawing, suffix


class Timelapse:
    """Collects a picture's states and writes them as an animation.

    Args:
        path: a .gif or .mp4 file.
        long_side: of the frames, pixels.
        most: frames kept; when there are more, every second one is dropped.

    Raises:
        InputError: another suffix, or .mp4 without PyAV.
    """

    def __init__(self, path: str | pathlib.Path, *, long_side: int = 480, most: int = 120) -> None:
        self.path = pathlib.Path(path)
        if self.path.suffix.lower() not in {".gif", ".mp4"}:
            raise errors.InputError(f"{path}: an animation is written as .gif or .mp4")
        if self.path.suffix.lower() == ".mp4":
            _import_av()
        self._long_side, self._most, self._every = long_side, most, 1
        self._steps: list[int] = []
        self._frames: list[np.ndarray] = []

    def add(self, step: int, image: np.ndarray) -> None:
        """Keeps a frame of ``[H, W, 3]``, 0..255, if its turn has come."""
        self._drop_from(step)
        if step % self._every:
            return
        self._steps.append(step)
        self._frames.append(self._frame(image))
        if len(self._frames) > self._most:
            self._every *= 2
            kept = [index for index, each in enumerate(self._steps) if each % self._every == 0]
            self._steps, self._frames = [self._steps[i] for i in kept], [self._frames[i] for i in kept]

    def state(self) -> dict[str, np.ndarray]:
        """Arrays to keep in a checkpoint."""
        kept = {f"frame{step}": frame for step, frame in zip(self._steps, self._frames, strict=True)}
        return {"frame_steps": np.array(self._steps, int), "frame_every": np.array(self._every), **kept}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Puts back what `state` returned."""
        if "frame_steps" in state:
            self._steps, self._every = [int(step) for step in state["frame_steps"]], int(state["frame_every"])
            self._frames = [state[f"frame{step}"] for step in self._steps]

    def write(self, last: np.ndarray) -> None:
        """Writes the animation, ending on the finished picture.

        Args:
            last: ``[H, W, 3]``, 0..255.

        Raises:
            InputError: the file cannot be written.
        """
        final = self._frame(last)
        height, width = final.shape[:2]
        frames = [_at_size(frame, height, width) for frame in self._frames] + [final] * _HOLD_FRAMES
        files.atomic_write(self.path, _gif(frames) if self.path.suffix.lower() == ".gif" else _mp4(frames))

    def _drop_from(self, step: int) -> None:
        while self._steps and self._steps[-1] >= step:
            self._steps.pop()
            self._frames.pop()

    def _frame(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        side = min(self._long_side, max(height, width))
        # Video wants even sides.
        height, width = (max(2, each // 2 * 2) for each in images.fit_size(height, width, side))
        return _at_size(np.clip(np.rint(image), 0, 255).astype(np.uint8), height, width)


def _at_size(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    if frame.shape[:2] == (height, width):
        return frame
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS))


def _gif(frames: Sequence[np.ndarray]) -> bytes:
    first, *others = [Image.fromarray(frame).quantize(dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    buffer = io.BytesIO()
    duration = round(1000 * _GIF_SECONDS_PER_FRAME)
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=duration, loop=0)
    return buffer.getvalue()


def _import_av() -> Any:
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError:
        raise errors.InputError('.mp4 needs PyAV: pip install "tfstyle[video]", or write a .gif') from None
    return av


def _mp4(frames: Sequence[np.ndarray]) -> bytes:
    av, buffer = _import_av(), io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=round(1 / _GIF_SECONDS_PER_FRAME))
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def contact_sheet(
    pictures: Sequence[np.ndarray], labels: Sequence[str], *, columns: int = 0, cell: int = 320
) -> np.ndarray:
    """Lays pictures out in a labelled grid.

    Args:
        pictures: ``[H, W, 3]`` each, 0..255, any sizes.
        labels: one per picture, drawn above it.
        columns: 0 for as square a sheet as possible.
        cell: long side of a picture on the sheet, pixels.

    Returns:
        ``[H, W, 3]``, uint8.
    """
    columns = columns or int(np.ceil(np.sqrt(len(pictures))))
    thumbs = [_thumb(picture, cell) for picture in pictures]
    height, width = (max(thumb.shape[axis] for thumb in thumbs) for axis in (0, 1))
    rows, text, gap = -(-len(thumbs) // columns), 26, 8
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + text + gap) + gap), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for index, (thumb, label) in enumerate(zip(thumbs, labels, strict=True)):
        left, top = gap + index % columns * (width + gap), gap + index // columns * (height + text + gap)
        pen.text((left, top + 3), label, "black", font)
        sheet.paste(Image.fromarray(thumb), (left, top + text))
    return np.asarray(sheet)


def _thumb(picture: np.ndarray, cell: int) -> np.ndarray:
    height, width, _ = picture.shape
    height, width = images.fit_size(height, width, cell)
    return _at_size(np.clip(np.rint(picture), 0, 255).astype(np.uint8), height, width)
