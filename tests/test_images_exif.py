"""What of a photo's metadata goes into its results, and what does not."""

import pathlib

import drawn
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from tfstyle import images

BASE, CAMERA, POSITION = ExifTags.Base, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo
TAKEN = "2026:05:17 10:11:12"


def of_a_camera(kind: str = "JPEG", **options: object) -> bytes:
    exif = Image.Exif()
    exif[BASE.Orientation] = 6
    exif[BASE.ImageDescription], exif[BASE.Make], exif[BASE.Software] = "A bridge", "Canon", "Editor 9"
    exif[BASE.Artist], exif[BASE.Copyright] = "José".encode(), "© José".encode()
    exif[CAMERA] = {
        BASE.DateTimeOriginal: TAKEN,
        BASE.FNumber: 2.8,
        BASE.ExposureTime: 0.01,
        BASE.ISOSpeedRatings: 400,
        BASE.MakerNote: b"secret" * 50,
        BASE.ExifImageWidth: 4000,
        BASE.UserComment: b"x" * 5000,
    }
    exif[POSITION] = {1: "N", 2: (48.0, 31.0, 12.0), 3: "E", 4: (9.0, 3.0, 0.0)}
    return drawn.file(drawn.photo(12, 16), kind, exif=exif.tobytes(), dpi=(300, 300), **options)


def saved(tmp_path: pathlib.Path, photo: images.Photo, name: str = "out.jpg", **options: object) -> Image.Image:
    images.save_image(tmp_path / name, photo, **options)
    return Image.open(tmp_path / name)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_date_author_camera_and_resolution_survive(tmp_path: pathlib.Path, kind: str, suffix: str) -> None:
    photo = images.load_image(of_a_camera(kind), size=40)
    with saved(tmp_path, photo.with_rgb(photo.rgb[:20]), f"out{suffix}", recipe={"a": 1}) as image:
        image.load()
        exif = image.getexif()
        camera = exif.get_ifd(CAMERA)
        assert camera[BASE.DateTimeOriginal] == TAKEN
        assert (camera[BASE.FNumber], camera[BASE.ExposureTime], camera[BASE.ISOSpeedRatings]) == (2.8, 0.01, 400)
        assert camera[BASE.ColorSpace] == 1
        assert exif[BASE.Make] == "Canon"
        if kind != "TIFF":  # Pillow writes "?" for what is not ASCII there
            assert exif[BASE.Artist].encode("latin-1").decode() == "José"
            assert exif[BASE.Copyright].encode("latin-1").decode() == "© José"
        if kind != "WEBP":  # which holds no resolution but EXIF's
            assert (exif[BASE.XResolution], exif[BASE.ResolutionUnit]) == (300, 2)
        if "WEBP" not in (kind, image.format):
            assert [round(each) for each in image.info["dpi"]] == [300, 300]
    assert images.load_recipe(tmp_path / f"out{suffix}") == {"a": 1}


def test_what_no_longer_fits_is_left_out(tmp_path: pathlib.Path) -> None:
    with saved(tmp_path, images.load_image(of_a_camera())) as image:
        exif = image.getexif()
        assert BASE.Orientation not in exif
        assert BASE.Software not in exif
        assert exif.get_ifd(ExifTags.IFD.IFD1) == {}
        assert not {BASE.MakerNote, BASE.ExifImageWidth, BASE.UserComment} & set(exif.get_ifd(CAMERA))
        assert exif[BASE.ImageDescription] == "A bridge"  # no recipe takes its place
        assert image.size == (12, 16)


def test_the_position_is_kept_on_request_only(tmp_path: pathlib.Path) -> None:
    with saved(tmp_path, images.load_image(of_a_camera())) as image:
        assert image.getexif().get_ifd(POSITION) == {}
    with saved(tmp_path, images.load_image(of_a_camera(), keep_gps=True)) as image:
        assert image.getexif().get_ifd(POSITION) == {1: "N", 2: (48, 31, 12), 3: "E", 4: (9, 3, 0)}
    with saved(tmp_path, images.load_image(of_a_camera(), keep_gps=True), "out.tif") as image:
        assert image.getexif().get_ifd(POSITION)[2] == (48, 31, 12)
        assert tifffile.imread(tmp_path / "out.tif").shape == (16, 12, 3)


def test_a_result_passes_on_what_it_has_but_not_its_recipe(tmp_path: pathlib.Path) -> None:
    saved(tmp_path, images.load_image(of_a_camera()), "a.jpg", recipe={"a": 1}).close()
    again = images.load_image(tmp_path / "a.jpg")
    with saved(tmp_path, again) as image:
        assert BASE.ImageDescription not in image.getexif()
        assert image.getexif().get_ifd(CAMERA)[BASE.DateTimeOriginal] == TAKEN


def test_a_photo_without_metadata_has_none() -> None:
    assert images.load_image(drawn.file(drawn.photo(9, 9), "PNG")).metadata is None
    assert images.load_image(drawn.file(drawn.photo(9, 9), "PNG", exif=drawn.exif(6))).metadata is None


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\x9d" * 50])
def test_broken_metadata_does_no_harm(tmp_path: pathlib.Path, exif: bytes) -> None:
    photo = images.load_image(drawn.file(drawn.photo(9, 9), "JPEG", exif=exif))
    saved(tmp_path, photo).close()
    assert images.load_image(tmp_path / "out.jpg").size == (9, 9)


def test_metadata_gives_way_to_a_long_recipe(tmp_path: pathlib.Path) -> None:
    photo, recipe = images.load_image(of_a_camera()), {"text": "x" * 65_300}
    with saved(tmp_path, photo, recipe=recipe) as image:
        assert BASE.Make not in image.getexif()
    assert images.load_recipe(tmp_path / "out.jpg") == recipe


@pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 1), (10**9, 10**9)])
def test_absurd_resolutions_are_left_out(dpi: tuple[float, float]) -> None:
    image = Image.fromarray(drawn.photo(9, 9))
    image.info["dpi"] = dpi
    from tfstyle.images import exif

    assert exif.read(image) is None


def test_the_same_photo_gives_the_same_bytes() -> None:
    photo = images.load_image(of_a_camera())
    assert images.encode(photo, ".jpg") == images.encode(images.load_image(of_a_camera()), ".jpg")


def test_with_rgb_takes_alpha_and_metadata_along() -> None:
    photo = images.Photo(np.zeros((10, 8, 3), np.float32), np.linspace(0, 1, 80).reshape(10, 8), images.Metadata())
    same = photo.with_rgb(np.ones((10, 8, 3)))
    assert same.alpha is photo.alpha
    assert same.metadata is photo.metadata
    small = photo.with_rgb(np.ones((5, 4, 3)))
    assert small.alpha.shape == (5, 4)
    assert small.alpha.min() >= 0
    assert small.alpha.max() <= 1
    assert images.resize(photo, 5, 4).metadata is photo.metadata
