"""Writes small ONNX models with random weights in the layouts of published ones, without the library `onnx`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.onnx_files import _field, _tensor

Shapes = Mapping[str, tuple[int, ...]]
_FLOAT, _INT64 = 1, 7
_INT, _INTS = 2, 7


def node(kind: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> bytes:
    """A NodeProto."""
    found = b"".join(_field(1, one) for one in inputs) + _field(2, output) + _field(4, kind)
    for name, value in attributes.items():
        if isinstance(value, int):
            stated = _field(3, value) + _field(20, _INT)
        else:
            stated = b"".join(_field(8, one) for one in value) + _field(20, _INTS)
        found += _field(5, _field(1, name) + stated)
    return found


def write_graph(
    file: Path, nodes: Sequence[bytes], inputs: Shapes, outputs: Shapes, weights: Mapping[str, NDArray[np.generic]]
) -> Path:
    """Write a model of these nodes, in order; integers among the weights are of 64 bits. Returns the file."""
    graph = b"".join(_field(1, one) for one in nodes) + _field(2, "graph")
    for name, values in weights.items():
        kind = _INT64 if np.issubdtype(values.dtype, np.integer) else _FLOAT
        data = values.astype(np.int64 if kind == _INT64 else np.float32).tobytes()
        shape = b"".join(_field(1, side) for side in values.shape)
        graph += _field(5, shape + _field(2, kind) + _field(8, name) + _field(9, data))
    graph += b"".join(_field(11, _tensor(name, shape)) for name, shape in inputs.items())
    graph += b"".join(_field(12, _tensor(name, shape)) for name, shape in outputs.items())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(2, 13)))
    return file


def _without_mean(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Random kernels that see edges alone, so that cells differ."""
    centred: NDArray[np.float64] = kernel - kernel.mean(axis=(2, 3), keepdims=True)
    return centred


