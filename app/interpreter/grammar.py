"""The words of a question that name no operator: topic, year, voltage level, and what is asked instead."""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, IntEnum, auto
from typing import NamedTuple

from app.domain.entry import DataType, VoltageLevel
from app.interpreter.spelling import key


class Weight(IntEnum):
    """How plainly a word asks for a topic."""

    HINT = 1  # a price, whatever for
    AROUND = 2  # the use of the grid, for which there are prices and windows
    LIKELY = 3  # a part of a price sheet, but also of an electricity bill
    PLAIN = 4  # nothing else is called so


class Topic(NamedTuple):
    data_type: DataType
    weight: Weight


class Level(NamedTuple):
    """`half`: "mittel-" of "Mittel-/Niederspannung", a level only beside another."""

    level: VoltageLevel
    half: bool = False


class Relative(NamedTuple):
    """Years from today; `number`: "vor … Jahren" is completed by the number that stands in it."""

    years: int


class Sign(Enum):
    """Words that are no value but say how to take the others."""

    BETWEEN_LEVELS = auto()  # Umspannung
    GRID = auto()  # Netz, Netzbetreiber: a price near it is a grid charge
    POWER = auto()  # Strom
    GAS = auto()
    OTHER_MEDIUM = auto()  # water, heat, …
    OTHER_PRODUCT = auto()  # household electricity prices, contracts
    OTHER_MATTER = auto()  # meters, outages, jobs, …
    TRICK = auto()  # orders to a machine, code
    DEFINITION = auto()
    NOT = auto()
    CORRECTION = auto()  # what stood before is taken back
    KNOWN_ALREADY = auto()
    ASKS = auto()
    COMPARED = auto()  # "gegenüber dem Vorjahr": not the year that is asked for


Meaning = Topic | Level | Relative | Sign

_ENDINGS = ("", "e", "en", "es", "s", "n", "er")
LONGEST_PHRASE = 5


def _phrases(meaning: Meaning, text: str) -> Iterator[tuple[str, Meaning]]:
    """One phrase a line part, "|" between them; "~" takes every ending."""
    for phrase in text.split("|"):
        joined = key("".join(phrase.replace("-", " ").split()))
        for ending in _ENDINGS if joined.endswith("~") else ("",):
            yield joined.rstrip("~") + ending, meaning


