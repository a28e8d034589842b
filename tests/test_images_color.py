"""Keeping the photo's colors, against the paper's formulas written out independently."""

import drawn
import numpy as np
import pytest

from tfstyle.images import color

# RGB -> YIQ of NTSC (FCC 1953), and its rows' meaning: luminance, orange-blue, purple-green.
YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])


def to_yiq(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float64) @ YIQ.T


def muted(image: np.ndarray) -> np.ndarray:
    """The same picture with colors near gray, so that nothing leaves 0..255."""
    return (image.astype(np.float32) - 127.5) * 0.25 + 127.5


def moments(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels = image.reshape(-1, 3).astype(np.float64)
    return pixels.mean(axis=0), np.cov(pixels, rowvar=False, bias=True)


def root_by_iteration(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrix square root and its inverse by Denman and Beavers 1976: no eigenvalues, unlike the code under test."""
    root, inverse = matrix, np.eye(3)
    for _ in range(40):
        root, inverse = (root + np.linalg.inv(inverse)) / 2, (inverse + np.linalg.inv(root)) / 2
    return root, inverse


def test_luminance_of_the_result_chroma_of_the_photo() -> None:
    result, photo = muted(drawn.photo(20, 30, 1)), muted(drawn.photo(20, 30, 2))
    expected = to_yiq(photo)
    expected[..., 0] = to_yiq(result)[..., 0]
    kept = color.keep_luminance(result, photo)
    assert kept.dtype == np.float32
    np.testing.assert_allclose(to_yiq(kept), expected, atol=0.01)


def test_a_photo_keeps_itself_and_a_gray_photo_gives_the_luminance() -> None:
    photo = drawn.photo(9, 9).astype(np.float32)
    np.testing.assert_allclose(color.keep_luminance(photo, photo), photo, atol=0.01)
    gray = np.full((9, 9, 3), 90, np.float32)
    expected = np.repeat(to_yiq(photo)[..., :1], 3, axis=2)
    np.testing.assert_allclose(color.keep_luminance(photo, gray), expected, atol=0.01)


def test_saturated_colors_keep_luminance_and_hue_instead_of_being_clipped() -> None:
    result, photo = drawn.photo(40, 60, 3), np.zeros((40, 60, 3), np.uint8)
    photo[:, :20], photo[:, 20:40], photo[:, 40:] = drawn.RED, drawn.BLUE, (255, 255, 0)
    kept = color.keep_luminance(result, photo)
    wanted, got = to_yiq(result), to_yiq(kept)
    assert kept.min() >= 0
    assert kept.max() <= 255
    np.testing.assert_allclose(got[..., 0], wanted[..., 0], atol=0.01)
    chroma = to_yiq(photo)[..., 1:]
    turn = got[..., 1] * chroma[..., 1] - got[..., 2] * chroma[..., 0]  # cross product: 0 for equal hues
    np.testing.assert_allclose(turn, 0, atol=5)
    assert (np.sum(got[..., 1:] * chroma, axis=-1) >= -1e-3).all()
    at_the_border = np.minimum(kept.min(axis=2), 255 - kept.max(axis=2))
    assert at_the_border.max() < 0.01  # as saturated as fits, and no paler


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_have_no_color(value: int) -> None:
    result = np.full((4, 4, 3), value, np.uint8)
    np.testing.assert_allclose(color.keep_luminance(result, drawn.photo(4, 4)), value, atol=0.01)


def test_results_out_of_range_are_clipped_first() -> None:
    kept = color.keep_luminance(np.full((2, 2, 3), (400.0, -50.0, 0.0)), np.full((2, 2, 3), 128))
    np.testing.assert_allclose(kept, 255 * 0.299, atol=0.01)


def test_matched_colors_follow_the_paper() -> None:
    style, photo = muted(drawn.photo(30, 40, 4)), muted(drawn.photo(25, 20, 5))
    (style_mean, style_covariance), (photo_mean, photo_covariance) = moments(style), moments(photo)
    ridge = 4 * np.eye(3)
    matrix = root_by_iteration(photo_covariance + ridge)[0] @ root_by_iteration(style_covariance + ridge)[1]
    expected = np.einsum("ij,hwj->hwi", matrix, style - style_mean) + photo_mean
    matched = color.match_colors(style, photo)
    assert matched.dtype == np.float32
    assert matched.shape == style.shape
    np.testing.assert_allclose(matched, np.clip(expected, 0, 255), atol=0.02)


def test_matched_colors_have_the_photos_mean_and_covariance() -> None:
    style, photo = muted(drawn.photo(60, 60, 6)), muted(drawn.photo(50, 70, 7))
    mean, covariance = moments(color.match_colors(style, photo))
    np.testing.assert_allclose(mean, moments(photo)[0], atol=0.05)
    np.testing.assert_allclose(covariance, moments(photo)[1], atol=0.05 * np.trace(moments(photo)[1]))


def test_a_painting_matched_to_itself_is_unchanged() -> None:
    style = drawn.photo(20, 20)
    np.testing.assert_allclose(color.match_colors(style, style), style, atol=0.05)


def test_channel_order_does_not_matter() -> None:
    style, photo = drawn.photo(20, 20, 8), drawn.photo(20, 20, 9)
    swapped = color.match_colors(style[..., ::-1], photo[..., ::-1])
    np.testing.assert_allclose(swapped[..., ::-1], color.match_colors(style, photo), atol=0.05)


def test_a_flat_painting_takes_the_photos_mean() -> None:
    photo = drawn.photo(20, 20)
    matched = color.match_colors(np.full((8, 8, 3), 33, np.uint8), photo)
    np.testing.assert_allclose(matched, np.broadcast_to(photo.mean(axis=(0, 1)), (8, 8, 3)), atol=0.01)


def test_a_gray_painting_with_noise_does_not_explode() -> None:
    rng = np.random.default_rng(0)
    gray = np.repeat(drawn.photo(40, 40)[..., :1], 3, axis=2) + rng.normal(0, 0.3, (40, 40, 3))
    photo = drawn.photo(40, 40, 1).astype(np.float32)
    matched = color.match_colors(gray, photo)
    assert np.isfinite(matched).all()
    neighbors = np.abs(np.diff(matched, axis=1)).mean()
    assert neighbors < 3 * np.abs(np.diff(photo, axis=1)).mean()  # the noise times 0.3 / 2 of the range, not times 100


def test_a_flat_or_gray_photo_takes_the_colors_away() -> None:
    flat = color.match_colors(drawn.photo(30, 30), np.full((5, 5, 3), (10, 120, 200), np.uint8))
    np.testing.assert_allclose(flat, np.broadcast_to((10, 120, 200), flat.shape), atol=8)  # a few times the 2 levels
    gray = color.match_colors(drawn.photo(30, 30), np.repeat(drawn.photo(30, 30, 1)[..., :1], 3, axis=2))
    assert np.ptp(gray, axis=2).max() < 16
    assert gray.std() > 20


def test_extreme_colors_are_clipped() -> None:
    style = np.zeros((10, 10, 3), np.uint8)
    style[0, 0] = 255
    photo = np.where(np.indices((10, 10)).sum(axis=0)[..., np.newaxis] % 2, 255, 0) * np.ones(3)
    matched = color.match_colors(style, photo)
    assert matched.min() >= 0
    assert matched.max() == 255


def test_inputs_are_not_changed() -> None:
    first, second = drawn.photo(9, 9, 1).astype(np.float32), drawn.photo(9, 9, 2).astype(np.float32)
    copies = first.copy(), second.copy()
    color.keep_luminance(first, second)
    color.match_colors(first, second)
    np.testing.assert_array_equal(first, copies[0])
    np.testing.assert_array_equal(second, copies[1])


@pytest.mark.parametrize("shape", [(4, 5, 3), (5, 4), (5, 4, 4), (1, 5, 4, 3), (0, 4, 3)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="got"):
        color.keep_luminance(np.zeros(shape), np.zeros((5, 4, 3)))
    if shape != (4, 5, 3):
        with pytest.raises(ValueError, match=r"expected an image \[H, W, 3\]"):
            color.match_colors(np.zeros((5, 4, 3)), np.zeros(shape))


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("keep_colors", [False, True])
def test_a_mixed_picture_is_the_weighted_mean(strength: float, keep_colors: bool) -> None:
    random = np.random.default_rng(0)
    painted, photo = (random.integers(0, 256, (6, 7, 3), np.uint8) for _ in range(2))
    own = color.keep_luminance(painted, photo) if keep_colors else painted
    expected = strength * own.astype(np.float64) + (1 - strength) * photo
    mixed = color.mix(painted, photo, strength, keep_colors=keep_colors)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, expected, atol=1e-3)


def test_only_pictures_of_one_size_are_mixed() -> None:
    with pytest.raises(ValueError, match="the same size"):
        color.mix(np.zeros((2, 3, 3)), np.zeros((3, 3, 3)), 0.5)
