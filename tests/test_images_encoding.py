"""Pictures are written as they are, with profile, recipe and alpha; what a format cannot hold is refused."""

import hashlib
import io
import os
import pathlib
import re
import subprocess
import sys

import drawn
import numpy as np
import pytest
from PIL import Image, ImageCms

from tfstyle import errors, images

SUFFIXES = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"]
RED, GREEN, BLUE, WHITE, BLACK = drawn.RED, drawn.GREEN, drawn.BLUE, drawn.WHITE, drawn.BLACK


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


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 90), (63, 65)])
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


def test_jpeg_keeps_full_color_resolution_and_quality_matters(tmp_path: pathlib.Path) -> None:
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
    with pytest.raises(errors.InputError, match=r"photo\.jpg contains no tfstyle recipe"):
        images.load_recipe(tmp_path / "photo.jpg")


def test_a_recipe_too_long_for_jpeg_is_refused_and_fits_elsewhere(tmp_path: pathlib.Path) -> None:
    recipe = {"text": "x" * 70_000}
    with pytest.raises(errors.InputError, match=r"JPEG cannot store this picture and its recipe.*choose \.png"):
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
        (np.zeros((2, 2, 3)), {"alpha": np.zeros((2, 3))}, r"alpha must be an array \[2, 2\] of numbers, got \[2, 3\]"),
        (np.zeros((2, 2, 3)), {"alpha": np.full((2, 2), np.nan)}, "alpha must be an array"),
    ],
)
def test_invalid_pictures_are_refused(
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
def test_sides_beyond_a_formats_limit(suffix: str, side: int) -> None:
    with pytest.raises(errors.InputError, match=f"at most {side} pixels per side, got {side + 1}x1"):
        images.encode(np.zeros((1, side + 1, 3), np.uint8), suffix)
    assert images.encode(np.zeros((1, side, 3), np.uint8), suffix)
