"""Training recipes of the shipped styles: each style's starting point and stages.

Most styles start from the network of `train.beginning`, which has learned all paintings jointly, and continue with one
painting and VGG-19 as the loss network.
"""

import dataclasses

__all__ = ["COMMON", "PAINTINGS", "STYLES", "Recipe"]

COMMON = "a network trained on eight paintings jointly"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The training of one style.

    Attributes:
        stages: options of ``tfstyle train``, besides the defaults. Each stage starts from the previous one's network.
        painting: a stored style; empty for the style's own name.
        beginning: the starting point: `COMMON`, another shipped style, or empty for random weights.
        place: which of the jointly trained styles to start from; empty for the style's own name.
    """

    stages: tuple[str, ...]
    painting: str = ""
    beginning: str = COMMON
    place: str = ""


PAINTINGS = (
    "starry_night",
    "great_wave",
    "scream",
    "udnie",
    "composition_vii",
    "shipwreck",
    "wheat_field",
    "woman_with_a_hat",
)
"""The paintings of the joint training, in this order."""

_FIRST = "--steps 400 --learning-rate 2e-3 --features vgg19"


def _more(steps: int, rate: str = "4e-3", options: str = "", strength: float = 0.4) -> str:
    """Returns a stage of small crops on CPU cores."""
    words = f"--strength {strength} --steps {steps} --crop 192 --learning-rate {rate} --features vgg19"
    return f"{words} {options}".rstrip()


def _quick(steps: int, rate: str, seed: int, strength: float) -> str:
    """Returns a stage of thousands of steps for a GPU, with enough pixels per step to keep it busy."""
    words = f"--strength {strength} --steps {steps} --crop 224 --batch 12 --learning-rate {rate}"
    return f"{words} --features vgg19 --precision bfloat16 --seed {seed}"


def _even(strength: float, options: str = "") -> str:
    """Returns the stage that ends a weave: 60 steps of two crops took Udnie from 13.8 dB to 8.5 (docs/realtime.md)."""
    return _more(300, "2e-3", f"--seed 301 {options}".rstrip(), strength)


_JOHNSON = "--network johnson --crop 192"
STYLES = {
    "starry_night": Recipe(
        (_FIRST, _more(1500), _more(600, "2e-3"), _more(500, strength=0.5), _quick(3500, "5e-3", 107, 0.5), _even(0.5))
    ),
    "great_wave": Recipe(
        (
            _FIRST,
            _more(800),
            _more(3200, "5e-3", "--seed 12 --threads 1"),
            _more(450, options="--seed 71 --threads 1", strength=0.45),
            _even(0.45),
        )
    ),
    "scream": Recipe((_FIRST, _even(0.35))),
    "udnie": Recipe(
        (
            _FIRST,
            _more(800),
            _more(3200, "5e-3", "--seed 11 --threads 1"),
            _more(3200, "5e-3", "--seed 41 --threads 1"),
            _quick(8500, "5e-3", 104, 0.45),
            _more(150, "2e-3", "--seed 222 --threads 1", strength=0.43),
            _more(60, "1e-3", "--seed 225 --threads 1 --border-weight 10", strength=0.43),
            _even(0.43, "--border-weight 10"),
        )
    ),
    "composition_vii": Recipe(
        (
            _FIRST,
            _more(500, options="--seed 1", strength=0.5),
            _more(350, options="--seed 2"),
            _more(2600, "5e-3", "--seed 14 --threads 1"),
            _even(0.4),
        )
    ),
    "shipwreck": Recipe((_FIRST, _even(0.35))),
    "wheat_field": Recipe(
        (
            _FIRST,
            _more(800, strength=0.5),
            _more(450, options="--seed 1"),
            _more(240, "3e-3", "--seed 2", strength=0.45),
            _quick(3000, "5e-3", 108, 0.45),
            _even(0.45),
        )
    ),
    "portrait": Recipe(
        (
            _more(1200),
            _more(3200, "5e-3", "--seed 13 --threads 1"),
            _more(2000, "5e-3", "--seed 75 --threads 1", strength=0.5),
            _even(0.5),
        ),
        place="woman_with_a_hat",
    ),
    "scream_johnson": Recipe(
        (
            f"{_JOHNSON} --steps 2400 --finish 0.35",
            f"{_JOHNSON} --steps 500 --learning-rate 2e-3 --features vgg19",
            f"{_JOHNSON} --steps 450 --learning-rate 4e-3 --features vgg19 --grid-weight 30000",
            _more(500, "3e-3", "--network johnson"),
            _even(0.4, "--network johnson"),
        ),
        painting="scream",
        beginning="",
    ),
    "shipwreck_johnson": Recipe(
        (
            f"{_JOHNSON} --steps 1200 --learning-rate 4e-3 --finish 0.6",
            f"{_JOHNSON} --steps 500 --learning-rate 2e-3 --features vgg19 --grid-weight 30000",
            _more(800, options="--network johnson"),
            _more(300, "3e-3", "--network johnson"),
            _more(300, "3e-3", "--network johnson"),
            _even(0.4, "--network johnson"),
        ),
        painting="shipwreck",
        beginning="scream_johnson",
    ),
}
