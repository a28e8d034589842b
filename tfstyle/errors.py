"""Exceptions with messages for users."""

__all__ = ["InputError", "ShortageError"]


class InputError(ValueError):
    """The input cannot be used.

    The message is one line: what was wrong, what is accepted, what to do. The command line prints it without a
    traceback and exits with code 2.
    """


class ShortageError(InputError):
    """The input needs more free memory or disk space than this machine has; a service's clients are not to blame."""
