"""Camera raw files, which are refused, and floating-point TIFFs, whose white is found by the bulk of the values."""

import io
import struct
from collections.abc import Callable

import drawn
import numpy as np
import pytest
import tifffile

from tfstyle import errors, images
from tfstyle.images import profiles, tiff

THUMBNAIL = drawn.photo(6, 8)
RAW = "is a camera raw file: export it as JPEG or TIFF$"


def raw(*extra: tuple[int, int], order: str = "<", photometric: int = 2) -> bytes:
    """A TIFF that Pillow would read, with further tags."""
    return drawn.tiff(THUMBNAIL, 8, photometric, order, extra)


def with_sensor_data() -> bytes:
    """A preview with a subdirectory (tag 330) of sensor values, as some Nikon and Sony cameras write it."""
    at = len(raw((330, 1))) + 1 & ~1
    first = raw((330, at)).ljust(at, b"\0")
    return first + struct.pack("<HHHIII", 1, 262, 3, 1, 32803, 0)


def canon() -> bytes:
    """A CR2: "CR" and a version between the header and the first directory (moved behind the rest)."""
    plain = raw()
    directory_length = 2 + 12 * struct.unpack("<H", plain[8:10])[0] + 4
    head = plain[:4] + struct.pack("<I", len(plain) + 8) + b"CR\2\0" + bytes(4)
    return head + plain[8:] + plain[8 : 8 + directory_length]


@pytest.mark.parametrize(
    "make",
    [
        lambda: raw((50706, 1)),
        lambda: raw((50706, 1), order=">"),
        lambda: raw((254, 1)),
        lambda: raw((254, 5)),
        lambda: drawn.tiff(THUMBNAIL[..., 0], 8, 32803),
        lambda: drawn.tiff(THUMBNAIL, 8, 34892),
        with_sensor_data,
        canon,
        lambda: b"\0\0\0\x18ftypcrx " + bytes(100),
        lambda: b"FUJIFILMCCD-RAW 0201" + bytes(100),
        lambda: b"IIU\0\x18\0\0\0" + bytes(100),
        lambda: b"IIRO\x08\0\0\0" + bytes(100),
    ],
    ids=[
        "dng",
        "dng, Motorola",
        "nef",
        "nef, mask",
        "sensor",
        "linear",
        "subdirectory",
        "cr2",
        "cr3",
        "raf",
        "rw2",
        "orf",
    ],
)
def test_camera_raw_files_are_refused(make: Callable[[], bytes]) -> None:
    for read in (images.load_image, images.probe):
        with pytest.raises(errors.InputError, match=RAW):
            read(make())


def test_plain_tiffs_are_no_raw_files() -> None:
    for extra in ([], [(254, 0)], [(254, 2)]):  # 2: a page of several
        np.testing.assert_array_equal(images.load_image(raw(*extra)).rgb, THUMBNAIL)


def float_tiff(values: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    options = {"photometric": "rgb" if values.shape[-1] in (3, 4) else "minisblack"} | options
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def ramp(*shape: int) -> np.ndarray:
    return np.linspace(0, 1, int(np.prod(shape))).reshape(shape)


@pytest.mark.parametrize("brightest", [1.001, 1.2, 3.0, 1000.0])
@pytest.mark.parametrize("shape", [(10, 12), (10, 12, 3)])
def test_highlights_beyond_white_are_clipped(brightest: float, shape: tuple[int, ...]) -> None:
    values = ramp(*shape)
    values[0, 0] = brightest
    rgb = images.load_image(float_tiff(values.astype(np.float32))).rgb
    expected = np.broadcast_to(np.clip(values, 0, 1).reshape(10, 12, -1) * 255, (10, 12, 3))
    np.testing.assert_allclose(rgb, expected, atol=1e-3)


@pytest.mark.parametrize(("white", "brightest"), [(255, 260.0), (255, 900.0), (65535, 65600.0), (65535, 200_000.0)])
def test_other_ranges_are_scaled_too(white: float, brightest: float) -> None:
    values = ramp(100) * white
    values[0] = brightest
    np.testing.assert_allclose(tiff.scaled(values), np.clip(values, 0, white) * (255 / white))


def test_a_little_below_black_is_black() -> None:
    values = ramp(100)
    values[:4] = (-0.02, -3, -0.1, 0)
    np.testing.assert_allclose(tiff.scaled(values), np.clip(values, 0, 1) * 255)


def test_a_bright_window_in_a_dark_room_is_not_the_range() -> None:
    values = np.full(1000, 0.18)
    values[:40] = 300
    assert tiff.scaled(values)[500] == pytest.approx(0.18 * 255)


def test_a_picture_mostly_black_keeps_its_range() -> None:
    values = np.zeros(1000)
    values[:300] = np.linspace(0, 255, 300)
    np.testing.assert_allclose(tiff.scaled(values), values)


def test_non_color_values_are_stretched() -> None:
    np.testing.assert_allclose(tiff.scaled(np.array([-2000.0, 0, 6000])), [0, 63.75, 255])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.uint32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=["plain", "deflated"])
