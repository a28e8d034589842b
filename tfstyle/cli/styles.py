"""``tfstyle styles``: what can be given as STYLE without a file."""

import argparse

from tfstyle.cli import console

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommand takes none."""
    del parser


def run(arguments: argparse.Namespace) -> None:
    """Prints a table."""
    del arguments
    from rich import table

    from tfstyle import stylebook

    picture = table.Column("trained network's picture", overflow="fold")  # A path is of use only if it is whole.
    name = table.Column("name", no_wrap=True)
    listing = table.Table(name, "painting", "artist", "year", picture, box=None)
    for style in stylebook.styles():
        listing.add_row(style.name, style.title, style.artist, style.year, str(style.preview or ""))
    console.print_table(listing)
