"""A run's project: named by the spec or by its subjects, with a purpose and a quota of its own."""

from typing import Any

import pytest

from flows.execution.claims.abilities import why_not
from flows.execution.costs.stop import stop_if_asked
from flows.faults import RunStoppedError
from flows.planning.preflight import preflight
from flows.planning.projects.limits import demand_quota, project_of
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from storage.catalog import views, writes
from storage.catalog.records import WorkFigures, spec_digest
from storage.catalog.views import Quota
from tests.storage.projects import add_pictures

GRID: dict[str, Any] = {"name": "trip", "prompts": ["a {subject} on the beach"], "seeds": [1]}
NEW = {"name": "pip", "class_word": "bear", "style": "natural", "reference": "pip.png"}


def spec(project: str | None = None, **more: Any) -> Spec:
    return Spec(**GRID | {"subjects": [NEW]} | ({} if project is None else {"project": project}) | more)


@pytest.fixture
def resources(tmp_path: Any) -> Resources:
    return Resources.open(Settings.load({"DREAMTUNER_HOME": str(tmp_path)}))


def test_a_project_is_in_no_digest() -> None:
    plain, of = spec(), spec("ours")
    assert "project" not in plain.model_dump(mode="json")
    kept = of.model_dump(mode="json", exclude={"priority", "project"})
    assert spec_digest(kept) == spec_digest(plain.model_dump(mode="json", exclude={"priority", "project"}))


def test_a_run_is_of_the_project_of_its_subjects(resources: Resources) -> None:
    assert project_of(spec(), resources.catalog) is None
    with pytest.raises(InputError, match=r"project: 'ours' is not a project; there is none yet"):
        project_of(spec("ours"), resources.catalog)
    with resources.catalog.write() as s:
        ours, theirs = (writes.add_project(s, name=name, actor="setup") for name in ("ours", "theirs"))
        add_pictures(s, ours, "pip", ["a"])
        add_pictures(s, theirs, "momo", ["b"])
        add_pictures(s, None, "bolt", ["c"])
    of = project_of(spec(), resources.catalog)
    assert of is not None and of.name == "ours"  # noqa: PT018
    both = [{"name": "pip"}, {"name": "momo"}]
    for wrong in (spec("theirs"), spec(subjects=both)):
        with pytest.raises(InputError, match=r"project: subject '\w+' is of '\w+', not of '\w+'; order for"):
            project_of(wrong, resources.catalog)
    everybodys = project_of(spec(subjects=[{"name": "bolt"}]), resources.catalog)
    assert everybodys is None
    taken = project_of(spec("theirs", subjects=[{"name": "bolt"}]), resources.catalog)
    assert taken is not None and taken.name == "theirs"  # noqa: PT018


def test_what_a_project_is_for_counts_instead_of_the_variable(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spec("ours", subjects=[{**NEW, "style": "natural"}], profile="pocket", score=["clip_i_l14"])
    with resources.catalog.write() as s:
        ours = writes.add_project(s, name="ours", purpose="non-commercial", actor="setup")
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None, project_id=ours)
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "sometimes")
    with pytest.raises(InputError, match="DREAMTUNER_PURPOSE: 'sometimes' is neither"):
        preflight(spec(profile="pocket"), resources)
    with pytest.raises(InputError) as found:
        preflight(asked, resources)
    assert "DREAMTUNER_PURPOSE" not in str(found.value)
    assert why_not("pocket", resources, run) is None
    with resources.catalog.write() as s:
        writes.change_project(s, ours, purpose="commercial, regions=DE", actor="setup")
    monkeypatch.delenv("DREAMTUNER_PURPOSE")


def spent(s: Any, run: str, session: str, seconds: float) -> None:
    writes.record_work(
        s,
        session,
        run_id=run,
        owner="me",
        kind="generate",
        device="cpu",
        device_seconds=seconds,
        figures=WorkFigures(),
    )


def test_device_seconds_count_once_for_the_month_and_stop_the_run(resources: Resources) -> None:
    with resources.catalog.write() as s:
        ours = writes.add_project(s, name="ours", quota=100, actor="setup")
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None, project_id=ours)
        other = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
        for _ in range(2):  # a session is written again with every beat
            spent(s, run, "one", 30.0)
        spent(s, run, "one", 50.0)
        spent(s, run, "two", 20.0)
        spent(s, other, "three", 1000.0)
        quota = views.quota_of_run(s, run)
        assert quota is not None
        assert (quota.spent, quota.left, quota.warning) == (70.0, 30.0, "")
        assert views.quota_of_run(s, other) is None
    stop_if_asked(resources, run)
    demand_quota(spec("ours"), quota, 30.0)
    with pytest.raises(InputError, match=r"project: 30 of 100 device-seconds are left to 'ours' in .*about 31"):
        demand_quota(spec("ours"), quota, 31.0)
    with resources.catalog.write() as s:
        spent(s, run, "two", 30.0)
        quota = views.quota_of_run(s, run)
        assert quota is not None
        assert "80% of its quota" in quota.warning
        spent(s, run, "two", 50.0)
    flushed: list[str] = []
    with pytest.raises(RunStoppedError, match=r"the 100 device-seconds of project 'ours' in \d{4}-\d\d are used up; "):
        stop_if_asked(resources, run, flush=lambda: flushed.append("now"))
    assert flushed == ["now"]
    stop_if_asked(resources, other)
    with resources.catalog.write() as s:
        writes.finish_run(s, run, "failed")
        writes.forget_run(s, run, actor="me")
        left = views.quota_left(s, ours)
        assert left is not None and left.spent == 100.0  # noqa: PT018
        writes.change_project(s, ours, quota=200, actor="me")
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None, project_id=ours)
    stop_if_asked(resources, run)


@pytest.mark.parametrize(
    ("quota", "estimate", "refused"),
    [
        (None, 1e9, False),
        (100, 60, False),
        (100, 60.5, True),
        (100, None, False),
        (40, None, True),
        (40, 1, True),
        (40, 0, False),
    ],
)
def test_an_order_above_what_is_left_is_refused(quota: float | None, estimate: float | None, refused: bool) -> None:
    said = views.over_quota(Quota(project="ours", month="2026-11", quota=quota, spent=40.0), estimate)
    assert bool(said) == refused
    assert not said or said.startswith("project: ")
