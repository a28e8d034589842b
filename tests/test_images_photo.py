"""Sizes: fitted, limited, and resized without fringes."""

import doctest
import pathlib
import types

import drawn
import numpy as np
import pytest

from tfstyle import errors, images
from tfstyle.images import folders, photo, sources

BLACK, GREEN, WHITE = drawn.BLACK, drawn.GREEN, drawn.WHITE


def saved(path: pathlib.Path, image: np.ndarray | None = None, **options: object) -> pathlib.Path:
    images.save_image(path, drawn.photo(12, 17) if image is None else image, **options)
    return path


def turned(kind: str, orientation: int, **options: object) -> bytes:
    stored = drawn.stored_as(drawn.corners(), orientation)
    return drawn.file(stored, kind, exif=drawn.exif(orientation), **options)


@pytest.mark.parametrize("height", [1, 7, 64])
@pytest.mark.parametrize("width", [1, 16, 53])
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


@pytest.mark.parametrize("module", [folders, photo, sources], ids=["folders", "photo", "sources"])
def test_the_examples_in_the_docstrings(module: types.ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed


def test_fit_size() -> None:
    assert images.fit_size(3, 2, 6) == (6, 4)
    assert images.fit_size(2, 4, 5) == (3, 5)  # 2.5: half up
    assert images.fit_size(1, 1000, 10) == (1, 10)
    with pytest.raises(errors.InputError, match="at least 1 pixel"):
        images.fit_size(0, 5, 5)


def test_resize_to_the_same_size_returns_the_photo_itself() -> None:
    small = images.Photo(drawn.photo(5, 6).astype(np.float32))
    assert images.resize(small, 5, 6) is small


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, -1)])
def test_resize_to_nothing_is_refused(height: int, width: int) -> None:
    with pytest.raises(errors.InputError, match="cannot resize"):
        images.resize(images.Photo(np.zeros((3, 3, 3), np.float32)), height, width)


def lanczos_matrix(old: int, new: int) -> np.ndarray:
    """Weights `[new, old]` of antialiased Lanczos-3 resampling (Turkowski 1990), normalized at the borders."""
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


def test_resize_keeps_the_colors_hidden_under_transparency() -> None:
    hidden = images.Photo(np.full((9, 9, 3), 77, np.float32), np.zeros((9, 9), np.float32))
    np.testing.assert_allclose(images.resize(hidden, 4, 4).rgb, 77, atol=0.01)
