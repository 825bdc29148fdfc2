"""Every tag, made in one place: the names under which something changes.

A tag is also the key of the record it names, without prefix and version.
"""

from collections.abc import Iterator
from uuid import UUID

from app.domain.entry import DnoYear
from app.domain.event import Event, Topic

DIRECTORY = "directory"  # the list of all operators
COVERAGE = "coverage"
ALIASES = "aliases"
SCHEMA = "schema"  # the graph itself: the same for the life of a process


def operator(dno_id: UUID) -> str:
    return f"operator:{dno_id}"


def slug(slug: str) -> str:
    """Which operator has this slug, or that none has."""
    return f"slug:{slug}"


def tariffs(key: DnoYear) -> str:
    return f"tariffs:{key.dno_id}:{key.year}"


def hlzf(key: DnoYear) -> str:
    return f"hlzf:{key.dno_id}:{key.year}"


def time_of_use(key: DnoYear) -> str:
    return f"time_of_use:{key.dno_id}:{key.year}"


def years(dno_id: UUID) -> str:
    """The years for which an operator has any data."""
    return f"years:{dno_id}"


def entries(dno_id: UUID) -> str:
    """Everything published by an operator, in any year."""
    return f"entries:{dno_id}"


def year(year: int) -> str:
    """Which operators have data for a year, and every ranking over it."""
    return f"year:{year}"


def place(entry_id: UUID) -> str:
    """Where an entry is found: its operator and year."""
    return f"place:{entry_id}"


def history(entry_id: UUID) -> str:
    return f"history:{entry_id}"


def revision(revision_id: UUID) -> str:
    return f"revision:{revision_id}"


def question(digest: str) -> str:
    """What a sentence means; nothing changes it, for its name holds all that it depends on."""
    return f"question:{digest}"


def opinion(digest: str) -> str:
    """What a language model makes of that sentence; nothing changes it either."""
    return f"opinion:{digest}"


def user(user_id: UUID) -> str:
    return f"user:{user_id}"


def api_key(key_id: UUID) -> str:
    return f"api_key:{key_id}"


def of(event: Event) -> frozenset[str]:
    """All that an event makes untrue."""
    return frozenset(_of(event))


def _of(event: Event) -> Iterator[str]:
    match event.topic:
        case Topic.OPERATOR:
            yield DIRECTORY
            yield COVERAGE
            for entry in event.entries:
                yield operator(entry.id)
                if entry.name is not None:
                    yield slug(entry.name)
        case Topic.TARIFFS | Topic.HLZF | Topic.TIME_OF_USE:
            assert event.dno_id is not None
            assert event.year is not None
            yield f"{event.topic}:{event.dno_id}:{event.year}"
            yield entries(event.dno_id)
            yield years(event.dno_id)
            yield year(event.year)
            yield COVERAGE
            for entry in event.entries:
                yield place(entry.id)
                yield history(entry.id)
        case Topic.ALIASES:
            yield ALIASES
        case Topic.API_KEYS:
            for entry in event.entries:
                yield api_key(entry.id)
        case Topic.USERS:
            for entry in event.entries:
                yield user(entry.id)
