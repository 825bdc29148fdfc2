"""Prices that follow from published figures by rules of § 14a EnWG, each with its rule; a published price takes precedence.

Rules: the ST price of Modul 3 is the SLP Arbeitspreis (both have article 1-02-0-002 of the BDEW list); Modul 1 is 80 EUR
gross, 67.227 EUR net, and a fifth of the SLP Arbeitspreis of 3,750 kWh; Modul 2 is 40 % of the SLP Arbeitspreis
(Bundesnetzagentur, BK8-22/010-A). Modul 1 and 2 exist since 2024, Modul 3 since 2025. All of them are prices of low voltage.
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from app.domain.entry import LEVEL_ORDER, DnoYear, VerificationStatus, VoltageLevel
from app.domain.price import Price, PriceKind, unit_of
from app.domain.time_of_use import TimeOfUseTariff

FIRST_YEAR_OF_MODULES: Final = 2024
FIRST_YEAR_OF_MODULE_3: Final = 2025  # from 1 April

MODULE_1_BASE: Final = Decimal("67.227")  # EUR per year
MODULE_1_SHARE: Final = Decimal("7.5")  # EUR per year for each ct per kWh: 3,750 kWh, 20 %, 100 ct per EUR
MODULE_2_SHARE: Final = Decimal("0.40")

STANDARD_PRICE_RULE: Final = "SLP Arbeitspreis = ST price of § 14a EnWG Modul 3"
MODULE_1_RULE: Final = "Modul 1 = 67.227 EUR + 7.5 × SLP Arbeitspreis in ct per kWh"
MODULE_2_RULE: Final = "Modul 2 = 40 % of the SLP Arbeitspreis"

DERIVED_KINDS: Final = (PriceKind.SLP_ARBEITSPREIS, PriceKind.MODUL_1, PriceKind.MODUL_2_ARBEITSPREIS)

# Price sheets print two decimals.
_PRINTED: Final = Decimal("0.01")
_EXACT: Final = Context(prec=100, rounding=ROUND_HALF_UP)
_NAMESPACE: Final = UUID("7d0cb2a7-59a0-4f25-8d0f-6f5f0a3f3b1e")
_KIND_ORDER: Final = {kind: rank for rank, kind in enumerate(PriceKind)}


class DerivedKey(NamedTuple):
    """What identifies a derived price: an operator and year have at most one of a kind."""

    dno_id: UUID
    year: int
    kind: PriceKind

    @property
    def id(self) -> UUID:
        return uuid5(_NAMESPACE, f"{self.dno_id}:{self.year}:{self.kind}")


def prices_with_derived(
    key: DnoYear, published: Sequence[Price], time_of_use: TimeOfUseTariff | None
) -> tuple[Price, ...]:
    """All prices of an operator and year in the order of a price sheet: the published ones, and those derived where a
    kind has no published price at low voltage.
    """
    derived = tuple(_derived(key, published, time_of_use))
    return (*sorted((*published, *derived), key=_position),) if derived else tuple(published)


def _derived(
    key: DnoYear, published: Sequence[Price], time_of_use: TimeOfUseTariff | None
) -> Iterator[Price]:
    if key.year < FIRST_YEAR_OF_MODULES:
        return
    known = {price.kind for price in published if price.voltage_level is VoltageLevel.NS}
    energy: Price | None = None
    if PriceKind.SLP_ARBEITSPREIS in known:
        energy = next((price for price in published if _is_energy_price(price)), None)
    elif time_of_use is not None and time_of_use.price_st is not None and key.year >= FIRST_YEAR_OF_MODULE_3:
        energy = _price(
            key, PriceKind.SLP_ARBEITSPREIS, time_of_use.price_st, time_of_use, STANDARD_PRICE_RULE
        )
        yield energy
    if energy is None:
        return
    if PriceKind.MODUL_1 not in known:
        amount = _EXACT.fma(MODULE_1_SHARE, energy.amount, MODULE_1_BASE)
        yield _price(key, PriceKind.MODUL_1, _rounded(amount), energy, MODULE_1_RULE)
    if PriceKind.MODUL_2_ARBEITSPREIS not in known:
        amount = _EXACT.multiply(MODULE_2_SHARE, energy.amount)
        yield _price(key, PriceKind.MODUL_2_ARBEITSPREIS, _rounded(amount), energy, MODULE_2_RULE)


def _is_energy_price(price: Price) -> bool:
    """Of all customers, not of one group."""
    return (
        price.kind is PriceKind.SLP_ARBEITSPREIS
        and price.voltage_level is VoltageLevel.NS
        and price.variant is None
    )


def _price(key: DnoYear, kind: PriceKind, amount: Decimal, source: Any, rule: str) -> Price:
    """With source, publication and time of the figure that it follows from; in doubt if that one is, never verified."""
    before = getattr(source, "derived_from", None)
    doubtful = source.verification_status is VerificationStatus.FLAGGED
    return Price(
        id=DerivedKey(*key, kind).id,
        dno_id=key.dno_id,
        year=key.year,
        kind=kind,
        voltage_level=VoltageLevel.NS,
        variant=None,
        amount=amount,
        unit=unit_of(kind),
        verification_status=VerificationStatus.FLAGGED if doubtful else VerificationStatus.UNVERIFIED,
        source_url=source.source_url,
        source_title=source.source_title,
        version=0,  # nothing is stored
        updated_at=source.updated_at,
        publication=source.publication,
        derived_from=rule if before is None else f"{rule}; {before}",
    )


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_PRINTED, context=_EXACT)


def _position(price: Price) -> tuple[int, int, str]:
    level = -1 if price.voltage_level is None else LEVEL_ORDER[price.voltage_level]
    return _KIND_ORDER[price.kind], level, price.variant or ""
