"""The entry of one scene in a spec: a prompt that names several subjects, and where each of them is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from flows.spec.entry import PLACE, Name, Path, Region, StrictModel, Text, moved
from flows.spec.problems import PlacedError

STYLE = "style"
SUBJECT = "{subject}"
MAX_IN_SCENE = 8
_NAMED = re.compile(r"\{([^{}]*)\}")


def _more_braces(text: str) -> bool:
    """Return whether braces are left besides those of names."""
    rest = _NAMED.sub("", text)
    return "{" in rest or "}" in rest


class SceneSubject(StrictModel):
    """One subject of a scene. What it does not state is decided by the scene's prompt and the spec's settings."""

    name: Name = Field(description="the name of one of the spec's subjects, which the prompt names in braces")
    region: Region = Field(
        default=None,
        union_mode="left_to_right",
        description="where it is: a box [left, top, right, bottom] in 0..1 of the image, or a mask, white inside; "
        "null: from the pose skeleton where that shows as many figures as there are subjects, else side by side: "
        f"{PLACE}",
    )
    prompt: Text | None = Field(
        default=None,
        description="what its region shows, such as 'a waving {subject} on the beach'; null: the scene's prompt "
        "without the other subjects",
    )
    w_ref: float | None = Field(
        default=None, gt=0, le=100, description="w_ref in its region, Eq. 3; null: that of the settings"
    )
    w_r: float | None = Field(
        default=None, ge=0, le=100, description="w_r in its region, Eq. 4; null: that of the settings"
    )

    @field_validator("prompt")
    @classmethod
    def _names_itself(cls, prompt: str | None) -> str | None:
        if prompt is not None:
            if SUBJECT not in prompt:
                raise ValueError(f"{prompt!r} lacks the placeholder {SUBJECT}, which stands for this subject")
            if others := [name for name in _NAMED.findall(prompt) if name not in ("subject", STYLE)]:
                raise ValueError(f"{{{others[0]}}} is another placeholder; here are {SUBJECT} and {{style}}")
            if _more_braces(prompt):
                raise ValueError(f"{prompt!r} holds another brace; the placeholders are {SUBJECT} and {{style}}")
        return prompt


class Scene(StrictModel):
    """Images of several subjects: in every pose, depth map and seed of the spec, one image.

    A text alone is a scene with that prompt.
    """

    prompt: Text = Field(description="names each subject in braces by its name: a {pip} and a {momo} on the beach")
    subjects: Annotated[tuple[SceneSubject, ...], Field(strict=False, max_length=MAX_IN_SCENE)] = Field(
        default=(),
        description="where each subject is and what it does there, from back to front: of two whose regions overlap, "
        "the later one is in front; those that are left out stand side by side, in the order of the prompt",
    )
    background: str | None = Field(
        default=None,
        max_length=2000,
        description="what lies outside all regions; null: the end of the prompt, after the last subject",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_prompt_alone(cls, content: Any) -> Any:
        return {"prompt": content} if isinstance(content, str) else content

    @property
    def named(self) -> tuple[str, ...]:
        """The names of its subjects, in the order of the prompt."""
        return tuple(name for name in _NAMED.findall(self.prompt) if name != STYLE)

    @property
    def cast(self) -> tuple[SceneSubject, ...]:
        """Its subjects from back to front: those that are listed in their order, then the others as named."""
        listed = {one.name for one in self.subjects}
        return (*self.subjects, *(SceneSubject(name=name) for name in self.named if name not in listed))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its subjects, from back to front."""
        return tuple(one.name for one in self.cast)

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        named = self.named
        if not named:
            raise PlacedError(
                ["prompt"], f"{self.prompt!r} names no subject; write for example 'a {{pip}} and a {{momo}}'"
            )
        if "subject" in named:
            raise PlacedError(
                ["prompt"], f"{SUBJECT} stands for each subject in prompts; a scene names its own: {{pip}}"
            )
        if len(named) > MAX_IN_SCENE:
            raise PlacedError(["prompt"], f"names {len(named)} subjects; name at most {MAX_IN_SCENE}")
        for name in named:
            if named.count(name) > 1:
                raise PlacedError(["prompt"], f"names {{{name}}} twice; an image shows a subject once")
        if _more_braces(self.prompt):
            raise PlacedError(["prompt"], f"{self.prompt!r} holds another brace; write names as {{pip}}")
        background = self.background or ""
        if _more_braces(background) or not {*_NAMED.findall(background)} <= {STYLE, *named}:
            raise PlacedError(["background"], f"{background!r} holds a brace; write what lies behind without names")
        listed = [one.name for one in self.subjects]
        for i, name in enumerate(listed):
            if name not in named:
                raise PlacedError(
                    ["subjects", i, "name"], f"the prompt does not name {{{name}}}; add it, or remove this"
                )
            if name in listed[:i]:
                raise PlacedError(["subjects", i, "name"], f"{name!r} is listed twice; remove one")
        return self

    def places(self) -> Iterator[tuple[Path, str]]:
        """Yield every path and URL of a mask, with its position."""
        for i, one in enumerate(self.subjects):
            if isinstance(one.region, str):
                yield ("subjects", i, "region"), one.region

    def with_places(self, change: Callable[[str], str]) -> Self:
        """Return the scene with every path and URL changed."""
        if not any(isinstance(one.region, str) for one in self.subjects):
            return self
        changed = (one.model_copy(update={"region": moved(one.region, change)}) for one in self.subjects)
        return self.model_copy(update={"subjects": tuple(changed)})


def demand_known(scenes: Sequence[Scene], names: Sequence[str]) -> None:
    """Raise PlacedError if a scene names a subject that the spec does not list, or two scenes mean the same."""
    first: dict[object, int] = {}
    for i, scene in enumerate(scenes):
        for name in scene.named:
            if name not in names:
                known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
                raise PlacedError(
                    [i, "prompt"],
                    f"names {{{name}}}, which is none of the spec's subjects ({known}); add it to subjects",
                )
        if STYLE in names and f"{{{STYLE}}}" in scene.prompt:
            raise PlacedError(
                [i, "prompt"],
                f"{{{STYLE}}} stands for the style's word, and a subject is called so; give that subject another name",
            )
        same = first.setdefault((scene.prompt, scene.cast, scene.background), i)
        if same != i:
            raise PlacedError([i], f"equals together[{same}]; remove one")
