"""Keeps the photo's colors (Gatys, Bethge, Hertzmann and Shechtman 2016, arXiv:1606.05897).

Arrays are `[H, W, 3]` in sRGB, 0..255. `match_colors` recolors the painting before its style is extracted;
`keep_luminance` puts the photo's colors back under the finished strokes.
"""

import numpy as np

__all__ = ["keep_luminance", "match_colors", "mix"]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Y of YIQ: ITU-R BT.601, 2.5.1
_VARIANCE = 4.0  # 2 levels of 255, squared: rounding and JPEG noise stay below; see match_colors


def keep_luminance(result: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Combines the luminance of a stylized picture with the colors of the photo (section "luminance-only transfer").

    The color space is YIQ, as in the paper: a change of luminance with I and Q fixed adds the same number to R, G and
    B. Where the sum leaves 0..255, this function departs from the paper: it moves the color towards the gray of its
    luminance until it fits. Clipping would change hue and luminance, and erase strokes in saturated areas.

    Args:
        result: Stylized picture `[H, W, 3]`, 0..255.
        photo: Photo `[H, W, 3]`, 0..255, of the same size.

    Returns:
        `[H, W, 3]`, float32, 0..255, with the luminance of `result`.

    Raises:
        ValueError: The shapes are not equal, or not `[H, W, 3]`.
    """
    _check_rgb(result, photo)
    if result.shape != photo.shape:
        raise ValueError(f"result and photo must have the same size, got {result.shape} and {photo.shape}")
    luminance = _luminance(np.clip(result, 0, 255))
    chroma = photo.astype(np.float32) - _luminance(photo)
    return np.clip(luminance + chroma * _saturation(luminance, chroma), 0, 255)


def mix(painted: np.ndarray, photo: np.ndarray, strength: float, *, keep_colors: bool = False) -> np.ndarray:
    """Mixes a stylized picture with its photo.

    Args:
        painted: Stylized picture `[H, W, 3]`, 0..255.
        photo: Photo `[H, W, 3]`, 0..255, of the same size.
        strength: Weight of the stylized picture: 0 gives the photo, 1 the stylized picture.
        keep_colors: Give the stylized picture the photo's colors first, see `keep_luminance`.

    Returns:
        `[H, W, 3]`, float32, 0..255.

    Raises:
        ValueError: The shapes are not equal, or not `[H, W, 3]`.
    """
    _check_rgb(painted, photo)
    if painted.shape != photo.shape:
        raise ValueError(f"picture and photo must have the same size, got {painted.shape} and {photo.shape}")
    painted = keep_luminance(painted, photo) if keep_colors else painted.astype(np.float32)
    if strength == 1:
        return painted
    photo = photo.astype(np.float32)
    return photo + np.float32(strength) * (painted - photo)


def match_colors(style: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Gives a painting the mean and covariance of the photo's colors (section "color histogram matching").

    x -> A (x - mean_s) + mean_c with A = Sigma_c^(1/2) Sigma_s^(-1/2), the paper's symmetric form (Image Analogies):
    unlike Cholesky's it does not depend on the order of the channels. A variance of 2 levels squared is added to both
    covariances, so that the noise of a flat or gray painting is not blown up to the photo's full range.

    Args:
        style: Painting `[H, W, 3]`, 0..255.
        photo: Photo `[H, W, 3]`, 0..255, of any size.

    Returns:
        The recolored painting, `[H, W, 3]` as `style`, float32, clipped to 0..255.

    Raises:
        ValueError: A shape is not `[H, W, 3]`.
    """
    _check_rgb(style, photo)
    style_mean, style_covariance = _statistics(style)
    photo_mean, photo_covariance = _statistics(photo)
    matrix = _power(photo_covariance, 0.5) @ _power(style_covariance, -0.5)
    offset = photo_mean - matrix @ style_mean
    matched = style.astype(np.float32) @ matrix.T.astype(np.float32) + offset.astype(np.float32)
    return np.clip(matched, 0, 255)


def _check_rgb(*images: np.ndarray) -> None:
    for image in images:
        if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"expected an image [H, W, 3], got {image.shape}")


def _luminance(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) @ _LUMA[:, np.newaxis]


def _saturation(luminance: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Returns the largest factor `[H, W, 1]` up to 1 with which luminance + factor * chroma stays in 0..255."""
    room = np.where(chroma > 0, 255 - luminance, luminance)
    size = np.abs(chroma)
    return np.divide(room, size, out=np.ones_like(size), where=size > room).min(axis=2, keepdims=True)


def _statistics(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels = image.reshape(-1, 3).astype(np.float64)
    deviations = pixels - pixels.mean(axis=0)
    return pixels.mean(axis=0), deviations.T @ deviations / len(pixels) + _VARIANCE * np.eye(3)


def _power(symmetric: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(symmetric)
    return (vectors * np.maximum(values, _VARIANCE / 2) ** exponent) @ vectors.T  # rounding may lower the smallest
