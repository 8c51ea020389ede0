"""The rooms and the direction between them, held by reading every import in the source.

deploy -> flows -> {dreamtuner, storage},  deploy -> {dreamtuner, storage},
deploy/dashboard -> {storage, deploy.marks, flows.spec, flows.planning, dreamtuner.curation, dreamtuner.preprocess,
dreamtuner.plugins, dreamtuner.score, dreamtuner.settings, dreamtuner.models: layouts, auxiliary, profiles and licences}
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = frozenset({"deploy", "dreamtuner", "flows", "storage"})


@dataclass(frozen=True)
class Wall:
    """Which of our rooms the modules under one folder may import, and which libraries they may not."""

    folder: str
    ours: frozenset[str]
    closed_to: frozenset[str] = frozenset()


_DATABASES = frozenset({"sqlalchemy", "alembic", "psycopg"})
_OBJECTS = frozenset({"boto3", "botocore"})
_MODELS = frozenset({"accelerate", "diffusers", "peft", "torch", "transformers"})
_FLOWS = frozenset({"prefect"})

# The innermost folder that holds a module decides.
WALLS = (
    Wall("dreamtuner", ours=frozenset({"dreamtuner"}), closed_to=_DATABASES | _OBJECTS | _FLOWS),
    Wall("storage", ours=frozenset({"storage"}), closed_to=_MODELS | _FLOWS),
    Wall("flows", ours=frozenset({"flows", "dreamtuner", "storage"})),
    Wall("deploy", ours=frozenset({"deploy", "flows", "dreamtuner", "storage"})),
    # its image holds neither torch nor prefect; it starts flows through Prefect's API, by name. References that come in
    # by a form are checked as ingestion checks them, which needs neither
    Wall(
        "deploy/dashboard",
        ours=frozenset(
            {
                "deploy.dashboard",
                "deploy.deployments",
                "deploy.marks",
                # what is ordered, and what it comes to: pure, and from the catalog alone
                "flows.planning",
                "flows.spec",
                "storage",
                "dreamtuner.preprocess",
                # near-duplicates and triage, by NumPy
                "dreamtuner.curation",
                "dreamtuner.models.layouts",
                "dreamtuner.models.auxiliary",
                # which licences an image's weights have, for what an export owes
                "dreamtuner.models.lineage",
                "dreamtuner.models.licences",
                "dreamtuner.models.part_licences",
                "dreamtuner.models.profiles",
                "dreamtuner.plugins",
                "dreamtuner.score",
                "dreamtuner.settings",
            }
        ),
        closed_to=_MODELS | _FLOWS,
    ),
)

# The rooms of each package in their order: a room imports only from rooms before it. A module that no room holds
# stands in none, and is said. "flows.spec" holds the folder flows/spec/, "flows.settings" the one file.
ROOMS_IN_ORDER: dict[str, tuple[str, ...]] = {
    "storage": (
        # what needs nothing of ours
        *("redaction", "text", "keys", "metadata", "proxies", "run_files", "logs", "rates"),
        *("objects", "atomic_renames"),
        *("catalog.records", "catalog.audit_chain", "catalog.name_conflicts", "catalog.precedence", "catalog.owners"),
        *("catalog.database", "catalog.migrations", "catalog.migrate", "catalog.schema"),
        *("catalog.narrowing", "catalog"),
        *("catalog.garbage", "catalog.claims", "catalog.views", "catalog.writes", "catalog.leases", "catalog.bench"),
        *("sources", "ingest", "lost", "thumbnails", "previews", "run_costs", "maintenance"),
    ),
    "dreamtuner": (
        *("plugins", "curation", "settings", "models", "attention", "families", "preprocess", "postprocess"),
        *("sampling", "rendering", "pipeline", "score", "train", "finetune", "baselines"),
        *("pocket.world", "pocket.training", "evaluation", "pocket", "bench"),
    ),
    "flows": (
        *("settings", "faults", "progress", "patience", "outcome", "image_io", "resources"),
        *("spec", "ingestion", "planning", "reporting", "execution", "training"),
        *("ingest", "finetune", "spec_run", "generate", "score", "video", "attention", "catalog", "nightly"),
    ),
    "deploy": (
        *("torch_flags", "deployments", "prefect", "images", "marks"),
        *("dashboard.schema_form", "dashboard.security", "dashboard.settings", "dashboard.prefect_api"),
        "dashboard.preview_cache",
        *("dashboard.resources", "dashboard.access", "dashboard.pages", "dashboard.errors", "dashboard.clients"),
        "dashboard.uploads",
        "dashboard.eyes",
        "dashboard.culling",
        *("dashboard.gallery_filter", "dashboard.flow_parameters", "dashboard.prefilled", "dashboard.exports"),
        "dashboard.ordering",
        *("dashboard.live", "dashboard.metrics"),
        *("dashboard.routes", "dashboard.webhooks", "dashboard.api", "dashboard.app", "dashboard.serve", "dashboard"),
        *("client", "cli", "cli.commands", "bench", "cli.main"),
    ),
}
MAX_SIBLINGS = 16
"""How many modules a folder may hold beside its __init__.py."""

# Who may know diffusers' class names. Everything else in dreamtuner works on tensors and on what a family hands out.
# The pipeline is a face by diffusers' own conventions: it derives from its base classes and returns its outputs.
KNOWS_DIFFUSERS = ("dreamtuner/families/", "dreamtuner/pipeline/")


@dataclass(frozen=True)
class Import:
    """One imported module: `file` relative to the root, `module` by its absolute dotted name."""

    file: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def _absolute(file: Path, level: int, module: str | None) -> str:
    """The absolute name of `from <level dots><module> import ...` as it stands in `file` (relative to the root)."""
    if level == 0:
        return module or ""
    package = file.parent.parts
    base = package[: len(package) - (level - 1)]
    return ".".join((*base, module) if module else base)


def _imported(file: Path, node: ast.AST) -> Iterator[str]:
    """What `node` imports. `from a import b` counts as a.b: b may be a module, and a wall may run between a and b."""
    match node:
        case ast.Import(names=names):
            yield from (name.name for name in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            base = _absolute(file, level, module)
            yield from (f"{base}.{name.name}".lstrip(".") for name in names)
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(name)), *_]):
            if called in {"import_module", "__import__"}:
                yield name


def imports(root: Path) -> list[Import]:
    """Imports of all modules in the rooms under `root`: at the top, inside functions, under TYPE_CHECKING, by name."""
    found = []
    for room in sorted(ROOMS):
        for path in sorted((root / room).rglob("*.py")):
            file = path.relative_to(root)
            for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
                found += [Import(file.as_posix(), getattr(node, "lineno", 0), name) for name in _imported(file, node)]
    return found


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def violations(root: Path) -> list[str]:
    """What breaks a wall, one line each."""
    broken = []
    for found in imports(root):
        wall = max((w for w in WALLS if found.file.startswith(f"{w.folder}/")), key=lambda w: len(w.folder))
        top = found.module.partition(".")[0]
        if top in wall.closed_to:
            broken.append(f"{found}: {wall.folder} is closed to {top}")
        elif top in ROOMS and not any(_within(found.module, room) for room in wall.ours):
            broken.append(f"{found}: {wall.folder} may import {', '.join(sorted(wall.ours))} of ours")
        elif top == "diffusers" and wall.folder == "dreamtuner" and not found.file.startswith(KNOWS_DIFFUSERS):
            broken.append(f"{found}: only {', '.join(KNOWS_DIFFUSERS)} may know diffusers")
    return broken


def _room(module: str, package: str) -> int | None:
    """The place of the innermost room that holds the module, or None."""
    rooms = ROOMS_IN_ORDER[package]
    holding = [room for room in rooms if _within(module, f"{package}.{room}")]
    return rooms.index(max(holding, key=len)) if holding else None


def uphill(root: Path) -> list[str]:
    """Imports from a later room of the same package, and modules that stand in no room, one line each."""
    wrong = []
    for found in imports(root):
        package, mine = found.file.partition("/")[0], _dotted(found.file)
        if mine == package or not found.module.startswith(f"{package}."):
            continue
        own, theirs = _room(mine, package), _room(found.module, package)
        if own is None or theirs is None:
            wrong.append(f"{found}: {mine if own is None else found.module} stands in no room of {package}")
        elif theirs > own:
            rooms = ROOMS_IN_ORDER[package]
            wrong.append(f"{found}: {rooms[theirs]} comes after {rooms[own]}")
    return wrong


def _dotted(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_rooms_import_only_from_rooms_before_them() -> None:
    assert uphill(ROOT) == []


@pytest.mark.parametrize("package", sorted(ROOMS_IN_ORDER))
def test_rooms_are_not_drawers(package: str) -> None:
    """Migrations grow by one a change of the schema and are read in their order."""
    folders = {path.parent for path in (ROOT / package).rglob("*.py") if path.parent.name != "versions"}
    siblings = {str(one.relative_to(ROOT)): len(list(one.glob("*.py"))) - 1 for one in folders}
    assert {folder: count for folder, count in siblings.items() if count > MAX_SIBLINGS} == {}


@pytest.mark.parametrize(
    ("file", "source", "wrong"),
    [
        ("flows/spec/model.py", "from flows.planning.cells import plan_cells", 1),
        ("flows/spec/model.py", "def f():\n    import flows.catalog", 1),
        ("storage/catalog/views/people.py", "from storage.catalog import writes", 1),
        ("dreamtuner/attention/self_subject.py", "from dreamtuner.families.unet import attach", 1),
        ("flows/drawer.py", "from flows.settings import Settings", 1),
        ("flows/planning/cells.py", "from flows.spec.model import Spec\nfrom flows.ingestion import facts", 0),
        ("deploy/cli/main.py", "from deploy.bench import speed\nfrom deploy.cli.commands import run", 0),
        ("deploy/cli/terminal.py", "from deploy.cli.main import app", 1),
    ],
)
def test_an_import_uphill_is_seen(tmp_path: Path, file: str, source: str, wrong: int) -> None:
    _write(tmp_path, file, source)
    assert len(uphill(tmp_path)) == wrong


def test_imports_follow_the_direction() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_every_room_is_read(room: str) -> None:
    assert any(found.file.startswith(f"{room}/") for found in imports(ROOT))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("dreamtuner/settings/sampling.py", "import storage.keys"),
        ("dreamtuner/settings/sampling.py", "from storage import keys"),
        ("dreamtuner/settings/sampling.py", "import prefect.tasks as t"),
        ("dreamtuner/settings/sampling.py", "def f():\n    from sqlalchemy.orm import Session"),
        ("dreamtuner/settings/sampling.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import boto3"),
        ("dreamtuner/score/clip_metrics.py", "from ...storage import keys"),
        ("dreamtuner/sampling/loop.py", "from diffusers import DDIMScheduler"),
        ("dreamtuner/attention/self_subject.py", "import diffusers.models.attention"),
        ("dreamtuner/pocket/recipe.py", "from diffusers import AutoencoderKL"),
        ("storage/objects.py", "import torch"),
        ("storage/objects.py", "import importlib\nimportlib.import_module('torch.nn')"),
        ("storage/catalog/views.py", "from dreamtuner.settings.sampling import Sampling"),
        ("storage/catalog/views.py", "from .. import keys\nfrom ... import flows"),
        ("flows/planning/cells.py", "from deploy import cli"),
        ("deploy/dashboard/app.py", "from flows.settings import Settings"),
        ("deploy/dashboard/app.py", "from .. import cli"),
        ("deploy/dashboard/app.py", "import prefect"),
    ],
)
def test_a_broken_wall_is_seen(tmp_path: Path, file: str, source: str) -> None:
    _write(tmp_path, file, source)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "dreamtuner/families/unet/attach.py",
            "import diffusers\nfrom . import self_subject\nfrom ..config import Sampling",
        ),
        ("dreamtuner/pipeline/components.py", "from diffusers import DiffusionPipeline"),
        ("storage/catalog/views.py", "import sqlalchemy\nfrom ..keys import blob_key"),
        (
            "flows/generate.py",
            "import prefect\nfrom dreamtuner.sampling.generate import generate\nfrom storage import catalog",
        ),
        (
            "deploy/cli/main.py",
            "from flows import catalog\nfrom dreamtuner.train import loop\nfrom storage import keys",
        ),
        ("deploy/dashboard/app.py", "import fastapi\nfrom . import pages\nfrom storage.catalog import views"),
        ("dreamtuner/settings/sampling.py", "import storagex\nimport my.storage"),
    ],
)
def test_an_open_door_is_let_be(tmp_path: Path, file: str, source: str) -> None:
    _write(tmp_path, file, source)
    assert violations(tmp_path) == []


def _write(root: Path, file: str, source: str) -> None:
    (root / file).parent.mkdir(parents=True)
    (root / file).write_text(source)
