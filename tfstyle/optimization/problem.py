"""What one run minimises, scale by scale: its networks, targets and first pictures; how is no matter here."""

from collections.abc import Sequence

import numpy as np

from tfstyle import config, errors, features, images, perceptual, runtime, stylebook, weights
from tfstyle.images import color
from tfstyle.optimization import minimizers, planning
from tfstyle.runtime import keras, tf

__all__ = ["Problem", "evaluator"]


class Problem:
    """A photo, its styles and settings, made ready for every scale.

    Args:
        photo: the content.
        style: styles to paint it in; may be empty if the objective has no style.
        chosen: settings.
        objective: what to minimise; None derives it from the settings.

    Raises:
        InputError: settings that do not fit the pictures, the network or the machine's memory.

    Attributes:
        objective: weights of the loss's terms.
        styles: what it is painted in, recoloured if the settings ask for that.
        scales: sizes to work at, coarse to fine.
        models: networks by name.
    """

    def __init__(
        self,
        photo: images.Photo,
        style: Sequence[stylebook.Style],
        chosen: config.Settings,
        objective: perceptual.Objective | None = None,
    ) -> None:
        self.photo, self.settings = photo, chosen
        self.network = planning.choose_network(chosen, style)
        warm_up = objective is None
        self.objective = objective or planning.objective_for(self.network, chosen)
        planning.check_task(self.objective, len(style), chosen)
        self.styles = [each.recolored(photo) for each in style] if chosen.keep_colors == "match" else list(style)
        warm_up = warm_up and planning.can_warm_up(self.network, self.objective, chosen)
        network = self.network if self.objective.layers else ""
        self.scales = planning.plan(*photo.size, chosen, network, warm_up=warm_up)
        self.models = {scale.network: self._load(scale.network) for scale in self.scales if self.objective.layers}
        for model in self.models.values():
            planning.check_memory(model, self.scales[-1], chosen)
            planning.check_paintings(model, self.scales[-1], chosen, self.styles)

    def loss_at(self, scale: planning.Scale) -> minimizers.Objective:
        """The function that is minimised at a scale.

        Args:
            scale: one of `scales`.

        Returns:
            From ``[1, height, width, 3]``, 0..255, to total loss, gradient, terms.
        """
        return evaluator(self._loss(scale), tf.TensorShape((1, scale.height, scale.width, 3)))

    def first_image(self) -> tf.Tensor:
        """The picture that the coarsest scale starts from, ``[1, height, width, 3]``, 0..255.

        Raises:
            InputError: the file that is to be started from cannot be read, or no style has a picture.
        """
        scale, chosen = self.scales[0], self.settings
        match chosen.start:
            case "photo":
                picture = self.photo
            case "noise":  # Truncated at two deviations, that is at 0 and 255.
                shape = (1, scale.height, scale.width, 3)
                return tf.random.stateless_truncated_normal(shape, (chosen.seed, 0), 127.5, 63.75)
            case "style":
                picture = _first_painting(self.styles)
            case path:
                picture = images.load_image(path)
        return _sized(picture, scale)

    def carry_over(self, image: tf.Tensor, coarse: planning.Scale, fine: planning.Scale) -> tf.Tensor:
        """Enlarges a finished scale's picture to the next; from the photo, only what was changed of it is enlarged.

        Args:
            image: ``[1, height, width, 3]`` of the coarse scale, 0..255.
            coarse: where the picture is from.
            fine: where it is to go on.

        Returns:
            ``[1, height, width, 3]`` of the fine scale.
        """
        if (coarse.height, coarse.width) == (fine.height, fine.width):
            return image
        enlarged = _enlarge(image, fine)
        if self.settings.start == "photo":  # In this order, an unchanged photo stays the photo to the last bit.
            enlarged = _sized(self.photo, fine) + (enlarged - _enlarge(_sized(self.photo, coarse), fine))
        return enlarged

    def finished(self, image: tf.Tensor) -> np.ndarray:
        """What is shown of an iterate: with the photo's colours if they are to be kept.

        Args:
            image: ``[1, height, width, 3]``, 0..255.

        Returns:
            ``[height, width, 3]``, 0..255.
        """
        rgb = image.numpy()[0]
        if self.settings.keep_colors == "no":
            return rgb
        photo = images.resize(self.photo, *rgb.shape[:2])
        return color.keep_luminance(rgb, photo.rgb) if self.settings.keep_colors == "luminance" else rgb

    def _load(self, network: str) -> keras.Model:
        chosen, layers = self.settings, self.objective.layers
        file = chosen.weights if network == self.network else ""
        loaded = weights.load(network, file or None, layers)
        dtype = runtime.resolve_precision(chosen.precision)
        return features.build(network, layers, loaded, pooling=chosen.pooling, dtype=dtype)

    def _loss(self, scale: planning.Scale) -> perceptual.PerceptualLoss:
        photo, objective, model = _sized(self.photo, scale), self.objective, self.models.get(scale.network)
        content: perceptual.Tensors = {}
        if objective.content:
            content = _content_targets(model, photo, list(objective.content))
        grams: perceptual.Tensors = self._grams(model, max(scale.height, scale.width)) if objective.style else {}
        return perceptual.PerceptualLoss(model, objective, content, grams, photo)

    def _grams(self, model: keras.Model, long_side: int) -> perceptual.Tensors:
        chosen, layers = self.settings, list(self.objective.style)
        size = max(1, round(long_side * chosen.style_scale))
        each = [style.grams(model, size, layers, chosen.pooling) for style in self.styles]
        return perceptual.blend(each, chosen.style_weights or [1.0] * len(each))


def evaluator(loss: perceptual.PerceptualLoss, shape: tf.TensorShape) -> minimizers.Objective:
    """The loss, its gradient and its terms, as one graph.

    Args:
        loss: of a picture.
        shape: the picture's, ``[1, height, width, 3]``.

    Returns:
        From the picture to total loss, gradient, terms.
    """

    @tf.function
    def evaluate(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = loss.terms(image)
            total = tf.convert_to_tensor(loss.total(terms), tf.float32)
        return total, tape.gradient(total, image), terms

    return evaluate.get_concrete_function(tf.TensorSpec(shape))  # Else TensorFlow warns of the many short runs' graphs.


def _sized(photo: images.Photo, scale: planning.Scale) -> tf.Tensor:
    return tf.constant(images.resize(photo, scale.height, scale.width).rgb[None])


def _enlarge(image: tf.Tensor, scale: planning.Scale) -> tf.Tensor:
    return _sized(images.Photo(image.numpy()[0]), scale)


def _content_targets(model: keras.Model, photo: tf.Tensor, layers: list[str]) -> perceptual.Tensors:
    """Computed as a graph, as the loss is: one by one, bfloat16 operations round otherwise (the photo had a loss)."""
    targets = tf.function(lambda image: perceptual.content_targets(model, image, layers))
    return targets.get_concrete_function(photo)(photo)


def _first_painting(available: Sequence[stylebook.Style]) -> images.Photo:
    for style in available:
        if isinstance(style, stylebook.Painting):
            return style.photo
    raise errors.InputError("--start style needs a painting's file: stored styles hold no picture")
