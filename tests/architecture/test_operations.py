"""The dashboard and the alerts use existing metrics and labels."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

from app.observability import metrics

OPS = Path(__file__).parents[2] / "ops"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (apt-get install prometheus, which is large)"
)
# Names with an underscore, as all metrics of this project have; functions, labels and units have none.
METRIC = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b(?!\s*\()")
LABELS = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)|\{([^}]*)\}")


def dashboard() -> Iterator[str]:
    for panel in json.loads((OPS / "grafana-dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def alerts() -> Iterator[str]:
    for group in yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def names() -> set[str]:
    """Names of the series: of a histogram its sum, count and buckets."""
    return {
        f"{family.name}{suffix}"
        for family in REGISTRY.collect()
        if family.name.startswith("dno_")
        for suffix in {
            "counter": ["_total"],
            "histogram": ["_sum", "_count", "_bucket"],
            "gauge": [""],
        }.get(family.type, [])
    }


def labels() -> set[str]:
    ours = {label for metric in vars(metrics).values() for label in getattr(metric, "_labelnames", ())}
    return ours | {"le", "job", "instance"}


@pytest.mark.parametrize("expression", [*dashboard(), *alerts()])
def test_every_metric_and_label_exists(expression: str) -> None:
    used = {
        label.partition("=")[0].strip("!~ ")
        for found in LABELS.findall(expression)
        for label in ",".join(found).split(",")
        if label.strip()
    }
    assert used <= labels()
    assert (
        set(METRIC.findall(LABELS.sub("", expression))) - {"histogram_quantile", "avg_over_time"} <= names()
    )


@pytest.mark.parametrize("expression", [*dashboard(), *alerts()])
def test_every_series_is_selected_by_job(expression: str) -> None:
    """Other services of the same Prometheus, and other stages, have the same names."""
    selected = re.findall(r"\b(?:dno_\w+|up)\b(\{job=~?\"(?:dno-api|\$job)\")?", expression)
    assert selected
    assert all(selected)


def test_the_scrape_job_has_the_name_that_alerts_select() -> None:
    monitor = yaml.safe_load((OPS.parent / "deploy/kubernetes/monitoring/service-monitor.yaml").read_text())
    assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/name"
    assert monitor["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "dno-api"
    assert "- job_name: dno-api" in (OPS.parent / "docs/operating.md").read_text()


def test_every_alert_is_in_the_runbook() -> None:
    runbook = (OPS.parent / "docs/operating.md").read_text()
    rows = {
        name
        for row in runbook.splitlines()
        if row.startswith("| `DnoApi")
        for name in re.findall(r"`(DnoApi\w+)`", row)
    }
    groups = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    assert rows == {rule["alert"] for group in groups for rule in group["rules"]}


def test_the_dashboard_has_units_and_can_be_imported_anywhere() -> None:
    board = json.loads((OPS / "grafana-dashboard.json").read_text())
    assert board["schemaVersion"] == 42  # that of Grafana 12 and 13 (@grafana/schema)
    variables = {variable["name"]: variable["type"] for variable in board["templating"]["list"]}
    assert variables == {"source": "datasource", "job": "query", "instance": "query"}
    assert "id" not in board
    for panel in board["panels"]:
        if panel["type"] != "row":
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${source}"}
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


@needs_promtool
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    for file in (OPS / "alerts.yml", Path(__file__).with_name("alert_tests.yml")):
        shutil.copy(file, tmp_path)
    for command in (("check", "rules", "--lint-fatal", "alerts.yml"), ("test", "rules", "alert_tests.yml")):
        done = subprocess.run(
            [str(PROMTOOL), *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_summary_and_a_severity() -> None:
    for group in yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"]
            assert rule["labels"]["severity"] in ("page", "ticket")


def test_panels_have_unique_ids() -> None:
    panels = json.loads((OPS / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
