"""Licence records: what is known by name, and what a purpose may use."""

import pytest
from pydantic import ValidationError

from dreamtuner.models.licences import LicenceRecord, Purpose, allowed, known_licences, licence_of

COMPANY = Purpose(commercial=True, revenue_usd=5_000_000, regions=("DE",))


def test_a_page_tag_and_a_name_give_one_record_and_other_names_unknown_terms() -> None:
    assert (
        licence_of("creativeml-openrail-m")
        == licence_of("CreativeML OpenRAIL-M")
        == licence_of("CreativeML-OpenRAIL-M")
    )
    assert licence_of("House rules") == LicenceRecord(name="House rules")
    assert licence_of({"name": "mit", "gated": True}) == licence_of("MIT").model_copy(update={"gated": True})
    for name, record in known_licences().items():
        assert (record.name, record.commercial is None) == (name, False)
    with pytest.raises(ValidationError, match="comercial"):
        licence_of({"name": "MIT", "comercial": False})


@pytest.mark.parametrize(
    ("stated", "purpose", "clause"),
    [
        ("MIT", COMPANY, None),
        ("House rules", COMPANY, "commercial"),
        ("House rules", Purpose(commercial=False), None),
        ("cc-by-nc-4.0", COMPANY, "commercial"),
        ("cc-by-nc-4.0", Purpose(commercial=False), None),
        ("Stability-AI-Community", COMPANY, "max_revenue_usd"),
        ("Stability-AI-Community", Purpose(), "max_revenue_usd"),
        ("Stability-AI-Community", Purpose(revenue_usd=999_999), None),
        ({"name": "MIT", "excluded_regions": ["EU"]}, COMPANY, "excluded_regions"),
        ({"name": "MIT", "excluded_regions": ["DE"]}, Purpose(commercial=False, regions=("EU",)), "excluded_regions"),
        ({"name": "MIT", "excluded_regions": ["EU"]}, Purpose(regions=("US",)), None),
    ],
)
def test_a_purpose_is_allowed_or_the_clause_is_named(stated: object, purpose: Purpose, clause: str | None) -> None:
    verdict = allowed(licence_of(stated), purpose)  # type: ignore[arg-type]
    assert (verdict.allowed, verdict.clause) == (clause is None, clause)
    assert clause is None or licence_of(stated).name in str(verdict.reason)  # type: ignore[arg-type]