_N, _H = DataType.NETZENTGELTE, DataType.HLZF
_V = VoltageLevel
_TABLE: tuple[tuple[Meaning, str], ...] = (
    (
        Topic(_N, Weight.PLAIN),
        "netzentgelt~|netz entgelt~|nne|nnes|netznutzungsentgelt~|netznutzungspreis~|netznutzungsgebühr~"
        "|netznutzungskosten|netznutzungstarif~|netzgebühr~|netzkosten|netzpreis~|netztarif~|netz preis~"
        "|netz kosten|netz tarif~|netz gebühr~|durchleitungsgebühr~|durchleitungsentgelt~"
        "|entgelt~ für die netznutzung|entgelt~ für netznutzung|preis~ für die netznutzung"
        "|kosten für die netznutzung|kosten der netznutzung|entgelt~ netznutzung|preis~ netznutzung"
        "|preisblatt netznutzung|preisblatt netz|preisblatt strom netz|preisblatt stromnetz|netzzugangsentgelt~"
        "|systemnutzungsentgelt~|verteilnetzentgelt~|stromnetzentgelt~|strom netzentgelt~|netzpreisblatt"
        "|leistungspreis netz|arbeitspreis netz"
        "|grid fee|grid fees|grid charge|grid charges|grid tariff|grid tariffs|grid cost|grid costs|grid price"
        "|grid prices|grid rate|grid rates|grid usage fee|grid usage fees|grid usage charge|grid usage charges"
        "|grid usage cost|grid usage costs|grid use charges|grid access fee|grid access fees|grid access charges"
        "|network fee|network fees|network charge|network charges|network tariff|network tariffs|network tarif"
        "|network cost|network costs|network price|network prices|network rate|network rates|network usage fee"
        "|network usage fees|network usage charge|network usage charges|network use charges|network access fees"
        "|network access charges|use of system charge|use of system charges|distribution fee|distribution fees"
        "|distribution charge|distribution charges|distribution tariff|distribution tariffs"
        "|distribution cost|distribution costs|distribution grid tariff|distribution grid tariffs"
        "|distribution grid fee|distribution grid fees|distribution grid charges|distribution network charges"
        "|distribution network tariffs|distribution network fees|transmission fees|transmission charges"
        "|transmission tariffs|transmission grid fees|transmission network charges|wheeling charge"
        "|wheeling charges|power grid fees|power grid charges|electricity grid fees|electricity grid charges"
        "|electricity network charges|electricity network tariffs|electricity grid tariffs",
    ),
    (
        Topic(_H, Weight.PLAIN),
        "hlzf|hlzfs|hochlastzeitfenster~|hochlast zeitfenster~|hochlastzeit~|hochlastfenster~|hochlastperiode~"
        "|hochlaststunde~|hochlastzeitraum|hochlastzeiträume|hochlastzeiträumen|hochlast|spitzenlastzeit~"
        "|spitzenlastfenster~|spitzenlastzeitfenster~|spitzenlaststunde~|spitzenlastzeiträume"
        "|spitzenzeitfenster|starklastzeit~|starklastzeitfenster"
        "|peak load window|peak load windows|peak load time window|peak load time windows|peak time window"
        "|peak time windows|peak window|peak windows|peak load period|peak load periods|peak period|peak periods"
        "|peak load time|peak load times|peak load hours|peak hours|peak times|peak load timeframe"
        "|peak load timeframes|peak load slots|peak demand window|peak demand windows|peak demand periods"
        "|high load window|high load windows|high load time window|high load time windows|high load time"
        "|high load times|high load period|high load periods|high load hours|high load timeframe"
        "|high load timeframes|high load slots|high demand windows",
    ),
    (
        Topic(_H, Weight.AROUND),
        "zeitfenster|lastfenster|spitzenlast|spitzenzeit~|atypische netznutzung|atypischen netznutzung"
        "|atypischer netznutzung|atypische netznutzer|atypischen netznutzer|atypical grid usage"
        "|atypical grid use|atypical network usage|atypical network use|atypical usage|time windows|high load",
    ),
    (
        Topic(_N, Weight.LIKELY),
        "per kw|pro kw|je kw|euro kw|eur kw|per kw and year|ct kwh|cent kwh|leistungspreis~|arbeitspreis~|jahresleistungspreis~|monatsleistungspreis~|preisblatt|preisblatts"
        "|preisblätter|preisblättern"
        "|capacity price|capacity prices|capacity charge|capacity charges|capacity tariff|capacity rate"
        "|energy charge|energy charges|demand charge|demand charges|demand price|price sheet|price sheets"
        "|tariff sheet",
    ),
    (
        Topic(_N, Weight.AROUND),
        "netznutzung|netzbenutzung|netznutzungsvertrag|grid usage|grid use|network usage|network use",
    ),
    (
        Topic(_N, Weight.HINT),
        "was kostet|was kosten|wie teuer|was zahle|was zahlen|was zahlt|was verlangt|was verlangen|was nimmt"
        "|was nehmen|preis~|entgelt~|kosten|kostet|koste|kostete|gekostet|gebühr~|tarif~|teuer|teurer|zahle|zahlen|zahlt|bezahle"
        "|bezahlen|bezahlt|verlangt|verlangen|nimmt|nehmen|berechnet|berechnen|kassiert"
        "|price|prices|cost|costs|fee|fees|charge|charges|charged|tariff|tariffs|rate|rates"
        "|expensive|pay|paying|paid",
    ),
    (Level(_V.HOES), "höchstspannung|höchstspannungs|höchstspannungsnetz~|höchstspannungsebene|höchstsp|höchstspg|hös|ehv"
        "|extra high voltage|extrahigh voltage|ultra high voltage|very high voltage|highest voltage"),
    (Level(_V.HS), "hochspannung|hochspannungs|hochspannungsnetz~|hochspannungsebene|hochsp|hochspg|hs|hv|high voltage"),
    (Level(_V.MS), "mittelspannung|mittelspannungs|mittelspannungsnetz~|mittelspannungsebene|mittelsp|mittelspg|ms|mv"
        "|medium voltage|middle voltage|mid voltage|mittel spannung"),
    (Level(_V.NS), "niederspannung|niederspannungs|niederspannungsnetz~|niederspannungsebene|niedersp|niederspg|ns|lv"
        "|low voltage|nieder spannung|niedrigspannung"),
    (Level(_V.HOES, half=True), "höchst|extra high|ultra high"),
    (Level(_V.HS, half=True), "hoch|high"),
    (Level(_V.MS, half=True), "mittel|medium|mid"),
    (Level(_V.NS, half=True), "nieder|low"),
    (Relative(0), "dieses jahr|diesem jahr|diesjährig~|heuer|laufendes jahr|laufende jahr|laufenden jahr"
        "|laufendem jahr|aktuelles jahr|aktuelle jahr|aktuellen jahr|aktuellem jahr|aktueller jahrgang"
        "|aktuell~|derzeit|derzeitig~|momentan|zurzeit|jetzig~|jetzt|heute|this year|this years|current year|current years"
        "|current|currently|now|today|right now|present year"),
    (Relative(-1), "letztes jahr|letzten jahr|letztem jahr|letzte jahr|letzten jahres|letztjährig~|vergangenes jahr"
        "|vergangenen jahr|vergangenem jahr|vergangene jahr|vergangenen jahres|voriges jahr|vorigen jahr"
        "|vorigem jahr|vorige jahr|vorigen jahres|vorherigen jahr|vorheriges jahr|vorjahr~|vorjährig~"
        "|last year|last years|previous year|previous years|prior year|past year|a year ago"),
    (Relative(1), "nächstes jahr|nächsten jahr|nächstem jahr|nächste jahr|nächsten jahres|nächstjährig~|kommendes jahr"
        "|kommenden jahr|kommendem jahr|kommende jahr|kommenden jahres|folgejahr~|künftiges jahr"
        "|next year|next years|upcoming year|upcoming years|coming year|coming years|following year|the year ahead"),
    (Relative(-2), "vorletztes jahr|vorletzten jahr|vorletztem jahr|vorletzte jahr|vorletzten jahres|vorvorjahr~"
        "|year before last|the year before last"),
    (Relative(2), "übernächstes jahr|übernächsten jahr|übernächstem jahr|übernächste jahr|year after next"),
    (Sign.COMPARED, "vergleich zum vorjahr|gegenüber dem vorjahr|gegenüber vorjahr|gegenüber letztem jahr"
        "|gegenüber dem letzten jahr|vergleich zum letzten jahr|vergleich zu letztem jahr|als im vorjahr"
        "|als letztes jahr|als im letzten jahr|than last year|to last year|with last year|versus last year"
        "|vs last year|than the previous year|to the previous year|vs vorjahr|ggü vorjahr|ggü dem vorjahr"),
    (Sign.BETWEEN_LEVELS, "umspannung|umspannungen|umspannebene|umspannungsebene|umspannwerk|umsp|umspg|umspannstation"
        "|transformation|transformation level|transforming|transformer level|transformation stage"),
    (Sign.GRID, "netz|netze|netzes|netzen|stromnetz|stromnetze|stromnetzes|verteilnetz|netzgebiet|netzgebiets|netzbetreiber|netzbetreibers"
        "|netzbetreibern|verteilnetzbetreiber|stromnetzbetreiber|vnb|grid|network|dso|grid operator|network operator"
        "|distribution|distribution system operator|netzebene|spannungsebene|netzanschluss|tso|übertragungsnetz"),
    (Sign.POWER, "wärmepumpe~|heat pump|heat pumps|wasserkraft|wasserkraftwerk~|hydropower|water utility|waterworks|wasserwerk~|wasserverband|strom|elektrizität|electricity|electric|stromnetz|stromnetzentgelt~"),
    (Sign.GAS, "gas|gases|erdgas|biogas|natural gas|lng|wasserstoff|hydrogen|hgas|lgas|ferngas"),
    (Sign.OTHER_MEDIUM, "wasser|wassers|trinkwasser|abwasser|kanal|fernwärme|nahwärme|wärme|wärmenetz|fernkälte|heat|district heating"
        "|heating|water|sewage|wastewater|glasfaser|breitband|internet|müll|abfall|wasserpreis~|wassergebühr~"
        "|trinkwasserpreis~|abwassergebühr~|fernwärmepreis~|waste|fibre|fiber|broadband"),
    (Sign.OTHER_PRODUCT, "strompreis~|stromtarif~|stromanbieter~|stromprodukt~|stromvertrag|stromkosten|stromrechnung|ökostrom~|ökostromtarif~"
        "|grundversorgung|grundversorgungstarif~|grundpreis~|ersatzversorgung|haushalt~|haushaltsstrom|haushaltstarif|haushaltskunde~"
        "|börsenstrompreis~|börsenstrom|spotpreis~|spotmarkt|spot|day ahead|strombörse|epex"
        "|wärmepumpentarif~|wärmepumpenstrom|autostrom|autostromtarif|nachtstrom|ladetarif~|sondervertrag"
        "|neukunden|neukundenbonus|bonus|kündigen|kündigung|anbieterwechsel|lieferantenwechsel|einspeisevergütung~"
        "|feed in tariff|feed in tariffs|electricity price|electricity prices|electricity tariff|electricity tariffs"
        "|electricity plan|power price|power prices|energy price|energy prices|energiepreis~|household|households|residential"
        "|green electricity|standing charge|spot price|spot prices|wholesale|vergütung|konzessionsabgabe~|stromsteuer"
        "|umlage~|eeg umlage|offshore umlage|kwk umlage|strompreisbremse|baukostenzuschuss~|hausanschluss~"
        "|hausanschlusskosten|messentgelt~|messpreis~|messstellenbetrieb~|messstellenbetreiber|zählermiete|aktie~|aktienkurs"
        "|share price|stock|dividende|gehalt|salary|eintrittspreis~|eintritt|parkgebühr~|ticketpreis~|fahrpreis~"),
    (Sign.OTHER_MATTER, "transformer|transformers|trafo|trafos|transformator~|kabel|cable|cables|beantragen|apply for|zählerstand~|zählerstände|zähler|ablesung|ablesen|meter reading|meter readings|meter|smart meter|stromausfall~"
        "|ausfall|störung~|störungsnummer|outage|outages|blackout|power cut|kontakt|kontaktdaten|ansprechpartner|telefon|telefonnummer|hotline"
        "|phone|phone number|phone numbers|contact|email adresse|öffnungszeit~|opening hours|kundencenter|kundenservice|job|jobs|karriere|stellenangebot~"
        "|ausbildung|praktikum|bewerbung|career|careers|vacancies|internship|umzug|umziehen|anmelden|abmelden|abschlag|abschläge|rechnung"
        "|bill|invoice|geschäftsführer~|ceo|vorstand|mitarbeiter|umsatz|gewinn|revenue|schwimmbad|hallenbad|freibad|busfahrplan|fahrplan|parkhaus|bus"
        "|timetable|wetter|weather|zug|train|netzplan|netzausbau|netzfrequenz|grid frequency|adresse|address|baustelle~|photovoltaik anmelden|wallbox anmelden"
        "|register|cancel|move house|moving|logo|insolvenz|verkehr|hotel|hotels|restaurant|restaurants|fussball|rezept|recipe|news|nachrichten|history|geschichte|witz|witze|gedicht|joke|jokes|poem|song|lied"),
    (Sign.TRICK, "ignore|ignoriere|ignorier|vergiss|disregard|instructions|anweisungen|prompt|system prompt|drop table|select from|delete from|insert into"
        "|union select|script|alert|javascript|data type|datatype|confidence|jailbreak|pretend|übersetze|translate|übersetzung|python|programmiere|schreibe ein|schreib ein|write a|write me a|write code"
        "|erzähl mir|erzähle mir|tell me a joke|einen witz|ein gedicht|a poem|a joke|dichte|reime|haiku|aufsatz|essay"),
    (Sign.DEFINITION, "was ist ein|was ist das|was ist der|was ist die|was ist eigentlich|was bedeutet|was heißt|was versteht man|was sind eigentlich"
        "|was sind netzentgelte|was sind hochlastzeitfenster|was sind hlzf|erkläre|erklär|erklären|erklärung|definition|definiere|bedeutung|what is a|what is an|what does|what is meant|meaning of|define|explain"
        "|wer hat|wer ist|who is|who are|why|warum|wieso|weshalb|unterschied zwischen|difference between|wie funktioniert|wie funktionieren|how do|how does a|wie entstehen|wie werden|wer zahlt|who pays|wofür|wozu"
        "|wie viele netzbetreiber|how many"),
    (Sign.NOT, "nicht|kein|keine|keinen|keiner|keines|statt|anstatt|anstelle|ohne|not|no|instead of|rather than|without|except|außer|nix"),
    (Sign.CORRECTION, "sondern|nein|sorry|ach nein|ich meine|meine ich|i mean|i meant|quatsch|korrektur|pardon|vielmehr|besser gesagt"
        "|bzw besser|correction|stattdessen|oder nein|no wait|wait no|make that"),
    (Sign.KNOWN_ALREADY, "kenne ich|haben wir schon|habe ich schon|habe ich bereits|haben wir bereits|liegen vor|liegen mir vor|i already have|we already have|already have|i know"),
    (Sign.ASKS, "was zahle|was zahlen|was zahlt|was verlangt|was verlangen|was nimmt|was nehmen|was gilt|was gelten|wie hoch|wie teuer|was kostet|was kosten|wieviel|wie viel|wann|welche|welcher|welches|welchen|brauche|brauchen|benötige|benötigen|suche|suchen"
        "|bitte|gib|gebt|nenne|zeig|zeige|how much|how high|when|which|what are|what is|what were|need|looking for|show|show me|give me|give|send|please|möchte|hätte gern|interessieren"),
)  # fmt: skip

