"""``tfstyle styles``: what can be given as STYLE without a file."""

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommand takes none."""
    del parser


def run(arguments: argparse.Namespace) -> None:
    """Prints a table."""
    del arguments
    from rich import console, table

    from tfstyle import shipped, stylizer

    trained = stylizer.trained()
    listing = table.Table("name", "painting", "artist", "year", "trained network's picture", box=None)
    for style in shipped.load_all().values():
        picture = trained[style.name] / "preview.jpg" if style.name in trained else ""
        listing.add_row(style.name, style.title, style.artist, style.year, str(picture))
    console.Console().print(listing)
