"""A photo as arrays, and its size."""

import dataclasses

import numpy as np
from PIL import Image

from tfstyle import errors
from tfstyle.images import bounds, exif

__all__ = ["Photo", "fit_size", "resize"]


@dataclasses.dataclass(frozen=True, eq=False)  # eq would compare arrays, whose truth value is ambiguous
class Photo:
    """A picture with everything that goes from the photo into its results.

    Attributes:
        rgb: Colors `[H, W, 3]`, float32, sRGB, 0..255, not multiplied by alpha. They are gamma-encoded, not linear
            light: the networks were trained on such numbers.
        alpha: Opacity `[H, W]`, float32, 0..1; None if every pixel is opaque.
        metadata: Camera data, date, copyright and resolution; None if the file has none.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    metadata: exif.Metadata | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width, _ = self.rgb.shape
        return height, width

    def with_rgb(self, rgb: np.ndarray) -> "Photo":
        """Returns a photo with other colors, and with this one's alpha (resized if necessary) and metadata.

        Args:
            rgb: Colors `[H, W, 3]`, 0..255.
        """
        alpha = self.alpha
        if alpha is not None and alpha.shape != rgb.shape[:2]:
            alpha = np.clip(_lanczos(alpha[..., np.newaxis], *rgb.shape[:2])[..., 0], 0, 1)
        return Photo(rgb, alpha, self.metadata)


def fit_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Returns the height and width of a picture scaled to a given long side.

    The other side is rounded half up, to at least 1.

    >>> fit_size(480, 640, 320)
    (240, 320)

    Raises:
        errors.InputError: A side is below 1.
    """
    longest = max(height, width)
    if min(height, width, long_side) < 1:
        raise errors.InputError(f"sizes must be at least 1 pixel, got {height}x{width} to fit {long_side}")
    new_height, new_width = (max(1, (2 * side * long_side + longest) // (2 * longest)) for side in (height, width))
    return new_height, new_width


def resize(photo: Photo, height: int, width: int) -> Photo:
    """Resizes a photo with Pillow's antialiased Lanczos filter, in float32.

    Colors are weighted by alpha, so that colors of transparent pixels do not bleed into their neighbors. Where the
    result is transparent, the hidden colors are resized without weights.

    Returns:
        A photo of `[height, width]`, clipped to 0..255 (alpha: 0..1); `photo` itself if it already has that size.

    Raises:
        errors.InputError: A side is below 1, or the result has more pixels than `bounds.MAX_PIXELS`.
    """
    if min(height, width) < 1 or height * width > bounds.MAX_PIXELS:
        raise errors.InputError(
            f"cannot resize to {width}x{height}: choose a size of 1 to {bounds.MAX_PIXELS} pixels in total"
        )
    if photo.size == (height, width):
        return photo
    plain = _lanczos(photo.rgb, height, width)
    if photo.alpha is None:
        return dataclasses.replace(photo, rgb=np.clip(plain, 0, 255))
    opacity = photo.alpha[..., np.newaxis]
    alpha = _lanczos(opacity, height, width)
    weighted = _lanczos(photo.rgb * opacity, height, width) / np.maximum(alpha, 1 / 255)
    rgb = np.where(alpha > 1 / 255, weighted, plain)  # below one 8-bit step the quotient is noise
    return dataclasses.replace(photo, rgb=np.clip(rgb, 0, 255), alpha=np.clip(alpha[..., 0], 0, 1))


def _lanczos(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    def resized(plane: np.ndarray) -> np.ndarray:
        image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))

    return np.stack([resized(planes[..., c]) for c in range(planes.shape[2])], axis=2)
