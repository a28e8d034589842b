"""The script of the documentation: short, on the public API alone, and it runs."""

import ast
import pathlib
import subprocess
import sys

import filmed
import numpy as np
import pytest

import tfstyle

SCRIPT = pathlib.Path(__file__).parent.parent / "docs" / "tour.py"


def test_the_script_is_short_and_imports_nothing_but_tfstyle():
    assert len(SCRIPT.read_text().splitlines()) <= 40
    imported = {
        name.name
        for node in ast.walk(ast.parse(SCRIPT.read_text()))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert imported - set(sys.stdlib_module_names) == {"tfstyle"}
    assert "from tfstyle" not in SCRIPT.read_text()


@pytest.mark.slow
def test_the_script_paints_trains_films_and_evaluates(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(4):
        picture = filmed.texture(96, 128, seed)
        tfstyle.save_image(photos / f"{seed}.jpg", picture.astype(np.float32))
    filmed.write(tmp_path / "source.mp4", filmed.pan(4), sound="aac")

    result = subprocess.run(
        [sys.executable, SCRIPT, "photos", "source.mp4"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr[-2000:]
    assert tfstyle.load_image(tmp_path / "slow.png").rgb.shape == (144, 192, 3)
    assert tfstyle.load_image(tmp_path / "fast.png").rgb.shape == (144, 192, 3)
    assert (tmp_path / "mine" / "saved_model.pb").is_file()
    assert (tmp_path / "film.mp4").stat().st_size > 1000
    assert float(result.stdout.splitlines()[-1]) >= 0
