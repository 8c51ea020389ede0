"""The generated half of the documentation names every command, option, field, variable and room that there is."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.main import get_command

from deploy.cli.main import app
from docs.generate.api import api_pages
from docs.generate.commands import command_names, commands_page
from docs.generate.docstrings import as_restructured_text
from docs.generate.drawing import packages_drawing, rooms_drawing
from docs.generate.environment import dashboard_table, platform_table, variables_read
from docs.generate.markdown import code, escaped
from docs.generate.models import fields_table
from docs.generate.rooms import PACKAGES, arrows, rooms_of
from docs.generate.site import API, PASSAGES, passages, write_site
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.frames import FrameUse
from dreamtuner.settings.sampling import Sampling
from flows.settings import Settings, variable_of
from flows.spec.model import Spec
from flows.spec.subject import SubjectSpec
from flows.spec.video import VideoSpec
from tests.test_architecture import ROOMS_IN_ORDER

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _options(command: object) -> list[str]:
    return [name for one in getattr(command, "params", []) for name in one.opts if name.startswith("--")]


def test_every_command_and_option_is_in_the_reference() -> None:
    page = commands_page()
    sections = {part.splitlines()[0].strip("# `"): part for part in page.split("\n#")}
    for name in command_names():
        command = get_command(app)
        for part in name.split():
            command = command.commands[part]  # type: ignore[attr-defined]
        section = sections[f"dreamtuner {name}"]
        assert [option for option in _options(command) if option not in section] == []


def test_every_command_with_json_has_its_keys_listed() -> None:
    listed = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    named = [name for name, command in commands.items() if "--json" in _options(command)]
    assert named
    assert [name for name in named if f"| `{name}` |" not in listed] == []


@pytest.mark.parametrize("model", [Spec, SubjectSpec, Sampling, FineTuneConfig, VideoSpec, FrameUse])
def test_every_field_has_a_row_with_its_description(model: type[Spec]) -> None:
    rows = fields_table(model).splitlines()[2:]
    for row, (name, field) in zip(rows, model.model_fields.items(), strict=True):
        assert row.startswith(f"| `{name}` |")
        assert escaped(field.description or "") in row


def test_every_variable_is_in_the_reference() -> None:
    assert {name for name in variables_read() if f"`{name}`" not in platform_table() + dashboard_table()} == set()
    for name, field in Settings.model_fields.items():
        assert f"| `{variable_of(name)}` |" in platform_table()
        assert escaped(field.description or "") in platform_table()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_is_drawn_and_every_arc_leads_upwards(package: str) -> None:
    drawing = ET.fromstring(rooms_drawing(package))
    drawn = [one.text for one in drawing.iter("text") if one.get("class") is None]
    assert drawn == [room.name for room in rooms_of(package)]
    assert {room for room in ROOMS_IN_ORDER[package] if room not in drawn} <= {"catalog.migrations"}
    for path in drawing.iter("path"):
        _, start, *_, end = path.get("d", "").split()
        assert int(start) > int(end)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_unbuilt_page_lists_every_room_in_its_order(package: str) -> None:
    page = (DOCS / "concepts" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition(f"\n### {package}\n")[2].partition("\n### ")[0]
    assert tuple(re.findall(r"^- `([\w.]+)`: ", section, re.MULTILINE)) == ROOMS_IN_ORDER[package]


def test_the_packages_drawing_counts_every_import_between_packages() -> None:
    between = [n for ((here, _), (there, _)), n in arrows().items() if here != there]
    texts = [one.text or "" for one in ET.fromstring(packages_drawing()).iter("text")]
    assert sum(int(text.split()[0]) for text in texts if text.endswith(" imports")) == sum(between)


def test_every_module_has_its_place_in_the_python_api() -> None:
    text = "".join(api_pages().values())
    for package in PACKAGES:
        for room in rooms_of(package):
            assert [module for module in room.modules if f".. automodule:: {module}\n" not in text] == []


def test_pages_include_only_what_is_generated(tmp_path: Path) -> None:
    made = passages()
    for page in DOCS.rglob("*.md"):
        for line in page.read_text(encoding="utf-8").splitlines():
            if f"../{PASSAGES}/" in line:
                assert line.rpartition("/")[2] in made


def test_pages_of_rooms_that_are_gone_are_removed(tmp_path: Path) -> None:
    old = tmp_path / API / "dreamtuner.gone.md"
    old.parent.mkdir(parents=True)
    old.write_text("# `dreamtuner.gone`\n")
    write_site(tmp_path)
    assert not old.exists()
    assert (tmp_path / API / "dreamtuner.attention.md").is_file()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["Uses `x` and w_ref_, 2*3."], ["Uses ``x`` and w_ref\\_, 2\\*3."]),
        (["Formula:", "", "    a = b * c", "", "After."], ["Formula:", "", "::", "", "    a = b * c", "", "After."]),
        (["Decided:", "- one", "  more", "- two"], ["Decided:", "", "- one", "  more", "- two"]),
        (["It solves", "    x = y * z", "again."], ["It solves", "", "::", "", "    x = y * z", "", "again."]),
        (
            ["Differs:", "- no mask;", "- dt = 0.", "Its half."],
            ["Differs:", "", "- no mask;", "- dt = 0.", "", "Its half."],
        ),
        (["Args:", "    x: a `y`."], ["Args:", "    x: a ``y``."]),
    ],
)
def test_docstrings_become_restructured_text(given: list[str], expected: list[str]) -> None:
    assert as_restructured_text(given) == expected


def test_code_in_tables_keeps_its_bars() -> None:
    assert code("a|b") == r"`a\|b`"
    assert escaped("a_b `c_d` <e>") == r"a\_b `c_d` \<e\>"
