"""The figures that come with the answer to a question."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.domain.bill import Bill
from app.domain.bill_ranking import BillRanking
from app.domain.cost import AnnualCost, Ranked
from app.domain.entry import Publication, VoltageLevel
from app.domain.hlzf import Hlzf
from app.domain.levy import Levy
from app.domain.missing_levies import MissingLevy
from app.domain.peak import PeakStatus
from app.domain.place import DnoAtPlace
from app.domain.price import Price
from app.domain.price_series import PriceInterval
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff


class TariffCost(msgspec.Struct, frozen=True, gc=False):
    tariff: Tariff
    cost: AnnualCost


class PeakAtLevel(msgspec.Struct, frozen=True, gc=False):
    """The answers for one voltage level: that of a moment, or those of a day one after the other."""

    voltage_level: VoltageLevel
    statuses: Sequence[PeakStatus]
    publication: Publication = Publication.FINAL  # of the windows

    @property
    def known(self) -> bool:
        return any(status.peak is not None for status in self.statuses)


class BillOfDno(msgspec.Struct, frozen=True, gc=False):
    """The bill of the consumption that is asked about, with the prices of one operator."""

    dno_id: UUID
    bill: Bill


class Figures(msgspec.Struct, frozen=True):
    """Empty where the question asks for something else, or where nothing is known."""

    tariffs: Sequence[Tariff] = ()
    hlzf: Sequence[Hlzf] = ()
    time_of_use: Sequence[TimeOfUseTariff] = ()
    intervals: Sequence[PriceInterval] = ()
    prices: Sequence[Price] = ()
    peak: Sequence[PeakAtLevel] = ()
    costs: Sequence[TariffCost] = ()
    ranking: Sequence[Ranked] = ()
    levies: Sequence[Levy] = ()
    bills: Sequence[BillOfDno] = ()
    bill_ranking: BillRanking | None = None
    operators: Sequence[DnoAtPlace] = ()
    missing_levies: Sequence[MissingLevy] = ()
