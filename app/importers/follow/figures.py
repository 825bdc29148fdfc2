"""Rows of the crawler translated into entries; what does not fit is a reason."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from app.db.column_codecs import encode_windows
from app.db.crawler_database import PRICES, SEASONS, TARIFFS, WINDOWS
from app.domain import hlzf, tariff
from app.domain.correction import check_source
from app.domain.entry import VerificationStatus
from app.domain.family import Family
from app.domain.hlzf import Season
from app.domain.revision import CRAWLER
from app.errors import BadInput
from app.importers import cells
from app.importers.follow.levels import level_of
from app.importers.follow.windows import windows_of

FAMILIES: Final[Mapping[str, Family]] = {TARIFFS: tariff.FAMILY, WINDOWS: hlzf.FAMILY}

_SEASONS: Final = dict(zip(SEASONS, Season, strict=True))
_COLUMNS: Final = {str(season): column for column, season in _SEASONS.items()}
_PART: Final = {column: str(season) for column, season in _SEASONS.items()}
_STATUSES: Final = {
    "verified": VerificationStatus.VERIFIED,
    "flagged": VerificationStatus.FLAGGED,
    "rejected": VerificationStatus.FLAGGED,
}
_MAX_NOTES: Final = 1_000
_MAX_FIGURE_LENGTH: Final = 50
_MAX_KEY_LENGTH: Final = 300  # longer than any year or level

Values = dict[str, Any]  # of the family's value columns, as JSON has them: prices as text


class Theirs(msgspec.Struct, frozen=True):
    """The crawler's figures for one entry. `key`: operator, year and the family's key, as text."""

    source: str
    source_id: int
    key: tuple[str, ...]
    values: Values
    status: VerificationStatus
    source_url: str | None
    reason: str  # for the history

    @property
    def part(self) -> str:
        """Of its row: the column of a season; empty for prices."""
        return _COLUMNS.get(self.key[-1], "")

    @property
    def applied(self) -> dict[str, Any]:
        return {"values": self.values, "status": str(self.status), "source_url": self.source_url}


class Unfit(NamedTuple):
    """Why a row, or a `part` of it, is not an entry. `withdrawn`: the crawler has no figure any more."""

    part: str
    reason: str
    withdrawn: bool = False


class Translated(NamedTuple):
    """`key`: operator, year and level, if all of them could be read."""

    entries: Sequence[Theirs] = ()
    unfit: Sequence[Unfit] = ()
    key: tuple[str, ...] = ()

    @property
    def broken_parts(self) -> frozenset[str]:
        """Seasons that could not be read; the empty text: the whole row."""
        return frozenset(_PART.get(each.part, "") for each in self.unfit if not each.withdrawn)


def translate(source: str, row: Mapping[str, Any], dno_id: UUID | None) -> Translated:
    """`dno_id`: None if the row's operator is not followed."""
    if dno_id is None:
        return Translated(unfit=[Unfit("", f"its operator {row['dno_id']} is not there, or was set aside")])
    key, broken = [str(dno_id)], None
    for name, parse in (("year", cells.year), ("voltage_level", level_of)):
        try:
            key.append(parse((row[name] or "")[:_MAX_KEY_LENGTH].strip()))
        except ValueError as error:
            broken = broken or Unfit("", f"{name} {error}")
    if broken is not None:
        return Translated(unfit=[broken])
    found = list((_prices if source == TARIFFS else _windows)(row))
    status = _STATUSES.get((row["verification_status"] or "").strip().lower(), VerificationStatus.UNVERIFIED)
    url, reason = _source_url(row["source_url"]), _reason(row)
    return Translated(
        [
            Theirs(source, row["id"], (*key, *each.key), each.values, status, url, reason + each.note)
            for each in found
            if isinstance(each, _Values)
        ],
        [each for each in found if isinstance(each, Unfit)],
        tuple(key),
    )


class _Values(NamedTuple):
    key: tuple[str, ...]
    values: Values
    note: str = ""


def _prices(row: Mapping[str, Any]) -> Iterator[_Values | Unfit]:
    values: Values = {}
    for name in PRICES:
        text = row[name]
        if text is None:
            values[name] = None
            continue
        try:
            values[name] = plain_price(text)
        except ValueError as error:
            yield Unfit("", f"{name} {error}")
            return
    if any(value is not None for value in values.values()):
        yield _Values((), values)
    else:
        yield Unfit("", "has no price", withdrawn=True)


def plain_price(text: str) -> str:
    """Without trailing zeros: they are the column's, not the sheet's. Raises ValueError."""
    text = text.strip()
    if len(text) > _MAX_FIGURE_LENGTH:
        raise ValueError("is too long for a price")
    if "." in text and text.replace(".", "", 1).isdigit():
        text = text.rstrip("0").rstrip(".")
    return cells.price(text)


def _windows(row: Mapping[str, Any]) -> Iterator[_Values | Unfit]:
    """A season of which nothing is known has no entry."""
    for column, season in _SEASONS.items():
        try:
            found = windows_of(row[column] or "")
        except ValueError as error:
            yield Unfit(column, f"{column} {error}")
            continue
        if found is not None:
            note = "; overlapping windows were merged" if found.merged else ""
            yield _Values((str(season),), {"windows": encode_windows(found.windows)}, note)


def _source_url(text: str | None) -> str | None:
    try:
        check_source(text)
    except BadInput:
        return None
    return text


def _reason(row: Mapping[str, Any]) -> str:
    status = (row["verification_status"] or "").strip().lower()
    if status not in ("flagged", "rejected"):
        return CRAWLER
    notes = (row["flag_reason"] or row["verification_notes"] or "").replace("\0", "")[:_MAX_NOTES]
    return f"{status} in {CRAWLER}{notes and ': '}{notes}"


def same_values(one: Values, other: Values) -> bool:
    """58.20 is the same price as 58.2."""
    return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return Decimal(one) == Decimal(other)
    return bool(one == other)
