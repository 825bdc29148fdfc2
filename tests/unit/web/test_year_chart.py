"""Charts of prices over years."""

from decimal import Decimal

from app.web.charts.years import year_chart

PRICES = {2015: Decimal(50), 2016: Decimal(100), 2018: Decimal(75), 2019: None}


def test_each_year_is_a_step_from_its_beginning_to_its_end_and_years_without_a_price_are_gaps() -> None:
    chart = year_chart({"leistung": PRICES}, range(2015, 2019))
    assert chart is not None
    [series] = chart.series
    # A year is 77 units wide; 2017 has no price.
    assert series.path == "M44 88H121V12H198M275 50H352"
    assert [(point.year, point.x, point.y) for point in series.points] == [
        (2015, 82.5, 88),
        (2016, 159.5, 12),
        (2018, 313.5, 50),
    ]


def test_series_of_one_unit_share_a_scale_and_one_without_prices_is_left_out() -> None:
    chart = year_chart(
        {"from": {2025: Decimal(150)}, "none": {2025: None}, "below": {2025: Decimal(30)}}, range(2025, 2026)
    )
    assert chart is not None
    assert [(each.name, each.number) for each in chart.series] == [("from", 0), ("below", 2)]
    assert [str(tick) for tick, _ in chart.ticks] == ["0", "50", "100", "150"]
    assert [point.y for each in chart.series for point in each.points] == [12, 133.6]


def test_without_any_price_there_is_no_chart() -> None:
    assert year_chart({"from": {2025: None}, "below": {}}, range(2025, 2026)) is None


def test_of_many_years_some_are_written_the_newest_always() -> None:
    for newest in range(2001, 2040):
        chart = year_chart({"from": {newest: Decimal(1)}}, range(2000, newest + 1))
        assert chart is not None
        written = [year for year, _ in chart.years]
        assert len(written) <= 8
        assert written[-1] == newest
        assert written == sorted(written)
