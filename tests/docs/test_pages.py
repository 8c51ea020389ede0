"""The pages that people write: links lead somewhere, snippets parse, specs are specs."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest
import yaml

from flows.spec.yaml_file import parse_spec

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATED = ("_generated", "reference/api")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]
PAGES += [page for page in sorted(DOCS.rglob("*.md")) if not page.relative_to(DOCS).as_posix().startswith(GENERATED)]
_FENCE = re.compile(r"^```(\w+)?[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|:file: (\S+)|^```\{(?:include|figure)\} (\S+)", re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(language: str) -> list[tuple[str, str]]:
    """Every code block of a language, with the page that it is in."""
    return [
        (name_of(page), text)
        for page in PAGES
        for kind, text in _FENCE.findall(page.read_text(encoding="utf-8"))
        if kind == language
    ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_lead_to_files(page: Path) -> None:
    missing = []
    for link in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = next(one for one in link.groups() if one).partition("#")[0]
        inside = target.removeprefix("/") if target.startswith("/") else None
        file = DOCS / inside if inside is not None else (page.parent / target)
        written_by_the_build = any(f"{one}/" in file.resolve().as_posix() for one in GENERATED)
        if target and "://" not in target and not written_by_the_build and not file.exists():
            missing.append(target)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_sources_and_objects_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [path for path in re.findall(r"\{src\}`([^`]+)`", text) if not (ROOT / path).exists()] == []
    for kind, name in re.findall(r"\{py:(class|func|mod|exc)\}`~?([\w.]+)`", text):
        owner, _, attribute = name.rpartition(".")
        assert kind == "mod" or hasattr(importlib.import_module(owner), attribute), name


def test_paths_named_to_contributors_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:deploy|docs|dreamtuner|flows|storage|tests)/[^`]*|\.ci/run)`", text)
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_python_snippets_parse(page: str, text: str) -> None:
    ast.parse(text, filename=page)


def test_the_readmes_snippet_calls_the_pipeline_as_it_is() -> None:
    from dreamtuner.pipeline import DreamTunerPipeline

    (snippet,) = [text for page, text in blocks("python") if page == "README.md"]
    tree = ast.parse(snippet)
    (call,) = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "pipe"]
    given = {keyword.arg for keyword in call.keywords}
    assert given <= set(inspect.signature(DreamTunerPipeline.__call__).parameters)
    assert given >= {"reference_image", "generator"}


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_yaml_snippets_parse_and_specs_are_valid(page: str, text: str) -> None:
    content = yaml.safe_load(text)
    # pages on how to add something name what a reader has yet to add; tests/seams adds it
    if isinstance(content, dict) and "subjects" in content and "/add-" not in page:
        spec = parse_spec(text, source=page, base=ROOT / "examples")
        assert spec.cells_per_subject > 0 or spec.together


def test_there_are_specs_to_validate() -> None:
    assert sum("subjects:" in text for _, text in blocks("yaml")) >= 5


def test_hosted_ci_runs_the_same_script_as_a_developer() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    commands = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in commands
    (last,) = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make PYTHON=")]
    assert {"check", "docs", "test", "test-slow"} <= set(last.split())
