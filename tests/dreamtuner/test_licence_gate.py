"""The licence gate: which weights let which purposes pass, by 40 cases, and what is owed."""

from itertools import chain

import pytest

from dreamtuner.models.licences import Purpose, licence_of
from dreamtuner.models.lineage import PurposeError, Role, Weight, dues, objections, stated_purpose

SHOP = Purpose()
SMALL = Purpose(revenue_usd=999_999)
MIDDLE = Purpose(revenue_usd=1_000_000)
LARGE = Purpose(revenue_usd=5_000_000)
STUDY = Purpose(commercial=False)
GERMAN, AMERICAN, EUROPEAN = (Purpose(regions=(one,)) for one in ("DE", "US", "EU"))
NOT_IN_EU = {"name": "house", "commercial": True, "excluded_regions": ("EU", "US")}
NOT_IN_DE = {"name": "house", "commercial": True, "excluded_regions": ("DE",)}
FREE_IMAGES = {"name": "house", "commercial": False, "outputs_ok": True}
BOUND_IMAGES = {"name": "house", "commercial": True, "outputs_ok": False}

CASES: list[tuple[Role, object, Purpose, str | None]] = [
    ("base", "Apache-2.0", SHOP, None),
    ("base", "MIT", LARGE, None),
    ("base", "CreativeML-OpenRAIL-M", SHOP, None),
    ("base", "openrail++", LARGE, None),
    ("base", "Stability-AI-Community", SMALL, None),
    ("base", "Stability-AI-Community", MIDDLE, "max_revenue_usd"),
    ("base", "Stability-AI-Community", SHOP, "max_revenue_usd"),
    ("base", "Stability-AI-Community", STUDY, None),
    ("base", "FLUX-Non-Commercial", SHOP, "commercial"),
    ("base", "FLUX-Non-Commercial", STUDY, None),
    ("base", "kommunity-1.0", MIDDLE, None),
    ("base", "FLUX-Kommunity-1.0", LARGE, "max_revenue_usd"),
    ("base", "qwen-research", SHOP, "commercial"),
    ("base", "qwen-research", STUDY, None),
    ("base", "nobody knows", SHOP, "commercial"),
    ("base", "nobody knows", STUDY, None),
    ("ControlNet", "openrail++", SHOP, None),
    ("ControlNet", "cc-by-nc-4.0", SHOP, "commercial"),
    ("ControlNet", "unknown", SHOP, "commercial"),
    ("LoRA", "CC-BY-4.0", SHOP, None),
    ("LoRA", "CC-BY-NC-SA-4.0", SHOP, "commercial"),
    ("LoRA", "unknown", STUDY, None),
    ("VAE", "MIT", SHOP, None),
    ("upscaler", "CC-BY-NC-4.0", LARGE, "commercial"),
    ("embedding", "unknown", SMALL, "commercial"),
    ("subject-encoder", "InsightFace-Non-Commercial", SHOP, "commercial"),
    ("subject-encoder", "insightface", STUDY, None),
    ("masker", "bria-rmbg-1.4", SHOP, "commercial"),
    ("masker", "MIT", AMERICAN, None),
    ("captioner", "BSD-3-Clause", SHOP, None),
    ("estimator", "CC-BY-NC-4.0", SHOP, "commercial"),
    ("metric", "cc-by-nc-4.0", SHOP, "commercial"),
    ("metric", "Apache-2.0", EUROPEAN, None),
    ("base", NOT_IN_EU, GERMAN, "excluded_regions"),
    ("base", NOT_IN_EU, AMERICAN, "excluded_regions"),
    ("base", NOT_IN_EU, Purpose(commercial=False, regions=("FR",)), "excluded_regions"),
    ("base", NOT_IN_EU, Purpose(regions=("JP",)), None),
    ("base", NOT_IN_DE, EUROPEAN, "excluded_regions"),
    ("base", FREE_IMAGES, SHOP, "commercial"),
    ("base", BOUND_IMAGES, SHOP, "outputs_ok"),
]


@pytest.mark.parametrize(("role", "stated", "purpose", "clause"), CASES)
def test_a_purpose_passes_or_weight_and_clause_are_named(
    role: Role, stated: object, purpose: Purpose, clause: str | None
) -> None:
    weight = Weight("the weight", role, licence_of(stated))  # type: ignore[arg-type]
    harmless = Weight("other", "base", licence_of("MIT"))
    found = objections([harmless, weight, weight], purpose)
    assert [(one.weight, one.clause) for one in found] == ([] if clause is None else [(weight, clause)])
    assert all(str(one).startswith(f"{role} the weight: ") and clause in str(one) for one in found if clause)
    assert objections([weight], None) == []


def test_forty_cases() -> None:
    assert len(CASES) == 40


def test_images_may_be_freer_or_less_free_than_the_weights() -> None:
    def clauses(stated: object) -> list[str]:
        return [one.clause for one in objections([Weight("w", "base", licence_of(stated))], SHOP, images=True)]  # type: ignore[arg-type]

    assert (clauses(FREE_IMAGES), clauses(BOUND_IMAGES)) == ([], ["outputs_ok"])
    assert (clauses("CC-BY-NC-4.0"), clauses("MIT")) == (["commercial"], [])
    assert clauses({**FREE_IMAGES, "excluded_regions": ("US",)}) == []
    assert objections(
        [Weight("w", "base", licence_of({**FREE_IMAGES, "excluded_regions": ("US",)}))], AMERICAN, images=True
    )


def test_what_is_owed_is_said_once_and_sorted() -> None:
    base = Weight("sd15", "base", licence_of("CreativeML-OpenRAIL-M"))
    lora = Weight("water", "LoRA", licence_of("CC-BY-4.0"))
    lines = dues([base, lora, base])
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == ["LoRA water", "base sd15"]
    assert "  attribution: name the authors of the weights and the licence" in lines
    assert dues([Weight("x", "base", licence_of("MIT"))], owed=True) == []
    assert "  passed on: the use restrictions of Attachment A" in lines


@pytest.mark.parametrize(
    ("text", "purpose"),
    [
        ("commercial", SHOP),
        (" non-commercial ", STUDY),
        ("commercial, revenue=999999, regions=DE US", Purpose(revenue_usd=999_999, regions=("DE", "US"))),
    ],
)
def test_a_purpose_is_read_from_the_environment(text: str, purpose: Purpose) -> None:
    assert stated_purpose({"DREAMTUNER_PURPOSE": text}) == purpose
    assert stated_purpose({}) is None


@pytest.mark.parametrize("text", ["yes", "commercial, 5", "commercial, revenue=much", "commercial, regions=Germany"])
def test_nonsense_is_no_purpose(text: str) -> None:
    with pytest.raises(PurposeError, match="DREAMTUNER_PURPOSE: "):
        stated_purpose({"DREAMTUNER_PURPOSE": text})


def test_roles_are_all_tried() -> None:
    assert {role for role, *_ in CASES} == set(chain(Role.__args__))  # type: ignore[attr-defined]
