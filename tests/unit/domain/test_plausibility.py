"""Values that are possible and yet unusual."""

from decimal import Decimal

import pytest

from app.domain.plausibility import plausibility_warnings
from app.domain.tariff import Prices


def prices(*texts: str | None) -> Prices:
    return Prices(*(None if text is None else Decimal(text) for text in texts))


NONE = Prices()


@pytest.mark.parametrize(
    ("now", "then", "codes"),
    [
        (prices("58.21", "1.26", "18.30", "2.86"), NONE, []),
        (prices("18.30", "1.26", "58.21", "2.86"), NONE, [("UNUSUAL_ORDER", "leistungUnter2500h")]),
        (prices("18.30", None, "18.30", None), NONE, []),
        (prices(None, None, "58.21", None), NONE, []),
        (prices("30"), prices("10"), []),
        (prices("30.0001"), prices("10"), [("UNUSUAL_RISE", "leistung")]),
        (prices("30"), prices("0"), []),  # a multiple of zero is no measure
        (prices("30"), NONE, []),
        (
            prices("1", "31", "2", "31"),
            prices("10", "10", "10", "10"),
            [
                ("UNUSUAL_ORDER", "leistungUnter2500h"),
                ("UNUSUAL_RISE", "arbeit"),
                ("UNUSUAL_RISE", "arbeitUnter2500h"),
            ],
        ),
    ],
)
def test_unusual_prices_get_a_warning(now, then, codes):
    assert [(warning.code, warning.field) for warning in plausibility_warnings(now, then)] == [
        (code, ("input", field)) for code, field in codes
    ]
