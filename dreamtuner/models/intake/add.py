"""Takes a model in under a name: finds its files, checks them, and writes its profile and lock."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from dreamtuner.models.intake import hub
from dreamtuner.models.intake.checks import family_problem, problems
from dreamtuner.models.intake.errors import HubError, IntakeError
from dreamtuner.models.intake.fetch import fetch_place, lock_of
from dreamtuner.models.intake.hub_cache import repository_folder
from dreamtuner.models.intake.lock import Lock, write_lock, write_whole
from dreamtuner.models.intake.sources import FileSource, FolderSource, HubSource, hub_source, parse_source
from dreamtuner.models.licences import UNKNOWN, licence_of
from dreamtuner.models.profiles import Profile, place_of_lock, ships, user_folders
from dreamtuner.models.profiles.file import read_profile, read_profile_file
from dreamtuner.models.profiles.places import HUB
from dreamtuner.models.profiles.profile import parts_in
from dreamtuner.models.profiles.registry import BUILTIN
from dreamtuner.models.weights import variant_in

Say = Callable[[str], None]
CLIP = "openai/clip-vit-large-patch14"
"""The CLIP model of scores, CLIP-I and CLIP-T, where the model brings none: the paper's."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Taken:
    """A model that can be used, not written yet. `notes`: what the user should know."""

    profile: Profile
    text: str
    lock: Lock
    notes: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write the lock, then the profile, each whole or not at all; returns the profile's file."""
        file = folder / f"{self.profile.name}.yaml"
        write_lock(self.lock, place_of_lock(self.profile.name, [folder]))
        write_whole(file, self.text)
        return file


def demand_name(name: str, folders: Sequence[Path], *, force: bool) -> None:
    """Raise IntakeError unless a profile can be written under this name."""
    if _NAME.fullmatch(name) is None:
        raise IntakeError(f"{name!r} cannot name a profile; use letters, digits, dots, - and _, such as my-model")
    if name == "pocket":
        raise IntakeError("'pocket' is the embedded profile; choose another name")
    for folder in folders:
        if (file := folder / f"{name}.yaml").is_file() and not (force and folder == folders[0]):
            remedy = "use --force to replace it, or choose another name"
            raise IntakeError(f"the profile {name!r} exists already ({file}); {remedy}")


def take_in(
    name: str,
    source: str,
    *,
    folders: Sequence[Path] | None = None,
    variant: str | None = None,
    licence: str | None = None,
    clip: str | None = None,
    offline: bool = False,
    force: bool = False,
    origin: Path | None = None,
    say: Say = lambda line: None,
) -> Taken:
    """Fetch a model if need be, check it, and describe it as a profile. Writes no profile; call `Taken.write`.

    A name of a profile that ships keeps that profile's numbers. `licence`: as its page states it; None: what source or
    profile say; `clip`: a folder or owner/name of the CLIP model of scores; `origin`: the file that a folder was
    converted from.

    Raises:
        IntakeError: the source is not a model, cannot be fetched, or cannot work.
    """
    folders = user_folders() if folders is None else folders
    demand_name(name, folders, force=force)
    found = parse_source(source, variant)
    if isinstance(found, FileSource):
        raise IntakeError(f"{found.file} is one file; convert it first: dreamtuner models convert {found.file} OUT")
    snapshots, stated, folder = _weights(found, offline, say)
    if (wrong := family_problem(folder)) is not None:
        raise IntakeError(wrong)
    content: dict[str, Any] = {**_base(name), **_facts(folder), "weights": stated}
    if found.variant is not None:
        _demand_variant(folder, found.variant)
        content["variant"] = found.variant
    elif (only := _only_variant(folder)) is not None:
        content["variant"] = only
    if isinstance(found, FolderSource):
        content["source"] = str(origin or found)
    snapshot = snapshots.get("weights")
    content["licence"] = _licence(
        licence, snapshot.licence if snapshot else _page_licence(folder), content.get("licence")
    )
    notes = _clip(
        name, content, folder, clip, snapshots, offline=offline, fetched=isinstance(found, HubSource), say=say
    )
    if licence_of(content["licence"]).commercial is None:
        notes.append(f"the licence is {content['licence']}: commercial use is unknown; state it with --licence")
    text = _written(name, content)
    profile, lock = _read(name, text, snapshots)
    if missing := profile.missing():
        raise IntakeError(f"{profile.weights} lacks {', '.join(missing)}; the download is incomplete: repeat it")
    if found_wrong := problems(profile):
        raise IntakeError("; ".join(found_wrong))
    return Taken(profile, text, lock, tuple(notes))


def _weights(source: HubSource | FolderSource, offline: bool, say: Say) -> tuple[dict[str, hub.Snapshot], str, Path]:
    """Return the snapshots that were fetched, what the profile states as weights, and their folder."""
    if isinstance(source, FolderSource):
        return {}, str(source.folder), source.folder
    if source.path:
        raise IntakeError(f"{source}: give the whole repository, owner/name; folders in one are for ControlNets")
    snapshot = fetch_place("weights", source, None, offline=offline, say=say)
    revision = "" if source.revision == "main" else f"@{source.revision}"
    infix = f":{source.variant}" if source.variant else ""
    return {"weights": snapshot}, f"{HUB}{source.repository}{revision}{infix}", snapshot.folder


