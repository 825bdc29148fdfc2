"""The topics beside grid charges and peak-load windows of one operator, and what is refused: sentences as people write them."""

import json
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.cache.codec import Codec
from app.domain.consumption import BandConsumption
from app.domain.question import Interpretation, Usage
from app.interpreter.interpret import interpret
from app.interpreter.vocabulary import Vocabulary

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "topic_cases.jsonl").read_text(encoding="utf-8").splitlines()
]
TODAY = date(2026, 11, 28)


def as_expected(found: Interpretation, slugs: dict[UUID, str]) -> dict[str, Any]:
    details = found.details
    load = details.load
    return {
        "data_type": found.data_type,
        "topic": found.subject,
        "dno": slugs[found.dno_id] if found.dno_id else None,
        "year": found.year,
        "voltage_level": found.voltage_level,
        "candidates": sorted(slugs[one] for one in found.candidates),
        "not_held": found.not_held,
        "unknown": found.unknown,
        "lacking": found.lacking,
        "questions": found.questions,
        "day": details.day.isoformat() if details.day else None,
        "minute": details.minute,
        "now": details.now,
        "dearest": details.dearest,
        "region": details.region,
        "first": details.first,
        "kinds": list(details.kinds),
        "levies": list(details.levies),
        "inhabitants": details.inhabitants,
        "usage": details.usage and written(details.usage),
        "place": details.place and [details.place.postal_code, details.place.city],
        "load": load
        and [f"{load.consumption_kwh.normalize():f}", f"{load.peak_load_kw.normalize():f}", load.assumed],
    }


def written(usage: Usage) -> dict[str, Any]:
    """What is named of it, in plain values."""
    fields = {name: getattr(usage, name) for name in usage.__struct_fields__}
    return {name: plain(value) for name, value in fields.items() if value not in (None, False)}


def plain(value: Any) -> Any:
    if isinstance(value, BandConsumption):
        return [plain(one) for one in (value.ht, value.st, value.nt)]
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_sentence_is_read_as_it_is_meant(
    case: dict[str, Any], vocabulary: Vocabulary, slugs: dict[UUID, str]
) -> None:
    found = interpret(case["query"], vocabulary, date.fromisoformat(case["today"]))
    given, wanted = as_expected(found, slugs), case["expect"]
    if "candidates" in wanted:
        wanted = wanted | {"candidates": sorted(wanted["candidates"])}
    assert {name: given[name] for name in wanted} == wanted
    assert found.language == case["lang"]
    if found.subject is None or found.unknown is not None:
        assert found.confidence < 0.5
    elif "answerable" in case["tags"]:
        assert found.confidence > 0.5


def test_a_meaning_is_the_same_after_it_was_kept_in_redis(vocabulary: Vocabulary) -> None:
    codec: Codec[Interpretation] = Codec(Interpretation)
    for case in CASES:
        found = interpret(case["query"], vocabulary, date.fromisoformat(case["today"]))
        decoded = codec.decode(codec.encode(found, 60))
        assert decoded is not None
        assert decoded.value == found


def test_a_third_of_the_sentences_cannot_be_answered() -> None:
    kinds = Counter(case["tags"][0] for case in CASES)
    assert kinds.total() >= 150
    assert kinds["not_answerable"] >= kinds.total() / 3
