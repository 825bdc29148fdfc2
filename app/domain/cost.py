"""Annual grid charges, exact to the cent, computed as on an invoice."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import reduce

import msgspec

from app.domain.plausibility import PlausibilityWarning
from app.domain.tariff import Prices, Tariff
from app.errors import BadInput

THRESHOLD_HOURS = 2500  # from here on the prices without "unter 2500 h" apply
MOST_HOURS = 8784  # of a leap year: no utilisation is higher

# More digits than the largest product has: only `quantize` rounds.
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
_CENT = Decimal("0.01")
_NOTHING = Decimal("0.00")
_LARGEST = Decimal(10) ** 15
_DECIMALS = 6


class PricePair(msgspec.Struct, frozen=True, gc=False):
    """Leistungspreis in EUR per kW and year, Arbeitspreis in ct per kWh; None: not published."""

    below_2500h: bool
    leistung: Decimal | None
    arbeit: Decimal | None


class AnnualCost(msgspec.Struct, frozen=True, gc=False):
    """EUR, each charge rounded half up to the cent; None where its price is not published."""

    utilisation_hours: (
        Decimal  # rounded half up to two decimals; which prices apply is decided on the exact value
    )
    capacity_charge: Decimal | None
    energy_charge: Decimal | None
    total: Decimal | None
    price_pair: PricePair
    warnings: tuple[PlausibilityWarning, ...] = ()


class Ranked(msgspec.Struct, frozen=True, gc=False):
    rank: int
    tariff: Tariff
    cost: AnnualCost


def annual_cost(prices: Prices | Tariff, consumption_kwh: Decimal, peak_load_kw: Decimal) -> AnnualCost:
    """Raises BadInput for a consumption below zero and a peak load of zero or less."""
    check_consumption(consumption_kwh, peak_load_kw)
    pair = price_pair(prices, consumption_kwh, peak_load_kw)
    capacity, energy, total = charges(pair, consumption_kwh, peak_load_kw)
    return AnnualCost(
        utilisation_hours(consumption_kwh, peak_load_kw),
        capacity,
        energy,
        total,
        pair,
        utilisation_warnings(consumption_kwh, peak_load_kw, ("peakLoadKw",)),
    )


def price_pair(prices: Prices | Tariff, consumption_kwh: Decimal, peak_load_kw: Decimal) -> PricePair:
    """The prices for this utilisation, which is compared exactly; without any load, those from 2500 h."""
    below, above = price_pairs(prices)
    return above if consumption_kwh >= _EXACT.multiply(peak_load_kw, Decimal(THRESHOLD_HOURS)) else below


def price_pairs(prices: Prices | Tariff) -> tuple[PricePair, PricePair]:
    """Below 2500 h, and from there on."""
    return (
        PricePair(True, prices.leistung_unter_2500h, prices.arbeit_unter_2500h),
        PricePair(False, prices.leistung, prices.arbeit),
    )


def charges(
    pair: PricePair, consumption_kwh: Decimal, peak_load_kw: Decimal
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """For capacity, for energy, and both together, in EUR."""
    capacity = None if pair.leistung is None else charge(peak_load_kw, pair.leistung)
    energy = None if pair.arbeit is None else charge_in_cents(consumption_kwh, pair.arbeit)
    return capacity, energy, None if capacity is None or energy is None else _EXACT.add(capacity, energy)


def utilisation_hours(consumption_kwh: Decimal, peak_load_kw: Decimal) -> Decimal:
    """Rounded half up to two decimals. `peak_load_kw`: greater than zero."""
    return rounded(_EXACT.divide(consumption_kwh, peak_load_kw))


def utilisation_warnings(
    consumption_kwh: Decimal, peak_load_kw: Decimal, field: tuple[str, ...]
) -> tuple[PlausibilityWarning, ...]:
    """One if the peak load, held all year, could not have supplied the consumption. `field`: path of the peak load."""
    if consumption_kwh <= _EXACT.multiply(peak_load_kw, Decimal(MOST_HOURS)):
        return ()
    hours = utilisation_hours(consumption_kwh, peak_load_kw)
    # Rounded, one just above the bound would read as the bound.
    shown = f"{hours:,}" if hours > MOST_HOURS else f"more than {MOST_HOURS:,}"
    text = f"A utilisation of {shown} h is impossible: a year has at most {MOST_HOURS:,} h."
    return (PlausibilityWarning("IMPOSSIBLE_UTILISATION", text, field),)


def check_consumption(consumption_kwh: Decimal, peak_load_kw: Decimal) -> None:
    _check(consumption_kwh, "consumptionKwh")
    _check(peak_load_kw, "peakLoadKw")
    if not peak_load_kw:
        raise BadInput("`peakLoadKw` is greater than zero.", argument="peakLoadKw")


def _check(amount: Decimal, argument: str) -> None:
    if reason := broken_amount(amount, argument):
        raise BadInput(reason, argument=argument)


def broken_amount(amount: Decimal, name: str) -> str | None:
    """Why an amount of kWh or kW cannot be; None: it can."""
    if not amount.is_finite() or not 0 <= amount < _LARGEST:
        return f"`{name}` lies between 0 and {_LARGEST:,}."
    if amount.as_tuple().exponent < -_DECIMALS:  # type: ignore[operator]  # finite: a number
        return f"`{name}` has at most {_DECIMALS} decimals."
    return None


def charge(quantity: Decimal, euros: Decimal) -> Decimal:
    """EUR, for a price in EUR, rounded half up to the cent."""
    return rounded(_EXACT.multiply(quantity, euros))


def charge_in_cents(quantity: Decimal, cents: Decimal) -> Decimal:
    """EUR, for a price in ct, rounded half up to the cent."""
    return rounded(_EXACT.multiply(_EXACT.multiply(quantity, cents), _CENT))


def total_of(amounts: Iterable[Decimal]) -> Decimal:
    """Exact, with two decimals also without any amount."""
    return reduce(_EXACT.add, amounts, _NOTHING)


def rounded(value: Decimal) -> Decimal:
    """Half up to two decimals."""
    return value.quantize(_CENT, context=_EXACT)
