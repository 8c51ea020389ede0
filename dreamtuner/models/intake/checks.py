"""Finds what cannot work with a profile before anything is loaded: from file names, sizes, configs and headers.

Each problem is one sentence with its remedy. Empty lists mean that nothing speaks against loading the model.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dreamtuner.models.fit import FitError, demand_fit
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.safetensors_header import demand_no_pointer, read_header
from dreamtuner.models.model_kind import config_of, kind_problem
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import weight_files


def problems(profile: Profile, *, adapters: bool = True) -> list[str]:
    """Return what keeps the profile's model from working; of missing parts `Profile.missing` speaks.

    `adapters`: check all of the profile's LoRAs, VAEs and embeddings, too.
    """
    kind = kind_problem(profile)
    found = [*_incomplete(profile), *([kind] if kind else _wrong_text(profile))]
    found += [*_wrong_encoder(profile), *_wrong_controlnets(profile)]
    try:
        demand_fit(profile, profile.natural)
    except FitError as error:
        found.append(str(error))
    if adapters:
        found += _wrong_adapters(profile)
    return found


def family_problem(folder: Path) -> str | None:
    """Return why a folder is not a model that is known, judging by its configs; None if nothing speaks against it."""
    if (folder / "unet" / "config.json").is_file():
        return None
    index = config_of(folder / "model_index.json")
    if index is None:
        return (
            f"{folder} has no model_index.json and no unet/config.json; give the folder of a pipeline in the diffusers "
            "layout"
        )
    return (
        f"{folder} is a {index.get('_class_name', 'pipeline')}, a family that is not known here; known are Stable "
        "Diffusion 1.x, 2.x and XL, and those of other packages"
    )


def _incomplete(profile: Profile) -> Iterator[str]:
    """Find weights that are missing, cut off, or pointers."""
    parts = [*profile.image_parts, *(("subject_encoder",) if profile.has_encoder else ())]
    for part in parts:
        folder = profile.folder(part)
        if not (folder / "config.json").is_file():
            continue
        files = weight_files(folder, profile.variant)
        if not files:
            spare = sorted(one.name for one in folder.glob("*") if one.suffix in {".safetensors", ".bin"})
            if spare and part not in _LAYOUT:
                continue  # a family of another package may name its files otherwise
            there = f"; there are {', '.join(spare)}: set `variant` to the infix of their names" if spare else ""
            if part in _LAYOUT:
                yield f"{folder} has a config but no weights{there or '; the download is incomplete: repeat it'}"
        for file in files:
            try:
                _whole(file)
            except IntakeError as error:
                yield str(error)


_LAYOUT = {"unet", "vae", "text_encoder", "text_encoder_2", "subject_encoder"}


def _whole(file: Path) -> None:
    """Raise IntakeError unless a weight file is complete; a .bin is a zip archive, whose directory is its end."""
    if not file.is_file():
        raise IntakeError(f"{file} is missing; the download is incomplete: repeat it")
    if file.suffix == ".safetensors":
        read_header(file)
        return
    demand_no_pointer(file)
    with file.open("rb") as opened:
        zipped = opened.read(2) == b"PK"
    if zipped and not zipfile.is_zipfile(file):
        raise IntakeError(f"{file} is cut off; the download is incomplete: repeat it")


def _wrong_text(profile: Profile) -> Iterator[str]:
    """Find text encoders of another model: their widths add up to what the U-Net reads."""
    unet = config_of(profile.folder("unet") / "config.json") or {}
    width = None if unet.get("encoder_hid_dim") is not None else unet.get("cross_attention_dim")
    configs = [config_of(profile.folder(part) / "config.json") for part in ("text_encoder", "text_encoder_2")]
    widths = [one["hidden_size"] for one in configs if one is not None and isinstance(one.get("hidden_size"), int)]
    if widths and isinstance(width, int) and sum(widths) != width:
        yield (
            f"{profile.weights}: the text encoder gives {sum(widths)} numbers a token, the U-Net reads {width}; they "
            "are of two models: get both from one"
        )


def _wrong_encoder(profile: Profile) -> Iterator[str]:
    """Find a subject-encoder that was trained for another U-Net or another CLIP model."""
    encoder = config_of(profile.folder("subject_encoder") / "config.json")
    if encoder is None:
        return
    folder = profile.folder("subject_encoder")
    blocks = encoder.get("blocks")
    weights = next((one for one in weight_files(profile.folder("unet"), profile.variant)), None)
    if isinstance(blocks, Mapping) and weights is not None and weights.suffix == ".safetensors":
        theirs = _widths_of_blocks(profile)
        ours = {name: int(shape[0]) for name, shape in blocks.items()}
        if theirs and ours != theirs:
            lacking = [name for name in ours if ours[name] != theirs.get(name)] or sorted(set(theirs) - set(ours))
            yield (
                f"{folder} was trained for another U-Net ({len(lacking)} of its layers differ, such as {lacking[0]}); "
                "use the one of this model, or remove it"
            )
    tower = config_of(profile.tower / "config.json")
    vision = (tower or {}).get("vision_config") or {}
    if "hidden_size" in vision and encoder.get("vision_width") not in (None, vision["hidden_size"]):
        yield (
            f"{folder} reads a CLIP model of width {encoder['vision_width']}, but {profile.tower} has "
            f"{vision['hidden_size']}; set `clip` to the one that it was trained with"
        )


def _widths_of_blocks(profile: Profile) -> dict[str, int]:
    """Return the width of every transformer block of the U-Net by its name."""
    end = ".attn1.to_q.weight"
    headers: dict[str, Any] = {}
    try:
        for file in weight_files(profile.folder("unet"), profile.variant):
            headers |= read_header(file)
    except IntakeError:
        return {}
    return {name.removesuffix(end): one.shape[1] for name, one in headers.items() if name.endswith(end)}


def _wrong_controlnets(profile: Profile) -> Iterator[str]:
    """Find ControlNets of another model: they read text states and have channels as their U-Net does."""
    unet = config_of(profile.folder("unet") / "config.json")
    if unet is None:
        return
    for kind, folder in profile.controlnets.items():
        control = config_of(folder / "config.json")
        if control is None:
            yield f"{folder}: the ControlNet {kind} has no config.json; correct `controlnets.{kind}`, or fetch it"
            continue
        for key in ("cross_attention_dim", "block_out_channels", "in_channels"):
            if key in control and key in unet and control[key] != unet[key]:
                yield (
                    f"{folder}: the ControlNet {kind} is for another model ({key} {control[key]}, the U-Net has "
                    f"{unet[key]}); use one that was made for this one"
                )
                break


def _wrong_adapters(profile: Profile) -> Iterator[str]:
    """Find LoRAs, VAEs and embeddings that are missing, damaged, or made for another model."""
    if not (profile.loras or profile.vaes or profile.embeddings):
        return
    from dreamtuner.models.adapters import AdapterError
    from dreamtuner.models.adapters.embedding import check_embedding
    from dreamtuner.models.adapters.lora import check_lora
    from dreamtuner.models.adapters.vae import check_vae

    checks: list[Callable[[], None]] = [
        *(partial(check_lora, profile, name, ("loras", name)) for name in profile.loras),
        *(partial(check_vae, profile, name, ("vaes", name)) for name in profile.vaes),
        *(partial(check_embedding, profile, token) for token in profile.embeddings),
    ]
    for check in checks:
        try:
            check()
        except AdapterError as error:
            yield str(error)
