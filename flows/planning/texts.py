"""Checks that a spec's texts can be encoded as its settings say: layers to skip exist, weighted prompts parse."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dreamtuner.models.profiles import Profile
from dreamtuner.models.tokens import most_clip_skip
from dreamtuner.settings.sampling import PromptSyntax, Style
from flows.planning.cells import GenerationSetup
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from flows.spec.prompt import expand

Position = tuple[str | int, ...]


class NamedTexts(NamedTuple):
    """What expands prompts for one subject: its place in the spec, class word and style; and its captions, if known.

    `captions`: by their positions in its entry.
    """

    place: int
    class_word: str
    style: Style
    captions: Mapping[Position, str]


def demand_encodable(spec: Spec, subjects: Sequence[NamedTexts], setup: GenerationSetup, profile: Profile) -> None:
    """Raise InputError if a text cannot be encoded: its place is named, or the setting that does not fit."""
    styles = {one.style for one in subjects} or {"natural"}
    most = most_clip_skip(profile)
    if most is not None and any(setup.sampling[style].clip_skip > most for style in styles):
        message = f"of the text encoder of profile {spec.profile!r}, at most {most} can be skipped; choose 0 to {most}"
        raise InputError(f"spec {spec.name!r}", [Problem(path=("sampling", "clip_skip"), message=message)])
    words = [*setup.embeddings, *(word for word in [learned_word(setup)] if word is not None)]
    weighted = [(path, text) for path, text, syntax in _texts(spec, subjects, styles, setup) if syntax == "weighted"]
    if weighted:
        _demand_parsed(spec, weighted, words)


def _demand_parsed(spec: Spec, texts: Iterable[tuple[Position, str]], words: Sequence[str]) -> None:
    from dreamtuner.models.prompt_syntax import PromptSyntaxError, parse

    problems: dict[Position, Problem] = {}
    for path, text in texts:
        if path in problems:
            continue
        try:
            parse(text, words)
        except PromptSyntaxError as error:
            problems[path] = Problem(path=path, message=str(error))
    if problems:
        raise InputError(f"spec {spec.name!r}", list(problems.values()))


def learned_word(setup: GenerationSetup) -> str | None:
    """Return the token that the spec's fine-tuning learns, such as [S*]; None if it learns none."""
    settings = None if setup.finetune is None else setup.finetune.settings
    return None if settings is None or settings.lr.word is None else settings.word


def subject_words(class_word: str, setup: GenerationSetup) -> str:
    """Return what stands for the subject in prompts: its class word, with the learned token after fine-tuning."""
    return class_word if setup.finetune is None else setup.finetune.settings.subject_words(class_word)


def _texts(
    spec: Spec, subjects: Sequence[NamedTexts], styles: Iterable[Style], setup: GenerationSetup
) -> Iterable[tuple[Position, str, PromptSyntax]]:
    """Yield every text with its place and its syntax, expanded for each subject."""
    for style in styles:
        syntax = setup.sampling[style].prompt_syntax
        yield ("negative_prompt",), spec.negative_prompt, syntax
        if not subjects:
            yield from ((("prompts", i), one, syntax) for i, one in enumerate(spec.prompts))
    if spec.scenes:
        yield from _of_scenes(spec, subjects, setup)
    for place, class_word, style, captions in subjects:
        syntax = setup.sampling[style].prompt_syntax
        for i, template in enumerate(spec.prompts):
            yield ("prompts", i), expand(template, class_word=subject_words(class_word, setup), style=style), syntax
        yield from ((("subjects", place, *path), caption, syntax) for path, caption in captions.items())


def _of_scenes(
    spec: Spec, subjects: Sequence[NamedTexts], setup: GenerationSetup
) -> Iterable[tuple[Position, str, PromptSyntax]]:
    """Yield the texts of the scenes whose subjects are all known."""
    from flows.planning.scenes.plan import scene_texts  # most specs have none

    named = {spec.subjects[one.place].name: one for one in subjects}
    called = {name: subject_words(one.class_word, setup) for name, one in named.items()}
    for i, scene in enumerate(spec.scenes):
        if named.keys() >= {*scene.names}:
            style = named[scene.names[0]].style
            syntax = setup.sampling[style].prompt_syntax
            yield from ((("together", i, *path), text, syntax) for path, text in scene_texts(scene, called, style))
