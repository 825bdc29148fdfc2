"""Operators are found by all common spellings of their names."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from app.domain.dno import Alias, DirectoryEntry
from app.interpreter.search import LatestNames, Names


def entry(slug: str, name: str, official_name: str | None = None, city: str | None = None) -> DirectoryEntry:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return DirectoryEntry(
        uuid5(NAMESPACE_URL, slug), slug, name, official_name, None, city, None, False, False, None, now
    )


ENTRIES = (
    entry("netze-bw", "Netze BW", "Netze BW GmbH", "Stuttgart"),
    entry("stadtwerke-muenster-netz", "Stadtwerke Münster Netz", "Stadtwerke Münster Netz GmbH", "Münster"),
    entry("stadtwerke-munster", "Stadtwerke Munster", None, "Munster"),
    entry("swm-infrastruktur", "SWM Infrastruktur", "SWM Infrastruktur GmbH & Co. KG", "München"),
    entry("ovag-netz", "ovag Netz", "ovag Netz GmbH", "Friedberg"),
    entry("energienetze-bayern", "Energienetze Bayern", "Energienetze Bayern GmbH & Co. KG", "Regensburg"),
)
SLUGS: dict[UUID, str] = {one.id: one.slug for one in ENTRIES}
NAMES = Names(ENTRIES, [Alias("Stadtwerke München", ENTRIES[3].id, "https://example.org")])


def found(query: str, names: Names = NAMES) -> Sequence[str]:
    return [SLUGS[match.dno_id] for match in names.search(query, 3)]


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("Netze BW", "netze-bw"),
        ("NETZE BW GMBH", "netze-bw"),
        ("bw netze", "netze-bw"),
        ("Stadtwerke Muenster Netz", "stadtwerke-muenster-netz"),
        ("Stadtwerke Münster Netz", "stadtwerke-muenster-netz"),
        ("stadtwerke munster", "stadtwerke-munster"),
        ("Enegrienetze Bayern", "energienetze-bayern"),
        ("energien", "energienetze-bayern"),
        ("infra", "swm-infrastruktur"),
        ("Stadtwerke München", "swm-infrastruktur"),
        ("stuttgart", "netze-bw"),
    ],
)
def test_the_intended_operator_is_ranked_first(query: str, slug: str) -> None:
    assert found(query)[0] == slug


def test_an_exact_name_scores_one_and_an_empty_query_finds_nothing() -> None:
    assert NAMES.search("netze bw", 1)[0].score == 1.0
    assert NAMES.search("  ", 5) == []
    assert NAMES.search("qqqqqqqqqq", 5) == []


def test_names_are_folded_again_only_when_they_differ() -> None:
    latest = LatestNames()
    first = latest.of(ENTRIES, ())
    assert latest.of(tuple(iter(ENTRIES)), ()) is first
    assert latest.of(ENTRIES[:1], ()) is not first
