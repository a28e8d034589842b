"""Options: ranges, choices, combinations, layers with weights."""

import dataclasses
import json

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


# What makes an option meaningful that has no effect alone.
TOGETHER = {
    "learning_rate": {"optimizer": "adam"},
    "seed": {"start": "noise"},
    "content_weight": {"style_weight": 1.0},
    "style_weight": {"content_weight": 1.0},
}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("strength", [None, 0, 0.3, 1]),
        ("size", [None, 1, 4000]),
        ("style_scale", [0.05, 1, 20]),
        ("learning_rate", [None, 0.01, 50]),
        ("seed", [None, 0, 1, 2**31, 2**63 - 1]),
        ("threads", [None, 64]),
        ("iterations", [None, (1,), (60, 80)]),
        ("scales", [None, (256,), (128, 256, 512)]),
        ("style_weights", [None, (1.0,), (0.1, 3)]),
        ("content_weight", [0, 1e-3, 1e6]),
        ("style_weight", [0, 1e-3, 1e6]),
        ("variation_weight", [None, 0, 2.5]),
        ("start", ["photo", "noise", "style", "some/file.png"]),
    ],
)
def test_values_in_range_are_accepted(name, values):
    for value in values:
        assert getattr(config.Settings(**{name: value, **TOGETHER.get(name, {})}), name) == value


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("strength", [-0.01, 1.01, NAN, INFINITE]),
        ("size", [0, -1]),
        ("style_scale", [0, 0.04, 21, -1, NAN]),
        ("learning_rate", [0, -0.1, NAN, INFINITE]),
        ("seed", [-1, 2**63, 10**30]),
        ("threads", [0, -1]),
        ("iterations", [(0,), (5, -1)]),
        ("scales", [(0, 64), (-64,), (512, 256)]),
        ("style_weights", [(0.0,), (1, -1), (NAN,), (INFINITE, 1)]),
        ("content_weight", [-1, NAN, INFINITE]),
        ("style_weight", [-1, NAN, INFINITE]),
        ("variation_weight", [-1, -0.5, NAN, INFINITE]),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, values):
    for value in values:
        message = refusal(**{name: value, **TOGETHER.get(name, {})})
        assert message.startswith(name.replace("_", "-"))
        assert str(value) in message
        assert ": use " in message or ": list " in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strength": 0.5, "form": "gatys"}, "strength would have no effect: form gatys is weighted by content-weight"),
        ({"strength": 0.5, "form": "mean"}, "strength would have no effect"),
        ({"strength": 0.5, "content_weight": 1.0, "style_weight": 5.0}, "content-weight and style-weight replace it"),
        ({"learning_rate": 2.0}, "learning-rate would have no effect: lbfgs chooses its own step size"),
        ({"seed": 3}, "seed would have no effect: only start noise is random"),
        ({"seed": 0, "start": "style"}, "seed would have no effect"),
        ({"content_weight": 1.0}, "content-weight needs style-weight: specify both, or drop the style loss"),
        ({"style_weight": 1.0}, "style-weight needs content-weight: specify both, or drop the content loss"),
        ({"content_weight": 1.0, "style_weight": 1.0, "style_layers": "none"}, "style-weight would have no effect"),
        ({"style_weights": (1.0, 2.0), "style_layers": "none"}, "style-weights would have no effect"),
    ],
)
def test_settings_without_effect_are_refused(changes, message):
    assert message in refusal(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"content_weight": 1.0, "style_layers": "none"},
        {"style_weight": 1.0, "content_layers": "none"},
        {"content_weight": 1.0, "style_weight": 1e3, "form": "gatys"},
        {"learning_rate": 2.0, "optimizer": "sgd"},
        {"seed": 0, "start": "noise"},
    ],
)
def test_compatible_settings_are_accepted(changes):
    assert dataclasses.asdict(config.Settings(**changes)).items() >= changes.items()


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"strength": 0.5, "form": "gatys", "content_weight": 0.0, "style_weight": 0.0}, {"form": "gatys"}),
        ({"strength": 0.5, "content_weight": 0.0, "style_weight": 9.0}, {"content_weight": 0.0, "style_weight": 9.0}),
        ({"strength": 0.5, "seed": 0, "learning_rate": 0.0}, {"strength": 0.5}),
        ({"strength": 0.5, "seed": 0, "start": "noise"}, {"strength": 0.5, "seed": 0, "start": "noise"}),
        ({"weights": "", "content_layers": "", "scales": [24, 48], "iterations": []}, {"scales": (24, 48)}),
        ({"size": 0, "threads": 0, "variation_weight": -1.0}, {}),
        ({"variation_weight": 0.0, "threads": 2}, {"variation_weight": 0.0, "threads": 2}),
    ],
)
def test_settings_stored_by_earlier_versions(stored, expected):
    """They wrote 0, -1, "" and () for "not given", and options that had no effect."""
    assert config.Settings.from_stored(stored) == config.Settings(**expected)


