"""Figures that other entries of an operator and year imply for a price, by the rules of derived prices."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.domain import price, time_of_use
from app.domain.derived_prices import MODULE_1_BASE, MODULE_1_SHARE, MODULE_2_SHARE
from app.domain.entry import VoltageLevel
from app.domain.family import Family
from app.domain.plausibility import KnownFigure
from app.domain.price import PriceKind


def implied_figures(
    family: Family, entry: Any, energy: Decimal | None, standard: Decimal | None
) -> Iterator[KnownFigure]:
    """`energy`: the published SLP Arbeitspreis; `standard`: the ST price of Modul 3."""
    if family is time_of_use.FAMILY and energy is not None:
        yield KnownFigure("price_st", energy, "the SLP Arbeitspreis")
    if family is price.FAMILY and entry.voltage_level is VoltageLevel.NS and entry.variant is None:
        yield from _of_price(entry.kind, energy, standard)


def _of_price(kind: PriceKind, energy: Decimal | None, standard: Decimal | None) -> Iterator[KnownFigure]:
    if kind is PriceKind.SLP_ARBEITSPREIS:
        if standard is not None:
            yield KnownFigure("amount", standard, "the ST price of Modul 3")
        return
    used = standard if energy is None else energy
    if used is None:
        return
    if kind is PriceKind.MODUL_1:
        figure = MODULE_1_BASE + MODULE_1_SHARE * used
        yield KnownFigure("amount", figure, f"67.227 EUR + 7.5 × the SLP Arbeitspreis {used},")
    elif kind is PriceKind.MODUL_2_ARBEITSPREIS:
        yield KnownFigure("amount", MODULE_2_SHARE * used, f"40 % of the SLP Arbeitspreis {used},")
