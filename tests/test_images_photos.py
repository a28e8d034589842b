"""Every kind of file that people have: read right, or refused in one clear line."""

import dataclasses
import hashlib
import io
import os
import pathlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping

import drawn
import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms

from tfstyle import errors, images

SUFFIXES = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"]
RED, GREEN, BLUE, WHITE, BLACK = drawn.RED, drawn.GREEN, drawn.BLUE, drawn.WHITE, drawn.BLACK
ARRAY = np.array


@dataclasses.dataclass(frozen=True)
class Seen:
    """What must be read: height and width, colours and opacities at (y, x), and how far off a colour may be."""

    size: tuple[int, int]
    colors: Mapping[tuple[int, int], tuple[float, float, float]]
    alpha: Mapping[tuple[int, int], float] | None = None
    off: float = 1.0


def solid(color: tuple[int, ...], mode: str = "RGB", size: tuple[int, int] = (24, 16)) -> Image.Image:
    return Image.new(mode, size, color if len(color) > 1 else color[0])


def clear_red() -> Image.Image:
    """Red; the left half transparent."""
    image = solid((255, 0, 0, 255), "RGBA", (8, 6))
    image.paste((255, 0, 0, 0), (0, 0, 4, 6))
    return image


def two_frames(kind: str, **options: object) -> bytes:
    return drawn.file(solid(RED), kind, save_all=True, append_images=[solid(BLUE)], **options)


def palette_png(alphas: bytes) -> bytes:
    chunks = ((b"PLTE", bytes([*RED, *GREEN, *BLUE])), (b"tRNS", alphas))
    return drawn.png(ARRAY([[0, 1, 2]]), 8, 3, *chunks)


def clear_grey(bits: int, samples: list[int], key: int) -> bytes:
    return drawn.png(ARRAY([samples]), bits, 0, (b"tRNS", key.to_bytes(2, "big")))


def clear_rgb(bits: int, samples: list[tuple[int, int, int]], key: tuple[int, int, int]) -> bytes:
    return drawn.png(ARRAY([samples]), bits, 2, (b"tRNS", b"".join(v.to_bytes(2, "big") for v in key)))


def header_only_png(width: int, height: int) -> bytes:
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return drawn.png_chunks((b"IHDR", header), (b"IDAT", b"x"), (b"IEND", b""))