def test_settings_are_stored_and_read_back():
    settings = config.Settings(scales=(24, 48), start="noise", seed=3, style_weights=(1.0, 2.5), variation_weight=0.0)
    assert config.Settings.from_stored(json.loads(json.dumps(settings.stored))) == settings


def test_training_settings_of_earlier_cards():
    stored = {"content_layers": "", "style_layers": "", "variation_weight": -1.0, "threads": 0, "seed": 0, "steps": 9}
    assert config.TrainingSettings.from_stored(stored) == config.TrainingSettings(steps=9)


def float_fields() -> list[tuple[str, bool]]:
    """Names, and whether there are several numbers."""
    kinds = {
        field.name: config.value_type(config.Settings, field.name) for field in dataclasses.fields(config.Settings)
    }
    return [(name, kind is not float) for name, kind in kinds.items() if kind in (float, tuple[float, ...])]


def test_the_fields_of_floats_are_found():
    assert {("strength", False), ("variation_weight", False), ("style_weights", True)} <= set(float_fields())


@pytest.mark.parametrize(("name", "several"), float_fields())
@pytest.mark.parametrize("value", [NAN, INFINITE, -INFINITE])
def test_no_number_is_nan_or_infinite(name, several, value):
    given = (1.0, value) if several else value
    assert refusal(**{name: given}).startswith(f"{name.replace('_', '-')} is {given}: use ")


def choice_fields() -> list[dataclasses.Field]:
    return [field for field in dataclasses.fields(config.Settings) if field.metadata["choices"]]


@pytest.mark.parametrize("field", choice_fields(), ids=lambda field: field.name)
def test_choices_are_accepted_and_others_refused_with_the_list(field):
    for word in field.metadata["choices"]:
        assert getattr(config.Settings(**{field.name: word}), field.name) == word
    message = refusal(**{field.name: "nonsense"})
    assert "'nonsense'" in message
    assert field.name.replace("_", "-") in message
    assert all(word in message for word in field.metadata["choices"])


def test_choices_match_the_library():
    choices = {field.name: field.metadata["choices"] for field in choice_fields()}
    assert set(choices) == {"features", "keep_colors", "optimizer", "pooling", "form", "precision"}
    assert choices["form"] == ("relative", "gatys", "mean")


@pytest.mark.parametrize("field", dataclasses.fields(config.Settings), ids=lambda field: field.name)
def test_every_option_has_help_and_metavar(field):
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


def test_alpha_and_beta_replace_the_strength():
    assert not config.Settings().is_weighted
    assert config.Settings(content_weight=0, style_weight=1e3).is_weighted


@dataclasses.dataclass(frozen=True)
class Sample(config.Options):
    """One option of each kind."""

    share: float = config.option(0.5, "how much", least=0, most=1)
    count: int | None = config.option(None, "how many", least=1)
    factors: tuple[float, ...] = config.option((), "numbers", above=0)
    word: str | None = config.option(None, "which", choices=("a", "b"), flag="one-word")


def test_none_means_not_given():
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
def test_every_options_dataclass_checks_its_values(values, message):
    with pytest.raises(errors.InputError) as caught:
        Sample(**values)
    assert str(caught.value) == message


# ------------------------------------------------------------------------------------------------------ layer weights

FIVE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, dict.fromkeys(FIVE, 0.2)),  # Gatys 2015: w_l = 1/5
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
