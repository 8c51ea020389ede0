"""Checks the installation: what it can do, what is missing, and how to get it."""

import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from deploy.cli.error_message import sentence
from deploy.cli.missing_extra import EXTRA_OF
from deploy.dashboard.exports.formats import EXPORT_FORMATS
from dreamtuner.models.profiles import DEFAULT_PROFILE, place_of_lock, profile_names, ships
from dreamtuner.models.weights import loaded_bytes
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.captioners import CAPTIONERS
from dreamtuner.preprocess.estimators import ESTIMATORS
from dreamtuner.preprocess.maskers import MASKERS
from dreamtuner.score import METRICS
from dreamtuner.settings.styles import STYLES
from flows.resources import Resources
from flows.settings import Settings
from storage.redaction import redact_text, redact_url

PACKAGES = ("torch", "diffusers", "transformers", "prefect", "sqlalchemy", "opencv-python-headless", "pillow")
NEEDED = ("method", "masks", "flows")
"""Extras that are required to generate images; others are optional, and these are beside the dashboard alone."""
MIN_FREE_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """The result of one check. `note`: it works, with a caveat."""

    what: str
    state: Literal["ok", "note", "missing"]
    detail: str
    remedy: str | None = None


def examine(settings: Settings) -> list[Finding]:
    """Run all checks. Writes and downloads nothing."""
    findings = [Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    findings += [_package(name) for name in PACKAGES]
    findings += [_extra(name) for name in dict.fromkeys(EXTRA_OF.values())]
    findings += [_device(settings), _home(settings), _catalog(settings)]
    findings += [_profile(settings, name) for name in profile_names(settings.profile_folders)]
    findings += _profile_folders(settings)
    findings += _plugins()
    if os.environ.get("PREFECT_API_URL"):
        findings += _deployments()
    return [replace(one, detail=redact_text(one.detail)) for one in findings]


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Return `ok` (nothing is missing) and every finding as JSON values."""
    return {"ok": all(one.state != "missing" for one in findings), "findings": [asdict(one) for one in findings]}


def as_table(findings: list[Finding]) -> RenderableType:
    """Return the findings as a table for people."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    marks = {"ok": Text("✓", style="green"), "note": Text("!", style="yellow"), "missing": Text("✗", style="red")}
    for one in findings:
        detail = Text(one.detail) + Text(f"\n{one.remedy}", style="bold") if one.remedy else Text(one.detail)
        table.add_row(marks[one.state], Text(one.what), detail)
    return table


def _serves_only() -> bool:
    """Return whether this installation serves the dashboard and cannot generate: neither PyTorch nor Prefect."""
    installed = {top: find_spec(top) is not None for top in ("fastapi", "torch", "prefect")}
    return installed["fastapi"] and not installed["torch"] and not installed["prefect"]


def _lacking() -> Literal["note", "missing"]:
    """Return the state of a missing library that generating images requires."""
    return "note" if _serves_only() else "missing"


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        remedy = f"{sys.executable} -m pip install -c constraints.txt {name}, or make setup"
        return Finding(name, _lacking(), "not installed", remedy)


def _extra(extra: str) -> Finding:
    """Check that all libraries of an extra are installed."""
    lacking = [top for top, of in EXTRA_OF.items() if of == extra and find_spec(top) is None]
    if not lacking:
        return Finding(f"extra {extra}", "ok", "installed")
    remedy = f"{sys.executable} -m pip install 'dreamtuner[{extra}]'"
    return Finding(
        f"extra {extra}", _lacking() if extra in NEEDED else "note", f"missing: {', '.join(lacking)}", remedy
    )


def _device(settings: Settings) -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding("device", _lacking(), f"torch cannot be imported: {error}", "make setup")
    if torch.cuda.is_available():
        return Finding("device", "ok", f"{settings.device}: {torch.cuda.get_device_name()}")
    if settings.device.startswith("cuda"):
        remedy = "unset DREAMTUNER_DEVICE, or install a torch build that supports this GPU"
        return Finding(
            "device", "missing", f"{settings.device} requested, but torch {torch.__version__} finds no GPU", remedy
        )
    return Finding("device", "ok", f"{settings.device}: no GPU, {torch.get_num_threads()} CPU threads")


def _home(settings: Settings) -> Finding:
    nearest = next(folder for folder in (settings.home, *settings.home.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free / 1e9
    detail = f"{settings.home}{'' if settings.home.exists() else ' (created by the first run)'}, {free:.0f} GB free"
    if free < MIN_FREE_GB:
        return Finding("data folder", "note", detail, "make room, or set DREAMTUNER_HOME to a folder on a larger disk")
    return Finding("data folder", "ok", detail)


def _catalog(settings: Settings) -> Finding:
    from storage.catalog import views

    try:
        catalog = Resources.open(settings).catalog_if_any
        if catalog is None:
            return Finding("catalog", "ok", f"{redact_url(settings.catalog_url)} (created by the first run)")
        with catalog.read() as s:
            found = views.status(s)
    except Exception as error:
        remedy = "set DREAMTUNER_CATALOG_URL or DREAMTUNER_HOME to a catalog that can be opened"
        return Finding("catalog", "missing", sentence(error, settings), remedy)
    return Finding(
        "catalog",
        "ok",
        f"{redact_url(settings.catalog_url)}, {found.subjects} subjects, {found.cells['generated']} images",
    )


def _profile(settings: Settings, name: str) -> Finding:
    what = f"profile {name}"
    try:
        profile = Resources.open(settings).profile(name)
    except PluginError as error:
        return Finding(what, "missing", *str(error).rsplit("; ", 1))
    missing = profile.missing()
    if missing and ships(name) and name != DEFAULT_PROFILE and len(missing) == len(profile.image_parts):
        detail = f"not fetched: {profile.resolution} px, {profile.licence}"
        return Finding(what, "note", detail, f"get it with: {profile.remedy}")
    if missing:
        return Finding(
            what, "missing", f"missing: {', '.join(missing)} in {profile.weights}", f"get them with: {profile.remedy}"
        )
    if not (profile.tower / "config.json").is_file():
        detail = f"generates {profile.resolution} px images but cannot score: no tower in {profile.tower}"
        return Finding(what, "note", detail, f"get it with: {profile.remedy}")
    size = loaded_bytes(profile) / 1e9
    lock = place_of_lock(name, settings.profile_folders)
    kept = f"{size:.2f} GB, {'locked' if lock.is_file() else 'not locked'}"
    return Finding(what, "ok", f"ready: {profile.resolution} px, {profile.licence}, {profile.weights}, {kept}")


def _deployments() -> list[Finding]:
    """Check the deployments on the server at PREFECT_API_URL for outdated ones."""
    if find_spec("prefect") is None:
        return [Finding("deployments", "note", "not checked: prefect is not installed")]
    from deploy.prefect.submit import SubmitError, outdated_deployments

    try:
        old = outdated_deployments()
    except SubmitError as error:
        return [Finding("deployments", "missing", str(error), "start the server, or unset PREFECT_API_URL")]
    found = [Finding("deployments", "missing", f"{one.name}: {one.problem}", one.remedy) for one in old]
    return found or [Finding("deployments", "ok", f"match prefect.yaml, at {os.environ['PREFECT_API_URL']}")]


def _plugins() -> list[Finding]:
    """Check the plugins of other packages."""
    found = []
    for registry in (STYLES, MASKERS, CAPTIONERS, ESTIMATORS, METRICS, EXPORT_FORMATS):
        broken = registry.broken()
        for name, origin in registry.added().items():
            what = f"{registry.what} {name}"
            if name in broken:
                found.append(Finding(what, "note", *broken[name].rsplit("; ", 1)))
            else:
                found.append(Finding(what, "ok", f"from {origin}"))
    return found


def _profile_folders(settings: Settings) -> list[Finding]:
    """Check that the folders in DREAMTUNER_PROFILES exist."""
    remedy = "create the folder, or correct DREAMTUNER_PROFILES"
    return [
        Finding("profiles", "note", f"{folder} is not a folder", remedy)
        for folder in settings.profile_folders[1:]
        if not folder.is_dir()
    ]
