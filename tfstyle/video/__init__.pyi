from . import (
    audio,
    decoding,
    flicker,
    gif,
    h264,
    mp4,
    outputs,
    painter,
    parts,
    prefetching,
    pyav,
    reader,
    schedule,
    styling,
    tone_mapping,
    tracks,
    writer,
)
from .h264 import encode_mp4
from .painter import FilmProgress, paint_film
from .pyav import import_av
from .schedule import FilmStyle

__all__ = [
    "FilmProgress",
    "FilmStyle",
    "audio",
    "decoding",
    "encode_mp4",
    "flicker",
    "gif",
    "h264",
    "import_av",
    "mp4",
    "outputs",
    "paint_film",
    "painter",
    "parts",
    "prefetching",
    "pyav",
    "reader",
    "schedule",
    "styling",
    "tone_mapping",
    "tracks",
    "writer",
]
