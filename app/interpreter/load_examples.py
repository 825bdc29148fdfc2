"""The consumption that a ranking or a comparison is of where none is named."""

from decimal import Decimal
from typing import Final

from app.domain.consumption import SpecialUse
from app.domain.entry import VoltageLevel
from app.domain.question import Load, Usage

# By level; examples, and named as such.
_EXAMPLES: Final = {
    VoltageLevel.NS: Load(Decimal(50_000), Decimal(50), assumed=True),
    VoltageLevel.MS_NS: Load(Decimal(500_000), Decimal(200), assumed=True),
}
_LARGE_EXAMPLE: Final = Load(Decimal(5_000_000), Decimal(1_500), assumed=True)

HEAT_PUMP_MODULE: Final = 2  # of § 14a EnWG: a heat pump that is metered by itself
HOUSEHOLD: Final = Usage(Decimal(3_500), assumed=True)
HEAT_PUMP: Final = Usage(Decimal(6_000), use=SpecialUse.WAERMEPUMPE, module=HEAT_PUMP_MODULE, assumed=True)


def example_of(level: VoltageLevel | None) -> Load | None:
    return None if level is None else _EXAMPLES.get(level, _LARGE_EXAMPLE)
