"""Writes small ONNX models by hand: the wire format of protobuf, without the library `onnx`."""

from pathlib import Path


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, shape: tuple[int, ...]) -> bytes:
    """A ValueInfoProto of floats."""
    dimensions = b"".join(_field(1, _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dimensions)))


def write_channel_mean(file: Path, side: int = 1024, *, channels: int = 3, axis: int = 1) -> None:
    """Write a model whose output (1, 1, side, side) is the mean over the channels of its input (1, 3, side, side).

    `axis`: the mean is taken over this axis instead, whose length in the output is 1.
    """
    axes = _field(5, _field(1, "axes") + _field(8, axis) + _field(20, 7))  # an AttributeProto of the kind INTS
    node = _field(1, "img") + _field(2, "mask") + _field(4, "ReduceMean") + axes
    shape = (1, channels, side, side)
    output = (*shape[:axis], 1, *shape[axis + 1 :])
    graph = _field(1, node) + _field(2, "mean")
    graph += _field(11, _tensor("img", shape)) + _field(12, _tensor("mask", output))
    file.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(2, 13)))
