"""The one exception that users are meant to see."""

__all__ = ["InputError"]


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was got, what is accepted, what to do. The command line prints it and exits with
    code 2, without a traceback.
    """
