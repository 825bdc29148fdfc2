"""Invented operation names take no labels from those in use."""

import pytest
from prometheus_client import CollectorRegistry, Counter

from app.observability import counting, operation_names
from app.observability.operation_names import OperationNames


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_cells", [])


class Counted:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = Counter("operations_total", "Operations.", ["operation", "outcome"], registry=self.registry)
        self.names = OperationNames(counter)

    def use(self, name: str, times: int = 1, *, known: bool = False) -> None:
        self.names.count(name, "success", known=known).value += times

    def value(self, name: str) -> float | None:
        counting.flush()
        return self.registry.get_sample_value("operations_total", {"operation": name, "outcome": "success"})

    @property
    def labels(self) -> int:
        counting.flush()
        return sum(
            sample.name == "operations_total"
            for family in self.registry.collect()
            for sample in family.samples
        )


def test_a_flood_of_names_leaves_labels_to_those_that_are_used() -> None:
    counted = Counted()
    for number in range(20_000):
        counted.use(f"Made{number}")
        if number % 100 == 0:
            counting.flush()
    for _ in range(5):
        counted.use("Real")
        counting.flush()
        counted.use("Made0")
    assert counted.value("Real") == 1  # the fifth; earlier ones are counted as others
    counted.use("Real", 7)
    assert counted.value("Real") == 8
    assert counted.labels <= 500 + 1
    total = 20_000 + 5 + 5 + 7
    counted_all = sum(
        sample.value
        for family in counted.registry.collect()
        for sample in family.samples
        if sample.name == "operations_total"
    )
    assert counted_all == total


def test_a_flood_that_repeats_its_names_leaves_labels_to_known_ones() -> None:
    """Names used by callers with credentials, or by registered documents, have a capacity of their own."""
    counted = Counted()
    for number in range(2000):
        counted.use(f"Made{number}", 1000)
    counting.flush()
    counted.use("Real", known=True)
    assert counted.value("Real") == 1
    assert counted.value("other") is not None
    assert counted.labels <= 500 + 2


def test_known_names_are_bounded_too() -> None:
    counted = Counted()
    for number in range(2000):
        counted.use(f"Key{number}", known=True)
    assert counted.labels <= 1000 + 1
    assert len(counted.names._known) == 500


def test_the_number_of_provisional_names_is_bounded() -> None:
    counted = Counted()
    for number in range(50_000):
        counted.use(f"Made{number}")
    counting.flush()
    assert len(counted.names._uses) <= operation_names.MAX_COUNTED
    assert counted.names.changed == []


def test_a_kept_count_continues_under_the_label_that_its_name_has_by_then() -> None:
    """A cached response counts through the object that its first execution was given."""
    counted = Counted()
    for number in range(250):
        counted.use(f"Made{number}")
    counting.flush()
    kept = counted.names.count("Real", "success", known=False)
    kept.value += 1
    assert counted.value("Real") is None
    for _ in range(10):
        kept.value += 1
    assert counted.value("Real") == 10
