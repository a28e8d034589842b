"""One contender of ``tfstyle bench``: a process that paints one photo, timed, whenever it is told to.

Run by `contest`, as a module or by its path: ``PYTHON peers.py ENGINE PRECISION FOLDER THREADS``. By its path it
needs NumPy and the engine, not tfstyle, so that PyTorch and ONNX Runtime may live in an environment of their own; both
paint with Johnson's network as `networks` has it, written out here once more, with the same weights.

FOLDER holds the photo (`PHOTO`), Johnson's weights (`WEIGHTS`) and, for our engines, what `export` wrote. The first
line of standard output is JSON: a `Facts`, or ``{"left_out": why}``. Then every line of standard input is answered by
the seconds of one picture, uint8 to uint8.
"""

import argparse
import dataclasses
import importlib
import json
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["ENGINES", "Facts", "PHOTO", "WEIGHTS", "main", "painted_file"]

PHOTO = "photo.npy"
WEIGHTS = "weights.npz"
# Pictures until a runtime has planned its memory and rewritten its graph.
_WARM = 3
_MEAN, _DEVIATION = 116.0, 64.0  # As in `networks`.
_EPSILON = 1e-5  # As in `layers.InstanceNorm`.
# Of Johnson 2016, as in `networks`: outputs, size, stride; the residual blocks; behind each doubling.
_DOWN = ((32, 9, 1), (64, 3, 2), (128, 3, 2))
_BLOCKS = 5
_UP = (64, 32)

# Photo and painted picture: uint8 ``[H, W, 3]``.
Painter = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a contender says of itself once it is warm.

    Attributes:
        versions: of the libraries that it uses, by name.
        shape: of the picture that it painted.
        dtype: of that picture.
        parameters: trainable numbers of the network; 0 where the engine does not tell.
    """

    versions: dict[str, str]
    shape: list[int]
    dtype: str
    parameters: int


def main() -> None:
    """Child process: builds one engine, warms up, paints on demand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("precision", choices=("float32", "bfloat16"))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("threads", type=int)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Whatever libraries print is no answer.
    try:
        paint, facts = _warm(arguments.engine, arguments.precision, arguments.folder, arguments.threads)
    except Exception as error:  # Whatever it is, this contender does not take part, and says why.
        print(json.dumps({"left_out": str(error) or type(error).__name__}), file=answers)
        return
    print(json.dumps(dataclasses.asdict(facts)), file=answers)
    for _ in sys.stdin:
        begun = time.perf_counter()
        paint()
        print(time.perf_counter() - begun, file=answers)


def _warm(engine: str, precision: str, folder: pathlib.Path, threads: int) -> tuple[Callable[[], Any], Facts]:
    """Builds an engine and paints a few pictures with it; leaves the last one in `painted_file`."""
    build, modules = ENGINES[engine]
    paint, parameters = build(folder, precision, threads)
    import numpy as np  # noqa: PLC0415

    photo = np.load(folder / PHOTO)
    for _ in range(_WARM):
        painted = paint(photo)
    np.save(painted_file(folder, engine, precision), painted)
    versions = {name: str(importlib.import_module(name).__version__) for name in modules}
    return lambda: paint(photo), Facts(versions, list(painted.shape), str(painted.dtype), parameters)


def painted_file(folder: pathlib.Path, engine: str, precision: str) -> pathlib.Path:
    """Where a contender leaves the picture that it painted, uint8 ``[H, W, 3]``."""
    return folder / f"{engine}-{precision}.npy"


# ------------------------------------------------------------------------------------------------------------- engines


def _tensorflow(folder: pathlib.Path, precision: str, threads: int) -> tuple[Painter, int]:
    """The SavedModel as `stylizer` loads it; bfloat16 is TensorFlow's rewrite at run time."""
    from tfstyle import stylizer  # noqa: PLC0415

    return stylizer.Stylizer(folder, engine="savedmodel", threads=threads, precision=precision), 0


