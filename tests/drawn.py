"""Pictures and image files drawn by code, down to the bytes where no library writes what a test needs."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth, colorful picture `[height, width, 3]`, uint8."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def painting(height: int, width: int, seed: int) -> np.ndarray:
    """Waves in three directions over a smooth picture, `[1, height, width, 3]`, float32, 0..255."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    image = photo(height, width, seed).astype(np.float64)
    for _ in range(3):
        angle, period = generator.uniform(0, np.pi), generator.uniform(3, 9)
        wave = np.sin(2 * np.pi / period * (np.cos(angle) * rows + np.sin(angle) * columns))
        image += wave[..., None] * generator.uniform(-50, 50, 3)
    return np.clip(image, 0, 255)[None].astype(np.float32)


def corners(height: int = 16, width: int = 32) -> np.ndarray:
    """Four quarters: red, green / blue, white; so that every turn and mirror image can be told."""
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, WHITE
    return image


def stored_as(image: np.ndarray, orientation: int) -> np.ndarray:
    """What a camera stores for an upright `image` with the given EXIF orientation (Exif 2.3, table 6, tag 274)."""
    return {
        1: image,
        2: np.fliplr(image),
        3: np.rot90(image, 2),
        4: np.flipud(image),
        5: image.swapaxes(0, 1),
        6: np.rot90(image),
        7: np.rot90(image, 2).swapaxes(0, 1),
        8: np.rot90(image, -1),
    }[orientation]


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[274] = orientation
    return tags


def file(image: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    """The bytes that Pillow writes."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(np.ascontiguousarray(image))
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png(samples: np.ndarray, bits: int, color: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of `[H, W]` or `[H, W, C]` samples: 16, 8 or (one row of packed bytes) fewer bits."""
    height, width = samples.shape[:2]
    rows = np.asarray(samples).astype(">u2" if bits == 16 else "u1")
    if bits < 8:
        packed = [sum(int(v) << (8 - bits * (i + 1)) for i, v in enumerate(row)) for row in rows]
        rows = np.array(packed, np.uint8)[:, np.newaxis]
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return png_chunks((b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b""))


def png_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def tiff(
    samples: np.ndarray, bits: int, photometric: int, order: str = "<", extra: Sequence[tuple[int, int]] = ()
) -> bytes:
    """An uncompressed TIFF 6.0 of one strip; `extra` are further (tag, short)."""
    height, width = samples.shape[:2]
    count = samples.shape[2] if samples.ndim == 3 else 1
    data = samples.astype(f"{order}u{bits // 8}").tobytes() if bits % 8 == 0 else samples.tobytes()
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 277: count, 278: height, **dict(extra)}
    tags |= {273: 0, 279: len(data)}
    bits_at = 8 + 2 + 12 * len(tags) + 4
    tags[273] = bits_at + 2 * count
    entries = b"".join(
        struct.pack(f"{order}HHII", tag, 3, count, bits_at)
        if tag == 258 and count > 2
        else struct.pack(f"{order}HHI", tag, 3, count if tag == 258 else 1)
        + (struct.pack(f"{order}HH", value, value if tag == 258 and count == 2 else 0))
        for tag, value in sorted(tags.items())
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return head + entries + bytes(4) + struct.pack(f"{order}{count}H", *[bits] * count) + data


def _icc(space: bytes, pcs: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2 (ICC.1:2001-04, 6.1 to 6.3)."""
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        padded = data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", start + len(body), len(data))
        body += padded
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02200000, kind, space, pcs)
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _s15(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _s15(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _s15(*values)


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def rgb_profile(to_xyz: np.ndarray, gamma: float) -> bytes:
    """A matrix profile: the columns of `to_xyz` are the primaries' XYZ, adapted to D50."""
    tags = {b"wtpt": _xyz((0.9642, 1.0, 0.8249))}
    for name, column in zip((b"r", b"g", b"b"), np.asarray(to_xyz).T, strict=True):
        tags |= {name + b"XYZ": _xyz(list(column)), name + b"TRC": _gamma(gamma)}
    return _icc(b"RGB ", b"XYZ ", b"mntr", tags)


def gray_profile(gamma: float) -> bytes:
    return _icc(b"GRAY", b"XYZ ", b"mntr", {b"wtpt": _xyz((0.9642, 1.0, 0.8249)), b"kTRC": _gamma(gamma)})


def cmyk_profile() -> bytes:
    """A press whose colors print nothing and whose black takes L* from 100 to 0 (lut8Type, 2 grid points a side)."""
    ramp, neutral = bytes(range(256)), bytes([128, 128])
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + _s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += ramp * 4 + (b"\xff" + neutral + b"\x00" + neutral) * 8 + ramp * 3  # black varies fastest
    return _icc(b"CMYK", b"Lab ", b"prtr", {b"wtpt": _xyz((0.9642, 1.0, 0.8249)), b"A2B0": lut})


# Primaries adapted to D50: Display P3 (as in Apple's profile) and sRGB (IEC 61966-2-1 by Bradford).
P3_TO_XYZ = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SRGB_TO_XYZ = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def srgb_encoded(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: linear 0..1 to 0..255."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
