"""What values of the API are called on pages, in German and English."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Names: TypeAlias = Mapping[str, tuple[str, str]]

LEVELS: Final[Names] = {
    "HOES": ("Höchstspannung", "extra-high voltage"),
    "HOES_HS": ("Umspannung HöS/HS", "transformation EHV/HV"),
    "HS": ("Hochspannung", "high voltage"),
    "HS_MS": ("Umspannung HS/MS", "transformation HV/MV"),
    "MS": ("Mittelspannung", "medium voltage"),
    "MS_NS": ("Umspannung MS/NS", "transformation MV/LV"),
    "NS": ("Niederspannung", "low voltage"),
}

STATUSES: Final[Names] = {
    "VERIFIED": ("geprüft", "verified"),
    "UNVERIFIED": ("ungeprüft", "unverified"),
    "FLAGGED": ("beanstandet", "flagged"),
}

DATA_TYPES: Final[Names] = {
    "NETZENTGELTE": ("Netzentgelte", "grid charges"),
    "HLZF": ("Hochlastzeitfenster", "peak-load windows"),
    "TIME_OF_USE": ("§ 14a Modul 3", "§ 14a Modul 3"),
    "PRICE": ("Preise des Preisblatts", "prices of the price sheet"),
    "HOLIDAY_RULE": ("Feiertagsregel", "holiday rule"),
    "LEVY": ("Umlage oder Steuer", "levy or tax"),
}

CHANGES: Final[Names] = {
    "CREATED": ("hinzugefügt", "added"),
    "CORRECTED": ("berichtigt", "corrected"),
    "VERIFIED": ("geprüft", "verified"),
    "FLAGGED": ("beanstandet", "flagged"),
    "REVERTED": ("zurückgesetzt", "reverted"),
    "DELETED": ("gelöscht", "deleted"),
}

SEASONS: Final[Names] = {
    "WINTER": ("Winter", "winter"),
    "SPRING": ("Frühling", "spring"),
    "SUMMER": ("Sommer", "summer"),
    "AUTUMN": ("Herbst", "autumn"),
}

BANDS: Final[Names] = {
    "HT": ("Hochtarif", "high tariff"),
    "ST": ("Standardtarif", "standard tariff"),
    "NT": ("Niedertarif", "low tariff"),
}

# Why a moment is, or is not, at peak load.
PEAK_REASONS: Final[Names] = {
    "WINDOW": ("im Fenster", "within a window"),
    "NO_WINDOW": ("außerhalb der Fenster", "outside the windows"),
    "WEEKEND": ("Wochenende", "weekend"),
    "HOLIDAY": ("Feiertag", "holiday"),
    "BRIDGE_DAY": ("Brückentag", "bridge day"),
    "CHRISTMAS": ("Weihnachtszeit", "Christmas"),
    "UNKNOWN": ("nicht bekannt", "not known"),
}

MONTHS: Final[Sequence[tuple[str, str]]] = (
    ("Jan", "Jan"),
    ("Feb", "Feb"),
    ("Mär", "Mar"),
    ("Apr", "Apr"),
    ("Mai", "May"),
    ("Jun", "Jun"),
    ("Jul", "Jul"),
    ("Aug", "Aug"),
    ("Sep", "Sep"),
    ("Okt", "Oct"),
    ("Nov", "Nov"),
    ("Dez", "Dec"),
)

WEEKDAYS: Final[Sequence[tuple[str, str]]] = (
    ("Mo", "Mon"),
    ("Di", "Tue"),
    ("Mi", "Wed"),
    ("Do", "Thu"),
    ("Fr", "Fri"),
    ("Sa", "Sat"),
    ("So", "Sun"),
)
