"""Names, types and help of all metrics follow the conventions of Prometheus; former names have the same values."""

import re
import shutil
import subprocess
from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from app.observability import metrics
from app.observability.build_info import set_build_info
from app.observability.deprecated_names import WITHOUT_OLD_NAME, with_deprecated_names
from app.observability.exposition import _write
from app.settings import Settings

PROMTOOL = shutil.which("promtool")
OURS = [metric for metric in vars(metrics).values() if isinstance(metric, Counter | Gauge | Histogram)]
# What a histogram counts if it is no unit: things in one batch.
THINGS = "_size"


def parsed(text: bytes) -> dict[str, Metric]:
    families = list(text_string_to_metric_families(text.decode()))
    assert len({family.name for family in families}) == len(families)
    return {family.name: family for family in families}


def samples(families: Iterable[Metric]) -> dict[str, float]:
    return {
        f"{one.name} {sorted(one.labels.items())}": one.value for family in families for one in family.samples
    }


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric._name)
def test_names_have_prefix_unit_and_help(metric: Counter | Gauge | Histogram) -> None:
    name = metric._name
    assert re.fullmatch(r"dno_[a-z]+(_[a-z]+)*", name)
    assert metric._documentation[0].isupper() or metric._documentation[0].isdigit()
    assert metric._documentation.endswith(".")
    assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_info")) or metric is metrics.BUILD_INFO
    if isinstance(metric, Histogram):
        assert name.endswith(("_seconds", "_bytes", THINGS))
    # Base units only.
    assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|percent)(_|$)", name)
    # Prometheus adds these itself.
    assert not set(metric._labelnames) & {"job", "instance", "le", "quantile"}


def test_the_former_name_of_a_metric_has_its_values_and_names_its_successor() -> None:
    metrics.JOB_FAILURES.labels("Relay").inc(3)
    metrics.EDGE_PURGES.labels("varnish", "confirmed").inc()
    metrics.HTTP_SECONDS.labels("/graphql").observe(0.3)
    set_build_info(Settings(revision="abc"))
    text = _write()
    current, both = parsed(text), parsed(with_deprecated_names(text))
    former = {name: family for name, family in both.items() if name not in current}
    assert samples(family for name, family in both.items() if name in current) == samples(current.values())
    renamed = {
        name
        for name in current
        if name.startswith("dno_") and not name.removeprefix("dno_").encode().startswith(WITHOUT_OLD_NAME)
    }
    assert {f"dno_{name}" for name in former} == renamed
    for name, family in former.items():
        successor = current[f"dno_{name}"]
        assert family.type == successor.type
        assert re.fullmatch(rf"Deprecated, use dno_{name}(_total)?\.", family.documentation)
        assert [one.value for one in family.samples] == [one.value for one in successor.samples]
    [failures] = [one for one in former["job_failures"].samples if one.labels["job"] == "Relay"]
    assert failures.value >= 3
    # Metrics of the Prometheus client are written once, under their own names.
    assert "python_info" in current
    assert len(with_deprecated_names(text)) < 2 * len(text) + 1000


def test_texts_of_clients_in_labels_stay_what_they_are() -> None:
    registry = CollectorRegistry()
    counter = Counter("dno_operations_total", "Operations.", ["operation"], registry=registry)
    hostile = 'dno_x\n# HELP dno_y z\ndno_z 1 {task="'
    counter.labels(hostile).inc()
    both = parsed(with_deprecated_names(generate_latest(registry)))
    assert set(both) == {"dno_operations", "operations"}
    assert [one.labels for one in both["operations"].samples] == [{"operation": hostile}]


def test_build_info_names_version_revision_and_python() -> None:
    metrics.BUILD_INFO.clear()
    set_build_info(Settings(revision="0123abc"))
    [sample] = parsed(_write())["dno_build_info"].samples
    assert sample.value == 1
    assert sample.labels["revision"] == "0123abc"
    assert set(sample.labels) == {"version", "revision", "python"}
    metrics.BUILD_INFO.clear()


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: the package prometheus of Debian")
def test_promtool_accepts_the_exposition() -> None:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=_write(), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
