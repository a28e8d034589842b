from . import audio, flicker, painter, prefetching, reader, writer
from .painter import FilmProgress, paint_film

__all__ = ["FilmProgress", "audio", "flicker", "paint_film", "painter", "prefetching", "reader", "writer"]