PHRASES: dict[str, tuple[Meaning, ...]] = {}
for _meaning, _text in _TABLE:
    for _phrase, _same in _phrases(_meaning, _text):
        PHRASES[_phrase] = (*PHRASES.get(_phrase, ()), _same)

# Parts of compounds: "Mittelspannungsnetzkunden", "Netzentgeltbescheid", "Gasnetzentgelte".
_STEMS: tuple[tuple[str, Meaning], ...] = (
    ("netzentgelt", Topic(_N, Weight.PLAIN)),
    ("netznutzungsentgelt", Topic(_N, Weight.PLAIN)),
    ("netzgebuhr", Topic(_N, Weight.PLAIN)),
    ("hochlast", Topic(_H, Weight.PLAIN)),
    ("spitzenlastzeit", Topic(_H, Weight.PLAIN)),
    ("hlzf", Topic(_H, Weight.PLAIN)),
    ("leistungspreis", Topic(_N, Weight.LIKELY)),
    ("arbeitspreis", Topic(_N, Weight.LIKELY)),
    ("netznutzung", Topic(_N, Weight.AROUND)),
    ("preisblatt", Topic(_N, Weight.LIKELY)),
    ("hochstspannung", Level(_V.HOES)),
    ("hochspannung", Level(_V.HS)),
    ("mittelspannung", Level(_V.MS)),
    ("niederspannung", Level(_V.NS)),
    ("umspann", Sign.BETWEEN_LEVELS),
    ("netzbetreiber", Sign.GRID),
    ("trinkwasser", Sign.OTHER_MEDIUM),
    ("abwasser", Sign.OTHER_MEDIUM),
    ("fernwarme", Sign.OTHER_MEDIUM),
    ("strompreis", Sign.OTHER_PRODUCT),
    ("stromtarif", Sign.OTHER_PRODUCT),
    ("zahlerstand", Sign.OTHER_MATTER),
    ("stromausfall", Sign.OTHER_MATTER),
)
_GAS_COMPOUNDS = tuple(
    "gas" + part for part in ("netz", "preis", "tarif", "entgelt", "versorg", "verbrauch", "zahler", "anschl", "rechn",
    "kund", "kosten", "liefer", "anbiet", "vertrag", "heiz", "druck", "grund")
)  # fmt: skip