def bad_crc_png() -> bytes:
    data = bytearray(drawn.file(drawn.photo(20, 30), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 0xFF
    return bytes(data)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    return buffer.getvalue()


def cut(kind: str, share: float, **options: object) -> bytes:
    data = drawn.file(drawn.photo(90, 120), kind, **options)
    return data[: int(len(data) * share)]


def turned(kind: str, orientation: int, **options: object) -> bytes:
    stored = drawn.stored_as(drawn.corners(), orientation)
    return drawn.file(stored, kind, exif=drawn.exif(orientation), **options)


def p3_as_srgb(*color: float) -> tuple[float, float, float]:
    """Display P3 primaries with gamma 2.2 in sRGB, by the matrices of both."""
    linear = (ARRAY(color) / 255) ** 2.2
    red, green, blue = drawn.srgb_encoded(np.linalg.solve(drawn.SRGB_TO_XYZ, drawn.P3_TO_XYZ @ linear))
    return float(red), float(green), float(blue)


def grey(value: float) -> tuple[float, float, float]:
    return (value, value, value)


def row(*values: float, off: float = 0.01) -> Seen:
    """One row of greys."""
    return Seen((1, len(values)), {(0, x): grey(value) for x, value in enumerate(values)}, off=off)


def tiff_of(kind: str, *values: float) -> bytes:
    """One row of numbers of a NumPy kind."""
    return drawn.file(Image.fromarray(ARRAY([values], kind)), "TIFF")


def first_is_clear(second: tuple[float, float, float]) -> Seen:
    """Two pixels: a transparent one and a colour."""
    return Seen((1, 2), {(0, 1): second}, {(0, 0): 0, (0, 1): 1})


UPRIGHT = Seen((16, 32), {(4, 8): RED, (4, 24): GREEN, (12, 8): BLUE, (12, 24): WHITE}, off=3)
ALL_RED = Seen((16, 24), {(0, 0): RED, (15, 23): RED}, off=2)
OPAQUE = Seen((6, 8), {(0, 0): RED, (2, 6): RED})
HALF_CLEAR = Seen((6, 8), {(2, 6): RED}, {(0, 0): 0, (5, 3): 0, (0, 4): 1, (5, 7): 1}, off=2)
P3, SWAPPED = drawn.rgb_profile(drawn.P3_TO_XYZ, 2.2), drawn.rgb_profile(drawn.SRGB_TO_XYZ[:, [1, 0, 2]], 2.2)
UNKNOWN, DAMAGED, HUGE = "not a picture of a known kind, or damaged", "is damaged, cut off", "pixels: make it smaller"
TEXT = b"Dear photo,\nyou are a text.\n"

ODD_FILES: list[tuple[str, Callable[[], bytes], str | Seen]] = [
    # Refused, each in one line
    ("empty", lambda: b"", "is empty"),
    ("text", lambda: TEXT, UNKNOWN),
    ("svg", lambda: b"<?xml version='1.0'?>\n<SVG xmlns='x'></SVG>", "SVG drawing: export it as PNG"),
    ("pdf", lambda: b"%PDF-1.7\n%...", "PDF document: export the page as PNG"),
    ("heic", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC photo.*convert it to JPEG"),
    ("mp4", lambda: b"\0\0\0\x18ftypisom\0\0\0\0mp41isom" + bytes(100), "a video.*convert it to JPEG"),
    ("eps, which would start Ghostscript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", UNKNOWN),
    ("docx", zipped, UNKNOWN),
    ("random bytes", lambda: np.random.default_rng(0).bytes(5000), UNKNOWN),
    ("jpeg: signature only", lambda: b"\xff\xd8\xff", UNKNOWN),
    ("jpeg: cut in the header", lambda: cut("JPEG", 0.05), DAMAGED),
    ("jpeg: cut in the middle", lambda: cut("JPEG", 0.5), DAMAGED),
    ("jpeg: cut near the end", lambda: cut("JPEG", 0.95), DAMAGED),
    ("jpeg, progressive: cut", lambda: cut("JPEG", 0.6, progressive=True), DAMAGED),
    ("png: signature only", lambda: b"\x89PNG\r\n\x1a\n", UNKNOWN),
    ("png: cut in the header", lambda: header_only_png(5, 5)[:20], DAMAGED),
    ("png: cut in the middle", lambda: cut("PNG", 0.5), DAMAGED),
    ("png: cut near the end", lambda: cut("PNG", 0.97), DAMAGED),
    ("png: wrong checksum", bad_crc_png, DAMAGED),
    ("png: pixels missing", lambda: header_only_png(5, 5), DAMAGED),
    ("png: bomb", lambda: header_only_png(20000, 20000), "too many pixels"),
    ("png: larger than any memory", lambda: header_only_png(2**31 - 1, 2**31 - 1), "too many pixels"),
    ("png: no width", lambda: header_only_png(0, 5), UNKNOWN),
    ("webp: cut", lambda: cut("WEBP", 0.5), f"{DAMAGED}|{UNKNOWN}"),
    ("gif: cut", lambda: cut("GIF", 0.5), DAMAGED),
    ("gif: of no size", lambda: b"GIF89a\0\0\0\0\0\0\0,\0\0\0\0\0\0\0\0\0;", f"{UNKNOWN}|{HUGE}"),
    ("tiff: cut", lambda: cut("TIFF", 0.5), f"{DAMAGED}|{UNKNOWN}"),
    ("tiff, deflated: cut", lambda: cut("TIFF", 0.5, compression="tiff_adobe_deflate"), f"{DAMAGED}|{UNKNOWN}"),
    ("bmp: cut", lambda: cut("BMP", 0.5), DAMAGED),
    ("bmp: zeros behind the magic", lambda: b"BM" + bytes(60), DAMAGED),
    ("ppm: cut", lambda: cut("PPM", 0.5), DAMAGED),
    ("tiff: NaN", lambda: tiff_of("float32", 0, np.nan), "not finite numbers"),
    ("tiff: infinite", lambda: tiff_of("float32", 0, np.inf), "not finite"),
    # Turned by EXIF
    *((f"jpeg: EXIF orientation {k}", lambda k=k: turned("JPEG", k, quality=95), UPRIGHT) for k in range(1, 9)),
    ("png: EXIF orientation", lambda: turned("PNG", 6), UPRIGHT),
    ("webp: EXIF orientation", lambda: turned("WEBP", 8, lossless=True), UPRIGHT),
    ("tiff: orientation", lambda: turned("TIFF", 5), UPRIGHT),
    (
        "jpeg: EXIF orientation 9, which is none",
        lambda: drawn.file(drawn.corners(), "JPEG", quality=95, exif=drawn.exif(9)),
        UPRIGHT,
    ),
    (
        "jpeg: broken EXIF",
        lambda: drawn.file(drawn.corners(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
        UPRIGHT,
    ),
    (
        "jpeg: EXIF of noise",
        lambda: drawn.file(drawn.corners(), "JPEG", quality=95, exif=b"Exif\0\0" + b"\x9d" * 50),
        UPRIGHT,
    ),
    ("png: cut EXIF", lambda: drawn.file(drawn.corners(), "PNG", exif=drawn.exif(6).tobytes()[:19]), UPRIGHT),
    # Colour spaces and profiles
    (
        "png: Display P3",
        lambda: drawn.file(solid((200, 100, 50)), "PNG", icc_profile=P3),
        Seen((16, 24), {(0, 0): p3_as_srgb(200, 100, 50)}),
    ),
    (
        "jpeg: Display P3, green beyond sRGB",
        lambda: drawn.file(solid((60, 220, 60)), "JPEG", icc_profile=P3, quality=100),
        Seen((16, 24), {(5, 5): p3_as_srgb(60, 220, 60)}, off=3),
    ),
    (
        "webp: red and green exchanged by the profile, and alpha",
        lambda: drawn.file(clear_red(), "WEBP", icc_profile=SWAPPED, lossless=True),
        dataclasses.replace(HALF_CLEAR, colors={(2, 6): GREEN}),
    ),
    (
        "png: palette with profile",
        lambda: drawn.file(solid(RED).quantize(4), "PNG", icc_profile=SWAPPED),
        dataclasses.replace(ALL_RED, colors={(3, 3): GREEN}),
    ),
    (
        "png: linear grey by a grey profile",
        lambda: drawn.file(solid((128,), "L"), "PNG", icc_profile=drawn.grey_profile(1.0)),
        Seen((16, 24), {(0, 0): grey(float(drawn.srgb_encoded(ARRAY(128 / 255))))}),
    ),
    (
        "png: grey with an RGB profile",
        lambda: drawn.file(solid((128,), "L"), "PNG", icc_profile=drawn.rgb_profile(drawn.SRGB_TO_XYZ, 1.0)),
        Seen((16, 24), {(0, 0): grey(float(drawn.srgb_encoded(ARRAY(128 / 255))))}),
    ),
    ("png: broken profile", lambda: drawn.file(solid(RED), "PNG", icc_profile=b"not a profile"), ALL_RED),
    ("png: half a profile", lambda: drawn.file(solid(RED), "PNG", icc_profile=P3[:200]), ALL_RED),
    ("png: profile of grey on RGB", lambda: drawn.file(solid(RED), "PNG", icc_profile=drawn.grey_profile(1)), ALL_RED),
    ("jpeg: CMYK", lambda: drawn.file(solid((0, 255, 255, 0), "CMYK"), "JPEG"), ALL_RED),
    ("tiff: CMYK", lambda: drawn.file(solid((0, 255, 255, 0), "CMYK"), "TIFF"), ALL_RED),
    (
        "jpeg: half black ink",
        lambda: drawn.file(solid((0, 0, 0, 128), "CMYK"), "JPEG"),
        Seen((16, 24), {(8, 8): grey(127)}),
    ),
    (
        "tiff: CMYK by its profile",  # black ink alone counts: L* = 100 (1 - 102/255) = 60, in sRGB 145
        lambda: drawn.file(solid((200, 10, 90, 102), "CMYK"), "TIFF", icc_profile=drawn.cmyk_profile()),
        Seen((16, 24), {(0, 0): grey(145)}, off=2),
    ),
    (
        "tiff: CMYK, broken profile",
        lambda: drawn.file(solid((0, 255, 255, 0), "CMYK"), "TIFF", icc_profile=b"?"),
        ALL_RED,
    ),
    (
        "tiff: CMYK with an RGB profile",
        lambda: drawn.file(solid((0, 255, 255, 0), "CMYK"), "TIFF", icc_profile=SWAPPED),
        ALL_RED,
    ),
    (
        "tiff: Lab with an RGB profile",
        lambda: drawn.file(solid((138, 81 + 128, 70 + 128), "LAB"), "TIFF", icc_profile=SWAPPED),
        dataclasses.replace(ALL_RED, off=6),
    ),
    ("tiff: YCbCr", lambda: drawn.file(solid((76, 85, 255), "YCbCr"), "TIFF"), ALL_RED),
    (
        "tiff: Lab",  # middle grey, white, and sRGB's red at D50: L* = 54.3, a* = 80.8, b* = 69.9
        lambda: drawn.tiff(ARRAY([[[128, 0, 0], [255, 0, 0], [138, 81, 70]]]), 8, 8),
        Seen((1, 3), {(0, 0): grey(119), (0, 1): WHITE, (0, 2): RED}, off=6),
    ),
    ("jpeg: grey", lambda: drawn.file(solid((77,), "L"), "JPEG"), Seen((16, 24), {(0, 0): grey(77)})),
    ("jpeg: progressive", lambda: drawn.file(drawn.corners(), "JPEG", quality=95, progressive=True), UPRIGHT),
    # Depths other than 8 bits
    ("png: 16-bit grey", lambda: drawn.png(ARRAY([[0, 1000, 65535]]), 16, 0), row(0, 1000 / 257, 255)),
    ("tiff: 16-bit grey, Intel", lambda: drawn.tiff(ARRAY([[0, 1000, 65535]]), 16, 1), row(0, 1000 / 257, 255)),
    ("tiff: 16-bit grey, Motorola", lambda: drawn.tiff(ARRAY([[0, 1000, 65535]]), 16, 1, ">"), row(0, 1000 / 257, 255)),
    ("tiff: 16-bit grey, white is 0", lambda: drawn.tiff(ARRAY([[0, 257, 65535]]), 16, 0), row(255, 254, 0)),
    (
        "tiff: 12-bit grey",
        lambda: drawn.tiff(ARRAY([[0xFF, 0xF8, 0x00]], np.uint8), 12, 1, extra=[(256, 2)]),
        row(255, 255 * 0x800 / 0xFFF),
    ),
    ("pgm: 16 bits", lambda: b"P5 2 1 65535\n" + ARRAY([257, 65535], ">u2").tobytes(), row(1, 255)),
    (
        "png: 16-bit RGB",
        lambda: drawn.png(ARRAY([[[0, 30000, 65535]]]), 16, 2),
        Seen((1, 1), {(0, 0): (0, 116.7, 255)}),
    ),
    (
        "tiff: 16-bit RGB",
        lambda: drawn.tiff(ARRAY([[[0, 30000, 65535]]]), 16, 2),
        Seen((1, 1), {(0, 0): (0, 116.7, 255)}),
    ),
    (
        "png: 16-bit RGBA",
        lambda: drawn.png(ARRAY([[[0, 30000, 65535, 65535 * 2 // 5]]]), 16, 6),
        Seen((1, 1), {(0, 0): (0, 116.7, 255)}, {(0, 0): 0.4}),
    ),
    (
        "png: 16-bit grey and alpha",
        lambda: drawn.png(ARRAY([[[30000, 0], [0, 65535]]]), 16, 4),
        Seen((1, 2), {(0, 0): grey(116.7)}, {(0, 0): 0, (0, 1): 1}),
    ),
    (
        "tiff: int32 as 16 bits",
        lambda: tiff_of("int32", 0, 257 * 9, 65535),
        row(0, 9, 255),
    ),
    ("tiff: int32 as 8 bits", lambda: tiff_of("int32", 0, 9, 200), row(0, 9, 200)),
    (
        "tiff: int32 of any range",
        lambda: tiff_of("int32", -(10**9), 0, 10**9),
        row(0, 127.5, 255),
    ),
    ("tiff: float 0..1", lambda: tiff_of("float32", 0, 0.25, 1), row(0, 63.75, 255)),
    ("tiff: float 0..255", lambda: tiff_of("float32", 0, 2.5, 90, 100, 200), row(0, 2.5, 90, 100, 200)),
    (
        "tiff: float of any range",
        lambda: tiff_of("float32", -3e38, 0, 3e38),
        row(0, 127.5, 255),
    ),
    ("tiff: float, flat and negative", lambda: tiff_of("float32", -5, -5), row(0, 0)),
    ("png: 1 bit", lambda: drawn.png(ARRAY([[1, 0, 1]]), 1, 0), row(255, 0, 255)),
    ("png: 2 bits", lambda: drawn.png(ARRAY([[1, 2]]), 2, 0), row(85, 170)),
    ("png: 4 bits", lambda: drawn.png(ARRAY([[3, 15]]), 4, 0), row(51, 255)),
    ("tiff: 8-bit grey, white is 0", lambda: drawn.tiff(ARRAY([[0, 255]]), 8, 0), row(255, 0)),
    ("pbm", lambda: b"P1 2 1\n0 1\n", row(255, 0)),
    # Transparency in all its forms
    ("png: RGBA", lambda: drawn.file(clear_red(), "PNG"), HALF_CLEAR),
    ("webp: RGBA", lambda: drawn.file(clear_red(), "WEBP", quality=100), HALF_CLEAR),
    ("tiff: RGBA", lambda: drawn.file(clear_red(), "TIFF"), HALF_CLEAR),
    ("gif: transparent", lambda: drawn.file(clear_red(), "GIF"), HALF_CLEAR),
    ("png: palette made transparent", lambda: drawn.file(clear_red().quantize(4), "PNG"), HALF_CLEAR),
    ("bmp: 32 bits, of which the format says that 8 mean nothing", lambda: drawn.file(clear_red(), "BMP"), OPAQUE),
    ("tiff: palette and alpha", lambda: drawn.file(clear_red().convert("PA"), "TIFF"), HALF_CLEAR),
    (
        "tiff: premultiplied",
        lambda: drawn.tiff(ARRAY([[[102, 51, 0, 102], [0, 0, 0, 0]]]), 8, 2, extra=[(338, 1)]),
        Seen((1, 2), {(0, 0): (255, 127.5, 0)}, {(0, 0): 0.4, (0, 1): 0}, off=2),
    ),
    (
        "tiff: grey and alpha",
        lambda: drawn.tiff(ARRAY([[[100, 51], [200, 255]]]), 8, 1, extra=[(338, 2)]),
        Seen((1, 2), {(0, 0): grey(100), (0, 1): grey(200)}, {(0, 0): 0.2, (0, 1): 1}),
    ),
    ("png: opaque RGBA", lambda: drawn.file(solid((255, 0, 0, 255), "RGBA"), "PNG"), ALL_RED),
    (
        "png: fully transparent",
        lambda: drawn.file(solid((255, 0, 0, 0), "RGBA"), "PNG"),
        Seen((16, 24), {(3, 3): RED}, {(0, 0): 0, (15, 23): 0}),
    ),
    (
        "png: palette, three opacities",
        lambda: palette_png(b"\x00\x33\xff"),
        Seen((1, 3), {(0, 1): GREEN, (0, 2): BLUE}, {(0, 0): 0, (0, 1): 0.2, (0, 2): 1}),
    ),
    (
        "png: palette, one clear",
        lambda: palette_png(b"\xff\x00"),
        Seen((1, 3), {(0, 0): RED, (0, 2): BLUE}, {(0, 0): 1, (0, 1): 0, (0, 2): 1}),
    ),
    ("png: 8-bit grey, 9 is clear", lambda: clear_grey(8, [9, 10], 9), first_is_clear(grey(10))),
    ("png: 4-bit grey, 3 is clear", lambda: clear_grey(4, [3, 4], 3), first_is_clear(grey(68))),
    ("png: 2-bit grey, 1 is clear", lambda: clear_grey(2, [1, 2], 1), first_is_clear(grey(170))),
    ("png: 1 bit, white is clear", lambda: clear_grey(1, [1, 0], 1), first_is_clear(BLACK)),
    (
        "png: 16-bit grey, 1000 is clear, 1001 is not",
        lambda: clear_grey(16, [1000, 1001], 1000),
        first_is_clear(grey(1001 / 257)),
    ),
    (
        "png: RGB, one colour is clear",
        lambda: clear_rgb(8, [(0, 10, 255), (0, 11, 255)], (0, 10, 255)),
        first_is_clear((0, 11, 255)),
    ),
    (
        "png: 16-bit RGB, one colour is clear",
        lambda: clear_rgb(16, [(0, 3000, 65535), (0, 9000, 65535)], (0, 3000, 65535)),
        first_is_clear((0, 35, 255)),
    ),
    ("png: a clear colour that does not occur", lambda: clear_grey(8, [9, 10], 8), row(9, 10)),
    # Several frames: the first; other kinds; strange shapes
    ("gif: animated", lambda: two_frames("GIF"), ALL_RED),
    ("png: animated", lambda: two_frames("PNG"), ALL_RED),
    ("webp: animated", lambda: two_frames("WEBP", lossless=True), ALL_RED),
    ("tiff: two pages", lambda: two_frames("TIFF"), ALL_RED),
    ("mpo: two views", lambda: two_frames("MPO", quality=95), ALL_RED),
    ("bmp", lambda: drawn.file(solid(RED), "BMP"), ALL_RED),
    ("ppm", lambda: drawn.file(solid(RED), "PPM"), ALL_RED),
    ("jpeg 2000", lambda: drawn.file(solid(RED), "JPEG2000"), ALL_RED),
    ("one pixel", lambda: drawn.file(solid(RED, size=(1, 1)), "PNG"), Seen((1, 1), {(0, 0): RED})),
    ("one pixel wide", lambda: drawn.file(solid(RED, size=(1, 501)), "JPEG"), Seen((501, 1), {(500, 0): RED}, off=2)),
    ("one pixel high", lambda: drawn.file(solid(RED, size=(501, 1)), "WEBP"), Seen((1, 501), {(0, 500): RED}, off=4)),
    ("png with rubbish behind it", lambda: drawn.file(solid(RED), "PNG") + TEXT * 99, ALL_RED),
]


# Pillow 12.3 cannot read back what it has written there; 13 can.
OLD_PILLOW = pytest.mark.skipif(int(PIL.__version__.partition(".")[0]) < 13, reason="needs Pillow 13")
MARKS = {"tiff: YCbCr": OLD_PILLOW}


@pytest.mark.parametrize(
    ("make", "expected"),
    [pytest.param(*case[1:], id=case[0], marks=MARKS.get(case[0], ())) for case in ODD_FILES],
)
def test_odd_files(tmp_path: pathlib.Path, make: Callable[[], bytes], expected: str | Seen) -> None:
    path = tmp_path / "odd.jpg"  # misnamed in nearly all cases: the content counts
    path.write_bytes(make())
    if isinstance(expected, str):
        assert_refused(path, expected)
    else:
        assert_seen(images.load_image(path), expected)


def assert_refused(path: pathlib.Path, pattern: str) -> None:
    with pytest.raises(errors.InputError, match=pattern) as caught:
        images.load_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def assert_seen(photo: images.Photo, expected: Seen) -> None:
    assert photo.rgb.shape == (*expected.size, 3)
    assert photo.rgb.dtype == np.float32
    for place, color in expected.colors.items():
        np.testing.assert_allclose(photo.rgb[place], color, atol=expected.off)
    assert (photo.alpha is None) == (expected.alpha is None)
    if photo.alpha is not None and expected.alpha is not None:
        assert photo.alpha.shape == expected.size
        assert photo.alpha.dtype == np.float32
        for place, alpha in expected.alpha.items():
            assert photo.alpha[place] == pytest.approx(alpha, abs=0.005)


def test_the_table_of_odd_files_is_long_and_its_names_differ() -> None:
    names = [case[0] for case in ODD_FILES]
    assert len(set(names)) == len(names) >= 100


# ---- Sizes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height", [1, 2, 7, 37, 64])
@pytest.mark.parametrize("width", [1, 3, 16, 53])
def test_the_long_side_is_exact_and_the_other_is_rounded(tmp_path: pathlib.Path, height: int, width: int) -> None:
    path = saved(tmp_path / "photo.png", drawn.photo(height, width))
    for size in (1, 2, 3, 5, 31, 64, 77):
        rgb = images.load_image(path, size=size).rgb
        exact = np.array([height, width]) * size / max(height, width)
        assert max(rgb.shape[:2]) == size
        assert (np.abs(np.array(rgb.shape[:2]) - np.maximum(exact, 1)) <= 0.5).all()
        assert rgb.min() >= 0
        assert rgb.max() <= 255


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [(None, None, (30, 40)), (None, 20, (15, 20)), (None, 100, (30, 40)), (80, 20, (60, 80)), (10, None, (8, 10))],
)
def test_size_and_limit(tmp_path: pathlib.Path, size: int, limit: int, expected: tuple[int, int]) -> None:
    path = saved(tmp_path / "photo.png", drawn.photo(30, 40))
    assert images.load_image(path, size=size, limit=limit).rgb.shape == (*expected, 3)


def test_a_portrait_turned_by_exif_is_fitted_upright(tmp_path: pathlib.Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(turned("JPEG", 6))
    assert images.load_image(tmp_path / "photo.jpg", size=10).rgb.shape == (5, 10, 3)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": -3}, {"limit": 0}])
def test_sizes_below_one_are_refused(tmp_path: pathlib.Path, wrong: dict[str, int]) -> None:
    with pytest.raises(errors.InputError, match=f"{next(iter(wrong))} must be at least 1"):
        images.load_image(saved(tmp_path / "photo.png"), **wrong)


def test_sizes_beyond_the_limit_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="choose a size of 1 to"):
        images.load_image(saved(tmp_path / "photo.png"), size=10**6)


def test_fit_size() -> None:
    assert images.fit_size(3, 2, 6) == (6, 4)
    assert images.fit_size(2, 4, 5) == (3, 5)  # 2.5: half up
    assert images.fit_size(1, 1000, 10) == (1, 10)
    with pytest.raises(errors.InputError, match="at least 1 pixel"):
        images.fit_size(0, 5, 5)


def test_resize_to_the_same_size_returns_the_photo_itself() -> None:
    photo = images.Photo(drawn.photo(5, 6).astype(np.float32))
    assert images.resize(photo, 5, 6) is photo


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, -1)])
def test_resize_to_nothing_is_refused(height: int, width: int) -> None:
    with pytest.raises(errors.InputError, match="cannot resize"):
        images.resize(images.Photo(np.zeros((3, 3, 3), np.float32)), height, width)


def lanczos_matrix(old: int, new: int) -> np.ndarray:
    """Weights `[new, old]` of antialiased Lanczos-3 resampling (Turkowski 1990), normalised at the borders."""
    scale = max(old / new, 1.0)
    centers = (np.arange(new) + 0.5) * old / new
    distance = (np.arange(old) + 0.5 - centers[:, np.newaxis]) / scale
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("height", "width"), [(20, 15), (91, 43), (7, 90)])
def test_resize_is_lanczos_in_float(height: int, width: int) -> None:
    rgb = (drawn.photo(40, 33).astype(np.float32) / 2 + 60.3).astype(np.float32)
    rows, columns = lanczos_matrix(40, height), lanczos_matrix(33, width)
    expected = np.einsum("yh,hwc,xw->yxc", rows, rgb, columns)
    np.testing.assert_allclose(images.resize(images.Photo(rgb), height, width).rgb, expected, atol=0.01)


def test_resize_stays_in_range_where_lanczos_overshoots() -> None:
    edge = np.zeros((8, 8, 3), np.float32)
    edge[:, 4:] = 255
    rgb = images.resize(images.Photo(edge, edge[..., 0] / 255), 50, 50)
    assert rgb.rgb.min() >= 0
    assert rgb.rgb.max() <= 255
    assert rgb.alpha.min() >= 0
    assert rgb.alpha.max() <= 1


@pytest.mark.parametrize("size", [(10, 10), (33, 47), (200, 90)])
@pytest.mark.parametrize("hidden", [BLACK, GREEN, WHITE])
def test_resize_makes_no_fringe_around_transparent_parts(size: tuple[int, int], hidden: tuple[int, int, int]) -> None:
    rgb, alpha = np.full((40, 40, 3), hidden, np.float32), np.zeros((40, 40), np.float32)
    rgb[10:30, 10:30], alpha[10:30, 10:30] = (250, 180, 90), 1
    small = images.resize(images.Photo(rgb, alpha), *size)
    visible = small.alpha > 0.02
    assert visible.any()
    np.testing.assert_allclose(small.rgb[visible], np.broadcast_to((250, 180, 90), small.rgb[visible].shape), atol=0.5)


def test_resize_keeps_the_colours_hidden_under_transparency() -> None:
    photo = images.Photo(np.full((9, 9, 3), 77, np.float32), np.zeros((9, 9), np.float32))
    np.testing.assert_allclose(images.resize(photo, 4, 4).rgb, 77, atol=0.01)


# ---- Writing --------------------------------------------------------------------------------------------------------


def saved(path: pathlib.Path, image: np.ndarray | None = None, **options: object) -> pathlib.Path:
    images.save_image(path, drawn.photo(12, 17) if image is None else image, **options)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip(tmp_path: pathlib.Path, suffix: str) -> None:
    image = drawn.photo(37, 53)
    photo = images.load_image(saved(tmp_path / f"out{suffix}", image))
    assert photo.alpha is None
    assert photo.rgb.shape == image.shape
    off = np.abs(photo.rgb - image)
    assert off.max() == 0 if suffix in (".png", ".tif", ".tiff") else off.mean() < 3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 90), (90, 1), (3, 5), (63, 65)])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_size_is_written_as_it_is(tmp_path: pathlib.Path, suffix: str, height: int, width: int) -> None:
    path = saved(tmp_path / f"out{suffix}", drawn.photo(height, width))
    with Image.open(path) as image:
        assert image.size == (width, height)
        assert image.format == {"jpg": "JPEG", "jpe": "JPEG", "tif": "TIFF"}.get(suffix[1:4], suffix[1:].upper())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_picture_gives_the_same_bytes(suffix: str) -> None:
    image, alpha = drawn.photo(20, 30).astype(np.float32), np.linspace(0, 1, 600).reshape(20, 30)
    first, second = (images.encode(image, suffix, alpha=alpha, recipe={"b": 1, "a": 2}) for _ in range(2))
    assert first == second
    assert first == images.encode(image, suffix, alpha=alpha, recipe={"a": 2, "b": 1})
    assert first != images.encode(image, suffix, alpha=alpha, recipe={"a": 2, "b": 3})


def test_the_same_bytes_in_another_process_at_another_time() -> None:
    program = (
        "import hashlib, numpy as np; from tfstyle import images; x = np.arange(300).reshape(10, 10, 3) % 256;"
        "print(*(hashlib.sha256(images.encode(x, s, recipe={'a': 1})).hexdigest() for s in ('.jpg', '.png', '.tif')))"
    )
    here = images.Photo(np.arange(300, dtype=np.float32).reshape(10, 10, 3) % 256)
    expected = [hashlib.sha256(images.encode(here, s, recipe={"a": 1})).hexdigest() for s in (".jpg", ".png", ".tif")]
    environment = os.environ | {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert result.stdout.split() == expected


def test_the_modules_load_neither_tensorflow_nor_scikit_image() -> None:
    program = "import sys; import tfstyle.images.color; print([m for m in sys.modules if '.' not in m])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "numpy" in loaded
    assert not re.search("'(tensorflow|keras|skimage|scipy)'", loaded)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_srgb_profile_without_date_is_embedded(tmp_path: pathlib.Path, suffix: str) -> None:
    with Image.open(saved(tmp_path / f"out{suffix}")) as image:
        profile = image.info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    assert profile[24:36] == bytes(12)
    assert len(profile) < 1000


def test_jpeg_keeps_full_colour_resolution_and_quality_matters(tmp_path: pathlib.Path) -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = RED, BLUE  # one pixel wide: 4:2:0 would mix them to violet
    rgb = images.load_image(saved(tmp_path / "a.jpg", stripes)).rgb
    np.testing.assert_allclose(rgb, stripes, atol=40)
    assert len(images.encode(drawn.photo(64, 64), ".jpg", quality=30)) < len(images.encode(drawn.photo(64, 64), ".jpg"))


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_quality_out_of_range_is_refused(quality: int) -> None:
    with pytest.raises(errors.InputError, match="quality must be 1 to 100"):
        images.encode(drawn.photo(3, 3), ".jpg", quality=quality)


def test_floats_are_rounded_and_clipped(tmp_path: pathlib.Path) -> None:
    image = np.array([[[-9.0, 0.4, 0.6], [254.4, 254.6, 999.0]]])
    rgb = images.load_image(saved(tmp_path / "out.png", image[np.newaxis])).rgb
    np.testing.assert_array_equal(rgb, [[[0, 0, 1], [254, 255, 255]]])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_round_trip(tmp_path: pathlib.Path, suffix: str) -> None:
    photo = images.Photo(np.full((9, 11, 3), 200, np.float32), np.linspace(0, 1, 99, dtype=np.float32).reshape(9, 11))
    path = tmp_path / f"out{suffix}"
    images.save_image(path, photo)
    read = images.load_image(path)
    np.testing.assert_allclose(read.alpha, photo.alpha, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(read.rgb[photo.alpha > 0.5], 200, atol=3)


def test_alpha_given_beside_a_photo_wins(tmp_path: pathlib.Path) -> None:
    photo = images.Photo(np.zeros((2, 2, 3), np.float32), np.ones((2, 2), np.float32))
    images.save_image(tmp_path / "out.png", photo, alpha=np.zeros((2, 2)))
    assert images.load_image(tmp_path / "out.png").alpha.max() == 0


def test_jpeg_is_laid_on_white(tmp_path: pathlib.Path) -> None:
    image, alpha = np.full((16, 48, 3), (200.0, 0.0, 0.0)), np.repeat([[0.0, 0.5, 1.0]], 16, axis=0).repeat(16, axis=1)
    photo = images.load_image(saved(tmp_path / "out.jpg", image, alpha=alpha))
    assert photo.alpha is None
    for x, color in ((8, WHITE), (24, (227.5, 127.5, 127.5)), (40, (200, 0, 0))):
        np.testing.assert_allclose(photo.rgb[8, x], color, atol=3)


LONG_RECIPE = {
    "style": "Sternennächte 星月夜 🌌",
    "steps": 150,
    "weights": [0.1] * 900,
    "nested": {"b": None, "a": True},
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("recipe", [{}, {"a": 1}, LONG_RECIPE], ids=["empty", "small", "long"])
def test_recipe_round_trip(tmp_path: pathlib.Path, suffix: str, recipe: dict[str, object]) -> None:
    path = saved(tmp_path / f"out{suffix}", recipe=recipe)
    assert images.load_recipe(path) == recipe
    with Image.open(path) as image:
        text = image.getexif()[270]
    assert text.isascii()
    assert text.startswith("tfstyle recipe: {")
    assert images.load_image(path).rgb.shape == (12, 17, 3)


@pytest.mark.parametrize(
    "description", [None, "a holiday", "tfstyle recipe: {broken", "tfstyle recipe: 5", "tfstyle recipe: [1]"]
)
def test_a_picture_without_recipe(tmp_path: pathlib.Path, description: str | None) -> None:
    tags = Image.Exif()
    if description:
        tags[270] = description
    (tmp_path / "photo.jpg").write_bytes(drawn.file(drawn.photo(9, 9), "JPEG", exif=tags))
    with pytest.raises(errors.InputError, match=r"photo\.jpg: has no tfstyle recipe"):
        images.load_recipe(tmp_path / "photo.jpg")


def test_a_recipe_too_long_for_jpeg_is_refused_and_fits_elsewhere(tmp_path: pathlib.Path) -> None:
    recipe = {"text": "x" * 70_000}
    with pytest.raises(errors.InputError, match=r"JPEG cannot hold this picture and its recipe.*choose \.png"):
        saved(tmp_path / "out.jpg", recipe=recipe)
    assert images.load_recipe(saved(tmp_path / "out.png", recipe=recipe)) == recipe


@pytest.mark.parametrize(
    ("image", "options", "pattern"),
    [
        (np.full((2, 2, 3), np.nan), {}, "NaN"),
        (np.full((2, 2, 3), np.inf), {}, "infinite"),
        (np.zeros((2, 2)), {}, r"shape \[H, W, 3\], got \[2, 2\]"),
        (np.zeros((2, 2, 4)), {}, "shape"),
        (np.zeros((2, 2, 2, 3)), {}, "shape"),
        (np.zeros((0, 2, 3)), {}, "shape"),
        (np.zeros((2, 2, 3)), {"alpha": np.zeros((2, 3))}, r"alpha must be numbers \[2, 2\], got \[2, 3\]"),
        (np.zeros((2, 2, 3)), {"alpha": np.full((2, 2), np.nan)}, "alpha must be numbers"),
    ],
)
def test_pictures_that_cannot_be_written(
    tmp_path: pathlib.Path, image: np.ndarray, options: dict[str, np.ndarray], pattern: str
) -> None:
    with pytest.raises(errors.InputError, match=pattern) as caught:
        images.save_image(tmp_path / "out.png", image, **options)
    assert str(caught.value).startswith(f"{tmp_path / 'out.png'}: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.gif", "out.heic", "out", "out.svg"])
def test_an_unknown_suffix_is_refused_and_the_known_ones_are_named(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(errors.InputError, match=r"choose \.jpg, \.jpeg, \.png, \.webp, \.tif, \.tiff"):
        saved(tmp_path / name)


def test_the_suffix_may_be_in_capitals(tmp_path: pathlib.Path) -> None:
    with Image.open(saved(tmp_path / "OUT.JPG")) as image:
        assert image.format == "JPEG"


@pytest.mark.parametrize(("suffix", "side"), [(".jpg", 65500), (".webp", 16383)])
def test_sides_that_a_format_cannot_hold(suffix: str, side: int) -> None:
    with pytest.raises(errors.InputError, match=f"at most {side} pixels a side, got {side + 1}x1"):
        images.encode(np.zeros((1, side + 1, 3), np.uint8), suffix)
    assert images.encode(np.zeros((1, side, 3), np.uint8), suffix)


def test_all_is_sorted_and_complete() -> None:
    assert images.__all__ == sorted(images.__all__)
    assert all(hasattr(images, name) for name in images.__all__)
