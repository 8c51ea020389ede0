"""The whole chain with the tiny model, a real catalog, a real store and a real Prefect."""

import io
import json
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from PIL import Image
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import StateType

from dreamtuner.models.profiles import Profile
from flows.catalog import catalog
from flows.outcome import result_of
from flows.planning.cells import canonical
from flows.planning.preview import preview
from flows.progress import Progress, listening
from flows.reporting.summary import RunSummary
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec.subject import SubjectSpec
from storage.catalog import views
from storage.keys import blob_key
from storage.objects import get_blob
from tests.flows.conftest import draw_references, home_settings

pytestmark = pytest.mark.usefixtures("prefect_api")


def trip(references: Path) -> Spec:
    """Two good subjects around a bad one; 2 x 2 cells each."""
    named = {"pip": "bear", "cut": "cat", "momo": "rabbit"}
    return Spec(
        name="trip",
        subjects=tuple(
            SubjectSpec(name=name, class_word=word, style="anime", reference=str(references / f"{name}.png"))
            for name, word in named.items()
        ),
        prompts=("a {subject}", "one {subject}"),
        seeds=(1, 2),
        sampling={"steps": 2},
    )


@pytest.fixture
def spec(references: Path) -> Spec:
    return trip(references)


class Finished(NamedTuple):
    """A run that is over, in a home that no test changes."""

    home: Path
    spec: Spec
    planned: Sequence[str]
    summary: RunSummary
    told: list[Progress]


@pytest.fixture(scope="module")
def finished(tiny_profile: Profile, prefect_api: None, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    spec, told = trip(draw_references(folder)), list[Progress]()
    with pytest.MonkeyPatch.context() as patch:
        settings = home_settings(folder, tiny_profile, patch)
        before = preview(spec, Resources.open(settings))
        assert before.missing() == 8
        assert not settings.home.exists(), "a plan wrote something"
        with listening(told.append):
            summary = carried_out(spec)
    return Finished(settings.home, spec, [cell.digest for cell in before.cells], summary, told)


@pytest.fixture
def after(finished: Finished, settings: Settings) -> Settings:
    """A home that holds what the finished run left."""
    shutil.copytree(finished.home, settings.home)
    return settings


def carried_out(spec: Spec) -> RunSummary:
    return result_of(lambda: catalog(spec))


def counts(summary: RunSummary) -> list[tuple[str, int, int, int]]:
    return [(one.name, one.made, one.skipped, one.failed) for one in summary.subjects]


def test_a_grid_is_made_once_scored_once_and_shown_each_time(finished: Finished, after: Settings) -> None:
    settings, spec, first, told = after, finished.spec, finished.summary, list(finished.told)
    assert counts(first) == [("pip", 4, 0, 0), ("cut", 0, 0, 4), ("momo", 4, 0, 0)]
    assert (first.made, first.skipped, first.failed) == (8, 0, 4)
    assert "truncated" in first.subjects[1].errors[0]
    assert set(first.subjects[0].scores) == {"clip_i", "clip_t"}
    assert {one.stage for one in told} == {"ingest", "generate", "score", "sheet"}
    assert max(one.done for one in told if one.stage == "generate") == 8

    with Resources.open(settings).catalog.read() as s:
        cells = views.cells_of_run(s, first.run)
        status = views.status(s)
    assert [cell.digest for cell in cells] == finished.planned
    assert status.cells["generated"] == status.scored == 8
    for cell in cells:
        assert cell.image_sha256 is not None
        with Image.open(io.BytesIO(get_blob(Resources.open(settings).store, cell.image_sha256))) as image:
            recipe = json.loads(image.info["dreamtuner"])
        assert sha256(canonical(recipe).encode()).hexdigest() == cell.digest
        assert recipe["sampling"]["steps"] == 2

    told.clear()
    with listening(told.append):
        second = carried_out(spec)
    assert counts(second) == [("pip", 0, 4, 0), ("cut", 0, 0, 4), ("momo", 0, 4, 0)]
    assert second.run != first.run
    assert [one.total for one in told if one.stage == "score"] == [0]
    assert second.subjects[0].scores == first.subjects[0].scores
    for one, home in ((first, finished.home), (second, settings.home)):
        sheet = home / "runs" / one.run / "contact_sheet.png"
        assert one.contact_sheet == sheet
        assert get_blob(Resources.open(settings).store, sha256(sheet.read_bytes()).hexdigest()) == sheet.read_bytes()
    with Resources.open(settings).catalog.read() as s:
        runs = {run.id: run for run in views.recent_runs(s)}
    assert {run.state for run in runs.values()} == {"failed"}, "a part is not all"
    assert str(runs[first.run].reason).startswith("4 of 12 images were not generated: cut: reference")
    assert set(runs) == {first.run, second.run}


@pytest.mark.slow
def test_more_seeds_add_only_what_is_new(finished: Finished, after: Settings) -> None:
    news = {"name": "more", "subjects": finished.spec.subjects[:1], "score": ()}
    more = finished.spec.model_copy(update=news | {"seeds": (2, 3), "prompts": ("a {subject}",)})
    summary = catalog(more)
    assert (summary.made, summary.skipped) == (1, 1)
    with Resources.open(after).catalog.read() as s:
        runs = [run for run in views.recent_runs(s) if run.name == "more"]
    assert {(run.state, run.reason) for run in runs} == {("completed", None)}
    again = catalog(more, return_state=True)
    assert again.is_completed(), "there was nothing to do"
    assert again.result().made == 0


@pytest.mark.slow
def test_no_subject_at_all_is_a_failed_run_with_a_sheet_that_says_why_and_is_told_from_others_of_its_name(
    settings: Settings, spec: Spec
) -> None:
    state = catalog(spec.model_copy(update={"subjects": spec.subjects[1:2]}), return_state=True)
    assert state.is_failed()
    assert state.name == "Failed"
    said = str(state.message)
    assert said.startswith("4 of 4 images were not generated: cut: reference")
    assert "truncated" in said
    summary = result_of(lambda: state.result())
    assert (summary.made, summary.failed) == (0, 4)
    assert summary.contact_sheet.is_file()
    with Resources.open(settings).catalog.read() as s:
        [run] = views.recent_runs(s)
        detail = views.run(s, summary.run)
    assert (run.state, run.reason, list(run.refused)) == ("failed", said, ["cut"])
    assert run.refused["cut"] in said
    assert (detail.reason, detail.cells["generated"], detail.finished_at) == (said, 0, run.finished_at)
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(UUID(run.flow_run_id))
        [taken_in] = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run.id]))
        )
    assert flow_run.name == f"trip {run.id[:8]}"
    assert {f"run:{run.id}", f"spec:{run.spec_digest[:12]}"} <= set(flow_run.tags)
    assert (flow_run.state_type, taken_in.state_type) == (StateType.FAILED, StateType.FAILED)
    assert "1 of 1 subjects were rejected" in str(taken_in.state.message)


