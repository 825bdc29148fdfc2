"""What the rows and cells of a price sheet's form are called."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.domain.entry import VoltageLevel
from app.domain.price import RULES, PriceKind
from app.web.page_view import PageView
from schema.http.work.sheet_cells import Amount, BandPrice, Cell, Windows
from schema.http.work.sheet_form import RowState, stored_texts

_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "leistung": ("Leistungspreis ab 2.500 h, €/kW", "Capacity price from 2,500 h, EUR/kW"),
    "arbeit": ("Arbeitspreis ab 2.500 h, ct/kWh", "Energy price from 2,500 h, ct/kWh"),
    "leistungUnter2500h": ("Leistungspreis unter 2.500 h, €/kW", "Capacity price below 2,500 h, EUR/kW"),
    "arbeitUnter2500h": ("Arbeitspreis unter 2.500 h, ct/kWh", "Energy price below 2,500 h, ct/kWh"),
}
_BANDS: Final[Mapping[str, tuple[str, str]]] = {
    "HT": ("Hochtarif HT", "high band HT"),
    "ST": ("Standardtarif ST", "standard band ST"),
    "NT": ("Niedertarif NT", "low band NT"),
}


class SheetTexts:
    def __init__(self, view: PageView) -> None:
        self._view = view
        self.kinds = [*PriceKind]
        self.levels = [*VoltageLevel]

    def kind(self, kind: str) -> str:
        """With its unit."""
        return f"{self._view.price_kind(kind)}, {self._view.price_unit(RULES[PriceKind(kind)].unit)}"

    def row(self, state: RowState) -> str:
        key, view = state.row.key, self._view
        match state.row.section.name:
            case "tariffs":
                return view.text("Netzentgelte", "Charges") + f", {view.level(str(key['voltageLevel']))}"
            case "hlzf":
                level, season = str(key["voltageLevel"]), str(key["season"])
                return view.text("HLZF", "HLZF") + f", {view.level(level)}, {view.season(season)}"
            case "timeOfUse":
                return view.text("§ 14a Modul 3", "§ 14a module 3")
            case _ if state.chosen and not state.chosen["kind"]:
                return view.text("Weiterer Preis", "Another price")
        return view.price_kind(str(key["kind"])) + self._of_price(state)

    def _of_price(self, state: RowState) -> str:
        level, variant = state.row.key["voltageLevel"], state.row.key["variant"]
        named = level and len(RULES[PriceKind(str(state.row.key["kind"]))].levels) > 1
        parts = [*([self._view.level(str(level))] if named else []), *([variant] if variant else [])]
        return "".join(f", {part}" for part in parts)

    def cell(self, state: RowState, cell: Cell) -> str:
        """The label of a field."""
        view = self._view
        match cell:
            case Amount() if state.row.section.name == "prices":
                unit = view.price_unit(RULES[PriceKind(str(state.row.key["kind"]))].unit)
                return f"{view.price_kind(str(state.row.key['kind']))}{self._of_price(state)}, {unit}"
            case BandPrice():
                return f"{view.text(*_BANDS[cell.band])}, ct/kWh"
            case Windows() if state.row.section.name == "hlzf":
                return view.season(str(state.row.key["season"]))
            case Windows():
                quarter, _, band = cell.name.partition("-")
                return view.text(f"{quarter}. Quartal", f"Quarter {quarter}") + f", {band}"
        return view.text(*_FIELDS[cell.field])

    def value(self, state: RowState, field: str, value: str | None) -> str:
        """A value of the changes of a row, with its decimals as the page has them."""
        of_price = state.row.section.name == "prices"
        unit = RULES[PriceKind(str(state.row.key["kind"]))].unit if of_price else None
        return self._view.field_value(field, value, unit)

    def stored(self, state: RowState) -> str:
        """The figures of the entry as it is now."""
        if state.entry is None:
            return self._view.text("nichts mehr", "nothing any more")
        texts = stored_texts(state.row, state.entry, self._view.language)
        labels = {cell.name: self.cell(state, cell) for cell in state.row.cells}
        if len(texts) == 1:
            return next(iter(texts.values()))
        return "; ".join(f"{labels[name]} {text}" for name, text in texts.items() if text)

    def by_level(self, states: Sequence[RowState]) -> dict[str, list[RowState]]:
        found: dict[str, list[RowState]] = {}
        for state in states:
            found.setdefault(str(state.row.key["voltageLevel"]), []).append(state)
        return found
