"""Files are written whole or not at all, and what would fail later is refused beforehand."""

import os
import pathlib
import stat

import pytest

from tfstyle import errors, files


@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [b"old", None])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    failure: BaseException,
    before: bytes | None,
) -> None:
    path = tmp_path / "out.png"
    if before:
        path.write_bytes(before)
    seen = []

    def fail(*_args: object) -> None:
        seen.extend(entry.name for entry in tmp_path.iterdir())
        raise failure

    monkeypatch.setattr(os, function, fail)
    expected = errors.ShortageError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="No space left" if isinstance(failure, OSError) else None):
        files.atomic_write(path, b"new")
    assert any(name.endswith(".part") for name in seen)  # the failure came in the middle
    assert [entry.name for entry in tmp_path.iterdir()] == ([path.name] if before else [])
    assert not before or path.read_bytes() == before


def test_atomic_write_replaces_the_whole_file_and_obeys_the_umask(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    old = os.umask(0o027)
    try:
        files.atomic_write(path, b"long content")
        files.atomic_write(os.fspath(path), b"short")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"short"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_write_writes_through_a_link(tmp_path: pathlib.Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    files.atomic_write(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"data"


def test_atomic_write_needs_a_folder_and_replaces_nothing_but_files(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match=r"folder .*missing does not exist: create it first"):
        files.atomic_write(tmp_path / "missing" / "file", b"")
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(errors.InputError, match="is not a file"):
            files.atomic_write(name, b"")
    assert (tmp_path / "pipe").is_fifo()


def test_unwritable_targets_are_refused_before_the_work(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.check_folder(tmp_path / "file")
    with pytest.raises(errors.InputError, match=r"folder .*missing does not exist: create it first"):
        files.check_folder(tmp_path / "missing" / "file")
    with pytest.raises(errors.InputError, match="is not a file"):
        files.check_folder(tmp_path)
    # Root, as which tests may run, is let in everywhere: the answer is made up.
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path or mode != os.W_OK | os.X_OK)
    with pytest.raises(errors.InputError, match=rf"file: {tmp_path} is not writable: choose another") as caught:
        files.check_folder(tmp_path / "file")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused_beforehand(tmp_path: pathlib.Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(errors.InputError, match="is not writable"):
            files.check_folder(tmp_path / "file")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"], ids=["too long", "null byte"])
def test_invalid_file_names(tmp_path: pathlib.Path, name: str) -> None:
    for write in (files.atomic_write, lambda path, _: files.digest(path)):
        with pytest.raises(errors.InputError, match=r"cannot be (written|read): .*(too long|null byte)"):
            write(f"{tmp_path}/{name}", b"")
    assert not list(tmp_path.iterdir())


def test_digest(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert files.digest(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    for wrong in (tmp_path / "missing", tmp_path):
        with pytest.raises(errors.InputError, match="cannot be read"):
            files.digest(wrong)


def test_is_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert files.is_folder(tmp_path)
    for other in (tmp_path / "file", tmp_path / "missing", "x" * 5000, "a\0b"):
        assert not files.is_folder(other)
