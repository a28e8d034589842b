"""The script of the documentation: short, on the public API alone, and it runs."""

import ast
import json
import pathlib
import re
import subprocess
import sys

import filmed
import numpy as np
import pytest

import tfstyle

DOCS = pathlib.Path(__file__).parent.parent / "docs"
SCRIPT = DOCS / "tour.py"


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


def test_the_reference_has_every_public_name():
    documented = re.findall(r"^\.\. auto\w+:: tfstyle\.(\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(set(tfstyle.__all__) - {"__version__"})


def test_the_notebook_is_committed_without_outputs_and_imports_nothing_but_the_public_api():
    cells = [cell for cell in json.loads((DOCS / "lesson.ipynb").read_text())["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    source = "\n".join("".join(cell["source"]) for cell in cells)
    imported = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    assert set(imported) - set(sys.stdlib_module_names) == {"matplotlib", "numpy", "skimage", "tfstyle"}
    assert "from tfstyle" not in source


@pytest.mark.slow
def test_the_script_paints_trains_videos_and_evaluates(tmp_path):
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
