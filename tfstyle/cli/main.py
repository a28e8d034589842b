"""Entry point: finds the subcommand, turns errors into one line and an exit code.

Exit codes: 0 done, 2 unusable input, 130 interrupted (what was done is kept and can be resumed).
"""

import argparse
import importlib
import sys
from typing import NoReturn

from absl import app
from absl.flags import argparse_flags

from tfstyle import _version, errors

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "optimize": "paint a photo in the style of a painting, pixel by pixel (the slow path)",
    "reconstruct": "what a layer knows of a picture: paint it back from its features (Gatys 2015, figure 1)",
    "compare": "the same picture with one setting varied: contact sheet, curves, table",
    "train": "train a network that paints any photo in one style (the fast path)",
    "stylize": "paint photos with a trained network, in a moment",
    "video": "paint a film with a trained network, without flicker",
    "serve": "paint for others: an HTTP service on this machine",
    "evaluate": "how good a trained network is, in numbers",
    "bench": "how fast the networks are here, side by side with PyTorch and ONNX Runtime",
    "styles": "list the styles that come with tfstyle",
    "demo": "paint a bundled photo, offline",
}


def main() -> None:
    """Runs ``tfstyle`` and exits."""
    app.run(_run, flags_parser=_parse)


class _Parser(argparse_flags.ArgumentParser):
    """Says in one line what is wrong, as all other errors do; the usage has thirty."""

    def error(self, message: str) -> NoReturn:
        """Exits with code 2."""
        print(f"tfstyle: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Builds the parser; only the chosen subcommand's module is imported."""
    parser = _Parser(prog="tfstyle", description="Paint photographs in the style of paintings.", allow_abbrev=False)
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
        print("tfstyle:", str(error).replace("\n", " "), file=sys.stderr)  # One line, whatever a file is called.
        return 2
    except KeyboardInterrupt:
        print("tfstyle: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    main()
