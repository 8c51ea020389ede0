"""What the program says of itself, and names that look like the terminal's markup."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from typer.main import get_command
from typer.testing import CliRunner

from deploy.cli import terminal
from deploy.cli.main import app
from deploy.cli.progress import ProgressLine
from deploy.cli.tables import plan_table, print_sheet, run_table, status_table
from flows.planning.preview import Preview
from flows.progress import Progress
from flows.reporting.summary import RunSummary, SubjectSummary
from flows.spec.model import Spec
from storage.catalog.records import CELL_STATES, StatusView
from storage.catalog.views.runs.missing_cells import MissingCells
from storage.rates import Rates


def commands() -> Iterator[list[str]]:
    """The words of every command and of every group of them."""

    def below(command: object, words: list[str]) -> Iterator[list[str]]:
        yield words
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(inner, [*words, name])

    yield from below(get_command(app), [])


def test_every_command_takes_h_and_shows_flags_without_a_type() -> None:
    for words in commands():
        said = CliRunner().invoke(app, [*words, "-h"])
        assert said.exit_code == 0, words
        assert "Usage: " in said.output
        assert "<bool>" not in said.output, words


def test_no_help_text_loses_words_that_look_like_markup() -> None:
    """Rich reads [@revision] as a tag of its own; in a help text it needs a backslash."""
    for words in commands():
        command = get_command(app)
        for word in words:
            command = command.commands[word]  # type: ignore[attr-defined]
        for text in [command.help, *(getattr(one, "help", None) for one in command.params)]:
            plain = (text or "").replace("\\[", "[")
            assert Text.from_markup(text or "", emoji=False).plain == plain, words


def test_the_version_is_told() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert said.exit_code == 0
    assert re.fullmatch(r"dreamtuner (\d+\.\d+\.\d+\S*|, from a folder.*)\n", said.output)


NAME = "fox [v2] [red] :bear:"


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return terminal._console(file=file, width=200), file


def test_a_name_is_printed_as_it_is(printed: tuple[Console, io.StringIO]) -> None:
    console, file = printed
    subject = SubjectSummary(name=NAME, made=1, skipped=0, failed=1, doubtful=False, scores={}, errors=(f"no {NAME}",))
    summary = RunSummary("r", NAME, Path(f"/runs/{NAME}/contact_sheet.png"), (subject, subject))
    console.print(run_table(summary))
    print_sheet(console, summary)
    console.print(status_table(StatusView(0, dict.fromkeys(CELL_STATES, 0), 0), [], MissingCells(0, 0, 0), {}, Rates()))
    assert file.getvalue().count(NAME) == 7


@pytest.mark.parametrize("live", [True, False])
def test_a_name_beside_the_progress_is_printed_as_it_is(live: bool) -> None:
    file = io.StringIO()
    console = terminal._console(file=file, width=200, force_terminal=live)
    with ProgressLine(console) as line:
        line(Progress("ingest", 0, 2, NAME))
    assert NAME in file.getvalue()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompts": ["a {subject}"], "seeds": [1]}, "1 subject x 1 prompt x 1 seed"),
        (
            {"prompts": ["a {subject}"], "together": ["a {pip}", "the {pip}"]},
            "(1 subject x 1 prompt + 2 scenes) x 2 seeds",
        ),
        ({"together": ["a {pip}"], "poses": ["a.png", "b.png"]}, "1 scene x 2 poses x 2 seeds"),
    ],
)
def test_the_grid_of_a_plan_multiplies_to_its_cells(fields: dict[str, Any], said: str) -> None:
    subjects = [{"name": "pip", "class_word": "bear", "reference": "pip.png"}]
    spec = Spec.model_validate({"name": "t", "subjects": subjects, "seeds": [1, 2], **fields})
    table = plan_table(spec, Preview((), (), {}, (), None, None))
    out = io.StringIO()
    Console(file=out, width=100).print(table)
    assert out.getvalue().startswith(f"t: {said}; 0 cells to generate")
