"""What the use of the grid costs in a year, all in: charges of the operator, levies, taxes and VAT, as on a bill."""

from datetime import date
from decimal import Decimal

import msgspec

from app.domain import vat
from app.domain.bill_position import BillPart, BillPosition, doubts
from app.domain.consumption import Consumption
from app.domain.cost import charge_in_cents, total_of
from app.domain.missing_figures import MissingFigure
from app.domain.network_charges import PriceSheet, network_charges
from app.domain.plausibility import PlausibilityWarning


class Bill(msgspec.Struct, frozen=True, gc=False):
    """EUR, exact, each position rounded half up to the cent. A total is None where something needed for it is not known."""

    positions: tuple[BillPosition, ...]  # in the order of a price sheet, those that are known
    network: Decimal | None
    levies: Decimal | None
    net: Decimal | None
    vat: Decimal | None
    gross: Decimal | None
    vat_percent: int
    missing: tuple[MissingFigure, ...]
    warnings: tuple[PlausibilityWarning, ...]


def bill_of(consumption: Consumption, sheet: PriceSheet, levies: BillPart) -> Bill:
    """`consumption` has been checked; `levies` are its levy_charges."""
    network = network_charges(consumption, sheet)
    positions = (*network.positions, *levies.positions)
    net = None if network.total is None or levies.total is None else total_of((network.total, levies.total))
    # Electricity and the use of the grid are taxed at the rate of the last day of the metering period, here the year.
    rate = vat.period_on(date(consumption.year, 12, 31))
    tax = None if net is None else charge_in_cents(net, Decimal(rate.percent))
    return Bill(
        positions=positions,
        network=network.total,
        levies=levies.total,
        net=net,
        vat=tax,
        gross=None if net is None or tax is None else total_of((net, tax)),
        vat_percent=rate.percent,
        missing=(*network.missing, *levies.missing),
        warnings=(
            *consumption.warnings(),
            *network.warnings,
            *levies.warnings,
            *doubts(positions),
            *_vat_warnings(consumption.year, rate),
        ),
    )


def _vat_warnings(year: int, rate: vat.VatPeriod) -> tuple[PlausibilityWarning, ...]:
    if not (changes := vat.changes_between(date(year, 1, 1), date(year, 12, 31))):
        return ()
    text = (
        f"VAT changed on {' and '.join(map(str, changes))}; {rate.percent} %, the rate on 31 December {year}, is charged for the"
        " whole year."
    )
    return (PlausibilityWarning("VAT_CHANGED", text, ("input", "year")),)
