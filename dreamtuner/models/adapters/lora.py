"""Checks by its header that a LoRA file fits a model: its form, the names of its layers, their shapes.

Accepted are the keys of diffusers and PEFT (`unet.LAYER.lora_A.weight`), those of kohya's trainers
(`lora_unet_LAYER.lora_down.weight`, with dots as underscores) and their convolutions (LoCon).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from dreamtuner.models.adapters.problem import AdapterError, Shapes, file_of, shapes_in
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import weight_files

_UNREADABLE = {
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "hada_": "LoHa",
    "lokr_": "LoKr",
    "lora_mid": "a Tucker decomposition (CP)",
    "oft_": "OFT",
    "glora_": "GLoRA",
    ".lora_B.bias": "LoRA with biases",
    ".diff": "full weight differences",
}
"""Parts of keys by which other forms of adapters are known: what they add is not a product of two matrices."""

_KEY = re.compile(
    r"(?P<layer>.+?)(?:[._]lora(?:_linear_layer)?)?[._](?:lora_)?(?P<side>A|B|down|up)(?:\.default)?\.weight"
)
_PARTS = (
    ("lora_unet_", "unet"),
    ("lora_te2_", "text_encoder_2"),
    ("lora_te1_", "text_encoder"),
    ("lora_te_", "text_encoder"),
    ("text_encoder_2_", "text_encoder_2"),
    ("text_encoder_", "text_encoder"),
    ("unet_", "unet"),
)
_LDM = re.compile(r"(input_blocks|middle_block|output_blocks)_")
"""The U-Net's layers by the names of the original Stable Diffusion, as in LoRAs of SDXL."""


def check_lora(profile: Profile, name: str, path: tuple[str, ...]) -> None:
    """Raise AdapterError unless the profile's LoRA of this name exists, is readable and fits the profile's model."""
    file = file_of(profile.loras[name])
    if file.exists() and file.suffix != ".safetensors":
        raise AdapterError(path, f"{file} is not a .safetensors file; convert it")
    shapes = shapes_in(file, path)
    for mark, form in _UNREADABLE.items():
        if any(mark in key for key in shapes):
            raise AdapterError(path, f"{file.name} is {form}, which is not supported; give a LoRA or LoCon")
    factors = _factors(shapes)
    if not factors:
        raise AdapterError(path, f"{file.name} has no LoRA layers; give a LoRA of Stable Diffusion")
    layers = {part: _layers(profile, part) for part in {part for part, _ in factors if part}}
    for (part, layer), sides in factors.items():
        known = layers.get(part)
        if known is None:
            what = f"its layer {layer} is of none of the model's parts" if not part else f"it has layers of a {part}"
            raise AdapterError(path, f"{file.name} is of another model than {profile.name}: {what}")
        if problem := _misfit(profile, part, layer, sides, known):
            raise AdapterError(path, f"{file.name} is of another model than {profile.name}: {problem}")


def _factors(shapes: Shapes) -> dict[tuple[str, str], Shapes]:
    """Return the shapes of the factors, "down" and "up", by part ("": unknown) and layer, with underscores."""
    found: dict[tuple[str, str], Shapes] = {}
    for key, shape in shapes.items():
        match = _KEY.fullmatch(key.removeprefix("base_model.model."))
        if match is None:
            continue
        flat = match["layer"].replace(".", "_")
        part, layer = next(
            ((part, flat.removeprefix(head)) for head, part in _PARTS if flat.startswith(head)), ("", flat)
        )
        side = {"A": "down", "B": "up"}.get(match["side"], match["side"])
        layer = re.sub(r"_to_out$", "_to_out_0", layer.replace("_processor_", "_").removesuffix("_lora"))
        found.setdefault((part, layer), {})[side] = shape
    return found


def _layers(profile: Profile, part: str) -> Shapes | None:
    """Return the shapes of the weights of a part by layer; empty if they are in a pickle, None if there is none."""
    folder = profile.folder(part)
    if not (folder / "config.json").is_file():
        return None
    shapes: Shapes = {}
    for file in weight_files(folder, profile.variant):
        if file.suffix == ".safetensors":
            shapes |= shapes_in(file, ("profile",))
    names = {key.removesuffix(".weight"): shape for key, shape in shapes.items() if key.endswith(".weight")}
    head = "" if part == "unet" else "text_model."
    return {(head + name.removeprefix(head)).replace(".", "_"): shape for name, shape in names.items()}


def _misfit(profile: Profile, part: str, layer: str, sides: Shapes, known: Shapes) -> str | None:
    """Return why a layer does not fit, or None."""
    down, up = sides.get("down"), sides.get("up")
    if down is None or up is None or down[0] != up[1]:
        return f"its layer {layer} is incomplete"
    if part == "unet" and (_LDM.match(layer) or not known):
        width = _text_width(profile.folder("unet"))
        if re.search(r"attn2_to_[kv]$", layer) and down[1] != width:
            return f"it reads text of {down[1]} channels, and the model {width}"
        return None
    if not known:
        return None
    if layer not in known:
        return f"the model has no layer {layer}"
    have = known[layer]
    theirs = (up[0], down[1], *down[2:])
    if theirs != have:
        return f"its layer {layer} is {_by(theirs)}, and the model's {_by(have)}"
    return None


def _text_width(unet: Path) -> int:
    width: int | list[int] = json.loads((unet / "config.json").read_text())["cross_attention_dim"]
    return width if isinstance(width, int) else width[0]


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
