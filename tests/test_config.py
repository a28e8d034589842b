"""What a user can choose: ranges, words, layers with weights."""

import dataclasses
import typing

import pytest

from tfstyle import config, errors

NAN, INFINITE = float("nan"), float("inf")


def refusal(**changes: object) -> str:
    with pytest.raises(errors.InputError) as caught:
        config.Settings(**changes)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("strength", [0, 0.3, 1]),
        ("size", [0, 1, 4000]),
        ("style_scale", [0.05, 1, 20]),
        ("learning_rate", [0, 0.01, 50]),
        ("seed", [0, 1, 2**31, 2**63 - 1]),
        ("threads", [0, 64]),
        ("iterations", [(), (1,), (60, 80)]),
        ("scales", [(), (256,), (128, 256, 512)]),
        ("style_weights", [(), (1.0,), (0.1, 3)]),
        ("content_weight", [0, 1e-3, 1e6]),
        ("style_weight", [0, 1e-3, 1e6]),
        ("variation_weight", [-1, 0, 2.5]),
        ("start", ["photo", "noise", "style", "some/file.png"]),
    ],
)
def test_accepts_what_lies_within_its_range(name, values):
    for value in values:
        assert getattr(config.Settings(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("strength", [-0.01, 1.01, NAN, INFINITE]),
        ("size", [-1]),
        ("style_scale", [0, 0.04, 21, -1, NAN]),
        ("learning_rate", [-0.1, NAN, INFINITE]),
        ("seed", [-1, 2**63, 10**30]),
        ("threads", [-1]),
        ("iterations", [(0,), (5, -1)]),
        ("scales", [(0, 64), (-64,), (512, 256)]),
        ("style_weights", [(0.0,), (1, -1), (NAN,), (INFINITE, 1)]),
        ("content_weight", [-1, NAN, INFINITE]),
        ("style_weight", [-1, NAN, INFINITE]),
        ("variation_weight", [-0.5, -2, NAN, INFINITE]),
    ],
)
def test_refuses_what_lies_outside_and_says_what_was_got(name, values):
    for value in values:
        message = refusal(**{name: value})
        assert message.startswith(name.replace("_", "-"))
        assert str(value) in message
        assert ": use " in message


def float_fields() -> list[tuple[str, bool]]:
    """Names, and whether there are several numbers."""
    types = typing.get_type_hints(config.Settings)
    return [(name, kind is not float) for name, kind in types.items() if kind in (float, tuple[float, ...])]


def test_the_fields_of_floats_are_found():
    assert {("strength", False), ("variation_weight", False), ("style_weights", True)} <= set(float_fields())


@pytest.mark.parametrize(("name", "several"), float_fields())
@pytest.mark.parametrize("value", [NAN, INFINITE, -INFINITE])
def test_no_number_is_nan_or_infinite(name, several, value):
    given = (1.0, value) if several else value
    assert refusal(**{name: given}).startswith(f"{name.replace('_', '-')} is {given}: use ")


def chosen_fields() -> list[dataclasses.Field]:
    return [field for field in dataclasses.fields(config.Settings) if field.metadata["choices"]]


@pytest.mark.parametrize("field", chosen_fields(), ids=lambda field: field.name)
def test_words_are_accepted_and_others_refused_with_the_list(field):
    for word in field.metadata["choices"]:
        assert getattr(config.Settings(**{field.name: word}), field.name) == word
    message = refusal(**{field.name: "nonsense"})
    assert "'nonsense'" in message
    assert field.name.replace("_", "-") in message
    assert all(word in message for word in field.metadata["choices"])


def test_the_choices_are_those_that_the_library_has():
    choices = {field.name: field.metadata["choices"] for field in chosen_fields()}
    assert set(choices) == {"features", "keep_colors", "optimizer", "pooling", "form", "precision"}
    assert choices["form"] == ("relative", "gatys", "mean")


@pytest.mark.parametrize("field", dataclasses.fields(config.Settings), ids=lambda field: field.name)
def test_the_command_line_finds_what_it_needs(field):
    text = field.metadata["help"]
    assert 5 < len(text) <= 120
    assert not text.endswith(".")
    assert field.metadata["choices"] or field.metadata["metavar"]
    assert not field.metadata["choices"] or field.default in field.metadata["choices"]


def test_the_defaults_are_valid_and_frozen():
    default = config.Settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        default.size = 3
    assert hash(default) == hash(config.Settings())
    assert dataclasses.replace(default, strength=0.7).strength == 0.7
    with pytest.raises(errors.InputError):
        dataclasses.replace(default, strength=7)


@pytest.mark.parametrize(("alpha", "beta", "expected"), [(0, 0, False), (1, 0, True), (0, 1e3, True), (1, 1e3, True)])
def test_alpha_or_beta_replace_the_knob(alpha, beta, expected):
    assert config.Settings(content_weight=alpha, style_weight=beta).weighted is expected


@dataclasses.dataclass(frozen=True)
class Sample(config.Options):
    """One option of each kind."""

    share: float = config.option(0.5, "how much", least=0, most=1)
    count: int | None = config.option(None, "how many", least=1)
    factors: tuple[float, ...] = config.option((), "numbers", above=0)
    word: str | None = config.option(None, "which", choices=("a", "b"), flag="one-word")


def test_none_is_not_given():
    assert Sample(count=None, word=None) == Sample()
    assert Sample(factors=(1.0, 2.0)).stored == {"share": 0.5, "count": None, "factors": [1.0, 2.0], "word": None}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": 1.5}, "share is 1.5: use 0 to 1"),
        ({"share": NAN}, "share is nan: use 0 to 1"),
        ({"count": 0}, "count is 0: use 1 or more"),
        ({"factors": (1.0, 0.0)}, "factors is (1.0, 0.0): use a number above 0"),
        ({"factors": (INFINITE,)}, "factors is (inf,): use a number above 0"),
        ({"word": "c"}, "one-word 'c': choose one of a, b"),
    ],
)
def test_any_dataclass_of_options_checks_itself(values, message):
    with pytest.raises(errors.InputError) as caught:
        Sample(**values)
    assert str(caught.value) == message


# ------------------------------------------------------------------------------------------------------ layer weights

FIVE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", dict.fromkeys(FIVE, 0.2)),  # Gatys 2015: w_l = 1/5
        ("none", {}),
        ("conv1_1", {"conv1_1": 1.0}),
        ("conv1_1,conv2_1", {"conv1_1": 0.5, "conv2_1": 0.5}),
        ("conv1_1:3,conv2_1", {"conv1_1": 0.75, "conv2_1": 0.25}),
        (" conv1_1:0.2 , conv2_1 : 0.6", {"conv1_1": 0.25, "conv2_1": 0.75}),
        ("conv1_1:1e-3", {"conv1_1": 1.0}),
        ("conv1_1:", {"conv1_1": 1.0}),
    ],
)
def test_layer_weights_are_shares(text, expected):
    assert config.layer_weights(text, FIVE) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("conv1_1:x", "NAME:WEIGHT"),
        ("conv1_1:2:3", "NAME:WEIGHT"),
        ("conv1_1:0", "above 0"),
        ("conv1_1:-1,conv2_1", "above 0"),
        ("conv1_1:nan", "above 0"),
        ("conv1_1:inf", "above 0"),
        ("conv1_1:1,conv1_1:2", "once"),
        ("conv1_1, conv1_1", "once"),
    ],
)
def test_bad_layer_weights_are_refused(text, why):
    with pytest.raises(errors.InputError, match=why) as caught:
        config.layer_weights(text, FIVE)
    assert repr(text) in str(caught.value)
