from pathlib import Path

import pytest
from PIL import Image

from flows.image_io import open_picture
from flows.ingestion.prepare import prepare
from flows.ingestion.store_subject import prepare_and_store
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.problems import SubjectError
from flows.spec.subject import SubjectSpec
from storage.catalog import views
from storage.objects import get_blob


def subject(reference: Path | str, mask: Path | None = None) -> SubjectSpec:
    return SubjectSpec(
        name="pip", class_word="bear", reference=str(reference), mask=None if mask is None else str(mask)
    )


def test_the_reference_is_kept_as_it_came_and_the_rows_name_the_blobs(settings: Settings, references: Path) -> None:
    kept = prepare_and_store(subject(references / "pip.png"), Resources.open(settings))
    with Resources.open(settings).catalog.read() as s:
        assets = views.subject_assets(s, "pip")
    assert get_blob(Resources.open(settings).store, assets.image_sha256) == (references / "pip.png").read_bytes()
    assert (assets.reference_id, assets.mask_id) == (kept.reference_id, kept.mask_id)
    assert assets.mask_sha256 == kept.facts.mask_sha256
    mask = open_picture(get_blob(Resources.open(settings).store, kept.facts.mask_sha256), "L")
    assert mask.getpixel((32, 32)) == 255
    assert mask.getpixel((2, 2)) == 0


def test_taking_in_twice_changes_nothing(settings: Settings, references: Path) -> None:
    assert prepare_and_store(subject(references / "pip.png"), Resources.open(settings)) == prepare_and_store(
        subject(references / "pip.png"), Resources.open(settings)
    )


def test_a_mask_of_the_users_own_wins(settings: Settings, references: Path, tmp_path: Path) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (18, 8, 40, 50))
    mask.save(tmp_path / "mask.png")
    found = prepare(subject(references / "pip.png", tmp_path / "mask.png"), Resources.open(settings))
    assert found.mask.mask.tobytes() == mask.tobytes()
    assert found.mask.confidence == 1.0


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("none.png", "reference .*none.png: .*cannot be read"),
        ("cut.png", "reference .*cut.png: .*truncated"),
        ("https://127.0.0.1:9/pip.png", "reference https://.*private or local"),
        ("ftp://example.org/pip.png", "reference ftp://"),
    ],
)
def test_a_refusal_names_field_place_and_reason(
    settings: Settings, references: Path, reference: str, said: str
) -> None:
    place = reference if "://" in reference else references / reference
    with pytest.raises(SubjectError, match=said):
        prepare(subject(place), Resources.open(settings))


def test_a_mask_of_another_size_is_refused_by_name(settings: Settings, references: Path, tmp_path: Path) -> None:
    Image.new("L", (32, 32), 255).save(tmp_path / "small.png")
    with pytest.raises(SubjectError, match=r"mask .*small\.png: the mask is 32 x 32"):
        prepare(subject(references / "pip.png", tmp_path / "small.png"), Resources.open(settings))


@pytest.mark.parametrize(("error", "raised"), [(MemoryError(), MemoryError), (KeyError("tag"), SubjectError)])
def test_only_a_fault_of_the_file_itself_is_the_subjects(
    settings: Settings, references: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    def decode(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("flows.ingestion.prepare_reference.decode_image", decode)
    with pytest.raises(raised):
        prepare(subject(references / "pip.png"), Resources.open(settings))
