"""Options made from any dataclass of `config.option`s, and read back into it."""

import argparse
import dataclasses

import pytest

from tfstyle import config, errors
from tfstyle.cli import options


@dataclasses.dataclass(frozen=True)
class Sample(config.Options):
    """One option of each kind."""

    name: str = config.option(dataclasses.MISSING, "required", metavar="NAME")
    share: float = config.option(0.5, "50 % of it", metavar="0..1", least=0, most=1)
    count: int | None = config.option(None, "how many", metavar="N", least=1)
    sides: tuple[int, ...] = config.option((), "sides", metavar="N,N")
    sizes: tuple[int, ...] = config.option((256,), "sizes", metavar="PIXELS", flag="size", nargs="+")
    word: str | None = config.option(None, "which", choices=("a", "b"))
    keep_colors: bool = config.option(False, "keep them")


def parser():
    made = argparse.ArgumentParser(prog="sample")
    options.add_settings(made, Sample, title="sample")
    return made


def read(*words):
    return options.read_settings(parser().parse_args(words), Sample)


def test_what_is_not_given_keeps_its_default():
    assert read("--name", "x") == Sample("x")


def test_every_kind_is_read():
    words = "--name x --share 0.25 --count 3 --sides 1,2 --size 64 128 --word b --keep-colors"
    assert read(*words.split()) == Sample("x", 0.25, 3, (1, 2), (64, 128), "b", keep_colors=True)


def test_help_shows_defaults_only_where_there_are_some():
    text = parser().format_help()
    for line in ("--size PIXELS [PIXELS ...]", "(default: 256)", "50 % of it (default: 0.5)", "--sides N,N"):
        assert line in text
    assert "None" not in text
    assert "False" not in text


@pytest.mark.parametrize("words", ["", "--name x --word c", "--name x --count many", "--name x --sides 1,b"])
def test_unusable_words_end_with_code_2(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        read(*words.split())
    assert "sample: error:" in capsys.readouterr().err


def test_ranges_are_checked():
    with pytest.raises(errors.InputError, match="count is 0: use 1 or more"):
        read("--name", "x", "--count", "0")


def test_options_can_be_left_out():
    made = argparse.ArgumentParser()
    options.add_settings(made, Sample, leave_out=("name", "share"))
    assert options.given_settings(made.parse_args(["--count", "2"]), Sample) == {"count": 2}
    assert "--share" not in made.format_help()


def test_a_single_value_is_parsed_by_its_fields_type():
    assert config.parse("scales", "1,2") == (1, 2)
    assert config.parse("strength", "0.5") == 0.5
    assert config.parse("count", "3", Sample) == 3
    with pytest.raises(ValueError, match="invalid literal"):
        config.parse("size", "x")
