"""Progress with and without a terminal, tables, Ctrl-C."""

import io
import math
import os
import re
import signal
import types

import pytest
from rich import console as rich_console
from rich import table

from tfstyle.cli import console


def iterate(step, steps, seconds=0.0, remaining=math.nan):
    headline = "512x384  loss 6.444e+09 (content 0.357  style 6.44e+09  variation 0.00445)"
    return types.SimpleNamespace(step=step, steps=steps, seconds=seconds, remaining=remaining, headline=headline)


class TestWithoutTerminal:
    def test_a_line_every_ten_seconds_and_the_last(self, capsys):
        with console.ProgressBar("compact") as bar:
            for step in range(31):
                bar.show(iterate(step, 30, seconds=step * 0.9, remaining=100.4 - step))
        lines = capsys.readouterr().err.splitlines()
        assert [re.match(r"compact (\d+)/30  512x384  loss ", line)[1] for line in lines] == ["0", "12", "24", "30"]
        assert lines[0].endswith("1:40 left")
        assert lines[-1].endswith("1:10 left")

    def test_no_time_left_is_known_at_the_start(self, capsys):
        with console.ProgressBar("compact") as bar:
            bar.show(iterate(0, 30))
        assert capsys.readouterr().err == (
            "compact 0/30  512x384  loss 6.444e+09 (content 0.357  style 6.44e+09  variation 0.00445)\n"
        )


class TestOnATerminal:
    @pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
    @pytest.mark.parametrize("title", ["compact", "3/8 conv1_1+conv2_1+conv3_1"])
    def test_what_does_not_fit_is_cut_from_the_losses(self, monkeypatch, width, title):
        file = io.StringIO()
        made = rich_console.Console(
            file=file, force_terminal=True, width=width, color_system=None, legacy_windows=False
        )
        monkeypatch.setattr(rich_console, "Console", lambda **_: made)
        with console.ProgressBar(title) as bar:
            bar.show(iterate(7, 140, remaining=61))
        shown = [line for line in re.split(r"\x1b\[[0-9?]*[a-zA-Z]|\r|\n", file.getvalue()) if line.strip()][-1]
        assert len(shown.rstrip()) <= width
        if width >= len(title) + 35:
            assert shown.startswith(title)
            assert "7/140 1:01 left" in shown
            assert "…" not in shown
        if width == 200:
            assert "variation 0.00445" in shown


class TestTable:
    def test_without_a_terminal_no_cell_is_wrapped(self, capsys):
        path = "/a/folder/" + 40 * "long/" + "preview.jpg"
        listing = table.Table("name", "picture", box=None)
        listing.add_row("scream", path)
        listing.add_row("wave", "")
        console.print_table(listing)
        lines = capsys.readouterr().out.splitlines()
        assert [line.split() for line in lines] == [["name", "picture"], ["scream", path], ["wave"]]
        assert lines[2] == lines[2].rstrip()


class TestInterrupts:
    def test_first_and_second(self):
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]  # in the background: ignored
        with console.Interrupts().watch() as interrupts:
            assert not interrupts.asked
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupts.asked
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
