"""Which events the relay need not invalidate again."""

from app.cache.acknowledged_events import MAX_EVENTS, AcknowledgedEvents


def test_an_event_is_covered_under_the_generation_of_the_removed_keys_until_it_is_forgotten() -> None:
    events = AcknowledgedEvents()
    assert not events.covers(1, "1.1")
    events.note("1.1", [1, 2])
    events.note("1.2", [3])
    assert [events.covers(event, "1.1") for event in (1, 2, 3)] == [True, True, False]
    assert [events.covers(event, "1.2") for event in (1, 2, 3)] == [False, False, True]
    events.forget([2, 4])
    assert [events.covers(event, "1.1") for event in (1, 2)] == [True, False]
    events.note("1.2", [1])
    assert (events.covers(1, "1.1"), events.covers(1, "1.2")) == (False, True)


def test_the_number_of_events_is_bounded() -> None:
    events = AcknowledgedEvents()
    events.note("1.1", range(MAX_EVENTS + 1))
    assert not events.covers(0, "1.1")
    assert events.covers(1, "1.1")
    assert events.covers(MAX_EVENTS, "1.1")
