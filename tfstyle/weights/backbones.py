"""The registry of loss networks ("backbones"): everything about them except the weights themselves.

To add a backbone, add one entry to `BACKBONES`. The command line, `features.build`, the weight readers and the
downloader all read it from there. This module imports neither Keras nor TensorFlow.
"""

import dataclasses
import functools
from collections.abc import Sequence

__all__ = ["BACKBONES", "Backbone", "Conv", "File", "Fire", "Pool", "Shape", "Source", "Step"]

Shape = tuple[int, int, int, int]

_RGB = 3
# ImageNet's mean color, RGB: keras.applications.imagenet_utils, mode "caffe"; Simonyan and Zisserman 2014 trained so.
_CAFFE_MEAN = (123.68, 116.779, 103.939)


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution followed by a ReLU.

    Attributes:
        name: layer name, also that of its arrays in `weights.load`.
        channels: output channels; None if the weight file decides.
        size: side of the square kernel.
        stride: step in pixels.
    """

    name: str
    channels: int | None = None
    size: int = 3
    stride: int = 1


@dataclasses.dataclass(frozen=True)
class Pool:
    """Pooling without padding."""

    size: int = 2
    stride: int = 2


@dataclasses.dataclass(frozen=True)
class Fire:
    """SqueezeNet's module: a 1x1 "squeeze", then 1x1 and 3x3 "expand" convolutions side by side.

    Attributes:
        name: layer name.
        squeeze: channels of the squeeze convolution.
        expand: channels of each expand convolution; the module has twice as many.
    """

    name: str
    squeeze: int
    expand: int


Step = Conv | Pool | Fire


@dataclasses.dataclass(frozen=True)
class File:
    """A published weight file.

    Attributes:
        name: file name in the cache.
        algorithm: of the digest, as in `hashlib`.
        digest: the hash, or its first digits (PyTorch publishes eight); empty if none is published.
    """

    name: str
    algorithm: str = ""
    digest: str = ""


@dataclasses.dataclass(frozen=True)
class Source:
    """Where weights are published.

    Attributes:
        url: of `file`.
        file: what to download.
        alternatives: other cached files that hold the same layers.
    """

    url: str
    file: File
    alternatives: tuple[File, ...] = ()


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A loss network without its weights.

    Attributes:
        steps: the layers in order.
        content_layers: default layers of the content loss.
        style_layers: default layers of the style loss.
        min_size: shortest image side, in pixels, that the default layers can process.
        source: where the weights are published; None if they ship with tfstyle.
        mean: RGB, subtracted first, in units of 0..255.
        scale: RGB, divided by next.
        is_bgr: whether the weights expect BGR.
        cost: time of one loss and gradient per pixel relative to vgg19 (measured), for time estimates.
    """

    steps: tuple[Step, ...]
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    min_size: int
    source: Source | None
    mean: tuple[float, float, float] = _CAFFE_MEAN
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    is_bgr: bool = True
    cost: float = 1.0

    @property
    def layers(self) -> list[str]:
        """Names of the layers whose features can be compared, shallow to deep."""
        return [step.name for step in self.steps if not isinstance(step, Pool)]

    @property
    def is_packaged(self) -> bool:
        """Whether the weights ship with tfstyle. Their shapes are then the file's own."""
        return self.source is None

    @functools.cached_property
    def shapes(self) -> dict[str, Shape]:
        """Kernel shape, ``(height, width, in, out)``, of every convolution, shallow to deep; empty if packaged."""
        table: dict[str, Shape] = {}
        before = _RGB
        for step in self.steps:
            if isinstance(step, Conv) and step.channels:
                table[step.name] = (step.size, step.size, before, step.channels)
                before = step.channels
            elif isinstance(step, Fire):
                table[f"{step.name}/squeeze1x1"] = (1, 1, before, step.squeeze)
                table[f"{step.name}/expand1x1"] = (1, 1, step.squeeze, step.expand)
                table[f"{step.name}/expand3x3"] = (3, 3, step.squeeze, step.expand)
                before = 2 * step.expand
        return table

    def convolutions(self, layers: Sequence[str]) -> list[str]:
        """Lists the convolutions needed to compute some layers.

        Args:
            layers: names from `Backbone.layers`.

        Returns:
            Names as in `weights.load`, shallow to deep.
        """
        last = max((self.layers.index(name) for name in layers), default=-1)
        names: list[str] = []
        for step in [step for step in self.steps if not isinstance(step, Pool)][: last + 1]:
            parts = ("/squeeze1x1", "/expand1x1", "/expand3x3") if isinstance(step, Fire) else ("",)
            names += [step.name + part for part in parts]
        return names


