"""The fields of an order's form: what the spec says is shown in them, and what they say goes back into the spec."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from deploy.dashboard.ordering.yaml_text import parsed
from deploy.dashboard.schema_form import Field, fields
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig, Mode
from dreamtuner.settings.sampling import Sampling

SAMPLING, FINETUNE = "sampling", "finetune"
_FIRST = ("steps", "size", "w_ref", "p_r", "w_r", "w_c", "scheduler")
"""Settings that are shown first."""


@dataclass(frozen=True)
class Numbers:
    """The fields of the settings of sampling or fine-tuning: an empty one means the profile's, which is shown in it."""

    key: str
    fields: Sequence[Field]
    defaults: Mapping[str, str]

    @classmethod
    def of(cls, key: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Numbers:
        """Make the fields. `given`: what the spec sets; `defaults`: of the profile, by name."""
        model = Sampling if key == SAMPLING else FineTuneConfig
        schema = model.model_json_schema()
        properties = {name: _optional(about) for name, about in schema["properties"].items()}
        found = fields({**schema, "properties": properties, "required": []}, dict(given))
        found = [replace(one, key=f"{key}.{one.name}", fields=(), kind=_plain(one)) for one in found]
        order = {name: i for i, name in enumerate(_FIRST)}
        found.sort(key=lambda one: order.get(one.name, len(order)))
        return cls(key, found, {name: _written(value) for name, value in defaults.items()})

    def read(self, form: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that the form sets, with those of `before` that it has no field for."""
        ours = {one.name for one in self.fields}
        found = {name: value for name, value in before.items() if name not in ours}
        for one in self.fields:
            text = str(form.get(one.key) or "").strip()
            if text == one.value and one.name in before:
                found[one.name] = before[one.name]
            elif text:
                found[one.name] = _value(one, text)
        return {
            name: found[name] for name in [*(n for n in before if n in found), *(n for n in found if n not in before)]
        }


def sampling_numbers(profile: Profile | None, given: Mapping[str, Any], *, learnt: bool) -> Numbers:
    """Return the fields of `sampling`."""
    defaults = {} if profile is None else profile.sampling("natural", learnt=learnt).model_dump(mode="json")
    return Numbers.of(SAMPLING, given, defaults)


def finetune_numbers(profile: Profile | None, given: Mapping[str, Any]) -> Numbers:
    """Return the fields of `finetune`."""
    mode: Mode = "full" if given.get("mode") == "full" else "lora"
    defaults = {} if profile is None else profile.finetuning(mode=mode).model_dump(mode="json")
    return Numbers.of(FINETUNE, given, defaults)


def _optional(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return a property without its default; a switch becomes a choice that may be left open."""
    found = {name: value for name, value in about.items() if name != "default"}
    kinds = [one.get("type") for one in found.get("anyOf") or ()]
    if found.get("type") == "boolean" or "boolean" in kinds:
        return {"type": "string", "enum": ["true", "false"], "description": found.get("description", "")}
    return found


def _plain(field: Field) -> Any:
    return "json" if field.kind in ("group", "groups", "lines") else field.kind


def _written(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _value(field: Field, text: str) -> Any:
    if field.kind == "select" and text in ("true", "false"):
        return text == "true"
    if field.kind in ("text", "select"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return parsed(text) if text.strip()[:1] in ("{", "[") else text
    except (yaml.YAMLError, ValueError, RecursionError):
        return text  # the spec's own check says what it must be, at its field
