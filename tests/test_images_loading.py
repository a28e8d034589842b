"""Every kind of file that people have is read correctly or refused in one clear line."""

import dataclasses
import io
import pathlib
import zipfile
from collections.abc import Callable, Mapping

import drawn
import numpy as np
import PIL
import pytest
from PIL import Image

from tfstyle import errors, images

RED, GREEN, BLUE, WHITE, BLACK = drawn.RED, drawn.GREEN, drawn.BLUE, drawn.WHITE, drawn.BLACK
ARRAY = np.array


@dataclasses.dataclass(frozen=True)
class Seen:
    """What must be read: height and width, colors and opacities at (y, x), and how far off a color may be."""

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


def clear_gray(bits: int, samples: list[int], key: int) -> bytes:
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


def gray(value: float) -> tuple[float, float, float]:
    return (value, value, value)


def row(*values: float, off: float = 0.01) -> Seen:
    """One row of grays."""
    return Seen((1, len(values)), {(0, x): gray(value) for x, value in enumerate(values)}, off=off)


def tiff_of(kind: str, *values: float) -> bytes:
    """One row of numbers of a NumPy kind."""
    return drawn.file(Image.fromarray(ARRAY([values], kind)), "TIFF")


def first_is_clear(second: tuple[float, float, float]) -> Seen:
    """Two pixels: a transparent one and a color."""
    return Seen((1, 2), {(0, 1): second}, {(0, 0): 0, (0, 1): 1})


