"""The formulas of the papers in float64 NumPy, written out without looking at tfstyle's own code."""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]

# RGB, in 0..255 units: what Simonyan and Zisserman subtracted (their weights take BGR).
VGG_MEAN = np.array([123.68, 116.779, 103.939])


def gram(features: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """`[B, H, W, C]` to `[B, C, C]`: Gatys 2015, equation 3, entry by entry, over the sum of the mask."""
    batch, height, width, channels = features.shape
    mask = np.ones((batch, height, width)) if mask is None else mask
    result = np.zeros((batch, channels, channels))
    for b in range(batch):
        for i in range(channels):
            for j in range(channels):
                result[b, i, j] = np.sum(mask[b] * features[b, :, :, i] * features[b, :, :, j]) / np.sum(mask[b])
    return result


def padded(image: np.ndarray, size: int) -> np.ndarray:
    """An image `[H, W, 3]` mirrored outwards, the edge row repeated (row -1 is row 0); feature maps in zeros."""
    if image.shape[2] != 3:
        result = np.zeros((image.shape[0] + 2 * size, image.shape[1] + 2 * size, image.shape[2]))
        result[size : size + image.shape[0], size : size + image.shape[1]] = image
        return result
    rows = [*range(size - 1, -1, -1), *range(image.shape[0]), *range(image.shape[0] - 1, image.shape[0] - 1 - size, -1)]
    columns = [
        *range(size - 1, -1, -1),
        *range(image.shape[1]),
        *range(image.shape[1] - 1, image.shape[1] - 1 - size, -1),
    ]
    return image[rows][:, columns]


def correlate(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int = 1) -> np.ndarray:
    """`[H, W, in]` and kernel `[h, w, in, out]` to `[H', W', out]`, without padding: what networks call convolution."""
    rows = (image.shape[0] - kernel.shape[0]) // stride + 1
    columns = (image.shape[1] - kernel.shape[1]) // stride + 1
    result = np.tile(bias.astype(np.float64), (rows, columns, 1))
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            shifted = image[i : i + stride * rows : stride, j : j + stride * columns : stride][:rows, :columns]
            result += shifted @ kernel[i, j].astype(np.float64)
    return result


def correlate_back(change: np.ndarray, kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The transpose of `correlate` at stride 1: gradient by its output `[H', W', out]` to gradient by its input."""
    result = np.zeros(shape)
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            result[i : i + change.shape[0], j : j + change.shape[1]] += change @ kernel[i, j].T
    return result


def pooled(image: np.ndarray, pooling: str, size: int = 2, stride: int = 2) -> np.ndarray:
    """Mean or maximum of windows that lie wholly inside `[H, W, C]`."""
    rows, columns = (image.shape[0] - size) // stride + 1, (image.shape[1] - size) // stride + 1
    windows = [
        image[i : i + stride * rows : stride, j : j + stride * columns : stride][:rows, :columns]
        for i in range(size)
        for j in range(size)
    ]
    return np.mean(windows, axis=0) if pooling == "average" else np.max(windows, axis=0)


def vgg(image: np.ndarray, weights: Arrays, pooling: str = "average") -> dict[str, np.ndarray]:
    """Features after the rectifier of RGB `[H, W, 3]`, 0..255, by layer; pools wherever the block's number changes."""
    tensor, block, result = (image - VGG_MEAN)[..., ::-1], "1", {}
    for name in (key.removesuffix("/kernel") for key in weights if key.endswith("/kernel")):
        if name[4] != block:
            tensor, block = pooled(tensor, pooling), name[4]
        kernel, bias = weights[f"{name}/kernel"], weights[f"{name}/bias"]
        tensor = np.maximum(correlate(padded(tensor, kernel.shape[0] // 2), kernel, bias), 0)
        result[name] = tensor @ weights[f"{name}/head"] if f"{name}/head" in weights else tensor
    return result


def lbfgs_direction(gradient: np.ndarray, steps: list[np.ndarray], changes: list[np.ndarray]) -> np.ndarray:
    """Nocedal and Wright 2006, algorithm 7.4 with equation 7.20, pairs oldest first: H times the gradient."""
    q = gradient.astype(np.float64)
    alphas = []
    for s, y in zip(reversed(steps), reversed(changes), strict=True):
        alphas.append(s @ q / (y @ s))
        q = q - alphas[-1] * y
    if steps:
        q = q * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y, alpha in zip(steps, changes, reversed(alphas), strict=True):
        q = q + s * (alpha - y @ q / (y @ s))
    return q
