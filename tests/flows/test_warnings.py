"""What changes a picture beyond what was asked is one record, with its place, from every text and file."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.settings.finetune import FineTuneConfig
from flows.planning.cells import GenerationSetup
from flows.planning.preflight import finetune_job
from flows.planning.preview import preview
from flows.planning.warnings import demand_distinct_prompts, text_warnings, warning_sentences, warnings_of
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
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
    assert "on the beach'; shorten it" in cut[2].message


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
