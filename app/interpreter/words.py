"""What words mean: the phrases of both languages, and the words that mean nothing to us but are no names."""

from enum import Enum, IntEnum, auto
from typing import NamedTuple

from app.domain.entry import VoltageLevel
from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.domain.question import NotHeld, QuestionTopic
from app.interpreter.spelling import key


class Weight(IntEnum):
    """How plainly a word asks for a topic."""

    HINT = 1  # a price, whatever for
    AROUND = 2  # the use of the grid, for which there are prices and windows
    LIKELY = 3  # a part of a price sheet, but also of an electricity bill
    PLAIN = 4  # nothing else is called so


class Topic(NamedTuple):
    topic: QuestionTopic
    weight: Weight


class Role(Enum):
    """What the word for a position of a price sheet does in a sentence."""

    CUSTOMER = auto()  # a kind of customer that has prices of its own: households, heat pumps
    METERING = auto()  # customers without load metering; nothing but the grid calls them so
    BASE_PRICE = auto()  # of the customer that is named
    PERIOD = auto()  # "monatlich": of capacity prices, unless a customer is named
    MODULE = auto()  # § 14a EnWG, Modul 1 and 2: whatever the device
    PRICE = auto()
    ASIDE = auto()  # can be mentioned beside what is asked for
    LEVY = auto()  # the same; nothing else is called so
    SOME_LEVY = auto()  # the same; also outside electricity
    AVERAGE = auto()


class Position(NamedTuple):
    """Positions of a price sheet, levies, or figures that are not held: one of the three."""

    role: Role
    kinds: tuple[PriceKind, ...] = ()
    levies: tuple[LevyKind, ...] = ()
    not_held: NotHeld | None = None


DEVICES = frozenset({
    PriceKind.WAERMEPUMPE_GRUNDPREIS, PriceKind.WAERMEPUMPE_ARBEITSPREIS, PriceKind.SPEICHERHEIZUNG_GRUNDPREIS,
    PriceKind.SPEICHERHEIZUNG_ARBEITSPREIS, PriceKind.EMOBILITAET_GRUNDPREIS, PriceKind.EMOBILITAET_ARBEITSPREIS,
})  # fmt: skip


class Level(NamedTuple):
    """`half`: "mittel-" of "Mittel-/Niederspannung", a level only beside another."""

    level: VoltageLevel
    half: bool = False


class Relative(NamedTuple):
    """Years from today."""

    years: int


class Days(NamedTuple):
    """Days from today."""

    days: int


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
    COMPARES = auto()  # "Vergleich", "vs": figures of operators side by side
    CHEAPEST = auto()
    DEAREST = auto()
    RANKS = auto()  # "Rangliste"
    CHEAP = auto()  # "günstig", "teuer": of hours, or of operators side by side
    WHEN = auto()
    NOW = auto()
    NOW_OR_THIS_YEAR = auto()  # "aktuell": a moment only in a question that is answered by yes or no
    CHARGES_A_DEVICE = auto()  # "laden": the hours in which it is cheap
    OF_MODULE_3 = auto()  # names Modul 3, not only § 14a
    OF_A_FLEET = auto()  # charging with load metering: a charging park, a depot
    AND = auto()
    GROSS = auto()  # with levies and taxes
    FORECAST = auto()  # of figures that are not published yet
    CHANGES = auto()  # "gestiegen": figures of several years
    INVOICE = auto()  # a bill: of the use of the grid where a consumption is named
    ASKS_FOR_OPERATOR = auto()  # whose grid it is


Meaning = Topic | Position | Level | Relative | Days | Sign

_N, _H, _T = QuestionTopic.NETZENTGELTE, QuestionTopic.HLZF, QuestionTopic.TIME_OF_USE
_V = VoltageLevel