GERMAN = frozenset(map(key, (
    "der die das des dem den ein eine einen einem einer eines und oder aber für in im an am auf aus bei beim mit nach von vom vor zu zum zur"
    " wie was wer wo wann warum welche welcher welches welchen hoch teuer viel ist sind war waren wird werden gelten gilt gibt es ich wir ihr sie"
    " mir uns mich mein meine meinem meiner unser unsere unserer unserem bitte danke vielen dank guten tag hallo moin servus sehr geehrte damen herren grüße"
    " kann kannst können könnten könnt könnte möchte möchten hätte gern gerne brauche brauchen benötige benötigen suche suchen hat haben hatte jahr jahre jahren jahres stand"
    " ab seit gültig gültigkeit falls noch auch nur schon mal einmal dazu dieses diesem dieser letztes letzten nächstes nächsten kommendes vorjahr heuer aktuell aktuelle aktuellen"
    " netz netzentgelt netzentgelte netzentgelten preisblatt leistungspreis arbeitspreis spannungsebene netzebene ebene kosten kostet preis preise zeitfenster stunden uhr"
    " nicht kein keine sondern statt als dass daß wenn ob so um über unter durch zwischen wegen je pro per etwa circa mindestens maximal"
    " stadt ort gemeinde region gebiet netzgebiet netzgebiets netzbetreiber standort standorte anlage anschluss kunde kunden firma betrieb unternehmen"
    " zwei drei vier fünf man sich da dann hier dort jemand sagen sag nenne nennen zeig zeige zeigen gib schicken zusenden senden wissen weiß finden finde angeben mitteilen verraten"
    " veröffentlicht veröffentlichten abrufen abfragen lautet lauten liegt liegen beträgt betragen gestiegen gesunken höher niedriger verlangt verlangen nimmt zahle zahlen"
    " euro cent kilowatt kilowattstunde wir bezogen bezug mittelspannung niederspannung hochspannung höchstspannung umspannung daten info infos angaben werte liste überblick übersicht"
    " bzw z.b. bspw usw inkl ca nr eur ct zusammen alle alles jeweils jeweilige jeweiligen gesamt sowie beide kommenden kommende vergangenen vergangenes"
    " winter sommer frühling herbst frühjahr januar februar märz april mai juni juli august september oktober november dezember quartal monat tag woche morgen abend"
    " dich du euch sein ihre ihren ihrem ihrer deren dessen diese derzeit momentan jetzt heute gestern bisher bald neu neue neuen neuer alte alten ganz genau eigentlich"
    " hinsichtlich bezüglich betreffend betrifft betreff thema frage fragen anfrage antwort tabelle angebot vergleich vergleichen lieber besser ungefähr"
).split()))  # fmt: skip
ENGLISH = frozenset(map(key, (
    "the a an and or but for in on at of from to by with without as is are was were be been will would could can may i we you they it my our your their its"
    " me us this that these those what which when where who how much many high low there here have has had do does did need want like show give send tell"
    " please thanks thank pls hi hello dear sir madam hey year years last next current previous coming ago before after valid since until per grid network"
    " fee fees charge charges tariff tariffs price prices cost costs peak load window windows hours time times level voltage medium transformation transformer"
    " distribution operator operators dso utility company customer customers site plant connection connected area region city germany german energy capacity"
    " know find look looking get published publish apply applies applied valid respect regarding about two three four five one now today currently"
    " so if then than just also only both any some all each every data info information list overview new old let see check compare value values"
    " january february march may june july october december winter summer spring autumn fall month quarter day first"
    " not no instead rather sorry mean meant actually charged paid pay paying expensive apply applicable using use usage into onto via"
).split()))  # fmt: skip
UNITS = frozenset(map(key, (
    "h std stunde stunden benutzungsstunde benutzungsstunden vollbenutzungsstunden volllaststunden vbh bh hours hour hrs kwh mwh gwh twh wh kw mw gw w kva mva kilowatt megawatt"
    " kilowattstunden megawattstunden eur euro euros ct cent cents prozent percent qm m m² m³ m2 m3 km meter einheiten wohnungen wohneinheiten we mitarbeiter haushalte kunden"
    " units apartments flats employees customers households uhr am pm min minuten minutes tage days wochen weeks monate months hz hertz volt kv v ladepunkte ladesäulen charger chargers"
    " wallboxen module zähler filialen standorte stores sites stück pcs mal x grad kilo kg t tonnen liter personen people"
).split()))  # fmt: skip
NOT_A_YEAR_AFTER = frozenset(map(key, (
    "seit since gegründet gegruendet gebaut errichtet founded built established baujahr bj geboren born nr nummer no paragraph plz hausnummer tel telefon kundennummer"
).split()))  # fmt: skip
LETTERS = frozenset(
    map(
        key,
        "schreiben brief mail email e-mail rechnung anfrage angebot vertrag letter invoice message bescheid".split(),
    )
)
YEAR_CUES = frozenset(map(key, "in für jahr jahre jahres year for of ab stand from kalenderjahr".split()))
NUMBERS = {key(word): number for number, words in enumerate(
    ("", "ein einem eins one erste ersten", "zwei two zweite zweiten", "drei three dritte dritten", "vier four vierte vierten",
     "fünf five fünfte fünften", "sechs six sechste sechsten", "sieben seven siebte siebten")) for word in words.split()}  # fmt: skip
