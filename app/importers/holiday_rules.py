"""Holiday rules: files with a row per rule, or with a row for each thing that an operator states in its own words."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

import msgspec

from app.db import staging
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.domain.entry import VerificationStatus
from app.domain.holiday_rule import FAMILY, WITHOUT_YEAR
from app.importers import cells
from app.importers.cells import optional
from app.importers.family import FamilySource
from app.importers.holiday_rule_words import Meaning, NotUnderstood, Subject, meaning_of
from app.importers.layout import Layout, Row
from app.importers.operators import operator
from app.importers.problems import Problem, RowLocation
from app.importers.source import References, Source

# Columns of the words, by what they are about.
_WORDS = {
    Subject.BRIDGE_DAY: "bridge_day_words",
    Subject.HOLIDAY: "holiday_words",
    Subject.CHRISTMAS: "christmas_words",
    Subject.TIME_STAMPS: "time_stamp_words",
}
_READ_HOW = {"read directly": VerificationStatus.VERIFIED, "read second-hand": VerificationStatus.UNVERIFIED}


class _Rule(msgspec.Struct):
    """All rows of one operator and year; they share one source."""

    location: RowLocation
    source: list[str]  # address and title
    meaning: Meaning = Meaning()
    words: dict[Subject, list[str]] = {}
    status: VerificationStatus = VerificationStatus.VERIFIED  # the least verified of its rows


class HolidayRules(Source):
    together = ("dno_slug",)  # a row may be of several years

    def __init__(self, references: References) -> None:
        self._by_column = FamilySource(FAMILY, references)
        self._in_words = Layout(
            {
                "dno_slug": optional(operator(references)),
                "year": _years,
                "date": optional(cells.day),
                "subject": cells.one_of(Subject),
                "rule": cells.text,
                "read_how": cells.one_of(_READ_HOW),
                "source_url": cells.source_url,
                "source_title": cells.text,
            }
        )
        self.layouts = (self._in_words, *self._by_column.layouts)
        self.left_out: list[tuple[RowLocation, str]] = []
        self._rules: dict[tuple[str, int], _Rule] = {}

    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        in_words = len(self._rules)
        columns = [column.name for column in FAMILY.columns]
        self._by_column.may_verify = self.may_verify
        first = await staging.load_entries(
            connection, FAMILY, columns, rows[:in_words], overwrite, on_rows, may_verify=self.may_verify
        )
        second = await self._by_column.load(connection, rows[in_words:], overwrite, on_rows)
        return first.followed_by(second, in_words)

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        if row.layout is not self._in_words:
            yield from self._by_column.take(row, values)
            return
        dno_id, years, day, subject, rule, read_how, *source = values
        if subject not in _WORDS:
            self.left_out.append((row.location, f"a {subject} is no part of a holiday rule"))
        elif not dno_id:
            self.left_out.append((row.location, "the row names no operator"))
        else:
            try:
                meaning = meaning_of(Subject(subject), rule, date.fromisoformat(day) if day else None)
            except NotUnderstood as error:
                yield row.problem("rule", str(error))
                return
            for year in _span(years):
                stated = _Stated(Subject(subject), rule, meaning, _READ_HOW[read_how], source)
                yield from self._add(row, (dno_id, year), stated)

    def _add(self, row: Row, key: tuple[str, int], stated: "_Stated") -> Iterator[Problem]:
        year = key[1]
        for day in (*stated.meaning.excluded_dates, *stated.meaning.working_dates):
            if year not in (day.year, WITHOUT_YEAR):
                yield row.problem("date", f"is not a day of {year}")
                return
        found = self._rules.get(key)
        if found is None:
            found = self._rules[key] = _Rule(row.location, stated.source)
        elif found.source != stated.source:
            yield row.problem(
                "source_url", f"must be the same for all rows of a rule, as in {found.location}"
            )
            return
        try:
            found.meaning = found.meaning.joined(stated.meaning)
        except NotUnderstood as error:
            yield row.problem("rule", f"{error}, as rows from {found.location} on have it")
            return
        found.words.setdefault(stated.subject, []).append(stated.words)
        if stated.status is VerificationStatus.UNVERIFIED:
            found.status = stated.status

    def finish(self) -> Iterator[Problem]:
        yield from self._by_column.finish()
        given = {(values[0], int(values[1])): location for location, values in self._by_column.entries()}
        for key, rule in self._rules.items():
            if key in given:
                yield Problem(rule.location, f"the same operator and year as in {given[key]}")

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        for (dno_id, year), rule in self._rules.items():
            meaning = rule.meaning
            yield (
                rule.location,
                [
                    dno_id,
                    str(year),
                    meaning.bridge_days,
                    cells.days(" ".join(map(str, sorted(meaning.excluded_dates)))),
                    cells.days(" ".join(map(str, sorted(meaning.working_dates)))),
                    meaning.holidays,
                    cells.federal_states(" ".join(sorted(meaning.holiday_states))),
                    meaning.christmas,
                    meaning.time_stamps,
                    *("; ".join(rule.words.get(subject, ())) for subject in _WORDS),
                    rule.status,
                    *rule.source,
                ],
            )
        yield from self._by_column.entries()


class _Stated(msgspec.Struct, frozen=True):
    """One row."""

    subject: Subject
    words: str
    meaning: Meaning
    status: VerificationStatus
    source: list[str]


def _years(cell: str) -> str:
    """One year, several as 2015-2018, or none."""
    if not cell.strip():
        return str(WITHOUT_YEAR)
    span = _SPAN.fullmatch(cell)
    first, last = map(cells.year, span.groups() if span else (cell, cell))
    if first > last:
        raise ValueError("must be years in order, such as 2015-2018")
    return f"{first}-{last}"


# Of other dates, as 2026-01-01, the parts are no years.
_SPAN: Final = re.compile(r"\s*([0-9]{4})\s*[-–]\s*([0-9]{4})\s*")


def _span(years: str) -> range:
    first, _, last = years.partition("-")
    return range(int(first), int(last or first) + 1)
