"""A subject-encoder in one safetensors file: what its header says of it, and its form as a folder. Needs no torch."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.safetensors_header import read_header
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import parts_digest

FORMAT = "dreamtuner.subject-encoder"
CONFIG, FACTS, CARD = "config", "facts", "card"
"""Keys of the header's metadata: the version of the form, the model's config, facts of its training, its card."""
WEIGHTS = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class EncoderFile:
    """A file as its header describes it. `config`: of the model; `facts`: of its training; `card`: Markdown."""

    file: Path
    config: dict[str, Any]
    facts: dict[str, Any]
    card: str

    @classmethod
    def read(cls, file: Path) -> EncoderFile:
        """Read the header of a file. Raises IntakeError."""
        told = _metadata(file)
        if FORMAT not in told or CONFIG not in told:
            raise IntakeError(
                f"{file} is not a subject-encoder as `dreamtuner train encoder` writes it; give that file, or set "
                "`subject_encoder` in the profile's file to a folder"
            )
        return cls(file, json.loads(told[CONFIG]), json.loads(told.get(FACTS, "{}")), told.get(CARD, ""))

    def unpack(self, root: Path) -> Path:
        """Write it as a folder that diffusers' loaders read, in `root` under its digest. Returns the folder."""
        folder = root / file_sha256(self.file)[:16]
        if (folder / "config.json").is_file():
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{WEIGHTS}"
        shutil.copyfile(self.file, partial)
        partial.rename(folder / WEIGHTS)
        (folder / "README.md").write_text(self.card, encoding="utf-8")
        whole = folder / ".config.json"
        whole.write_text(json.dumps(self.config, indent=2) + "\n", encoding="utf-8")
        whole.rename(folder / "config.json")  # the last: a folder that has it is complete
        return folder


def _metadata(file: Path) -> dict[str, str]:
    read_header(file)  # refuses what is no safetensors file, or cut off
    with file.open("rb") as opened:
        told = json.loads(opened.read(int.from_bytes(opened.read(8), "little"))).get("__metadata__")
    return told if isinstance(told, dict) else {}


def unet_digest(profile: Profile) -> str:
    """Return the digest of the U-Net and the CLIP model, which an encoder is trained with."""
    return parts_digest(profile, ("unet", "tower"))
