"""Forms out of schemas, and parameters out of forms."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from deploy.dashboard.schema_form import fields, read
from storage.catalog.records import CatalogError


class Part(BaseModel):
    name: str
    style: Literal["natural", "anime"] = "natural"
    caption: str | None = Field(None, description="what it shows")


class Training(BaseModel):
    steps: int = 300
    rate: float | None = None


class Parameters(BaseModel):
    run_id: str
    parts: list[Part]
    training: Training = Training()
    metrics: list[str] = ["clip_i", "dino"]
    fast: bool = True
    anything: Any = None


SCHEMA = Parameters.model_json_schema()


def form(**more: str) -> dict[str, str]:
    """What a browser sends of the form as it is shown, with what somebody filled in."""

    def shown(of: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for one in of:
            found |= (
                shown(one.fields) if one.fields else {one.key: one.value or (one.options[0] if one.options else "")}
            )
        return found

    return shown(fields(SCHEMA, {})) | {f"p.{name.replace('__', '.')}": value for name, value in more.items()}


def test_plain_types_models_and_lists_become_fields() -> None:
    kinds = {one.name: (one.kind, one.required, one.value) for one in fields(SCHEMA, {"run_id": "r"})}
    assert kinds == {
        "run_id": ("text", True, "r"),
        "parts": ("groups", True, ""),
        "training": ("group", False, '{"steps": 300, "rate": null}'),
        "metrics": ("lines", False, "clip_i\ndino"),
        "fast": ("checkbox", False, "true"),
        "anything": ("json", False, ""),
    }
    name, style, caption = fields(SCHEMA, {})[1].fields
    assert (name.key, name.required, style.options, caption.kind) == (
        "p.parts.name",
        True,
        ["natural", "anime"],
        "text",
    )
    assert (style.value, caption.words, caption.value) == ("natural", "what it shows", "")


def test_what_is_filled_in_comes_out_as_the_flow_takes_it() -> None:
    given = form(
        run_id="r", parts__name=" pip ", metrics="clip_t\n\n dino ", training__rate="1e-6", anything='{"a": [1]}'
    )
    found = read(given, fields(SCHEMA, {}))
    assert found == {
        "run_id": "r",
        "parts": [{"name": "pip", "style": "natural"}],
        "training": {"steps": 300, "rate": 1e-6},
        "metrics": ["clip_t", "dino"],
        "fast": True,
        "anything": {"a": [1]},
    }
    assert Parameters.model_validate(found).parts == [Part(name="pip")]


def test_a_group_that_nobody_touched_is_left_to_the_flow() -> None:
    assert "training" not in read(form(run_id="r", parts__name="pip"), fields(SCHEMA, {}))


@pytest.mark.parametrize(
    ("filled", "said"),
    [
        ({"parts__name": "pip"}, "Run id: fill this in"),
        ({"run_id": "r"}, "Name: fill this in"),
        ({"run_id": "r", "parts__name": "pip", "training__steps": "many"}, "Steps: 'many' is not a number"),
        ({"run_id": "r", "parts__name": "pip", "training__steps": "true"}, "Steps: 'true' is not a number"),
        ({"run_id": "r", "parts__name": "pip", "anything": "{"}, "Anything: '{' is not JSON"),
    ],
)
def test_what_cannot_be_read_is_named(filled: dict[str, str], said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        read(form(**filled), fields(SCHEMA, {}))


def test_models_within_models_end_somewhere() -> None:
    class Endless(BaseModel):
        inner: "Endless | None" = None

    deep = fields(Endless.model_json_schema()["$defs"]["Endless"] | Endless.model_json_schema(), {})
    kinds = []
    while deep:
        kinds.append(deep[0].kind)
        deep = list(deep[0].fields)
    assert kinds[-1] == "json"
    assert len(kinds) < 6
