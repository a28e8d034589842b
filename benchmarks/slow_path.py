"""The slow path against the textbook: time to the loss that SciPy's L-BFGS-B reaches in 150 evaluations.

Run: ``python benchmarks/slow_path.py PHOTO PAINTING [--size 512] [-o benchmarks/slow_path.json]``, with vgg19's weights
at hand. The reference is one scale, float32, from the photo; both sides minimise the same loss, and both are scored by
the same float32 network. Ours runs with its default settings.
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

from tfstyle import images, optimization, settings, styles  # noqa: E402


def reference(photo: images.Photo, painting: styles.Painting, size: int, evaluations: int) -> tuple[float, float]:
    """SciPy's seconds and best total loss."""
    chosen = settings.Settings(features="vgg19", size=size, scales=(size,), precision="float32")
    evaluate, start = _loss(photo, painting, chosen)
    best, begun = float("inf"), time.perf_counter()

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best
        loss, gradient, _ = evaluate(tf.constant(flat.reshape(start.shape).astype(np.float32)))
        best = min(best, float(loss))
        return float(loss), gradient.numpy().ravel().astype(np.float64)

    options = {"maxfun": evaluations, "maxiter": evaluations, "maxcor": 10, "ftol": 0, "gtol": 0}
    bounds = [(0, 255)] * start.size
    scipy.optimize.minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return time.perf_counter() - begun, best


def _loss(photo: images.Photo, painting: styles.Painting, chosen: settings.Settings) -> tuple:
    run = optimization.Optimization(photo, [painting], chosen)
    evaluate = run.loss_at(run.scales[-1])
    start = images.resize(photo, run.scales[-1].height, run.scales[-1].width).rgb[None].astype(np.float64)
    evaluate(tf.constant(start.astype(np.float32)))  # Traced before the clock starts.
    return evaluate, start


def ours(photo: images.Photo, painting: styles.Painting, size: int, goal: float) -> dict:
    """Seconds of a default run, its final float32 loss, and when that first was below the goal."""
    chosen = settings.Settings(features="vgg19", size=size)
    score, _ = _loss(photo, painting, settings.Settings(features="vgg19", size=size, precision="float32"))
    seconds, reached, last = 0.0, None, None
    for iterate in optimization.optimize(photo, painting, chosen):
        seconds, last = iterate.seconds, iterate
        if reached is None and iterate.loss <= goal and max(iterate.scale.height, iterate.scale.width) == size:
            reached = seconds
    loss, _, terms = score(tf.constant(last.image[None]))
    return {
        "seconds": seconds,
        "loss": float(loss),
        "terms": {n: float(v) for n, v in terms.items()},
        "reached": reached,
    }


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo")
    parser.add_argument("painting")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--evaluations", type=int, default=150)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = parser.parse_args()
    photo, painting = images.load_image(arguments.photo), styles.Painting(images.load_image(arguments.painting))
    seconds, goal = reference(photo, painting, arguments.size, arguments.evaluations)
    print(f"scipy, float32: {arguments.evaluations} evaluations, {seconds:.1f} s, total loss {goal:.4f}", flush=True)
    result = ours(photo, painting, arguments.size, goal)
    print(f"tfstyle, default: {result['seconds']:.1f} s, total loss {result['loss']:.4f} (float32 score)")
    if result["reached"] is not None:
        print(
            f"goal reached after {result['reached']:.1f} s: {result['reached'] / seconds:.2f} of the reference's time"
        )
    if arguments.output:
        reference_result = {"seconds": seconds, "loss": goal, "evaluations": arguments.evaluations}
        arguments.output.write_text(
            json.dumps({"size": arguments.size, "reference": reference_result, "ours": result}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
