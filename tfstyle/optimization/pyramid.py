"""The image pyramid of one run: loss networks, targets and pictures at every scale."""

from collections.abc import Sequence

import numpy as np

from tfstyle import config, errors, features, images, perceptual, runtime, stylebook, weights
from tfstyle.images import color
from tfstyle.optimization import memory, minimizers, plan
from tfstyle.runtime import keras, tf

__all__ = ["Pyramid", "loss_function"]


class Pyramid:
    """A photo and its styles, prepared for every scale of a run.

    Args:
        photo: the content.
        styles: styles to transfer; may be empty if the objective has no style.
        settings: of the run.
        objective: weights of the loss's terms; None derives them from the settings.

    Raises:
        InputError: settings that do not fit the pictures, the network or the free memory.

    Attributes:
        objective: weights of the loss's terms.
        styles: the styles, recolored if the settings ask for it.
        scales: coarse to fine.
        models: loss networks by name.
    """

    def __init__(
        self,
        photo: images.Photo,
        styles: Sequence[stylebook.Style],
        settings: config.Settings,
        objective: perceptual.Objective | None = None,
    ) -> None:
        self.photo, self.settings = photo, settings
        self.network = plan.choose_network(settings, styles)
        self.objective = objective or plan.objective_for(self.network, settings)
        plan.check_objective(self.objective, len(styles), settings)
        self.styles = [each.recolored(photo) for each in styles] if settings.keep_colors == "match" else list(styles)
        warm_up = objective is None and plan.can_warm_up(self.network, self.objective, settings)
        network = self.network if self.objective.layers else ""
        self.scales = plan.scales_for(photo.size, settings, network, warm_up=warm_up)
        self.models = {scale.network: self._load(scale.network) for scale in self.scales if self.objective.layers}
        for model in self.models.values():
            memory.check(model, self.scales[-1], settings)
            memory.check_paintings(model, self.scales[-1], settings, self.styles)

    def loss_at(self, scale: plan.Scale) -> minimizers.LossFunction:
        """The function to minimize at a scale.

        Args:
            scale: one of `scales`.

        Returns:
            Maps a picture ``[1, height, width, 3]``, 0..255, to total loss, gradient and terms.
        """
        return loss_function(self._loss(scale), tf.TensorShape((1, scale.height, scale.width, 3)))

    def first_image(self) -> tf.Tensor:
        """The picture that the coarsest scale starts from, ``[1, height, width, 3]``, 0..255.

        Raises:
            InputError: the start's file cannot be read, or no style has a picture to start from.
        """
        scale, settings = self.scales[0], self.settings
        match settings.start:
            case "photo":
                picture = self.photo
            case "noise":  # Truncated at two standard deviations: at 0 and 255.
                shape = (1, scale.height, scale.width, 3)
                return tf.random.stateless_truncated_normal(shape, (settings.seed or 0, 0), 127.5, 63.75)
            case "style":
                picture = _first_painting(self.styles)
            case path:
                picture = images.load_image(path)
        return _sized(picture, scale)

    def carry_over(self, image: tf.Tensor, coarse: plan.Scale, fine: plan.Scale) -> tf.Tensor:
        """Enlarges a finished scale's picture to the next scale; from a photo, only the changes are enlarged.

        Args:
            image: ``[1, height, width, 3]`` of the coarse scale, 0..255.
            coarse: scale of the picture.
            fine: the next scale.

        Returns:
            ``[1, height, width, 3]`` of the fine scale.
        """
        if (coarse.height, coarse.width) == (fine.height, fine.width):
            return image
        enlarged = _enlarge(image, fine)
        if self.settings.start == "photo":  # In this order, an unchanged photo stays bit-identical.
            enlarged = _sized(self.photo, fine) + (enlarged - _enlarge(_sized(self.photo, coarse), fine))
        return enlarged

    def finished(self, image: tf.Tensor) -> np.ndarray:
        """The picture to show: with the photo's colors if only its luminance is to be repainted.

        Args:
            image: ``[1, height, width, 3]``, 0..255.

        Returns:
            ``[height, width, 3]``, 0..255.
        """
        rgb = image.numpy()[0]
        if self.settings.keep_colors != "luminance":
            return rgb
        return color.keep_luminance(rgb, images.resize(self.photo, *rgb.shape[:2]).rgb)

    def _load(self, network: str) -> keras.Model:
        settings, layers = self.settings, self.objective.layers
        file = settings.weights if network == self.network else None
        loaded = weights.load(network, file, layers)
        dtype = runtime.resolve_precision(settings.precision)
        return features.build(network, layers, loaded, pooling=settings.pooling, dtype=dtype)

    def _loss(self, scale: plan.Scale) -> perceptual.PerceptualLoss:
        photo, objective, model = _sized(self.photo, scale), self.objective, self.models.get(scale.network)
        content: perceptual.Tensors = {}
        if objective.content:
            content = _content_targets(model, photo, list(objective.content))
        grams: perceptual.Tensors = self._grams(model, max(scale.height, scale.width)) if objective.style else {}
        return perceptual.PerceptualLoss(model, objective, content, grams, photo)

    def _grams(self, model: keras.Model, long_side: int) -> perceptual.Tensors:
        settings, layers = self.settings, list(self.objective.style)
        size = max(1, round(long_side * settings.style_scale))
        each = [style.grams(model, size, layers, settings.pooling) for style in self.styles]
        return perceptual.blend(each, settings.style_weights or [1.0] * len(each))


def loss_function(loss: perceptual.PerceptualLoss, shape: tf.TensorShape) -> minimizers.LossFunction:
    """Compiles a loss and its gradient into one graph.

    Args:
        loss: of a picture.
        shape: of the picture, ``[1, height, width, 3]``.

    Returns:
        Maps the picture to total loss, gradient and terms.
    """

    @tf.function
    def evaluate(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = loss.terms(image)
            total = tf.convert_to_tensor(loss.total(terms), tf.float32)
        return total, tape.gradient(total, image), terms

    return evaluate.get_concrete_function(tf.TensorSpec(shape))  # Many short runs would warn of retracing otherwise.


def _sized(photo: images.Photo, scale: plan.Scale) -> tf.Tensor:
    return tf.constant(images.resize(photo, scale.height, scale.width).rgb[None])


def _enlarge(image: tf.Tensor, scale: plan.Scale) -> tf.Tensor:
    return _sized(images.Photo(image.numpy()[0]), scale)


def _content_targets(model: keras.Model, photo: tf.Tensor, layers: list[str]) -> perceptual.Tensors:
    """As a graph, like the loss: eager bfloat16 operations round differently, and the photo's loss would not be 0."""
    targets = tf.function(lambda image: perceptual.content_targets(model, image, layers))
    return targets.get_concrete_function(photo)(photo)


def _first_painting(styles: Sequence[stylebook.Style]) -> images.Photo:
    for style in styles:
        if isinstance(style, stylebook.Painting):
            return style.photo
    raise errors.InputError("--start style needs a painting file: stored styles contain no picture")
