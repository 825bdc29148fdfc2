"""Keys of responses at the edge: whatever a change touches, it purges every response that was read from it."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.domain import tags
from app.domain.event import EntryChange, Event, Topic
from app.domain.families import BY_NAME
from app.domain.revision import ChangeKind
from app.edge.keys import EVERYTHING, KEY_LENGTH, key_of, keys_of_response, keys_to_purge, names_of

DNO, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEW = 400


def event(topic: str, dno_id: UUID | None = DNO, year: int = 2025, name: str | None = None) -> Event:
    family = BY_NAME.get(topic)
    of_entries = family is not None
    change = EntryChange(uuid4(), 1, ChangeKind.CORRECTED, name)
    return Event(
        1, Topic(topic), dno_id if of_entries else None, year if of_entries else None, NOW, (change,)
    )


def events() -> Iterator[Event]:
    for topic in Topic:
        if topic not in ("users", "api_keys"):
            yield event(topic, name="netze-a" if topic == "operator" else None)


@pytest.mark.parametrize("changed", list(events()), ids=lambda each: each.topic)
def test_each_changed_tag_is_purged_however_coarse_a_response_represents_it(changed: Event) -> None:
    purged = set(keys_to_purge([changed]))
    assert EVERYTHING not in purged
    others = [f"tariffs:{uuid4()}:{year}" for year in range(2000, 2040)]
    for tag in tags.of(changed):
        for name in names_of(tag):
            assert key_of(name) in purged, (tag, name)
        for most in (3, 4, 8, 20, 41, 42, FEW):
            assert purged & set(keys_of_response([tag, *others], most)), (tag, most)


def test_few_tags_are_exact_and_a_change_beside_them_does_not_purge_the_response() -> None:
    read = {f"tariffs:{DNO}:2025", f"operator:{DNO}", "slug:netze-a", f"years:{DNO}"}
    keys = keys_of_response(read, FEW)
    assert sorted(keys) == sorted([EVERYTHING, *map(key_of, read)])
    assert not set(keys) & set(keys_to_purge([event("hlzf", OTHER), event("operator", name="netze-b")]))
    assert not set(keys) & (set(keys_to_purge([event("tariffs", DNO, 2024)])) - {key_of(f"years:{DNO}")})


def test_what_never_changes_has_no_key() -> None:
    immutable = [tags.SCHEMA, f"revision:{uuid4()}", f"places:{uuid4()}:80331", "question:x", "opinion:x"]
    assert keys_of_response(immutable, FEW) == [EVERYTHING]
    assert len(keys_of_response([*immutable, tags.PLACES], FEW)) == 2


def test_many_tags_become_operators_then_years_then_families_and_the_rest_stays_exact() -> None:
    dnos = [uuid4() for _ in range(100)]
    all_years = {f"tariffs:{dno}:{year}" for dno in dnos for year in range(2020, 2026)}
    exact = {key_of(f"operator:{DNO}"), key_of(tags.DIRECTORY)}
    read = {*all_years, f"operator:{DNO}", tags.DIRECTORY}
    assert len(keys_of_response(read, 700)) == 1 + 600 + 2
    of_operators = set(keys_of_response(read, 200))
    assert of_operators == {EVERYTHING, *exact, *(key_of(f"group:dno:{dno}") for dno in dnos)}
    of_years = set(keys_of_response(read, 50))
    assert of_years == {EVERYTHING, *exact, *(key_of(f"group:tariffs:{year}") for year in range(2020, 2026))}
    assert set(keys_of_response(read, 8)) == {EVERYTHING, *exact, key_of("group:tariffs")}
    # Another year of a response that is represented by years purges nothing.
    assert not of_years & set(keys_to_purge([event("tariffs", dnos[0], 2019)]))


def test_a_response_has_at_most_so_many_keys_of_one_length() -> None:
    kinds = [
        f"{kind}:{uuid4()}:{2000 + n % 30}" for kind in ("tariffs", "hlzf", "prices") for n in range(500)
    ]
    kinds += [f"{kind}:{uuid4()}" for kind in ("operator", "slug", "history", "unknown") for _ in range(500)]
    for most, size in itertools.product((3, 10, 32, 455), (1, 40, 2000, len(kinds))):
        keys = keys_of_response(kinds[:size], most)
        assert len(keys) <= most
        assert {len(key) for key in keys} <= {KEY_LENGTH, len(EVERYTHING)}
        assert all(key.replace("-", "").isalnum() and key.islower() for key in keys)
