"""What the domain rejects: the code, the text, and the argument or field that is at fault."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from app.domain import correction
from app.domain.clock import hh_mm, minutes
from app.domain.correction import HlzfCorrection, NewHlzf, NewTariff, TariffCorrection
from app.domain.cost import annual_cost
from app.domain.directory_pages import DnoOrder, read_cursor
from app.domain.email import check_email
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.federal_state import FEDERAL_STATES, spellings_of
from app.domain.hlzf import Season, TimeWindow
from app.domain.tariff import Prices, Tariff
from app.errors import AppError, BadInput

TARIFF = NewTariff(
    dno="netze",
    year=2025,
    voltage_level=VoltageLevel.MS,
    prices=Prices(),
    source_url="https://example.org/a.pdf",
)
HLZF = NewHlzf(
    dno="netze", year=2025, voltage_level=VoltageLevel.MS, season=Season.WINTER, windows=(TimeWindow(0, 60),)
)


def rejected(kind: type[AppError], call, *arguments, **options) -> AppError:
    with pytest.raises(kind) as raised:
        call(*arguments, **options)
    return raised.value


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("NaN", "A price is a number."),
        ("-0.0001", "A price is not negative."),
        ("1000000", "A price is below 1,000,000."),
        ("0.00001", "A price has at most 4 decimals."),
    ],
)
def test_a_rejected_price_is_described(price, text):
    error = rejected(BadInput, correction.check_prices, Prices(arbeit=Decimal(price)))
    assert (error.message, error.field) == (text, ("input", "arbeit"))


def test_a_rejected_year_is_described():
    error = rejected(BadInput, correction.check_year, 1899)
    assert (error.message, error.field) == ("A year lies between 2000 and 2100.", ("input", "year"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dno": "\0"}, "dno"),
        ({"year": 1}, "year"),
        ({"prices": Prices(arbeit=Decimal(-1))}, "arbeit"),
        ({"source_url": "ftp://example.org"}, "sourceUrl"),
    ],
)
def test_each_part_of_a_new_tariff_is_checked(changes, field):
    TARIFF.check()
    assert rejected(BadInput, msgspec.structs.replace(TARIFF, **changes).check).field == ("input", field)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dno": "\0"}, ("dno",)),
        ({"year": 1}, ("year",)),
        ({"windows": (TimeWindow(5, 5),)}, ("windows", "0", "end")),
        ({"source_url": "ftp://example.org"}, ("sourceUrl",)),
    ],
)
def test_each_part_of_a_new_hlzf_is_checked(changes, field):
    HLZF.check()
    assert rejected(BadInput, msgspec.structs.replace(HLZF, **changes).check).field == ("input", *field)


def test_corrections_check_what_they_write():
    tariff = Tariff(
        UUID(int=1), UUID(int=2), 2025, VoltageLevel.MS, Decimal(1), None, None, None,
        VerificationStatus.VERIFIED, None, None, 3, datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    wrong = TariffCorrection(id=tariff.id, prices={"leistung": Decimal(-1)})
    assert rejected(BadInput, wrong.applied_to, tariff).field == ("input", "leistung")
    windows = HlzfCorrection(id=tariff.id, windows=(TimeWindow(90, 60),))
    error = rejected(BadInput, windows.applied_to, None)
    assert error.message == "A window ends after it starts; 01:30-01:00 does not."


@pytest.mark.parametrize(
    ("windows", "end", "text"),
    [
        (((60, 120), (90, 150)), "start", "01:30-02:30 overlaps 01:00-02:00."),
        (((60, 120), (30, 90)), "end", "00:30-01:30 overlaps 01:00-02:00."),
        (((60, 120), (60, 90)), "start", "01:00-01:30 overlaps 01:00-02:00."),
        (((0, 30), (60, 120), (110, 111)), "start", "01:50-01:51 overlaps 01:00-02:00."),
    ],
)
def test_an_overlap_names_both_windows_and_the_end_that_lies_inside(windows, end, text):
    error = rejected(BadInput, correction.check_windows, tuple(TimeWindow(*window) for window in windows))
    assert (error.message, error.field) == (text, ("input", "windows", str(len(windows) - 1), end))


def test_windows_that_touch_do_not_overlap():
    correction.check_windows((TimeWindow(60, 120), TimeWindow(0, 60), TimeWindow(120, 121)))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org",
        "https:///path",
        "https://example.org/\u202e",
        "https://[",
        "x",
        "https://ex ample.org/",
        "https://:443/",
        "https://<b>",
        "https://.",
        "https://x..de",
        "https://x.de:abc/",
        "https://x.de:99999/",
        "https://user:pa ss@x.de/",
    ],
)
def test_a_rejected_source_is_described(url):
    error = rejected(BadInput, correction.check_source, url)
    assert (
        error.message
        == "A source's address begins with https:// or http:// and the name of a host, without spaces around it."
    )
    assert error.field == ("input", "sourceUrl")


@pytest.mark.parametrize(
    "url", ["https://user:secret@x.de/", "https://user@x.de/a.pdf", "https://:secret@x.de"]
)
def test_a_source_with_credentials_is_rejected(url):
    error = rejected(BadInput, correction.check_source, url)
    assert error.message == "A source's address must have no user name and no password."
    correction.check_source("https://x.de/a@b?c=d@e")


def test_a_text_is_rejected_from_one_character_above_the_limit():
    correction.check_text("x" * 2000, "reason")
    for text in ("x" * 2001, "a\0"):
        error = rejected(BadInput, correction.check_text, text, "reason")
        assert error.message == "A text has at most 2,000 characters, none of them NUL."
        assert error.field == ("input", "reason")


@pytest.mark.parametrize("text", [None, "", " "])
def test_a_required_text_is_asked_for(text):
    error = rejected(BadInput, correction.check_text, text, "reason", required=True)
    assert (error.message, error.field) == ("Please say why.", ("input", "reason"))
    correction.check_text(text, "reason")


@pytest.mark.parametrize(
    ("consumption", "peak", "argument", "text"),
    [
        ("-1", "1", "consumptionKwh", "`consumptionKwh` lies between 0 and 1,000,000,000,000,000."),
        ("1", "1E+15", "peakLoadKw", "`peakLoadKw` lies between 0 and 1,000,000,000,000,000."),
        ("NaN", "1", "consumptionKwh", "`consumptionKwh` lies between 0 and 1,000,000,000,000,000."),
        ("1", "0.0000001", "peakLoadKw", "`peakLoadKw` has at most 6 decimals."),
        ("1", "0", "peakLoadKw", "`peakLoadKw` is greater than zero."),
    ],
)
def test_a_rejected_consumption_is_described(consumption, peak, argument, text):
    error = rejected(BadInput, annual_cost, Prices(), Decimal(consumption), Decimal(peak))
    assert (error.message, error.details) == (text, {"argument": argument})


def test_the_largest_and_the_most_exact_amounts_are_computed():
    cost = annual_cost(
        Prices(leistung=Decimal(1), arbeit=Decimal(1)), Decimal(999999999999999), Decimal("0.000001")
    )
    assert (cost.energy_charge, cost.capacity_charge) == (Decimal("9999999999999.99"), Decimal("0.00"))


def test_an_unknown_region_is_answered_with_the_names_of_all_states():
    error = rejected(BadInput, spellings_of, "Atlantis", ["Bayern", None])
    assert error.message == f"`region` names no federal state; there are {', '.join(FEDERAL_STATES)}."
    assert error.details == {"argument": "region"}


@pytest.mark.parametrize("cursor", ["", "x", "%%%%", "x" * 1001, "gaA"])
def test_a_damaged_cursor_is_rejected_as_the_argument(cursor):
    error = rejected(BadInput, read_cursor, cursor, DnoOrder.NAME)
    assert (error.message, error.details) == ("`after` is not a cursor of this list.", {"argument": "after"})


def test_a_rejected_address_is_shown_in_part():
    error = rejected(BadInput, check_email, "x" * 300)
    assert error.message == f"'{'x' * 100}' is no e-mail address: write it like ada@example.org."
    assert error.field == ("email",)


@pytest.mark.parametrize("local", ["x" * 64, "a.b"])
def test_addresses_up_to_the_limits_are_accepted(local):
    check_email(f"{local}@example.org")
    assert rejected(BadInput, check_email, f"{'x' * 65}@example.org")


@pytest.mark.parametrize(
    ("text", "value"), [("00:00", 0), ("07:31", 451), ("23:59", 1439), ("24:00:00", 1440)]
)
def test_a_time_is_minutes_since_midnight(text, value):
    assert minutes(text) == value
    assert hh_mm(value) == text[:5]


@pytest.mark.parametrize("text", ["24:01", "7:30", "07:60", "07:30:01", "", "٠٧:٣٠"])
def test_what_is_no_time_is_quoted(text):
    with pytest.raises(ValueError, match=f"^'{text}' is not a time of the form HH:MM$"):
        minutes(text)
