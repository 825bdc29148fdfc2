"""The loader of prices together with those that follow from them and from the § 14a sheet of the same year."""

import asyncio
from collections.abc import Iterable

from app.domain.derived_prices import FIRST_YEAR_OF_MODULE_3, prices_with_derived
from app.domain.entry import DnoYear
from app.domain.price import Price
from app.domain.time_of_use import TimeOfUseTariff
from loaders.record_loader import RecordLoader


class PricesWithDerived:
    """Derived prices are computed from the two records with each load and kept nowhere: what invalidates one of the
    records is all that can change them.
    """

    def __init__(
        self,
        prices: RecordLoader[DnoYear, tuple[Price, ...]],
        time_of_use: RecordLoader[DnoYear, tuple[TimeOfUseTariff, ...]],
    ) -> None:
        self._prices = prices
        self._time_of_use = time_of_use

    async def load_many(self, keys: Iterable[DnoYear]) -> list[tuple[Price, ...]]:
        """In the order of the keys: one statement for the prices, and one for the sheets of years that have a standard price."""
        keys = list(keys)
        with_sheets = [key for key in keys if key.year >= FIRST_YEAR_OF_MODULE_3]
        if not with_sheets:
            published = await self._prices.load_many(keys)
            return [
                prices_with_derived(key, prices or (), None)
                for key, prices in zip(keys, published, strict=True)
            ]
        published, sheets = await asyncio.gather(
            self._prices.load_many(keys), self._time_of_use.load_many(with_sheets)
        )
        by_key = dict(zip(with_sheets, sheets, strict=True))
        return [
            prices_with_derived(key, prices or (), next(iter(by_key.get(key) or ()), None))
            for key, prices in zip(keys, published, strict=True)
        ]
