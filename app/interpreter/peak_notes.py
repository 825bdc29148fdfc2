"""The notes of peak load in German; the domain has them in English."""

from typing import Final

_RULING: Final = (
    "nach der Festlegung BK4-13-739 (Abschnitt 2.e), die nur in einer Umschreibung gelesen wurde, sind der 24. Dezember bis 1. Januar"
    " Nebenzeit"
)
_NAMES_NOT: Final = (
    "der Netzbetreiber nimmt die Tage zwischen Weihnachten und Neujahr aus und nennt den {}. Dezember nicht"
)
_GERMAN: Final = {
    "no Hochlastzeitfenster of this year and voltage level are known": "für dieses Jahr und diese Spannungsebene sind keine"
    " Hochlastzeitfenster bekannt",
    "the sheet does not mention this season": "das Blatt nennt diese Jahreszeit nicht",
    "the operator prints the end of each metering quarter-hour: its windows begin 15 minutes before the times used here": "der"
    " Netzbetreiber druckt das Ende jeder Messviertelstunde: seine Zeitfenster beginnen 15 Minuten vor den hier verwendeten Zeiten",
    "whether the operator prints clock times or the ends of metering quarter-hours is open: its windows may begin 15 minutes before"
    " the times used here": "ob der Netzbetreiber Uhrzeiten oder das Ende von Messviertelstunden druckt, ist offen: seine Zeitfenster"
    " beginnen womöglich 15 Minuten vor den hier verwendeten Zeiten",
    "the operator names this day as a working day": "der Netzbetreiber nennt diesen Tag als Werktag",
    "the operator names this day as off-peak": "der Netzbetreiber nimmt diesen Tag aus",
    "the operator excludes 24 December to 1 January": "der Netzbetreiber nimmt den 24. Dezember bis 1. Januar aus",
    "what the operator states of this day is not known": "was der Netzbetreiber zu diesem Tag angibt, ist nicht bekannt",
    "the operator excludes the days between Christmas and New Year": "der Netzbetreiber nimmt die Tage zwischen Weihnachten und"
    " Neujahr aus",
    "the operator excludes the days between Christmas and New Year and does not name 24 December": _NAMES_NOT.format(
        24
    ),
    "the operator excludes the days between Christmas and New Year and does not name 31 December": _NAMES_NOT.format(
        31
    ),
    "the ruling BK4-13-739 (section 2.e), which was read only in a paraphrase, makes 24 December to 1 January off-peak": _RULING,
    "the operator excludes all bridge days": "der Netzbetreiber nimmt alle Brückentage aus",
    "whether the day beside it counts as a holiday is not known": "ob der Tag daneben als Feiertag gilt, ist nicht bekannt",
    "the operator excludes one bridge day and does not say which": "der Netzbetreiber nimmt einen Brückentag aus, ohne ihn zu nennen",
    "a bridge day": "Brückentag",
    "whether the operator excludes bridge days is not known": "ob der Netzbetreiber Brückentage ausnimmt, ist nicht bekannt",
    "which regional holidays count is not known for this operator": "welche regionalen Feiertage bei diesem Netzbetreiber gelten, ist"
    " nicht bekannt",
    "holidays of the whole network area count, and its federal states are not known": "es gelten Feiertage des ganzen Netzgebiets, und"
    " dessen Bundesländer sind nicht bekannt",
    "holidays of the federal state count, and that of the operator is not known": "es gelten Feiertage des Bundeslands, und das des"
    " Netzbetreibers ist nicht bekannt",
    "a holiday only in municipalities with more Catholics": "ein Feiertag nur in Gemeinden mit mehr katholischen Einwohnern",
    "whether it counts is not known for this operator": "ob er bei diesem Netzbetreiber gilt, ist nicht bekannt",
}


def in_german(note: str) -> str:
    """Names of holidays are German already."""
    return "; ".join(_part(part) for part in note.split("; "))


def _part(part: str) -> str:
    """ "Mariä Himmelfahrt: whether it counts …": the name stays."""
    if part in _GERMAN:
        return _GERMAN[part]
    name, colon, rest = part.partition(": ")
    return f"{name}{colon}{_GERMAN.get(rest, rest)}"
