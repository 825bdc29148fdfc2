"""Published prices, levies and taxes for the bills that are computed by hand, each with where it was published."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid5

from app.domain.consumption import Metering
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.levy import Levy, LevyKind, unit_of
from app.domain.price import Price, PriceKind
from app.domain.price import unit_of as unit_of_price
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff

NS, MS, MS_NS = VoltageLevel.NS, VoltageLevel.MS, VoltageLevel.MS_NS
RLM, SLP, RLM_MONTHLY = Metering.RLM, Metering.SLP, Metering.RLM_MONTHLY
DNO = UUID(int=7)
THEN = datetime(2026, 1, 1, tzinfo=UTC)
UNVERIFIED = VerificationStatus.UNVERIFIED


def price(
    kind: str,
    amount: str,
    year: int = 2025,
    level: VoltageLevel | None = NS,
    variant: str | None = None,
    publication: Publication = Publication.FINAL,
    derived_from: str | None = None,
    status: VerificationStatus = UNVERIFIED,
) -> Price:
    of_kind = PriceKind(kind)
    return Price(
        uuid5(DNO, f"{kind} {year} {level} {variant}"), DNO, year, of_kind, level, variant, Decimal(amount),
        unit_of_price(of_kind), status, None, None, 1, THEN, publication, derived_from,
    )  # fmt: skip


def tariff(year: int, level: VoltageLevel, *prices: str | None) -> Tariff:
    """Leistung and Arbeit from 2500 h/a, then below."""
    numbers = [None if text is None else Decimal(text) for text in prices]
    return Tariff(uuid5(DNO, f"{year} {level}"), DNO, year, level, *numbers, UNVERIFIED, None, None, 1, THEN)


def time_of_use(
    year: int, ht: str | None, st: str | None, nt: str | None, publication: Publication = Publication.FINAL
) -> TimeOfUseTariff:
    numbers = [None if text is None else Decimal(text) for text in (ht, st, nt)]
    return TimeOfUseTariff(
        uuid5(DNO, f"{year}"), DNO, year, *numbers, (), UNVERIFIED, None, None, 1, THEN, publication
    )


def levy(
    kind: str,
    group: str | None,
    value: str,
    first: str | None,
    last: str | None,
    inhabitants: tuple[int | None, int | None] = (None, None),
    status: VerificationStatus = VerificationStatus.VERIFIED,
) -> Levy:
    of_kind = LevyKind(kind)
    return Levy(
        uuid5(DNO, f"{kind} {group} {first}"), DNO, int((first or "2000")[:4]), of_kind, group,
        None if first is None else date.fromisoformat(first), None if last is None else date.fromisoformat(last),
        Decimal(value), unit_of(of_kind), *inhabitants, None, None, None, status, None, None, 1, THEN,
    )  # fmt: skip


def _of_year(year: int, rates: Iterable[tuple[str, str, str]]) -> list[Levy]:
    return [levy(kind, group, value, f"{year}-01-01", f"{year}-12-31") for kind, group, value in rates]


# § 2 (2) and (3) KAV, ct/kWh; § 3 StromStG: 20.50 EUR/MWh.
ALL_YEARS = [
    levy("KONZESSIONSABGABE", "S_TARIF_25000", "1.32", None, None, (None, 25000)),
    levy("KONZESSIONSABGABE", "S_TARIF_100000", "1.59", None, None, (25001, 100000)),
    levy("KONZESSIONSABGABE", "S_TARIF_500000", "1.99", None, None, (100001, 500000)),
    levy("KONZESSIONSABGABE", "S_TARIF_G_500000", "2.39", None, None, (500001, None)),
    levy("KONZESSIONSABGABE", "S_SCHWACHLAST", "0.61", None, None),
    levy("KONZESSIONSABGABE", "S_SONDERKUNDE", "0.11", None, None),
    levy("STROMSTEUER", "standard", "2.050", "2015-01-01", None),
    levy("STROMSTEUER", "rail_and_trolleybus", "1.142", None, None),
    levy("UMSATZSTEUER", "standard", "19", "2021-01-01", None),
]

# netztransparenz.de, Amprion, Bundesnetzagentur and the price sheet of Netze ODR 2025; ct/kWh.
LEVIES = {
    2015: _of_year(2015, [("KWKG", "A", "0.254")]),
    2016: _of_year(
        2016,
        [
            ("KWKG", "A'", "0.445"),
            ("KWKG", "B'", "0.040"),
            ("KWKG", "C'", "0.030"),
            ("OFFSHORE", "A'", "0.040"),
            ("OFFSHORE", "B'", "0.027"),
            ("OFFSHORE", "C'", "0.025"),
            ("PARAGRAF_19_STROM_NEV", "A'", "0.378"),
            ("PARAGRAF_19_STROM_NEV", "B'", "0.050"),
            ("PARAGRAF_19_STROM_NEV", "C'", "0.025"),
            ("ABLAV", "all", "0.000"),
            ("EEG", "non_privileged", "6.354"),
        ],
    ),
    2017: _of_year(
        2017,
        [
            ("KWKG", "non_privileged", "0.438"),
            ("KWKG", "transitional_36_3_1_above_1GWh", "0.080"),
            ("OFFSHORE", "A'", "-0.028"),
            ("OFFSHORE", "B'", "0.038"),
            ("OFFSHORE", "C'", "0.025"),
            ("PARAGRAF_19_STROM_NEV", "A'", "0.388"),
            ("PARAGRAF_19_STROM_NEV", "B'", "0.050"),
            ("PARAGRAF_19_STROM_NEV", "C'", "0.025"),
            ("ABLAV", "all", "0.006"),
            ("EEG", "non_privileged", "6.880"),
        ],
    ),
    2018: _of_year(
        2018,
        [
            ("KWKG", "non_privileged", "0.345"),
            ("OFFSHORE", "A'", "0.037"),
            ("OFFSHORE", "B'", "0.049"),
            ("OFFSHORE", "C'", "0.024"),
            ("PARAGRAF_19_STROM_NEV", "A'", "0.370"),
            ("PARAGRAF_19_STROM_NEV", "B'", "0.050"),
            ("PARAGRAF_19_STROM_NEV", "C'", "0.025"),
            ("ABLAV", "all", "0.011"),
            ("EEG", "non_privileged", "6.792"),
        ],
    ),
    2020: _of_year(
        2020,
        [
            ("KWKG", "non_privileged", "0.226"),
            ("OFFSHORE", "non_privileged", "0.416"),
            ("PARAGRAF_19_STROM_NEV", "A'", "0.358"),
            ("PARAGRAF_19_STROM_NEV", "B'", "0.050"),
            ("PARAGRAF_19_STROM_NEV", "C'", "0.025"),
            ("ABLAV", "all", "0.007"),
            ("EEG", "non_privileged", "6.756"),
        ],
    ),
    2022: [
        *_of_year(
            2022,
            [
                ("KWKG", "non_privileged", "0.378"),
                ("OFFSHORE", "non_privileged", "0.419"),
                ("PARAGRAF_19_STROM_NEV", "A'", "0.437"),
                ("PARAGRAF_19_STROM_NEV", "B'", "0.050"),
                ("PARAGRAF_19_STROM_NEV", "C'", "0.025"),
                ("ABLAV", "all", "0.003"),
            ],
        ),
        levy("EEG", "non_privileged", "3.723", "2022-01-01", "2022-06-30"),
        levy("EEG", "non_privileged", "0.000", "2022-07-01", "2022-12-31"),
    ],
    2024: _of_year(
        2024,
        [
            ("KWKG", "non_privileged", "0.275"),
            ("OFFSHORE", "non_privileged", "0.656"),
            ("PARAGRAF_19_STROM_NEV", "A'", "0.643"),
        ],
    ),
    2025: _of_year(
        2025,
        [
            ("KWKG", "non_privileged", "0.277"),
            ("OFFSHORE", "non_privileged", "0.816"),
            ("PARAGRAF_19_STROM_NEV", "A'", "1.558"),
            ("PARAGRAF_19_STROM_NEV", "B'", "0.050"),
            ("PARAGRAF_19_STROM_NEV", "C'", "0.025"),
        ],
    ),
}


def levies_of(year: int) -> list[Levy]:
    return [*ALL_YEARS, *LEVIES.get(year, [])]
