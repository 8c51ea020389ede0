"""The files for Prometheus and Grafana: they load, and ask only for what the dashboard exports."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from deploy.dashboard.metrics.collector import exposition
from storage.catalog import Catalog, writes
from storage.catalog.records import WORK_KINDS, WorkFigures

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "observability"
BOARD: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text())
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
EXPRESSIONS = {f"panel {panel['title']}": one["expr"] for panel in BOARD["panels"] for one in panel["targets"]}
EXPRESSIONS |= {f"alert {rule['alert']}": rule["expr"] for rule in RULES}
FUNCTIONS = {"sum", "rate", "increase", "delta", "vector", "by", "and", "or", "up"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of every metric that the dashboard exports while a run is in progress."""
    with Catalog.open(f"sqlite:///{tmp_path_factory.mktemp('exported')}/catalog.db") as catalog:
        with catalog.write() as s:
            run = writes.start_run(s, name="n", spec={}, flow_run_id=None)
            for kind in WORK_KINDS:
                about: dict[str, Any] = {"owner": "o", "device": "cpu", "device_seconds": 1.0}
                writes.record_work(s, kind, run_id=run, kind=kind, figures=WorkFigures(items=1), **about)
        text = exposition(catalog)().decode()
    families = text_string_to_metric_families(text)
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_an_expression_asks_for_metrics_and_labels_that_are_exported(where: str, exported: dict[str, set[str]]) -> None:
    expr = EXPRESSIONS[where]
    named = re.findall(r"dreamtuner_\w+", re.sub(r'"[^"]*"', "", expr))
    assert named or "up{" in expr
    assert set(named) <= exported.keys()
    assert expr.count("(") == expr.count(")")
    for metric, selector in re.findall(r"(dreamtuner_\w+)\{([^}]*)\}", expr):
        assert set(re.findall(r"(\w+)=", selector)) <= exported[metric]
    for labels in re.findall(r"by \(([^)]*)\)", expr):
        assert set(re.split(r",\s*", labels)) <= set.union(*(exported[one] for one in named))
    words = re.sub(r'"[^"]*"|dreamtuner_\w+|\{[^}]*\}|\[\w+\]|by \([^)]*\)', " ", expr)
    assert set(re.findall(r"[a-z]+", words)) <= FUNCTIONS, "a function that nobody looked at"


def test_counters_are_read_as_rates_and_gauges_are_not() -> None:
    for where, expr in EXPRESSIONS.items():
        for function, metric in re.findall(r"(\w*)\(?(dreamtuner_\w+)", expr):
            if metric.endswith("_total"):
                assert function in ("rate", "increase"), where
            else:
                assert function not in ("rate", "increase"), where


def test_panels_lie_side_by_side_and_legends_name_labels_that_are_left(exported: dict[str, set[str]]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        ours = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not ours & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= ours
        for one in panel["targets"]:
            kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", one["expr"]))))
            assert set(re.findall(r"\{\{(\w+)\}\}", one["legendFormat"])) <= kept, panel["title"]
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_an_alert_says_how_bad_it_is_and_what_to_look_at() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert len(rule["annotations"]["summary"]) > 20
        assert len(rule["annotations"]["description"]) > 20
        assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_the_example_scrapes_the_route_with_a_token_and_reads_the_alerts() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    (job,) = config["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert "credentials_file" in job["authorization"]
    assert [
        f'job="{job["job_name"]}"' in RULES[0]["expr"],
        *((FOLDER / one).is_file() for one in config["rule_files"]),
    ] == [True, True]
