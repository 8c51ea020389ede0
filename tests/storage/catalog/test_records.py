"""Rows become records by the names of their columns, so that a column that moves or is added mixes nothing up."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import select

import storage
from storage.catalog import Catalog, writes
from storage.catalog.database.sql import as_records
from storage.catalog.schema import Subject
from storage.catalog.views import SubjectRow

FOLDER = Path(storage.__file__).parent


def by_position(path: Path) -> list[str]:
    """The calls in a module that build a record, whose name begins with a capital, from a sequence of values."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    spread = [call for call in calls if any(isinstance(one, ast.Starred) for one in call.args)]
    names = [(call.lineno, ast.unparse(call.func).rpartition(".")[2].lstrip("_")) for call in spread]
    return [f"{path.relative_to(FOLDER)}:{line} {name}" for line, name in names if name[:1].isupper()]


def test_no_record_is_built_by_position() -> None:
    assert [one for path in sorted(FOLDER.rglob("*.py")) for one in by_position(path)] == []


def test_columns_in_any_order_become_the_fields_of_their_names(catalog: Catalog) -> None:
    with catalog.write() as s:
        number = writes.add_subject(s, name="pip", class_word="bear", style="natural")
        rows = select(
            Subject.style, Subject.class_word, Subject.name.label("reference_sha256"), Subject.name, Subject.id
        )
        assert as_records(SubjectRow, s.execute(rows)) == [SubjectRow(number, "pip", "bear", "natural", "pip")]
        with pytest.raises(TypeError, match="unexpected keyword argument 'created_at'"):
            as_records(SubjectRow, s.execute(rows.add_columns(Subject.created_at)))
