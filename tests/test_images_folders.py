"""One walk for every command: which files are photos, which are left out and why, what results are called."""

import os
import pathlib

import pytest

from tfstyle import errors, images


def make(folder: pathlib.Path, *names: str) -> pathlib.Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def names(folder: pathlib.Path, **options: object) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in images.find_photos(folder, **options).paths]


def skipped(folder: pathlib.Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): why for path, why in images.find_photos(folder).skipped.items()}


def test_every_readable_kind_is_found_in_order(tmp_path: pathlib.Path) -> None:
    kinds = [
        "a.avif",
        "b.gif",
        "c.bmp",
        "d.jp2",
        "e.jfif",
        "f.mpo",
        "g.ppm",
        "h.tiff",
        "i.webp",
        "j.JPG",
        "k/a.png",
        "k/l/b.pgm",
    ]
    assert names(make(tmp_path, *reversed(kinds))) == kinds
    assert skipped(tmp_path) == {}
    assert images.find_photos(tmp_path).skipped_summary() is None


def test_hidden_files_and_folders_are_ignored(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "a.png", "._a.png", ".trashed-1699-b.jpg", ".thumbnails/c.png", "d/.e/f.png")
    assert names(tmp_path) == ["a.png"]
    assert skipped(tmp_path) == {}


def test_hidden_folder_is_walked_if_named_explicitly(tmp_path: pathlib.Path) -> None:
    assert names(make(tmp_path / ".album", "a.png")) == ["a.png"]


def test_everything_else_is_named_with_a_reason(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "a.png", "b.heic", "c.NEF", "d/notes.txt", "no_suffix")
    os.mkfifo(tmp_path / "e.jpg")
    assert names(tmp_path) == ["a.png"]
    assert skipped(tmp_path) == {
        "b.heic": "HEIC: convert it to JPEG",
        "c.NEF": "camera raw: export it as JPEG or TIFF",
        "d/notes.txt": "not a supported image format",
        "e.jpg": "not a regular file",
        "no_suffix": "not a supported image format",
    }
    assert images.find_photos(tmp_path).skipped_summary() == (
        f"left out {tmp_path}/b.heic (HEIC: convert it to JPEG), {tmp_path}/c.NEF (camera raw: export it as JPEG or "
        f"TIFF), {tmp_path}/d/notes.txt (not a supported image format) and 2 more"
    )
    with pytest.warns(images.SkippedFilesWarning, match=r"^left out .* and 2 more$") as caught:
        images.find_photos(tmp_path).warn_of_skipped(stacklevel=1)
    assert caught[0].filename == __file__


def test_links_are_followed_and_each_folder_is_walked_once(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "album/a.png", "elsewhere/b.png", "elsewhere/deep/c.png")
    (tmp_path / "album" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "album" / "same").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "album" / "photo.jpg").symlink_to(tmp_path / "elsewhere" / "b.png")
    assert names(tmp_path / "album") == ["a.png", "link/b.png", "link/deep/c.png", "photo.jpg"]
    assert skipped(tmp_path / "album") == {"same": "another link to the same folder"}


def test_broken_links_are_reported_as_such(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "deep/a.png")
    (tmp_path / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert names(tmp_path) == ["deep/a.png"]
    assert skipped(tmp_path) == {
        "deep/up": "a link loop",
        "gone.jpg": "a link to a missing file",
        "loop.jpg": "a link loop",
    }


def test_earlier_results_are_excluded_without_a_word(tmp_path: pathlib.Path) -> None:
    make(tmp_path, "a.png", "painted/a.png", "painted/deep/c.png")
    assert names(tmp_path, exclude=tmp_path / "deep" / ".." / "painted") == ["a.png"]
    assert not images.find_photos(tmp_path, exclude=tmp_path / "painted").skipped
    for exclude in (None, tmp_path, tmp_path / "nowhere"):
        assert names(tmp_path, exclude=exclude) == ["a.png", "painted/a.png", "painted/deep/c.png"]


def test_a_missing_folder_is_refused(tmp_path: pathlib.Path) -> None:
    for name in ("nowhere", "x" * 5000, "a\0b"):
        with pytest.raises(errors.InputError, match="no such folder"):
            images.find_photos(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "is_folder"),
    [("out.png", False), ("out.TIFF", False), ("deep/out.jpg", False), ("painted", True), ("2026.08/", True)],
)
def test_an_output_is_a_picture_or_a_folder(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str, is_folder: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    assert images.is_folder_name(name) is is_folder


@pytest.mark.parametrize("name", ["out.heic", "out.jxl", "out.xyz", "out.gif"])
def test_an_output_of_another_suffix_is_a_folder_only_if_it_exists(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(errors.InputError, match=r"cannot write '\.\w+': choose \.jpg, .*, or specify a folder"):
        images.is_folder_name(tmp_path / name)
    (tmp_path / name).mkdir()
    assert images.is_folder_name(tmp_path / name)


def test_results_have_distinct_writable_names() -> None:
    photos = [pathlib.PurePath(name) for name in ("a.PNG", "b/c.gif", "b/c.bmp", "d.jfif", "d.jpg", "e.avif")]
    results = [path.as_posix() for path in images.result_names(photos)]
    assert results == ["a.PNG", "b/c.gif.png", "b/c.bmp.png", "d.jfif.jpg", "d.jpg", "e.png"]
