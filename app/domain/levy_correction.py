"""New levies and corrections of them, with the rules that their values must satisfy."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec

from app.domain import vat
from app.domain.consumption import MOST_INHABITANTS
from app.domain.correction import Correction, NewEntry, broken_label, check_source, check_text
from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.domain.folding import compose
from app.domain.levy import FAMILY, WITHOUT_START, Levy, LevyKind, LevyUnit, unit_of
from app.errors import AppError, BadInput, Code

STANDARD: Final = "standard"  # the customer group of the VAT that bills have
RATE_LIMIT: Final = 1000
RATE_DECIMALS: Final = 4
_TEXTS: Final = {"legal_basis": "legalBasis", "article_id": "articleId", "note": "note"}
_FIELDS: Final = {column.name: column.field for column in FAMILY.columns} | {
    "customer_group": "customerGroup",
    "valid_from": "validFrom",
}


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """The values of a levy beside its key."""

    value: Decimal
    valid_to: date | None = None
    inhabitants_from: int | None = None
    inhabitants_to: int | None = None
    legal_basis: str | None = None
    article_id: str | None = None
    note: str | None = None


class NewLevy(NewEntry, frozen=True, kw_only=True):
    dno: str = ""  # a levy has no operator
    kind: LevyKind
    customer_group: str | None
    valid_from: date | None
    rate: Rate

    def check(self) -> None:
        """Of the first day, not of the year that follows from it. Raises BadInput."""
        self.check_values()
        check_source(self.source_url)

    def check_values(self) -> None:
        check_rate(self.kind, self.composed_group, self.valid_from, self._stored_rate)

    def columns(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "customer_group": self.composed_group,
            "valid_from": self.valid_from,
            "unit": unit_of(self.kind),
            **msgspec.structs.asdict(self._stored_rate),
        }

    @property
    def _stored_rate(self) -> Rate:
        return Rate(**_without_empty(msgspec.structs.asdict(self.rate)))

    @property
    def composed_group(self) -> str | None:
        """As it is stored: equal groups are equal bytes."""
        return None if self.customer_group is None else compose(self.customer_group)

    def conflict(self) -> AppError:
        start = "with an unknown first day" if self.valid_from is None else f"from {self.valid_from}"
        return AppError(
            f"There is a rate of {self.kind} {start} for this customer group already; correct that one.",
            Code.CONFLICT,
            field=("input", "validFrom"),
        )


class LevyCorrection(Correction[Levy], frozen=True, kw_only=True):
    """`values` by column: a value left out stays as it is, None clears it."""

    values: Mapping[str, Any] = {}

    def corrected(self, before: Levy) -> Levy:
        after = msgspec.structs.replace(before, **_without_empty(self.values))
        rate = Rate(**{name: getattr(after, name) for name in Rate.__struct_fields__})
        check_rate(after.kind, after.customer_group, after.valid_from, rate)
        return after


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Empty texts are None, as in files."""
    return {name: None if value == "" else value for name, value in values.items()}


def year_of(valid_from: date | None) -> int:
    """The year under which an entry is stored."""
    return WITHOUT_START if valid_from is None else valid_from.year


def check_rate(kind: LevyKind, group: str | None, valid_from: date | None, rate: Rate) -> None:
    """Raises BadInput with the field."""
    for name, field in _TEXTS.items():
        check_text(getattr(rate, name), field)
    if rate.article_id is not None and (reason := broken_label(rate.article_id)):
        raise BadInput(f"`articleId` {reason}.", field=("input", "articleId"))
    broken = broken_rules(
        kind,
        None,
        group,
        rate.value,
        (valid_from, rate.valid_to),
        (rate.inhabitants_from, rate.inhabitants_to),
    )
    for column, reason in broken:
        raise BadInput(f"`{_FIELDS[column]}` {reason}.", field=("input", _FIELDS[column]))


def broken_rules(
    kind: LevyKind,
    unit: LevyUnit | None,
    group: str | None,
    value: Decimal,
    span: tuple[date | None, date | None],
    inhabitants: tuple[int | None, int | None],
) -> Iterator[tuple[str, str]]:
    """Columns that break a rule, each with the end of a sentence. A unit of None: not given."""
    if unit not in (None, unit_of(kind)):
        yield "unit", f"must be {unit_of(kind)} for {kind}"
    if group is not None and (reason := broken_label(group)):
        yield "customer_group", reason
    if reason := _broken_value(value):
        yield "value", reason
    yield from _broken_span(*span)
    yield from _broken_inhabitants(kind, *inhabitants)
    if kind is LevyKind.UMSATZSTEUER and group == STANDARD:
        yield from _other_vat(value, *span)


def _broken_value(value: Decimal) -> str | None:
    if not value.is_finite():
        return "must be a number"
    if abs(value) >= RATE_LIMIT:
        return f"must be between -{RATE_LIMIT} and {RATE_LIMIT}"
    if value.as_tuple().exponent < -RATE_DECIMALS:  # type: ignore[operator]  # finite: a number
        return f"must have at most {RATE_DECIMALS} decimals"
    return None


def _broken_span(first: date | None, last: date | None) -> Iterator[tuple[str, str]]:
    for column, day in (("valid_from", first), ("valid_to", last)):
        if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
            yield column, f"must be a day of a year from {FIRST_YEAR} to {LAST_YEAR}"
    if first is not None and last is not None and last < first:
        yield "valid_to", "must not lie before the first day"


def _broken_inhabitants(kind: LevyKind, least: int | None, most: int | None) -> Iterator[tuple[str, str]]:
    for column, count in (("inhabitants_from", least), ("inhabitants_to", most)):
        if count is None:
            continue
        if kind is not LevyKind.KONZESSIONSABGABE:
            yield column, f"must be left out for {kind}: only the concession fee depends on it"
        elif not 0 <= count <= MOST_INHABITANTS:
            yield column, f"must be from 0 to {MOST_INHABITANTS:,}"
    if least is not None and most is not None and most < least:
        yield "inhabitants_to", "must not be less than the lower bound"


def _other_vat(value: Decimal, first: date | None, last: date | None) -> Iterator[tuple[str, str]]:
    """Gross prices are computed with the rates of app/domain/vat.py; a levy does not contradict them."""
    if first is None:
        yield "valid_from", f"must be given for the {STANDARD} rate of {LevyKind.UMSATZSTEUER}"
        return
    for period in vat.periods_between(first, last):
        if period.percent != value:
            since = max(first, period.since)
            yield (
                "value",
                f"must be {period.percent} from {since} on: gross prices have that VAT ({period.source})",
            )
            return
