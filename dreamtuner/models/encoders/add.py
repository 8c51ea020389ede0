"""Puts a trained subject-encoder into a user's profile: checks that it fits, unpacks it, and names it in the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from dreamtuner.models.encoders.file import EncoderFile, unet_digest
from dreamtuner.models.intake.checks import problems
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.fetch import fetch
from dreamtuner.models.intake.lock import alone, write_whole
from dreamtuner.models.profiles import DEFAULT_PROFILE, Profile, get_profile, place_of_file, place_of_lock

KEY = "subject_encoder"


@dataclass(frozen=True)
class AddedEncoder:
    """A profile with its new encoder. `file`: the profile's file; `notes`: what the user should know."""

    encoder: EncoderFile
    folder: Path
    file: Path
    notes: tuple[str, ...]


def add_encoder(
    source: Path,
    name: str,
    *,
    folders: Sequence[Path],
    models: Path,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> AddedEncoder:
    """Unpack the encoder in a file to a folder in `models`, and name it in the profile of this name.

    A profile that ships gets a file of the user's own. Nothing is written unless the encoder fits the model.

    Raises:
        IntakeError: the file is no encoder, or one for another model; the profile has one, and not `force`.
    """
    encoder, profile = EncoderFile.read(source), get_profile(name, folders)
    here = place_of_file(name, folders)
    if name == DEFAULT_PROFILE or here is None:
        why = "is embedded" if name == DEFAULT_PROFILE else "comes with a package"
        raise IntakeError(f"the profile {name!r} {why}; add the model under a name of your own first")
    if profile.has_encoder and not force:
        raise IntakeError(
            f"the profile {name!r} has a subject-encoder in {profile.folder(KEY)}; use --force to replace it"
        )
    if missing := profile.missing():
        raise IntakeError(f"{profile.weights} lacks {', '.join(missing)}; get it with: {profile.remedy}")
    _demand_fit(encoder, profile)
    file = folders[0] / f"{name}.yaml"
    if here.parent in folders[1:]:
        file = here
    with alone(name, folders[0]):
        folder = encoder.unpack(models / "subject-encoders")
        write_whole(file, _named(here.read_text(encoding="utf-8"), folder))
    if place_of_lock(name, folders).is_file():
        fetch(name, folders, offline=True, say=say)
    return AddedEncoder(encoder, folder, file, tuple(_notes(encoder, profile)))


def _demand_fit(encoder: EncoderFile, profile: Profile) -> None:
    """Raise IntakeError if the encoder was made for another U-Net or CLIP model, by its config alone."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(encoder.config), encoding="utf-8")
        tried = profile.model_copy(update={KEY: Path(folder)})
        wrong = [
            one.replace(folder, str(encoder.file)) for one in problems(tried) if folder in one and "weights" not in one
        ]
    if wrong:
        raise IntakeError("; ".join(wrong))


def _named(text: str, folder: Path) -> str:
    """Return a profile's YAML with the encoder's folder in it; other lines and comments stay as they are."""
    line = yaml.safe_dump({KEY: str(folder)}, width=10_000).strip()
    kept = [one for one in text.splitlines() if not one.startswith(f"{KEY}:")]
    return "\n".join([*kept, line]) + "\n"


def _notes(encoder: EncoderFile, profile: Profile) -> list[str]:
    notes = []
    if encoder.facts.get("unet") not in (None, unet_digest(profile)):
        notes.append(
            f"it was trained with other weights of the same shapes ({encoder.facts.get('profile')}); it is likely to "
            "work with models that were derived from them, less well than with its own"
        )
    if encoder.facts.get("steps", 0) < 1000:
        notes.append(f"it was trained for {encoder.facts.get('steps', 0)} steps only")
    return notes
