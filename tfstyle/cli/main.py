"""Entry point: runs a subcommand and turns errors into one line and an exit code.

Exit codes: 0 success, 2 unusable input, 130 interrupted (the work so far is saved and can be resumed).
"""

import argparse
import contextlib
import importlib
import sys
from typing import NoReturn

from absl import app
from absl.flags import argparse_flags

from tfstyle import _version, errors
from tfstyle.cli import streams

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "optimize": "paint a photo in the style of a painting by optimizing its pixels (the slow path)",
    "reconstruct": "show what a layer encodes: reconstruct a picture from its features (Gatys 2015, figure 1)",
    "compare": "paint one photo with several values of one setting and write a contact sheet, loss curves, and a table",
    "train": "train a network that paints any photo in one style (the fast path)",
    "stylize": "paint photos in the style of any painting, in a second or less",
    "video": "paint a video with a trained network, without flicker",
    "serve": "run an HTTP service with a web page",
    "evaluate": "measure the quality of a trained network",
    "bench": "compare the speed of the networks with PyTorch and ONNX Runtime",
    "styles": "list the styles that come with tfstyle, or paint a photo in all of them",
    "demo": "paint a bundled photo; needs no download",
}


def main() -> None:
    """Runs ``tfstyle`` and exits."""
    code: object = 0
    try:
        with streams.safe():
            try:
                app.run(_run, flags_parser=_parse)
            except SystemExit as end:
                code = end.code
    except errors.InputError as error:  # What the command printed is lost.
        _report(error)
        code = 2
    raise SystemExit(code)


class _Parser(argparse_flags.ArgumentParser):
    """Reports errors in one line, like the rest of the command; argparse would add the usage, thirty lines."""

    def error(self, message: str) -> NoReturn:
        """Exits with code 2."""
        print(f"tfstyle: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Builds the parser; imports only the requested subcommand."""
    parser = _Parser(
        prog="tfstyle",
        description="Paint photographs in the style of paintings.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tfstyle {_version.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    for name, text in COMMANDS.items():
        description = text[0].upper() + text[1:] + "."
        command = commands.add_parser(name, help=text, description=description, allow_abbrev=False)
        if name in arguments[1:2]:
            importlib.import_module(f"tfstyle.cli.{name}").add_arguments(command)
    return parser.parse_args(arguments[1:])


def _run(arguments: argparse.Namespace) -> int:
    try:
        importlib.import_module(f"tfstyle.cli.{arguments.command}").run(arguments)
    except errors.InputError as error:
        _report(error)
        return 2
    except KeyboardInterrupt:
        print("tfstyle: interrupted", file=sys.stderr)
        return 130
    return 0


def _report(error: errors.InputError) -> None:
    """Prints an error in one line, even if a file's name has several."""
    with contextlib.suppress(OSError, AttributeError):  # Standard error may be gone as well.
        print("tfstyle:", str(error).replace("\n", " "), file=sys.stderr)


if __name__ == "__main__":
    main()
