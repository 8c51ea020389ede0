"""Writes the generated pages and passages into the documentation's source folder; git ignores all of them."""

from pathlib import Path

from docs.generate.api import api_pages
from docs.generate.commands import commands_page
from docs.generate.drawing import packages_drawing, rooms_drawing
from docs.generate.environment import dashboard_table, platform_table
from docs.generate.markdown import table
from docs.generate.models import fields_table
from docs.generate.rest import rest_page
from docs.generate.rooms import PACKAGES, arrows, rooms_of
from dreamtuner.settings.finetune import FineTuneConfig, Rates
from dreamtuner.settings.frames import FrameUse
from dreamtuner.settings.sampling import Sampling
from flows.spec.generated_pictures import Consistency, Edit
from flows.spec.model import Spec
from flows.spec.seeds import SeedRange
from flows.spec.subject import SubjectSpec
from flows.spec.video import SceneKeyframe, VideoSpec, WeightsKeyframe

PASSAGES = "_generated"
API = "reference/api"


def write_site(docs: Path) -> None:
    """Writes `_generated/` and `reference/api/` under `docs`; a file whose text has not changed is left as it is."""
    files = {f"{PASSAGES}/{name}": text for name, text in passages().items()}
    files |= {f"{API}/{name}": text for name, text in api_pages().items()}
    for old in [*(docs / PASSAGES).glob("*"), *(docs / API).glob("*")]:
        if old.relative_to(docs).as_posix() not in files:
            old.unlink()
    for name, text in files.items():
        file = docs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def passages() -> dict[str, str]:
    """Returns what pages include, by file name: tables of fields and variables, the commands, the drawings."""
    return {
        "spec.md": fields_table(Spec),
        "subject.md": fields_table(SubjectSpec),
        "seed-range.md": fields_table(SeedRange),
        "edit.md": fields_table(Edit),
        "consistency.md": fields_table(Consistency),
        "sampling.md": fields_table(Sampling),
        "video.md": fields_table(VideoSpec),
        "scenes.md": fields_table(SceneKeyframe),
        "weights.md": fields_table(WeightsKeyframe),
        "frames.md": fields_table(FrameUse),
        "finetune.md": fields_table(FineTuneConfig),
        "rates.md": fields_table(Rates),
        "platform-variables.md": platform_table(),
        "dashboard-variables.md": dashboard_table(),
        "commands.md": commands_page(),
        "rest.md": rest_page(),
        "packages.svg": packages_drawing(),
        **{f"rooms-{package}.svg": rooms_drawing(package) for package in PACKAGES},
        **{f"rooms-{package}.md": _rooms_table(package) for package in PACKAGES},
    }


def _rooms_table(package: str) -> str:
    """Returns one row per room: from which rooms of any package it imports. The page itself says what each holds."""
    found = arrows()
    rows = []
    for room in rooms_of(package):
        targets = [there for (here, there) in found if here == (room.package, room.name)]
        names = sorted(name if owner == package else f"{owner}.{name}" for owner, name in targets)
        rows.append([f"[`{room.name}`](/reference/api/{room.full_name}.md)", ", ".join(f"`{n}`" for n in names)])
    return table(["Room", "Imports"], rows)