def _litert(folder: pathlib.Path, precision: str, threads: int) -> tuple[Painter, int]:
    from tfstyle import stylizer  # noqa: PLC0415

    del precision  # The file's.
    return stylizer.Stylizer(folder, engine="litert", threads=threads), 0


def _torch(folder: pathlib.Path, precision: str, threads: int) -> tuple[Painter, int]:
    """PyTorch as its manual has it for processors: channels last, inference mode, bfloat16 by autocast."""
    torch: Any = importlib.import_module("torch")
    if threads:
        torch.set_num_threads(threads)
    network = _torch_network(torch, _kernels(folder)).eval().to(memory_format=torch.channels_last)

    def paint(photo: Any) -> Any:
        with torch.inference_mode():
            # A transposed view of interleaved colours is channels last.
            image = (torch.from_numpy(photo).permute(2, 0, 1)[None].float() - _MEAN) / _DEVIATION
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = network(image)
            picture = (torch.sigmoid(logits.float()) * 255 + 0.5).to(torch.uint8)
            return picture[0].permute(1, 2, 0).contiguous().numpy()

    return paint, sum(each.numel() for each in network.parameters())


def _torch_network(torch: Any, kernels: Iterator[Any]) -> Any:
    """Johnson's network: float32 ``[1, 3, H, W]``, centred, to logits of the same shape."""
    nn = torch.nn

    def filled(parameter: Any) -> None:
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(next(kernels)))

    def conv(inputs: int, filters: int, size: int, stride: int = 1, *, bias: bool = False) -> Any:
        options = {"padding": size // 2, "padding_mode": "reflect", "bias": bias}
        layer = nn.Conv2d(inputs, filters, size, stride, **options)
        for parameter in layer.parameters():  # Kernel, then bias.
            filled(parameter)
        return layer

    def normed(inputs: int, filters: int, size: int, stride: int = 1) -> Any:
        layers = conv(inputs, filters, size, stride), nn.InstanceNorm2d(filters, _EPSILON, affine=True)
        for parameter in layers[1].parameters():
            filled(parameter)
        return nn.Sequential(*layers)

    class Residual(nn.Module):  # type: ignore[name-defined]
        def __init__(self, filters: int) -> None:
            super().__init__()
            self.change = nn.Sequential(normed(filters, filters, 3), nn.ReLU(), normed(filters, filters, 3))

        def forward(self, tensor: Any) -> Any:
            return tensor + self.change(tensor)

    layers, before = [], 3
    for filters, size, stride in _DOWN:
        layers += [normed(before, filters, size, stride), nn.ReLU()]
        before = filters
    layers += [Residual(before) for _ in range(_BLOCKS)]
    for filters in _UP:
        layers += [nn.Upsample(scale_factor=2, mode="bilinear"), normed(before, filters, 3), nn.ReLU()]
        before = filters
    return nn.Sequential(*layers, conv(before, 3, 9, bias=True))


def _onnx(folder: pathlib.Path, precision: str, threads: int) -> tuple[Painter, int]:
    """ONNX Runtime on its processor provider, with its own graph optimisation, all of it."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    del precision  # float32.
    graph = _Graph(_kernels(folder))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads  # 0: all.
    options.add_session_config_entry("session.force_spinning_stop", "1")  # It is somebody else's turn.
    model = graph.model().SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda photo: session.run(None, {"image": photo[None]})[0][0], graph.parameters


class _Graph:
    """Johnson's network as an ONNX graph: uint8 ``[1, H, W, 3]`` to the same.

    Attributes:
        parameters: how many there are.
    """

    _OPSET, _FORMAT = 17, 8  # Of 2022: understood by every runtime of today.

    def __init__(self, kernels: Iterator[Any]) -> None:
        self._onnx: Any = importlib.import_module("onnx")
        self._kernels = kernels
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self.parameters = 0

    def model(self) -> Any:
        """The checked graph."""
        helper, types = self._onnx.helper, self._onnx.TensorProto
        tensor = self._node("Cast", "image", to=types.FLOAT)
        tensor = self._node("Div", self._node("Sub", tensor, self._constant(_MEAN)), self._constant(_DEVIATION))
        tensor = self._body(self._node("Transpose", tensor, perm=[0, 3, 1, 2]))
        tensor = self._node("Mul", self._node("Sigmoid", tensor), self._constant(255.0))
        tensor = self._node("Cast", self._node("Add", tensor, self._constant(0.5)), to=types.UINT8)
        self._node("Transpose", tensor, perm=[0, 2, 3, 1], result="stylized")
        ends = [
            helper.make_tensor_value_info(name, types.UINT8, [1, "height", "width", 3])
            for name in ("image", "stylized")
        ]
        graph = helper.make_graph(self._nodes, "johnson", ends[:1], ends[1:], self._constants)
        opsets = [helper.make_opsetid("", self._OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self._FORMAT)
        self._onnx.checker.check_model(model)
        return model

    def _body(self, tensor: str) -> str:
        for _, size, stride in _DOWN:
            tensor = self._node("Relu", self._normed(tensor, size, stride))
        for _ in range(_BLOCKS):
            change = self._node("Relu", self._normed(tensor, 3))
            tensor = self._node("Add", tensor, self._normed(change, 3))
        for _ in _UP:
            tensor = self._node("Relu", self._normed(self._interpolated(tensor), 3))
        return self._conv(tensor, _DOWN[0][1], 1, self._weight(), self._weight())

    def _normed(self, tensor: str, size: int, stride: int = 1) -> str:
        tensor = self._conv(tensor, size, stride, self._weight())
        return self._node("InstanceNormalization", tensor, self._weight(), self._weight(), epsilon=_EPSILON)

    def _conv(self, tensor: str, size: int, stride: int, *weights: str) -> str:
        margin = size // 2
        margins = self._constant([0, 0, margin, margin] * 2, "int64")
        padded = self._node("Pad", tensor, margins, mode="reflect")
        return self._node("Conv", padded, *weights, kernel_shape=[size] * 2, strides=[stride] * 2)

    def _interpolated(self, tensor: str) -> str:
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self._node("Resize", tensor, "", self._constant([1.0, 1.0, 2.0, 2.0]), **how)

    def _weight(self) -> str:
        kernel = next(self._kernels)
        self.parameters += kernel.size
        return self._constant(kernel)

    def _constant(self, value: Any, dtype: str = "float32") -> str:
        import numpy as np  # noqa: PLC0415

        name = f"constant{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def _node(self, kind: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        name = result or f"{kind}{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name


def _kernels(folder: pathlib.Path) -> Iterator[Any]:
    """Keras' weights in their order; kernels ``[rows, columns, inputs, outputs]`` as outputs, inputs, rows, columns."""
    import numpy as np  # noqa: PLC0415

    with np.load(folder / WEIGHTS) as file:
        arrays = [file[name] for name in file.files]
    return iter([np.ascontiguousarray(each.transpose(3, 2, 0, 1)) if each.ndim == 4 else each for each in arrays])


Engine = Callable[[pathlib.Path, str, int], tuple[Painter, int]]
# By name: what builds it, and the modules whose versions matter.
ENGINES: dict[str, tuple[Engine, tuple[str, ...]]] = {
    "tensorflow": (_tensorflow, ("tensorflow",)),
    "litert": (_litert, ("ai_edge_litert",)),
    "torch": (_torch, ("torch",)),
    "onnx": (_onnx, ("onnxruntime", "onnx")),
}


if __name__ == "__main__":
    # By its path, the package's folder is where Python looks first: its modules' names are not the world's.
    _HERE = pathlib.Path(__file__).resolve().parent
    sys.path = [entry for entry in sys.path if pathlib.Path(entry).resolve() != _HERE]
    main()
