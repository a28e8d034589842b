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

    from tfstyle import shipped

    listing = table.Table("name", "painting", "artist", "year", box=None)
    for style in shipped.load_all().values():
        listing.add_row(style.name, style.title, style.artist, style.year)
    console.Console().print(listing)
