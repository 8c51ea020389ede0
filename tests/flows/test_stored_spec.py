"""Specs that are too large for Prefect are kept in the store and passed by their place."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from flows.catalog import catalog
from flows.nightly import nightly
from flows.resources import Resources
from flows.settings import Settings
from flows.spec import stored
from flows.spec.model import Spec
from flows.spec.stored import FROM, MOST_BYTES, StoredSpec, as_parameter, keep_spec
from storage.catalog import views
from storage.catalog.garbage import blobs

LARGE: dict[str, Any] = {
    "name": "feed",
    "subjects": [{"name": f"sku{i}", "class_word": "shoe", "reference": f"s3://shop/{i:060}.png"} for i in range(5000)],
    "prompts": ["a {subject} on the beach"],
    "seeds": [1],
}


def kept(content: dict[str, Any]) -> dict[str, Any]:
    resources = Resources.open()
    name = str(content.get("name"))
    return as_parameter(
        content, lambda data: keep_spec(resources.catalog, resources.store, data, name=name, person="ann")
    )


def test_a_large_spec_is_passed_by_its_place_and_read_back_as_it_was(settings: Settings) -> None:
    small = LARGE | {"subjects": LARGE["subjects"][:9]}
    assert kept(small) == small
    given = kept(LARGE)
    assert (given["name"], {*given}, len(json.dumps(given)) < 200) == ("feed", {"name", FROM}, True)
    assert len(json.dumps(LARGE)) > MOST_BYTES
    assert TypeAdapter(StoredSpec).validate_python(given) == Spec.model_validate(LARGE)
    with Resources.open(settings).catalog.read() as s:
        assert {one: used for one, _, used in blobs(s, limit=10)}[given[FROM][9:]], "the collector spares it"
        (line,) = views.audit_page(s, action="upload for orders").rows
    assert (line.actor, line.after) == ("ann", {"kind": "spec", "name": "feed"})
    schema = catalog.parameters.properties["spec"]["anyOf"]
    assert schema[1]["required"] == ["name", FROM]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "x", FROM: "object://" + "0" * 64}, "order it again, on a machine with the DREAMTUNER_STORE_URL"),
        ({"name": "x", FROM: "/etc/passwd"}, "names no stored spec"),
        ({"name": "x", FROM: 7}, "names no stored spec"),
        ({"name": "x", FROM: "object://" + "0" * 64, "seeds": 1}, "names no stored spec"),
    ],
)
def test_what_is_no_stored_spec_is_refused(settings: Settings, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(StoredSpec).validate_python(given)


def test_no_spec_file_can_name_a_stored_spec(settings: Settings) -> None:
    place = kept(LARGE)[FROM]
    with pytest.raises(ValidationError, match="from"):
        Spec.model_validate({"name": "x", FROM: place})
    nested = keep_spec(
        Resources.open().catalog, Resources.open().store, b'{"from": "object://x"}', name="x", person="ann"
    )
    with pytest.raises(ValidationError, match="is no stored spec"):
        TypeAdapter(StoredSpec).validate_python({"name": "x", FROM: nested})


@pytest.mark.slow
def test_a_nightly_spec_that_is_too_large_is_run_by_its_place(
    settings: Settings, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MOST_BYTES", 100)
    folder = tmp_path / "specs"
    folder.mkdir()
    text = "name: night\nprofile: pocket\nprompts: ['a {subject} on the beach']\nseeds: 1\nscore: []\nsubjects:\n"
    text += f"- {{name: pip, class_word: bear, reference: {references / 'pip.png'}}}\n"
    (folder / "night.yaml").write_text(text)
    assert nightly(folder).made == {"night.yaml": 1}
    with Resources.open(settings).catalog.read() as s:
        (run,) = views.recent_runs(s)
        assert run.name == "night"
        (line,) = views.audit_page(s, action="upload for orders").rows
    assert line.actor == "nightly"
