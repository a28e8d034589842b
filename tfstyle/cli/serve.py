"""``tfstyle serve``: the HTTP service and its page, on this machine."""

import argparse
import importlib.util

from tfstyle import config, errors
from tfstyle.cli import console, options

__all__ = ["add_arguments", "run"]

# The extra ``serve``.
_PACKAGES = ("fastapi", "fastapi_offline", "gradio", "prometheus_client", "uvicorn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    options.add_settings(parser, config.ServeSettings, title="service")


def run(arguments: argparse.Namespace) -> None:
    """Serves until Ctrl-C.

    Raises:
        InputError: unusable options, an address that cannot be listened on, or missing packages.
    """
    settings = options.read_settings(arguments, config.ServeSettings)
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise errors.InputError(f'{package} is missing: pip install "tfstyle[serve]"')
    from tfstyle import service

    service.run(settings, lambda address: console.say(f"tfstyle: {address} (Ctrl-C ends it)"))
