"""The sheets of § 14a that an operation of REST has read, as the domain knows them."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import msgspec

from app.domain import clock
from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice, TimeOfUseWindow


class _Source(msgspec.Struct):
    url: str | None
    title: str | None


class _Window(msgspec.Struct):
    quarter: int
    band: TimeOfUseBand
    start: str
    end: str


class PricedTariff(msgspec.Struct, rename="camel", dict=True):
    year: int
    version: int
    updated_at: datetime
    verification_status: str
    publication: str
    source: _Source | None
    bands: Sequence[TimeOfUsePrice]
    windows: Sequence[_Window]

    @property
    def source_text(self) -> str | None:
        return None if self.source is None else self.source.url or self.source.title

    @cached_property
    def sheet(self) -> "PriceSheet":
        windows = (
            TimeOfUseWindow(each.quarter, clock.minutes(each.start), clock.minutes(each.end), each.band)
            for each in self.windows
        )
        return PriceSheet(self.year, tuple(self.bands), tuple(windows))


class PriceSheet(NamedTuple):
    """What a series is computed from."""

    year: int
    bands: tuple[TimeOfUsePrice, ...]
    windows: tuple[TimeOfUseWindow, ...]


class PricedOperator(msgspec.Struct):
    """An operator with its tariffs of up to three years."""

    slug: str
    name: str
    first: PricedTariff | None
    second: PricedTariff | None
    third: PricedTariff | None

    @property
    def tariffs(self) -> list[PricedTariff]:
        return [tariff for tariff in (self.first, self.second, self.third) if tariff is not None]


decode_operator = msgspec.json.Decoder(PricedOperator | None).decode
"""The operator with its tariffs; None: there is none."""
