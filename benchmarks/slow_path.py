"""The slow path against the textbook: time to the loss that SciPy's L-BFGS-B reaches in 150 evaluations.

Run: ``python benchmarks/slow_path.py PHOTO PAINTING [--size 512] [-o benchmarks/slow_path.json]``, with vgg19's weights
at hand. The reference is one scale, float32, from the photo; both are scored by the same float32 loss. Ours runs with
its default settings, and its clock includes loading the networks and tracing.
"""

import argparse
import json
import pathlib
import time

from tfstyle import runtime

runtime.import_tensorflow()

import numpy as np  # noqa: E402
import scipy.optimize  # noqa: E402
import tensorflow as tf  # noqa: E402

from tfstyle import (  # noqa: E402
    config,
    features,
    images,
    optimization,
    perceptual,
    stylebook,
    weights,
)
from tfstyle.optimization import minimizers, plan, pyramid  # noqa: E402


def plain_loss(
    photo: images.Photo, painting: stylebook.Painting, size: int
) -> tuple[minimizers.LossFunction, np.ndarray]:
    """The default loss in float32 at one scale, and the photo at that scale, ``[1, H, W, 3]``."""
    objective = plan.objective_for("vgg19", config.Settings())
    layers = objective.layers
    model = features.build("vgg19", layers, weights.load("vgg19", layers=layers))
    image = images.resize(photo, *images.fit_size(*photo.size, size)).rgb[None]
    content = perceptual.content_targets(model, tf.constant(image), list(objective.content))
    grams = painting.grams(model, size, list(objective.style))
    return pyramid.loss_function(perceptual.PerceptualLoss(model, objective, content, grams), image.shape), image


def reference(evaluate: minimizers.LossFunction, image: np.ndarray, evaluations: int) -> tuple[float, float]:
    """SciPy's seconds and best total loss."""
    best, start = float("inf"), image.astype(np.float64)
    evaluate(tf.constant(image))  # Warm before the clock starts.
    begun = time.perf_counter()

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best
        loss, gradient, _ = evaluate(tf.constant(flat.reshape(start.shape).astype(np.float32)))
        best = min(best, float(loss))
        return float(loss), gradient.numpy().ravel().astype(np.float64)

    options = {"maxfun": evaluations, "maxiter": evaluations, "maxcor": 10, "ftol": 0, "gtol": 0}
    bounds = [(0, 255)] * start.size
    scipy.optimize.minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return time.perf_counter() - begun, best


def ours(photo: images.Photo, painting: stylebook.Painting, size: int) -> optimization.Iterate:
    """The last iterate of a run with default settings, its preparation on the clock."""
    *_, last = optimization.optimize(photo, painting, config.Settings(features="vgg19", size=size))
    return last


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo")
    parser.add_argument("painting")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--evaluations", type=int, default=150)
    parser.add_argument("--picture", help="file for our picture")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = parser.parse_args()
    photo, painting = images.load_image(arguments.photo), stylebook.Painting(images.load_image(arguments.painting))
    evaluate, image = plain_loss(photo, painting, arguments.size)
    begun = time.perf_counter()
    last = ours(photo, painting, arguments.size)
    seconds = time.perf_counter() - begun
    loss, _, terms = evaluate(tf.constant(last.image[None]))
    print(f"tfstyle, default settings: {seconds:.1f} s, total loss {float(loss):.4f} (scored in float32)", flush=True)
    if arguments.picture:
        images.save_image(arguments.picture, last.image)
    longer, goal = reference(evaluate, image, arguments.evaluations)
    print(f"scipy, float32: {arguments.evaluations} evaluations, {longer:.1f} s, total loss {goal:.4f}")
    print(f"time {seconds / longer:.2f}, loss {float(loss) / goal:.3f} of the reference's")
    if arguments.output:
        result = {
            "size": arguments.size,
            "scipy": {"seconds": longer, "loss": goal, "evaluations": arguments.evaluations},
            "tfstyle": {
                "seconds": seconds,
                "loss": float(loss),
                "terms": {name: float(value) for name, value in terms.items()},
            },
        }
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