UPRIGHT = Seen((16, 32), {(4, 8): RED, (4, 24): GREEN, (12, 8): BLUE, (12, 24): WHITE}, off=3)
ALL_RED = Seen((16, 24), {(0, 0): RED, (15, 23): RED}, off=2)
OPAQUE = Seen((6, 8), {(0, 0): RED, (2, 6): RED})
HALF_CLEAR = Seen((6, 8), {(2, 6): RED}, {(0, 0): 0, (5, 3): 0, (0, 4): 1, (5, 7): 1}, off=2)
P3, SWAPPED = drawn.rgb_profile(drawn.P3_TO_XYZ, 2.2), drawn.rgb_profile(drawn.SRGB_TO_XYZ[:, [1, 0, 2]], 2.2)
UNKNOWN, DAMAGED, HUGE = "is damaged or not in a supported image format", "is damaged, truncated", "pixels: shrink it"
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
    ("tiff: NaN", lambda: tiff_of("float32", 0, np.nan), "NaN or infinite"),
    ("tiff: infinite", lambda: tiff_of("float32", 0, np.inf), "NaN or infinite"),
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
    # Color spaces and profiles
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
        "png: linear gray by a gray profile",
        lambda: drawn.file(solid((128,), "L"), "PNG", icc_profile=drawn.gray_profile(1.0)),
        Seen((16, 24), {(0, 0): gray(float(drawn.srgb_encoded(ARRAY(128 / 255))))}),
    ),
    (
        "png: gray with an RGB profile",
        lambda: drawn.file(solid((128,), "L"), "PNG", icc_profile=drawn.rgb_profile(drawn.SRGB_TO_XYZ, 1.0)),
        Seen((16, 24), {(0, 0): gray(float(drawn.srgb_encoded(ARRAY(128 / 255))))}),
    ),
    ("png: broken profile", lambda: drawn.file(solid(RED), "PNG", icc_profile=b"not a profile"), ALL_RED),
    ("png: half a profile", lambda: drawn.file(solid(RED), "PNG", icc_profile=P3[:200]), ALL_RED),
    ("png: profile of gray on RGB", lambda: drawn.file(solid(RED), "PNG", icc_profile=drawn.gray_profile(1)), ALL_RED),
    ("jpeg: CMYK", lambda: drawn.file(solid((0, 255, 255, 0), "CMYK"), "JPEG"), ALL_RED),
    ("tiff: CMYK", lambda: drawn.file(solid((0, 255, 255, 0), "CMYK"), "TIFF"), ALL_RED),
    (
        "jpeg: half black ink",
        lambda: drawn.file(solid((0, 0, 0, 128), "CMYK"), "JPEG"),
        Seen((16, 24), {(8, 8): gray(127)}),
    ),
    (
        "tiff: CMYK by its profile",  # black ink alone counts: L* = 100 (1 - 102/255) = 60, in sRGB 145
        lambda: drawn.file(solid((200, 10, 90, 102), "CMYK"), "TIFF", icc_profile=drawn.cmyk_profile()),
        Seen((16, 24), {(0, 0): gray(145)}, off=2),
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
        "tiff: Lab",  # middle gray, white, and sRGB's red at D50: L* = 54.3, a* = 80.8, b* = 69.9
        lambda: drawn.tiff(ARRAY([[[128, 0, 0], [255, 0, 0], [138, 81, 70]]]), 8, 8),
        Seen((1, 3), {(0, 0): gray(119), (0, 1): WHITE, (0, 2): RED}, off=6),
    ),
    ("jpeg: gray", lambda: drawn.file(solid((77,), "L"), "JPEG"), Seen((16, 24), {(0, 0): gray(77)})),
    ("jpeg: progressive", lambda: drawn.file(drawn.corners(), "JPEG", quality=95, progressive=True), UPRIGHT),
    # Depths other than 8 bits
    ("png: 16-bit gray", lambda: drawn.png(ARRAY([[0, 1000, 65535]]), 16, 0), row(0, 1000 / 257, 255)),
    ("tiff: 16-bit gray, Intel", lambda: drawn.tiff(ARRAY([[0, 1000, 65535]]), 16, 1), row(0, 1000 / 257, 255)),
    ("tiff: 16-bit gray, Motorola", lambda: drawn.tiff(ARRAY([[0, 1000, 65535]]), 16, 1, ">"), row(0, 1000 / 257, 255)),
    ("tiff: 16-bit gray, white is 0", lambda: drawn.tiff(ARRAY([[0, 257, 65535]]), 16, 0), row(255, 254, 0)),
    (
        "tiff: 12-bit gray",
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
        "png: 16-bit gray and alpha",
        lambda: drawn.png(ARRAY([[[30000, 0], [0, 65535]]]), 16, 4),
        Seen((1, 2), {(0, 0): gray(116.7)}, {(0, 0): 0, (0, 1): 1}),
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
    ("tiff: 8-bit gray, white is 0", lambda: drawn.tiff(ARRAY([[0, 255]]), 8, 0), row(255, 0)),
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
        "tiff: gray and alpha",
        lambda: drawn.tiff(ARRAY([[[100, 51], [200, 255]]]), 8, 1, extra=[(338, 2)]),
        Seen((1, 2), {(0, 0): gray(100), (0, 1): gray(200)}, {(0, 0): 0.2, (0, 1): 1}),
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
    ("png: 8-bit gray, 9 is clear", lambda: clear_gray(8, [9, 10], 9), first_is_clear(gray(10))),
    ("png: 4-bit gray, 3 is clear", lambda: clear_gray(4, [3, 4], 3), first_is_clear(gray(68))),
    ("png: 2-bit gray, 1 is clear", lambda: clear_gray(2, [1, 2], 1), first_is_clear(gray(170))),
    ("png: 1 bit, white is clear", lambda: clear_gray(1, [1, 0], 1), first_is_clear(BLACK)),
    (
        "png: 16-bit gray, 1000 is clear, 1001 is not",
        lambda: clear_gray(16, [1000, 1001], 1000),
        first_is_clear(gray(1001 / 257)),
    ),
    (
        "png: RGB, one color is clear",
        lambda: clear_rgb(8, [(0, 10, 255), (0, 11, 255)], (0, 10, 255)),
        first_is_clear((0, 11, 255)),
    ),
    (
        "png: 16-bit RGB, one color is clear",
        lambda: clear_rgb(16, [(0, 3000, 65535), (0, 9000, 65535)], (0, 3000, 65535)),
        first_is_clear((0, 35, 255)),
    ),
    ("png: a clear color that does not occur", lambda: clear_gray(8, [9, 10], 8), row(9, 10)),
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
