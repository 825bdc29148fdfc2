"""Voltage levels in the words of price sheets: "Umspannung von Mittel- in Niederspannung (MS/NS)", "Mittelspannung 20 kV"."""

import re
from functools import lru_cache
from typing import Final

from app.domain.entry import VoltageLevel

_NAMES: Final = (
    (
        VoltageLevel.HOES,
        "höchst höchstspannung hoechst hoechstspannung höchstsp hös hoes hösp hoesp hösn ehv",
    ),
    (VoltageLevel.HS, "hoch hochspannung hochsp hs hsp hsn hv"),
    (VoltageLevel.MS, "mittel mittelspannung mittelsp ms msp msn mv"),
    (VoltageLevel.NS, "nieder niederspannung niedersp ns nsp nsn lv"),
)
_LEVELS: Final = {word: level for level, words in _NAMES for word in words.split()}
_ORDER: Final = [level for level, _ in _NAMES]
_NUMBERED: Final = {str(number): level for number, level in enumerate(VoltageLevel, 1)}
_TRANSFORMED: Final = frozenset(
    ["umspannung", "umspannebene", "umspannungsebene", "umsp", "usp", "transformation", "trafo"]
)
_INTO: Final = frozenset(["in", "zur", "zu", "nach", "auf", "to", "into"])
_NUMBER: Final = frozenset(["ne", "netzebene"])
_FILLING: Final = frozenset(
    [
        "netz",
        "spannungsebene",
        "ebene",
        "spannung",
        "entnahme",
        "entnahmeebene",
        "aus",
        "dem",
        "der",
        "des",
        "von",
        "vom",
        "im",
        "level",
        "voltage",
        "from",
        "mit",
        "netzbereich",
        "bereich",
        "anschluss",
        "an",
        "kv",
    ]
)
# Kilovolts of each level: from, and below.
_KILOVOLTS: Final = {
    VoltageLevel.HOES: (150, 1000),
    VoltageLevel.HS: (60, 150),
    VoltageLevel.MS: (1, 60),
    VoltageLevel.NS: (0, 1),
}
_KV: Final = re.compile(
    r"([0-9]+(?:[.,][0-9]+)?)(?:\s?kv)?\s?(?:[/-]|bis)?\s?(?:([0-9]+(?:[.,][0-9]+)?)\s?)?kv"
)
_MAX_LENGTH: Final = 100
# Two levels side by side are not the transformation between them.
_LISTED: Final = re.compile("[,;+&]")
_JOINED: Final = re.compile(r"[/\-‐‑–—−→>_]")


@lru_cache(maxsize=1_000)
def level_of(cell: str) -> str | None:
    """None: the words state no level, or two that differ."""
    if len(cell) > _MAX_LENGTH:
        return None
    text = cell.casefold().replace("o\u0308", "ö")
    volts = [float(each.replace(",", ".")) for match in _KV.finditer(text) for each in match.groups() if each]
    found = [level for part in _parts(_KV.sub(" ", text)) if (level := _level(part)) is not None]
    if None in found or not found or any(level != found[0] for level in found):
        return None
    level = found[0]
    if level == "" or (volts and not _has_volts(level, volts)):
        return None
    return level


def _parts(text: str) -> list[str]:
    """What is in brackets states the same as what is not."""
    return [part for part in re.split(r"[()\[\]]", text) if re.search(r"\w", part)]


def _level(part: str) -> str | None:
    """ "": other words; None: nothing but words that add nothing."""
    if _LISTED.search(part):
        return ""
    words = re.findall(r"[^\W\d_]+|[0-9]+", part)
    levels, numbers = [], []
    transformed = into = False
    for before, word in zip(["", *words], words, strict=False):
        name = word.removesuffix("snetz")
        if name in _LEVELS:
            levels.append(_LEVELS[name])
        elif word in _TRANSFORMED:
            transformed = True
        elif word in _INTO:
            into = True
        elif word in _NUMBERED and before in _NUMBER:
            numbers.append(_NUMBERED[word])
        elif word not in _FILLING and word not in _NUMBER:
            return ""
    joined = transformed or into or bool(_JOINED.search(part))
    stated = [*_of_names(list(dict.fromkeys(levels)), joined, transformed, into), *numbers]
    if not stated:
        return "" if transformed else None
    return stated[0] if len(set(stated)) == 1 else ""


def _of_names(levels: list[VoltageLevel], joined: bool, transformed: bool, into: bool) -> list[str]:
    match levels:
        case []:
            return []
        case [level] if not transformed:
            return [str(level)]
        case [level] if into and level is not _ORDER[0]:
            return [f"{_ORDER[_ORDER.index(level) - 1]}_{level}"]
        case [upper, lower] if joined and _ORDER.index(lower) == _ORDER.index(upper) + 1:
            return [f"{upper}_{lower}"]
    return [""]


def _has_volts(level: str, volts: list[float]) -> bool:
    """Of a transformation, one of its two sides."""
    spans = [_KILOVOLTS[VoltageLevel(each)] for each in level.split("_")]
    return all(any(first <= volt < end for first, end in spans) for volt in volts)
