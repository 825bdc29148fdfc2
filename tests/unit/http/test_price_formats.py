"""Series of § 14a prices as JSON and CSV, zones of evcc, and a calendar."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import yaml
from icalendar import Calendar

from app.domain.price_series import Resolution, day_span, prices
from app.errors import AppError, BadInput, Code
from app.http.evcc_zones import write_zones
from app.http.price_calendar import PricedSheet, write_calendar
from app.http.price_formats import euros, write_csv, write_json
from tests.unit.domain.price_sheets import Sheet, sheet, starter_sheet

N_ERGIE = starter_sheet("n-ergie-netz")
ONE_QUARTER = "1 00:00-06:00 NT, 1 06:00-17:00 ST, 1 17:00-20:00 HT, 1 20:00-24:00 ST"


@pytest.mark.parametrize(
    ("cents", "written"),
    [
        ("2.38", "0.0238"),
        ("0", "0"),
        ("0.0001", "0.000001"),
        ("100.00", "1"),
        ("2.8322", "0.028322"),
        ("12345.6789", "123.456789"),
    ],
)
def test_euros_are_exact_and_a_json_number(cents: str, written: str) -> None:
    assert euros(Decimal(cents)) == written
    assert json.loads(written) == float(written)


def test_an_empty_series_is_an_empty_list() -> None:
    assert "".join(write_json([], gross=False)) == "[]"


def test_json_has_beginning_end_and_value_and_csv_the_band_as_well() -> None:
    tariff = sheet(windows=ONE_QUARTER)
    span = day_span(date(2026, 3, 31), date(2026, 4, 1))
    found = json.loads("".join(write_json(prices(tariff, *span), gross=True)))
    assert found[-1] == {
        "start": "2026-04-01T00:00:00+02:00",
        "end": "2026-04-02T00:00:00+02:00",
        "value": 0.07973,
    }
    lines = "".join(write_csv(prices(tariff, *span), gross=False)).splitlines()
    assert lines[0] == "start,end,value,band,time_variable"
    assert lines[1] == "2026-03-31T00:00:00+02:00,2026-03-31T06:00:00+02:00,0.0134,NT,true"
    assert lines[-1] == "2026-04-01T00:00:00+02:00,2026-04-02T00:00:00+02:00,0.067,ST,false"


def test_each_end_is_written_with_its_own_offset() -> None:
    night = list(write_csv(prices(N_ERGIE, *day_span(date(2026, 10, 25)), Resolution.HOUR), gross=False))
    assert night[3:5] == [
        "2026-10-25T02:00:00+02:00,2026-10-25T02:00:00+01:00,0.0238,NT,true\n",
        "2026-10-25T02:00:00+01:00,2026-10-25T03:00:00+01:00,0.0238,NT,true\n",
    ]


ZONES = """\
# N-ERGIE Netz 2026, net EUR/kWh; source https://example.org/preisblatt.pdf
charges: 0.0596
chargesZones:
  - months: Jan-Dec
    hours: 00:00-06:00
    charges: 0.0238 # NT
  - months: Jan-Dec
    hours: 12:00-14:15
    charges: 0.0238 # NT
  - months: Jan-Dec
    hours: 18:00-21:00
    charges: 0.1177 # HT
  - months: Jan-Dec
    hours: 23:00-0:00
    charges: 0.0238 # NT
