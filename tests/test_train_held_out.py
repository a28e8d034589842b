"""The paintings that are kept for judging networks for any painting."""

import collections
import csv

import pytest

from tfstyle import errors
from train import held_out

# In shares of 30: 15 prints, 11 paintings, 4 drawings; the ornament's share is none. Every eighth is not public.
KINDS = ("print",) * 36 + ("painting",) * 26 + ("drawing",) * 9 + ("ornament",)


@pytest.fixture
def manifest(tmp_path):
    with (tmp_path / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "artist", "kind", "public_domain"])
        for index, kind in enumerate(KINDS):
            writer.writerow([f"{kind}-{index:02}.jpg", "Dürer, Albrecht", kind, "yes" if index % 8 else "unknown"])
    return tmp_path


def test_always_the_same(manifest):
    """If this fails, networks would be judged on paintings that they were trained on."""
    assert held_out.held_out(manifest, 6) == [
        "drawing-67.jpg",
        "painting-54.jpg",
        "painting-55.jpg",
        "print-14.jpg",
        "print-20.jpg",
        "print-29.jpg",
    ]


def test_in_proportion_to_the_kinds(manifest):
    names = held_out.held_out(manifest)
    assert names == sorted(set(names))
    counts = collections.Counter(name.partition("-")[0] for name in names)
    public = collections.Counter(row["kind"] for row in held_out.public_domain(manifest))
    for kind in ("print", "painting", "drawing"):
        assert abs(counts[kind] - 30 * public[kind] / public.total()) <= 1
    assert 28 <= len(names) <= 30


def test_a_rare_kind_gets_a_place_while_there_is_room(manifest):
    drawn = {count: held_out.held_out(manifest, count) for count in (4, 60)}
    assert "ornament-71.jpg" in drawn[60]
    assert len(drawn[4]) == 4


def test_only_the_public_domain(manifest):
    assert all(int(name.removesuffix(".jpg")[-2:]) % 8 for name in held_out.held_out(manifest, 72))
    assert len(held_out.public_domain(manifest)) == 63


def test_names_keep_their_accents(manifest):
    assert held_out.public_domain(manifest)[0]["artist"] == "Dürer, Albrecht"


def test_nothing_to_draw_from(tmp_path):
    (tmp_path / "manifest.csv").write_text("file,kind,public_domain\na.jpg,print,unknown\n")
    assert held_out.held_out(tmp_path) == []


def test_folders_without_a_manifest_are_refused(tmp_path):
    with pytest.raises(errors.InputError, match=r"manifest\.csv: cannot be read: .*: choose a folder with a manifest"):
        held_out.held_out(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,title\na.jpg,A\n")
    with pytest.raises(errors.InputError, match="needs the columns kind, public_domain"):
        held_out.held_out(tmp_path)
