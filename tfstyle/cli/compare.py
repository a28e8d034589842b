"""``tfstyle compare``: one picture per value of one setting."""

import argparse
import csv
import dataclasses
import io
import pathlib

from tfstyle import config, errors, files, images, runtime
from tfstyle.cli import console, options

__all__ = ["add_arguments", "run", "variants"]

# Short names of the well-known experiments; any other setting goes by its own name.
_ALIASES = {"layers": "style_layers", "content": "content_layers", "iterations": "iterations"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("content", metavar="CONTENT", help="the photo")
    parser.add_argument("style", metavar="STYLE", help="a painting's file or a style's name")
    parser.add_argument(
        "--vary",
        required=True,
        metavar="SETTING=A,B,...",
        help="optimizer=adam,sgd,lbfgs  ratio=1e-2,1e-3,1e-4,1e-5 (alpha/beta)  features=vgg19,compact  "
        "layers=conv1_1,conv1_1+conv2_1 (of the style)  pooling=average,max  form=relative,gatys  strength=0.3,0.7 ...",
    )
    options.add_sheet(parser)
    options.add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Paints every variant; writes the sheet, the curves (.png) and the table (.csv) beside it.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; what is done is kept.
    """
    images.check_writable(arguments.output)
    photo = images.load_image(arguments.content)
    several = variants(arguments.vary, options.read_settings(arguments))
    runtime.import_tensorflow()
    from tfstyle import stylebook
    from tfstyle.cli import gallery
    from tfstyle.optimization import recipes

    def entry(label: str, chosen: config.Settings) -> gallery.Entry:
        job = recipes.prepare(arguments.content, [arguments.style], chosen)
        return gallery.Entry(label, job.recipe, lambda: job.start(photo))

    style = stylebook.load(arguments.style)
    first = [("content", photo.rgb)] + ([("style", style.photo.rgb)] if isinstance(style, stylebook.Painting) else [])
    entries = [entry(label, chosen) for label, chosen in several]
    rows = gallery.complete(entries, arguments.output, first=first, resume=arguments.resume)
    _report(arguments.output, [label for label, _ in several], rows)


def variants(text: str, base: config.Settings) -> list[tuple[str, config.Settings]]:
    """Reads ``SETTING=A,B,...``.

    Args:
        text: as typed; ``+`` joins what is itself a list (layers, scales).
        base: all other settings.

    Returns:
        Label and settings of each variant.

    Raises:
        InputError: no such setting, or a value it does not take.
    """
    name, _, values = text.partition("=")
    field = _ALIASES.get(name, name.replace("-", "_"))
    known = [each.name for each in dataclasses.fields(config.Settings)]
    if not values or field not in [*known, "ratio"]:
        raise errors.InputError(f"vary {text!r}: write SETTING=A,B,... with one of ratio, layers, {', '.join(known)}")
    return [(f"{name} {value}", dataclasses.replace(base, **_change(field, value))) for value in values.split(",")]


def _change(field: str, value: str) -> dict:
    try:
        if field == "ratio":  # Alpha over beta in the paper's own normalisation.
            return {"form": "gatys", "content_weight": 1.0, "style_weight": 1 / float(value)}
        return {field: options.parse(field, value.replace("+", ","))}
    except (ValueError, ZeroDivisionError):
        raise errors.InputError(f"{field} does not take {value!r}") from None


def _report(output: str, labels: list[str], rows: list[list[dict[str, float]]]) -> None:
    from tfstyle import reports

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["variant", "step", "loss", "content", "style", "seconds"])
    for label, run_rows in zip(labels, rows, strict=True):
        for row in run_rows:
            writer.writerow(
                [label, int(row["step"]), *(row.get(n, "") for n in ("loss", "content", "style", "seconds"))]
            )
    table = pathlib.Path(output).with_suffix(".csv")
    files.atomic_write(table, buffer.getvalue().encode())
    curves = pathlib.Path(output).with_name(f"{pathlib.Path(output).stem}-curves.png")
    lines = zip(labels, rows, strict=True)
    reports.plot_curves(
        curves, {label: ([r["step"] for r in each], [r["loss"] for r in each]) for label, each in lines}
    )
    console.say(f"saved {table} and {curves}")
