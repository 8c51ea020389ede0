"""Orders that go on from a picture: more seeds, its prompt for other subjects, the same with something changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from dreamtuner.models.profiles import get_profile
from dreamtuner.settings.styles import STYLES
from flows.planning.generated.pictures import other_numbers
from flows.planning.scenes.words import filled
from storage.catalog import views
from storage.catalog.records import CatalogError
from storage.catalog.views import OutputDetail, SubjectDetail

MORE = {
    "seeds": "more seeds",
    "subjects": "other subjects",
    "changes": "changed",
    "edit": "edited",
}
"""Ways to go on from a picture, and what the run's name says of each."""
ASKED = ("name", "profile", "subjects", "prompts", "seeds", "edit")
"""Keys of a spec that the order has of its own; an edit of an edit is one of the picture that is seen."""
SEEDS = 4  # new seeds that are proposed


@dataclass(frozen=True)
class Prefilled:
    """What the form of a catalog run shows at first. `spec`: values of its further fields, as in a spec.

    `hint`: what the person may want to do next; `open`: the further fields are shown.
    """

    name: str = ""
    prompts: str = ""
    seeds: str = "1-4"
    profile: str = ""
    subjects: Sequence[SubjectDetail] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""
    open: bool = False


def prefilled(s: Session, output_id: int, more: str) -> Prefilled:
    """Return the order that goes on from an output. Raises CatalogError for an unknown way, NotInCatalogError."""
    if more not in MORE:
        raise CatalogError(f"more: {more[:40]!r} is not known; use one of {', '.join(MORE)}")
    one = views.output(s, output_id)
    spec = views.spec_of_output(s, output_id)
    shown = [views.subject(s, link.subject_id) for link in one.subjects]
    last = views.last_seed(s, one.subject_id, one.prompt)
    hints = {
        "seeds": f"The prompt was generated up to seed {last}; the next {SEEDS} are filled in.",
        "subjects": "Choose the subjects.",
        "edit": "Say in the prompt what is to change, such as smiling. Its seed is filled in, so that the rest stays "
        "most alike; keep the background unless the pose or the scene is to change.",
        "changes": "Change the numbers below. A new mask counts from its upload on; the subject's page takes it.",
    }
    several = [name for name in ("poses", "depth") if len(spec.get(name) or ()) > 1]
    if several:
        hints[more] += f" The run had several {' and '.join(several)}; leave those that you want."
    together = "scene" in one.settings
    if together and more == "edit":
        raise CatalogError("edit: this picture shows several subjects; only pictures of one subject can be edited")
    if together and more == "subjects":
        hints[more] = "Put other subjects into the scene: their names stand in its prompt, and in the list of subjects."
    left_out = (*ASKED, "together")
    content = {name: value for name, value in spec.items() if name not in left_out and value is not None}
    if together:
        content["together"] = _scenes(one, shown, spec)
    if more != "subjects" and (own := _own_numbers(one, shown[0], spec)):
        content["sampling"] = {**(spec.get("sampling") or {}), **own}
        hints[more] += (
            f" The profile's defaults have changed since; {', '.join(own)} are stated as the picture has them."
        )
    if more == "edit":
        content["edit"] = {"output": output_id}
    elif one.sources.get("edit") is not None and spec.get("edit"):
        content["edit"] = spec["edit"]
    return Prefilled(
        name=f"{one.run_name or one.subject}, {MORE[more]}",
        prompts="" if together else _template(one, shown[0], spec),
        seeds=f"{last + 1}-{last + SEEDS}" if more == "seeds" else str(one.seed),
        profile=one.profile,
        subjects=() if more == "subjects" and not together else shown,
        spec=content,
        hint=hints[more],
        open=more == "changes",
    )


def _own_numbers(one: OutputDetail, subject: SubjectDetail, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the picture was generated with where its spec would now have others."""
    try:
        profile = get_profile(one.profile)
        here = profile.sampling(subject.style, learnt=spec.get("finetune") is not None, **(spec.get("sampling") or {}))
    except (ValueError, OSError):  # of a profile that this machine lacks
        return {}
    return other_numbers(one, here)


def _called(one: OutputDetail, spec: Mapping[str, Any], class_word: str) -> str:
    """Return how the picture's prompt names a subject: by its class word, and the learned token if there is one."""
    if spec.get("finetune") is None or one.settings.get("checkpoint") is None:
        return class_word
    try:
        return get_profile(one.profile).finetuning(**spec["finetune"]).subject_words(class_word)
    except (ValueError, OSError):  # of a profile that this machine lacks
        return class_word


def _scenes(one: OutputDetail, subjects: Sequence[SubjectDetail], spec: Mapping[str, Any]) -> list[Any]:
    """Return the scenes of the spec that became this picture; if there is none, the picture's words and regions."""
    scenes: Sequence[Any] = spec.get("together") or ()
    called = {each.name: _called(one, spec, each.class_word) for each in subjects}
    style = subjects[0].style
    found = [scene for scene in scenes if filled(str(scene.get("prompt")), called, style) == one.prompt]
    if found:
        return found
    entries = one.settings["scene"]["subjects"]
    listed = [
        {"name": link.name, "prompt": entry["prompt"].replace(_called(one, spec, link.class_word), "{subject}", 1)}
        | ({"region": entry["region"]} if isinstance(entry["region"], list) else {})
        for link, entry in zip(one.subjects, entries, strict=False)
    ]
    names = " and ".join(f"a {{{link.name}}}" for link in one.subjects)
    return [{"prompt": names, "subjects": listed}]


def _template(one: OutputDetail, subject: SubjectDetail, spec: Mapping[str, Any]) -> str:
    """Return the prompt of the spec that became this picture's, or its own with the class word as a placeholder."""
    word, called = STYLES[subject.style].word, _called(one, spec, subject.class_word)
    for prompt in map(str, spec.get("prompts") or ()):
        if prompt.replace("{subject}", called).replace("{style}", word) == one.prompt:
            return prompt
    return one.prompt.replace(called, "{subject}", 1)
