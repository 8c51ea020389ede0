"""Tells what one weight file is by the names and shapes of its tensors: a model, a LoRA, an embedding or a VAE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dreamtuner.models.intake.errors import IntakeError

Kind = Literal["sd15", "sd2", "sdxl", "vae", "lora", "embedding"]
Prediction = Literal["epsilon", "v_prediction"]
Shapes = Mapping[str, tuple[int, ...]]

UNET = "model.diffusion_model."
FIRST = f"{UNET}input_blocks.0.0.weight"
VAES = ("first_stage_model.", "vae.")
"""Prefixes of the autoencoder in a file with all weights."""
CLIP, OPEN_CLIP = "cond_stage_model.transformer.", "cond_stage_model.model."
CLIP_XL, OPEN_CLIP_XL = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."

_TAKEN = {9: "an inpainting model", 8: "an InstructPix2Pix or edit model", 7: "an upscaler", 5: "a depth model"}
_LORA = (".lora_", "lora_unet_", "lora_te", ".lora.", ".hada_w1", ".lokr_w1")
_FOREIGN = {
    "joint_blocks.": "Stable Diffusion 3",
    "double_blocks.": "FLUX",
    "double_stream_blocks.": "HiDream",
    "motion_modules.": "AnimateDiff",
    "control_model.": "a ControlNet",
    "controlnet_cond_embedding.": "a ControlNet",
    "effnet_mapper": "Stable Cascade",
    "clip_txt_mapper": "Stable Cascade",
    "patchify_proj": "LTX-Video",
    "ip_adapter.": "an IP-Adapter",
}
_PART = ("down_blocks.", "encoder.down_blocks.", "text_model.", "embeddings.", "vision_model.")


@dataclass(frozen=True)
class FileKind:
    """What a weight file is. `prediction`: what the file itself says, None: nothing; `zero_snr`: of its schedule."""

    kind: Kind
    prediction: Prediction | None = None
    zero_snr: bool = False


def file_kind(shapes: Shapes, metadata: Mapping[str, str], name: str) -> FileKind:
    """Return what the file `name` with tensors of these shapes is.

    Raises:
        IntakeError: it is of a kind that cannot be used; the message says of which, if it is known, and the remedy.
    """
    if any(mark in one for one in shapes for mark in _LORA):
        return FileKind("lora")
    if FIRST in shapes:
        return _model(shapes, metadata, name)
    for mark, what in _FOREIGN.items():
        if any(mark in one for one in shapes):
            raise IntakeError(f"{name} is {what}, which is not supported; give a Stable Diffusion 1.x, 2.x or XL model")
    if "decoder.conv_in.weight" in shapes and "encoder.down.0.block.0.conv1.weight" in shapes:
        return FileKind("vae")
    if 0 < len(shapes) <= 3 and all(1 <= len(one) <= 2 for one in shapes.values()):
        return FileKind("embedding")
    if any(one.startswith(UNET) for one in shapes):
        raise IntakeError(f"{name} has a model of an unknown family; give a Stable Diffusion 1.x, 2.x or XL model")
    if any(one.startswith(_PART) for one in shapes):
        raise IntakeError(f"{name} is one part of a model; give the folder of the whole model, with model_index.json")
    raise IntakeError(f"{name} is neither a model nor a LoRA, embedding or VAE; its tensors have unknown names")


def _model(shapes: Shapes, metadata: Mapping[str, str], name: str) -> FileKind:
    channels = shapes[FIRST][1]
    if channels != 4:
        what = _TAKEN.get(channels, "not a text-to-image model")
        raise IntakeError(f"{name} is {what}: its U-Net takes {channels} channels, not 4; give the base model")
    kind = _family(shapes, name)
    if not any(one.startswith(VAES) for one in shapes):
        raise IntakeError(f"{name} has no VAE (first_stage_model.*); get the file that has one")
    said = metadata.get("modelspec.prediction_type", "").lower()
    stated: dict[str, Prediction] = {"v": "v_prediction", "v_prediction": "v_prediction", "epsilon": "epsilon"}
    prediction = "v_prediction" if "v_pred" in shapes else stated.get(said)
    return FileKind(kind, prediction, zero_snr="ztsnr" in shapes)


def _family(shapes: Shapes, name: str) -> Kind:
    def has(prefix: str) -> bool:
        return any(one.startswith(prefix) for one in shapes)

    if "edm_mean" in shapes:
        raise IntakeError(f"{name} is Playground v2.5, whose EDM schedule is not supported; give an SDXL model")
    if has("conditioner.embedders.0.model."):
        raise IntakeError(f"{name} is the refiner of SDXL, which only finishes images; give the base model")
    if has(OPEN_CLIP_XL) and has(CLIP_XL):
        return "sdxl"
    if has(f"{UNET}label_emb."):
        if has("cond_stage_model."):
            raise IntakeError(f"{name} takes more than noise and text (unCLIP or an upscaler); give the base model")
        raise IntakeError(f"{name} has no text encoders (conditioner.*); get the file that has all parts")
    if has(OPEN_CLIP):
        return "sd2"
    if has(CLIP):
        return "sd15"
    raise IntakeError(f"{name} has no text encoder (cond_stage_model.*); get the file that has all parts")
