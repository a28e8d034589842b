"""What identifies a style: its content, wherever its files are."""

import pathlib

import numpy as np
import pytest
import runs

from tfstyle import errors, files, images, stylebook
from tfstyle.stylizer import any_painting, digests


@pytest.fixture(autouse=True)
def in_folder(folder):
    """The current folder has photo.png and painting.png."""


def style_vector(seed):
    generator = np.random.default_rng(seed)
    return stylebook.StyleVector.measure([generator.normal(size=(8, 8, width)) for width in any_painting.WIDTHS])


class TestDigest:
    def test_follows_content_and_not_names(self):
        digest = digests.style_digest("painting.png")
        pathlib.Path("elsewhere").mkdir()
        pathlib.Path("painting.png").rename("elsewhere/renamed.png")
        assert digests.style_digest(pathlib.Path("elsewhere/renamed.png")) == digest
        assert digests.style_digest("photo.png") != digest

    def test_trained_style_by_name_and_by_folder(self):
        digest = digests.style_digest("starry_night")
        assert (
            digests.style_digest(stylebook.find("starry_night"))
            == digests.style_digest(str(stylebook.find("starry_night")))
            == digest
        )
        assert digests.style_digest("scream") != digest

    def test_a_file_is_preferred_to_a_trained_style_of_the_same_name(self):
        style = digests.style_digest("starry_night")
        pathlib.Path("painting.png").rename("starry_night")
        assert digests.style_digest("starry_night") == files.digest("starry_night") != style

    def test_arrays_and_photos(self):
        photo = runs.painting()
        digest = digests.style_digest(photo)
        assert digests.style_digest(photo.rgb) == digest
        assert digests.style_digest(photo.rgb + 1e-3) != digest
        alpha = np.ones(photo.size, np.float32)
        assert digests.style_digest(images.Photo(photo.rgb, alpha)) != digest
        assert digests.style_digest(photo.rgb.reshape(photo.size[1], photo.size[0], 3)) != digest

    def test_style_vectors(self):
        assert (
            digests.style_digest(style_vector(0))
            == digests.style_digest(style_vector(0))
            != digests.style_digest(style_vector(1))
        )

    def test_missing_file(self):
        with pytest.raises(errors.InputError, match=r"nowhere\.jpg: cannot be read"):
            digests.style_digest("nowhere.jpg")
