"""``tfstyle styles``: lists the styles that can be given by name, or paints a photo in all of them."""

import argparse

import tfstyle
from tfstyle import images
from tfstyle.cli import console

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("--sheet", metavar="OUT", help="paint one photo in every style and write a contact sheet")
    parser.add_argument("--photo", metavar="IMAGE", help="photo for the sheet (default: a bundled one)")


def run(arguments: argparse.Namespace) -> None:
    """Prints a table, one style per line, or writes a sheet.

    Raises:
        InputError: the photo or the sheet's file is unusable, or there is a photo but no sheet.
    """
    if arguments.sheet:
        _write_sheet(arguments)
    elif arguments.photo:
        raise tfstyle.InputError("--photo has no effect without --sheet: name the sheet's file, or leave out --photo")
    else:
        _print_table()


def _print_table() -> None:
    from rich import table

    name = table.Column("name", no_wrap=True)
    preview = table.Column("preview of the trained network", overflow="fold")  # A shortened path would be useless.
    listing = table.Table(name, "painting", "artist", "year", preview, box=None)
    for style in tfstyle.styles():
        listing.add_row(style.name, style.title, style.artist, style.year, str(style.preview or ""))
    console.print_table(listing)


def _write_sheet(arguments: argparse.Namespace) -> None:
    from tfstyle import reports

    images.check_writable(arguments.sheet)
    sheet = reports.StyleSheet(arguments.photo)
    for count, style in enumerate(sheet, start=1):
        console.say(f"{count}/{len(sheet.styles)} {style.name}")
    images.save_image(arguments.sheet, sheet.draw())
    console.say(f"saved {arguments.sheet}")
