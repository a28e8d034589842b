"""Pictures for fitting the compact loss network: crops, mixtures, and iterates of optimizations."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfstyle import errors, images, losses, weights
from tfstyle.optimization import minimizers
from tfstyle.runtime import tf

__all__ = ["Crops", "listed", "mixtures", "optimized"]

Network = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]

CONTENT = weights.BACKBONES["vgg19"].content_layers[0]
STYLE = weights.BACKBONES["vgg19"].style_layers

# Snapshots of one optimization: early, when the photo still shows; in the middle; late.
_SNAPSHOTS = (6, 16, 40)
# Every sixth optimization starts from noise around mid-gray (Gatys 2015) instead of from the photo.
_NOISE_EVERY = 6


def listed(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists a folder's JPEG and PNG files, sorted.

    Raises:
        InputError: there are none.
    """
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not found:
        raise errors.InputError(f"{folder}: no JPEG or PNG files")
    return found


# Paintings are few, large and used often.
_load = functools.lru_cache(maxsize=32)(images.load_image)


class Crops:
    """Random square crops of pictures at random sizes.

    Args:
        paths: picture files.
        side: of the crops, pixels.
        short: range of the short side to which a picture is resized before it is cropped.
    """

    def __init__(self, paths: Sequence[pathlib.Path], side: int, short: tuple[int, int]) -> None:
        self._paths, self._side, self._short = paths, side, short

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Returns one crop, ``[side, side, 3]`` float32, 0..255."""
        photo = _load(self._paths[int(random.integers(len(self._paths)))])
        height, width = photo.rgb.shape[:2]
        factor = random.integers(self._short[0], self._short[1] + 1) / min(height, width)
        size = [max(self._side, round(edge * factor)) for edge in (height, width)]
        rgb = images.resize(photo, *size).rgb
        top, left = (random.integers(edge - self._side + 1) for edge in size)
        return rgb[top : top + self._side, left : left + self._side]


def mixtures(photos: Crops, paintings: Crops, count: int, random: np.random.Generator) -> np.ndarray:
    """Draws photos, paintings, blends, noisy pictures, and photos with a painting's texture in permuted colors.

    Args:
        photos: crops of photographs.
        paintings: crops of paintings.
        count: number of pictures.
        random: the random generator.

    Returns:
        ``[count, side, side, 3]`` uint8.
    """
    drawn = [_mixture(index % 8, photos.draw(random), paintings.draw(random), random) for index in range(count)]
    return np.stack([np.clip(np.round(picture), 0, 255).astype(np.uint8) for picture in drawn])


def _mixture(kind: int, photo: np.ndarray, painting: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if kind < 3:
        return photo
    if kind < 5:
        return painting
    if kind == 5:
        return photo + random.random() * (painting - photo)
    if kind == 6:
        return (photo, painting)[random.integers(2)] + random.normal(0, random.uniform(3, 60), photo.shape)
    texture = (painting - painting.mean((0, 1)))[..., random.permutation(3)]
    return photo + random.uniform(0.3, 1) * texture + random.normal(0, random.uniform(0, 25), photo.shape)


def optimized(network: Network, photos: Crops, paintings: Crops, count: int, random: np.random.Generator) -> np.ndarray:
    """Runs the slow path with a compact network and keeps some of its iterates.

    An optimizer exploits what a network cannot see. A second fit on such pictures corrects it; imitation learning
    collects data in the same way (Ross, Gordon and Bagnell 2011, "DAgger").

    Args:
        network: maps ``[B, H, W, 3]``, 0..255, to features by layer, heads applied.
        photos: crops of photographs.
        paintings: crops of paintings.
        count: number of optimizations; each gives three pictures, see `_SNAPSHOTS`.
        random: the random generator.

    Returns:
        ``[count * 3, side, side, 3]`` uint8.
    """
    targets, evaluate = _objective(network)
    visited = []
    for index in range(count):
        photo, painting = photos.draw(random)[np.newaxis], paintings.draw(random)[np.newaxis]
        start = photo if index % _NOISE_EVERY else np.clip(random.normal(127.5, 60, photo.shape), 0, 255)
        # Around the slow path's default, 6 on the sum over the layers: from half of it to five times as much.
        strength = tf.constant(6 * 10 ** random.uniform(-0.3, 0.7), tf.float32)
        goal = targets(tf.constant(photo), tf.constant(painting))
        minimizer = minimizers.LBFGS(functools.partial(evaluate, goal, strength), tf.constant(start, tf.float32))
        for step in range(1, _SNAPSHOTS[-1] + 1):
            minimizer.step()
            if step in _SNAPSHOTS:
                visited.append(np.round(minimizer.image[0].numpy()).astype(np.uint8))
    return np.stack(visited)


def _grams(features_by_layer: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
    return [losses.gram_matrix(features_by_layer[name]) for name in STYLE]


def _objective(network: Network) -> tuple[Callable[..., tuple], Callable[..., tuple]]:
    """Returns two traced functions of the relative loss: one for the targets, one for loss and gradient."""

    @tf.function
    def targets(photo: tf.Tensor, painting: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return network(photo)[CONTENT], _grams(network(painting))

    @tf.function
    def evaluate(goal: tuple, strength: tf.Tensor, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, None]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            seen = network(image)
            style = [losses.style_relative(*pair) for pair in zip(_grams(seen), goal[1], strict=True)]
            loss = losses.content_relative(seen[CONTENT], goal[0]) + strength * tf.add_n(style)
        return loss, tape.gradient(loss, image), None

    return targets, evaluate
