"""What a field of a price sheet's form holds: how its text is read as people type it, and how a stored value is shown."""

import re
from abc import ABC, abstractmethod
from typing import Any, Final

from app.domain.clock import hh_mm
from app.importers import times
from app.importers.decimals import Decimal, Decimals, TwoReadings, used_by
from app.importers.spellings import is_nothing
from app.importers.units import Unit, fits, in_words, unit_of, without_unit
from app.web.language import Language

_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_MAX_TEXT: Final = 500


class Unreadable(ValueError):
    """The text has no reading, or two; in both languages."""

    def __init__(self, german: str, english: str) -> None:
        super().__init__(english)
        self.german = german
        self.english = english


class Cell(ABC):
    """`name` in the form, `field` of the mutations' inputs; several cells may make up one list."""

    is_number = True

    def __init__(self, name: str, field: str) -> None:
        self.name = name
        self.field = field

    @abstractmethod
    def read(self, text: str, language: Language) -> Any:
        """The value in an input; None: nothing is given. Raises Unreadable."""

    @abstractmethod
    def show(self, entry: dict[str, Any], language: Language) -> str:
        """The text of a stored entry; empty: it has no such figure."""


class Amount(Cell):
    def __init__(self, name: str, field: str, unit: str) -> None:
        super().__init__(name, field)
        self.unit = unit_of(unit)

    def read(self, text: str, language: Language) -> Any:
        return read_number(text, language, self.unit)

    def show(self, entry: dict[str, Any], language: Language) -> str:
        return show_number(entry[self.field], language)


class BandPrice(Cell):
    """The price of one band of § 14a."""

    def __init__(self, band: str) -> None:
        super().__init__(f"band-{band}", "bands")
        self.band = band

    def read(self, text: str, language: Language) -> Any:
        price = read_number(text, language, unit_of("ct/kWh"))
        return None if price is None else [{"band": self.band, "price": price}]

    def show(self, entry: dict[str, Any], language: Language) -> str:
        prices = [each["price"] for each in entry["bands"] if each["band"] == self.band]
        return show_number(prices[0] if prices else None, language)


class Windows(Cell):
    """Windows of a day, joined by commas. `of`: members that all windows of the cell have.

    `may_be_none`: "keine" states that there is none.
    """

    is_number = False

    def __init__(self, name: str, of: dict[str, Any], *, may_be_none: bool) -> None:
        super().__init__(name, "windows")
        self._of = of
        self._may_be_none = may_be_none

    def read(self, text: str, language: Language) -> Any:
        text = text.strip()
        if not text:
            return None
        if is_nothing(text):
            return [] if self._may_be_none else None
        if len(text) > _MAX_TEXT:
            raise Unreadable("ist zu lang", "is too long")
        try:
            found = [
                (hh_mm(times.minutes(start)), hh_mm(times.minutes(end))) for start, end in times.windows(text)
            ]
        except ValueError:
            raise Unreadable(
                "muss Fenster nennen wie 07:45–12:00, 16:30–18:00",
                "must be windows such as 07:45–12:00, 16:30–18:00",
            ) from None
        return [
            {**self._of, "start": begins, "end": ends}
            for start, end in found
            for begins, ends in _parts_of_day(start, end)
        ]

    def show(self, entry: dict[str, Any], language: Language) -> str:
        own = [
            each for each in entry["windows"] if all(each[name] == value for name, value in self._of.items())
        ]
        if not own and self._may_be_none:
            return "keine" if language == "de" else "none"
        return ", ".join(f"{each['start']}–{each['end']}" for each in own)


def _parts_of_day(start: str, end: str) -> list[tuple[str, str]]:
    """A window over midnight is two; one that ends when it starts is left to the rules of the family."""
    if start <= end:
        return [(start, end)]
    return [(start, "24:00"), *([("00:00", end)] if end > "00:00" else [])]


def read_number(text: str, language: Language, unit: Unit | None) -> str | None:
    """With a decimal point; in the decimal marks of the language where both could be meant. Raises Unreadable."""
    text = text.strip()
    if not text or is_nothing(text):
        return None
    number, written = without_unit(text)
    found = unit_of(written) if written else None
    if found and unit and not fits(found, unit):
        raise Unreadable(
            f"steht in {in_words(found)}; nötig ist {in_words(unit)}",
            f"is in {in_words(found)}; it must be in {in_words(unit)}",
        )
    own = Decimal.COMMA if language == "de" else Decimal.POINT
    try:
        number = Decimals(used_by(number) or own, stated=False, exact=False).with_point(number)
    except TwoReadings:
        whole, _, part = number.replace(",", ".").partition(".")
        mark = "," if language == "de" else "."
        raise Unreadable(
            f"kann {whole}{part} oder {whole}{mark}{part} heißen; bitte eines davon schreiben",
            f"could be {whole}{part} or {whole}{mark}{part}; please write one of them",
        ) from None
    except ValueError:
        number = ""
    if not _NUMBER.fullmatch(number):
        raise Unreadable("ist keine Zahl wie 58,20", "is no number such as 58.20")
    return number


def show_number(value: str | None, language: Language) -> str:
    """Without separators of thousands, which could be decimal marks."""
    if value is None:
        return ""
    return value.replace(".", ",") if language == "de" else value
