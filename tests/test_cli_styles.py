"""The command ``tfstyle styles``."""

import runs

import tfstyle


def test_one_line_per_style_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert runs.command("styles") == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "name"
    for line, style in zip(lines, tfstyle.styles(), strict=True):
        assert line.split()[0] == style.name
        assert style.title in line
        assert line.endswith(str(style.preview or style.year))
