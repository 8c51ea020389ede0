"""Writes the configs and tokenizers of a model in diffusers' layout; those of SD 1.5, 2.1 and XL ship.

data/NAME.json holds the configs of one architecture by their place in the folder.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from dreamtuner.families.unet.conversion.shapes import text_configs, unet_config, vae_config
from dreamtuner.families.unet.conversion.tokenizer import END, write_json, write_tokenizer
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.file_kinds import FileKind, Shapes

Configs = dict[str, dict[str, Any]]
SHIPPED = {"sd15": "sd15", "sd21": "sd2", "sd21-base": "sd2", "sdxl": "sdxl"}
"""Names of the configs that ship, and the kind of file that each is for."""
AUTO = "auto"
_BASE_STEPS = 875_000
"""Training steps that the pickle of SD 2 base states, which predicts noise."""

_DATA = files(__package__) / "data"
_PADS_WITH = {"sd15": {"tokenizer": END}, "sd2": {"tokenizer": "!"}, "sdxl": {"tokenizer": END, "tokenizer_2": "!"}}
_UNET, _VAE, _SCHEDULER = "unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"


def shipped(name: str) -> Configs:
    """Return the configs that ship under a name in SHIPPED, by their place in the folder."""
    found: Configs = json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))
    return found


def configs_for(found: FileKind, shapes: Shapes, stated: str, name: str) -> tuple[Configs, list[str]]:
    """Return a model's configs by their place in the folder, and notes on what was assumed.

    `stated`: a name in SHIPPED, "auto", or a folder in diffusers' layout, whose configs are used as they are.

    Raises:
        IntakeError: the configs are for another kind of model, or the file does not tell which it needs.
    """
    if stated not in (*SHIPPED, AUTO):
        return _of_folder(Path(stated).expanduser()), []
    chosen = _chosen(found, stated, name)
    usual = shipped(chosen)
    texts = {place: one for place, one in usual.items() if place.startswith("text_encoder")}
    own: Configs = {
        **usual,
        _UNET: unet_config(shapes, usual[_UNET]),
        _VAE: vae_config(shapes, usual[_VAE]),
        **text_configs(shapes, texts),
    }
    if found.prediction is not None:
        own[_SCHEDULER] = own[_SCHEDULER] | {"prediction_type": found.prediction}
    if found.zero_snr:
        own[_SCHEDULER] = own[_SCHEDULER] | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    assumed = [_UNET, *texts] if isinstance(usual[_UNET]["attention_head_dim"], list) else [*texts]
    changed = [place.partition("/")[0] for place in assumed if own[place] != usual[place]]
    notes = []
    if changed:
        notes.append(
            f"{', '.join(changed)}: not the sizes of {chosen}; they were read off the file. The numbers of attention "
            "heads and norm groups are not in it and were assumed; --config FOLDER states them"
        )
    return own, notes


def _chosen(found: FileKind, stated: str, name: str) -> str:
    if stated == AUTO:
        if found.kind != "sd2":
            return found.kind
        if found.prediction is None:
            raise IntakeError(
                f"{name} is Stable Diffusion 2.x, whose weights do not tell what the U-Net predicts; add --config sd21 "
                "(v-prediction, 768 pixels) or --config sd21-base (noise, 512 pixels), as the model's page says"
            )
        return "sd21" if found.prediction == "v_prediction" else "sd21-base"
    if SHIPPED[stated] != found.kind:
        fitting = " or ".join(one for one, kind in SHIPPED.items() if kind == found.kind)
        raise IntakeError(f"--config {stated}: {name} is not a model of this kind; use --config {fitting}")
    return stated


def with_prediction(found: FileKind, stated: str, step: int | None) -> FileKind:
    """Return what an SD 2.x file is with what the user states by --config, or else what a pickle's step count tells."""
    if found.kind != "sd2":
        return found
    if stated in SHIPPED:
        return replace(found, prediction="epsilon" if stated == "sd21-base" else "v_prediction")
    if found.prediction is None and step == _BASE_STEPS:
        return replace(found, prediction="epsilon")
    return found


def _of_folder(folder: Path) -> Configs:
    if not (folder / "model_index.json").is_file():
        names = ", ".join((AUTO, *SHIPPED))
        raise IntakeError(f"--config {folder}: is not one of {names}, nor a folder with model_index.json")
    places = [folder / "model_index.json", *sorted(folder.glob("*/config.json")), folder / _SCHEDULER]
    configs = {one.relative_to(folder).as_posix(): json.loads(one.read_text(encoding="utf-8")) for one in places}
    return {place: one for place, one in configs.items() if not place.startswith("safety_checker/")}


def vae_config_for(shapes: Shapes, sdxl: bool) -> dict[str, Any]:
    """Return the config of a VAE in a file of its own. `sdxl`: it scales latents as SDXL's does."""
    return vae_config(shapes, shipped("sdxl" if sdxl else "sd15")[_VAE])


def write_configs(configs: Configs, kind: str, folder: Path) -> None:
    """Write configs and tokenizers to a folder. `kind`: sd15, sd2 or sdxl, which pad texts differently.

    The safety checker is left out: it is in no single file.
    """
    index = {**configs["model_index.json"], "requires_safety_checker": False}
    absent = {part: [None, None] for part in ("safety_checker", "feature_extractor", "image_encoder") if part in index}
    if kind == "sdxl":
        index.pop("requires_safety_checker")
    for place, config in {**configs, "model_index.json": index | absent}.items():
        write_json(folder / place, config)
    longest = configs["text_encoder/config.json"]["max_position_embeddings"]
    for part, pad in _PADS_WITH[kind].items():
        write_tokenizer(folder / part, pad=pad, length=longest)
