"""Training pairs for the network for all paintings: crops of paintings with their Gram matrices, and photos."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from tfstyle import losses
from tfstyle.runtime import keras, ops
from tfstyle.training import data
from tfstyle.transform import conditional
from train.held_out import held_out

__all__ = ["CONTENT_LAYER", "STYLE_LAYERS", "UNITS", "Bank", "Pairs"]

# Root mean squares of compact's features on photos: divided by them, all layers have Gram matrices of similar size.
UNITS = {"conv1_1": 64.0, "conv2_1": 195.0, "conv3_1": 184.0, "conv4_1": 463.0, "conv5_1": 30.0}
STYLE_LAYERS = tuple(UNITS)
CONTENT_LAYER = "conv4_2"
# Side of a painting's crop, and the largest short side of a painting, pixels.
_CROP, _LARGEST = 256, 400
# Crops per painting.
_VARIANTS = 3
# Shares of pairs of a photo and itself: of the first steps, and later.
_FIRST_STEPS, _FIRST_SAME, _SAME = 150, 0.5, 0.08


@dataclasses.dataclass(frozen=True)
class Bank:
    """Crops of paintings, measured once.

    Attributes:
        crops: ``[N, 256, 256, 3]``, uint8.
        grams: ``[N, C, C]`` by layer, float16, of features divided by `UNITS`.
        energies: ``[N, layers]``: squared Frobenius norms of the Gram matrices in VGG-19's geometry.
        vectors: style vectors, ``mean_<scale>`` ``[N, C]`` and ``root_<scale>`` ``[N, C, C]``, float16.
    """

    crops: np.ndarray
    grams: Mapping[str, np.ndarray]
    energies: np.ndarray
    vectors: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @classmethod
    def measure(cls, folder: pathlib.Path, look: keras.Model, metric: Mapping[str, np.ndarray]) -> "Bank":
        """Cuts and measures the paintings of a folder, without those held out.

        Args:
            folder: paintings and their manifest.
            look: the loss network without heads.
            metric: ``[C, C]`` by layer, H H^T of the heads.
        """
        kept, random = set(held_out(folder)), np.random.default_rng(5)
        paths = [path for path in sorted(folder.glob("*.jpg")) if path.name not in kept]
        crops = np.stack([_crop(_read(path), random) for path in paths for _ in range(_VARIANTS)])
        crops = np.clip(crops, 0, 255).astype(np.uint8)
        parts = [_grams(look, crops[start : start + 8]) for start in range(0, len(crops), 8)]
        grams = {name: np.concatenate([part[name] for part in parts]) for name in STYLE_LAYERS}
        energies = np.stack([_energies(grams[name], metric[name]) for name in STYLE_LAYERS], axis=1)
        return cls(crops, grams, energies.astype(np.float32))

    def with_vectors(self, network: conditional.ConditionalNetwork) -> "Bank":
        """Measures the crops' style vectors with a network's encoder."""
        parts = [_vectors(network, self.crops[start : start + 8]) for start in range(0, len(self.crops), 8)]
        return dataclasses.replace(
            self, vectors={name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
        )


@functools.lru_cache(maxsize=1)
def _read(path: pathlib.Path) -> np.ndarray:
    with Image.open(path) as image:
        scale = min(1.0, _LARGEST / min(image.size))
        width, height = (max(1, round(side * scale)) for side in image.size)
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


def _crop(painting: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cuts a square of 0.65 to 1 times the short side; sometimes mirrors it, permutes its channels or changes gamma."""
    height, width, _ = painting.shape
    side = min(height, width) * random.uniform(0.65, 1.0)
    left, top = random.uniform(0, width - side), random.uniform(0, height - side)
    box = (left, top, left + side, top + side)
    image = Image.fromarray(painting).resize((_CROP, _CROP), Image.Resampling.BICUBIC, box)
    crop: np.ndarray = np.asarray(image, np.float32)
    if random.random() < 0.5:
        crop = crop[:, ::-1]
    if random.random() < 0.25:
        crop = crop[..., random.permutation(3)]
    if random.random() < 0.25:
        crop = 255 * (crop / 255) ** random.uniform(0.6, 1.6)
    return crop.astype(np.float32)


def _grams(look: keras.Model, crops: np.ndarray) -> dict[str, np.ndarray]:
    seen = look(crops.astype(np.float32))
    grams = {name: losses.gram_matrix(ops.cast(seen[name], "float32")) / unit**2 for name, unit in UNITS.items()}
    return {name: np.asarray(ops.convert_to_numpy(gram), np.float16) for name, gram in grams.items()}


def _vectors(network: conditional.ConditionalNetwork, crops: np.ndarray) -> dict[str, np.ndarray]:
    means, roots = network.style_vector(network.features(crops.astype(np.float32)))
    named = {f"mean_{scale}": each for scale, each in enumerate(means)}
    named |= {f"root_{scale}": each for scale, each in enumerate(roots)}
    return {name: np.asarray(ops.convert_to_numpy(each), np.float16) for name, each in named.items()}


def _energies(grams: np.ndarray, metric: np.ndarray) -> np.ndarray:
    products = (metric @ gram.astype(np.float32) for gram in grams)
    return np.array([np.sum(product * product.T) for product in products])


class Pairs(keras.utils.PyDataset):
    """Batches of photos and paintings, a pure function of the step.

    Args:
        photos: from `data.open_photos`.
        bank: the paintings.
        size: side of the photos' crops, pixels.
        batch: pairs per step.
        steps: to make batches for.
    """

    def __init__(self, photos: data.Photos, bank: Bank, size: int, batch: int, steps: range) -> None:
        super().__init__(workers=2, max_queue_size=6)
        self._photos = data.Batches(photos, size, batch, steps, seed=11)
        self._bank, self._steps = bank, steps

    def __len__(self) -> int:
        """Returns the number of steps."""
        return len(self._steps)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray]]:
        """Returns the batch of a step.

        Args:
            index: into the steps.

        Returns:
            ``photo`` ``[B, H, W, 3]``; ``same`` ``[B]``, 1 where the photo's own style is to be used; the paintings'
            style vectors, Gram matrices by layer, and ``energies``.
        """
        (photos,) = self._photos[index]
        step = self._steps[index]
        random = np.random.default_rng((12, step))
        which = random.integers(len(self._bank.crops), size=len(photos))
        same = random.random(len(photos)) < (_FIRST_SAME if step < _FIRST_STEPS else _SAME)
        measured = {name: each[which] for name, each in {**self._bank.grams, **self._bank.vectors}.items()}
        batch = {"photo": photos, "same": same.astype(np.float32), **measured}
        return ({**batch, "energies": self._bank.energies[which]},)
