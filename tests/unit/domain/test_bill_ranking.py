"""Rankings and comparisons of operators by bill; the charges are computed by hand in the comments."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from app.domain.bill_position import BillPart
from app.domain.bill_profile import BillProfile, consumption_of
from app.domain.bill_ranking import BillRanking, OperatorSheet, compare_bills, rank_bills, rate_operator
from app.domain.consumption import Metering, SpecialUse
from app.domain.entry import Publication, VoltageLevel
from app.domain.network_charges import PriceSheet
from app.domain.price import Price
from app.domain.time_of_use import TimeOfUseTariff
from tests.unit.domain.bill_figures import price, tariff, time_of_use

NO_LEVIES = BillPart((), (), ())
HOUSEHOLD = consumption_of(BillProfile.HOUSEHOLD, 2025)


def operator(
    number: int, name: str, published: Sequence[Price], bands: TimeOfUseTariff | None = None
) -> OperatorSheet:
    return OperatorSheet(UUID(int=number), name, name.lower(), PriceSheet((), published, bands))


def slp(base: str, work: str, publication: Publication = Publication.FINAL) -> list[Price]:
    return [
        price("SLP_GRUNDPREIS", base, publication=publication),
        price("SLP_ARBEITSPREIS", work, publication=publication),
    ]


# Stadtwerke Malchow 2025: 60.00 + 3,500 · 0.0749 = 322.15
MALCHOW = operator(1, "Malchow", slp("60.00", "7.49"))
# Netze ODR 2025, preliminary: 69.35 + 3,500 · 0.0641 = 293.70
ODR = operator(2, "ODR", slp("69.35", "6.41", Publication.PRELIMINARY))
# The Arbeitspreis follows from Modul 3: 40.00 + 3,500 · 0.0862 = 341.70
WANFRIED = operator(
    3, "Wanfried", [price("SLP_GRUNDPREIS", "40.00")], time_of_use(2025, "10.84", "8.62", "3.45")
)
UNKNOWN = operator(4, "Unbekannt", [price("SLP_GRUNDPREIS", "1.00")])
ALL = [MALCHOW, ODR, WANFRIED, UNKNOWN]


def ranked(
    operators: Sequence[OperatorSheet] = ALL,
    derived: bool = False,
    dearest: bool = False,
    first: int = 10,
    publication: Publication | None = None,
) -> BillRanking:
    rated = [
        rate_operator(HOUSEHOLD, operator, include_derived=derived, publication=publication)
        for operator in operators
    ]
    return rank_bills(HOUSEHOLD, rated, NO_LEVIES, dearest=dearest, places=slice(first), without_data=7)


def shown(ranking: BillRanking) -> list[tuple[int | None, int, str]]:
    return [(one.rank, one.dno_id.int, str(one.bill.network)) for one in ranking.bills]


def test_operators_are_ranked_by_their_published_charges_and_the_others_are_counted():
    found = ranked()
    assert shown(found) == [(1, 2, "293.70"), (2, 1, "322.15")]
    assert (found.ranked, found.derived_only, found.not_known, found.without_data) == (2, 1, 1, 7)
    assert [(one.preliminary, one.derived) for one in found.bills] == [(True, False), (False, False)]
    assert [str(one.difference) for one in found.bills] == ["0.00", "28.45"]


@pytest.mark.parametrize(
    ("publication", "derived", "expected", "counts"),
    [
        (Publication.FINAL, False, [(1, 1, "322.15")], (1, 1, 1, 1)),
        (Publication.FINAL, True, [(1, 1, "322.15"), (2, 3, "341.70")], (2, 0, 1, 1)),
        (Publication.PRELIMINARY, False, [(1, 2, "293.70")], (1, 0, 2, 1)),
        (Publication.PRELIMINARY, True, [(1, 2, "293.70")], (1, 0, 2, 1)),
    ],
)
def test_operators_with_charges_of_another_publication_are_counted_and_have_no_rank(
    publication: Publication, derived: bool, expected: list[tuple[int, int, str]], counts: tuple[int, ...]
) -> None:
    found = ranked(publication=publication, derived=derived)
    assert shown(found) == expected
    assert (found.ranked, found.derived_only, found.other_publication, found.not_known) == counts
    assert str(found.bills[0].difference) == "0.00"


def test_derived_prices_are_used_and_marked_if_they_are_asked_for():
    found = ranked(derived=True)
    assert shown(found) == [(1, 2, "293.70"), (2, 1, "322.15"), (3, 3, "341.70")]
    assert [one.derived for one in found.bills] == [False, False, True]
    assert (found.ranked, found.derived_only, found.not_known) == (3, 0, 1)


def test_published_prices_are_used_even_where_derived_ones_are_asked_for():
    both = operator(5, "Beide", slp("60.00", "7.49"), time_of_use(2025, "9", "1.00", "0.40"))
    [one] = ranked([both], derived=True).bills
    assert (str(one.bill.network), one.derived) == ("322.15", False)


def test_the_dearest_can_come_first_with_the_difference_to_the_lowest():
    found = ranked(dearest=True, first=1)
    assert shown(found) == [(1, 1, "322.15")]
    assert str(found.bills[0].difference) == "28.45"
    assert found.ranked == 2


def test_equal_charges_are_ordered_by_name():
    twins = [
        operator(number, name, slp("60", "7.49")) for number, name in ((1, "Zürn"), (2, "Ähre"), (3, "Bach"))
    ]
    assert [one.dno_id.int for one in ranked(twins).bills] == [2, 3, 1]
    assert [one.dno_id.int for one in ranked(twins, dearest=True).bills] == [2, 3, 1]


def test_a_ranking_without_operators_is_empty():
    found = ranked([])
    assert (found.bills, found.ranked, found.derived_only, found.not_known) == ((), 0, 0, 0)


def test_a_comparison_has_every_operator_in_the_order_given_and_names_what_is_missing():
    found = compare_bills(HOUSEHOLD, [UNKNOWN, MALCHOW, ODR, WANFRIED], NO_LEVIES, include_derived=False)
    assert [(one.rank, str(one.difference)) for one in found] == [
        (None, "None"),
        (2, "28.45"),
        (1, "0.00"),
        (None, "None"),
    ]
    assert found[0].bill.network is None
    assert found[0].bill.missing
    with_derived = compare_bills(HOUSEHOLD, [WANFRIED], NO_LEVIES, include_derived=True)
    assert [(one.rank, str(one.bill.network), one.derived) for one in with_derived] == [(1, "341.70", True)]


def test_load_metered_profiles_are_ranked_by_tariffs():
    """Malchow 2025, MS: 1,500 · 119.08 = 178,620; 5,000,000 · 0.0109 = 54,500."""
    sheet = PriceSheet([tariff(2025, VoltageLevel.MS, "119.08", "1.09", "21.49", "5.00")])
    malchow = OperatorSheet(UUID(int=1), "Malchow", "malchow", sheet)
    consumption = consumption_of(BillProfile.INDUSTRY, 2025)
    [one] = compare_bills(consumption, [malchow], NO_LEVIES, include_derived=False)
    assert str(one.bill.network) == "233120.00"


@pytest.mark.parametrize("profile", BillProfile)
@pytest.mark.parametrize("year", [2015, 2023, 2024, 2026])
def test_every_profile_is_a_consumption_that_can_be_billed_in_any_year(profile: BillProfile, year: int):
    consumption = consumption_of(profile, year)
    consumption.check()
    assert consumption.year == year
    assert (consumption.peak_load_kw is None) is (consumption.metering is Metering.SLP)


def test_a_heat_pump_is_charged_by_modul_2_and_before_by_its_own_price():
    assert consumption_of(BillProfile.HEAT_PUMP, 2024).module == 2
    before = consumption_of(BillProfile.HEAT_PUMP, 2023)
    assert (before.module, before.special_use) == (None, SpecialUse.WAERMEPUMPE)
