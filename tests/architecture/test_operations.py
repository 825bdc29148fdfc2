"""The dashboard and the alerts use existing metrics and labels."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

from app.observability import metrics

OPS = Path(__file__).parents[2] / "ops"
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
        for suffix in {
            "counter": ["_total"],
            "histogram": ["_sum", "_count", "_bucket"],
            "gauge": [""],
        }.get(family.type, [])
    }


def labels() -> set[str]:
    ours = {label for metric in vars(metrics).values() for label in getattr(metric, "_labelnames", ())}
    return ours | {"le", "instance"}


@pytest.mark.parametrize("expression", [*dashboard(), *alerts()])
def test_every_metric_and_label_exists(expression: str) -> None:
    used = {
        label.partition("=")[0].strip("!~ ")
        for found in LABELS.findall(expression)
        for label in ",".join(found).split(",")
        if label.strip()
    }
    assert used <= labels()
    assert set(METRIC.findall(LABELS.sub("", expression))) - {"histogram_quantile"} <= names()


def test_every_alert_has_a_summary_and_a_severity() -> None:
    for group in yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"]
            assert rule["labels"]["severity"] in ("page", "ticket")


def test_panels_have_unique_ids() -> None:
    panels = json.loads((OPS / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
