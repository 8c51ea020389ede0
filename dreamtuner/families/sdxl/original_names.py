"""The names of attention layers in the original files of Stable Diffusion XL, which diffusers has renamed."""

import re

_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.attentions\.(\d+)\.(.*)")
_MIDDLE = "mid_block.attentions.0."


def original_name(layer: str, per_block: int) -> str:
    """Return the original name of a layer in an attention: down_blocks.1.attentions.0.* is input_blocks.4.1.*.

    `per_block`: the config's layers_per_block. A block takes one place more: downwards the convolution that halves, and
    place 0 is the first convolution; upwards a further layer.

    Raises:
        ValueError: the layer is not in an attention.
    """
    if layer.startswith(_MIDDLE):
        return f"middle_block.1.{layer.removeprefix(_MIDDLE)}"
    found = _BLOCK.fullmatch(layer)
    if found is None:
        raise ValueError(f"{layer}: only layers of attentions have an original name here")
    half, block, place, rest = found[1], int(found[2]), int(found[3]), found[4]
    index = block * (per_block + 1) + place
    return f"input_blocks.{index + 1}.1.{rest}" if half == "down" else f"output_blocks.{index}.1.{rest}"
