"""PNG's gamma and primaries, and metadata of any length."""

import struct
import zlib

import drawn
import numpy as np
import pytest

from tfstyle import errors, images

GRAY = np.full((3, 4, 3), 128)
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
P3_PRIMARIES = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def primaries(*values: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values))


def profile(data: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"name\0\0" + zlib.compress(data)


def read(samples: np.ndarray, *chunks: tuple[bytes, bytes], bits: int = 8, color: int = 2) -> np.ndarray:
    return images.load_image(drawn.png(samples, bits, color, *chunks)).rgb


@pytest.mark.parametrize("value", [1.0, 0.55556, 0.3])
def test_gamma_is_honored(value: float) -> None:
    expected = drawn.srgb_encoded((np.array(128) / 255) ** (1 / value))
    np.testing.assert_allclose(read(GRAY, gamma(value)), expected, atol=0.01)


def test_linear_samples_of_every_depth_become_srgb() -> None:
    light = np.array([0.0, 0.001, 0.2, 1.0])
    expected = np.repeat(drawn.srgb_encoded(np.round(light * 65535) / 65535)[None, :, None], 3, axis=2)
    np.testing.assert_allclose(read(np.round(light * 65535)[None], gamma(1), bits=16, color=0), expected, atol=0.02)
    palette = b"PLTE", bytes([0, 0, 0, 51, 51, 51])
    paletted = read(np.array([[1, 0]]), gamma(1), palette, bits=8, color=3)
    np.testing.assert_allclose(paletted[0, 0], drawn.srgb_encoded(np.array(0.2)), atol=0.01)


def test_alpha_is_not_changed_by_gamma() -> None:
    photo = images.load_image(drawn.png(np.full((2, 2, 4), 128), 8, 6, gamma(1)))
    np.testing.assert_allclose(photo.alpha, 128 / 255)
    np.testing.assert_allclose(photo.rgb, drawn.srgb_encoded(np.array(128 / 255)), atol=0.01)


@pytest.mark.parametrize(
    "chunks",
    [
        [gamma(0.45455)],
        [gamma(0.45455), primaries(*D65, *SRGB_PRIMARIES)],
        [primaries(*D65, *P3_PRIMARIES)],
        [(b"sRGB", b"\0"), gamma(1)],
        [gamma(1), (b"cICP", bytes([1, 13, 0, 1]))],
        [profile(drawn.rgb_profile(drawn.SRGB_TO_XYZ, 2.2)), gamma(1)],
        [gamma(0)],
        [gamma(30_000)],
    ],
    ids=["srgb", "srgb too", "primaries alone", "sRGB chunk", "cICP", "profile", "zero", "absurd"],
)
def test_where_gamma_does_not_count(chunks: list[tuple[bytes, bytes]]) -> None:
    np.testing.assert_allclose(read(GRAY, *chunks), 128, atol=1)


def test_primaries_are_honored() -> None:
    samples = np.array([[[200, 100, 50], [10, 200, 30], [90, 90, 90]]])
    linear = (samples / 255) ** 2.2
    expected = drawn.srgb_encoded(linear @ (np.linalg.inv(drawn.SRGB_TO_XYZ) @ drawn.P3_TO_XYZ).T)
    actual = read(samples, gamma(1 / 2.2), primaries(*D65, *P3_PRIMARIES))
    np.testing.assert_allclose(actual, expected, atol=1)


def test_another_white_is_adapted() -> None:
    white = read(np.full((2, 2, 3), 255), gamma(1), primaries(*D50, *SRGB_PRIMARIES))
    np.testing.assert_allclose(white, 255, atol=0.5)


@pytest.mark.parametrize("values", [(0,) * 8, (*D65, *D65, *D65, *D65), (0.3, 0.3, 1, 0, 0, 1, 0, 0)])
def test_impossible_primaries_are_ignored(values: tuple[float, ...]) -> None:
    np.testing.assert_allclose(read(GRAY, gamma(1), primaries(*values)), read(GRAY, gamma(1)))


@pytest.mark.parametrize(
    "chunk",
    [
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b" " * 3_000_000),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * 3_000_000)),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b" " * 3_000_000)),
        profile(drawn.rgb_profile(drawn.SRGB_TO_XYZ[:, [1, 0, 2]], 2.2) + bytes(3_000_000)),
    ],
    ids=["xmp", "compressed xmp", "comment", "profile"],
)
def test_metadata_of_megabytes_is_no_damage(chunk: tuple[bytes, bytes]) -> None:
    rgb = read(np.broadcast_to(np.array([255, 0, 0]), (3, 4, 3)), chunk)
    np.testing.assert_allclose(rgb[1, 1], (0, 255, 0) if chunk[0] == b"iCCP" else (255, 0, 0), atol=2)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_bombs_of_metadata_are_refused(kind: bytes) -> None:
    with pytest.raises(errors.InputError, match="more than 16 MiB of metadata in one piece: save it without"):
        read(GRAY, (kind, b"Comment\0\0" + zlib.compress(b" " * 17_000_000)))


def test_many_bombs_together_are_refused() -> None:
    text = b"zTXt", b"Comment\0\0" + zlib.compress(b" " * 16_000_000)
    with pytest.raises(errors.InputError, match="metadata"):
        read(GRAY, *[text] * 5)
