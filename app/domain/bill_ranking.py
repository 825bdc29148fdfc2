"""Operators by what one consumption costs with each of them: the charges of the operator, without levies and taxes.

Levies and taxes do not depend on the operator, so they are part of the bills, not of the order. The concession fee, which depends
on the municipality, is charged to all alike. Prices derived by a rule are used only if they are asked for, and where a needed price
is not published.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec

from app.domain.bill import Bill, bill_of
from app.domain.bill_position import BillPart, is_derived, is_preliminary
from app.domain.consumption import Consumption
from app.domain.cost import total_of
from app.domain.entry import DnoYear, Publication
from app.domain.folding import fold
from app.domain.network_charges import PriceSheet, network_charges


class OperatorSheet(NamedTuple):
    """What one operator has published."""

    dno_id: UUID
    name: str
    slug: str
    published: PriceSheet


class RankedBill(msgspec.Struct, frozen=True, gc=False):
    """`rank` is None where needed prices are not known. `difference` in EUR: to the lowest charges of the operators."""

    rank: int | None
    dno_id: UUID
    bill: Bill
    difference: Decimal | None
    derived: bool
    preliminary: bool


class BillRanking(msgspec.Struct, frozen=True, gc=False):
    """`bills` are some of `ranked`; the other operators are counted by the reason why they have no rank.

    `lowest` and `highest`: the charges of the first and the last of all that have one.
    """

    consumption: Consumption
    bills: tuple[RankedBill, ...]
    ranked: int
    derived_only: int  # known with derived prices, which were not asked for
    other_publication: int  # known, also only with derived prices, but not as final as asked for
    not_known: int  # a needed price is neither published nor derived
    without_data: int  # nothing is held of the year
    lowest: Decimal | None = None
    highest: Decimal | None = None


class RatedOperator(NamedTuple):
    """`charges` None: not known."""

    operator: OperatorSheet
    sheet: PriceSheet
    charges: Decimal | None
    derived_only: bool = False
    other_publication: bool = False


def rank_bills(
    consumption: Consumption,
    rated: Sequence[RatedOperator],
    levies: BillPart,
    *,
    dearest: bool,
    places: slice,
    without_data: int,
) -> BillRanking:
    """Cheapest first, or dearest first; equal charges by the folded name, then the slug. `consumption` has been checked.

    `places`: which of them have a bill in the result.
    """
    ranked = _ranked(rated, dearest=dearest)
    lowest = min((charges for _, charges in ranked), default=None)
    highest = max((charges for _, charges in ranked), default=None)
    derived_only = sum(one.derived_only for one in rated)
    other_publication = sum(one.other_publication for one in rated)
    return BillRanking(
        consumption,
        tuple(
            _with_bill(consumption, one, levies, rank, lowest)
            for rank, (one, _) in list(enumerate(ranked, 1))[places]
        ),
        len(ranked),
        derived_only,
        other_publication,
        len(rated) - len(ranked) - derived_only - other_publication,
        without_data,
        lowest,
        highest,
    )


def compare_bills(
    consumption: Consumption,
    operators: Sequence[OperatorSheet],
    levies: BillPart,
    *,
    include_derived: bool,
) -> tuple[RankedBill, ...]:
    """A bill for each, in the order given; without a rank, the bill names what is missing. `consumption` has been checked."""
    rated = [rate_operator(consumption, operator, include_derived=include_derived) for operator in operators]
    ranked = _ranked(rated, dearest=False)
    lowest = ranked[0][1] if ranked else None
    ranks = {one.operator.dno_id: rank for rank, (one, _) in enumerate(ranked, 1)}
    return tuple(
        _with_bill(consumption, one, levies, ranks.get(one.operator.dno_id), lowest) for one in rated
    )


def rate_operator(
    consumption: Consumption,
    operator: OperatorSheet,
    *,
    include_derived: bool,
    publication: Publication | None = None,
) -> RatedOperator:
    """`publication`: FINAL for charges without a preliminary price, PRELIMINARY for those with one."""
    published = operator.published
    sheet, charges = published, network_charges(consumption, published)
    if charges.total is None:
        sheet = published.with_derived(DnoYear(operator.dno_id, consumption.year))
        charges = charges if sheet is published else network_charges(consumption, sheet)
    known = charges.total is not None
    if known and publication is not None:
        preliminary = any(map(is_preliminary, charges.positions))
        if preliminary is not (publication is Publication.PRELIMINARY):
            # Also where only derived prices make the charges known: to ask for these would not give it a rank.
            return RatedOperator(operator, sheet, None, other_publication=True)
    if sheet is not published and not include_derived:
        return RatedOperator(operator, published, None, derived_only=known)
    return RatedOperator(operator, sheet, charges.total)


def _ranked(rated: Iterable[RatedOperator], *, dearest: bool) -> list[tuple[RatedOperator, Decimal]]:
    known = [(one, one.charges) for one in rated if one.charges is not None]
    sign = -1 if dearest else 1
    known.sort(key=lambda pair: (sign * pair[1], fold(pair[0].operator.name), pair[0].operator.slug))
    return known


def _with_bill(
    consumption: Consumption, one: RatedOperator, levies: BillPart, rank: int | None, lowest: Decimal | None
) -> RankedBill:
    bill = bill_of(consumption, one.sheet, levies)
    return RankedBill(
        rank,
        one.operator.dno_id,
        bill,
        None if one.charges is None or lowest is None else total_of((one.charges, lowest.copy_negate())),
        any(map(is_derived, bill.positions)),
        any(map(is_preliminary, bill.positions)),
    )