@pytest.mark.slow
def test_a_spec_that_is_refused_and_an_interrupt_end_the_run_with_their_reason(
    settings: Settings, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError):
        catalog(spec.model_copy(update={"score": ("beauty",)}))

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt("SIGTERM")

    monkeypatch.setattr("flows.spec_run.finetune_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        catalog(spec.model_copy(update={"subjects": spec.subjects[:1]}))
    with Resources.open(settings).catalog.read() as s:
        stopped, refused = views.recent_runs(s)
    assert (refused.state, stopped.state) == ("failed", "cancelled")
    assert "score[0]: there is no metric 'beauty'" in str(refused.reason)
    assert stopped.reason == "interrupted (SIGTERM)"
    assert refused.spec_digest != stopped.spec_digest


@pytest.mark.slow
def test_a_picture_that_is_gone_or_damaged_is_made_again_and_a_damaged_reference_mended(
    finished: Finished, after: Settings
) -> None:
    settings, only = after, finished.spec.model_copy(update={"subjects": finished.spec.subjects[:1]})
    store = Resources.open(settings).store
    with Resources.open(settings).catalog.read() as s:
        before = [cell.image_sha256 for cell in views.cells_of_run(s, finished.summary.run)][:4]
        reference = views.subject_assets(s, "pip").image_sha256
    gone, damaged = before[:2]
    assert gone is not None
    assert damaged is not None
    store.delete(blob_key(gone))
    for sha in (damaged, reference):
        store.delete(blob_key(sha))
        store.put(blob_key(sha), b"junk", content_type="image/png")
    assert catalog(only).made == 0  # a rerun looks at no picture,
    again = catalog(only, check=True)  # unless it is asked to
    assert (again.made, again.skipped, again.failed) == (2, 2, 0)
    with Resources.open(settings).catalog.read() as s:
        assert [cell.image_sha256 for cell in views.cells_of_run(s, again.run)] == before
    for sha in (gone, damaged, reference):
        assert sha256(get_blob(store, sha)).hexdigest() == sha
