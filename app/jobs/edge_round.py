"""What one round purges at an edge: the keys of all changes that are due, and the places that are reached by it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from app.cache.clock import monotonic
from app.db import edge_queue as queue
from app.db.edge_queue import EdgeChange, EdgeStatus
from app.db.pool import Pool
from app.domain.event import Event, Topic
from app.domain.families import BY_NAME
from app.edge.keys import EVERYTHING, keys_to_purge
from app.settings import Settings

_CHANGES_AT_ONCE: Final = 100
# If more are due, everything is purged: an import changes what most responses were read from.
_MANY_CHANGES: Final = 300
# Seconds until the second purge: nearly all old responses have arrived by then.
SOON: Final = 2.0
# Beside the time-outs of a response: until every instance has proved that its caches have the change.
_MARGIN: Final = 5.0
_NO_MOMENT: Final = datetime.fromtimestamp(0, UTC)  # keys do not depend on when it was


def delays(settings: Settings) -> tuple[float, float, float]:
    """Seconds from a change to its three purges. An old response may be on its way to an edge for as long as it may be computed and
    sent, a download as long as it may last.
    """
    longest = max(
        settings.max_queue_time + settings.operation_timeout + settings.answer_timeout,
        settings.export_timeout,
    )
    last = settings.edge_repeat_delay or longest + _MARGIN
    return 0.0, min(SOON, last), last


class Round:
    """`waiting`: the requests that are not confirmed yet. `age`: of the oldest change that is purged for the first time, when it
    `began`.
    """

    def __init__(self, keys: list[str], per_request: int, places: Sequence[int], age: float | None) -> None:
        self.everything = EVERYTHING in keys
        self.waiting = [keys[start : start + per_request] for start in range(0, len(keys), per_request)]
        self.places = places
        self.age = age
        self.began = monotonic()


async def next_round(
    pool: Pool, status: EdgeStatus, delay_of_pass: Sequence[float], *, most: int, per_request: int
) -> Round | None:
    """None: nothing is due. More than `most` keys become one for everything."""
    places = list(status.places)
    keys: dict[str, None] = {}
    age: float | None = None
    for number, delay in enumerate(delay_of_pass):
        # Repeated is what was purged before, or is purged by this round.
        up_to = places[0] if number else status.newest
        if places[number] >= up_to:
            continue
        changes, latest = await queue.fetch_due(pool, places[number], up_to, delay, _CHANGES_AT_ONCE)
        if not changes:
            continue
        if number == 0:
            age = changes[0].age
        many = latest - changes[0].id >= _MANY_CHANGES
        found = None if many or status.trimmed > places[number] else _keys_of(changes, most)
        keys |= found if found is not None else {EVERYTHING: None}
        places[number] = latest if found is None else changes[-1].id
    if not keys and places == status.places:
        return None
    purged = [EVERYTHING] if EVERYTHING in keys or len(keys) > most else list(keys)
    return Round(purged, per_request, places, age)


def _keys_of(changes: Iterable[EdgeChange], most: int) -> dict[str, None] | None:
    """None: everything."""
    keys: dict[str, None] = {}
    for change in changes:
        event = _event_of(change)
        if event is None:
            return None
        keys |= dict.fromkeys(keys_to_purge((event,)))
        if len(keys) > most:
            return None
    return keys


def _event_of(change: EdgeChange) -> Event | None:
    """None for what may have changed anything: also the topic of a later release, and a row without operator."""
    if change.topic not in set(Topic) or (
        change.topic in BY_NAME and (change.dno_id is None or change.year is None)
    ):
        return None
    return Event(change.id, Topic(change.topic), change.dno_id, change.year, _NO_MOMENT, change.entries)
