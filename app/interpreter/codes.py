"""Codes of operators in a sentence: they are looked up exactly, since a code that is nearly right is another's."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from app.domain.dno import DirectoryEntry

# As the Marktstammdatenregister, the BDEW, the EU regulators' agency and VNBdigital write them; also with digits missing
# or too many, which are no code of an operator. A VNB id has one to four digits or 17 letters: only a label shows what it is.
_CODE = re.compile(
    r"(?<![^\W_])(?:(?:mastr|marktstammdatenregister|bdew|acer|eic|marktpartner|netzbetreiber|betreiber)"
    r"(?:[ -]?(?:id|nr\.?|nummer|code|codenummer|number))*[ :.=#-]+)?(?:"
    r"(?P<mastr>s[ne]b[ -]?(?:\d{11,15}(?![^\W_])|(?:\d ?){11}\d(?= (?:199|20\d)\d(?!\d))|\d[\d ]{3,18}\d)"
    r"|s[ne]b(?!(?:199|20\d)\d(?!\d))\d{3,4})"
    r"|(?P<bdew>\d{11,15}|\d{4}[ -]\d{3}[ -]\d{6}|\d{2}[ -]\d{5}[ -]\d{5}[ -]\d)"
    r"|(?P<acer>[ab]000[0-9a-z]{5}(?:\.[a-z]{2})?)"
    r"|vnb ?-? ?(?:digital)? ?-? ?(?:id|nr\.?|nummer|number|code|kennung)[ :.=#-]*(?P<vnb>[a-z0-9]{1,20})"
    r"|vnb(?:digital)?[ :.=#-]*(?P<bare>\d{1,6}(?!\d))"
    r")(?![^\W_])"
)
_DIGITS_OF_POSTAL_CODES = 5
_YEAR = re.compile(r"(?:199|20\d)\d")


class Coded(NamedTuple):
    """A sentence without its codes; `codes` in the order in which they stand."""

    text: str
    codes: tuple[str, ...]


def split_codes(text: str) -> Coded:
    """`text` is normalised. What was a code is left out, so that no other reading finds a part of it."""
    codes: list[str] = []

    def take(match: re.Match[str]) -> str:
        bare = match["bare"]
        if bare and (_YEAR.fullmatch(bare) or _is_postal_code(bare, match[0])):
            return match[0]  # "VNB 2024", "VNB 50667 Köln": an operator, and a year or a postal code
        for kind in ("mastr", "bdew", "acer"):
            if code := match[kind]:
                codes.append(_plain(code))
                return " "
        codes.append(_vnb(match["vnb"] or bare))
        return " "

    return Coded(_CODE.sub(take, text), tuple(codes))


def _is_postal_code(digits: str, text: str) -> bool:
    """Not "VNBdigital 12345"."""
    return len(digits) == _DIGITS_OF_POSTAL_CODES and not text.startswith("vnbdigital")


def code_index(entries: Iterable[DirectoryEntry]) -> dict[str, tuple[int, ...]]:
    """Code -> operators by their place. Two operators can share a code: those of one company."""
    found: dict[str, tuple[int, ...]] = {}
    for number, entry in enumerate(entries):
        codes = [_plain(code.lower()) for code in (entry.mastr_nr, entry.bdew_code, entry.acer_code) if code]
        if entry.vnb_id:
            codes.append(_vnb(entry.vnb_id.lower()))
        for code in codes:
            found[code] = (*found.get(code, ()), number)
    return found


def code_of(text: str) -> str | None:
    """The code, where the text is nothing but one."""
    rest, codes = split_codes(text)
    return codes[0] if len(codes) == 1 and not rest.strip() else None


def _plain(code: str) -> str:
    return re.sub(r"[ -]", "", code.removesuffix(".de"))


def _vnb(code: str) -> str:
    """Apart from other numbers: the VNB id 219 is no year and no postal code."""
    return f"vnb {code}"
