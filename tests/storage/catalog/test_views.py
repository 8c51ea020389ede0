from collections.abc import Callable
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.records import NotInCatalogError

Plan = Callable[..., SimpleNamespace]


def make(catalog: Catalog, digests: list[str]) -> list[int]:
    with catalog.write() as s:
        writes.claim_cells(s, digests, "me", 60)
        return [
            writes.finish_cell(s, digest, owner="me", image_sha256="1" * 64, width=64, height=64) for digest in digests
        ]


def test_an_empty_catalog_has_every_state_at_zero(catalog: Catalog) -> None:
    with catalog.read() as s:
        found = views.status(s)
        assert views.recent_runs(s) == []
    assert dict(found.cells) == {"planned": 0, "generating": 0, "generated": 0, "failed": 0, "lost": 0}
    assert (found.subjects, found.scored) == (0, 0)


def test_status_counts_outputs_with_any_score_once(catalog: Catalog, planned: Plan) -> None:
    outputs = make(catalog, planned(4).digests[:3])
    with catalog.write() as s:
        for metric in ("clip_i", "clip_t"):
            writes.add_scores(s, metric=metric, version="1", values={outputs[0]: 0.5})
    with catalog.read() as s:
        found = views.status(s)
    assert (found.subjects, found.cells["generated"], found.cells["planned"], found.scored) == (1, 3, 1, 1)


def test_a_cell_shows_its_lineage(catalog: Catalog, planned: Plan) -> None:
    plan = planned(1)
    (output,) = make(catalog, plan.digests)
    with catalog.read() as s:
        cell = views.cell(s, plan.digests[0])
    assert (cell.subject_name, cell.prompt, cell.pose, cell.seed) == ("pip", "a bear on the beach", None, 0)
    assert (cell.output_id, cell.image_sha256, cell.settings) == (output, "1" * 64, {"steps": 20})
    assert (cell.reference_sha256, cell.mask_sha256) == ("1" * 64, "2" * 64)
    assert (cell.profile, cell.weights_digest) == ("pocket", "w")
    with pytest.raises(FrozenInstanceError):
        cell.seed = 2  # type: ignore[misc]


def test_what_is_not_there_is_named(catalog: Catalog) -> None:
    with catalog.read() as s:
        with pytest.raises(NotInCatalogError, match="cell 'x'"):
            views.cell(s, "x")
        with pytest.raises(NotInCatalogError, match="subject 'pip' has no reference"):
            views.subject_assets(s, "pip")


def test_unscored_outputs_are_those_without_this_metric_in_this_version(catalog: Catalog, planned: Plan) -> None:
    plan = planned(4)
    first, second, third = make(catalog, plan.digests[:3])
    with catalog.write() as s:
        writes.add_scores(s, metric="clip_i", version="1", values={first: 0.5})
        writes.add_scores(s, metric="clip_i", version="0", values={second: 0.5})
        writes.add_scores(s, metric="clip_t", version="1", values={third: 0.5})
    with catalog.read() as s:
        todo = views.unscored(s, plan.run, "clip_i", "1")
        assert [item.output_id for item in todo] == [second, third]
        assert todo[0].reference_sha256 == "1" * 64
        assert todo[0].mask_sha256 == "2" * 64
        assert todo[0].prompt == "a bear on the beach"
        assert views.unscored(s, "another run", "clip_i", "1") == []


def test_the_score_shown_is_that_of_the_version_scored_last(catalog: Catalog, planned: Plan) -> None:
    plan = planned(2)
    output, _ = make(catalog, plan.digests)
    with catalog.write() as s:
        writes.add_scores(s, metric="clip_i", version="1", values={output: 0.1})
    with catalog.write() as s:
        writes.add_scores(s, metric="clip_i", version="2", values={output: 0.2})
        writes.add_scores(s, metric="clip_t", version="1", values={output: 0.3})
    with catalog.read() as s:
        assert [cell.scores for cell in views.cells_of_run(s, plan.run)] == [{"clip_i": 0.2, "clip_t": 0.3}, {}]


def test_runs_come_newest_first_with_the_states_of_their_cells(catalog: Catalog, planned: Plan) -> None:
    plan = planned(3)
    make(catalog, plan.digests[:1])
    with catalog.write() as s:
        newest = writes.start_run(s, name="later", spec={}, flow_run_id="f")
        writes.plan_cells(s, newest, plan.cells[:2])
    with catalog.read() as s:
        runs = views.recent_runs(s)
        assert [run.id for run in views.recent_runs(s, limit=1)] == [newest]
    assert [(run.name, run.cells["generated"], run.cells["planned"]) for run in runs] == [
        ("later", 1, 1),
        ("trip", 1, 2),
    ]
    assert runs[0].flow_run_id == "f"


def test_the_licences_of_a_metrics_models_are_those_of_its_version(catalog: Catalog, planned: Plan) -> None:
    plan = planned(1)
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests, "me", 60)
        output = writes.finish_cell(s, plan.digests[0], owner="me", image_sha256="1" * 64, width=8, height=8)
        for version, licences in (
            ("1-a", {"dino": "Unknown"}),
            ("1-b", {"dino": "MIT"}),
            ("1-a", {"dino": "Apache-2.0"}),
        ):
            writes.add_scores(s, metric="dino_s16", version=version, values={output: 0.5}, licences=licences)
        writes.add_scores(s, metric="clip_i", version="1", values={output: 0.5})
        assert views.metric_licences(s) == {"dino_s16": {"1-a": {"dino": "Apache-2.0"}, "1-b": {"dino": "MIT"}}}
