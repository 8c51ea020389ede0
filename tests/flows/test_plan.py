from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from dreamtuner.settings.sampling import Sampling
from flows.ingestion.captioning import CaptionChooser
from flows.ingestion.facts import Facts
from flows.planning.cells import GenerationSetup, PlannedCell, canonical, plan_cells
from flows.spec.model import Spec
from flows.spec.prompt import expand
from flows.spec.subject import SubjectSpec
from flows.spec.yaml_file import parse_spec

SPEC = """
name: trip
subjects: [{name: pip, class_word: bear, reference: pip.png}]
prompts: ["a {subject} on the beach", "a {style} of a {subject} in the snow"]
seeds: [1, 2, 3]
"""
PIP = Facts("pip", "bear", "natural", "a photo of a bear", "aa" * 32, "bb" * 32)
MOMO = Facts("momo", "rabbit", "anime", "a drawing of a rabbit", "cc" * 32, "dd" * 32)
NUMBERS = {"natural": Sampling(), "anime": Sampling(w_ref=2.5)}


def spec(text: str = SPEC) -> Spec:
    return parse_spec(text, source="spec.yaml", base=Path())


def plan(*facts: Facts, weights: str = "ee", order: Spec | None = None) -> list[PlannedCell]:
    return plan_cells(order or spec(), facts or (PIP,), GenerationSetup(weights, NUMBERS))


def test_subject_by_subject_prompt_by_prompt_seed_by_seed() -> None:
    cells = plan(PIP, MOMO)
    assert [(cell.subject, cell.seed) for cell in cells[:7]] == [("pip", s) for s in (1, 2, 3, 1, 2, 3)] + [("momo", 1)]
    assert cells[0].prompt == "a bear on the beach"
    assert cells[-1].prompt == "a drawing of a rabbit in the snow"


def test_the_digest_is_the_sha256_of_the_recipe_and_each_is_another() -> None:
    cells = plan(PIP, MOMO)
    assert all(cell.digest == sha256(canonical(cell.recipe).encode()).hexdigest() for cell in cells)
    assert len({cell.digest for cell in cells}) == len(cells) == 12


def test_the_same_order_names_the_same_cells_whatever_stands_around_them() -> None:
    alone = plan(PIP, order=spec(SPEC.replace("[1, 2, 3]", "[3]")))
    assert {cell.digest for cell in alone} < {cell.digest for cell in plan(MOMO, PIP)}
    renamed = plan(replace(PIP, name="other"))
    assert [cell.digest for cell in renamed] == [cell.digest for cell in plan()]


@pytest.mark.parametrize("field", ["reference_sha256", "mask_sha256", "caption", "class_word"])
def test_every_fact_of_the_subject_counts(field: str) -> None:
    changed = plan(replace(PIP, **{field: "changed"}))
    assert not {cell.digest for cell in changed} & {cell.digest for cell in plan()}


OTHERS = {
    "size": "768x512",
    "reference_crop": "none",
    "reference_resolution": 32,
    "scheduler": "Euler a",
    "prompt_syntax": "weighted",
    "loras": {"watercolour": 0.5},
    "vae": "other",
    "freeu": [0.9, 0.2, 1.2, 1.4],
    "control_weights": {"pose": 0.5},
    "dtype": "bfloat16",
    "negative_in": "all",
    "cutout": "grabcut",
    "upscaler": "esrgan",
    "second_pass": 2.0,
    "second_strength": 0.75,
    "upscale": 2.0,
    "vae_tiling": True,
}
WITH = {"second_strength": {"second_pass": 2.0}, "upscaler": {"upscale": 2.0}}
"""Settings that act beside others alone."""


@pytest.mark.parametrize("name", sorted(Sampling.model_fields))
def test_every_number_of_the_method_counts(name: str) -> None:
    value = getattr(NUMBERS["natural"], name)
    other = OTHERS[name] if name in OTHERS else value + 8 if isinstance(value, int) else value / 2 + 0.25
    beside = WITH.get(name, {})
    plain, changed = (
        plan_cells(spec(), [PIP], GenerationSetup("ee", {**NUMBERS, "natural": Sampling.model_validate(fields)}))
        for fields in (beside, {**beside, name: other})
    )
    assert not {cell.digest for cell in changed} & {cell.digest for cell in plain}


def test_weights_and_negative_prompt_count() -> None:
    assert plan(weights="ff")[0].digest != plan()[0].digest
    assert plan(order=spec(f"{SPEC}negative_prompt: blurry\n"))[0].digest != plan()[0].digest


def test_captions() -> None:
    for stated, caption in ((None, "a drawing of a bear"), ("a {style} of a red {subject}", "a drawing of a red bear")):
        chooser = CaptionChooser("bear", "anime", lambda: Image.new("RGB", (8, 8)))
        assert chooser.choose(SubjectSpec(name="pip", caption=stated), None).text == caption
    assert expand("{subject} {subject}", class_word="cat", style="natural") == "cat cat"


LAYOUTS = {"pose": (None, "11" * 32, "22" * 32), "depth": (None, "33" * 32)}
LED = GenerationSetup("ee", NUMBERS, LAYOUTS, {"pose": "p", "depth": "d"})


def test_a_cell_without_layout_keeps_the_digest_it_had_before_there_were_layouts() -> None:
    first = "e65a7e8b49cf754be7164d054996c91da4287016fb8864d30f7a03b9e62118f3"
    assert plan()[0].digest == first
    assert plan_cells(spec(), [PIP], LED)[0].digest == first


def test_every_prompt_in_every_pose_and_depth_map_and_seed() -> None:
    cells = plan_cells(spec(), [PIP, MOMO], LED)
    assert len({cell.digest for cell in cells}) == len(cells) == 2 * 2 * 3 * 2 * 3
    places = [cell.place[1:] for cell in cells[:9]]
    images: list[dict[str, str]] = [{}, {"depth": "33" * 32}, {"pose": "11" * 32}]
    assert places == [(tuple(one.items()), seed) for one in images for seed in (1, 2, 3)]
    both = cells[9]
    assert (both.layouts, both.recipe["pose"], both.recipe["depth"]) == (
        {"pose": "11" * 32, "depth": "33" * 32},
        "11" * 32,
        "33" * 32,
    )
    assert both.recipe["controlnets"] == {"pose": "p", "depth": "d"}
    assert cells[6].recipe["controlnets"] == {"pose": "p"}
    assert "controlnets" not in cells[0].recipe


def test_the_references_own_layout_counts_where_its_kind_is_followed() -> None:
    owning = replace(PIP, layouts={"pose": "44" * 32})
    plain, owned = plan_cells(spec(), [PIP], LED), plan_cells(spec(), [owning], LED)
    differ = [a.digest != b.digest for a, b in zip(plain, owned, strict=True)]
    assert differ == ["pose" in cell.layouts for cell in plain]
    assert owned[-1].recipe["reference_layouts"] == owned[-1].own_layouts == {"pose": "44" * 32}


def test_the_controlnets_weights_count_for_what_they_lead_alone() -> None:
    other = plan_cells(spec(), [PIP], replace(LED, controlnets={"pose": "q", "depth": "d"}))
    differ = [a.digest != b.digest for a, b in zip(plan_cells(spec(), [PIP], LED), other, strict=True)]
    assert differ == ["pose" in cell.layouts for cell in other]
