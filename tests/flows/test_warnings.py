"""What changes a picture beyond what was asked is one record, with its place, from every text and file."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.settings.finetune import FineTuneConfig
from flows.planning.cells import GenerationSetup
from flows.planning.finetune import finetune_job
from flows.planning.preflight import preflight
from flows.planning.preview import preview
from flows.planning.texts import NamedTexts, demand_encodable
from flows.planning.warnings import demand_distinct_prompts, text_warnings, warning_sentences, warnings_of
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, dotted
from storage.catalog.records import RunWarning
from tests.flows.test_plan import NUMBERS, PIP, SPEC, spec

FILLER = ", sitting, waving, with stripes, blue belly, yellow star, crown and glasses, happy, a red hat" * 2
DRAWING = GenerationSetup("ee", NUMBERS)


def ordered(*prompts: str, negative: str = "") -> Spec:
    """The spec of one bear in these prompts."""
    given = spec().model_dump() | {"prompts": prompts, "negative_prompt": negative}
    return Spec.model_validate(given)


def found(order: Spec, setup: GenerationSetup = DRAWING) -> list[tuple[str, str]]:
    return [(one.place, one.kind) for one in text_warnings(order, [PIP], setup, get_profile("pocket"))]


def test_a_text_that_is_read_as_it_is_written_warns_of_nothing() -> None:
    assert found(spec(SPEC)) == []


def test_what_is_cut_off_is_said_with_its_words_its_place_and_its_cells() -> None:
    order = ordered("a {subject} on the beach", f"a {{subject}}{FILLER} on the beach", negative=f"a bear{FILLER}")
    warnings = text_warnings(order, [replace(PIP, caption=f"a bear{FILLER}")], DRAWING, get_profile("pocket"))
    cut = [one for one in warnings if one.kind == "text cut off"]
    assert [one.place for one in cut] == ["negative_prompt", "subjects[0].caption", "prompts[1]"]
    assert [(one.subject, one.prompt) for one in cut] == [
        (None, None),
        ("pip", None),
        ("pip", f"a bear{FILLER} on the beach"),
    ]
    assert "the model reads 48 tokens but this text has" in cut[2].message
    assert "on the beach'; shorten it or set prompt_syntax" in cut[2].message


def test_words_that_the_model_never_learned_and_braces_that_stand_for_nothing() -> None:
    order = ordered("a {subject}, photorealistic masterpiece", negative="{subject} blurry")
    assert found(order) == [
        ("negative_prompt", "placeholder"),
        ("negative_prompt", "unknown words"),
        ("prompts[0]", "unknown words"),
    ]
    [*_, last] = text_warnings(order, [PIP], DRAWING, get_profile("pocket"))
    assert "photorealistic, masterpiece" in last.message


def test_the_learned_word_is_known_where_the_subject_is_learned() -> None:
    tuned = replace(DRAWING, finetune=finetune_job(FineTuneConfig(word="[S*]"), get_profile("pocket")))
    assert found(spec(SPEC), tuned) == []


@pytest.mark.parametrize("ends", [(" on the beach", " in the snow"), (" on the beach", " on the beach, at night")])
def test_prompts_that_are_the_same_once_they_are_cut_off_are_refused(ends: tuple[str, str]) -> None:
    order = ordered("a {subject}", *(f"a {{subject}}{FILLER}{end}" for end in ends))
    with pytest.raises(
        InputError, match=r"prompts\[2\]: gives the model the same tokens as prompts\[1\], since it reads only 48"
    ):
        demand_distinct_prompts(order, [("bear", "natural")], DRAWING, get_profile("pocket"))


def test_prompts_that_the_tokenizer_reads_alike_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"prompts\[1\]: 'a {subject},happy' gives the model the same tokens as prompts\[0\]"
    ):
        demand_distinct_prompts(
            ordered("a {subject}, happy", "a {subject},happy"), [("bear", "natural")], DRAWING, get_profile("pocket")
        )
    demand_distinct_prompts(spec(SPEC), [("bear", "natural"), ("cat", "anime")], DRAWING, get_profile("pocket"))


def test_what_can_be_doubted_of_mask_and_picture_is_a_warning_of_the_subject() -> None:
    [warning] = warnings_of(spec(SPEC), [(PIP, ["the mask covers the border"])], DRAWING, get_profile("pocket"))
    assert warning == RunWarning("subject", "the mask covers the border", "subjects[0]", "pip")


def test_a_stated_mask_that_contradicts_the_picture_is_warned_of(settings: Settings, references: Path) -> None:
    inverted = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(inverted).ellipse((16, 6, 48, 60), fill=0)
    inverted.save(references / "inverted.png")
    files = {"reference": str(references / "pip.png"), "mask": str(references / "inverted.png")}
    subject = spec(SPEC).subjects[0].model_copy(update=files)
    found = preview(spec(SPEC).model_copy(update={"subjects": (subject,)}), Resources.open(settings))
    assert [one.place for one in found.warnings if one.kind == "subject"] != []


def test_a_plan_warns_by_the_profile_that_will_draw(
    settings: Settings, tiny_profile: Profile, references: Path
) -> None:
    order = ordered("a {subject}", "a {subject} in a red hat on the beach")
    subject = order.subjects[0].model_copy(update={"reference": str(references / "pip.png")})
    shown = preview(order.model_copy(update={"subjects": (subject,)}), Resources.open(settings))
    assert "prompts[1]: the model reads 24 tokens" in "\n".join(warning_sentences(shown.warnings))


def test_each_sentence_is_said_once_with_those_that_it_concerns() -> None:
    two = [RunWarning("mask", "is empty", "mask", name) for name in ("pip", "momo", "pip")]
    assert warning_sentences([*two, RunWarning("placeholder", "a brace", "name")]) == {
        "mask: is empty": ["pip", "momo"],
        "name: a brace": [],
    }


WEIGHTED = replace(
    DRAWING,
    sampling={style: one.model_copy(update={"prompt_syntax": "weighted"}) for style, one in NUMBERS.items()},
)


def test_weighted_texts_are_never_cut_off() -> None:
    order = ordered(f"a {{subject}}{FILLER} on the beach", negative=f"(a bear:1.2){FILLER}")
    literal = found(order)
    assert ("negative_prompt", "text cut off") in literal
    assert ("prompts[0]", "text cut off") in literal
    assert found(order, WEIGHTED) == [(place, kind) for place, kind in literal if kind != "text cut off"]
    assert found(ordered("a (photorealistic:1.2) {subject}"), WEIGHTED) == [("prompts[0]", "unknown words")]


def test_weighted_prompts_are_compared_after_they_are_parsed() -> None:
    pocket = get_profile("pocket")
    order = ordered("a {subject}, (happy)", "a {subject},(happy:1.1)", "a {subject}, (happy:1.2)")
    with pytest.raises(InputError, match=r"prompts\[1\]: .* gives the model the same tokens as prompts\[0\]") as info:
        demand_distinct_prompts(order, [("bear", "natural")], WEIGHTED, pocket)
    assert len(info.value.problems) == 1
    breaks = ordered("a {subject} BREAK happy", "a {subject} break happy")
    demand_distinct_prompts(breaks, [("bear", "natural")], WEIGHTED, pocket)
    with pytest.raises(InputError, match="the same tokens"):
        demand_distinct_prompts(breaks, [("bear", "natural")], DRAWING, pocket)


def test_what_cannot_be_encoded_is_an_error_that_names_its_place() -> None:
    pocket = get_profile("pocket")
    order = ordered("a {subject}", "a ({subject}", "a (red:1.2) {subject}", negative="[hat")
    texts = [NamedTexts(0, "bear", "natural", {("caption",): "a bear :)"}), NamedTexts(1, "cat", "natural", {})]
    demand_encodable(order, texts, DRAWING, pocket)
    with pytest.raises(InputError) as info:
        demand_encodable(order, texts, WEIGHTED, pocket)
    places = [dotted(problem.path) for problem in info.value.problems]
    assert places == ["negative_prompt", "prompts[1]", "subjects[0].caption"]
    assert "( is never closed" in info.value.problems[1].message


def test_more_layers_than_the_text_encoder_has_cannot_be_skipped(settings: Settings) -> None:
    order = spec(SPEC).model_copy(update={"sampling": {"clip_skip": 2}})
    with pytest.raises(InputError, match=r"sampling.clip_skip: of the text encoder of .*, at most 0 can be skipped"):
        preflight(order, Resources.open(settings))


def test_a_weighted_prompt_that_cannot_be_parsed_is_found_before_anything_is_made(settings: Settings) -> None:
    order = ordered("a ({subject}").model_copy(update={"sampling": {"prompt_syntax": "weighted"}})
    with pytest.raises(InputError, match=r"prompts\[0\]: .* is never closed; balance the brackets"):
        preflight(order, Resources.open(settings))
