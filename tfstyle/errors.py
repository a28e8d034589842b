"""The exceptions that users are meant to see."""

__all__ = ["InputError", "ShortageError"]


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was got, what is accepted, what to do. The command line prints it and exits with
    code 2, without a traceback.
    """


class ShortageError(InputError):
    """It could be used on a machine with more free memory or disk; for a service, no fault of its client's."""
