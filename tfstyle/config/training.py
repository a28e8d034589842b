"""Settings of training, which makes a transformation network for one painting."""

import dataclasses

from tfstyle.config import options, slow_path

__all__ = ["TrainingSettings"]


@dataclasses.dataclass(frozen=True)
class TrainingSettings(options.Options):
    """Everything that decides what a transformation network learns, besides the painting and the photos.

    Each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    network: str = options.option("realtime", "architecture of the trained network", choices=("realtime", "johnson"))
    strength: float = options.option(
        0.35, "style strength, 0 (the photo) to 1 (texture only)", metavar="0..1", least=0, most=1
    )
    steps: int = options.option(8000, "training steps", metavar="N", least=1)
    batch: int = options.option(4, "photos per step", metavar="N", least=1)
    crop: int = options.option(256, "side of the random crops", metavar="PIXELS", least=64)
    style_size: int = options.option(
        512, "long side of the painting; larger means larger brush strokes", metavar="PIXELS", least=64
    )
    learning_rate: float = options.option(
        6e-3, "initial learning rate, with cosine decay to 2 percent of it", metavar="X", above=0
    )
    features: str = options.option("compact", "loss network", choices=("compact", "vgg19"))
    finish: float = options.option(
        0.1,
        "final fraction of the steps that uses vgg19 as the loss network, if its weights are available",
        metavar="0..1",
        least=0,
        most=1,
    )
    content_layers: str | None = options.option(
        None, "content layers, NAME[:WEIGHT],... (default: depends on the loss network)", metavar="LAYERS"
    )
    style_layers: str | None = options.option(
        None, "style layers, NAME[:WEIGHT],... (default: depends on the loss network)", metavar="LAYERS"
    )
    variation_weight: float | None = options.option(
        None, "weight of the total variation loss (default: small)", metavar="X", least=0
    )
    # Measured on realtime (docs/realtime.md): the grid falls from 16 dB to 4, the loss rises by 3 percent.
    grid_weight: float = options.option(
        3000.0, "weight of the loss that suppresses upsampling grid artifacts", metavar="X", least=0
    )
    border_weight: float = options.option(0.0, "weight of the border-consistency loss", metavar="X", least=0)
    stability_weight: float = options.option(
        0.0, "weight of the stability loss (output change under imperceptible input noise)", metavar="X", least=0
    )
    # Measured on Udnie (docs/realtime.md): the weave falls from 13.8 dB to 8.5, the loss rises by 4 to 8 percent.
    weave_weight: float = options.option(
        0.01, "weight of the loss that suppresses repeated waves in smooth areas", metavar="X", least=0
    )
    precision: str = options.option(
        "auto",
        "precision of the networks; auto: bfloat16 on processors that support it natively",
        choices=("auto", "bfloat16", "float32"),
    )
    seed: int = options.option(
        0, "random seed for the initial weights, photos and crops", metavar="N", least=0, most=2**32 - 1
    )
    threads: int | None = options.option(None, "CPU threads (default: all)", metavar="N", least=1)

    def loss(self, network: str) -> slow_path.Settings:
        """Returns the slow path's settings for the same loss.

        Args:
            network: the loss network.

        Returns:
            Settings for `plan.objective_for`.

        Raises:
            InputError: a value is outside its range.
        """
        shared = ("strength", "content_layers", "style_layers", "variation_weight", "precision")
        values = {name: getattr(self, name) for name in shared}
        return slow_path.Settings(
            features=network, **{name: value for name, value in values.items() if value is not None}
        )
