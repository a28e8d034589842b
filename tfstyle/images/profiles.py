"""Color spaces: embedded ICC profiles, and the gamma and primaries of PNG files, to sRGB."""

import contextlib
import functools
import io
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageFile

__all__ = ["PngColors", "png_colors", "srgb_profile", "to_srgb"]

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "LAB": "LAB"}  # ICC.1:2022, table 19 -> Pillow
_SRGB_GAMMA = 1 / 2.2
_SAME_GAMMA = 0.05  # as libpng's PNG_GAMMA_THRESHOLD: nearer gammas count as equal
_GAMMAS = (0.05, 20.0)  # others are mistakes
# White, red, green and blue of sRGB (IEC 61966-2-1), x and y each, as in a cHRM chunk.
_SRGB_CHROMATICITIES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_SAME_CHROMATICITIES = 0.005
# Bradford's cone responses (Lam 1985), as in ICC.1:2022, annex E.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts 8-bit colors to sRGB by an ICC profile; without a usable one they are taken as sRGB. Alpha is dropped.

    Args:
        image: RGB, gray, CMYK or Lab, perhaps with alpha or a palette.
        profile: The ICC profile, or None.
    """
    opaque = _without_alpha(image)
    if profile and profile != srgb_profile():
        with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError, KeyError):
            return _by_profile(opaque, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    return opaque.convert("RGB")


def _without_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ("1", "L", "LA"):
        return image.convert("L")
    return image if image.mode in ("CMYK", "LAB") else image.convert("RGB")


def _by_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = _MODES[profile.profile.xcolor_space.strip().upper()]
    source = image.convert("RGB") if (image.mode, mode) == ("L", "RGB") else image
    srgb = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    converted = ImageCms.profileToProfile(source, profile, srgb, outputMode="RGB")
    return source if converted is None else converted


@functools.lru_cache(1)
def srgb_profile() -> bytes:
    """Returns Little CMS' sRGB profile (588 bytes) without its date (ICC.1:2022, 7.2: bytes 24 to 35)."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


class PngColors:
    """The color space of a PNG with a gAMA and perhaps a cHRM chunk (PNG, third edition, 11.3.2).

    Args:
        gamma: Exponent of the encoding: sample = light ** gamma.
        chromaticities: White, red, green and blue, x and y each; None for those of sRGB.
    """

    def __init__(self, gamma: float, chromaticities: tuple[float, ...] | None) -> None:
        self._gamma, self._matrix = gamma, None
        if chromaticities:
            self._matrix = np.linalg.solve(_to_xyz(_SRGB_CHROMATICITIES), _to_xyz(chromaticities)).astype(np.float32)

    def to_srgb(self, rgb: np.ndarray) -> np.ndarray:
        """Converts `[H, W, 3]`, float32, 0..255, to sRGB of the same kind; colors beyond sRGB are clipped."""
        light = (rgb / np.float32(255)) ** np.float32(1 / self._gamma)
        if self._matrix is not None:
            light = np.clip(light @ self._matrix.T, 0, 1)
        encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055)
        return (255 * encoded).astype(np.float32)


def png_colors(image: Image.Image) -> PngColors | None:
    """Returns the color space that a PNG's gAMA and cHRM chunks state; to be called before the pixels are decoded.

    Returns:
        The color space; None if it is sRGB (or nearly), or if an iCCP, sRGB or cICP chunk takes precedence.
    """
    gamma = image.info.get("gamma")
    if not isinstance(image, ImageFile.ImageFile) or not gamma or not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
        return None
    if image.format != "PNG" or {"icc_profile", "srgb"} & image.info.keys() or _has_cicp(image.fp):
        return None
    chromaticities = image.info.get("chromaticity")
    if chromaticities and not _is_unusual(chromaticities):
        chromaticities = None
    if abs(gamma / _SRGB_GAMMA - 1) < _SAME_GAMMA and chromaticities is None:
        return None
    return PngColors(gamma, chromaticities)


def _is_unusual(chromaticities: tuple[float, ...]) -> bool:
    """Returns whether chromaticities differ from sRGB's and are possible."""
    if len(chromaticities) != 8 or min(chromaticities[1::2]) <= 0:
        return False
    if np.abs(np.subtract(chromaticities, _SRGB_CHROMATICITIES)).max() < _SAME_CHROMATICITIES:
        return False
    return abs(np.linalg.det(_columns(chromaticities[2:]))) > 1e-3


def _has_cicp(file: IO[bytes] | None) -> bool:
    """Returns whether a PNG has a cICP chunk, which Pillow does not report; the file's position stays the same."""
    if file is None:
        return False
    before = file.tell()
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"cICP"):
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
        return head[4:] == b"cICP"
    finally:
        file.seek(before)


def _columns(chromaticities: tuple[float, ...]) -> np.ndarray:
    """Returns X, Y and Z for Y = 1 of colors that are given by x and y, a column each."""
    x, y = np.reshape(chromaticities, (-1, 2)).T
    return np.array([x / y, np.ones_like(x), (1 - x - y) / y])


def _to_xyz(chromaticities: tuple[float, ...]) -> np.ndarray:
    """Returns the matrix `[3, 3]` from linear RGB to XYZ, with the white adapted to D65's by Bradford's method."""
    white, primaries = _columns(chromaticities[:2])[:, 0], _columns(chromaticities[2:])
    matrix = primaries * np.linalg.solve(primaries, white)
    d65 = _columns(_SRGB_CHROMATICITIES[:2])[:, 0]
    adapted = np.diag((_BRADFORD @ d65) / (_BRADFORD @ white)) @ _BRADFORD
    return np.linalg.solve(_BRADFORD, adapted @ matrix)
