"""An order that is being written: a spec as YAML, shown as a form and changed by it. The YAML is the only truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from deploy.dashboard.ordering.fields import FINETUNE, SAMPLING, finetune_numbers, sampling_numbers
from deploy.dashboard.ordering.scenes import TOGETHER, region_of, region_text, scenes_of
from deploy.dashboard.ordering.yaml_text import REMOVED, changed, parsed
from dreamtuner.models.profiles import DEFAULT_PROFILE, Profile, get_profile
from flows.spec.feed_source import FROM
from flows.spec.model import MAX_CELLS, Spec
from flows.spec.problems import PlacedErrors
from flows.spec.seeds import expanded
from flows.spec.yaml_problems import yaml_problem

ORDER = tuple(Spec.model_fields)
"""The order in which keys are written that were not there."""
WITHOUT = "null"
"""As a control image: none."""
LISTS = {"poses": "pose", "depth": "depth"}
TEXTS = ("name", "negative_prompt", "masker", "captioner", "project")
Form = Any


@dataclass(frozen=True)
class Draft:
    """The YAML of an order, and what it holds; `content`: None if it is not YAML or no mapping, `why` says it."""

    text: str
    content: Mapping[str, Any] | None = field(default_factory=dict)
    why: str = ""

    @classmethod
    def of(cls, text: str) -> Draft:
        """Read a text."""
        try:
            content = parsed(text)
        except yaml.YAMLError as error:
            found = yaml_problem(error, text)
            return cls(text, None, f"line {found.line}: {found.message}" if found.line else found.message)
        except (ValueError, RecursionError) as error:
            itself = "an alias (*name) stands for what it is part of; write it out"
            return cls(text, None, itself if "ircular" in str(error) else str(error))
        if content is not None and not isinstance(content, dict):
            return cls(text, None, "the text is no mapping of keys to values; begin with a line such as name: trip")
        return cls(text, content or {})

    @classmethod
    def read(cls, form: Form) -> Draft:
        """Read the order that a form holds: its YAML, or the YAML below it changed by its fields.

        What a field cannot hold becomes a text of the YAML, so that nothing is lost and its check says what is wrong.
        """
        base = cls.of(str(form.get("yaml") or "").replace("\r\n", "\n"))
        if form.get("mode") == "yaml" or base.content is None:
            return base
        return cls.of(changed(base.text, base._changes(form), ORDER))

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key of the spec, as it is written."""
        return default if self.content is None else self.content.get(key, default)

    @property
    def profile(self) -> Profile | None:
        """Return the profile that the order names; None if there is none of this name."""
        try:
            return get_profile(str(self.get("profile") or DEFAULT_PROFILE))
        except (ValueError, OSError):
            return None

    @property
    def entries(self) -> Sequence[Any]:
        """Return the subjects that are written one by one."""
        found = self.get("subjects")
        return found if isinstance(found, list) else ()

    @property
    def feed(self) -> str:
        """Return the place of the feed of subjects; empty without one."""
        found = self.get("subjects")
        return str(found.get(FROM) or "") if isinstance(found, dict) else ""

    @property
    def names(self) -> list[str]:
        """Return the names of the subjects that are written."""
        return [name for one in self.entries if (name := name_of(one))]

    @property
    def prompts(self) -> list[str]:
        """Return the prompts, each on one line."""
        found = self.get("prompts")
        return [" ".join(str(one).split()) for one in found] if isinstance(found, list) else []

    @property
    def seeds(self) -> str:
        """Return the seeds as text, such as 1-4, 9."""
        return seeds_text(self.get("seeds"))

    def places(self, key: str) -> list[str]:
        """Return the poses or depth maps, null for none."""
        found = self.get(key)
        return [WITHOUT if one is None else str(one) for one in found] if isinstance(found, list) else [WITHOUT]

    def numbers(self, key: str) -> Mapping[str, Any]:
        """Return the settings of `sampling` or `finetune` that are written."""
        found = self.get(key)
        return found if isinstance(found, dict) else {}

    @property
    def consistency(self) -> str:
        """Return the weight of a set's first image as text; empty where images do not see each other."""
        found = self.get("consistency")
        weight = found.get("weight", 1) if isinstance(found, dict) else found
        return "" if weight is None else str(weight)

    @property
    def score(self) -> list[str] | None:
        """Return the metrics; None: the profile's."""
        found = self.get("score")
        return [str(one) for one in found] if isinstance(found, list) else None

    @property
    def edited_mask(self) -> str:
        """Return where the subject of the edited picture is, as text; empty where the masker finds it."""
        return region_text(self.numbers("edit").get("mask"))

    def _changes(self, form: Form) -> dict[str, Any]:
        """Return the keys whose fields say another thing than the text does."""
        found: dict[str, Any] = {}

        def put(key: str, shown: Any, sent: Any, value: Any) -> None:
            if sent != shown:
                found[key] = value

        for key in TEXTS:
            sent = " ".join(str(form.get(key) or "").split())
            put(key, " ".join(str(self.get(key) or "").split()), sent, sent or REMOVED)
        profile = str(form.get("profile") or "")
        put("profile", str(self.get("profile") or DEFAULT_PROFILE), profile or DEFAULT_PROFILE, profile or REMOVED)
        put("priority", self.get("priority") or "normal", sent := form.get("priority") or "normal", sent)
        subjects = self._subjects(form)
        put("subjects", self.get("subjects") or [], subjects, subjects or REMOVED)
        prompts = [" ".join(line.split()) for line in str(form.get("prompts") or "").splitlines() if line.strip()]
        put("prompts", self.prompts, prompts, prompts or REMOVED)
        if TOGETHER in form and isinstance(self.get(TOGETHER) or [], list):
            scenes = scenes_of(form, self.get(TOGETHER))
            put(TOGETHER, self.get(TOGETHER) or [], scenes, scenes or REMOVED)
        seeds = " ".join(str(form.get("seeds") or "").split())
        put("seeds", self.seeds, seeds, _seeds(seeds))
        for key in LISTS:
            places = list(dict.fromkeys(str(one) for one in form.getlist(key))) or [WITHOUT]
            values = [None if one == WITHOUT else one for one in places]
            put(key, self.places(key), places, REMOVED if values == [None] else values)
        score = {"none": [], "chosen": [str(one) for one in form.getlist("metric")]}.get(str(form.get("scored")))
        put("score", self.score, score, REMOVED if score is None else score)
        self._put_numbers(form, found)
        self._put_limits(form, found)
        self._put_pictures(form, found)
        return found

    def _subjects(self, form: Form) -> Any:
        """Return the subjects: a feed, or the written entries that are kept, and those that were picked.

        What the form cannot show, or does not show because it is too much, stays.
        """
        if form.get("subjects_kept") or not isinstance(self.get("subjects") or [], list | dict):
            return self.get("subjects")
        if feed := str(form.get("feed") or ""):
            return {FROM: feed} if form.get("feed_kept") else []
        wanted = [str(one) for one in form.getlist("subject")]
        kept = [one for one in self.entries if name_of(one) in wanted or not name_of(one)]
        there = {name_of(one) for one in kept}
        return [*kept, *({"name": one} for one in dict.fromkeys(wanted) if one not in there)]

    def _put_numbers(self, form: Form, found: dict[str, Any]) -> None:
        learns = bool(form.get("finetunes"))
        profile = self.profile
        before = self.numbers(SAMPLING)
        after = sampling_numbers(profile, before, learnt=learns).read(form, before)
        if after != before:
            found[SAMPLING] = after or REMOVED
        before = self.numbers(FINETUNE)
        given = finetune_numbers(profile, before).read(form, before) if learns else None
        was = self.get(FINETUNE)
        if given != was and not (learns and not given and not isinstance(was, dict | None)):
            found[FINETUNE] = REMOVED if given is None else given
        estimators = dict(self.numbers("estimators"))
        for kind in {*(str(one)[11:] for one in form if str(one).startswith("estimators."))}:
            name = str(form.get(f"estimators.{kind}") or "")
            estimators.pop(kind, None) if not name else estimators.__setitem__(kind, name)
        if estimators != self.numbers("estimators"):
            found["estimators"] = estimators or REMOVED

    def _put_limits(self, form: Form, found: dict[str, Any]) -> None:
        workers = str(form.get("workers") or "").strip()
        was = self.get("workers")
        if workers != ("" if was is None else str(was)):
            found["workers"] = _number(workers) if workers else REMOVED
        before = self.numbers("budget")
        budget = {key: one for key, one in before.items() if key not in ("device_seconds", "money")}
        for key in ("device_seconds", "money"):
            text = str(form.get(f"budget.{key}") or "").strip()
            if text:
                budget[key] = before[key] if text == str(before.get(key)) else _number(text)
        if budget != before:
            found["budget"] = budget or REMOVED

    def _put_pictures(self, form: Form, found: dict[str, Any]) -> None:
        """Read how generated pictures are seen. Which one is edited, or is the first of a set, stays as written."""
        before = self.get("edit")
        if isinstance(before, dict) and "edit.weight" in form:
            after = {key: one for key, one in before.items() if key not in ("weight", "keep_background", "mask")}
            text = str(form.get("edit.weight") or "").strip()
            if text:
                after["weight"] = before["weight"] if text == str(before.get("weight")) else _number(text)
            if form.get("edit.keep_background"):
                after["keep_background"] = True
            elif before.get("keep_background") is False:
                after["keep_background"] = False
            if text := " ".join(str(form.get("edit.mask") or "").split()):
                after["mask"] = before["mask"] if text == region_text(before.get("mask")) else region_of(text)
            kept = bool(form.get("edit.kept"))
            if not kept or after != before:
                found["edit"] = after if kept else REMOVED
        text = str(form.get("consistency.weight") or "").strip()
        if "consistency.weight" in form and text != self.consistency:
            was = self.get("consistency")
            of_mapping = {**was, "weight": _number(text)} if isinstance(was, dict) and text else _number(text)
            found["consistency"] = of_mapping if text else REMOVED


def name_of(entry: Any) -> str:
    """Return the name of a subject's entry as it is written; empty if it has none."""
    return str(entry.get("name") or "") if isinstance(entry, dict) else ""


def seeds_text(given: Any) -> str:
    """Return seeds as text: [1, 2, 3, 9] is 1-3, 9. What cannot be expanded is returned as it is written."""
    if given is None:
        return ""
    try:
        numbers = expanded(given, most=MAX_CELLS)
    except (PlacedErrors, ValueError):
        return str(given)
    if not isinstance(numbers, tuple):
        return str(given)
    parts: list[list[int]] = []
    for one in numbers:
        if parts and one == parts[-1][-1] + 1:
            parts[-1].append(one)
        else:
            parts.append([one])
    written = [[f"{one[0]}-{one[-1]}"] if len(one) > 2 else [str(each) for each in one] for one in parts]
    return ", ".join(each for one in written for each in one)


def _seeds(text: str) -> Any:
    if not text:
        return REMOVED
    return [int(text)] if text.isascii() and text.isdecimal() and len(text) < 13 else text


def _number(text: str) -> float | int | str:
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text
