"""Finds what makes images differ from what the spec says: truncated prompts, unknown words, doubtful masks."""

from collections.abc import Iterable, Sequence

from dreamtuner.models.model_kind import conditioning
from dreamtuner.models.profiles import Profile
from dreamtuner.models.tokens import TextReader, reader_of
from dreamtuner.settings.sampling import PromptSyntax, Style
from flows.ingestion.facts import Facts
from flows.planning.cells import GenerationSetup
from flows.planning.texts import NamedTexts, demand_encodable, learned_word, subject_words
from flows.spec.entry import Path
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem, dotted
from flows.spec.prompt import PLACEHOLDER, STYLE_PLACEHOLDER, expand
from flows.spec.subject import SubjectSpec
from storage.catalog.records import RunWarning

MOST_WORDS = 12  # of one warning
MUCH_LARGER = 1.2  # times the model's own size


def demand_distinct_prompts(
    spec: Spec, subjects: Iterable[tuple[str, Style]], setup: GenerationSetup, profile: Profile
) -> None:
    """Raise InputError if two prompts give the model the same tokens, and therefore the same images.

    `subjects`: class words and styles to expand the prompts with.
    """
    reader = reader_of(profile, learned_word(setup))
    if reader is None:
        return
    problems: dict[int, Problem] = {}
    for class_word, style in dict.fromkeys(subjects):
        called = subject_words(class_word, setup)
        first: dict[object, int] = {}
        prompts = [expand(prompt, class_word=called, style=style) for prompt in spec.prompts]
        read = reader.read(prompts, setup.sampling[style].prompt_syntax)
        for i, one in enumerate(read):
            j = first.setdefault((one.tokens, one.weights), i)
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

    Raises InputError like `demand_encodable` and `demand_distinct_prompts`, now that all texts are known.
    """
    facts = [one for one, _ in subjects]
    indices = {subject.name: i for i, subject in enumerate(spec.subjects)}
    named = [
        NamedTexts(i := indices[one.name], one.class_word, one.style, _captions(spec.subjects[i], one)) for one in facts
    ]
    demand_encodable(spec, named, setup, profile)
    demand_distinct_prompts(spec, ((one.class_word, one.style) for one in facts), setup, profile)
    scenes = _alike_scenes(spec, facts, setup, profile) if len(spec.scenes) > 1 else []
    places = {subject.name: f"subjects[{i}]" for i, subject in enumerate(spec.subjects)}
    sizes = [RunWarning("subject", message, "sampling.size") for message in _trained_on_squares(facts, setup)]
    sizes += _large_references(spec, facts, setup, profile)
    files = [RunWarning("subject", message, places[one.name], one.name) for one, found in subjects for message in found]
    pictures = () if setup.pictures is None else setup.pictures.doubts
    files += [RunWarning("subject", message, place, spec.subjects[0].name) for place, message in pictures]
    if spec.scenes:
        from flows.planning.scenes.regions import region_warnings  # most specs have none

        scenes += region_warnings(spec, facts, setup)
    return sizes + files + scenes + text_warnings(spec, facts, setup, profile)


def _alike_scenes(spec: Spec, facts: Sequence[Facts], setup: GenerationSetup, profile: Profile) -> list[RunWarning]:
    """Warn of scenes that differ in words alone that the model reads in no region: they give the same images.

    A model with a pooled text reads the whole prompt, too. Raises InputError if two scenes are the same in all.
    """
    from flows.planning.scenes.plan import same_images  # most specs have none

    if same := same_images(spec, facts, setup):
        problems = [
            Problem(path=("together", i), message=f"gives the same images as together[{j}]; remove one")
            for i, j in same.items()
        ]
        raise InputError(f"spec {spec.name!r}", problems)
    if conditioning(profile) != "none":
        return []
    return [
        RunWarning(
            "subject",
            f"gives the same images as together[{j}]: this model reads no words between subjects, such as 'hugging'; "
            "state what each subject does in its own prompt, or remove one",
            f"together[{i}]",
        )
        for i, j in same_images(spec, facts, setup, apart_from=("prompt",)).items()
    ]


def _trained_on_squares(facts: Sequence[Facts], setup: GenerationSetup) -> list[str]:
    """Say that images of another shape are generated by a model that is fine-tuned on squares."""
    if setup.finetune is None:
        return []
    styles = dict.fromkeys(one.style for one in facts)
    sizes = {(setup.sampling[s].size, setup.finetune.sampling[s].resolution) for s in styles if setup.sampling[s].size}
    return [
        f"images are {size} pixels, but fine-tuning trains on squares of {side} x {side}; remove size if the subject's "
        "shape suffers"
        for size, side in sorted(sizes, key=str)
    ]


def _large_references(spec: Spec, facts: Sequence[Facts], setup: GenerationSetup, profile: Profile) -> list[RunWarning]:
    """Say that references are encoded larger than the model's own size because an image has room for several subjects.

    Self-subject-attention then sees a subject larger than its region is: on the pocket model, two subjects side by side
    kept 52 % of their attributes for 74 (16 validation pairs).
    """
    if not spec.scenes:
        return []
    used = (setup.sampling[one.style] for one in facts)
    sides = {s.reference_side for s in used if s.reference_resolution is None and s.w_ref > 0}
    return [
        RunWarning(
            "subject",
            f"references are encoded at {side} pixels, the side of a square of the image's area, but each subject "
            f"fills only its region; set reference_resolution to about a region's side, such as {profile.resolution}",
            "sampling.reference_resolution",
        )
        for side in sorted(sides)
        if side > MUCH_LARGER * profile.resolution
    ]


def text_warnings(spec: Spec, facts: Sequence[Facts], setup: GenerationSetup, profile: Profile) -> list[RunWarning]:
    """Find the parts of each text that the model cannot read as written, for the subjects in `facts`."""
    found = [
        RunWarning("placeholder", _left_over(text), place)
        for place, text in (("name", spec.name), ("negative_prompt", spec.negative_prompt))
        if _braces(text)
    ]
    reader = reader_of(profile, learned_word(setup))
    if reader is not None and spec.negative_prompt:
        for syntax in dict.fromkeys(setup.sampling[one.style].prompt_syntax for one in facts):
            found += _unread(reader, spec.negative_prompt, syntax, "negative_prompt")
    places = {subject.name: i for i, subject in enumerate(spec.subjects)}
    for one in facts:
        place = f"subjects[{places[one.name]}]"
        captions = _captions(spec.subjects[places[one.name]], one)
        named = [(f"{place}.name", one.name), *((f"{place}.{dotted(at)}", text) for at, text in captions.items())]
        found += [
            RunWarning("placeholder", _left_over(text), where, one.name) for where, text in named if _braces(text)
        ]
        if reader is None:
            continue
        syntax = setup.sampling[one.style].prompt_syntax
        for where, caption in named[1:]:
            found += _unread(reader, caption, syntax, where, one.name)
        called = subject_words(one.class_word, setup)
        for i, template in enumerate(spec.prompts):
            prompt = expand(template, class_word=called, style=one.style)
            found += _unread(reader, prompt, syntax, f"prompts[{i}]", one.name, prompt)
    return found + _of_scenes(reader, spec, facts, setup) if spec.scenes and reader is not None else found


def _of_scenes(reader: TextReader, spec: Spec, facts: Sequence[Facts], setup: GenerationSetup) -> list[RunWarning]:
    """Find what the model cannot read as written in the texts of scenes."""
    from flows.planning.scenes.plan import scene_texts  # most specs have none

    known = {one.name: one for one in facts}
    called = {name: subject_words(one.class_word, setup) for name, one in known.items()}
    found: list[RunWarning] = []
    for i, scene in enumerate(spec.scenes):
        if known.keys() >= {*scene.names}:
            style = known[scene.names[0]].style
            syntax = setup.sampling[style].prompt_syntax
            for path, text in scene_texts(scene, called, style):
                if text:
                    found += _unread(reader, text, syntax, dotted(("together", i, *path)))
    return list(dict.fromkeys(found))


def _captions(subject: SubjectSpec, one: Facts) -> dict[Path, str]:
    """Return the captions of a subject's references, by their positions in its entry."""
    return {subject.caption_path(i): each.caption for i, each in enumerate((one, *one.further))}


