"""Codes of operators: which texts are codes, and the form in which they are compared."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from app.domain.dno import DirectoryEntry
from app.errors import BadInput, quoted

# Letters of a VNB id are compared as they are written; all other codes have capitals only.
_WITH_CAPITALS: Final = r"SNB[0-9]{12}|[AB][0-9A-Z]{8}\.[A-Z]{2}|[0-9]{13}"
_VNB: Final = "[0-9]{1,4}|[0-9A-Za-z]{17}"
PATTERN: Final = f"^({_WITH_CAPITALS}|{_VNB})$"

_CAPITALS: Final = re.compile(_WITH_CAPITALS, re.ASCII)
_VNB_ID: Final = re.compile(_VNB, re.ASCII)


def read_code(text: str, argument: str) -> str:
    """The code in the form of `code_index`. Raises BadInput for a text that is no code."""
    code = text.strip()
    if _CAPITALS.fullmatch(code.upper()):
        return code.upper()
    if _VNB_ID.fullmatch(code):
        return code
    raise BadInput(
        f"{quoted(text)} is no code: it must be a MaStR number such as SNB982046657236, a BDEW code of 13 digits, an ACER code"
        " such as A00014369.DE or a VNB id of 1 to 4 digits or 17 letters and digits.",
        argument=argument,
    )


def code_index(entries: Iterable[DirectoryEntry]) -> Mapping[str, tuple[UUID, ...]]:
    """Code -> operators. Networks of one company can have a BDEW or ACER code in common."""
    found: dict[str, tuple[UUID, ...]] = {}
    for entry in entries:
        codes = [code.upper() for code in (entry.mastr_nr, entry.bdew_code, entry.acer_code) if code]
        for code in dict.fromkeys([*codes, *((entry.vnb_id,) if entry.vnb_id else ())]):
            found[code] = (*found.get(code, ()), entry.id)
    return found
