"""The thresholds of atypical use (§ 19 (2) sentence 1 StromNEV), with their basis and how sure each is.

The ruling BK4-13-739 of the Bundesnetzagentur was read in paraphrases only; where these differ, both figures are given.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from app.domain.entry import VoltageLevel


class ThresholdKind(StrEnum):
    """What is compared: shift in percent of the yearly peak, shift in kW, saving in EUR a year."""

    RELATIVE_SHIFT = "RELATIVE_SHIFT"
    ABSOLUTE_SHIFT = "ABSOLUTE_SHIFT"
    MINIMUM_SAVING = "MINIMUM_SAVING"


class Rule(msgspec.Struct, frozen=True):
    """`disputed`: another figure that a source gives for the same rule."""

    required: Decimal
    unit: str
    basis: str
    sureness: str
    source_url: str
    disputed: Decimal | None = None


_RULING: Final = "BK4-13-739"
_HELLENSTEIN: Final = (
    "https://hellenstein-energie-logistik.de/hochlastzeitfenster-fuer-atypische-netznutzung.html"
)
_SCHNELLSTROM: Final = "https://schnellstrom.de/atypische_netznutzung.php"
_HASBERGEN: Final = "https://www.eg-hasbergen.de/aktuelles/hochlastzeitfenster.html"
_STROMNEV: Final = "https://github.com/kmein/gesetze/blob/cce3209c04aaea4b65ec92e7a0f8ff413bce1696/laws/StromNEV-BJNR222500005.md"


def _percent(
    required: int, sureness: str, source_url: str = _HELLENSTEIN, disputed: int | None = None
) -> Rule:
    other = None if disputed is None else Decimal(disputed)
    return Rule(Decimal(required), "percent of the yearly peak", _RULING, sureness, source_url, other)


_ONE_BROKER: Final = "one energy broker (a second page with the same table appears to belong to it)"
_SEVERAL: Final = "two operators, a broker and a consultant agree"

RELATIVE_SHIFT: Final[Mapping[VoltageLevel, Rule]] = {
    VoltageLevel.HOES: _percent(5, _ONE_BROKER, _SCHNELLSTROM),
    VoltageLevel.HOES_HS: _percent(10, _ONE_BROKER, _SCHNELLSTROM),
    VoltageLevel.HS: _percent(10, "an operator and a broker; one project prints 20: in dispute", disputed=20),
    VoltageLevel.HS_MS: _percent(
        20, "an operator and a consultant; a broker prints 10: in dispute", disputed=10
    ),
    VoltageLevel.MS: _percent(20, _SEVERAL),
    VoltageLevel.MS_NS: _percent(30, _SEVERAL),
    VoltageLevel.NS: _percent(30, _SEVERAL),
}
_AT_EVERY_LEVEL: Final = "two operators and a consultant agree; at every level"
ABSOLUTE_SHIFT: Final = Rule(Decimal(100), "kW", _RULING, _AT_EVERY_LEVEL, _HASBERGEN)
MINIMUM_SAVING: Final = Rule(Decimal(500), "EUR per year", _RULING, _AT_EVERY_LEVEL, _HASBERGEN)
FLOOR: Final = Rule(
    Decimal(20),
    "percent of the published charge",
    "StromNEV § 19 (2) sentence 1",
    "the text of the ordinance",
    _STROMNEV,
)


def rules_of_level(level: VoltageLevel) -> Mapping[ThresholdKind, Rule]:
    return {
        ThresholdKind.RELATIVE_SHIFT: RELATIVE_SHIFT[level],
        ThresholdKind.ABSOLUTE_SHIFT: ABSOLUTE_SHIFT,
        ThresholdKind.MINIMUM_SAVING: MINIMUM_SAVING,
    }