def warning_sentences(warnings: Iterable[RunWarning]) -> dict[str, list[str]]:
    """Return each warning as a sentence, once, with the subjects it concerns; no names: all of them."""
    found: dict[str, list[str]] = {}
    for one in warnings:
        names = found.setdefault(f"{one.place}: {one.message}" if one.place else one.message, [])
        if one.subject is not None and one.subject not in names:
            names.append(one.subject)
    return found


def _unread(
    reader: TextReader,
    text: str,
    syntax: PromptSyntax,
    place: str,
    subject: str | None = None,
    prompt: str | None = None,
) -> Iterable[RunWarning]:
    [read] = reader.read([text], syntax)
    if read.cut:
        message = (
            f"the model reads {reader.limit} tokens but this text has {read.count}; truncated: {read.cut!r}; "
            "shorten it or set prompt_syntax: weighted"
        )
        yield RunWarning("text cut off", message, place, subject, prompt)
    if read.spelled:
        words = [*read.spelled[:MOST_WORDS], *(["..."] if len(read.spelled) > MOST_WORDS else [])]
        message = f"the model does not know {', '.join(words)} and reads it letter by letter; use words that it knows"
        yield RunWarning("unknown words", message, place, subject, prompt)


def _braces(text: str) -> bool:
    return "{" in text or "}" in text


def _left_over(text: str) -> str:
    known = f"only prompts and captions have placeholders, {PLACEHOLDER} and {STYLE_PLACEHOLDER}"
    return f"{text!r} contains a brace that is not part of a placeholder; {known}"
