"""The form of a whole price sheet: what is stored, what was typed, and the writes that follow from the difference."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from app.domain.price import RULES, PriceKind
from app.web.language import Language
from schema.http.work.forms import whole_number
from schema.http.work.sheet_cells import Cell, Unreadable
from schema.http.work.sheet_rows import (
    FREE_PRICES,
    MAX_PRICES,
    SECTIONS,
    Entry,
    SheetRow,
    fixed_rows,
    price_row,
    usual_prices,
)

MAX_WRITES: Final = 100
FINAL: Final = "FINAL"
PRELIMINARY: Final = "PRELIMINARY"

Map = dict[str, Any]
Text = tuple[str, str]  # German and English


class _Shown(msgspec.Struct, frozen=True):
    """The entry as the form showed it, in a hidden field: what differs from it was typed."""

    version: int
    texts: dict[str, str]


_shown_of: Final = msgspec.json.Decoder(_Shown).decode


class RowState:
    """One row with its texts; `errors` are by the name of a cell, or empty for the whole row."""

    def __init__(self, row: SheetRow, entry: Entry | None, texts: Mapping[str, str]) -> None:
        self.row = row
        self.entry = entry
        self.texts = dict(texts)
        self.errors: dict[str, list[Text]] = {}
        self.changed_meanwhile = False
        self.chosen: Mapping[str, str] = {}  # of a row for any price: kind, level and variant as given

    def add_error(self, cell: str, german: str, english: str) -> None:
        self.errors.setdefault(cell, []).append((german, english))

    def shown(self, language: Language) -> str:
        """For the hidden field; empty: nothing is stored."""
        if self.entry is None:
            return ""
        texts = stored_texts(self.row, self.entry, language)
        return msgspec.json.encode(_Shown(self.entry["version"], texts)).decode()


class Write(msgspec.Struct, frozen=True):
    """`input`: of `EntryWrite`, with its one field."""

    state: RowState
    input: Map


class SheetForm:
    """`fields`: those of a form that was sent; None: it is shown for the first time."""

    def __init__(self, dno: Map, year: int, language: Language, fields: Mapping[str, str] | None) -> None:
        self.dno = dno
        self.year = year
        self._language = language
        self._fields = fields or {}
        self.errors: dict[str, list[Text]] = {}  # of the fields of the source
        self.rows = [*self._fixed(), *(self._sent_prices() if fields else self._stored_prices())]
        self.publication = self._publication()

    def value(self, name: str) -> str:
        return self._fields.get(name, "")

    @property
    def confirms(self) -> bool:
        """Whether preliminary entries with the same figures become final."""
        return self.publication == FINAL and self.value("confirm") == "true"

    def rows_of(self, section: str) -> list[RowState]:
        return [state for state in self.rows if state.row.section.name == section]

    @property
    def preliminary(self) -> int:
        return sum(1 for state in self.rows if state.entry and state.entry["publication"] == PRELIMINARY)

    @property
    def has_errors(self) -> bool:
        return bool(self.errors) or any(state.errors for state in self.rows)

    def writes(self) -> list[Write]:
        """Adds what is wrong to `errors` and to the rows."""
        source = self._source()
        found = [Write(state, made) for state in self.rows if (made := self._write(state, source))]
        if len(found) > MAX_WRITES:
            self.errors["sheet"] = [
                (
                    f"Es sind {len(found)} Einträge; höchstens {MAX_WRITES} werden auf einmal gespeichert.",
                    f"There are {len(found)} entries; at most {MAX_WRITES} are saved at once.",
                )
            ]
        return found

    def _fixed(self) -> Iterator[RowState]:
        for row in fixed_rows():
            yield self._state(row)

    def _stored_prices(self) -> Iterator[RowState]:
        usual = usual_prices(self.dno["prices"])[: MAX_PRICES - FREE_PRICES]
        for number, (kind, level, variant) in enumerate(usual):
            yield self._state(price_row(number, kind, level, variant))
        yield from (_free_row(number, {}) for number in range(len(usual), len(usual) + FREE_PRICES))

    def _sent_prices(self) -> Iterator[RowState]:
        for number in range(MAX_PRICES):
            chosen = {
                name: self.value(f"prices.{number}.{name}").strip()
                for name in ("kind", "level", "variant", "free")
            }
            if f"prices.{number}.kind" not in self._fields:
                continue
            amount = self.value(f"prices.{number}.amount")
            if chosen["kind"] in set(PriceKind):
                kind = PriceKind(chosen["kind"])
                level = chosen["level"] or (RULES[kind].levels[0] if len(RULES[kind].levels) == 1 else None)
                state = self._state(price_row(number, kind, level or None, chosen["variant"] or None))
                state.chosen = chosen if chosen["free"] else {}
            else:
                state = _free_row(number, chosen)
                state.texts["amount"] = amount
                if amount.strip():
                    state.add_error(
                        "kind", "Bitte wählen, welcher Preis das ist.", "Please choose which price this is."
                    )
            yield state

    def _state(self, row: SheetRow) -> RowState:
        """What was typed stays; a row that was left as it was shown is that of the entry as it is now."""
        entry = next((each for each in self.dno[row.section.name] if row.is_of(each)), None)
        stored = {} if entry is None else stored_texts(row, entry, self._language)
        sent = {cell.name: self.value(row.field(cell)) for cell in row.cells}
        shown = self._shown(row)
        typed = bool(self._fields) and sent != (shown.texts if shown else dict.fromkeys(sent, ""))
        state = RowState(row, entry, sent if typed else {**dict.fromkeys(sent, ""), **stored})
        if typed and (entry["version"] if entry else None) != (shown.version if shown else None):
            state.changed_meanwhile = not self._same(state)
        return state

    def _shown(self, row: SheetRow) -> _Shown | None:
        try:
            return _shown_of(self.value(f"{row.name}.was").encode())
        except (msgspec.DecodeError, UnicodeEncodeError):
            return None

    def _same(self, state: RowState) -> bool:
        """Whether what was typed is stored already."""
        if state.entry is None:
            return not any(text.strip() for text in state.texts.values())
        try:
            return not self._changed(state)
        except Unreadable:
            return False

    def _changed(self, state: RowState) -> list[Cell]:
        """The cells that state something else than the entry. Raises Unreadable."""
        stored = {} if state.entry is None else stored_texts(state.row, state.entry, self._language)
        return [
            cell
            for cell in state.row.cells
            if (text := state.texts[cell.name]) != stored.get(cell.name, "")
            and cell.read(text, self._language) != cell.read(stored.get(cell.name, ""), self._language)
        ]

    def _publication(self) -> str:
        given = self.value("publication")
        if given in (FINAL, PRELIMINARY):
            return given
        stored = [state.entry for state in self.rows if state.entry]
        return PRELIMINARY if stored and len(stored) == self.preliminary else FINAL

    def _source(self) -> str | None:
        """The address with the page of the document, as viewers of PDF open it."""
        url, page = self.value("url").strip(), self.value("page").strip()
        if not page:
            return url or None
        number = whole_number(page, 4)
        if not number:
            self.errors["page"] = [
                ("Die Seite ist eine Zahl von 1 bis 9999.", "The page is a number from 1 to 9999.")
            ]
        elif not url:
            self.errors["url"] = [
                ("Zur Seite gehört die Adresse des Dokuments.", "A page needs the address of its document.")
            ]
        elif "#" in url:
            self.errors["page"] = [
                ("Die Adresse nennt schon eine Stelle.", "The address has a place already.")
            ]
        return f"{url}#page={number}"

    def _write(self, state: RowState, source: str | None) -> Map | None:
        values = self._values(state)
        if state.errors or values is None:
            return None
        if state.changed_meanwhile:
            state.add_error(
                "",
                "Inzwischen geändert; bitte vergleichen und noch einmal prüfen.",
                "Changed meanwhile; please compare and check again.",
            )
            return None
        if state.entry is None:
            return self._added(state, values, source)
        return self._corrected(state, state.entry, values, source)

    def _values(self, state: RowState) -> Map | None:
        """By field of the input, lists joined from their cells; None: there is nothing to write."""
        values: Map = {}
        given = False
        for cell in state.row.cells:
            try:
                value = cell.read(state.texts[cell.name], self._language)
            except Unreadable as error:
                state.add_error(cell.name, error.german, error.english)
                continue
            given = given or value is not None
            if isinstance(value, list):
                values[cell.field] = [*(values.get(cell.field) or []), *value]
            else:
                values.setdefault(cell.field, value)
        if (
            not given
            and not state.errors
            and state.entry is not None
            and any(stored_texts(state.row, state.entry, self._language).values())
        ):
            state.add_error(
                "",
                "Ein Eintrag wird hier nicht entfernt; das geht auf seiner eigenen Seite.",
                "An entry is not removed here; that is done on its own page.",
            )
        return values if given else None

    def _added(self, state: RowState, values: Map, source: str | None) -> Map:
        lists: Map = {cell.field: [] for cell in state.row.cells if cell.field in ("bands", "windows")}
        given = {name: value for name, value in values.items() if value is not None}
        key = {name: value for name, value in state.row.key.items() if value is not None}
        common: Map = {"dno": self.dno["slug"], "year": self.year, "publication": self.publication}
        if source:
            common["sourceUrl"] = source
        return {state.row.section.add: {**common, **key, **lists, **given}}

    def _corrected(self, state: RowState, entry: Entry, values: Map, source: str | None) -> Map | None:
        changed = {cell.field for cell in self._changed(state)}
        confirmed = self.confirms and entry["publication"] == PRELIMINARY
        if not changed and not confirmed:
            return None
        if state.row.section is SECTIONS["hlzf"]:
            changed = {"windows"}  # which its correction needs in any case
        new: Map = {
            name: values.get(name) or ([] if name in ("bands", "windows") else None) for name in changed
        }
        new |= {"id": entry["id"], "expectedVersion": entry["version"]}
        if entry["publication"] != self.publication:
            new["publication"] = self.publication
        if source:
            new["sourceUrl"] = source
        if reason := self.value("reason").strip():
            new["reason"] = reason
        return {state.row.section.correct: new}


@cache
def field_names() -> frozenset[str]:
    """All that the form can have."""
    rows = list(fixed_rows())
    fixed = {row.field(cell) for row in rows for cell in row.cells} | {f"{row.name}.was" for row in rows}
    prices = {f"prices.{number}.{name}" for number in range(MAX_PRICES) for name in _OF_PRICES}
    return frozenset(fixed | prices | _OF_SHEET)


_OF_PRICES: Final = ("kind", "level", "variant", "free", "amount", "was")
_OF_SHEET: Final = {"dno", "year", "url", "page", "publication", "reason", "confirm", "step", "checked"}


def _free_row(number: int, chosen: Mapping[str, str]) -> RowState:
    """For any price; its kind is not known yet."""
    row = price_row(number, PriceKind.SLP_GRUNDPREIS, None, None)
    state = RowState(row, None, {"amount": ""})
    state.chosen = {"kind": "", "level": "", "variant": "", "free": "true", **chosen}
    return state


def stored_texts(row: SheetRow, entry: Entry, language: Language) -> dict[str, str]:
    return {cell.name: cell.show(entry, language) for cell in row.cells}


def set_errors(writes: Sequence[Write], errors: Sequence[Map]) -> list[str]:
    """Each at the field of its row; returns those that belong to none."""
    others = []
    for error in errors:
        path = error["field"] or []
        if len(path) < 3 or path[1] != "writes":
            others.append(error["message"])
            continue
        state = writes[int(path[2])].state
        field = path[4] if len(path) > 4 else ""
        cell = next((each.name for each in state.row.cells if each.field == field), "")
        state.add_error(cell, error["message"], error["message"])
    return others
