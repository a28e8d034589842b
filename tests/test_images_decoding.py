"""What is no readable picture is refused in one line; the pictures themselves: test_odd_files in test_images.py."""

import io
import os
import pathlib
from collections.abc import Callable

import drawn
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from tfstyle import errors, images
from tfstyle.images import bounds, decoding, pixels, profiles


def read(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray | None]:
    with decoding.opened(path) as image:
        return pixels.decode(image)


def drawn_png(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "photo.png"
    path.write_bytes(drawn.file(drawn.photo(30, 40), "PNG"))
    return path


def assert_refused(path: pathlib.Path, pattern: str) -> None:
    with pytest.raises(errors.InputError, match=pattern) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (lambda _: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to(path), "is a link loop: use an image file"),
        (lambda path: path.symlink_to(path.with_name("gone")), "is a link to a missing file"),
    ],
    ids=["missing", "folder", "pipe", "link to itself", "broken link"],
)
def test_non_files_are_refused(tmp_path: pathlib.Path, make: Callable, pattern: str) -> None:
    path = tmp_path / "photo.jpg"
    make(path)
    assert_refused(path, pattern)


def test_a_file_without_permission_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drawn_png(tmp_path)

    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)  # the tests may run as root, whom chmod does not stop
    assert_refused(path, "permission denied")


def test_invalid_file_names(tmp_path: pathlib.Path) -> None:
    assert_refused(tmp_path / ("x" * 300), "too long|damaged")
    assert_refused(pathlib.Path(f"{tmp_path}/a\0b"), "null byte|no such file")


def test_a_bomb_is_refused_by_its_header_and_a_large_picture_is_read(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drawn_png(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow now warns of 1,200 pixels; warnings are errors here
    assert read(path)[0].shape == (30, 40, 3)
    monkeypatch.setattr(bounds, "MAX_PIXELS", 1199)
    assert_refused(path, "has 40x30 pixels: shrink it to 1199 pixels or fewer")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert_refused(path, "40x30 pixels")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_random_damage_is_read_or_refused_but_never_crashes(tmp_path: pathlib.Path, kind: str) -> None:
    whole, rng, path = drawn.file(drawn.photo(12, 16), kind), np.random.default_rng(1), tmp_path / "damaged"
    outcomes: list[object] = []
    for _ in range(60):
        data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for place in rng.integers(0, len(data), rng.integers(0, 6)):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            outcomes.append(np.isfinite(read(path)[0]).all())
        except errors.InputError as error:
            outcomes.append("\n" not in str(error) and "refused")
    assert all(outcomes)
    assert outcomes.count("refused") > 20


def test_pixels_are_not_decoded_before_they_are_asked_for(tmp_path: pathlib.Path) -> None:
    path = drawn_png(tmp_path)
    path.write_bytes(path.read_bytes()[:-500])
    with decoding.opened(path) as image:
        assert image.size == (40, 30)
    assert_refused(path, "damaged")


def test_the_file_is_closed_even_after_a_failure(tmp_path: pathlib.Path) -> None:
    path = drawn_png(tmp_path)
    with pytest.raises(errors.InputError), decoding.opened(path) as image:
        raise RuntimeError
    with pytest.raises((ValueError, AttributeError), match=r"closed|None"):
        image.fp.read()


def test_deep_gray_is_float_and_finer_than_8_bits(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(drawn.png(np.arange(65536).reshape(256, 256), 16, 0))
    rgb, alpha = read(path)
    assert alpha is None
    assert rgb.dtype == np.float32
    assert len(np.unique(rgb)) == 65536
    np.testing.assert_allclose(rgb[..., 1].ravel(), np.arange(65536) / 257, atol=1e-4)


def test_the_srgb_profile_is_srgb_and_has_no_date() -> None:
    profile = profiles.srgb_profile()
    assert profile[24:36] == bytes(12)
    assert int.from_bytes(profile[:4], "big") == len(profile) < 1000
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))


def test_pictures_with_our_own_profile_are_read_exactly(tmp_path: pathlib.Path) -> None:
    path, image = tmp_path / "own.png", drawn.photo(64, 64)
    path.write_bytes(drawn.file(image, "PNG", icc_profile=profiles.srgb_profile()))
    np.testing.assert_array_equal(read(path)[0], image)


def test_bytes_are_read_like_their_file(tmp_path: pathlib.Path) -> None:
    path = drawn_png(tmp_path)
    with decoding.opened(path.read_bytes()) as image:
        np.testing.assert_array_equal(pixels.decode(image)[0], read(path)[0])


@pytest.mark.parametrize(
    ("data", "pattern"),
    [
        (b"", r"^the picture is empty \(0 bytes\)"),
        (b"words", "^the picture is damaged or not in a supported image format"),
        (b"%PDF-1.7", "^the picture is a PDF document: export the page as PNG$"),
        (drawn.file(drawn.photo(30, 40), "PNG")[:300], "^the picture is damaged"),
    ],
    ids=["empty", "words", "pdf", "cut off"],
)
def test_bytes_of_other_formats_are_refused(data: bytes, pattern: str) -> None:
    with pytest.raises(errors.InputError, match=pattern), decoding.opened(data) as image:
        pixels.decode(image)


def test_a_long_strip_is_refused_by_its_header_and_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    header = (40_000_000).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    strip = drawn.png_chunks((b"IHDR", header), (b"IDAT", b"x"), (b"IEND", b""))
    for read_header in (images.probe, images.load_image):
        with pytest.raises(errors.InputError, match="has 40000000x1 pixels: crop it to at most 100000"):
            read_header(strip)
    monkeypatch.setattr(bounds, "MAX_SIDE", 40)
    assert images.probe(drawn.file(drawn.photo(30, 40), "PNG")) == (30, 40)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_probe_tells_the_upright_size_without_decoding(
    monkeypatch: pytest.MonkeyPatch, kind: str, orientation: int
) -> None:
    image = drawn.photo(30, 40)
    data = drawn.file(drawn.stored_as(image, orientation), kind, exif=drawn.exif(orientation))
    assert images.load_image(data).size == (30, 40)
    monkeypatch.setattr(Image.Image, "load", None)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    assert images.probe(data) == (30, 40)


def test_probe_refuses_non_pictures() -> None:
    with pytest.raises(errors.InputError, match="^the picture is empty"):
        images.probe(b"")
