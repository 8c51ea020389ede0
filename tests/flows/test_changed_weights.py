"""Weights that changed since a spec last ran regenerate nothing unasked, and plan says which parts changed."""

import json
import os
import shutil
from pathlib import Path

import pytest

from flows.ingestion.store_subject import prepare_and_store
from flows.planning.cells import plan_cells
from flows.planning.changed_weights import changed_weights, demand_same_weights
from flows.planning.preflight import demand_models, preflight
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec_run import record
from storage.catalog import views, writes
from storage.catalog.records import CellPicture


def spec_of(references: Path, name: str = "trip") -> Spec:
    subject = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
    grid = {"prompts": ["a {subject} on the beach"], "seeds": [1, 2], "sampling": {"steps": 1}}
    return Spec.model_validate({"name": name, "subjects": [subject], **grid})


def run_once(spec: Spec, resources: Resources, *, generated: bool = True) -> None:
    """Record a run of the spec whose cells are generated; no model is loaded."""
    ready, kept = preflight(spec, resources), prepare_and_store(spec.subjects[0], resources)
    with resources.catalog.write() as s:
        run_id = writes.start_run(s, name=spec.name, spec={}, flow_run_id=None)
    planned = plan_cells(spec, [kept.facts], ready.setup)
    record(spec, resources, ready, run_id, [kept], planned)
    if generated:
        with resources.catalog.write() as s:
            digests = writes.claim_cells(s, [cell.digest for cell in planned], "me", 60)
            sha = kept.facts.reference_sha256
            writes.finish_cells(s, [CellPicture(digest, sha, 64, 64) for digest in digests], owner="me", run_id=run_id)


def other_weights(settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Resources:
    """The same installation after its model's scheduler changed."""
    shutil.copytree(Resources.open(settings).profile("pocket").weights, folder)
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"steps_offset": 0}))
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(folder))
    return Resources.open(Settings.load())


def test_a_rerun_with_other_weights_stops_and_plan_says_what_changed(
    settings: Settings, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, before = spec_of(references), Resources.open(settings)
    assert changed_weights(spec, before, before.catalog) is None
    run_once(spec, before)
    assert preview(spec, before).changed_weights is None
    after = other_weights(settings, tmp_path / "other", monkeypatch)
    found = preview(spec, after)
    assert found.missing() == 2
    assert found.changed_weights == (
        "the weights of profile pocket changed since trip last ran (scheduler): 2 cells would be regenerated, and its "
        "2 earlier images kept"
    )
    with pytest.raises(InputError, match=r"profile: .* \(scheduler\).*--new-weights does that; or bring the earlier"):
        demand_same_weights(spec, after, after.catalog)
    demand_same_weights(spec_of(references, "another"), after, after.catalog)
    with after.catalog.read() as s:
        assert [(use.cells, use.images) for use in views.profile_uses(s, "pocket")] == [(2, 2)]

    run_once(spec, after)  # as --new-weights does: from now on these are the spec's weights
    assert changed_weights(spec, after, after.catalog) is None
    with after.catalog.read() as s:
        assert [(use.cells, use.images) for use in views.profile_uses(s, "pocket")] == [(2, 2), (2, 2)]
    assert "(scheduler)" in (changed_weights(spec, before, before.catalog) or "")  # and back


def test_weights_of_a_run_that_generated_nothing_bind_nobody(
    settings: Settings, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, before = spec_of(references), Resources.open(settings)
    run_once(spec, before, generated=False)
    after = other_weights(settings, tmp_path / "other", monkeypatch)
    assert changed_weights(spec, after, after.catalog) is None


def test_a_model_that_cannot_work_is_said_before_anything_is_planned(
    settings: Settings, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = other_weights(settings, tmp_path / "broken", monkeypatch)
    file = tmp_path / "broken" / "unet" / "diffusion_pytorch_model.safetensors"
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(InputError, match=r"profile: .*but its header describes .*the download is incomplete: repeat"):
        demand_models(spec_of(references).model_copy(update={"score": []}), broken)


def test_too_little_memory_is_said_when_the_model_is_loaded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dreamtuner.families import inference_memory
    from flows.faults import UnmetRequirementError

    monkeypatch.setattr(inference_memory, "free_bytes", lambda device: 1000)
    resources = Resources(settings)
    with pytest.raises(UnmetRequirementError, match=r"the weights of pocket take .* GB in memory"):
        resources.backbone("pocket")
