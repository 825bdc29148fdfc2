"""What the federal states are called in German and English, and for short."""

from typing import Final

from app.domain.federal_state import FEDERAL_STATES
from app.interpreter.spelling import key

_OTHER_NAMES: Final = {
    "Baden-Württemberg": "bawü ba-wü bw-land baden-württembergs",
    "Bayern": "bavaria bayerns bayrisch bayerisch bavarian",
    "Hessen": "hesse hessens hessisch hessian",
    "Mecklenburg-Vorpommern": "mecklenburg-western-pomerania meckpomm meck-pomm mecklenburg",
    "Niedersachsen": "lower-saxony niedersachsens",
    "Nordrhein-Westfalen": "north-rhine-westphalia northrhine-westphalia nrw",
    "Rheinland-Pfalz": "rhineland-palatinate rlp",
    "Sachsen": "saxony sachsens",
    "Sachsen-Anhalt": "saxony-anhalt sachsen-anhalts",
    "Thüringen": "thuringia thüringens",
}


def _joined(name: str) -> str:
    return "".join(map(key, name.split("-")))


STATES: Final = {_joined(state): state for state in FEDERAL_STATES} | {
    _joined(name): state for state, names in _OTHER_NAMES.items() for name in names.split()
}
# Every word of their names; none of them is a misspelling of anything else.
WORDS: Final = frozenset(
    key(part)
    for name in (*FEDERAL_STATES, *(n for names in _OTHER_NAMES.values() for n in names.split()))
    for part in name.split("-")
)