def write_wd_tagger(file: Path, tags: int, *, side: int = 448, bias: float = 0.0) -> Path:
    """Write a tagger: (1, side, side, 3) -> probabilities (1, tags), by patches of 64 pixels and a projection."""
    random = np.random.default_rng(11)
    channels = 4
    weights = {
        "patch": random.normal(0, 0.02, (channels, 3, 64, 64)) / 255,
        "flat": np.array([1, -1]),
        "head": random.normal(0, 3, (channels * (side // 64) ** 2, tags)),
        "bias": np.full((1, tags), float(bias)),
    }
    nodes = [
        node("Transpose", ["input"], "nchw", perm=(0, 3, 1, 2)),
        node("Conv", ["nchw", "patch"], "patches", kernel_shape=(64, 64), strides=(64, 64)),
        node("Reshape", ["patches", "flat"], "features"),
        node("MatMul", ["features", "head"], "projected"),
        node("Add", ["projected", "bias"], "logits"),
        node("Sigmoid", ["logits"], "output"),
    ]
    return write_graph(file, nodes, {"input": (1, side, side, 3)}, {"output": (1, tags)}, weights)


def write_yolox(file: Path, *, bias: float = 0.0) -> Path:
    """Write a detector: (1, 3, 640, 640) -> (1, 8400, 85), one head for each of the strides 8, 16 and 32.

    `bias`: added to the logits of objectness; far below zero nothing is found.
    """
    random = np.random.default_rng(7)
    weights: dict[str, NDArray[np.generic]] = {"shape": np.array([1, 85, -1]), "axes": np.array([1])}
    weights |= {name: np.array([value]) for name, value in (("zero", 0), ("four", 4), ("end", 85))}
    nodes = []
    for stride in (8, 16, 32):
        kernel = _without_mean(random.normal(0, 1, (85, 3, stride, stride))) / stride / 60
        offset = random.normal(0, 0.5, 85)
        offset[2:6] += (2, 2.5, bias - 2, 2)
        weights |= {f"kernel{stride}": kernel, f"offset{stride}": offset}
        nodes += [
            node(
                *("Conv", ["images", f"kernel{stride}", f"offset{stride}"], f"map{stride}"),
                kernel_shape=(stride, stride),
                strides=(stride, stride),
            ),
            node("Reshape", [f"map{stride}", "shape"], f"flat{stride}"),
        ]
    nodes += [
        node("Concat", ["flat8", "flat16", "flat32"], "all", axis=2),
        node("Slice", ["all", "zero", "four", "axes"], "boxes"),
        node("Slice", ["all", "four", "end", "axes"], "logits"),
        node("Sigmoid", ["logits"], "scores"),
        node("Concat", ["boxes", "scores"], "joined", axis=1),
        node("Transpose", ["joined"], "output", perm=(0, 2, 1)),
    ]
    return write_graph(file, nodes, {"images": (1, 3, 640, 640)}, {"output": (1, 8400, 85)}, weights)


def write_brightest(file: Path) -> Path:
    """Write a pose model whose keypoints are all where the channels' maxima over rows and columns are largest."""
    weights = {"keypoints": np.ones((1, 133, 3)), "x": np.repeat(np.eye(288), 2, 1), "y": np.repeat(np.eye(384), 2, 1)}
    nodes = []
    for name, axis in (("x", 2), ("y", 3)):
        nodes += [
            node("ReduceMax", ["input"], f"max_{name}", axes=(axis,), keepdims=0),
            node("MatMul", ["keypoints", f"max_{name}"], f"each_{name}"),
            node("MatMul", [f"each_{name}", name], f"simcc_{name}"),
        ]
    outputs = {"simcc_x": (1, 133, 576), "simcc_y": (1, 133, 768)}
    return write_graph(file, nodes, {"input": (1, 3, 384, 288)}, outputs, weights)


def write_rtmpose(file: Path, *, gain: float = 1.0) -> Path:
    """Write a whole-body pose model: (1, 3, 384, 288) -> SimCC (1, 133, 576) and (1, 133, 768).

    `gain`: multiplies the scores.
    """
    random = np.random.default_rng(9)
    weights = {
        "kernel": _without_mean(random.normal(0, 1, (133, 3, 32, 32))) / 32,
        "flat": np.array([1, 133, -1]),
        "x": random.normal(0, 0.04, (9 * 12, 576)) * gain,
        "y": random.normal(0, 0.04, (9 * 12, 768)) * gain,
    }
    nodes = [
        node("Conv", ["input", "kernel"], "map", kernel_shape=(32, 32), strides=(32, 32)),
        node("Reshape", ["map", "flat"], "features"),
        node("MatMul", ["features", "x"], "simcc_x"),
        node("MatMul", ["features", "y"], "simcc_y"),
    ]
    outputs = {"simcc_x": (1, 133, 576), "simcc_y": (1, 133, 768)}
    return write_graph(file, nodes, {"input": (1, 3, 384, 288)}, outputs, weights)


def write_dwpose(folder: Path, *, bias: float = -3.0, gain: float = 0.2) -> None:
    """Write the two models of DWPose by their names; `bias`, `gain`: as `write_yolox` and `write_rtmpose` have them."""
    write_yolox(folder / "yolox_l.onnx", bias=bias)
    write_rtmpose(folder / "dw-ll_ucoco_384.onnx", gain=gain)


RATINGS, GENERAL, CHARACTERS = 4, 40, 6
"""How many tags `write_tags` writes, in this order."""


def write_tags(file: Path) -> None:
    """Write a list of tags: rating_0 ..., tag_number_0 ..., person_0_(work) ..."""
    rows = [("9", f"rating_{i}") for i in range(RATINGS)]
    rows += [("0", f"tag_number_{i}") for i in range(GENERAL)] + [
        ("4", f"person_{i}_(work)") for i in range(CHARACTERS)
    ]
    lines = [f"{100 + i},{name},{category},{1000 - i}" for i, (category, name) in enumerate(rows)]
    file.write_text("\n".join(["tag_id,name,category,count", *lines]) + "\n")


def write_tagger(folder: Path, *, bias: float = 0.0) -> None:
    """Write a WD tagger and its tags by the names of the release."""
    write_wd_tagger(folder / "model.onnx", RATINGS + GENERAL + CHARACTERS, bias=bias)
    write_tags(folder / "selected_tags.csv")
