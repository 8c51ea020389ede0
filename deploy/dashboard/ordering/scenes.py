"""Scenes of several subjects in an order's form: one prompt per line, and below them where each subject stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dreamtuner.settings.regions import Box, columns
from flows.spec.scenes.scene import STYLE, Scene

Form = Any
_NAMED = re.compile(r"\{([^{}]*)\}")
MOST = 1e6
"""Larger numbers, which no box has, are shown and kept as they are written."""
TOGETHER = "together"
"""The key in a spec, and the field with the prompts; the fields of a scene are `scene.<i>` and `region.<i>.<name>`."""


@dataclass(frozen=True)
class Standing:
    """One subject of a scene. `field`: its name in the form; `text`: its region as text, empty where none is stated.

    `box`: where it is drawn in the sketch; None for a mask, and for what is no region. `stated`: the box is written,
    not the default side by side.
    """

    name: str
    field: str
    text: str
    box: Box | None
    stated: bool


@dataclass(frozen=True)
class SceneRow:
    """A scene as the form shows it: its prompt and its subjects, from back to front. `field`: names it in the form."""

    prompt: str
    field: str
    subjects: Sequence[Standing]


def scene_prompts(written: Any) -> list[str]:
    """Return the prompts of the scenes that are written, each on one line; of what is no list, none."""
    return [_prompt(one) for one in written] if isinstance(written, list) else []


def scene_rows(written: Any) -> list[SceneRow]:
    """Return the valid scenes of what is written; what is not valid has no row, and its problem says why."""
    rows = []
    for i, entry in enumerate(written if isinstance(written, list) else ()):
        scene, regions = _scene(entry), True
        if scene is None:  # its regions may be all that is wrong: their fields are shown so that they can be corrected
            scene, regions = _scene(_without_regions(entry)), False
        if scene is not None:
            rows.append(SceneRow(_prompt(entry), _field(i), _standings(i, entry, scene, regions=regions)))
    return rows


def scenes_of(form: Form, written: Any) -> list[Any]:
    """Return the scenes that a form states: one per line of its prompts, with what is written of them and its regions.

    A line that was edited keeps what is written of those subjects that it still names.
    """
    before = written if isinstance(written, list) else []
    lines = [" ".join(line.split()) for line in str(form.get(TOGETHER) or "").splitlines() if line.strip()]
    found: list[Any] = list(lines)
    for at, i in _same(lines, dict(enumerate(map(_prompt, before)))).items():
        found[at] = _renamed(before[i], lines[at])
    # the fields of a scene are of the line that it was when they were shown
    shown = {int(number): str(form.get(f"scene.{number}")) for number in _numbers(form)}
    for at, i in _same(lines, shown).items():
        found[at] = _with_regions(form, i, found[at])
    return found


def _same(lines: Sequence[str], prompts: Mapping[int, str]) -> dict[int, int]:
    """Return which line each scene, by its number, is now: the one with its prompt, else the one in its place.

    A scene is one line at most, and a line one scene; what no line is left for was removed.
    """
    found: dict[int, int] = {}
    left = dict(prompts)
    for at, line in enumerate(lines):
        if (same := next((i for i, prompt in left.items() if prompt == line), None)) is not None:
            found[at] = same
            del left[same]
    return found | {i: i for i in left if i < len(lines) and i not in found}


def _numbers(form: Form) -> list[str]:
    keys = dict.fromkeys(str(key).removeprefix("scene.") for key in form if str(key).startswith("scene."))
    return [one for one in keys if one.isascii() and one.isdecimal() and len(one) < 7]


def _prompt(entry: Any) -> str:
    found = entry.get("prompt", "") if isinstance(entry, Mapping) else entry
    return " ".join(str(found).split())


def _listed(entry: Any) -> list[Any]:
    found = entry.get("subjects") if isinstance(entry, Mapping) else None
    return list(found) if isinstance(found, list) else []


def region_text(region: Any) -> str:
    """Return a region as the text of a field; empty if there is none."""
    if region is None:
        return ""
    if not _is_numbers(region):
        return " ".join(str(region).split())
    return ", ".join(f"{one:g}" if abs(one) < MOST else str(one) for one in region)


def region_of(text: str) -> Any:
    """Return the region that a field states: four numbers, or the text, which is the place of a mask."""
    try:
        numbers = [float(part) for part in text.strip("[]").split(",")]
    except ValueError:
        return text
    return [int(one) if one.is_integer() and abs(one) < MOST else one for one in numbers]


def _is_numbers(region: Any) -> bool:
    return isinstance(region, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in region
    )


def _field(scene: int, name: str | None = None) -> str:
    return f"scene.{scene}" if name is None else f"region.{scene}.{name}"


def _with_regions(form: Form, scene: int, entry: Any) -> Any:
    """Return a scene with the regions that the form states otherwise."""
    prompt, listed = _prompt(entry), [dict(one) if isinstance(one, Mapping) else one for one in _listed(entry)]
    places = {str(one.get("name")): i for i, one in enumerate(listed) if isinstance(one, dict)}
    prefix, changed = _field(scene, ""), False
    for key in dict.fromkeys(str(one) for one in form if str(one).startswith(prefix)):
        name, text = key.removeprefix(prefix), " ".join(str(form.get(key) or "").split())
        own = listed[places[name]] if name in places else {"name": name}
        if f"{{{name}}}" not in prompt or text == region_text(own.get("region")):
            continue
        changed = True
        own = {one: value for one, value in own.items() if one != "region"} | (
            {"region": region_of(text)} if text else {}
        )
        if name in places:
            listed[places[name]] = own
        else:
            for each in _NAMED.findall(prompt):  # who is named before it stays behind it
                if each not in places and each != STYLE:
                    places[each] = len(listed)
                    listed.append(own if each == name else {"name": each})
                if each == name:
                    break
    return _entry(entry, prompt, listed) if changed else entry


def _renamed(entry: Any, prompt: str) -> Any:
    """Return a scene under another prompt, without the subjects that it no longer names."""
    if _prompt(entry) == prompt:
        return entry
    kept = [one for one in _listed(entry) if isinstance(one, Mapping) and f"{{{one.get('name')}}}" in prompt]
    return _entry(entry, prompt, kept)


def _entry(entry: Any, prompt: str, listed: Sequence[Any]) -> Any:
    whole = {**entry} if isinstance(entry, Mapping) else {}
    whole["prompt"] = prompt
    whole.pop("subjects", None)
    if listed:  # also those without values of their own: their order decides who is in front
        whole["subjects"] = list(listed)
    return prompt if len(whole) == 1 else whole


def _scene(entry: Any) -> Scene | None:
    try:
        return Scene.model_validate(entry)
    except ValidationError:
        return None


def _without_regions(entry: Any) -> Any:
    bare = [{k: v for k, v in one.items() if k != "region"} for one in _listed(entry) if isinstance(one, Mapping)]
    return {**entry, "subjects": bare} if isinstance(entry, Mapping) else entry


def _standings(number: int, entry: Any, scene: Scene, *, regions: bool) -> list[Standing]:
    texts = {str(one.get("name")): region_text(one.get("region")) for one in _listed(entry) if isinstance(one, Mapping)}
    side_by_side = dict(zip(scene.named, columns(len(scene.named)), strict=True))
    found = []
    for one in scene.cast:
        text, stated = texts.get(one.name, ""), one.region if regions and isinstance(one.region, tuple) else None
        box = stated or (None if text else side_by_side[one.name])
        found.append(Standing(one.name, _field(number, one.name), text, box, stated is not None))
    return found
