"""The engines of ``tfstyle bench``: programs that stylize one photo, timed, each time they are asked.

Run by `engine_process`, as a module or by path: ``PYTHON engines.py ENGINE PRECISION FOLDER THREADS``. By path it needs
only NumPy and the engine, not tfstyle, so that PyTorch and ONNX Runtime may live in an environment of their own. Both
run Johnson's network as `networks` defines it, written out here once more, with the same weights.

FOLDER holds the photo (`PHOTO`), the network's weights (`WEIGHTS`) and, for our own engines, the exported files. The
first line on standard output is JSON: an `EngineInfo`, or ``{"problem": reason}``. After that, every line on standard
input is answered with the seconds that one picture took, uint8 to uint8.
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

__all__ = ["ENGINES", "EngineInfo", "PHOTO", "WEIGHTS", "main", "picture_file"]

PHOTO = "photo.npy"
WEIGHTS = "weights.npz"
# Pictures until a runtime has planned its memory and optimized its graph.
_WARM_UP = 3
_MEAN, _DEVIATION = 116.0, 64.0  # As in `networks`.
_EPSILON = 1e-5  # As in `layers.InstanceNorm`.
# Johnson 2016, as in `networks`: filters, kernel size and stride; residual blocks; filters after each upsampling.
_DOWN = ((32, 9, 1), (64, 3, 2), (128, 3, 2))
_BLOCKS = 5
_UP = (64, 32)

# Stylizes uint8 ``[H, W, 3]`` to the same shape.
Paint = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class EngineInfo:
    """An engine's description of itself, once it is warm.

    Attributes:
        versions: of its libraries, by name.
        shape: of its picture.
        dtype: of its picture.
        parameters: number of the network's weights; 0 if the engine cannot tell.
    """

    versions: dict[str, str]
    shape: list[int]
    dtype: str
    parameters: int


def main() -> None:
    """Builds one engine, warms it up, and stylizes on demand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("precision", choices=("float32", "bfloat16"))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("threads", type=int, help="0 for all")
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # What libraries print must not look like an answer.
    try:
        paint, info = _warm_up(arguments.engine, arguments.precision, arguments.folder, arguments.threads)
    except Exception as error:  # Any failure keeps only this engine from taking part.
        print(json.dumps({"problem": str(error) or type(error).__name__}), file=answers)
        return
    print(json.dumps(dataclasses.asdict(info)), file=answers)
    for _ in sys.stdin:
        started = time.perf_counter()
        paint()
        print(time.perf_counter() - started, file=answers)


def _warm_up(engine: str, precision: str, folder: pathlib.Path, threads: int) -> tuple[Callable[[], Any], EngineInfo]:
    """Builds an engine and stylizes a few pictures; saves the last one as `picture_file`."""
    build, modules = ENGINES[engine]
    paint, parameters = build(folder, precision, threads)
    import numpy as np  # noqa: PLC0415 - the interpreter may lack it; that is reported as a problem

    photo = np.load(folder / PHOTO)
    for _ in range(_WARM_UP):
        picture = paint(photo)
    np.save(picture_file(folder, engine, precision), picture)
    versions = {name: str(importlib.import_module(name).__version__) for name in modules}
    return lambda: paint(photo), EngineInfo(versions, list(picture.shape), str(picture.dtype), parameters)


def picture_file(folder: pathlib.Path, engine: str, precision: str) -> pathlib.Path:
    """Returns the path of an engine's picture, uint8 ``[H, W, 3]``."""
    return folder / f"{engine}-{precision}.npy"


# ------------------------------------------------------------------------------------------------------------- engines


def _tensorflow(folder: pathlib.Path, precision: str, threads: int) -> tuple[Paint, int]:
    """Loads the SavedModel as users do; bfloat16 is TensorFlow's rewrite at run time."""
    from tfstyle import stylizer  # noqa: PLC0415

    return stylizer.Stylizer(folder, runtime="savedmodel", threads=threads, precision=precision), 0


def _litert(folder: pathlib.Path, precision: str, threads: int) -> tuple[Paint, int]:
    from tfstyle import stylizer  # noqa: PLC0415

    del precision  # The file decides.
    return stylizer.Stylizer(folder, runtime="litert", threads=threads), 0


def _torch(folder: pathlib.Path, precision: str, threads: int) -> tuple[Paint, int]:
    """Builds the network as PyTorch's manual recommends for CPUs: channels last, inference mode, autocast."""
    torch: Any = importlib.import_module("torch")
    if threads:
        torch.set_num_threads(threads)
    network = _torch_network(torch, _kernels(folder)).eval().to(memory_format=torch.channels_last)

    def paint(photo: Any) -> Any:
        with torch.inference_mode():
            # A transposed view of interleaved colors has the memory format channels last.
            image = (torch.from_numpy(photo).permute(2, 0, 1)[None].float() - _MEAN) / _DEVIATION
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = network(image)
            picture = (torch.sigmoid(logits.float()) * 255 + 0.5).to(torch.uint8)
            return picture[0].permute(1, 2, 0).contiguous().numpy()

    return paint, sum(each.numel() for each in network.parameters())


