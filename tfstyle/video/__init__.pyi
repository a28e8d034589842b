from . import audio, flicker, reader, writer

__all__ = ["audio", "flicker", "reader", "writer"]
