"""Operators are found by all common spellings of their names."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz, process

from app.domain.dno import Alias, DirectoryEntry
from app.domain.folding import fold
from app.interpreter.search import BEGINS, WORD_BEGINS, LatestNames, Match, Names


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


async def test_names_are_folded_again_only_when_they_differ() -> None:
    latest = LatestNames()
    first = await latest.of(ENTRIES, ())
    assert await latest.of(tuple(iter(ENTRIES)), ()) is first
    assert await latest.of(ENTRIES[:1], ()) is not first


@given(st.text(alphabet="stadwerkn üöbg ", max_size=20), st.integers(1, 12))
def test_names_compared_in_steps_are_ranked_as_names_compared_at_once(query: str, first: int) -> None:
    """A plain comparison with all texts is the reference."""
    entries = _many()
    names = Names(entries)
    wanted = fold(query).strip()
    scores: dict[UUID, float] = {}
    texts = list(names._leads)
    found = [(text, score / 100) for text, score, _ in process.extract(wanted, texts, scorer=fuzz.WRatio, limit=5 * first, score_cutoff=60)]  # fmt: skip
    if len(wanted) > 1:
        found += [(text, BEGINS) for text in texts if text.startswith(wanted)]
        found += [
            (text, WORD_BEGINS) for text in texts if f" {wanted}" in text and not text.startswith(wanted)
        ]
    for text, score in found if wanted else ():
        for dno_id, weight in names._leads[text].items():
            scores[dno_id] = max(
                scores.get(dno_id, 0.0), 1.0 if text == wanted and weight == 1 else score * weight
            )
    by_id = {entry.id: entry for entry in entries}
    ranked = sorted(
        scores.items(), key=lambda each: (-each[1], len(by_id[each[0]].name), by_id[each[0]].slug)
    )
    expected = [Match(dno_id, round(score, 4)) for dno_id, score in ranked[:first]]
    assert names.search(query, first) == expected


@cache
def _many() -> list[DirectoryEntry]:
    """More than a step compares."""
    patterns = ("Stadtwerke {}", "{} Netz", "Netze {} GmbH", "Überlandwerk {}")
    towns = [
        start + end
        for start in ("Ahr", "Berg", "Dorn", "Grün", "Neu")
        for end in ("au", "bach", "burg", "stadt", "werth")
    ]
    return [
        msgspec.structs.replace(ENTRIES[0], id=UUID(int=number), slug=f"netz-{number}", name=patterns[number % 4].format(towns[number % 25]),
            official_name=None, city=towns[number % 25] if number % 3 else None, mastr_nr=None, bdew_code=None, acer_code=None, vnb_id=None)
        for number in range(700)
    ]  # fmt: skip