def _torch_network(torch: Any, kernels: Iterator[Any]) -> Any:
    """Builds Johnson's network: normalized float32 ``[1, 3, H, W]`` to logits of the same shape."""
    builder = _TorchBuilder(torch, kernels)
    layers, channels = [], 3
    for filters, size, stride in _DOWN:
        layers += [builder.conv_norm(channels, filters, size, stride), torch.nn.ReLU()]
        channels = filters
    layers += [builder.residual(channels) for _ in range(_BLOCKS)]
    for filters in _UP:
        upsampling = torch.nn.Upsample(scale_factor=2, mode="bilinear")
        layers += [upsampling, builder.conv_norm(channels, filters, 3), torch.nn.ReLU()]
        channels = filters
    return torch.nn.Sequential(*layers, builder.conv(channels, 3, 9, bias=True))


class _TorchBuilder:
    """Creates PyTorch layers and fills them with weights in order."""

    def __init__(self, torch: Any, kernels: Iterator[Any]) -> None:
        self._torch, self._kernels = torch, kernels

    def conv(self, inputs: int, filters: int, size: int, stride: int = 1, *, bias: bool = False) -> Any:
        options = {"padding": size // 2, "padding_mode": "reflect", "bias": bias}
        return self._filled(self._torch.nn.Conv2d(inputs, filters, size, stride, **options))

    def conv_norm(self, inputs: int, filters: int, size: int, stride: int = 1) -> Any:
        conv = self.conv(inputs, filters, size, stride)
        return self._torch.nn.Sequential(
            conv, self._filled(self._torch.nn.InstanceNorm2d(filters, _EPSILON, affine=True))
        )

    def residual(self, filters: int) -> Any:
        nn = self._torch.nn

        class Residual(nn.Module):  # type: ignore[name-defined]
            def __init__(self, change: Any) -> None:
                super().__init__()
                self.change = change

            def forward(self, tensor: Any) -> Any:
                return tensor + self.change(tensor)

        first = self.conv_norm(filters, filters, 3)
        return Residual(nn.Sequential(first, nn.ReLU(), self.conv_norm(filters, filters, 3)))

    def _filled(self, layer: Any) -> Any:
        with self._torch.no_grad():
            for parameter in layer.parameters():  # Kernel or scale first, then bias or offset.
                parameter.copy_(self._torch.from_numpy(next(self._kernels)))
        return layer


def _onnx(folder: pathlib.Path, precision: str, threads: int) -> tuple[Paint, int]:
    """Builds the network for ONNX Runtime's CPU provider, with all graph optimizations."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    del precision  # Always float32.
    graph = _Graph(_kernels(folder))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads  # 0: all.
    options.add_session_config_entry("session.force_spinning_stop", "1")  # Other entries need the cores.
    model = graph.model().SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda photo: session.run(None, {"image": photo[None]})[0][0], graph.parameters


class _Graph:
    """Johnson's network as an ONNX graph: uint8 ``[1, H, W, 3]`` to the same shape.

    Attributes:
        parameters: number of weights.
    """

    _OPSET, _FORMAT = 17, 8  # From 2022; current runtimes support both.

    def __init__(self, kernels: Iterator[Any]) -> None:
        self._onnx: Any = importlib.import_module("onnx")
        self._kernels = kernels
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self.parameters = 0

    def model(self) -> Any:
        """Builds and checks the graph."""
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
    """Returns Keras' weights in order, kernels transposed from ``[h, w, in, out]`` to ``[out, in, h, w]``."""
    import numpy as np  # noqa: PLC0415

    with np.load(folder / WEIGHTS) as file:
        arrays = [file[name] for name in file.files]
    return iter([np.ascontiguousarray(each.transpose(3, 2, 0, 1)) if each.ndim == 4 else each for each in arrays])


Engine = Callable[[pathlib.Path, str, int], tuple[Paint, int]]
# By name: the function that builds it, and the modules whose versions matter.
ENGINES: dict[str, tuple[Engine, tuple[str, ...]]] = {
    "tensorflow": (_tensorflow, ("tensorflow",)),
    "litert": (_litert, ("ai_edge_litert",)),
    "torch": (_torch, ("torch",)),
    "onnx": (_onnx, ("onnxruntime", "onnx")),
}


if __name__ == "__main__":
    # Run by path, Python looks for modules in this folder first; its modules must not shadow others.
    _HERE = pathlib.Path(__file__).resolve().parent
    sys.path = [entry for entry in sys.path if pathlib.Path(entry).resolve() != _HERE]
    main()