def _vgg(*counts: int) -> tuple[Step, ...]:
    """Simonyan and Zisserman 2014, table 1: blocks of 3x3 convolutions with pooling between them."""
    steps: list[Step] = []
    for block, (count, channels) in enumerate(zip(counts, (64, 128, 256, 512, 512), strict=True), start=1):
        steps += [Conv(f"conv{block}_{index}", channels) for index in range(1, count + 1)] + [Pool()]
    return tuple(steps[:-1])


# VGG-19 up to conv5_1 without conv3_3; its widths are the weight file's. See compact.md.
_COMPACT = tuple(Conv(s.name) if isinstance(s, Conv) else s for s in _vgg(2, 2, 4, 4, 1) if s != Conv("conv3_3", 256))
# Krizhevsky 2014, "One weird trick", as in torchvision/models/alexnet.py.
_ALEXNET = (
    *(Conv("conv1", 64, 11, 4), Pool(3), Conv("conv2", 192, 5), Pool(3)),
    *(Conv("conv3", 384), Conv("conv4", 256), Conv("conv5", 256)),
)
# Iandola et al. 2016, version 1.1: github.com/forresti/SqueezeNet, SqueezeNet_v1.1.
_SQUEEZENET = (
    *(Conv("conv1", 64, 3, 2), Pool(3), Fire("fire2", 16, 64), Fire("fire3", 16, 64)),
    *(Pool(3), Fire("fire4", 32, 128), Fire("fire5", 32, 128)),
    *(Pool(3), Fire("fire6", 48, 192), Fire("fire7", 48, 192), Fire("fire8", 64, 256), Fire("fire9", 64, 256)),
)
# Gatys 2015: content from conv4_2, style from the first layer of every block.
_GATYS_LAYERS = (("conv4_2",), ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"))


def _keras_vgg(name: str, no_top: str, top: str) -> Source:
    """URLs, names and MD5 sums: keras/src/applications/vgg19.py and vgg16.py. The second file has the top as well."""
    stem = f"{name}_weights_tf_dim_ordering_tf_kernels"
    url = f"https://storage.googleapis.com/tensorflow/keras-applications/{name}/{stem}_notop.h5"
    return Source(url, File(f"{stem}_notop.h5", "md5", no_top), (File(f"{stem}.h5", "md5", top),))


BACKBONES: dict[str, Backbone] = {
    "vgg19": Backbone(
        _vgg(2, 2, 4, 4, 4),
        *_GATYS_LAYERS,
        min_size=16,
        source=_keras_vgg("vgg19", "253f8cb515780f3b799900260a226db6", "cbe5617147190e668d6c5d5026f83318"),
    ),
    "vgg16": Backbone(
        _vgg(2, 2, 3, 3, 3),
        *_GATYS_LAYERS,
        min_size=16,
        source=_keras_vgg("vgg16", "6d6bbae143d832006294945121d1f1fc", "64373286793e3c8b2b4e3219cbf3544b"),
    ),
    "alexnet": Backbone(
        _ALEXNET,
        ("conv4",),
        ("conv1", "conv2", "conv3", "conv4", "conv5"),
        min_size=25,
        # torchvision/models/alexnet.py; the file name ends with the first 8 digits of its SHA-256.
        source=Source(
            "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            File("alexnet-owt-7be5be79.pth", "sha256", "7be5be79"),
        ),
        # torchvision's preset: RGB in 0..1, normalized by ImageNet's mean (0.485 ...) and deviation (0.229 ...).
        mean=(123.675, 116.28, 103.53),
        scale=(58.395, 57.12, 57.375),
        is_bgr=False,
    ),
    "squeezenet": Backbone(
        _SQUEEZENET,
        ("fire6",),
        ("conv1", "fire2", "fire4", "fire6", "fire9"),
        min_size=29,
        # No hash is published: the file is read and its shapes are checked before it is kept.
        source=Source(
            "https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/"
            "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
            File("squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ),
    ),
    "compact": Backbone(_COMPACT, *_GATYS_LAYERS, min_size=16, source=None, cost=0.3),
}
