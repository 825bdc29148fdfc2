"""What a template has beside its data: the language, and addresses of this and other pages."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from app.domain.clock import GERMANY
from app.domain.federal_state import region_key
from app.web import bill_texts
from app.web.language import LANGUAGES, Language
from app.web.names import (
    BANDS,
    BILL_PROFILES,
    BILL_UNITS,
    CHANGES,
    DATA_TYPES,
    FIELD_PARTS,
    FIELD_UNITS,
    FIELDS,
    FIGURES_OF_ENTRIES,
    LEVELS,
    MONTHS,
    PEAK_REASONS,
    PRICE_KINDS,
    PRICE_UNITS,
    PUBLICATIONS,
    RULES,
    SEASONS,
    STATUSES,
    WEEKDAYS,
    Names,
)
from app.web.notes import in_german

DIRECTION_MARKS: Final = (
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # set the direction of the text after them
)


class PageView(NamedTuple):
    """`path`: without the prefix of the language. `parameters`: those of the query string that the page takes.

    `editor`: whether the reader may correct entries.
    `public_url`: of the server, empty if it is not set.
    """

    language: Language
    prefix: str
    path: str
    parameters: Sequence[tuple[str, str]] = ()
    editor: bool = False
    public_url: str = ""

    def text(self, german: str, english: str) -> str:
        return german if self.language == "de" else english

    def link(self, path: str, /, **parameters: object) -> str:
        """The address of another page in the language of this one; a list is a repeated parameter, None is left out."""
        return _address(self.prefix, path, [*_pairs(parameters)])

    def same(self, /, **changed: object) -> str:
        """The address of this page with other parameters; a list is a repeated one, None removes one."""
        kept = [(name, value) for name, value in self.parameters if name not in changed]
        return _address(self.prefix, self.path, [*kept, *_pairs(changed)])

    def in_language(self, language: str) -> str:
        """This page in that language, whatever the client prefers."""
        return _address(f"/{language}", self.path, self.parameters)

    def whole(self, language: str = "") -> str:
        """The full address of this page in that language, or of the page in that which the client prefers."""
        address = self.in_language(language) if language else _address("", self.path, self.parameters)
        return f"{self.public_url.rstrip('/')}{address}"

    def file(self, suffix: str) -> str:
        """The rows of this page, and of those before and after it, as a file."""
        kept = [(name, value) for name, value in self.parameters if name not in ("offset", "page")]
        return _address("", f"{self.path}{suffix}", kept)

    def feed(self) -> str:
        """The changes of this page as a feed."""
        kept = [(name, value) for name, value in self.parameters if name != "after"]
        return _address(self.prefix, "/changes.atom", kept)

    @property
    def languages(self) -> Sequence[str]:
        return LANGUAGES

    def value(self, name: str) -> str:
        """A parameter, empty if it is not given."""
        return next((value for given, value in self.parameters if given == name), "")

    def values(self, name: str) -> Sequence[str]:
        return [value for given, value in self.parameters if given == name]

    def listed_region(self, listed: Collection[str]) -> str:
        """The region of the address as a list of choices spells it; as it is given where the list does not have it."""
        given = self.value("region")
        if not given or given in listed:
            return given
        key = region_key(given)
        return next((name for name in listed if region_key(name) == key), given)

    def number(self, value: str | float | None, decimals: int | None = None) -> str:
        """With the decimals that it has, or with at least `decimals`; empty if it is not known."""
        if value is None:
            return ""
        exact = Decimal(str(value))
        exponent = exact.as_tuple().exponent
        places = max(-exponent if isinstance(exponent, int) else 0, decimals or 0, 0)
        text = f"{exact:,.{places}f}"
        return text if self.language == "en" else text.translate(_GERMAN_MARKS)

    def level(self, level: str) -> str:
        """A voltage level as price sheets name it."""
        return self._of(LEVELS, level)

    def status(self, status: str) -> str:
        """A verification status."""
        return self._of(STATUSES, status)

    def difference(self, before: str, now: str) -> str:
        """The change from one amount to another in per cent; empty where there was none."""
        first = Decimal(before)
        if not first:
            return ""
        change = (Decimal(now) - first) / first * 100
        return f"{'+' if change > 0 else '−' if change < 0 else '±'}{self.number(f'{abs(change):.1f}')} %"

    def data_type(self, data_type: str) -> str:
        return self._of(DATA_TYPES, data_type)

    def price_kind(self, kind: str) -> str:
        """A position of a price sheet."""
        return self._of(PRICE_KINDS, kind)

    def price_unit(self, unit: str) -> str:
        return self._of(PRICE_UNITS, unit)

    def bill_unit(self, unit: str) -> str:
        """That of a price or a quantity of a bill."""
        return self._of(BILL_UNITS, unit)

    def bill_profile(self, profile: str) -> str:
        return self._of(BILL_PROFILES, profile)

    def bill_warning(self, code: str, message: str) -> str:
        return bill_texts.warning(code, message, self.language)

    def missing_for_bill(self, sentence: str) -> str:
        return bill_texts.missing(sentence, self.language)

    def change(self, kind: str) -> str:
        """What a revision did to its entry."""
        return self._of(CHANGES, kind)

    def field(self, name: str) -> str:
        """A field of an entry, as the history names it."""
        return self._of(FIELDS, name)

    def field_part(self, name: str) -> str:
        """A part of each line of a field."""
        return self._of(FIELD_PARTS, name)

    def field_value(self, name: str, value: str | None, unit: str | None = None) -> str:
        """The value of a field in the history. `unit`: that of the entry, if it has one and it is known."""
        if value is None:
            return "–"
        if not value:  # such as a season that has no windows
            return self.text("keine", "none")
        if known := {"verificationStatus": STATUSES, "publication": PUBLICATIONS, "unit": PRICE_UNITS}.get(
            name
        ):
            return self._of(known, value)
        of_field = unit if name == "amount" else FIELD_UNITS.get(name)
        if of_field is not None:
            return f"{self.number(value, 2)} {self.price_unit(of_field)}"
        # Their decimals, too: 12.345 is twelve thousand where the page is German.
        return self.number(value, 2) if name in FIGURES_OF_ENTRIES else self.with_marks(value)

    def with_marks(self, text: str) -> str:
        """Names the characters that set the direction of writing (`\\u202e`), where texts may differ in nothing else."""
        return text.translate(_NAMES_OF_MARKS)

    def rule(self, rules: str) -> str:
        """The rule by which a price was derived, or the rules that were applied one after another."""
        return "; ".join(self._of(RULES, rule) for rule in rules.split("; "))

    def season(self, season: str) -> str:
        return self._of(SEASONS, season)

    def band(self, band: str) -> str:
        return self._of(BANDS, band)

    def peak_reason(self, reason: str) -> str:
        return self._of(PEAK_REASONS, reason)

    def note(self, note: str | None) -> str:
        """A note of the domain in the page's language."""
        return "" if note is None else self.text(in_german(note), note)

    def month(self, number: int) -> str:
        return self.text(*MONTHS[number - 1])

    def day(self, day: date) -> str:
        """With the day of the week, and without the year."""
        weekday = self.text(*WEEKDAYS[day.weekday()])
        return self.text(f"{weekday} {day.day}.{day.month}.", f"{weekday} {day.day} {self.month(day.month)}")

    def time(self, moment: datetime, *, end: bool = False) -> str:
        """The time of the clock in Germany, with the name of its time where it happens twice; midnight as an end is 24:00."""
        local = moment.astimezone(GERMANY)
        text = "24:00" if end and local.time() == time() else local.strftime("%H:%M")
        if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
            return text
        summer = bool(local.dst())
        return f"{text} {self.text('MESZ' if summer else 'MEZ', 'CEST' if summer else 'CET')}"

    def day_and_time(self, moment: datetime) -> str:
        return f"{self.day(moment.astimezone(GERMANY).date())}, {self.time(moment)}"

    def amount(self, amount: Decimal) -> str:
        """A computed amount, exact, with at least two decimals and no further zeros at its end."""
        return self.number(f"{amount.normalize():f}", 2)

    def _of(self, names: Names, value: str) -> str:
        """The name of a value in the page's language; values without one are shown as the API has them."""
        german, english = names.get(value, (value, value))
        return self.text(german, english)

    def web(self, address: str | None) -> str | None:
        """A stored address, if a link may lead to it: not those of other schemes, which may execute something."""
        return address if address is not None and _WEB_ADDRESS.match(address) else None

    def moment(self, value: str) -> str:
        """Date and time in Germany."""
        local = datetime.fromisoformat(value).astimezone(GERMANY)
        return local.strftime("%d.%m.%Y, %H:%M" if self.language == "de" else "%Y-%m-%d %H:%M")


_NAMES_OF_MARKS: Mapping[int, str] = {ord(mark): f"\\u{ord(mark):04x}" for mark in DIRECTION_MARKS}
_WEB_ADDRESS = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_GERMAN_MARKS: Mapping[int, str] = str.maketrans({",": ".", ".": ","})


def _pairs(parameters: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is not None:
                yield name, str(each)


def _address(prefix: str, path: str, parameters: Sequence[tuple[str, str]]) -> str:
    # A path that begins with two slashes would be an address of another host.
    whole = quote(f"{prefix}/{path.lstrip('/')}".rstrip("/") or "/")
    return f"{whole}?{urlencode(parameters)}" if parameters else whole
