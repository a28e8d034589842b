"""Which settings a comparison varies."""

import pytest

from tfstyle import config, errors
from tfstyle.optimization import variants

BASE = {"size": 96}


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("optimizer=adam,sgd,lbfgs", "optimizer", ["adam", "sgd", "lbfgs"]),
        ("features=vgg19,compact", "features", ["vgg19", "compact"]),
        ("layers=conv1_1,conv1_1+conv2_1", "style_layers", ["conv1_1", "conv1_1,conv2_1"]),
        ("content-layers=conv2_1,conv4_2", "content_layers", ["conv2_1", "conv4_2"]),
        ("pooling=average,max", "pooling", ["average", "max"]),
        ("form=relative,gatys,mean", "form", ["relative", "gatys", "mean"]),
        ("strength=0.2,0.8", "strength", [0.2, 0.8]),
        ("iterations=64,32+64", "iterations", [(64,), (32, 64)]),
    ],
)
def test_one_setting_varies_and_the_others_stay(text, field, values):
    several = [settings for _, settings in variants.parse(text, BASE)]
    assert [getattr(settings, field) for settings in several] == values
    assert {settings.size for settings in several} == {96}


def test_ratio_is_alpha_over_beta_in_the_papers_form():
    for (label, settings), ratio in zip(variants.parse("ratio=1e-2,1e-4", BASE), (1e-2, 1e-4), strict=True):
        assert settings.content_weight / settings.style_weight == pytest.approx(ratio)
        assert settings.form == "gatys"
        assert label.startswith("ratio 1e-")


@pytest.mark.parametrize("text", ["", "optimizer", "optimizer=", "colour=red", "=adam"])
def test_not_a_setting(text):
    with pytest.raises(errors.InputError, match="use SETTING=A,B"):
        variants.parse(text, BASE)


@pytest.mark.parametrize("text", ["optimizer=adam,best", "ratio=0", "ratio=x", "strength=2", "scales=a"])
def test_not_a_value(text):
    with pytest.raises(errors.InputError):
        variants.parse(text, BASE)


def test_a_setting_may_count_for_some_variants_only():
    several = dict(variants.parse("optimizer=adam,lbfgs", {"learning_rate": 3.0}))
    assert several["optimizer adam"].learning_rate == 3.0
    assert several["optimizer lbfgs"] == config.Settings()


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("form=gatys,mean", {"strength": 0.3}),
        ("ratio=1e-2,1e-3", {"strength": 0.3}),
        ("optimizer=lbfgs", {"learning_rate": 3.0}),
        ("strength=0.3,0.7", {"seed": 3}),
    ],
)
def test_a_setting_that_counts_for_no_variant_is_refused(text, given):
    with pytest.raises(errors.InputError, match="would have no effect"):
        variants.parse(text, given)
