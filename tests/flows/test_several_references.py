"""Several references of a subject: their form in a spec, digests, rows, images, and what becomes of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from pydantic import ValidationError

from dreamtuner.sampling.request import Reference
from dreamtuner.settings.sampling import Sampling
from flows.execution.finetune_worker import factory_of
from flows.execution.recipe_rows import recipe_of_row
from flows.finetune import _config_of, _enter
from flows.image_io import RECIPE_KEY, open_picture
from flows.ingestion.facts import Facts
from flows.ingestion.known import demand_subjects, stored_subject
from flows.ingestion.prepare import prepare
from flows.ingestion.store_subject import Ingested, prepare_and_store
from flows.planning.cells import GenerationSetup, PlannedCell, digest_of, plan_cells
from flows.planning.preflight import preflight
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, SubjectError, problems_of
from flows.spec.subject import SubjectSpec
from flows.spec_run import record
from storage.catalog import garbage, views, writes
from storage.catalog.owners import this_owner
from storage.objects import get_blob
from tests.flows.conftest import MakeCells, subject_picture

Entry = Callable[..., SubjectSpec]


@pytest.fixture
def entry(references: Path) -> Entry:
    """Build a subject of red, orange and purple pictures, or of others."""
    subject_picture("orange").save(references / "back.png")
    mask = Image.new("L", (64, 64))
    ImageDraw.Draw(mask).ellipse((16, 6, 48, 60), fill=255)
    mask.save(references / "mask.png")

    def build(*given: Any, **fields: Any) -> SubjectSpec:
        places = given or (
            "pip",
            {"image": "back", "weight": 0.5, "caption": "a back"},
            {"image": "momo", "mask": "mask"},
        )
        entries = [{"image": one} if isinstance(one, str) else one for one in places]
        files = ("image", "mask", "pose")
        named = [
            {k: str(references / f"{v}.png") if k in files and v != "auto" else v for k, v in one.items()}
            for one in entries
        ]
        return SubjectSpec.model_validate({"name": "pip", "class_word": "bear", "references": named} | fields)

    return build


def spec_of(subject: SubjectSpec, **fields: Any) -> Spec:
    given = {"prompts": ("a {subject} on the beach",), "seeds": (1,), "score": (), "sampling": {"steps": 2}} | fields
    return Spec(name="t", subjects=(subject,), **given)


def planned(subject: SubjectSpec, settings: Settings, **fields: Any) -> tuple[Ingested, list[PlannedCell], str]:
    """Ingest the subject and record its cells in a run, whose id comes last."""
    resources, spec = Resources.open(settings), spec_of(subject, **fields)
    ready, kept = preflight(spec, resources), prepare_and_store(subject, resources)
    cells = plan_cells(spec, [kept.facts], ready.setup)
    with resources.catalog.write() as s:
        run_id = writes.start_run(s, name="t", spec=spec.model_dump(mode="json"), flow_run_id=None)
    record(spec, resources, ready, run_id, [kept], cells)
    return kept, cells, run_id


def digests(subject: SubjectSpec, settings: Settings, **fields: Any) -> list[str]:
    return [cell.digest for cell in preview(spec_of(subject, **fields), Resources.open(settings)).cells]


def count(settings: Settings, table: str) -> int:
    with Resources.open(settings).catalog.read() as s:
        return int(s.connection().exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar_one())


WRONG: Sequence[tuple[dict[str, Any], str]] = (
    ({"reference": "a", "references": ["b"]}, "reference: is given beside references; write it as one of them"),
    ({"references": ["a"], "mask": "m"}, "mask: is given beside references; write it into the entry"),
    ({"references": []}, "references: is empty"),
    ({"references": ["a", {"image": "b", "weight": 0}]}, r"references[1].weight: is 0; give more than 0"),
    ({"references": ["a", {"image": "b", "weight": float("nan")}]}, "references[1].weight: input should be a finite"),
    ({"references": ["a", {"image": "b", "weight": float("inf")}]}, "references[1].weight: input should be a finite"),
    ({"references": ["a", {"mask": "b"}]}, "references[1].image: is missing"),
    ({"references": ["a", {"image": "b", "wieght": 1}]}, "references[1].wieght: unknown key; did you mean 'weight'?"),
    ({"references": ["a"], "class_word": None}, "class_word: is missing; add it, or omit references too"),
)


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_what_cannot_be_is_refused_by_the_name_of_its_entry(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SubjectSpec.model_validate({"name": "pip", "class_word": "bear", **given})
    assert str(problems_of(caught.value, SubjectSpec)[0]).startswith(message)


def test_an_entry_is_a_path_or_a_mapping_and_is_recorded_as_one() -> None:
    short = SubjectSpec.model_validate({"name": "p", "class_word": "bear", "references": ["a", {"image": "b"}]})
    assert SubjectSpec.model_validate(short.model_dump(mode="json")) == short
    assert [path for path, _ in short.places()] == [("references", 0, "image"), ("references", 1, "image")]
    assert [place for _, place in short.with_places(lambda place: f"/x/{place}").places()] == ["/x/a", "/x/b"]
    assert "references" not in SubjectSpec(name="p").model_dump(), "specs without are recorded as ever"


def test_a_recipe_has_further_references_only_where_there_are_any() -> None:
    fields: dict[str, Any] = {"name": "p", "class_word": "bear", "style": "natural", "caption": "a bear"}
    back = Facts(**fields, reference_sha256="cc" * 32, mask_sha256="dd" * 32, layouts={"pose": "ee" * 32})
    pip = Facts(**fields, reference_sha256="aa" * 32, mask_sha256="bb" * 32)
    spec = spec_of(SubjectSpec(name="p"))
    setup = GenerationSetup("ff" * 32, {"natural": Sampling()})
    forms = {"one": (), "two": (back,), "half": (replace(back, weight=0.5),), "other": (replace(back, caption="x"),)}
    cells = {name: plan_cells(spec, [replace(pip, further=further)], setup)[0] for name, further in forms.items()}
    assert cells["one"].digest == plan_cells(spec, [pip], setup)[0].digest
    assert not {"references", "reference_weight"} & cells["one"].recipe.keys()
    plain = {"reference": "cc" * 32, "mask": "dd" * 32, "caption": "a bear"}
    assert cells["two"].recipe["references"] == [plain], "no weight of 1, and no pose where none is followed"
    assert cells["half"].recipe["references"] == [plain | {"weight": 0.5}]
    assert len({cell.digest for cell in cells.values()}) == len(cells)
    heavy = plan_cells(spec, [replace(pip, weight=2.0)], setup)[0]
    assert heavy.recipe["reference_weight"] == 2.0
    swapped = plan_cells(spec, [replace(pip, further=(replace(back, weight=0.5), back))], setup)[0]
    ordered = plan_cells(spec, [replace(pip, further=(back, replace(back, weight=0.5)))], setup)[0]
    assert swapped.digest != ordered.digest, "the order decides the last bits"


@pytest.mark.slow
def test_one_entry_is_the_reference_digest_for_digest(settings: Settings, references: Path, entry: Entry) -> None:
    single = SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))
    assert digests(entry("pip"), settings) == digests(single, settings)
    prepare_and_store(single, Resources.open(settings))
    assert digests(entry("pip"), settings) == digests(single, settings) == digests(SubjectSpec(name="pip"), settings)
    assert count(settings, "reference_members") == 0
    fine = {"finetune": {"steps": 1}}
    assert digests(entry("pip"), settings, **fine) == digests(single, settings, **fine)


@pytest.mark.slow
def test_every_part_of_a_further_reference_decides_the_digest(settings: Settings, entry: Entry) -> None:
    forms = [
        entry("pip"),
        entry({"image": "pip", "weight": 2}),
        entry("pip", "back"),
        entry("back", "pip"),
        entry("pip", {"image": "back", "weight": 0.5}),
        entry("pip", {"image": "back", "caption": "a back"}),
        entry("pip", {"image": "back", "mask": "mask"}),
        entry("pip", "back", "momo"),
        entry("pip", "momo", "back"),
    ]
    found = [digests(one, settings)[0] for one in forms]
    assert len(set(found)) == len(forms)


@pytest.mark.slow
def test_cells_name_their_references_and_are_generated_from_all(
    settings: Settings, entry: Entry, make_cells: MakeCells, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flows.execution.generate_batch as batch

    seen: list[list[Reference]] = []
    honest = batch.generate
    monkeypatch.setattr(batch, "generate", lambda m, refs, *a, **k: seen.append(refs) or honest(m, refs, *a, **k))
    kept, cells, _ = planned(entry(), settings)
    assert [one["reference"] for one in cells[0].recipe["references"]] == [
        one.facts.reference_sha256 for one in kept.further
    ]
    made = make_cells([cells[0].digest])
    assert made.made == (cells[0].digest,)
    [references] = seen
    assert [(one.weight, one.caption) for one in references[1:]] == [(0.5, "a back"), (1.0, "a photo of a bear")]
    assert all(one.mask is not None for one in references)
    with Resources.open(settings).catalog.read() as s:
        cell = views.cell(s, cells[0].digest)
        [output] = views.outputs(s, [cell.output_id or 0])
    assert digest_of(recipe_of_row(cell)) == cell.digest
    [subject] = output.subjects
    assert [one.reference_id for one in subject.further] == [one.reference_id for one in kept.further]
    assert [one.mask_sha256 for one in subject.further] == [one.facts.mask_sha256 for one in kept.further]
    assert (output.earlier_reference, output.newer_mask) == (False, False)
    with open_picture_file(settings, str(cell.image_sha256)) as image:
        assert RECIPE_KEY in image.info
        assert image.info[RECIPE_KEY].count('"weight":0.5') == 1


def open_picture_file(settings: Settings, sha256: str) -> Image.Image:
    from io import BytesIO

    return Image.open(BytesIO(get_blob(Resources.open(settings).store, sha256)))


@pytest.mark.slow
def test_by_its_name_alone_the_catalogs_subject_has_all_of_its_references(settings: Settings, entry: Entry) -> None:
    kept, cells, _ = planned(entry(), settings)
    named = SubjectSpec(name="pip")
    assert digests(named, settings) == [cell.digest for cell in cells]
    with Resources.open(settings).catalog.write() as s:  # a person corrects the caption of the last
        given: dict[str, Any] = {"kind": "caption", "text": "a side", "method": "user"}
        writes.add_annotation(s, reference_id=kept.further[1].reference_id, given="dashboard", giver="ann", **given)
    assert digests(named, settings) != [cell.digest for cell in cells]
    again = prepare(named, Resources.open(settings), stored_subject("pip", Resources.open(settings)))
    assert [one.caption for one in again.facts.further] == ["a back", "a side"]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (("pip", "back"), "references (3 there, 2 here)"),
        (("pip",), "references (3 there, 1 here)"),
        (("pip", {"image": "back", "weight": 1}, "momo"), "weight of reference 2 (0.5 there, 1 here)"),
        (("pip", {"image": "momo", "weight": 0.5}, "back"), "reference 2 ("),
    ],
)
@pytest.mark.slow
def test_other_references_are_another_subject_unless_it_is_replaced(
    settings: Settings, entry: Entry, other: tuple[Any, ...], what: str
) -> None:
    resources = Resources.open(settings)
    prepare_and_store(entry(), resources)
    with pytest.raises(SubjectError) as caught:
        prepare_and_store(entry(*other), resources)
    assert what in str(caught.value)
    with pytest.raises(InputError) as refused:
        demand_subjects([entry(*other)], resources, "spec")
    assert what in str(refused.value)
    prepare_and_store(entry(*other, replace=True), resources)
    with resources.catalog.read() as s:
        assert len(views.subject_assets(s, "pip").references) == len(other)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"image": "nowhere"}, r"references[1].image "),
        ({"image": "cut"}, r"references[1].image "),
        ({"image": "back", "mask": "nowhere"}, r"references[1].mask "),
        ({"image": "pip"}, r"references[1].image is the same file as references[0].image; remove one"),
    ],
)
@pytest.mark.slow
def test_a_broken_entry_refuses_the_subject_by_its_place(
    settings: Settings, entry: Entry, second: dict[str, Any], message: str
) -> None:
    with pytest.raises(SubjectError) as caught:
        prepare_and_store(entry("pip", second), Resources.open(settings))
    assert str(caught.value).startswith(message)
    assert count(settings, "subjects") == 0
    [shown] = preview(spec_of(entry("pip", second)), Resources.open(settings)).subjects
    assert str(shown.error).startswith(f"subjects[0].{message}")


@pytest.mark.slow
def test_every_reference_is_a_training_pair(settings: Settings, entry: Entry) -> None:
    resources = Resources.open(settings)
    kept = prepare_and_store(entry(), resources)
    profile = resources.profile("pocket")
    digest = _enter("pip", profile, _config_of(profile, {"steps": 1}), resources)
    with resources.catalog.read() as s:
        view = views.training(s, digest)
    cells = preview(spec_of(entry(), finetune={"steps": 1}), resources).cells
    assert {cell.recipe["checkpoint"] for cell in cells} == {digest}
    named = factory_of(view, resources, settings.home).subject
    pairs = zip((named.reference, *named.others), (kept, *kept.further), strict=True)
    for reference, one in pairs:
        mask = open_picture(get_blob(resources.store, one.facts.mask_sha256), "L")
        assert reference.mask is not None
        assert reference.mask.tobytes() == mask.tobytes()


@pytest.mark.slow
def test_what_a_name_shares_with_another_is_kept_for_it_and_all_else_is_forgotten(
    settings: Settings, entry: Entry
) -> None:
    resources = Resources.open(settings)
    kept, cells, run = planned(entry(), settings)
    _, same, other = planned(entry(name="twin"), settings)
    assert [one.digest for one in same] == [one.digest for one in cells]
    profile = resources.profile("pocket")
    digest = _enter("pip", profile, _config_of(profile, {"steps": 1}), resources)
    alone = prepare_and_store(entry("pip", name="alone"), resources)
    assert alone.facts.mask_sha256 == kept.facts.mask_sha256
    with resources.catalog.write() as s:
        for one in (run, other):
            writes.finish_run(s, one, state="completed")
        writes.forget_subject(s, "twin", actor="ann")
    with resources.catalog.read() as s:
        assert views.cell(s, cells[0].digest).subject_name == "pip"
        assert views.training(s, digest).subject_name == "pip"
    assert count(settings, "cell_references") == 2 * len(cells)
    with resources.catalog.write() as s:
        writes.forget_subject(s, "pip", actor="ann")
    for table in ("cell_references", "reference_members", "trainings", "cells"):
        assert count(settings, table) == 0, "alone shares the first reference, but never had what was learnt from"
    with resources.catalog.write() as s:
        garbage.mark(s)
        gone = {sha for sha, _, used in garbage.blobs(s) if not used}
    assert {one.facts.reference_sha256 for one in kept.further} <= gone
    assert kept.facts.reference_sha256 not in gone


@pytest.mark.slow
def test_garbage_collection_keeps_the_references_of_cells(settings: Settings, entry: Entry) -> None:
    kept, _, _ = planned(entry(), settings)
    with Resources.open(settings).catalog.write() as s:
        garbage.mark(s)
        used = {sha for sha, _, is_used in garbage.blobs(s) if is_used}
    assert {sha for one in kept.further for sha in (one.facts.reference_sha256, one.facts.mask_sha256)} <= used


@pytest.mark.slow
def test_an_image_of_another_set_or_mask_says_so(settings: Settings, entry: Entry, make_cells: MakeCells) -> None:
    resources = Resources.open(settings)
    kept, cells, _ = planned(entry("pip", "back"), settings)
    with resources.catalog.write() as s:
        writes.claim_cells(s, [cells[0].digest], this_owner(), 60)
        picture = kept.facts.reference_sha256
        from storage.catalog.records import CellPicture

        writes.finish_cells(s, [CellPicture(cells[0].digest, picture, 64, 64)], owner=this_owner(), run_id=None)
        output_id = views.cell(s, cells[0].digest).output_id
        assert output_id is not None

    def flags() -> tuple[bool, bool]:
        with resources.catalog.read() as s:
            output = views.output(s, output_id)
        return output.earlier_reference, output.newer_mask

    assert flags() == (False, False)
    with resources.catalog.write() as s:
        writes.add_mask(
            s,
            reference_id=kept.further[0].reference_id,
            mask_sha256=kept.facts.mask_sha256,
            method="given",
            confidence=1,
            doubtful=False,
            given="dashboard",
        )
    assert flags() == (False, True)
    prepare_and_store(entry("pip", "momo", replace=True), resources)
    assert flags()[0]
