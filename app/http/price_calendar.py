"""Cheap and dear hours of § 14a as a calendar (iCalendar, RFC 5545): one event for each interval in the bands NT and HT.

Events are in UTC, so each lasts exactly as long as its price, also through a change of the clock; the program that shows them
converts. A daily series would last an hour too long or too short then: its events have the same duration (RFC 5545, 3.8.5.3).
Within the days asked for, times without an event have the price of the standard band, or none that is known; the description of the
calendar names the latter. The calendar of `now` has the current interval only.
Lines are joined as text: a year has more than a thousand events, all with one of two descriptions.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from app.domain.price_series import PriceInterval
from app.domain.time_of_use import TimeOfUseBand

_BANDS: Final = {TimeOfUseBand.HT: ("hoch", "Hochtarif"), TimeOfUseBand.NT: ("niedrig", "Niedertarif")}
_STATUSES: Final = {"VERIFIED": "geprüft", "UNVERIFIED": "ungeprüft", "FLAGGED": "angezweifelt"}
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_LINE_BYTES: Final = 75


class PricedSheet(NamedTuple):
    """A tariff of one year with its intervals."""

    version: int
    updated_at: datetime
    verification_status: str
    preliminary: bool
    source: str | None
    intervals: Iterable[PriceInterval]


def write_calendar(
    slug: str, name: str, sheets: Iterable[PricedSheet], not_known: Sequence[str] = ()
) -> Iterator[str]:
    """The text in pieces. The same sheets give the same text. `not_known`: times without a known price, in words."""
    title = _folded(f"X-WR-CALNAME:{_text(f'Netzentgelte § 14a {name}')}")
    yield (
        "BEGIN:VCALENDAR\r\nPRODID:-//dno-api//Zeitvariable Netzentgelte//DE\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\n"
        f"METHOD:PUBLISH\r\n{title}\r\nX-PUBLISHED-TTL:P1D\r\n"
    )
    if not_known:
        listed = "; ".join(not_known)
        yield _folded(f"X-WR-CALDESC:{_text(f'Nicht bekannt ist der Preis von: {listed}.')}") + "\r\n"
    for sheet in sheets:
        yield from _events(slug, name, sheet)
    yield "END:VCALENDAR\r\n"


def _events(slug: str, name: str, sheet: PricedSheet) -> Iterator[str]:
    changed = f"DTSTAMP:{_utc(sheet.updated_at)}\r\nLAST-MODIFIED:{_utc(sheet.updated_at)}\r\nSEQUENCE:{sheet.version - 1}"
    texts: dict[tuple[TimeOfUseBand, Decimal, Decimal], str] = {}
    for interval in sheet.intervals:
        if interval.band not in _BANDS:
            continue
        key = (interval.band, interval.price, interval.gross_price)
        if (text := texts.get(key)) is None:
            text = texts[key] = _description(name, sheet, interval)
        start = _utc(interval.start)
        yield (
            f"BEGIN:VEVENT\r\n{_folded(f'UID:time-of-use-{slug}-{start.lower()}@dno-api')}\r\n{changed}\r\n"
            f"DTSTART:{start}\r\nDTEND:{_utc(interval.end)}\r\n{text}\r\nTRANSP:TRANSPARENT\r\nEND:VEVENT\r\n"
        )


def _description(name: str, sheet: PricedSheet, interval: PriceInterval) -> str:
    price, band = _BANDS[interval.band]
    lines = [
        f"{name}: zeitvariables Netzentgelt (§ 14a EnWG, Modul 3), {band}: {_cents(interval.price)} ct/kWh netto,"
        f" {_cents(interval.gross_price)} ct/kWh brutto.",
        f"{'Vorläufige Angabe' if sheet.preliminary else 'Angabe'}, {_STATUSES[sheet.verification_status]}.",
        *([f"Quelle: {sheet.source}"] if sheet.source else []),
    ]
    summary = f"Netzentgelt {price}: {_cents(interval.price)} ct/kWh ({interval.band})"
    return "\r\n".join(
        [
            _folded(f"SUMMARY:{_text(summary)}"),
            _folded(f"DESCRIPTION:{_text(chr(10).join(lines))}"),
            f"CATEGORIES:Netzentgelt,{interval.band}",
        ]
    )


def _cents(price: Decimal) -> str:
    return f"{price:f}".replace(".", ",")


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    printable = "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in value)
    return printable.translate(_ESCAPED)


def _folded(line: str) -> str:
    """Lines have at most 75 bytes; a continuation begins with a space (RFC 5545, 3.1)."""
    parts, left = [""], _LINE_BYTES
    for letter in line:
        size = len(letter.encode())
        if size > left:
            parts.append("")
            left = _LINE_BYTES - 1
        parts[-1] += letter
        left -= size
    return "\r\n ".join(parts)