EBENE = frozenset(map(key, "netzebene netzebenen ne ebene level spannungsebene ebenen nutzungsebene".split()))
ORDINARY = GERMAN | ENGLISH | UNITS | NOT_A_YEAR_AFTER | LETTERS | YEAR_CUES | NUMBERS.keys() | EBENE

# Words of every day that are also names: a name only where nothing else can be meant.
EVERYDAY = frozenset((
    "waren kamen essen langen hof stein lauf norden halle hall burg heide bogen mengen engen buchen weiden forst stern haar new ten star eve wide keep"
    " beste worth mega net baden linden singen springe verden werden licht markt kraft see wald mitte main land delta power port bauer rot vereinigte"
    " neue langer halter grossen berg bergen reich ende enden welle horn lage lam leck infra technische halt haupt haus raum"
).split())  # fmt: skip

CORRECTABLE = frozenset(PHRASES) | frozenset(
    key(word) for _, text in _TABLE for phrase in text.split("|") for word in phrase.replace("-", " ").rstrip("~").split()
)  # fmt: skip
WORDS = CORRECTABLE | ORDINARY


class Mark(NamedTuple):
    """Tokens from `start` up to `end` and what they say."""

    start: int
    end: int
    meaning: Meaning


def marks(words: Sequence[str]) -> list[Mark]:
    """The longest phrases, from left to right; a word in none of them is looked at for the parts it is made of."""
    found: list[Mark] = []
    start = 0
    while start < len(words):
        end = _phrase_end(words, start)
        if end:
            found += [Mark(start, end, meaning) for meaning in PHRASES["".join(words[start:end])]]
        else:
            found += [Mark(start, start + 1, meaning) for meaning in _parts(words[start])]
        start = max(end, start + 1)
    return found


def _phrase_end(words: Sequence[str], start: int) -> int:
    for end in range(min(start + LONGEST_PHRASE, len(words)), start, -1):
        if "".join(words[start:end]) in PHRASES:
            return end
    return 0


def _parts(word: str) -> Iterable[Meaning]:
    if word.startswith(_GAS_COMPOUNDS):
        yield Sign.GAS
    if len(word) > 8:
        yield from (meaning for stem, meaning in _STEMS if stem in word)