# "a/b c/d" are four phrases; "~" stands for every ending; spaces, hyphens and "_" make no difference.
PHRASES: tuple[tuple[Meaning, str], ...] = (
    (
        Topic(_N, Weight.PLAIN),
        """
        nne | nnes | netzpreisblatt |
        netz/stromnetz/verteilnetz/netznutzungs/netzzugangs/systemnutzungs/durchleitungs entgelt~/gebühr~/preis~/tarif~ |
        netz/stromnetz/verteilnetz/netznutzungs kosten |
        entgelt~/gebühr~/preis~/kosten für/der/fürdie/durch netznutzung | entgelt~/gebühr~/preis~ netznutzung |
        preisblatt netz/netznutzung/stromnetz/strom_netz | leistungspreis/arbeitspreis netz |
        grid/network/distribution/transmission fee~/charge~/tariff~/tarif/cost~/price~/rate~ |
        distribution/transmission/power/electricity grid/network/system fee~/charge~/tariff~/cost~/price~ |
        grid/network usage/use/access fee~/charge~/tariff~/cost~/price~ | use_of_system charge~/fee~ | wheeling charge~
        """,
    ),
    (
        Topic(_H, Weight.PLAIN),
        """
        hlzf | hlzfs | hlz | hochlast | spitzenzeitfenster |
        hochlast/spitzenlast/starklast zeit~/zeitfenster~/fenster~/periode~/stunde~/zeitraum/zeiträume/zeiträumen |
        peak_load/high_load/peak_demand/high_demand/peak window~/period~/hour~/time~/timeframe~/slot~ |
        peak_load/high_load/peak_demand/peak time window~
        """,
    ),
    (
        Topic(_H, Weight.AROUND),
        """
        zeitfenster | lastfenster | spitzenlast | spitzenzeit~ | time windows | high load | peak load | peak | peaks |
        load peak | peak demand | netzspitze | lastspitze |
        atypische/atypischen/atypischer netznutzung/netznutzer | atypical grid/network usage/use/user/users | atypical usage
        """,
    ),
    (
        Topic(_N, Weight.LIKELY),
        """
        leistungspreis~ | arbeitspreis~ | preisblatt | tarifblatt | tarifblätter | preisblatts | preisblätter | preisblättern |
        per/pro/je/euro/eur kw | ct/cent kwh | capacity/demand price~/charge~/tariff~/rate~ | energy charge~ |
        price/tariff sheet~
        """,
    ),
    (Topic(_N, Weight.LIKELY), "lp | ap | lps | aps"),
    (Topic(_N, Weight.AROUND), "ne"),
    (
        Topic(_T, Weight.PLAIN),
        """
        tageszeitabhängig~ | tageszeitabhängige | tageszeitabhängigen | uhrzeitabhängig~ | zu verschiedenen/unterschiedlichen tageszeiten/uhrzeiten | nach tageszeit/uhrzeit |
        14a | 14aenwg | paragraf14a | paragraph14a | section14a | modul/module 3/drei/iii/three | drittes modul |
        zeitvariable/zeitvariablen/zeitvariables/variable/variablen/variables/dynamische/dynamischen/dynamisches/flexible/flexiblen/zeitabhängige/zeitabhängigen
        netzentgelt/netzentgelte/netzentgelten/netzentgelts/netzgebühr/netzgebühren/netznutzungsentgelt/netznutzungsentgelte/entgelt/entgelte |
        zeitvariabel~ | time_variable/time_varying/variable/dynamic/flexible grid/network fee~/charge~/tariff~ |
        time_of_use/tou | time_of_use grid/network fee~/charge~/tariff~ | time_of_use tariff~/price~/rate~/charge~/window~/band~ |
        hochtarif~ | hochtarifzeit~ | hochtarifzeiten | niedertarif~ | niedertarifzeit~ | niedertarifzeiten | niedrigtarif~ | niederlasttarif~ | standardtarif~ | hochlasttarif~ |
        ht nt | nt ht | ht st nt | ht nt st | nt st ht | st ht nt | st nt ht | nt ht st | ht zeit~ | nt zeit~ | st zeit~ |
        ht/nt/st preis~/tarif~/stufe~/fenster/zeitfenster/zeiten/uhrzeiten/window~/hours/price~/tariff~/rate~/band~/times |
        tarifstufe~ | preisstufe~ | high/low/standard tariff~/tarif/rate~ | high/low/standard tariff hours/window~/times |
        time window~ of module 3/three | steuerbare/steuerbaren/steuerbarer verbrauchseinrichtung~ | controllable load~
        """,
    ),
    (
        Topic(_T, Weight.LIKELY),
        """
        ht | nt | ladefenster | günstige/günstigen/günstigste/günstigsten/billige/billigen/billigste/billigsten/preiswerte/preiswerten/preiswerteste/preiswertesten/teure/teuren/teuerste/teuersten
        stunde/stunden/uhrzeit/uhrzeiten/zeit/zeiten/zeitfenster/zeitraum/viertelstunde/viertelstunden/netzstunden |
        cheap/cheapest/expensive/dearest hour/hours/time/times/window/windows/slot/slots/time_slot/time_slots |
        most expensive hour/hours/time/times/window/windows | lowest/highest tariff hour/hours
        """,
    ),
    (
        Sign.OF_MODULE_3,
        """
        modul/module 3/drei/iii/three | drittes modul | zeitvariabel~ | zeitvariable/zeitvariablen/zeitvariables/variable/variablen/variables/dynamische/dynamischen/dynamisches/flexible/flexiblen
        netzentgelt/netzentgelte/netzentgelten/netzgebühr/netzgebühren/netznutzungsentgelt/netznutzungsentgelte | time_of_use |
        hochtarif~ | niedertarif~ | niedrigtarif~ | standardtarif~ | ht | nt | ht nt | nt ht | ht st nt | ht zeit~ | nt zeit~ |
        time_variable/time_varying/variable/dynamic/flexible grid/network fee~/charge~/tariff~
        """,
    ),
    (
        Topic(_N, Weight.AROUND),
        "netznutzung | netzbenutzung | netznutzungsvertrag | grid/network usage/use",
    ),
    (
        Topic(_N, Weight.HINT),
        """
        jahreskosten | gesamtkosten | annual/yearly cost~ |
        was kostet/kosten/zahl/zahle/zahlen/zahlt/verlangt/verlangen/nimmt/nehmen | wie teuer | preis~ | entgelt~ |
        gebühr~ | tarif~ | kosten | kostet | koste | kostete | gekostet | teuer | teurer | zahl | zahle | zahlen | zahlt |
        bezahle | bezahlen | bezahlt | verlangt | verlangen | nimmt | nehmen | berechnet | berechnen | kassiert |
        price~ | cost~ | fee~ | charge~ | charged | tariff~ | rate~ | expensive | pay | paying | paid
        """,
    ),
    (
        Level(_V.HOES),
        "höchst spannung/spannungs/sp/spg | hös | hösp | höspg | ehv | extra/ultra/very high voltage | highest voltage",
    ),
    (Level(_V.HS), "hoch spannung/spannungs/sp/spg | hs | hsp | hspg | hv | high voltage"),
    (Level(_V.MS), "mittel spannung/spannungs/sp/spg | ms | msp | mspg | mv | medium/middle/mid/med voltage"),
    (Level(_V.NS), "nieder spannung/spannungs/sp/spg | niedrigspannung | ns | nsp | nspg | lv | low voltage"),
    (Level(_V.HOES, half=True), "höchst | extra/ultra high"),
    (Level(_V.HS, half=True), "hoch | high"),
    (Level(_V.MS, half=True), "mittel | medium | mid"),
    (Level(_V.NS, half=True), "nieder | low"),
    (
        Relative(0),
        """
        dieses/diesem/laufendes/laufende/laufenden/laufendem/aktuelles/aktuelle/aktuellen/aktuellem jahr |
        diesjährig~ | heuer | aktuell~ | derzeit | derzeitig~ | momentan | zurzeit | jetzig~ | jetzt | heute |
        this/current/present year | this/current years | current | currently | now | today
        """,
    ),
    (Days(0), "heute | heutig~ | heutige | heutigen | today | tonight | todays"),
    (Days(1), "morgen | morgige | morgigen | tomorrow | tomorrows"),
    (Days(2), "übermorgen | day after tomorrow"),
    (Days(-1), "gestern | gestrige | gestrigen | yesterday | yesterdays"),
    (Days(-2), "vorgestern | day before yesterday"),
    (
        Sign.NOW,
        """
        jetzt | gerade | soeben | im moment | in diesem moment | augenblicklich | im augenblick | zur stunde | genau jetzt | jetzt gerade | gerade jetzt | grade | eben jetzt | grad | grad jetzt |
        now | right now | just now | at the moment | at this moment | at present
        """,
    ),
    (
        Sign.NOW_OR_THIS_YEAR,
        "aktuell | derzeit | momentan | zurzeit | zur zeit | currently | presently",
    ),
    (
        Relative(-1),
        """
        letztes/letzten/letztem/letzte/vergangenes/vergangenen/vergangenem/vergangene/voriges/vorigen/vorigem jahr |
        letzten/vergangenen/vorigen jahres | vorangegangenes/vorangegangenen/vorhergehendes/vorhergehenden jahr | vorherigen/vorheriges jahr | letztjährig~ | vorjahr~ | vorjährig~ |
        last/lst/previous/prior/past/preceding year | last/previous years | a year ago | year before this_one
        """,
    ),
    (
        Relative(1),
        """
        nächstes/nächsten/nächstem/nächste/kommendes/kommenden/kommendem/kommende/künftiges jahr |
        nächsten/kommenden jahres | nächstjährig~ | folgejahr~ |
        next/nxt/upcoming/coming/following year | next/upcoming/coming years | the year ahead | year after this_one
        """,
    ),
    (
        Relative(-2),
        "vorletztes/vorletzten/vorletztem/vorletzte/vorvoriges/vorvorigen/vorvorigem/vorvorige jahr | vorletzten/vorvorigen jahres | vorvorjahr~ | year before last",
    ),
    (Relative(2), "übernächstes/übernächsten/übernächstem/übernächste jahr | year after next"),
    (
        Sign.COMPARED,
        """
        vergleich zum vorjahr | gegenüber dem vorjahr | gegenüber vorjahr | gegenüber letztem jahr |
        gegenüber dem letzten jahr | vergleich zum letzten jahr | vergleich zu letztem jahr |
        als im vorjahr | als letztes jahr | als im letzten jahr | than last year | to last year |
        with last year | versus last year | vs last year | than the previous year | to the previous year |
        vs vorjahr | ggü vorjahr | ggü dem vorjahr
        """,
    ),
    (
        Sign.COMPARES,
        """
        vergleich | vergleiche | vergleichen | vergleicht | verglichen | vergleichsweise | gegenüberstellung | vs | versus |
        unterschied zwischen | unterschiede zwischen | compare | compared | compares | comparing | comparison | side by side | difference between | differences between |
        verlangt/kostet/nimmt/zahlt/zahle/zahlen mehr/weniger | charge/charges/cost/costs/pay more/less | wechsle | wechseln | wechsel |
        günstiger | billiger | gegen | teurer | preiswerter | niedriger | höher | cheaper | lower | higher | dearer | more expensive | less expensive
        """,
    ),
    (
        Sign.CHEAPEST,
        """
        günstigst~ | günstigste | günstigsten | günstigster | günstigstes | günstigstem | billigst~ | billigste | billigsten | billigster | billigstes | preiswertest~ | preiswerteste | preiswertesten |
        niedrigst~ | niedrigste | niedrigsten | niedrigster | niedrigstes | geringste | geringsten | kleinste | kleinsten | am wenigsten | charge/charges/cost/costs the least | cheapest | lowest | least expensive | best price
        """,
    ),
    (
        Sign.DEAREST,
        """
        teuerst~ | teuerste | teuersten | teuerster | teuerstes | höchste | höchsten | höchster | höchstes | kostspieligste | kostspieligsten | am meisten | charge/charges/cost/costs the most | most expensive | highest | dearest | priciest
        """,
    ),
    (
        Sign.CHEAP,
        "günstig | günstige | günstigen | billig | billige | billigen | preiswert | preiswerte | preiswerten | teuer | teure | teuren | cheap | expensive | wenig",
    ),
    (
        Sign.WHEN,
        """
        wann | wieviel uhr | wie viel uhr | um wieviel uhr | um wie viel uhr | zu welcher uhrzeit | zu welchen uhrzeiten | welche uhrzeit | welche stunde | welche stunden | welchen stunden | zu welcher zeit | zu welchen zeiten |
        welcher zeit | welcher stunde | wie lange | when | what time | what hours | which hours | which hour | at what time | how long | which times | what times
        """,
    ),
    (
        Sign.CHARGES_A_DEVICE,
        "laden | lade | lädt | ladezeit | ladezeiten | ladefenster | ladestunde | ladestunden | aufladen | auflade | aufzuladen | geladen | charging my | charge my | charge the | charge our | to charge | charge a | charge an",
    ),
    (Sign.RANKS, "ranking | rankings | rangliste | ranglisten | rangfolge | rank | ranked"),
    (
        Sign.OF_A_FLEET,
        """
        ladepark~ | ladeparks | ladehub | schnellladepark | depot | flotte | fuhrpark | busdepot |
        charging hub/park/depot | fleet
        """,
    ),
    (
        Sign.AND,
        "und | sowie | außerdem | ausserdem | plus | and | also | as well as | besides | dazu | zusätzlich | ferner",
    ),
    (
        Sign.GROSS,
        """
        brutto | bruttopreis~ | bruttokosten | gross | inkl/inklusive/mit/einschließlich/incl/including/with
        umlagen/steuern/mehrwertsteuer/mwst/ust/abgaben/allem/taxes/levies/vat/tax |
        inkl/inklusive/mit/einschließlich aller/allen/sämtlicher/sämtlichen umlagen/steuern/abgaben | incl/including/with all levies/taxes | all in | all inclusive |
        gesamtkosten | gesamtrechnung | rechnung | rechnungsbetrag | bill | invoice | total bill
        """,
    ),
    (
        Sign.FORECAST,
        "prognose~ | prognosen | prognostiziert~ | prognostizierte | vorhersage~ | vorhersagen | hochrechnung | forecast | forecasts | projection | projections | prediction | predictions",
    ),
    (
        Sign.CHANGES,
        """
        gestiegen | gesunken | gestiegene | gesunkene | steigen | sinken | steigt | sinkt | stiegen | sanken | steigerung~ | anstieg~ | senkung~ | erhöht | erhöhen |
        gesenkt | verteuert | verbilligt | teurer/günstiger/billiger geworden | gone/went up/down | become cheaper |
        entwickelt | entwickeln | entwicklung~ | entwicklungen | preisentwicklung~ | verlauf | zeitverlauf | zeitreihe~ | zeitreihen | historie | trend | trends | veränderung~ | veränderungen | verändert | ändert sich | ändern sich | geändert | änderung~ | änderungen |
        alle/aller/allen/sämtliche/sämtlicher jahre/jahren | mehrere/mehrerer/mehreren jahre/jahren | jahresvergleich | im laufe der jahre |
        risen | rose | increased | decreased | dropped | declined | climbed | increase | increases | rise | rises | fallen | fell | developed | development | evolution | changed | over time | over the years | all years | several years | time series
        """,
    ),
    (Sign.INVOICE, "rechnung | rechnungsbetrag | gesamtrechnung | bill | invoice | total bill"),
    (
        Sign.ASKS_FOR_OPERATOR,
        """
        zuständig | zuständige | zuständiger | zuständigen | responsible | in charge | wer betreibt | wer ist mein | welcher ist mein | wie heißt mein | wie heißt der | wer ist der | wer ist für |
        welcher/welches/welchen netzbetreiber/verteilnetzbetreiber/stromnetzbetreiber/vnb/netz/stromnetz/netzgebiet |
        in welchem netz/netzgebiet/stromnetz | zu welchem netz/netzgebiet/netzbetreiber/stromnetz | mein/meinen/meinem/unser/unseren netzbetreiber/verteilnetzbetreiber/vnb/stromnetzbetreiber |
        wessen netz/stromnetz | wem gehört das netz/stromnetz/verteilnetz | wer versorgt | whose grid/network | which grid/network/distribution operator/company | which grid/network/dso/dno | which distribution/grid/network system operator | which/what company/utility/firm operates/runs the grid/network | welche/welches firma/unternehmen/stadtwerk betreibt das netz/stromnetz | who is my | who is the | who operates | who runs |
        my dso/dno/vnb | my grid/network/distribution operator | my distribution system operator | netzbetreiber finden | netzbetreibersuche | find my
        """,
    ),
    (
        Sign.BETWEEN_LEVELS,
        """
        umspannung | umspannungen | umspannebene | umspannungsebene | umspannwerk | umsp | umspg |
        umspannstation | transformation | transformation level | transforming | transformer level |
        transformation stage
        """,
    ),
    (
        Sign.GRID,
        """
        netz | netze | netzes | netzen | stromnetz | stromnetze | stromnetzes | verteilnetz | netzgebiet |
        netzgebiets | netzbetreiber | netzbetreibers | netzbetreibern | verteilnetzbetreiber |
        stromnetzbetreiber | vnb | grid | network | dso | grid operator | network operator | distribution |
        distribution system operator | netzebene | spannungsebene | netzanschluss | tso | übertragungsnetz
        """,
    ),
    (
        Sign.POWER,
        """
        wärmepumpe~ | heat pump | heat pumps | wasserkraft | wasserkraftwerk~ | hydropower | water utility |
        waterworks | wasserwerk~ | wasserverband | strom | elektrizität | electricity | electric |
        stromnetz | stromnetzentgelt~
        """,
    ),
    (
        Sign.GAS,
        """
        gas | gases | hochdruck | mitteldruck | niederdruck | erdgas | biogas | natural gas | lng | wasserstoff | hydrogen | hgas | lgas | ferngas
        """,
    ),
    (
        Sign.OTHER_MEDIUM,
        """
        wasser | wassers | trinkwasser | abwasser | kanal | fernwärme | nahwärme | wärme | wärmenetz |
        fernkälte | heat | district heating | heating | water | sewage | wastewater | glasfaser | breitband |
        internet | handynetz~ | mobilfunk~ | mobilfunknetz | handy | müll | abfall | wasserpreis~ | wassergebühr~ | trinkwasserpreis~ | abwassergebühr~ |
        fernwärmepreis~ | waste | fibre | fiber | broadband
        """,
    ),
    (
        Sign.OTHER_PRODUCT,
        """
        strompreis~ | stromtarif~ | stromanbieter~ | stromprodukt~ | stromvertrag | stromkosten |
        stromrechnung | ökostrom~ | ökostromtarif~ | grundversorgung | grundversorgungstarif~ | grundpreis~ |
        ersatzversorgung | haushalt~ | haushaltsstrom | haushaltstarif | haushaltskunde~ |
        börsenstrompreis~ | börsenstrom | spotpreis~ | spotmarkt | spot | day ahead | strombörse | epex |
        wärmepumpentarif~ | wärmepumpenstrom | autostrom | autostromtarif | nachtstrom | ladetarif~ |
        sondervertrag | neukunden | neukundenbonus | bonus | kündigen | kündigung | anbieterwechsel |
        lieferantenwechsel | einspeisevergütung~ | feed in tariff | feed in tariffs | electricity price |
        electricity prices | electricity tariff | electricity tariffs | electricity plan | power price |
        power prices | energy price | energy prices | energiepreis~ | household | households | residential |
        green electricity | standing charge | spot price | spot prices | wholesale | vergütung |
        konzessionsabgabe~ | stromsteuer | umlage~ | eeg umlage | offshore umlage | kwk umlage |
        strompreisbremse | baukostenzuschuss~ | hausanschluss~ | hausanschlusskosten | messentgelt~ |
        messpreis~ | messstellenbetrieb~ | messstellenbetreiber | zählermiete | aktie~ | aktienkurs |
        share price | stock | dividende | gehalt | salary | eintrittspreis~ | eintritt | parkgebühr~ |
        ticketpreis~ | fahrpreis~
        """,
    ),
    (
        Sign.OTHER_MATTER,
        """
        transformer | transformers | trafo | trafos | transformator~ | kabel | cable | cables | beantragen |
        apply for | zählerstand~ | zählerstände | zähler | ablesung | ablesen | meter reading |
        meter readings | meter | smart meter | stromausfall~ | ausfall | störung~ | störungsnummer | outage |
        outages | blackout | power cut | kontakt | kontaktdaten | ansprechpartner | telefon | telefonnummer |
        hotline | phone | phone number | phone numbers | contact | email adresse | öffnungszeit~ |
        opening hours | kundencenter | kundenservice | job | jobs | karriere | stellenangebot~ | ausbildung |
        praktikum | bewerbung | career | careers | vacancies | internship | umzug | umziehen | anmelden |
        abmelden | abschlag | abschläge | geschäftsführer~ | ceo | vorstand |
        wieviel/wieviele/viele kunden/kundinnen/haushalte/einwohner/menschen/mitarbeiter/kilometer/km/zähler/umspannwerke | viel kunden |
        many/number_of customers/people/inhabitants/households/employees/substations/kilometres/kilometers/km | wem gehört | gehören wem |
        eigentümer | gesellschafter | muttergesellschaft | hauptsitz | gegründet | gründungsjahr | headquarters | who owns | owner | owned |
        mitarbeiter | umsatz | gewinn | revenue | schwimmbad | hallenbad | freibad | busfahrplan | fahrplan |
        parkhaus | bus | timetable | wetter | weather | zug | train | netzplan | netzausbau | netzfrequenz |
        grid frequency | adresse | address | baustelle~ | photovoltaik anmelden | wallbox anmelden |
        register | cancel | move house | moving | logo | insolvenz | verkehr | hotel | hotels | restaurant |
        restaurants | fussball | rezept | recipe | news | nachrichten | history | geschichte | witz | witze |
        gedicht | joke | jokes | poem | song | lied
        """,
    ),
    (
        Sign.TRICK,
        """
        ignore | ignoriere | ignorier | vergiss | disregard | instructions | anweisungen | prompt |
        system prompt | drop table | from tariffs | from dno | from dnos | where dno | select from | delete from | insert into | union select | script |
        alert | javascript | data type | datatype | confidence | jailbreak | pretend | übersetze |
        translate | übersetzung | python | programmiere | schreibe ein | schreib ein | write a | write me a |
        write code | erzähl mir | erzähle mir | tell me a joke | einen witz | ein gedicht | a poem | a joke |
        dichte | reime | haiku | aufsatz | essay
        """,
    ),
    (
        Sign.DEFINITION,
        """
        was ist modul | was ist 14a | was ist der modul | what is module | what is section | what is time_of_use |
        was ist ein | was ist das | was ist der | was ist die | was ist eigentlich | was bedeutet |
        was heißt | was versteht man | was sind eigentlich | was sind netzentgelte |
        was sind hochlastzeitfenster | was sind hlzf | erkläre | erklär | erklären | erklärung | definition |
        definiere | bedeutung | what is a | what is an | what does | what is meant | meaning of | define |
        explain | wer hat | wer ist | who is | who are | why | warum | wieso | weshalb |
        unterschied zwischen | difference between | unterschied | difference | wie funktioniert | wie funktionieren | how do |
        how does a | wie entstehen | wie werden | wer zahlt | who pays | wofür | wozu |
        wie viele netzbetreiber | how many
        """,
    ),
    (
        Sign.NOT,
        """
        nicht | kein | keine | keinen | keiner | keines | statt | anstatt | anstelle | ohne | not | no |
        instead of | rather than | without | except | außer | nix
        """,
    ),
    (
        Sign.CORRECTION,
        """
        sondern | nein | nee | nö | sorry | ach nein | ich meine | meine ich | i mean | i meant | quatsch | korrektur |
        pardon | vielmehr | besser gesagt | bzw besser | correction | stattdessen | oder nein | no wait |
        wait no | make that | nope | scratch that | strike that
        """,
    ),
    (
        Sign.KNOWN_ALREADY,
        """
        kenne ich | haben wir schon | habe ich schon | habe ich bereits | haben wir bereits | liegen vor |
        liegen mir vor | i already have | we already have | already have | i know
        """,
    ),
    (
        Sign.ASKS,
        """
        was zahl | was zahle | was zahlen | was zahlt | was verlangt | was verlangen | was nimmt | was nehmen |
        was gilt | was gelten | wie hoch | wie teuer | was kostet | was kosten | wieviel | wie viel | wann |
        welche | welcher | welches | welchen | brauche | brauchen | benötige | benötigen | suche | suchen |
        bitte | gib | gebt | nenne | zeig | zeige | how much | how high | when | which | what are | what is |
        what were | need | looking for | show | show me | give me | give | send | please | möchte |
        hätte gern | interessieren
        """,
    ),
)

