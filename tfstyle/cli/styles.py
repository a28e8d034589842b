"""``tfstyle styles``: lists the styles that can be given by name."""

import argparse

import tfstyle
from tfstyle.cli import console

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds no arguments."""
    del parser


def run(arguments: argparse.Namespace) -> None:
    """Prints a table, one style per line."""
    del arguments
    from rich import table

    name = table.Column("name", no_wrap=True)
    preview = table.Column("preview of the trained network", overflow="fold")  # A shortened path would be useless.
    listing = table.Table(name, "painting", "artist", "year", preview, box=None)
    for style in tfstyle.styles():
        listing.add_row(style.name, style.title, style.artist, style.year, str(style.preview or ""))
    console.print_table(listing)
