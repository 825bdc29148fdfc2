"""Garbage is collected less often during an import, and as before after it."""

import gc
from collections.abc import Iterator

import pytest

from app.importers.garbage_collection import fewer_collections


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_an_import_collects_less_often_and_restores_the_thresholds_after_an_error():
    gc.set_threshold(700, 10, 10)
    during = []

    def fail() -> None:
        with fewer_collections():
            during.append(gc.get_threshold()[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert during[0] > 700
    assert gc.get_threshold() == (700, 10, 10)


def test_thresholds_that_are_higher_already_stay():
    gc.set_threshold(100_000, 5, 5)
    with fewer_collections():
        assert gc.get_threshold() == (100_000, 5, 5)
    assert gc.get_threshold() == (100_000, 5, 5)
