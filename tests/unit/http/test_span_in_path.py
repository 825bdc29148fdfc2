"""A span of days in an address."""

from datetime import UTC, date, datetime

import pytest

from app.errors import BadInput
from app.http.span_in_path import DaySpan, SpanFormat, read_span

# In Germany it is the next day already.
NOW = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)


def days(text: str) -> tuple[str, str]:
    span, _ = read_span(text, NOW)
    return str(span.first), str(span.last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-10-25", "2026-10-25", "2026-10-25"),
        ("2028-02-29", "2028-02-29", "2028-02-29"),
        ("2026-10-25..2026-10-26", "2026-10-25", "2026-10-26"),
        ("2026", "2026-01-01", "2026-12-31"),
        ("today", "2026-10-25", "2026-10-25"),
        ("tomorrow", "2026-10-26", "2026-10-26"),
        ("today..tomorrow", "2026-10-25", "2026-10-26"),
        ("2026..today", "2026-01-01", "2026-10-25"),
        ("2026-01-01..2027-02-04", "2026-01-01", "2027-02-04"),
        ("now", "2026-10-25", "2026-10-25"),
    ],
)
def test_days_are_those_of_germany_and_both_ends_are_included(text: str, first: str, last: str) -> None:
    assert days(text) == (first, last)


def test_words_make_a_span_relative_and_now_has_its_moment() -> None:
    day = date(2026, 10, 25)
    assert read_span("now", NOW)[0] == DaySpan(day, day, NOW, True)
    assert read_span("today", NOW)[0] == DaySpan(day, day, None, True)
    assert read_span("2026-10-25..tomorrow", NOW)[0].relative
    assert not read_span("2026-10-25", NOW)[0].relative


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("2026-10-25.json", SpanFormat.JSON),
        ("2026.yaml", SpanFormat.YAML),
        ("2026.yml", SpanFormat.YAML),
        ("2026-10-25..2026-10-26.csv", SpanFormat.CSV),
        ("now.ics", SpanFormat.ICS),
        ("today", None),
    ],
)
def test_a_suffix_chooses_the_format(text: str, format: SpanFormat | None) -> None:
    assert read_span(text, NOW)[1] is format


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-02-30",
        "2027-02-29",
        "2026-1-1",
        "0000",
        "0000-01-01",
        "20261025",
        "2026-W43-7",
        "2026-10-25T00:00",
        "2026-10-25..",
        "..2026-10-25",
        "2026-10-25..2026-10-26..2026-10-27",
        "now..tomorrow",
        "today..now",
        "today.xml",
        "2026-10-25.json.csv",
        "٢٠٢٦",
        "2026-10-25\n",
        "x" * 100_000,
    ],
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadInput, match="is not a day such as 2026-10-25") as refused:
        read_span(text, NOW)
    assert refused.value.details == {"argument": "span"}
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-10-26..2026-10-25", "ends before it begins"),
        ("2027..2026", "ends before it begins"),
        ("2026-01-01..2027-02-05", "is longer than 400 days"),
        ("2026..2027", "is longer than 400 days"),
        ("1000..9999", "is longer than 400 days"),
    ],
)
def test_spans_that_end_before_they_begin_or_are_too_long_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_span(text, NOW)