_OF_HOUSEHOLDS = (PriceKind.SLP_GRUNDPREIS, PriceKind.SLP_ARBEITSPREIS)
_OF_HEAT_PUMPS = (PriceKind.WAERMEPUMPE_GRUNDPREIS, PriceKind.WAERMEPUMPE_ARBEITSPREIS)

# Parts of compounds: "Mittelspannungsnetzkunden", "Netzentgeltbescheid".
STEMS: tuple[tuple[str, Meaning], ...] = (
    ("netzentgelt", Topic(_N, Weight.PLAIN)),
    ("netznutzungsentgelt", Topic(_N, Weight.PLAIN)),
    ("netzgebuhr", Topic(_N, Weight.PLAIN)),
    ("hochlast", Topic(_H, Weight.PLAIN)),
    ("spitzenlastzeit", Topic(_H, Weight.PLAIN)),
    ("hlzf", Topic(_H, Weight.PLAIN)),
    ("niedertarif", Topic(_T, Weight.PLAIN)),
    ("niedertarif", Sign.OF_MODULE_3),
    ("hochtarif", Topic(_T, Weight.PLAIN)),
    ("hochtarif", Sign.OF_MODULE_3),
    ("zeitvariab", Topic(_T, Weight.PLAIN)),
    ("zeitvariab", Sign.OF_MODULE_3),
    (
        "monatsleistungspreis",
        Position(Role.PERIOD, (PriceKind.MONATSLEISTUNGSPREIS, PriceKind.MONATS_ARBEITSPREIS)),
    ),
    ("standardlastprofil", Position(Role.METERING, _OF_HOUSEHOLDS)),
    ("haushaltskund", Position(Role.CUSTOMER, _OF_HOUSEHOLDS)),
    ("warmepumpenkund", Position(Role.CUSTOMER, _OF_HEAT_PUMPS)),
    ("konzessionsabgab", Position(Role.LEVY, levies=(LevyKind.KONZESSIONSABGABE,))),
    ("leistungspreis", Topic(_N, Weight.LIKELY)),
    ("arbeitspreis", Topic(_N, Weight.LIKELY)),
    ("preisblatt", Topic(_N, Weight.LIKELY)),
    ("netznutzung", Topic(_N, Weight.AROUND)),
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


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _keys(text: str) -> frozenset[str]:
    return frozenset(map(key, _words(text)))


# "Gasnetzentgelte", but not "Gast" or "Gasse".
GAS_COMPOUNDS = _keys("""
    gasnetz gaspreis gastarif gasentgelt gasversorg gasverbrauch gaszähler gasanschl gasrechn gaskund gaskosten
    gasliefer gasanbiet gasvertrag gasheiz gasdruck gasgrund
""")

# They identify the language, and that a word needs no correction.
GERMAN = _keys("""
    der die das des dem den ein eine einen einem einer eines und oder aber für in im an am auf aus bei beim
    mit nach von vom vor zu zum zur wie was wer wo wann warum welche welcher welches welchen hoch teuer viel
    ist sind war waren wird werden gelten gilt gibt es ich wir ihr sie mir uns mich mein meine meinem meiner
    unser unsere unserer unserem bitte danke vielen dank guten tag hallo moin servus sehr geehrte damen
    herren grüße gruß grüßen viele freundliche freundlichen herzliche liebe besten kind kann kannst können könnten könnt könnte möchte möchten hätte gern gerne brauche brauchen
    benötige benötigen suche suchen hat haben hatte jahr jahre jahren jahres stand ab seit gültig gültigkeit
    ans rlm ausnahme halbjahr halbjahres industrie industriekunde industriekunden industriebetrieb vorläufig vorläufige vorläufigen vorläufiger vorläufiges
    falls noch auch nur schon mal einmal dazu dieses diesem dieser letztes letzten nächstes nächsten
    kommendes vorjahr heuer aktuell aktuelle aktuellen netz netzentgelt netzentgelte netzentgelten preisblatt
    leistungspreis arbeitspreis spannungsebene netzebene ebene kosten kostet preis preise zeitfenster stunden
    uhr nicht kein keine sondern statt als dass daß wenn ob so um über unter durch zwischen wegen je pro per
    etwa circa mindestens maximal stadt ort gemeinde region gebiet netzgebiet netzgebiets netzbetreiber
    standort standorte anlage anschluss entnahme entnahmestelle kunde kunden firma betrieb unternehmen zwei drei vier fünf man sich
    da dann hier dort jemand sagen sag nenne nennen zeig zeige zeigen gib schicken zusenden senden wissen
    weiß finden finde angeben mitteilen verraten veröffentlicht veröffentlichten abrufen abfragen lautet
    lauten liegt liegen beträgt betragen gestiegen gesunken höher niedriger verlangt verlangen nimmt zahle
    zahlen euro cent bezogen bezug mittelspannung niederspannung hochspannung
    höchstspannung umspannung daten info infos angaben werte liste überblick übersicht bzw z.b. bspw usw inkl
    ca nr eur ct zusammen alle alles jeweils jeweilige jeweiligen gesamt sowie beide kommenden kommende
    günstig günstige günstigen günstigste günstigsten günstigster billig billigste billigsten billigster teuerste
    teuersten teuerster niedrigste niedrigsten höchste höchsten gerade jetzt moment übermorgen modul zeitvariable
    variable stunde uhrzeit laden soll sollte lohnt rangliste vergleiche günstiger billiger teurer läuft befinden
    hochlast spitzenlast gewerbe gewerbebetrieb zeiten postleitzahl plz umlage umlagen altvertrag altverträge altanlage bestandsvertrag bestandsanlage steuer steuern abgaben haushalte einwohner einwohnern hochlastzeit hochlastzeiten hochlastzeitfenster niedertarif hochtarif wärmepumpe haushalt
    strom bundesland deutschland bundesweit deutschlandweit unterschied bayern hessen thüringen niedersachsen sachsen verbrauch jahresverbrauch höchstlast
    vergangenen vergangenes winter sommer frühling herbst frühjahr januar februar märz april mai juni juli
    august september oktober november dezember quartal monat woche morgen abend dich du euch sein ihre ihren
    ihrem ihrer deren dessen diese derzeit momentan jetzt heute gestern bisher bald neu neue neuen neuer alte
    alten ganz genau eigentlich hinsichtlich bezüglich betreffend betrifft betreff thema frage fragen anfrage
    antwort tabelle angebot vergleich vergleichen lieber besser ungefähr netzbezug bestand bestandskunden
    gewerbekunde gewerbekunden gewerblich gewerbliche gewerblicher landstrom gesenkte gesenkten gesenkter gesenktes wochenende wochenenden weihnachten heiligabend silvester neujahr ostern ladefenster klein kleine kleiner kleines kleinen typisch typische typischer typischen normal normale normaler normalen
    preisentwicklung weder einschließlich inklusive zuzüglich zzgl exkl samt bis mehr weniger höchstens rund knapp minus
""")
ENGLISH = _keys("""
    provisional preliminary nxt lst exception industry industrial
    regards cheers kind warm
    the a an and or but for in on at of from to by with without as is are was were be been will would could
    can may i we you they it my our your their its me us this that these those what which when where who how
    much many high low there here have has had do does did need want like show give send tell please thanks
    thank pls hi hello dear sir madam hey year years last next current previous coming ago before after valid
    since until per grid network fee fees charge charges tariff tariffs price prices cost costs peak load
    window windows hours time times level voltage medium transformation transformer distribution operator
    operators dso utility company customer customers site plant connection connected area region city germany
    german energy capacity know find look looking get published publish apply applies applied respect
    regarding about two three four five one now today currently so if then than just also only both any some
    all each every data info information list overview new old let see check compare value values january
    february march june july october december winter summer spring autumn fall month quarter day first not no
    instead rather sorry mean meant actually charged paid pay paying expensive applicable using use usage
    into onto via cheap cheapest cheaper expensive lowest highest today tomorrow yesterday module three compare
    compared comparison versus ranking variable electricity power household heat pump pumps monthly right moment peaks
    high-load load loads annual yearly consumption usage tell bavaria hesse saxony thuringia brandenburg cheapness
    should could charging car my best state federal nationwide difference average rank status ev evs better worth worthwhile postcode postal zip code levy levies tax taxes invoice address household households inhabitants
    neither nor small large typical normal weekend weekends christmas contract contracts
    including included excluding surcharge surcharges vat more less least most over under above below between up minus
""")
# Which words show the language of a sentence.
ONLY_GERMAN, ONLY_ENGLISH = GERMAN - ENGLISH, ENGLISH - GERMAN
QUESTIONS = _keys("was wer wem wen wie wo warum wann woher what who whose whom where why how when")
# A number before them is no year.
UNITS = _keys("""
    h std stunde stunden benutzungsstunde benutzungsstunden vollbenutzungsstunden volllaststunden vbh bh
    hours hour hrs kwh mwh gwh twh wh kw mw gw w kva mva
    eur euro euros ct cent cents prozent percent qm m m² m³ m2 m3 km meter einheiten wohnungen wohneinheiten
    we mitarbeiter haushalte kunden units apartments flats employees customers households uhr am pm min
    minuten minutes tage days wochen weeks monate months hz hertz volt kv v ladepunkte ladesäulen charger
    chargers wallboxen module zähler filialen standorte stores sites stück pcs mal x grad kilo kg t tonnen
    liter personen people
""")
# Nor one beside them: "seit 2015", "2015 gegründet".
NOT_A_YEAR_BESIDE = _keys("""
    seit since gegründet gegruendet gebaut errichtet founded built established baujahr bj geboren born nr
    nummer no paragraph plz hausnummer tel telefon kundennummer
""")
# Whose date is not the year that is asked for: "Ihr Schreiben vom 12.03.2025".
LETTERS = _keys("""
    schreiben brief mail email e-mail rechnung anfrage angebot vertrag letter invoice message bescheid
""")
# Other countries, of which nothing is held.
ABROAD = _keys("""
    österreich österreichs österreichische österreichischen schweiz schweizer frankreich italien spanien polen dänemark
    niederlande niederlanden holland belgien luxemburg liechtenstein tschechien norwegen schweden england großbritannien
    europa usa austria austrian switzerland swiss france french italy spain poland denmark netherlands belgium
    luxembourg czechia norway sweden britain uk europe
""")
# After them two digits are a year: "für 24".
YEAR_CUES = _keys("""
    in für jahr jahre jahres year for of ab stand from kalenderjahr anno preisstand gj cal fy cy
    lieferjahr abrechnungsjahr vertragsjahr geschäftsjahr wirtschaftsjahr
""")
EBENE = _keys("""
    netzebene netzebenen ne ebene level spannungsebene ebenen nutzungsebene
""")
# Between the first and the last of several.
TO = _keys("bis to until through und and")
# Between things that are named side by side.
AND_OR = _keys("und oder sowie and or")
# "All operators but Westnetz": one of these, of what it is left out, and "but".
EACH = _words("all any each every") | {
    f"{one}{end}" for one in ("any", "every") for end in _words("one body where")
}
LEFT_OUT_OF = _keys("""
    operator operators dso dsos dno dnos tso tsos utility utilities company companies distribution system grid network level levels
    voltage year years state states federal other others levy levies surcharge surcharges tax taxes german germany of the in and
""")
# Behind these what follows is meant: "no operator other than Westnetz".
NONE = _words("no none nothing nowhere not t dont cannot never without")
# Before a postal code.
POSTAL_CODE_LABELS = _keys("plz postleitzahl postcode")
DASHES = frozenset("-−–—")
MONTHS = {
    key(word): number
    for number, words in enumerate(
        (
            "",
            "januar january jan jänner",
            "februar february feb",
            "märz march mär maerz",
            "april apr",
            "mai may",
            "juni june jun",
            "juli july jul",
            "august aug",
            "september sep sept",
            "oktober october okt oct",
            "november nov",
            "dezember december dez dec",
        )
    )
    for word in words.split()
}
WEEKDAYS = {
    key(word): number
    for number, words in enumerate(
        (
            "montag monday",
            "dienstag tuesday",
            "mittwoch wednesday",
            "donnerstag thursday",
            "freitag friday",
            "samstag sonnabend saturday",
            "sonntag sunday",
        )
    )
    for word in words.split()
}
# "Letzten Montag", "diese Woche", "next month".
PREVIOUS = _keys(
    "letzten letzter letztem letzte vergangene vergangenen vergangener vergangenem vorige vorigen voriger vorigem last previous past"
)
THIS = _keys("diesen diese diesem dieser this")
NEXT = _keys(
    "nächsten nächster nächstem nächste kommende kommenden kommender kommendem next coming following"
)
NUMBERS = {
    key(word): number
    for number, words in enumerate(
        (
            "",
            "ein einem eins a one erste ersten",
            "zwei two zweite zweiten",
            "drei three dritte dritten",
            "vier four vierte vierten",
            "fünf five fünfte fünften",
            "sechs six sechste sechsten",
            "sieben seven siebte siebten",
        )
    )
    for word in words.split()
}
ORDINARY = (
    GERMAN
    | ENGLISH
    | UNITS
    | NOT_A_YEAR_BESIDE
    | LETTERS
    | YEAR_CUES
    | EBENE
    | NUMBERS.keys()
    | MONTHS.keys()
    | WEEKDAYS.keys()
)
# Common words that are one slip away from a name or a place, and are hardly ever a slip.
MISTAKABLE = _keys("""
    adler ahnen alexander allen aller altstadt anger aside aussen baker balls banner bären bauten bayer becher
    beiden beider beides beine beobachter berger bester betten better beute bigger bilden bilder bitten
    bitter blauen böden boden bonds bones border boring bösen boten bother boxen boxing brechen breiten
    breiter bremsen broken brother buche buches burns büros calls cells chamber chaos charm clever cross
    daher dahin danger daniel deine deiner deines derer dicht diesen dingen dinger dummen dürfen eigen
    eigener eigens einzig eisen enden ending engel enter erden euren eurer fächer faden fahrer falle fälle
    fangen fassen feine ferne ferner feste fever finger fleck flucht forest forth foster fourth freitag
    frost füsse gaben geben gebunden gefunden geistigen gelbe gelder gemeinsam gemeinsame gemeinsamen gender
    gelenkt geniessen gerät geschenkt geste gesunden gingen goethe gotta göttingen grass grösse grosse grossem grössen
    grössere grösseren grösserer grösster grows gruppe gruss güter guter haare haaren hafen haken halbe
    halbes halte halten handel hängen harten härter harter hartz hässlich häuser haven heidi heissen heisser
    helden helle heller heraus herzen herzog hessen hidden hinaus holder hölle horst hörst hosts huber hurts
    jagen jäger jeans jeglicher jener jenes jonas kader kamera kammer kasse kater käufer kehrte keller
    killer kills klauen kleine klingen konstant kuchen kugel küssen lachen lacht laden läden lagen lager
    lande landen länder lange länge langem längere längerer langes larger laser later laufe laufen läuft
    lauter layer lehnte lehre lehrer leicht leichten leiden leider leise lerne leser lesser liefern liessen
    light linda linien linken linker löcher longer lothar löwen lower lügen machen magen maine malen maler
    manchen mancher meines meinungen meisten meistens meister melden menge messen messer ministers mögen morgens
    monster monsters mörder mother müssen namen namens never normen north opens orden order other owner
    plain porto poster posts putin räder reine reiner reines reissen reste retten ringen ritter roger
    rolling roter rüber russen sachen samen sänger schlechter schlechtes schlimmer schmidt schönsten
    schwanger schwarzer schweigen schwein schweizer schwere schweren schwerer schwert schwester schwestern
    schwierig schwieriger seine seiner seines selbe selben selbst selling selten seltener sender shade sicht
    silber singen singer sister solution sonst sooner sorts sport springs springt stages stake starb stark
    start state states steal steam steine steinen strassburg stuhl süssen süsser swing tagen teils teller
    thüringen titten tower tried tries truppen türen twitter väter vater verdienen verdienst versteuert vieler wagen
    wählen wahlen wähler wahren wahrer walls wandern warnen warren warten weber weder weiber weine weinen
    weisen weissen weisser weiten weiter welle wells welten wenden werder werner werten wesen wetten wider
    wieder wiesen wilden winner wissens wohne wölfe wolken wollen wooden worden worker worst worte wörter wortes
    worthy written yorker zeile zeilen zelle zinsen zogen
    blankenburg saterland sauerland
""")
# Words of every day that are also names: a name only where nothing else can be meant. In their own
# spelling, since "Wörth" is no "worth".
EVERYDAY = _words("""
    waren kamen essen langen hof stein lauf norden halle hall burg heide bogen mengen engen buchen weiden forst
    stern haar new ten star eve wide keep beste worth mega net baden linden singen springe verden werden licht
    markt kraft see wald mitte main land delta power port bauer rot vereinigte neue halter grossen berg bergen reich
    ende enden welle horn lage lam leck infra technische halt haupt haus raum besten bester bestes selber langer
    länger enger burger bürger bücher büchern hammer hofer läufer dörfer springen springer lippen bauern
    vereinigten stars keeps lands landes gruppen solutions josef further gemeinsames donau elbe gross grosser
    grosses größer au owner owners
""")
