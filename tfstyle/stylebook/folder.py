"""The folder of a trained style: its file names, where tfstyle's own styles live, how to find one.

No other module spells these file names. Importing this one is quick: it needs neither Keras nor TensorFlow.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from tfstyle import config, errors, files

__all__ = ["PACKAGE", "StyleFolder", "find", "folders", "root", "trained"]

PACKAGE = pathlib.Path(__file__).parent.parent


@dataclasses.dataclass(frozen=True)
class StyleFolder(os.PathLike[str]):
    """The folder that ``tfstyle train`` writes; the files need not exist yet.

    Attributes:
        path: the folder.
    """

    path: pathlib.Path

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """Name of the style."""
        return self.path.absolute().name

    @property
    def litert(self) -> pathlib.Path:
        """The network for LiteRT."""
        return self.path / "model.tflite"

    @property
    def saved_model(self) -> pathlib.Path:
        """The SavedModel's main file; its weights are in a folder next to it."""
        return self.path / "saved_model.pb"

    @property
    def weights(self) -> pathlib.Path:
        """The network's weights in Keras' format, from which another training can start."""
        return self.path / "network.weights.h5"

    @property
    def statistics(self) -> pathlib.Path:
        """The painting's Gram matrices, see `stored.StoredStyle`."""
        return self.path / "statistics.npz"

    @property
    def card(self) -> pathlib.Path:
        """How the network was trained, as JSON."""
        return self.path / "card.json"

    @property
    def evaluation(self) -> pathlib.Path:
        """How well the network does, as JSON."""
        return self.path / "evaluation.json"

    @property
    def model_card(self) -> pathlib.Path:
        """Card and evaluation as a page for people."""
        return self.path / "README.md"

    @property
    def preview(self) -> pathlib.Path:
        """A photo in this style."""
        return self.path / "preview.jpg"

    @property
    def swatch(self) -> pathlib.Path:
        """A texture with the painting's colors and brushwork."""
        return self.path / "swatch.jpg"

    @property
    def training(self) -> pathlib.Path:
        """Losses, samples and checkpoint of the training."""
        return self.path / "training"

    @property
    def is_trained(self) -> bool:
        """Whether the network is there."""
        return self.litert.is_file()

    def read_card(self) -> dict[str, Any]:
        """Reads how the network was trained.

        Raises:
            InputError: the card is missing or damaged.
        """
        try:
            card = json.loads(self.card.read_text())
        except (OSError, ValueError) as error:
            raise self._without_card() from error
        if not isinstance(card, dict):
            raise self._without_card()
        return card

    def write_card(self, card: Mapping[str, Any]) -> None:
        """Writes what `read_card` reads.

        Raises:
            InputError: the file cannot be written.
        """
        files.atomic_write(self.card, (json.dumps(dict(card), indent=1) + "\n").encode())

    def settings(self) -> config.TrainingSettings:
        """The settings that the network was trained with.

        Raises:
            InputError: the card is missing or damaged.
        """
        try:
            return config.TrainingSettings(**self.read_card()["settings"])
        except (KeyError, TypeError) as error:
            raise self._without_card() from error

    def _without_card(self) -> errors.InputError:
        return errors.InputError(f"{self.path}: {self.card.name} is missing or damaged: retrain the style")


def root() -> pathlib.Path:
    """The folder that holds tfstyle's own trained styles, one folder each."""
    installed = PACKAGE / "saved_models"
    return installed if installed.is_dir() else PACKAGE.parent / "saved_models"  # The top of a checkout.


def folders() -> list[StyleFolder]:
    """Every folder in `root`, sorted by name, with or without a trained network."""
    return [StyleFolder(path) for path in sorted(root().glob("*/"))]


def trained() -> dict[str, StyleFolder]:
    """Folders of tfstyle's own trained styles by name, sorted."""
    return {folder.name: folder for folder in folders() if folder.is_trained}


def find(style: str | os.PathLike[str]) -> StyleFolder:
    """Finds the folder of a trained style.

    Args:
        style: a folder, or a name that `trained` lists.

    Returns:
        The folder; whether it holds a network is not checked.

    Raises:
        InputError: neither a folder nor a known name.
    """
    known = trained().get(os.fspath(style))
    # A folder of results may have the name of a style.
    if files.is_folder(style) and (known is None or StyleFolder(pathlib.Path(style)).is_trained):
        return StyleFolder(pathlib.Path(style))
    if known is None:
        names = ", ".join(trained()) or "none is installed"
        raise errors.InputError(
            f"no style {os.fspath(style)!r}: use a folder written by tfstyle train, or one of: {names}"
        )
    return known
