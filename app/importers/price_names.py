"""Names of columns for the prices of a tariff, taken apart: which price, below or from 2,500 h, and nothing else."""

import re
from typing import Final

_PRICES: Final = {
    "leistung": r"(?:jahres)?-?leistungspreis(?:e|es)?\b|\blp\b|(?:capacity|demand|power)[ -](?:price|charge)",
    "arbeit": r"arbeitspreis(?:e|es)?\b|\bap\b|(?:energy|working|commodity)[ -](?:price|charge)",
}
_BELOW: Final = r"<=|=<|[<≤]|\b(?:unter(?:halb)?|bis(?: zu)?|kleiner(?: als| oder gleich| ?[/-]? ?gleich)?|weniger als|below|under|up to|less than)\b"
_FROM: Final = r">=|=>|[>≥]|\b(?:ab|über|ueber|oberhalb|grö(?:ß|ss)er(?: als| oder gleich| ?[/-]? ?gleich)?|mehr als|mindestens|from|above|over|at least|more than)\b"
_HOURS: Final = re.compile(
    rf"(?:(?P<below>{_BELOW})|(?P<above>{_FROM}))\s*(?:von )?(?:2[.,\s]?500|2500)(?![0-9])"
)
# Words that add nothing to the two statements.
_FILLING: Final = re.compile(
    r"\b(?:jahres)?(?:benutzungs|vollbenutzungs|nutzungs|ausnutzungs)(?:stunden(?:zahl)?|dauer|zeit)\b|\bvolllaststunden\b"
    r"|\b(?:h|std|stunden|hours|hour|a|jahr|year|jbd|bd|t|tb|tm|vbh|bh|für|bei|mit|einer|eine|der|die|von|pro|per|je|und|p|full|load|use|of|netto|net|jahresleistungspreissystem)\b"
)


def price_column(name: str) -> str | None:
    """The column of a tariff that a name without its unit states; None if it lacks one statement, or has others."""
    text = re.sub(r"\s+", " ", name.casefold().replace("\u00ad", ""))
    text = re.sub(r"(?<=[a-zß])- (?=[a-zß])", "", text)  # a word that is broken between lines
    hours = _HOURS.findall(text)
    prices = [price for price, words in _PRICES.items() if re.search(words, text)]
    if len(hours) != 1 or len(prices) != 1:
        return None
    [price] = prices
    rest = re.sub(_PRICES[price], " ", _HOURS.sub(" ", text))
    if re.search(r"[\w<>=≥≤€%]", _FILLING.sub(" ", rest)):
        return None
    return f"{price}_unter_2500h" if hours[0][0] else price
