"""What values of the API are called on pages, in German and English."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from app.domain.derived_prices import MODULE_1_RULE, MODULE_2_RULE, STANDARD_PRICE_RULE

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

PRICE_KINDS: Final[Names] = {
    "SLP_GRUNDPREIS": ("Grundpreis ohne Leistungsmessung (SLP)", "Base price without load metering (SLP)"),
    "SLP_ARBEITSPREIS": (
        "Arbeitspreis ohne Leistungsmessung (SLP)",
        "Energy price without load metering (SLP)",
    ),
    "MONATSLEISTUNGSPREIS": ("Monatsleistungspreis", "Monthly capacity price"),
    "MONATS_ARBEITSPREIS": (
        "Arbeitspreis zum Monatsleistungspreis",
        "Energy price with monthly capacity price",
    ),
    "MODUL_1": ("§ 14a Modul 1: pauschale Reduzierung", "§ 14a module 1: lump-sum reduction"),
    "MODUL_2_ARBEITSPREIS": ("§ 14a Modul 2: Arbeitspreis", "§ 14a module 2: energy price"),
    "MODUL_2_GRUNDPREIS": ("§ 14a Modul 2: Grundpreis", "§ 14a module 2: base price"),
    "SPEICHERHEIZUNG_ARBEITSPREIS": (
        "Speicherheizung (Vertrag vor 2024): Arbeitspreis",
        "Storage heating (contract before 2024): energy price",
    ),
    "SPEICHERHEIZUNG_GRUNDPREIS": (
        "Speicherheizung (Vertrag vor 2024): Grundpreis",
        "Storage heating (contract before 2024): base price",
    ),
    "WAERMEPUMPE_ARBEITSPREIS": (
        "Wärmepumpe (Vertrag vor 2024): Arbeitspreis",
        "Heat pump (contract before 2024): energy price",
    ),
    "WAERMEPUMPE_GRUNDPREIS": (
        "Wärmepumpe (Vertrag vor 2024): Grundpreis",
        "Heat pump (contract before 2024): base price",
    ),
    "EMOBILITAET_ARBEITSPREIS": (
        "Elektromobilität (Vertrag vor 2024): Arbeitspreis",
        "Electric vehicles (contract before 2024): energy price",
    ),
    "EMOBILITAET_GRUNDPREIS": (
        "Elektromobilität (Vertrag vor 2024): Grundpreis",
        "Electric vehicles (contract before 2024): base price",
    ),
    "STRASSENBELEUCHTUNG_ARBEITSPREIS": ("Straßenbeleuchtung: Arbeitspreis", "Street lighting: energy price"),
    "RESERVE_200H": ("Netzreservekapazität bis 200 h", "Reserve capacity up to 200 h"),
    "RESERVE_400H": ("Netzreservekapazität 200 bis 400 h", "Reserve capacity 200 to 400 h"),
    "RESERVE_600H": ("Netzreservekapazität 400 bis 600 h", "Reserve capacity 400 to 600 h"),
    "BLINDARBEIT": ("Blindarbeit", "Reactive energy"),
    "MESSSTELLENBETRIEB": ("Messstellenbetrieb", "Metering point operation"),
    "MESSSTELLENBETRIEB_ZUSATZ": (
        "Messstellenbetrieb: Zusatzeinrichtung",
        "Metering point operation: additional device",
    ),
    "MESSUNG": ("Messung", "Measurement"),
    "SPERRUNG": ("Unterbrechung des Anschlusses (Sperrung)", "Disconnection"),
    "ENTSPERRUNG": ("Wiederherstellung des Anschlusses (Entsperrung)", "Reconnection"),
    "VERMIEDENE_NETZENTGELTE_LEISTUNG": (
        "Vermiedene Netzentgelte (an Erzeuger): Leistung",
        "Avoided grid charges (to generators): capacity",
    ),
    "VERMIEDENE_NETZENTGELTE_ARBEIT": (
        "Vermiedene Netzentgelte (an Erzeuger): Arbeit",
        "Avoided grid charges (to generators): energy",
    ),
}

PRICE_UNITS: Final[Names] = {
    "EUR_PER_YEAR": ("€/Jahr", "EUR/year"),
    "EUR_PER_MONTH": ("€/Monat", "EUR/month"),
    "EUR_PER_KW_YEAR": ("€/kW und Jahr", "EUR/kW and year"),
    "EUR_PER_KW_MONTH": ("€/kW und Monat", "EUR/kW and month"),
    "CT_PER_KWH": ("ct/kWh", "ct/kWh"),
    "CT_PER_KVARH": ("ct/kvarh", "ct/kvarh"),
    "EUR_PER_ORDER": ("€/Auftrag", "EUR/order"),
}

# The units of positions of a bill and of their quantities.
BILL_UNITS: Final[Names] = {
    "EUR/kW/a": PRICE_UNITS["EUR_PER_KW_YEAR"],
    "EUR/kW/month": PRICE_UNITS["EUR_PER_KW_MONTH"],
    "EUR/a": PRICE_UNITS["EUR_PER_YEAR"],
    "ct/kWh": PRICE_UNITS["CT_PER_KWH"],
    "a": ("Jahr", "year"),
    "kW": ("kW", "kW"),
    "kWh": ("kWh", "kWh"),
}

LEVY_KINDS: Final[Names] = {
    "KWKG": ("KWKG-Umlage", "KWKG levy"),
    "OFFSHORE": ("Offshore-Netzumlage", "offshore grid levy"),
    "PARAGRAF_19_STROM_NEV": ("Aufschlag für besondere Netznutzung (§ 19 StromNEV)", "levy of § 19 StromNEV"),
    "ABLAV": ("AbLaV-Umlage", "AbLaV levy"),
    "EEG": ("EEG-Umlage", "EEG levy"),
    "KONZESSIONSABGABE": ("Konzessionsabgabe", "concession fee"),
    "STROMSTEUER": ("Stromsteuer", "electricity tax"),
    "STROMSTEUER_ENTLASTUNG": ("Entlastung von der Stromsteuer", "relief from electricity tax"),
    "UMSATZSTEUER": ("Umsatzsteuer", "value-added tax"),
}

BILL_PROFILES: Final[Names] = {
    "HOUSEHOLD": ("Haushalt, 3.500 kWh", "household, 3,500 kWh"),
    "HEAT_PUMP": ("Wärmepumpe mit eigenem Zähler, 6.000 kWh", "heat pump with a meter of its own, 6,000 kWh"),
    "BUSINESS": ("Gewerbe, 100.000 kWh und 50 kW", "business, 100,000 kWh and 50 kW"),
    "INDUSTRY": ("Industrie, 5.000.000 kWh und 1.500 kW", "industry, 5,000,000 kWh and 1,500 kW"),
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

# The fields of entries, as the history names them.
FIELDS: Final[Names] = {
    "leistung": ("Leistungspreis ab 2500 h/a", "Capacity price from 2500 h/a"),
    "arbeit": ("Arbeitspreis ab 2500 h/a", "Energy price from 2500 h/a"),
    "leistungUnter2500h": ("Leistungspreis unter 2500 h/a", "Capacity price below 2500 h/a"),
    "arbeitUnter2500h": ("Arbeitspreis unter 2500 h/a", "Energy price below 2500 h/a"),
    "windows": ("Zeitfenster", "Windows"),
    "bands": ("Preise der Stufen", "Prices of the bands"),
    "bands.HT": ("Preis HT", "Price HT"),
    "bands.ST": ("Preis ST", "Price ST"),
    "bands.NT": ("Preis NT", "Price NT"),
    "amount": ("Betrag", "Amount"),
    "unit": ("Einheit", "Unit"),
    "publication": ("Veröffentlichung", "Publication"),
    "verificationStatus": ("Status", "Status"),
    "sourceUrl": ("Adresse der Quelle", "Address of the source"),
    "sourceTitle": ("Titel der Quelle", "Title of the source"),
    "bridgeDays": ("Brückentage", "Bridge days"),
    "excludedDates": ("Ausgenommene Tage", "Excluded days"),
    "workingDates": ("Werktage", "Working days"),
    "holidays": ("Feiertage", "Holidays"),
    "holidayStates": ("Bundesländer der Feiertage", "Federal states of the holidays"),
    "christmas": ("Weihnachten bis Neujahr", "Christmas to New Year"),
    "timeStamps": ("Zeitstempel", "Time stamps"),
    "bridgeDayWords": ("Wortlaut zu Brückentagen", "Words on bridge days"),
    "holidayWords": ("Wortlaut zu Feiertagen", "Words on holidays"),
    "christmasWords": ("Wortlaut zu Weihnachten", "Words on Christmas"),
    "timeStampWords": ("Wortlaut zu Zeitstempeln", "Words on time stamps"),
    "validTo": ("Gültig bis", "Valid to"),
    "value": ("Satz", "Rate"),
    "inhabitantsFrom": ("Einwohner ab", "Inhabitants from"),
    "inhabitantsTo": ("Einwohner bis", "Inhabitants to"),
    "legalBasis": ("Rechtsgrundlage", "Legal basis"),
    "articleId": ("Artikel-ID", "Article ID"),
    "note": ("Anmerkung", "Note"),
}

# The parts of a line, in forms of fields with several.
FIELD_PARTS: Final[Names] = {
    "quarter": ("Quartal", "quarter"),
    "band": ("Stufe", "band"),
    "price": ("Preis", "price"),
    "start": ("Beginn", "start"),
    "end": ("Ende", "end"),
}

# The units of fields whose values are amounts; that of `amount` is the entry's.
FIELD_UNITS: Final[Mapping[str, str]] = {
    "leistung": "EUR_PER_KW_YEAR",
    "leistungUnter2500h": "EUR_PER_KW_YEAR",
    "arbeit": "CT_PER_KWH",
    "arbeitUnter2500h": "CT_PER_KWH",
    "bands.HT": "CT_PER_KWH",
    "bands.ST": "CT_PER_KWH",
    "bands.NT": "CT_PER_KWH",
}
# Figures whose unit is that of their entry: of a price, and of a levy.
FIGURES_OF_ENTRIES: Final = ("amount", "value")

PUBLICATIONS: Final[Names] = {
    "PRELIMINARY": ("vorläufig", "preliminary"),
    "FINAL": ("endgültig", "final"),
}

# The rules by which prices are derived.
RULES: Final[Names] = {
    rule: (german, rule)
    for rule, german in {
        STANDARD_PRICE_RULE: "SLP-Arbeitspreis = ST-Preis von § 14a EnWG Modul 3",
        MODULE_1_RULE: "Modul 1 = 67,227 € + 7,5 × SLP-Arbeitspreis in ct/kWh",
        MODULE_2_RULE: "Modul 2 = 40 % des SLP-Arbeitspreises",
    }.items()
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