"""


def test_zones_of_evcc_replace_the_standard_price_in_months_and_hours() -> None:
    remarks = ["source https://example.org/preisblatt.pdf"]
    assert write_zones(N_ERGIE, "N-ERGIE Netz", remarks, gross=False) == ZONES
    gross = yaml.safe_load(write_zones(N_ERGIE, "N-ERGIE Netz", (), gross=True))
    assert (gross["charges"], gross["chargesZones"][2]["charges"]) == (0.070924, 0.140063)


def test_quarters_with_other_windows_are_zones_of_their_own() -> None:
    text = write_zones(sheet(windows=ONE_QUARTER + ", 4 00:00-24:00 NT"), "Netze A", (), gross=False)
    found = yaml.safe_load(text)
    assert found["charges"] == 0.067
    assert [(zone["months"], zone.get("hours")) for zone in found["chargesZones"]] == [
        ("Jan-Mar", "00:00-06:00"),
        ("Jan-Mar", "17:00-20:00"),
        ("Oct-Dec", None),
    ]


def test_times_without_a_known_price_are_named_in_the_zones() -> None:
    tariff = sheet(prices="ST 6.70, NT 1.34", windows="1 00:00-06:00 NT, 1 07:00-17:00 ST, 1 17:00-24:00 HT")
    comments = [
        line for line in write_zones(tariff, "A", (), gross=False).splitlines() if line.startswith("# J")
    ]
    assert comments == [
        "# Jan-Mar 06:00-07:00: no price is known; evcc uses that of the standard band",
        "# Jan-Mar 17:00-0:00: no price is known; evcc uses that of the standard band",
    ]


def test_a_sheet_without_a_standard_price_or_windows_has_no_zones() -> None:
    for incomplete in (sheet(prices="HT 9, NT 1", windows=ONE_QUARTER), sheet()):
        with pytest.raises(AppError) as refused:
            write_zones(incomplete, "A", (), gross=False)
        assert refused.value.code is Code.NOT_FOUND
    flat = sheet(windows="1 00:00-24:00 ST")
    assert yaml.safe_load(write_zones(flat, "A", (), gross=False)) == {"charges": 0.067, "chargesZones": []}


def test_gross_zones_need_one_rate_of_vat_in_the_year() -> None:
    with pytest.raises(BadInput, match="The VAT changes within 2020"):
        write_zones(sheet(2020, windows=ONE_QUARTER), "A", (), gross=True)


def test_a_source_cannot_end_the_comment_it_is_in() -> None:
    text = write_zones(N_ERGIE, "A\ncharges: 1", ["https://example.org/\r\ncharges: 2\u2028x"], gross=False)
    assert len(text.splitlines()) == len(ZONES.splitlines())
    assert yaml.safe_load(text)["charges"] == 0.0596


def calendar(tariff: Sheet, first: date, last: date, name: str = "N-ERGIE Netz") -> Calendar:
    changed = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    priced = PricedSheet(
        3, changed, "VERIFIED", False, "https://example.org/a,b;c", prices(tariff, *day_span(first, last))
    )
    text = "".join(write_calendar("n-ergie-netz", name, [priced]))
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    return Calendar.from_ical(text)


def test_the_calendar_has_exactly_the_hours_in_the_cheap_and_the_dear_band() -> None:
    first, last = date(2026, 3, 28), date(2026, 10, 26)
    events = calendar(N_ERGIE, first, last).walk("VEVENT")
    expected = [each for each in prices(N_ERGIE, *day_span(first, last)) if each.band != "ST"]
    assert [(event["dtstart"].dt, event["dtend"].dt) for event in events] == [
        (each.start, each.end) for each in expected
    ]
    assert [event["categories"].cats[1] for event in events] == [each.band for each in expected]
    assert len({event["uid"] for event in events}) == len(events)
    durations = {
        event["dtend"].dt - event["dtstart"].dt for event in events if event["categories"].cats[1] == "NT"
    }
    assert timedelta(hours=8) in durations, "the night of the autumn change"


def test_an_event_states_prices_and_source() -> None:
    event = calendar(N_ERGIE, date(2026, 5, 4), date(2026, 5, 4), name="Netze; A, B\nund C").walk("VEVENT")[0]
    assert event["summary"] == "Netzentgelt niedrig: 2,38 ct/kWh (NT)"
    assert event["description"] == (
        "Netze; A, B\nund C: zeitvariables Netzentgelt (§ 14a EnWG, Modul 3), Niedertarif: 2,38 ct/kWh netto, 2,8322 ct/kWh"
        " brutto.\nAngabe, geprüft.\nQuelle: https://example.org/a,b;c"
    )
    assert (event["sequence"], event["dtstamp"].dt) == (2, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert event["transp"] == "TRANSPARENT"
