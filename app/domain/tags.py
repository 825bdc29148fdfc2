"""All cache tags, defined in one place. A tag names data that changes together.

A tag is also the key of the record it names, without prefix and version.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

from app.domain import hlzf as _hlzf
from app.domain import holiday_rule as _holiday_rule
from app.domain import price, tariff
from app.domain import time_of_use as _time_of_use
from app.domain.event import Event
from app.domain.families import BY_NAME, FAMILIES
from app.domain.family import Family
from app.domain.held_figures import ANY_YEAR
from app.domain.plausibility_rules import has_rules

DIRECTORY = "directory"  # the list of all operators
COVERAGE = "coverage"
COVERAGE_OF_REGIONS = "coverage_of_regions"  # the same by region and year
ALIASES = "aliases"
PLACES = "places"  # the generation of all places
SCHEMA = "schema"  # the GraphQL schema: constant for the life of a process


def operator(dno_id: UUID) -> str:
    return f"operator:{dno_id}"


def slug(slug: str) -> str:
    """The operator that has this slug, or the fact that none has."""
    return f"slug:{slug}"


tariffs = tariff.FAMILY.tag
hlzf = _hlzf.FAMILY.tag
time_of_use = _time_of_use.FAMILY.tag
prices = price.FAMILY.tag


def holiday_rules_of(dno_id: UUID) -> str:
    """The holiday rules of an operator, of all years: one without a year holds in any of them."""
    return f"holiday_rules_of:{dno_id}"


def all_of(family: Family) -> str:
    """All entries of a family without operators."""
    return f"all_{family.name}"


def years(dno_id: UUID) -> str:
    """The years for which an operator has data."""
    return f"years:{dno_id}"


def entries(dno_id: UUID) -> str:
    """All entries of an operator, of any year."""
    return f"entries:{dno_id}"


def unusual_entries(dno_id: UUID) -> str:
    """The entries of an operator, of any year, with values that are unusual beside its other figures."""
    return f"unusual_entries:{dno_id}"


def unusual_figures(family: str) -> str:
    """The distribution of the figures of a family, and the entries beyond it."""
    return f"unusual_figures:{family}"


def every_entry() -> tuple[str, ...]:
    """The tags of all entries of all families, and of all operators."""
    return (COVERAGE, *(all_of(family) for family in FAMILIES if not family.of_operators))


def year(year: int) -> str:
    """The operators that have data for a year, and all rankings of it."""
    return f"year:{year}"


def held_figures(year: int | None) -> str:
    """Which operators have which figures of a year, or with ANY_YEAR of any."""
    return f"held_figures:{year}"


def location(entry_id: UUID) -> str:
    """The location of an entry: its family, operator and year."""
    return f"place:{entry_id}"


def history(entry_id: UUID) -> str:
    return f"history:{entry_id}"


def revision(revision_id: UUID) -> str:
    return f"revision:{revision_id}"


def question(digest: str) -> str:
    """The interpretation of a question; never invalidated, since the digest covers all that it depends on."""
    return f"question:{digest}"


def opinion(digest: str) -> str:
    """A language model's interpretation of that question; never invalidated either."""
    return f"opinion:{digest}"


def places(generation: UUID, postal_code: str) -> str:
    """The places of a postal code as of a generation; never invalidated, since a change of places begins another generation."""
    return f"places:{generation}:{postal_code}"


def user(user_id: UUID) -> str:
    return f"user:{user_id}"


def api_key(key_id: UUID) -> str:
    return f"api_key:{key_id}"


# By the first word of a tag with several.
_IMMUTABLE: Final = frozenset(("question", "opinion", "places", "revision"))
_OF_ACCOUNTS: Final = frozenset(("user", "api_key"))


def is_immutable(tag: str) -> bool:
    """Whether no event ever invalidates the tag."""
    kind, colon, _ = tag.partition(":")
    return tag == SCHEMA or (colon != "" and kind in _IMMUTABLE)


def is_of_account(tag: str) -> bool:
    return tag.partition(":")[0] in _OF_ACCOUNTS


def of(event: Event) -> frozenset[str]:
    """The tags that an event invalidates."""
    return frozenset(_of(event))


def of_all(events: Iterable[Event]) -> frozenset[str]:
    """The tags that any of these events invalidates."""
    return frozenset[str]().union(*map(of, events))


def _of(event: Event) -> Iterator[str]:
    if (family := BY_NAME.get(event.topic)) is not None:
        assert event.dno_id is not None
        assert event.year is not None
        yield family.tag((event.dno_id, event.year))
        if family.of_operators:
            yield entries(event.dno_id)
            yield years(event.dno_id)
            yield year(event.year)
            yield held_figures(event.year)
            yield held_figures(ANY_YEAR)
            yield COVERAGE
            yield COVERAGE_OF_REGIONS
        else:
            yield all_of(family)
        if has_rules(family):
            yield unusual_entries(event.dno_id)
        if family.prices:
            yield unusual_figures(family.name)
        if event.topic == _holiday_rule.FAMILY.name:
            yield holiday_rules_of(event.dno_id)
        for entry in event.entries:
            yield location(entry.id)
            yield history(entry.id)
        return
    match event.topic:
        case "operator":
            yield DIRECTORY
            yield COVERAGE
            yield COVERAGE_OF_REGIONS
            for entry in event.entries:
                yield operator(entry.id)
                yield unusual_entries(entry.id)  # a deleted operator has none
                if entry.name is not None:
                    yield slug(entry.name)
        case "aliases":
            yield ALIASES
        case "places":
            yield PLACES
        case "api_keys":
            for entry in event.entries:
                yield api_key(entry.id)
        case "users":
            for entry in event.entries:
                yield user(entry.id)
