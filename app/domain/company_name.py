"""An operator's short name and slug, from the name under which a company is registered."""

import re
import unicodedata
from typing import Final

_SHORT: Final = (
    r"(?:gGmbH|GmbH|AG|SE|KG|OHG|o\.\s?H\.\s?G|UG|eG|mbH|KGaA|AöR|AdöR|KdöR|KU|AB|e\.\s?K\.|e\.\s?G\.|e\.\s?V\."
    r"|A\.\s?ö\.\s?R\.)(?:\s*&\s*Co\.?(?:\s*(?:KGaA|KG|OHG))?)?"
)
_LONG: Final = (
    "(?:Aktiengesellschaft|Anstalt des öffentlichen Rechts|(?:Gesellschaft )?mit beschränkter Haftung)"
)
# From the first of several blanks only: from each of them, many would take seconds.
_BLANKS: Final = r"(?<![\s,])[\s,]+"
_LEGAL_FORM: Final = re.compile(
    rf"{_BLANKS}\({_SHORT}\)|(?:{_BLANKS}|-){_SHORT}(?=[\s,()]|$)|{_BLANKS}{_LONG}(?=[\s,()]|$)",
    re.IGNORECASE,
)
_LETTERS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l"})


def without_legal_form(company: str) -> str:
    """ "Netze BW" for "Netze BW GmbH"; the whole name if it is nothing but a legal form."""
    return " ".join(_LEGAL_FORM.sub("", f" {company}").split()).strip(" ,-") or company


def slug_of(name: str) -> str:
    """Words of a-z and 0-9 joined by `-`, at most 180 characters: "stadtwerke-muenchen". Empty without letters and digits."""
    lower = unicodedata.normalize("NFC", name).lower().translate(_LETTERS)
    ascii_letters = unicodedata.normalize("NFKD", lower).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "-", ascii_letters)[:180].strip("-")
