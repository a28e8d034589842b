"""Settings of the HTTP service."""

import dataclasses

from tfstyle.config import options

__all__ = ["ServeSettings"]


@dataclasses.dataclass(frozen=True)
class ServeSettings(options.Options):
    """How the service listens and what it keeps; each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    host: str = options.option("127.0.0.1", "address to listen on", metavar="ADDRESS")
    port: int = options.option(7860, "port to listen on, 0 for any free one", metavar="N", least=0, most=65535)
    token: str | None = options.option(
        None, "secret that clients must send; required unless the host is local", metavar="SECRET"
    )
    state: str | None = options.option(
        None, "folder that keeps jobs across restarts (default: a temporary one)", metavar="FOLDER"
    )
    queue: int = options.option(16, "maximum number of waiting photos", metavar="N", least=1)