def _base(name: str) -> dict[str, Any]:
    """Return the contents to start from: the profile of this name that ships, else the paper's numbers."""
    if ships(name):
        content: dict[str, Any] = yaml.safe_load((BUILTIN / f"{name}.yaml").read_text())
        return {key: value for key, value in content.items() if key not in ("weights", "remedy", "parts", "variant")}
    numbers = {"steps": 30, "w_c": 7.5, "w_ref": 3.0, "p_r": 0.9, "beta": 0.2, "dtype": "auto"}
    tuning = {"precision": "bfloat16", "gradient_checkpointing": True, "optimizer": "adamw16bit"}
    full = {"optimizer": "adafactor"}
    return {"sampling": numbers, "anime": {"w_ref": 2.5}, "finetune": tuning, "finetune_full": full}


def _facts(folder: Path) -> dict[str, Any]:
    """Return what the model's own configs say: the side of its images, pixels."""
    unet, vae = (json.loads((folder / part / "config.json").read_text()) for part in ("unet", "vae"))
    side = unet.get("sample_size") or 64
    side = side if isinstance(side, int) else min(side)
    return {"resolution": side * 2 ** (len(vae["block_out_channels"]) - 1)}


def _demand_variant(folder: Path, variant: str) -> None:
    parts = parts_in(folder)
    if not any(variant_in(folder / part, variant) for part in parts):
        names = [one.name for part in parts for one in (folder / part).glob("*.*.safetensors")]
        there = f"its files with an infix are {', '.join(sorted(set(names)))}" if names else "its files have no infix"
        raise IntakeError(f"{folder} has no weights of the variant {variant!r}; {there}")


def _only_variant(folder: Path) -> str | None:
    """Return the infix of the U-Net's weights where there are none without one; None otherwise."""
    unet = folder / "unet"
    if any((unet / f"diffusion_pytorch_model.{suffix}").is_file() for suffix in ("safetensors", "bin")):
        return None
    names = sorted(unet.glob("diffusion_pytorch_model.*.*"))
    infixes = {one.name.split(".")[1] for one in names if "-of-" not in one.name and "index" not in one.name} - {
        "non_ema"
    }
    return next(iter(infixes)) if len(infixes) == 1 else None


def _licence(given: str | None, page: str | None, base: Any) -> Any:
    stated = given or page or base or UNKNOWN.name
    return licence_of(stated).name if isinstance(stated, str) else stated


def _page_licence(folder: Path) -> str | None:
    """Return the licence that the front matter of a folder's README.md states."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    match = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    try:
        stated = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError:
        return None
    found = stated.get("license") if isinstance(stated, dict) else None
    return found if isinstance(found, str) else None


def _clip(
    name: str,
    content: dict[str, Any],
    folder: Path,
    given: str | None,
    snapshots: dict[str, hub.Snapshot],
    *,
    offline: bool,
    fetched: bool,
    say: Say,
) -> list[str]:
    """Set the CLIP model of scores: the given one, the model's own, or the usual one, which is fetched with a model.

    A model from this disk downloads nothing: the usual CLIP model is used if the hub's cache has it. Returns notes.
    """
    if given is None and (folder / "tower" / "config.json").is_file():
        content.pop("clip", None)
        return []
    if given is not None and Path(given).expanduser().is_dir():
        content["clip"] = str(Path(given).expanduser().absolute())
        return []
    source = hub_source(given or CLIP)
    content["clip"] = f"{HUB}{source}"
    here = repository_folder(source.repository).is_dir()
    try:
        if given is not None or fetched or here:
            away = offline or not (given or fetched)
            snapshots["clip"] = fetch_place("clip", source, None, offline=away, say=say)
            return []
    except HubError as error:
        if given is not None:
            raise
        return [f"scores need {source}, which could not be fetched ({error}); dreamtuner models fetch {name} gets it"]
    except IntakeError:
        if given is not None:
            raise
    return [f"scores need {source}, which is not on this disk; dreamtuner models fetch {name} gets it (1.7 GB)"]


def _written(name: str, content: dict[str, Any]) -> str:
    first = ("weights", "variant", "source", "clip", "parts", "resolution", "sizes", "licence", "sampling", "anime")
    ordered = {key: content[key] for key in (*first, *content) if key in content}
    body = yaml.safe_dump(ordered, sort_keys=False, default_flow_style=None, allow_unicode=True, width=116)
    return f"# Written by `dreamtuner models add {name}`; edit it freely.\n\n{body}"


def _read(name: str, text: str, snapshots: dict[str, hub.Snapshot]) -> tuple[Profile, Lock]:
    """Return the profile that the text describes, and its lock."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        stated = read_profile_file(file).places()
        profile = read_profile(file, lock_of(name, None, stated, snapshots))
        return profile, lock_of(name, profile, stated, snapshots)