def test_deep_numbers_of_every_kind(kind: type, channels: int, options: dict[str, str]) -> None:
    values = ramp(9, 7, channels).squeeze()
    stored = (values * 0xFFFF * 0x10001 if kind is np.uint32 else values).astype(kind)
    if (kind, channels) == (np.uint32, 1):
        stored = (values * 65535).astype(kind)  # Pillow reads it, by its own range
    data = float_tiff(stored, **options)
    expected = np.broadcast_to((values * 255).reshape(9, 7, -1), (9, 7, 3))
    np.testing.assert_allclose(images.load_image(data).rgb, expected, atol=0.1)
    assert images.probe(data) == (9, 7)


def test_planes_one_after_the_other() -> None:
    values = ramp(9, 7, 3).astype(np.float32)
    data = float_tiff(np.moveaxis(values, 2, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_allclose(images.load_image(data).rgb, values * 255, atol=1e-3)


@pytest.mark.parametrize("premultiplied", [False, True])
def test_opacity_of_float_color(premultiplied: bool) -> None:
    colors, alpha = ramp(9, 7, 3), np.full((9, 7, 1), 0.5)
    stored = np.concatenate([colors * alpha if premultiplied else colors, alpha], axis=2).astype(np.float32)
    photo = images.load_image(float_tiff(stored, extrasamples=["assocalpha" if premultiplied else "unassalpha"]))
    np.testing.assert_allclose(photo.rgb, colors * 255, atol=0.01)
    np.testing.assert_allclose(photo.alpha, 0.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_float_color_is_turned_upright(orientation: int) -> None:
    stored = drawn.stored_as(drawn.corners(), orientation).astype(np.float32) / 255
    data = float_tiff(np.ascontiguousarray(stored), extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_allclose(images.load_image(data).rgb, drawn.corners(), atol=1e-3)
    assert images.probe(data) == (16, 32)


def test_the_profile_of_float_color_is_applied() -> None:
    linear = drawn.rgb_profile(drawn.SRGB_TO_XYZ, 1.0)
    data = float_tiff(np.full((4, 5, 3), 0.5, np.float32), iccprofile=linear)
    np.testing.assert_allclose(images.load_image(data).rgb, drawn.srgb_encoded(np.array(0.5)), atol=1.5)
    own = float_tiff(np.full((4, 5, 3), 100 / 255, np.float32), iccprofile=profiles.srgb_profile())
    np.testing.assert_allclose(images.load_image(own).rgb, 100, atol=0.5)


def test_unsupported_float_color_is_named_in_the_error() -> None:
    data = bytearray(float_tiff(np.zeros((4, 5, 3), np.float32)))
    at = data.index(struct.pack("<HHI", 259, 3, 1))
    data[at + 8 : at + 10] = struct.pack("<H", 5)  # LZW
    with pytest.raises(errors.InputError, match=r"is a floating-point .* save it without compression"):
        images.load_image(bytes(data))


@pytest.mark.parametrize("values", [[0, np.nan, 1], [0, np.inf, 1]])
def test_float_color_with_no_numbers_is_refused(values: list[float]) -> None:
    with pytest.raises(errors.InputError, match="^the picture has NaN or infinite pixels"):
        images.load_image(float_tiff(np.array([[values]], np.float32)))


def test_damaged_float_color_is_refused_in_one_line() -> None:
    whole, rng = float_tiff(ramp(12, 16, 3).astype(np.float32), compression="zlib"), np.random.default_rng(1)
    lines = []
    for _ in range(60):
        data = bytearray(whole[: rng.integers(100, len(whole) + 1)])
        for at in rng.integers(0, len(data), rng.integers(0, 6)):
            data[at] = rng.integers(256)
        try:
            assert np.isfinite(images.load_image(bytes(data)).rgb).all()
        except errors.InputError as error:
            lines.append(str(error))
    assert len(lines) > 20
    assert not any("\n" in line for line in lines)


def test_a_bomb_of_float_color_is_refused_by_its_header() -> None:
    data = bytearray(float_tiff(np.zeros((4, 5, 3), np.float32)))
    for tag in (256, 257):
        at = data.index(struct.pack("<HH", tag, 4)) if struct.pack("<HH", tag, 4) in data else None
        at = data.index(struct.pack("<HH", tag, 3)) if at is None else at
        data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 50_000)
    for read in (images.load_image, images.probe):
        with pytest.raises(errors.InputError, match="has 50000x50000 pixels"):
            read(bytes(data))
