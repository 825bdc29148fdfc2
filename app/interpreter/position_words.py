"""Words for the positions of a price sheet, for customers that have prices of their own, and for levies, in both languages."""

from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.domain.question import NotHeld
from app.interpreter.words import Position, Role

_K, _L, _R = PriceKind, LevyKind, Role

POSITIONS: tuple[tuple[Position, str], ...] = (
    (
        Position(_R.METERING, (_K.SLP_GRUNDPREIS, _K.SLP_ARBEITSPREIS)),
        """
        slp | slps | slp kunde~ | slp kunden | standardlastprofil~ | standard_load_profile/profiles | standard lastprofil~ | h0 | g0 |
        ohne leistungsmessung/lastgangmessung/lastgangzählung/rlm/lastmessung/leistungsmesser | ohne registrierende leistungsmessung/lastgangmessung |
        ohne eine leistungsmessung | nicht leistungsgemessen~ | nicht gemessen~ | nichtleistungsgemessen~ | nicht lastganggemessen~ |
        without load/interval/demand/capacity/power meter~/metering/measurement | without load profile metering | non interval metered |
        unmetered demand | non metered demand | non load metered | no load/interval metering
        """,
    ),
    (
        Position(_R.CUSTOMER, (_K.SLP_GRUNDPREIS, _K.SLP_ARBEITSPREIS)),
        """
        haushalt | haushalte | haushalten | haushalts |
        haushaltskunde~ | haushaltskunden | haushaltsbereich | privathaushalt~ | privatkunde~ | privatkunden | einfamilienhaus | mietwohnung | eigenheim | familie | familien |
        mehrpersonenhaushalt~ | einpersonenhaushalt~ | family | families |
        household | households | household customer~ | residential | residential customer~ | private household~ |
        kleinkunde~ | kleinkunden | kleingewerbe | small business~ | small consumer~ | kleinverbraucher
        """,
    ),
    (
        Position(_R.CUSTOMER, (_K.WAERMEPUMPE_GRUNDPREIS, _K.WAERMEPUMPE_ARBEITSPREIS)),
        """
        wärmepumpe~ | wärmepumpen | wärmepumpenstrom | wärmepumpentarif~ | wp | wp tarif~ | wp strom | heat pump | heat pumps | heat pump tariff~ | wärmepumpenkunde~ | wärmepumpenpreis~
        """,
    ),
    (
        Position(_R.CUSTOMER, (_K.SPEICHERHEIZUNG_GRUNDPREIS, _K.SPEICHERHEIZUNG_ARBEITSPREIS)),
        """
        nachtspeicher~ | nachtspeicherheizung~ | nachtspeicherofen | nachtspeicheröfen | speicherheizung~ | elektrospeicherheizung~ | elektroheizung~ |
        heizstrom~ | direktheizung~ | elektrospeicher | night storage heater~ | night storage heating | storage heater~ | storage heating | electric heating
        """,
    ),
    (
        Position(_R.CUSTOMER, (_K.EMOBILITAET_GRUNDPREIS, _K.EMOBILITAET_ARBEITSPREIS)),
        """
        wallbox | wallboxen | wallboxes | e auto | e autos | elektroauto~ | elektroautos | elektromobilität~ | e mobilität | emobilität | e mobility | emobility |
        electric car | electric cars | electric vehicle | electric vehicles | ladestrom | ev/vehicle charging energy price~ | ev/vehicle charging price~/tariff~/charge~/rate~ | ev charger | ev chargers
        """,
    ),
    (
        Position(_R.CUSTOMER, (_K.STRASSENBELEUCHTUNG_ARBEITSPREIS,)),
        "straßenbeleuchtung~ | street lighting | street lights | street light | straßenlaterne~ | straßenlaternen",
    ),
    (
        Position(_R.BASE_PRICE, (_K.SLP_GRUNDPREIS,)),
        "grundpreis~ | grundpreise | gp | basic price~ | base price~ | base charge~ | basic charge~ | standing charge~",
    ),
    (
        Position(_R.PERIOD, (_K.MONATSLEISTUNGSPREIS, _K.MONATS_ARBEITSPREIS)),
        """
        monatsleistungspreis~ | monatsleistungspreise | monatsleistungspreissystem~ | monatsleistung | monatspreis~ | monatspreise | monatspreissystem~ |
        monats leistungspreis~ | mlp | monatliche/monatlicher/monatlichen/monatliches leistungspreis/leistungspreise/leistungspreisen/leistungspreises |
        monatliche/monatlicher/monatlichen/monatliches netzentgelt/netzentgelte/netzentgelten/preis/preise/preisen/entgelt/entgelte |
        leistungspreis/leistungspreise/netzentgelt/netzentgelte pro/je/per/im/für_einen/auf_den monat | kw pro/je/und/im monat | kw monat |
        monthly capacity/demand/power/grid/network price~/charge~/fee~/tariff~/rate~ | monthly price~/fee~/charge~/tariff~ | pro/je monat | per month | a month | monatlich | monthly |
        capacity/demand price~/charge~ per/a month | kw per/and/a month | kw month
        """,
    ),
    (
        Position(_R.PERIOD, (_K.MONATS_ARBEITSPREIS,)),
        "monats arbeitspreis~ | monatsarbeitspreis~ | monatlicher/monatlichen/monatliche arbeitspreis/arbeitspreise | monthly energy price~/charge~/rate~",
    ),
    (
        Position(_R.MODULE, (_K.MODUL_1,)),
        """
        modul/module 1/eins/one | modul i | modul1 | erstes modul | pauschale netzentgeltreduzierung | pauschale/pauschaler reduzierung | netzentgeltreduzierung~ | netzentgeltrabatt~ |
        pauschale entlastung | lump sum | lump sum reduction | flat reduction
        """,
    ),
    (
        Position(_R.MODULE, (_K.MODUL_2_ARBEITSPREIS, _K.MODUL_2_GRUNDPREIS)),
        "modul/module 2/zwei/ii/two | modul2 | zweites modul | prozentuale reduzierung | prozentuale netzentgeltreduzierung",
    ),
    (
        Position(_R.PRICE, (_K.RESERVE_200H, _K.RESERVE_400H, _K.RESERVE_600H)),
        "netzreserve~ | netzreservekapazität~ | reservekapazität~ | reserveleistung~ | reservenetzkapazität~ | reserveinanspruchnahme | reserve capacity | grid/network reserve capacity | reserve network/grid capacity",
    ),
    (
        Position(_R.PRICE, (_K.BLINDARBEIT,)),
        "blindarbeit~ | blindarbeitspreis~ | blindstrom~ | blindmehrarbeit | blindleistung~ | reactive energy/power",
    ),
    (
        Position(_R.ASIDE, (_K.MESSSTELLENBETRIEB, _K.MESSSTELLENBETRIEB_ZUSATZ, _K.MESSUNG)),
        """
        messentgelt~ | messentgelte | messpreis~ | messpreise | messstellenbetrieb~ | messstellenbetriebs | messgebühr~ | messkosten | zählerpreis~ | zählergebühr~ |
        die/der messung | preis/preise/kosten/entgelt/entgelte messung | kosten/preis/preise/entgelt/entgelte für messung | metering charge~/fee~/price~/cost~
        """,
    ),
    (
        Position(_R.PRICE, (_K.VERMIEDENE_NETZENTGELTE_LEISTUNG, _K.VERMIEDENE_NETZENTGELTE_ARBEIT)),
        """
        vermiedene/vermiedener/vermiedenen netzentgelt~/netzentgelte/netzentgelten/netznutzungsentgelt/netznutzungsentgelte/netznutzungsentgelten |
        avoided grid/network charge~/fee~
        """,
    ),
    (
        Position(_R.PRICE, (_K.SPERRUNG, _K.ENTSPERRUNG)),
        "sperrung und/oder entsperrung | sperrkosten | sperrentgelt~ | sperrpreis~ | sperren und entsperren | disconnection and reconnection",
    ),
    (Position(_R.PRICE, (_K.SPERRUNG,)), "sperrung | unterbrechung der anschlussnutzung | disconnection"),
    (
        Position(_R.PRICE, (_K.ENTSPERRUNG,)),
        "entsperrung | wiederinbetriebnahme | wiederherstellung der anschlussnutzung | reconnection",
    ),
    (
        Position(_R.PRICE, not_held=NotHeld.OTHER_POSITION),
        """
        modul/module 4/5/6/vier/four | singulär/singuläre/singulärer genutzte/genutzter betriebsmittel~ | kommunalrabatt |
        pooling~ | individuelle/individuelles/individuellen netzentgelt/netzentgelte/netzentgelten | individual grid/network charge~/fee~ | bandlast~ | bandlastprivileg |
        befreiung~ | befreit | exempt | netzentgeltbefreiung~ | rückerstattung~ | erstattung~ | rückzahlung~ | ermäßigung~ | exemption~ | refund~ | reimbursement~ | rebate~ |
        tagesleistungspreis~ | tagesleistungspreissystem~
        """,
    ),
    (
        Position(_R.PRICE, not_held=NotHeld.OTHER_POSITION),
        "einspeisung~ | einspeisungen | einspeiser~ | einspeisern | einspeiseentgelt~ | einspeiseentgelte | einspeisenetzentgelt~ | feed in | grid feed in",
    ),
    (
        Position(_R.PRICE, not_held=NotHeld.MODULE_CHOICE),
        """
        welches modul | welches der module | welche module | bestes modul | besseres modul | günstigstes/günstigeres modul | modulwahl | modul wählen |
        which module | best/better/cheaper/cheapest module | choice of module
        """,
    ),
    (
        Position(_R.AVERAGE, not_held=NotHeld.AVERAGE),
        """
        durchschnitt~ | mittlere/mittleres/mittleren netzentgelt~/netzkosten | durchschnittlich~ | durchschnittliche | durchschnittlichen | durchschnittliches | mittelwert~ | bundesdurchschnitt~ | landesdurchschnitt~ | median | im mittel | im schnitt | average~ | mean price | on average
        """,
    ),
    (
        Position(_R.ASIDE, not_held=NotHeld.OTHER_POSITION),
        """
        baukostenzuschuss~ | baukostenzuschüsse | construction cost contribution | grid connection cost~/fee~/price~/charge~ | cost~/price~ of_a/of_the/for_a/of/for grid connection | connection cost~/fee~ | bkz | netzanschlusskosten | netzanschlusspreis~ | netzanschlussgebühr~ | netzanschlusspauschale~ |
        anschlussgebühr~ | anschlusspreis~ | hausanschlusskosten | anschlusskosten
        """,
    ),
    (
        Position(_R.LEVY, levies=(_L.KWKG,)),
        "kwkg | kwk umlage | kwkg umlage | kwk/kwkg aufschlag | chp levy | chp surcharge",
    ),
    (
        Position(_R.LEVY, levies=(_L.OFFSHORE,)),
        "offshore umlage | offshore netzumlage | offshore haftungsumlage | offshore levy/surcharge | offshore grid levy",
    ),
    (
        Position(_R.LEVY, levies=(_L.PARAGRAF_19_STROM_NEV,)),
        """
        19 umlage | 19er umlage | sonderkundenumlage | sonderkundenaufschlag | 19 strom_nev_umlage | 19 strom_nev | 19 abs 2 strom_nev_umlage | strom_nev_umlage | stromnev umlage | stromnevumlage | aufschlag für besondere netznutzung |
        umlage für besondere netznutzung | aufschlag besondere netznutzung | besondere netznutzung aufschlag/umlage | section 19 levy |
        19 levy/surcharge | strom_nev levy/surcharge | 19 strom_nev levy/surcharge
        """,
    ),
    (
        Position(_R.LEVY, levies=(_L.ABLAV,)),
        "abla v | ablav | ablav umlage | abla v umlage | umlage für abschaltbare lasten | abschaltbare_lasten_umlage",
    ),
    (Position(_R.LEVY, levies=(_L.EEG,)), "eeg umlage | eeg levy | eeg surcharge | renewables levy"),
    (
        Position(_R.LEVY, levies=(_L.KONZESSIONSABGABE,)),
        "konzessionsabgabe~ | konzessionsabgaben | concession fee~/levy/levies",
    ),
    (
        Position(_R.LEVY, levies=(_L.STROMSTEUER,)),
        "stromsteuer~ | stromsteuersatz | stromsteuersätze | electricity tax/duty",
    ),
    (
        Position(_R.LEVY, levies=(_L.STROMSTEUER_ENTLASTUNG,)),
        "stromsteuerentlastung~ | stromsteuerermäßigung~ | stromsteuererstattung~ | entlastung von der stromsteuer | electricity tax relief/refund/reduction",
    ),
    (Position(_R.SOME_LEVY, levies=(_L.OFFSHORE,)), "offshore"),
    (
        Position(_R.SOME_LEVY, levies=(_L.UMSATZSTEUER,)),
        "mehrwertsteuer~ | mwst | umsatzsteuer~ | ust | vat | value added tax",
    ),
    (
        Position(_R.SOME_LEVY, levies=tuple(_L)),
        "umlage~ | umlagen | stromumlage~ | stromumlagen | umlagenübersicht | netzumlage~ | netzumlagen | levy | levies | surcharges | steuern/abgaben und umlagen/abgaben/steuern | staatliche abgaben | taxes and levies | levies and taxes",
    ),
)
