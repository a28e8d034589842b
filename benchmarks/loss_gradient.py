"""Time of one style-transfer loss and its gradient: ours against PyTorch, and compact against vgg19.

Run: ``python benchmarks/loss_gradient.py [--torch PYTHON] [--size 256] [-o benchmarks/loss_gradient.json]``

Each contender is a process of its own; they take turns, so that a drift of the machine's speed meets all of them. The
loss is the same everywhere: VGG-19 with average pooling up to conv5_1, content at conv4_2, Gram matrices of five
layers, gradient with respect to the pixels. PyTorch is no dependency: name a Python that has it with ``--torch``.
Times do not depend on what the weights are, so random ones serve.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1", "conv4_2")
_CONTENDERS = ("tfstyle vgg19 bfloat16", "tfstyle vgg19 float32", "tfstyle compact bfloat16")
_TORCH = ("torch vgg19 bfloat16", "torch vgg19 float32")
_COUNTS = (2, 2, 4, 4, 1)
_WIDTHS = (64, 128, 256, 512, 512)


def ours(network: str, precision: str, height: int, width: int) -> Callable[[], float]:
    """A function that computes one loss and gradient with tfstyle."""
    from tfstyle import runtime

    runtime.import_tensorflow()
    import numpy as np
    import tensorflow as tf

    from tfstyle import config, features, perceptual, weights
    from tfstyle.optimization import plan, pyramid

    loaded = weights.load(network) if network == "compact" else weights.random(network)
    model = features.build(network, _LAYERS, loaded, dtype=precision)
    objective = plan.objective_for(network, config.Settings())
    generator = np.random.default_rng(0)
    image, other = (tf.constant(generator.uniform(0, 255, (1, height, width, 3)).astype("f")) for _ in range(2))
    content = perceptual.content_targets(model, other, list(objective.content))
    grams = perceptual.style_grams(model, other, list(objective.style))
    loss = perceptual.PerceptualLoss(model, objective, content, grams)
    evaluate = pyramid.loss_function(loss, image.shape)
    return lambda: float(evaluate(image)[0])


def torchs(precision: str, height: int, width: int) -> Callable[[], float]:
    """The same with PyTorch: channels last, bfloat16 by autocast, losses in float32."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    convolutions, before = [], 3
    for block, (count, filters) in enumerate(zip(_COUNTS, _WIDTHS, strict=True), start=1):
        for index in range(1, count + 1):
            kernel = torch.randn(filters, before, 3, 3) * (2 / (9 * before)) ** 0.5
            convolutions.append((block, f"conv{block}_{index}", kernel.contiguous(memory_format=torch.channels_last)))
            before = filters

    def features(image: "torch.Tensor") -> dict:
        outputs, block = {}, 1
        for number, name, kernel in convolutions:
            if number != block:
                image, block = functional.avg_pool2d(image, 2), number
            image = functional.relu(functional.conv2d(image, kernel, torch.zeros(len(kernel)), padding=1))
            outputs[name] = image
        return {name: outputs[name] for name in _LAYERS}

    def gram(each: "torch.Tensor") -> "torch.Tensor":
        flat = each.float().flatten(2)[0]
        return flat @ flat.T / flat.shape[1]

    def random_image() -> "torch.Tensor":
        return (torch.rand(1, 3, height, width) * 255).contiguous(memory_format=torch.channels_last)

    def prepared(image: "torch.Tensor") -> dict:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return features(image - 115)

    image = random_image().requires_grad_()
    with torch.no_grad():
        target = prepared(random_image())
        grams = {name: gram(target[name]) for name in _LAYERS[:-1]}
        content = target["conv4_2"].float()

    def evaluate() -> float:
        outputs = prepared(image)
        loss = (outputs["conv4_2"].float() - content).square().mean() / content.square().mean()
        for name, wanted in grams.items():
            loss = loss + 6 * (gram(outputs[name]) - wanted).square().mean() / wanted.square().mean()
        image.grad = None
        loss.backward()
        return loss.item()

    return evaluate


def work(contender: str, height: int, width: int) -> None:
    """Child process: warms up, then times one evaluation per line that it is sent."""
    library, network, precision = contender.split()
    evaluate = torchs(precision, height, width) if library == "torch" else ours(network, precision, height, width)
    for _ in range(3):
        evaluate()
    print("ready", flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter()
        evaluate()
        print(time.perf_counter() - begun, flush=True)


def measure(pythons: dict[str, str], height: int, width: int, rounds: int) -> dict[str, list[float]]:
    """Seconds per evaluation of each contender, taking turns."""
    children = {}
    for name, python in pythons.items():
        command = [python, __file__, "--work", name, "--height", str(height), "--width", str(width)]
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # An idle contender must not spin.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "stderr": subprocess.DEVNULL}
        child = subprocess.Popen(command, env=environment, **pipes)
        if child.stdout.readline() != "ready\n":
            raise SystemExit(f"{name} did not start: try {' '.join(command)}")
        children[name] = child
    times: dict[str, list[float]] = {name: [] for name in children}
    for _ in range(rounds):
        for name, child in children.items():
            print("go", file=child.stdin, flush=True)
            times[name].append(float(child.stdout.readline()))
    for child in children.values():
        child.stdin.close()
        child.wait()
    return times


def main() -> None:
    """Reads the arguments, measures, prints a table, writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", metavar="PYTHON", help="a Python interpreter that has PyTorch")
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work, arguments.height, arguments.width)
        return
    pythons = dict.fromkeys(_CONTENDERS, sys.executable)
    if arguments.torch:
        pythons |= dict.fromkeys(_TORCH, arguments.torch)
    times = measure(pythons, arguments.height, arguments.width, arguments.rounds)
    medians = {name: statistics.median(each) for name, each in times.items()}
    first = medians[_CONTENDERS[0]]
    for name, each in times.items():
        print(
            f"{name:28} median {medians[name]:.3f} s  (min {min(each):.3f}, max {max(each):.3f})  "
            f"{medians[name] / first:.2f} x {_CONTENDERS[0]}"
        )
    if arguments.output:
        result = {"size": [arguments.height, arguments.width], "rounds": arguments.rounds, "seconds": times}
        arguments.output.write_text(json.dumps({**result, "median": medians}, indent=1) + "\n")


if __name__ == "__main__":
    main()
