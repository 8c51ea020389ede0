"""Writes a trained subject-encoder to one safetensors file with its config, licence, origin and card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreamtuner.families.unet.load import untrained_encoder
from dreamtuner.models.encoders.file import CARD, CONFIG, FACTS, FORMAT, unet_digest
from dreamtuner.train.data.manifest import Manifest
from dreamtuner.train.encoder.card import write_card
from dreamtuner.train.encoder.factory import EncoderFactory
from dreamtuner.train.log import log_lines
from dreamtuner.train.state import load_ema
from dreamtuner.train.tensor_file import write_tensors

NAME = "subject-encoder.safetensors"


def export_encoder(
    factory: EncoderFactory,
    folder: Path,
    manifest: Manifest,
    *,
    licence: str | None = None,
    data_licence: str = "unknown",
) -> Path:
    """Write the averaged weights of the training in `folder`, float16, to one file in it. Returns the file.

    `licence`: of the encoder; None: the profile's, whose weights it was trained on.
    """
    encoder = untrained_encoder(factory.profile, factory.settings.width, resblocks=factory.settings.resblocks)
    step = load_ema(folder, encoder)
    facts = _facts(factory, folder, manifest, step, licence or factory.profile.licence.name, data_licence)
    facts["numbers"] = sum(one.numel() for one in encoder.parameters())
    config = {name: value for name, value in encoder.config.items() if not name.startswith("_")}
    metadata = {
        "format": "pt",
        FORMAT: "1",
        CONFIG: json.dumps({**config, "_class_name": type(encoder).__name__}),
        FACTS: json.dumps(facts),
        CARD: write_card(facts, factory.settings),
    }
    file = folder / NAME
    partial = file.with_suffix(".partial")
    write_tensors(partial, {name: one.half() for name, one in encoder.state_dict().items()}, metadata)
    partial.rename(file)
    return file


def _facts(
    factory: EncoderFactory, folder: Path, manifest: Manifest, step: int, licence: str, data_licence: str
) -> dict[str, Any]:
    """Return what the file says of itself."""
    profile, measured = factory.profile, [line for line in log_lines(folder) if "identity" in line]
    last: Mapping[str, Any] = measured[-1] if measured else {}
    return {
        "profile": profile.name,
        "source": profile.source,
        "unet": unet_digest(profile),
        "licence": licence,
        "steps": step,
        "batch": factory.settings.batch,
        "controlnet": factory.settings.controlnet,
        "images": manifest.images,
        "faulty": manifest.faulty,
        "data": manifest.digest,
        "data_licence": data_licence,
        "eyes": manifest.plan.eyes,
        "resolution": manifest.plan.resolution,
        "val_loss": last.get("val_loss"),
        "identity": last.get("identity"),
    }
