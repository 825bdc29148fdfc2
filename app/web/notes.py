"""In German, what the domain states in English of days and times: the notes of `peakStatus`."""

from collections.abc import Mapping
from typing import Final

_GERMAN: Final[Mapping[str, str]] = {
    "the operator names this day as a working day": "vom Netzbetreiber als Werktag genannt",
    "the operator names this day as off-peak": "vom Netzbetreiber als Nebenzeit genannt",
    "the operator excludes 24 December to 1 January": "der Netzbetreiber nimmt den 24. Dezember bis 1. Januar aus",
    "what the operator states of this day is not known": "was der Netzbetreiber für diesen Tag angibt, ist nicht bekannt",
    "the ruling BK4-13-739 (section 2.e), which was read only in a paraphrase, makes 24 December to 1 January off-peak": (
        "nach der Festlegung BK4-13-739 (Ziffer 2.e), die nur in Umschreibungen vorlag, ist der 24. Dezember bis 1. Januar Nebenzeit"
    ),
    "the operator excludes the days between Christmas and New Year and does not name 24 December": (
        "der Netzbetreiber nimmt die Tage zwischen Weihnachten und Neujahr aus und nennt den 24. Dezember nicht"
    ),
    "the operator excludes the days between Christmas and New Year and does not name 31 December": (
        "der Netzbetreiber nimmt die Tage zwischen Weihnachten und Neujahr aus und nennt den 31. Dezember nicht"
    ),
    "the operator excludes the days between Christmas and New Year": (
        "der Netzbetreiber nimmt die Tage zwischen Weihnachten und Neujahr aus"
    ),
    "which regional holidays count is not known for this operator": (
        "welche regionalen Feiertage zählen, ist für diesen Netzbetreiber nicht bekannt"
    ),
    "holidays of the whole network area count, and its federal states are not known": (
        "es zählen Feiertage des ganzen Netzgebiets, und dessen Bundesländer sind nicht bekannt"
    ),
    "holidays of the federal state count, and that of the operator is not known": (
        "es zählen Feiertage des Bundeslands, und das des Netzbetreibers ist nicht bekannt"
    ),
    "a holiday only in municipalities with more Catholics; whether it counts is not known for this operator": (
        "Feiertag nur in überwiegend katholischen Gemeinden; ob er zählt, ist für diesen Netzbetreiber nicht bekannt"
    ),
    "the operator excludes all bridge days; whether the day beside it counts as a holiday is not known": (
        "der Netzbetreiber nimmt alle Brückentage aus; ob der Tag daneben als Feiertag zählt, ist nicht bekannt"
    ),
    "the operator excludes all bridge days": "der Netzbetreiber nimmt alle Brückentage aus",
    "the operator excludes one bridge day and does not say which": (
        "der Netzbetreiber nimmt einen Brückentag aus und nennt nicht, welchen"
    ),
    "a bridge day; whether the operator excludes bridge days is not known": (
        "Brückentag; ob der Netzbetreiber Brückentage ausnimmt, ist nicht bekannt"
    ),
    "no Hochlastzeitfenster of this year and voltage level are known": (
        "für dieses Jahr und diese Netzebene sind keine Hochlastzeitfenster bekannt"
    ),
    "the sheet does not mention this season": "das Preisblatt nennt diese Jahreszeit nicht",
    "the operator prints the end of each metering quarter-hour: its windows begin 15 minutes before the times used here": (
        "der Netzbetreiber nennt das Ende der Messviertelstunde: seine Fenster beginnen 15 Minuten vor den hier verwendeten Zeiten"
    ),
    "whether the operator prints clock times or the ends of metering quarter-hours is open: its windows may begin 15 minutes before"
    " the times used here": (
        "ob der Netzbetreiber Uhrzeiten oder die Enden der Messviertelstunden nennt, ist offen: seine Fenster beginnen vielleicht 15"
        " Minuten vor den hier verwendeten Zeiten"
    ),
}


def in_german(note: str) -> str:
    """Names of holidays are German already."""
    # The longest first: some begin as others do.
    for english in sorted(_GERMAN, key=len, reverse=True):
        note = note.replace(english, _GERMAN[english])
    return note
