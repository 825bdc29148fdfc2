"""Hochlastzeitfenster: one row per window, or one row without times if the operator publishes that there is none."""

from collections.abc import Iterator

import msgspec

from app.db import staging
from app.db.file_columns import PUBLICATION
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.hlzf import FAMILY, Season
from app.importers import cells
from app.importers.cells import optional
from app.importers.layout import Layout, Row
from app.importers.operators import operator
from app.importers.problems import Problem, RowLocation
from app.importers.source import References, Source
from app.importers.spellings import is_unknown

_UNKNOWN = "does not state that there are no windows; leave the row out, or write keine if the operator published that"
_SOURCE = ("verification_status", "source_url", "source_title", PUBLICATION)


class _Season(msgspec.Struct):
    """The windows of one operator, year, voltage level and season; they share one source."""

    location: RowLocation
    source: list[str]  # the columns of `_SOURCE`
    windows: list[tuple[str, str, RowLocation]]  # none: the operator published that there is none


class Hlzf(Source):
    family = FAMILY
    together = ("dno_slug", "year", "voltage_level", "season")

    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        return await staging.load_entries(
            connection, FAMILY, ["windows"], rows, overwrite, on_rows, may_verify=self.may_verify
        )

    def __init__(self, references: References) -> None:
        self.layouts = (
            Layout(
                {
                    "dno_slug": operator(references),
                    "year": cells.year,
                    "voltage_level": cells.one_of(VoltageLevel),
                    "season": cells.one_of(Season),
                    "start": optional(cells.time),
                    "end": optional(cells.time),
                    "verification_status": cells.one_of(VerificationStatus),
                    "source_url": cells.source_url,
                    "source_title": cells.text,
                    PUBLICATION: optional(cells.one_of(Publication)),
                },
                optional=frozenset({PUBLICATION}),
            ),
        )
        self._seasons: dict[tuple[str, ...], _Season] = {}

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        for column, cell in zip(("start", "end"), row.cells[4:6], strict=True):
            if is_unknown(cell):
                yield row.problem(column, _UNKNOWN)
                return
        start, end, *source = values[4:]
        if PUBLICATION not in row.layout.names:
            source.append("")
        if bool(start) != bool(end):
            yield row.problem(
                "end" if start else "start", "start and end must both be given or both be empty"
            )
            return
        if start and start in (end, "24:00"):
            yield row.problem("end", f"must be after the start, {start}")
            return
        for begins, ends in _parts_of_day(start, end):
            if problem := self._take_window(row, values[:4], begins, ends, source):
                yield problem
                return

    def _take_window(
        self, row: Row, key: list[str], start: str, end: str, source: list[str]
    ) -> Problem | None:
        season = self._seasons.get(tuple(key))
        if season is None:
            windows = [(start, end, row.location)] if start else []
            self._seasons[tuple(key)] = _Season(row.location, source, windows)
        elif problem := _contradiction(season, row, start, end, source):
            return problem
        else:
            season.windows.append((start, end, row.location))
        return None

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        for key, season in self._seasons.items():
            windows = [{"start": start, "end": end} for start, end, _ in sorted(season.windows)]
            yield season.location, [*key, msgspec.json.encode(windows).decode(), *season.source]


def _parts_of_day(start: str, end: str) -> list[tuple[str, str]]:
    """A window over midnight in two parts; an end at 00:00 is one at 24:00. No window is one part."""
    if not start or start < end:
        return [(start, end)]
    return [(start, "24:00"), *([("00:00", end)] if end > "00:00" else [])]


def _contradiction(season: _Season, row: Row, start: str, end: str, source: list[str]) -> Problem | None:
    if not start or not season.windows:
        return row.problem("start", f"{season.location} has {_windows_of(season)} for the same season")
    for column, own, other in zip(_SOURCE, source, season.source, strict=True):
        if own != other:
            return row.problem(
                column if column in row.layout.names else "source_url",
                f"{column} must be the same for all windows of a season, as in {season.location}",
            )
    for begins, ends, location in season.windows:
        if start < ends and begins < end:
            return row.problem("start", f"{start}-{end} overlaps {begins}-{ends} in {location}")
    return None


def _windows_of(season: _Season) -> str:
    return f"{len(season.windows)} window(s)" if season.windows else "no window"
