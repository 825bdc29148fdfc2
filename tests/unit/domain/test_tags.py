"""Different records have different tags, and an event names all tags that it invalidates."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.domain import tags
from app.domain.entry import DnoYear
from app.domain.event import EntryChange, Event, Topic
from app.domain.families import FAMILIES
from app.domain.revision import ChangeKind

# What a tag is made of, for each way to make one.
things = st.one_of(
    *(
        st.tuples(st.just(make), st.builds(DnoYear, st.uuids(), st.integers(1, 9999)))
        for make in (tags.tariffs, tags.hlzf, tags.time_of_use)
    ),
    *(
        st.tuples(st.just(make), st.uuids())
        for make in (
            tags.operator, tags.years, tags.entries, tags.location,
            tags.history, tags.revision, tags.user, tags.api_key, tags.holiday_rules_of, tags.unusual_entries,
        )
    ),
    st.tuples(st.just(tags.slug), st.text(max_size=20)),
    st.tuples(st.just(tags.unusual_figures), st.text(max_size=20)),
    st.tuples(st.just(tags.year), st.integers(1, 9999)),
    st.tuples(
        st.just(lambda at: tags.places(*at)), st.tuples(st.uuids(), st.from_regex("[0-9]{5}", fullmatch=True))
    ),
)  # fmt: skip


@given(things, things)
def test_only_the_same_record_has_the_same_tag(one, other):
    (make, what), (make_other, what_other) = one, other
    assert (make(what) == make_other(what_other)) == (one == other)
    assert make(what) not in {
        tags.DIRECTORY,
        tags.COVERAGE,
        tags.COVERAGE_OF_REGIONS,
        tags.ALIASES,
        tags.PLACES,
        tags.SCHEMA,
    }


@given(
    st.sampled_from([Topic.TARIFFS, Topic.HLZF, Topic.TIME_OF_USE]),
    st.uuids(),
    st.integers(2000, 2100),
    st.lists(st.uuids(), max_size=3),
)
def test_a_changed_figure_invalidates_each_list_that_contains_it(topic, dno_id, year, ids):
    entries = tuple(EntryChange(entry_id, 2, ChangeKind.CORRECTED) for entry_id in ids)
    touched = tags.of(Event(1, topic, dno_id, year, datetime.now(UTC), entries))
    assert touched >= {
        getattr(tags, topic)(DnoYear(dno_id, year)), tags.years(dno_id), tags.entries(dno_id), tags.year(year),
        tags.COVERAGE, tags.COVERAGE_OF_REGIONS, tags.unusual_entries(dno_id), *map(tags.location, ids), *map(tags.history, ids),
    }  # fmt: skip
    # Peak-load windows have no distribution.
    assert (tags.unusual_figures(topic) in touched) == (topic is not Topic.HLZF)


def test_every_entry_has_a_tag_of_all_entries():
    for family in FAMILIES:
        touched = tags.of(Event(1, Topic(family.name), UUID(int=1), 2025, datetime.now(UTC), ()))
        assert touched & {*tags.every_entry()}, family.name
    assert tags.of(event(Topic.OPERATOR)) & {*tags.every_entry()}


@given(st.uuids(), st.integers(2000, 2100))
def test_a_changed_holiday_rule_invalidates_the_rules_of_all_years_and_its_own_record(dno_id, year):
    topic = Topic["HOLIDAY_RULES"]
    touched = tags.of(Event(1, topic, dno_id, year, datetime.now(UTC), ()))
    assert touched >= {tags.holiday_rules_of(dno_id), f"holiday_rules:{dno_id}:{year}"}


def event(topic: Topic, *entries: EntryChange) -> Event:
    return Event(1, topic, None, None, datetime.now(UTC), entries)


def test_an_event_of_an_operator_names_its_record_its_slug_and_the_lists():
    named = EntryChange(UUID(int=1), 2, ChangeKind.CORRECTED, "netze")
    unnamed = EntryChange(UUID(int=2), 2, ChangeKind.CORRECTED)
    assert tags.of(event(Topic.OPERATOR, named, unnamed)) == {
        tags.DIRECTORY, tags.COVERAGE, tags.COVERAGE_OF_REGIONS, tags.operator(named.id), tags.operator(unnamed.id), tags.slug("netze"),
        tags.unusual_entries(named.id), tags.unusual_entries(unnamed.id),
    }  # fmt: skip


def test_an_event_of_accounts_names_each_of_them_and_nothing_else():
    entries = [EntryChange(UUID(int=number), 2, ChangeKind.CORRECTED) for number in (1, 2)]
    assert tags.of(event(Topic.API_KEYS, *entries)) == {tags.api_key(entry.id) for entry in entries}
    assert tags.of(event(Topic.USERS, *entries)) == {tags.user(entry.id) for entry in entries}


def test_an_event_of_aliases_names_the_aliases():
    assert tags.of(event(Topic.ALIASES)) == {tags.ALIASES}
