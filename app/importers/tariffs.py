"""Netzentgelte: one row per operator, year and voltage level."""

from collections.abc import Iterator

from app.db import staging
from app.domain.entry import VerificationStatus, VoltageLevel
from app.importers import cells
from app.importers.cells import optional
from app.importers.layout import Layout, Row
from app.importers.problems import Place, Problem
from app.importers.source import Known, Source


class Tariffs(Source):
    load = staticmethod(staging.load_tariffs)

    def __init__(self, known: Known) -> None:
        price = optional(cells.price)
        self.layouts = (
            Layout(
                {
                    "dno_slug": cells.operator(known.operators),
                    "year": cells.year,
                    "voltage_level": cells.one_of(VoltageLevel),
                    "leistung": price,
                    "arbeit": price,
                    "leistung_unter_2500h": price,
                    "arbeit_unter_2500h": price,
                    "verification_status": cells.one_of(VerificationStatus),
                    "source_url": cells.text,
                    "source_title": cells.text,
                }
            ),
        )
        self._rows: dict[tuple[str, ...], tuple[Place, list[str]]] = {}

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        key = tuple(values[:3])
        if key in self._rows:
            yield row.problem(
                "voltage_level", f"the same operator, year and level as in {self._rows[key][0]}"
            )
        else:
            self._rows[key] = (row.place, values)

    def entries(self) -> Iterator[tuple[Place, list[str]]]:
        yield from self._rows.values()
