"""Finds what makes images differ from what the spec says: truncated prompts, unknown words, doubtful masks."""

from collections.abc import Iterable, Sequence

from dreamtuner.models.profiles import Profile
from dreamtuner.models.tokens import TextReader, reader_of
from dreamtuner.settings.sampling import Style
from flows.ingestion.facts import Facts
from flows.planning.cells import GenerationSetup
from flows.spec.model import PLACEHOLDER, STYLE_PLACEHOLDER, Spec, expand
from flows.spec.problems import InputError, Problem
from storage.catalog.records import RunWarning

MOST_WORDS = 12  # of one warning


def demand_distinct_prompts(
    spec: Spec, subjects: Iterable[tuple[str, Style]], setup: GenerationSetup, profile: Profile
) -> None:
    """Raise InputError if two prompts give the model the same tokens, and therefore the same images.

    `subjects`: class words and styles to expand the prompts with.
    """
    reader = _reader(profile, setup)
    if reader is None:
        return
    problems: dict[int, Problem] = {}
    for class_word, style in dict.fromkeys(subjects):
        called = _called(class_word, setup)
        first: dict[tuple[int, ...], int] = {}
        read = reader.read([expand(prompt, class_word=called, style=style) for prompt in spec.prompts])
        for i, one in enumerate(read):
            j = first.setdefault(one.tokens, i)
            if i == j or i in problems:
                continue
            message = f"{spec.prompts[i]!r} gives the model the same tokens as prompts[{j}]; remove one"
            if one.cut or read[j].cut:
                message = (
                    f"gives the model the same tokens as prompts[{j}], since it reads only {reader.limit}: "
                    f"{one.cut!r} here and {read[j].cut!r} there are truncated; shorten them, or remove one"
                )
            problems[i] = Problem(path=("prompts", i), message=message)
    if problems:
        raise InputError(f"spec {spec.name!r}", [problems[i] for i in sorted(problems)])


def warnings_of(
    spec: Spec, subjects: Sequence[tuple[Facts, Sequence[str]]], setup: GenerationSetup, profile: Profile
) -> list[RunWarning]:
    """Collect all warnings of a spec: about its texts, and about each subject's image and mask.

    Raises InputError like `demand_distinct_prompts`, now that all class words are known.
    """
    facts = [one for one, _ in subjects]
    demand_distinct_prompts(spec, ((one.class_word, one.style) for one in facts), setup, profile)
    places = {subject.name: f"subjects[{i}]" for i, subject in enumerate(spec.subjects)}
    files = [RunWarning("subject", message, places[one.name], one.name) for one, found in subjects for message in found]
    return files + text_warnings(spec, facts, setup, profile)


def text_warnings(spec: Spec, facts: Sequence[Facts], setup: GenerationSetup, profile: Profile) -> list[RunWarning]:
    """Find the parts of each text that the model cannot read as written, for the subjects in `facts`."""
    found = [
        RunWarning("placeholder", _left_over(text), place)
        for place, text in (("name", spec.name), ("negative_prompt", spec.negative_prompt))
        if _braces(text)
    ]
    reader = _reader(profile, setup)
    if reader is not None and spec.negative_prompt:
        found += _unread(reader, spec.negative_prompt, "negative_prompt")
    places = {subject.name: i for i, subject in enumerate(spec.subjects)}
    for one in facts:
        place = f"subjects[{places[one.name]}]"
        caption = f"{place}.caption"
        found += [
            RunWarning("placeholder", _left_over(text), where, one.name)
            for where, text in ((f"{place}.name", one.name), (caption, one.caption))
            if _braces(text)
        ]
        if reader is None:
            continue
        found += _unread(reader, one.caption, caption, one.name)
        called = _called(one.class_word, setup)
        for i, template in enumerate(spec.prompts):
            prompt = expand(template, class_word=called, style=one.style)
            found += _unread(reader, prompt, f"prompts[{i}]", one.name, prompt)
    return found


def warning_sentences(warnings: Iterable[RunWarning]) -> dict[str, list[str]]:
    """Return each warning as a sentence, once, with the subjects it concerns; no names: all of them."""
    found: dict[str, list[str]] = {}
    for one in warnings:
        names = found.setdefault(f"{one.place}: {one.message}" if one.place else one.message, [])
        if one.subject is not None and one.subject not in names:
            names.append(one.subject)
    return found


def _unread(
    reader: TextReader, text: str, place: str, subject: str | None = None, prompt: str | None = None
) -> Iterable[RunWarning]:
    [read] = reader.read([text])
    if read.cut:
        message = (
            f"the model reads {reader.limit} tokens but this text has {read.count}; truncated: {read.cut!r}; shorten it"
        )
        yield RunWarning("text cut off", message, place, subject, prompt)
    if read.spelled:
        words = [*read.spelled[:MOST_WORDS], *(["..."] if len(read.spelled) > MOST_WORDS else [])]
        message = f"the model does not know {', '.join(words)} and reads it letter by letter; use words that it knows"
        yield RunWarning("unknown words", message, place, subject, prompt)


def _reader(profile: Profile, setup: GenerationSetup) -> TextReader | None:
    learned = setup.finetune is not None and setup.finetune.settings.lr.word is not None
    return reader_of(profile, setup.finetune.settings.word if learned and setup.finetune is not None else None)


def _called(class_word: str, setup: GenerationSetup) -> str:
    return class_word if setup.finetune is None else setup.finetune.settings.subject_words(class_word)


def _braces(text: str) -> bool:
    return "{" in text or "}" in text


def _left_over(text: str) -> str:
    known = f"only prompts and captions have placeholders, {PLACEHOLDER} and {STYLE_PLACEHOLDER}"
    return f"{text!r} contains a brace that is not part of a placeholder; {known}"
