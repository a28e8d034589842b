"""Options of every command, each written once: the command line takes names, defaults, ranges and help from here."""

from tfstyle.config.evaluation import BenchmarkSettings, EvaluationSettings
from tfstyle.config.fast_path import RUNTIMES, FilmSettings, StylizeSettings
from tfstyle.config.options import Options, check_value, converter, flag_of, option, value_type
from tfstyle.config.service import ServeSettings
from tfstyle.config.slow_path import Settings, layer_weights, parse, without_effect
from tfstyle.config.training import TrainingSettings

__all__ = [
    "BenchmarkSettings",
    "EvaluationSettings",
    "FilmSettings",
    "Options",
    "RUNTIMES",
    "ServeSettings",
    "Settings",
    "StylizeSettings",
    "TrainingSettings",
    "check_value",
    "converter",
    "flag_of",
    "layer_weights",
    "option",
    "parse",
    "value_type",
    "without_effect",
]
