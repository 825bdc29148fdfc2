"""Annual grid charges, exact to the cent, computed as on an invoice."""

from decimal import ROUND_HALF_UP, Context, Decimal

import msgspec

from app.domain.tariff import Prices, Tariff
from app.errors import BadInput

THRESHOLD_HOURS = 2500  # from here on the prices without "unter 2500 h" apply

# More digits than the largest product has: only `quantize` rounds.
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
_CENT = Decimal("0.01")
_LARGEST = Decimal(10) ** 15
_DECIMALS = 6


class AnnualCost(msgspec.Struct, frozen=True, gc=False):
    """EUR, each charge rounded half up to the cent; None where its price is not published."""

    utilisation_hours: (
        Decimal  # rounded half up to two decimals; which prices apply is decided on the exact value
    )
    capacity_charge: Decimal | None
    energy_charge: Decimal | None
    total: Decimal | None


class Ranked(msgspec.Struct, frozen=True, gc=False):
    rank: int
    tariff: Tariff
    cost: AnnualCost


def annual_cost(prices: Prices | Tariff, consumption_kwh: Decimal, peak_load_kw: Decimal) -> AnnualCost:
    """Raises BadInput for a consumption below zero and a peak load of zero or less."""
    check_consumption(consumption_kwh, peak_load_kw)
    if consumption_kwh >= _EXACT.multiply(peak_load_kw, Decimal(THRESHOLD_HOURS)):
        per_kw, per_kwh = prices.leistung, prices.arbeit
    else:
        per_kw, per_kwh = prices.leistung_unter_2500h, prices.arbeit_unter_2500h
    capacity = _euros(peak_load_kw, per_kw)
    energy = _euros(consumption_kwh, None if per_kwh is None else _EXACT.multiply(per_kwh, _CENT))
    return AnnualCost(
        utilisation_hours=_rounded(_EXACT.divide(consumption_kwh, peak_load_kw)),
        capacity_charge=capacity,
        energy_charge=energy,
        total=None if capacity is None or energy is None else _EXACT.add(capacity, energy),
    )


def check_consumption(consumption_kwh: Decimal, peak_load_kw: Decimal) -> None:
    _check(consumption_kwh, "consumptionKwh")
    _check(peak_load_kw, "peakLoadKw")
    if not peak_load_kw:
        raise BadInput("`peakLoadKw` is greater than zero.", argument="peakLoadKw")


def _check(amount: Decimal, argument: str) -> None:
    if not amount.is_finite() or not 0 <= amount < _LARGEST:
        raise BadInput(f"`{argument}` lies between 0 and {_LARGEST:,}.", argument=argument)
    if amount.as_tuple().exponent < -_DECIMALS:  # type: ignore[operator]  # finite: a number
        raise BadInput(f"`{argument}` has at most {_DECIMALS} decimals.", argument=argument)


def _euros(amount: Decimal, price: Decimal | None) -> Decimal | None:
    return None if price is None else _rounded(_EXACT.multiply(amount, price))


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_CENT, context=_EXACT)
