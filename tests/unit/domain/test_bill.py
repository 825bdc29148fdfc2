"""Bills computed by hand from published price sheets and levies: every position, every total, in EUR."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from app.domain.bill import Bill, bill_of
from app.domain.bill_position import BillPart
from app.domain.consumption import BandConsumption, Consumption, SpecialUse
from app.domain.entry import Publication, VerificationStatus
from app.domain.levy_charges import LevyRates, levy_charges
from app.domain.network_charges import PriceSheet
from tests.unit.domain.bill_figures import (
    ALL_YEARS,
    LEVIES,
    MS,
    MS_NS,
    NS,
    RLM,
    RLM_MONTHLY,
    SLP,
    UNVERIFIED,
    levies_of,
    levy,
    price,
    tariff,
    time_of_use,
)

PRELIMINARY, FLAGGED = Publication.PRELIMINARY, VerificationStatus.FLAGGED

# www.stadtwerke-malchow.de, Netznutzungsentgelte 2025 and 2018.
MALCHOW_2025 = PriceSheet(
    tariffs=[
        tariff(2025, MS, "119.08", "1.09", "21.49", "5.00"),
        tariff(2025, NS, "148.82", "2.22", "34.29", "6.80"),
    ],
    prices=[
        price("SLP_GRUNDPREIS", "60.00"),
        price("SLP_ARBEITSPREIS", "7.49"),
        price("MONATSLEISTUNGSPREIS", "19.85", level=MS),
        price("MONATS_ARBEITSPREIS", "1.09", level=MS),
    ],
)
MALCHOW_2018 = PriceSheet(
    prices=[
        price("SLP_GRUNDPREIS", "30.00", 2018),
        price("SLP_ARBEITSPREIS", "7.38", 2018),
        price("MESSSTELLENBETRIEB", "11.15", 2018, variant="Eintarif"),
        price("MESSSTELLENBETRIEB", "21.20", 2018, variant="Zweitarif"),
    ]
)
# www.ewwanfried.de, steuerbare Verbrauchseinrichtungen, 2025. It has no Grundpreis, and ST stands for the Arbeitspreis.
WANFRIED_2025 = PriceSheet(
    prices=[
        price("SLP_ARBEITSPREIS", "8.62", derived_from="ST of Modul 3"),
        price("MODUL_1", "131.88"),
        price("MODUL_2_ARBEITSPREIS", "3.45"),
    ],
    time_of_use=time_of_use(2025, "10.84", "8.62", "3.45"),
)
# Netze ODR, preliminary price sheets 2025 of 15 October 2024.
ODR_2025 = PriceSheet(
    tariffs=[tariff(2025, NS, "149.46", "1.38", "10.83", "6.93")],
    prices=[
        price("SLP_GRUNDPREIS", "69.35", publication=PRELIMINARY),
        price("SLP_ARBEITSPREIS", "6.41", publication=PRELIMINARY),
        price("MODUL_1", "115.31", publication=PRELIMINARY),
        price("MODUL_2_ARBEITSPREIS", "2.56", publication=PRELIMINARY),
    ],
    time_of_use=time_of_use(2025, "11.12", "6.41", "2.56", PRELIMINARY),
)
# Eichsfelder Energie- und Wasserversorgung, final price sheet 2016.
EICHSFELD_2016 = PriceSheet(
    tariffs=[tariff(2016, MS, "114.76", "1.03", "20.50", "4.80")],
    prices=[
        price("SLP_GRUNDPREIS", "45.00", 2016),
        price("SLP_GRUNDPREIS", "40.50", 2016, variant="kommunal"),
        price("SLP_ARBEITSPREIS", "5.89", 2016, variant="kommunal"),
        price("SLP_ARBEITSPREIS", "6.54", 2016),
    ],
)
# Stadtwerke Haldensleben, preliminary price sheets 2017 of 2 November 2016.
HALDENSLEBEN_2017 = PriceSheet(
    prices=[
        price("SLP_GRUNDPREIS", "27.43", 2017, publication=PRELIMINARY),
        price("SLP_ARBEITSPREIS", "4.81", 2017, publication=PRELIMINARY),
    ]
)
# Stadtwerke Tübingen, prices of the default supply from 1 July 2022.
TUEBINGEN_2022 = PriceSheet(
    prices=[price("SLP_GRUNDPREIS", "85.00", 2022), price("SLP_ARBEITSPREIS", "5.06", 2022)]
)


def consumption(year: int, level: Any, metering: Any, kwh: str, **options: Any) -> Consumption:
    numbers = {
        name: options.pop(name) for name in list(options) if name in ("peak_load_kw", "first_half_kwh")
    }
    if (months := options.pop("months", None)) is not None:
        options["monthly_peak_load_kw"] = tuple(map(Decimal, months.split()))
    if (bands := options.pop("bands", None)) is not None:
        options["band_kwh"] = BandConsumption(*map(Decimal, bands.split()))
    if (use := options.pop("special_use", None)) is not None:
        options["special_use"] = SpecialUse(use)
    made = Consumption(
        year=year,
        voltage_level=level,
        metering=metering,
        consumption_kwh=Decimal(kwh),
        **{name: Decimal(number) for name, number in numbers.items()},
        **options,
    )
    made.check()
    return made


def bill(of: Consumption, sheet: PriceSheet) -> Bill:
    return bill_of(of, sheet, levy_charges(of, LevyRates.of(levies_of(of.year), of.year)))


def missing(of: Bill | BillPart) -> list[str]:
    return [figure.sentence for figure in of.missing]


def codes(of: Bill) -> list[str]:
    return [warning.code for warning in of.warnings]


# Consumption, sheet, positions (name, quantity and unit, price and unit, amount), and network, levies, net, VAT, gross.
CASES = {
    "household, Malchow 2025": (
        consumption(2025, NS, SLP, "3500", municipality_inhabitants=6500),
        MALCHOW_2025,
        [
            "Grundpreis | 1 a | 60.00 EUR/a | 60.00",
            "Arbeitspreis | 3500 kWh | 7.49 ct/kWh | 262.15",
            "Konzessionsabgabe (Höchstsatz) | 3500 kWh | 1.32 ct/kWh | 46.20",
            "KWKG-Umlage | 3500 kWh | 0.277 ct/kWh | 9.70",  # 9.695
            "Offshore-Netzumlage | 3500 kWh | 0.816 ct/kWh | 28.56",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 3500 kWh | 1.558 ct/kWh | 54.53",
            "Stromsteuer | 3500 kWh | 2.050 ct/kWh | 71.75",
        ],
        # VAT: 101.2491
        ("322.15", "210.74", "532.89", "101.25", "634.14"),
    ),
    "medium voltage from 2500 h, Malchow 2025": (
        # 1,200,000 / 400 = 3000 h
        consumption(2025, MS, RLM, "1200000", peak_load_kw="400", municipality_inhabitants=6500),
        MALCHOW_2025,
        [
            "Leistungspreis ab 2500 h/a | 400 kW | 119.08 EUR/kW/a | 47632.00",
            "Arbeitspreis ab 2500 h/a | 1200000 kWh | 1.09 ct/kWh | 13080.00",
            "Konzessionsabgabe (Höchstsatz) | 1200000 kWh | 0.11 ct/kWh | 1320.00",
            "KWKG-Umlage | 1200000 kWh | 0.277 ct/kWh | 3324.00",
            "Offshore-Netzumlage | 1200000 kWh | 0.816 ct/kWh | 9792.00",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 1000000 kWh | 1.558 ct/kWh | 15580.00",
            "Aufschlag für besondere Netznutzung, Gruppe B' | 200000 kWh | 0.050 ct/kWh | 100.00",
            "Stromsteuer | 1200000 kWh | 2.050 ct/kWh | 24600.00",
        ],
        ("60712.00", "54716.00", "115428.00", "21931.32", "137359.32"),
    ),
    "medium voltage below 2500 h, Malchow 2025": (
        # 500,000 / 400 = 1250 h
        consumption(2025, MS, RLM, "500000", peak_load_kw="400"),
        MALCHOW_2025,
        [
            "Leistungspreis unter 2500 h/a | 400 kW | 21.49 EUR/kW/a | 8596.00",
            "Arbeitspreis unter 2500 h/a | 500000 kWh | 5.00 ct/kWh | 25000.00",
            "KWKG-Umlage | 500000 kWh | 0.277 ct/kWh | 1385.00",
            "Offshore-Netzumlage | 500000 kWh | 0.816 ct/kWh | 4080.00",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 500000 kWh | 1.558 ct/kWh | 7790.00",
            "Stromsteuer | 500000 kWh | 2.050 ct/kWh | 10250.00",
        ],
        ("33596.00", "23505.00", "57101.00", "10849.19", "67950.19"),
    ),
    "three summer months, Malchow 2025": (
        consumption(
            2025, MS, RLM_MONTHLY, "40000", months="0 0 0 0 0 100 150.5 120 0 0 0 0", electricity_tax=False
        ),
        MALCHOW_2025,
        [
            "Monatsleistungspreis Juni | 100 kW | 19.85 EUR/kW/month | 1985.00",
            "Monatsleistungspreis Juli | 150.5 kW | 19.85 EUR/kW/month | 2987.43",  # 2987.425
            "Monatsleistungspreis August | 120 kW | 19.85 EUR/kW/month | 2382.00",
            "Arbeitspreis des Monatsleistungspreissystems | 40000 kWh | 1.09 ct/kWh | 436.00",
            "KWKG-Umlage | 40000 kWh | 0.277 ct/kWh | 110.80",
            "Offshore-Netzumlage | 40000 kWh | 0.816 ct/kWh | 326.40",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 40000 kWh | 1.558 ct/kWh | 623.20",
        ],
        # VAT: 1681.6577
        ("7790.43", "1060.40", "8850.83", "1681.66", "10532.49"),
    ),
    "Modul 1, Wanfried 2025": (
        consumption(2025, NS, SLP, "3500", module=1, municipality_inhabitants=4100),
        WANFRIED_2025,
        [
            "Arbeitspreis | 3500 kWh | 8.62 ct/kWh | 301.70",
            "Pauschale Reduzierung Modul 1 | 1 a | -131.88 EUR/a | -131.88",
            "Konzessionsabgabe (Höchstsatz) | 3500 kWh | 1.32 ct/kWh | 46.20",
            "KWKG-Umlage | 3500 kWh | 0.277 ct/kWh | 9.70",
            "Offshore-Netzumlage | 3500 kWh | 0.816 ct/kWh | 28.56",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 3500 kWh | 1.558 ct/kWh | 54.53",
            "Stromsteuer | 3500 kWh | 2.050 ct/kWh | 71.75",
        ],
        (None, "210.74", None, None, None),  # the Grundpreis is not known
    ),
    "Modul 2, Wanfried 2025": (
        consumption(2025, NS, SLP, "6000", module=2, municipality_inhabitants=4100),
        WANFRIED_2025,
        [
            "Arbeitspreis Modul 2 | 6000 kWh | 3.45 ct/kWh | 207.00",
            "Konzessionsabgabe (Höchstsatz) | 6000 kWh | 1.32 ct/kWh | 79.20",
            "KWKG-Umlage | 6000 kWh | 0.277 ct/kWh | 16.62",
            "Offshore-Netzumlage | 6000 kWh | 0.816 ct/kWh | 48.96",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 6000 kWh | 1.558 ct/kWh | 93.48",
            "Stromsteuer | 6000 kWh | 2.050 ct/kWh | 123.00",
        ],
        # VAT: 107.9694
        ("207.00", "361.26", "568.26", "107.97", "676.23"),
    ),
    "Modul 3, Wanfried 2025": (
        consumption(2025, NS, SLP, "6000", module=3, bands="500 3500 2000", municipality_inhabitants=4100),
        WANFRIED_2025,
        [
            "Arbeitspreis HT (Modul 3) | 500 kWh | 10.84 ct/kWh | 54.20",
            "Arbeitspreis ST (Modul 3) | 3500 kWh | 8.62 ct/kWh | 301.70",
            "Arbeitspreis NT (Modul 3) | 2000 kWh | 3.45 ct/kWh | 69.00",
            "Pauschale Reduzierung Modul 1 | 1 a | -131.88 EUR/a | -131.88",
            "Konzessionsabgabe (Höchstsatz) | 6000 kWh | 1.32 ct/kWh | 79.20",
            "KWKG-Umlage | 6000 kWh | 0.277 ct/kWh | 16.62",
            "Offshore-Netzumlage | 6000 kWh | 0.816 ct/kWh | 48.96",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 6000 kWh | 1.558 ct/kWh | 93.48",
            "Stromsteuer | 6000 kWh | 2.050 ct/kWh | 123.00",
        ],
        (None, "361.26", None, None, None),
    ),
    "Modul 1, Netze ODR 2025": (
        consumption(2025, NS, SLP, "4200", module=1, municipality_inhabitants=24500),
        ODR_2025,
        [
            "Grundpreis | 1 a | 69.35 EUR/a | 69.35",
            "Arbeitspreis | 4200 kWh | 6.41 ct/kWh | 269.22",
            "Pauschale Reduzierung Modul 1 | 1 a | -115.31 EUR/a | -115.31",
            "Konzessionsabgabe (Höchstsatz) | 4200 kWh | 1.32 ct/kWh | 55.44",
            "KWKG-Umlage | 4200 kWh | 0.277 ct/kWh | 11.63",  # 11.634
            "Offshore-Netzumlage | 4200 kWh | 0.816 ct/kWh | 34.27",  # 34.272
            "Aufschlag für besondere Netznutzung, Gruppe A' | 4200 kWh | 1.558 ct/kWh | 65.44",  # 65.436
            "Stromsteuer | 4200 kWh | 2.050 ct/kWh | 86.10",
        ],
        # VAT: 90.4666
        ("223.26", "252.88", "476.14", "90.47", "566.61"),
    ),
    "Modul 2, Netze ODR 2025": (
        consumption(2025, NS, SLP, "4200", module=2, electricity_tax=False),
        ODR_2025,
        [
            "Arbeitspreis Modul 2 | 4200 kWh | 2.56 ct/kWh | 107.52",
            "KWKG-Umlage | 4200 kWh | 0.277 ct/kWh | 11.63",
            "Offshore-Netzumlage | 4200 kWh | 0.816 ct/kWh | 34.27",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 4200 kWh | 1.558 ct/kWh | 65.44",
        ],
        # VAT: 41.5834
        ("107.52", "111.34", "218.86", "41.58", "260.44"),
    ),
    "Modul 3, Netze ODR 2025": (
        consumption(2025, NS, SLP, "4200", module=3, bands="400 2600 1200", municipality_inhabitants=24500),
        ODR_2025,
        [
            "Grundpreis | 1 a | 69.35 EUR/a | 69.35",
            "Arbeitspreis HT (Modul 3) | 400 kWh | 11.12 ct/kWh | 44.48",
            "Arbeitspreis ST (Modul 3) | 2600 kWh | 6.41 ct/kWh | 166.66",
            "Arbeitspreis NT (Modul 3) | 1200 kWh | 2.56 ct/kWh | 30.72",
            "Pauschale Reduzierung Modul 1 | 1 a | -115.31 EUR/a | -115.31",
            "Konzessionsabgabe (Höchstsatz) | 4200 kWh | 1.32 ct/kWh | 55.44",
            "KWKG-Umlage | 4200 kWh | 0.277 ct/kWh | 11.63",
            "Offshore-Netzumlage | 4200 kWh | 0.816 ct/kWh | 34.27",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 4200 kWh | 1.558 ct/kWh | 65.44",
            "Stromsteuer | 4200 kWh | 2.050 ct/kWh | 86.10",
        ],
        # VAT: 85.2682
        ("195.90", "252.88", "448.78", "85.27", "534.05"),
    ),
    "Modul 1 with load metering, Netze ODR 2025": (
        # 150,000 / 60 = 2500 h
        consumption(2025, NS, RLM, "150000", peak_load_kw="60", module=1),
        ODR_2025,
        [
            "Leistungspreis ab 2500 h/a | 60 kW | 149.46 EUR/kW/a | 8967.60",
            "Arbeitspreis ab 2500 h/a | 150000 kWh | 1.38 ct/kWh | 2070.00",
            "Pauschale Reduzierung Modul 1 | 1 a | -115.31 EUR/a | -115.31",
            "KWKG-Umlage | 150000 kWh | 0.277 ct/kWh | 415.50",
            "Offshore-Netzumlage | 150000 kWh | 0.816 ct/kWh | 1224.00",
            "Aufschlag für besondere Netznutzung, Gruppe A' | 150000 kWh | 1.558 ct/kWh | 2337.00",
            "Stromsteuer | 150000 kWh | 2.050 ct/kWh | 3075.00",
        ],
        # VAT: 3415.0201
        ("10922.29", "7051.50", "17973.79", "3415.02", "21388.81"),
    ),
    "household, Eichsfeld 2016": (
        consumption(2016, NS, SLP, "3500", municipality_inhabitants=20500),
        EICHSFELD_2016,
        [
            "Grundpreis | 1 a | 45.00 EUR/a | 45.00",
            "Arbeitspreis | 3500 kWh | 6.54 ct/kWh | 228.90",
            "Konzessionsabgabe (Höchstsatz) | 3500 kWh | 1.32 ct/kWh | 46.20",
            "KWKG-Umlage, Gruppe A' | 3500 kWh | 0.445 ct/kWh | 15.58",  # 15.575
            "Offshore-Haftungsumlage, Gruppe A' | 3500 kWh | 0.040 ct/kWh | 1.40",
            "§ 19 StromNEV-Umlage, Gruppe A' | 3500 kWh | 0.378 ct/kWh | 13.23",
            "Umlage für abschaltbare Lasten | 3500 kWh | 0.000 ct/kWh | 0.00",
            "EEG-Umlage | 3500 kWh | 6.354 ct/kWh | 222.39",
            "Stromsteuer | 3500 kWh | 2.050 ct/kWh | 71.75",
        ],
        # VAT: 122.4455
        ("273.90", "370.55", "644.45", "122.45", "766.90"),
    ),
    "two GWh at medium voltage, Eichsfeld 2016": (
        # 2,000,000 / 1000 = 2000 h
        consumption(2016, MS, RLM, "2000000", peak_load_kw="1000"),
        EICHSFELD_2016,
        [
            "Leistungspreis unter 2500 h/a | 1000 kW | 20.50 EUR/kW/a | 20500.00",
            "Arbeitspreis unter 2500 h/a | 2000000 kWh | 4.80 ct/kWh | 96000.00",
            "KWKG-Umlage, Gruppe A' | 1000000 kWh | 0.445 ct/kWh | 4450.00",
            "KWKG-Umlage, Gruppe B' | 1000000 kWh | 0.040 ct/kWh | 400.00",
            "Offshore-Haftungsumlage, Gruppe A' | 1000000 kWh | 0.040 ct/kWh | 400.00",
            "Offshore-Haftungsumlage, Gruppe B' | 1000000 kWh | 0.027 ct/kWh | 270.00",
            "§ 19 StromNEV-Umlage, Gruppe A' | 1000000 kWh | 0.378 ct/kWh | 3780.00",
            "§ 19 StromNEV-Umlage, Gruppe B' | 1000000 kWh | 0.050 ct/kWh | 500.00",
            "Umlage für abschaltbare Lasten | 2000000 kWh | 0.000 ct/kWh | 0.00",
            "EEG-Umlage | 2000000 kWh | 6.354 ct/kWh | 127080.00",
            "Stromsteuer | 2000000 kWh | 2.050 ct/kWh | 41000.00",
        ],
        ("116500.00", "177880.00", "294380.00", "55932.20", "350312.20"),
    ),
    "small household with a negative levy, Haldensleben 2017": (
        consumption(2017, NS, SLP, "2500", municipality_inhabitants=19000),
        HALDENSLEBEN_2017,
        [
            "Grundpreis | 1 a | 27.43 EUR/a | 27.43",
            "Arbeitspreis | 2500 kWh | 4.81 ct/kWh | 120.25",
            "Konzessionsabgabe (Höchstsatz) | 2500 kWh | 1.32 ct/kWh | 33.00",
            "KWKG-Umlage | 2500 kWh | 0.438 ct/kWh | 10.95",
            "Offshore-Haftungsumlage, Gruppe A' | 2500 kWh | -0.028 ct/kWh | -0.70",
            "§ 19 StromNEV-Umlage, Gruppe A' | 2500 kWh | 0.388 ct/kWh | 9.70",
            "Umlage für abschaltbare Lasten | 2500 kWh | 0.006 ct/kWh | 0.15",
            "EEG-Umlage | 2500 kWh | 6.880 ct/kWh | 172.00",
            "Stromsteuer | 2500 kWh | 2.050 ct/kWh | 51.25",
        ],
        # VAT: 80.5657
        ("147.68", "276.35", "424.03", "80.57", "504.60"),
    ),
    "household with its meter, Malchow 2018": (
        consumption(2018, NS, SLP, "3500", municipality_inhabitants=6600, meter="Eintarif"),
        MALCHOW_2018,
        [
            "Grundpreis | 1 a | 30.00 EUR/a | 30.00",
            "Arbeitspreis | 3500 kWh | 7.38 ct/kWh | 258.30",
            "Messstellenbetrieb, Eintarif | 1 a | 11.15 EUR/a | 11.15",
            "Konzessionsabgabe (Höchstsatz) | 3500 kWh | 1.32 ct/kWh | 46.20",
            "KWKG-Umlage | 3500 kWh | 0.345 ct/kWh | 12.08",  # 12.075
            "Offshore-Haftungsumlage, Gruppe A' | 3500 kWh | 0.037 ct/kWh | 1.30",  # 1.295
            "§ 19 StromNEV-Umlage, Gruppe A' | 3500 kWh | 0.370 ct/kWh | 12.95",
            "Umlage für abschaltbare Lasten | 3500 kWh | 0.011 ct/kWh | 0.39",  # 0.385
            "EEG-Umlage | 3500 kWh | 6.792 ct/kWh | 237.72",
            "Stromsteuer | 3500 kWh | 2.050 ct/kWh | 71.75",
        ],
        # VAT: 129.5496
        ("299.45", "382.39", "681.84", "129.55", "811.39"),
    ),
    "year in which the EEG-Umlage ended, Tübingen 2022": (
        consumption(2022, NS, SLP, "3500", municipality_inhabitants=92000, first_half_kwh="1800"),
        TUEBINGEN_2022,
        [
            "Grundpreis | 1 a | 85.00 EUR/a | 85.00",
            "Arbeitspreis | 3500 kWh | 5.06 ct/kWh | 177.10",
            "Konzessionsabgabe (Höchstsatz) | 3500 kWh | 1.59 ct/kWh | 55.65",
            "KWKG-Umlage | 3500 kWh | 0.378 ct/kWh | 13.23",
            "Offshore-Netzumlage | 3500 kWh | 0.419 ct/kWh | 14.67",  # 14.665
            "§ 19 StromNEV-Umlage, Gruppe A' | 3500 kWh | 0.437 ct/kWh | 15.30",  # 15.295
            "Umlage für abschaltbare Lasten | 3500 kWh | 0.003 ct/kWh | 0.11",  # 0.105
            "EEG-Umlage, 01.01.-30.06. | 1800 kWh | 3.723 ct/kWh | 67.01",  # 67.014
            "EEG-Umlage, 01.07.-31.12. | 1700 kWh | 0.000 ct/kWh | 0.00",
            "Stromsteuer | 3500 kWh | 2.050 ct/kWh | 71.75",
        ],
        # VAT: 94.9658
        ("262.10", "237.72", "499.82", "94.97", "594.79"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bill_equals_the_manual_calculation(name):
    of, sheet, positions, totals = CASES[name]
    made = bill(of, sheet)
    assert _shown(made) == positions
    assert (
        tuple(
            None if total is None else str(total)
            for total in (made.network, made.levies, made.net, made.vat, made.gross)
        )
        == totals
    )


def _shown(made: Bill) -> Sequence[str]:
    return [
        f"{one.name} | {one.quantity} {one.quantity_unit} | {one.price} {one.price_unit} | {one.amount}"
        for one in made.positions
    ]


def test_each_position_has_the_figure_that_it_comes_from():
    made = bill(CASES["Modul 3, Netze ODR 2025"][0], ODR_2025)
    figures = [one.entry or one.levy for one in made.positions]
    assert figures[0] is ODR_2025.prices[0]
    assert figures[1:4] == [ODR_2025.time_of_use] * 3
    assert figures[4] is ODR_2025.prices[2]
    assert [levy.kind for levy in figures[5:]] == [
        "KONZESSIONSABGABE", "KWKG", "OFFSHORE", "PARAGRAF_19_STROM_NEV", "STROMSTEUER",
    ]  # fmt: skip
    assert all((one.entry is None) != (one.levy is None) for one in made.positions)
    made = bill(CASES["medium voltage from 2500 h, Malchow 2025"][0], MALCHOW_2025)
    assert [one.entry for one in made.positions[:2]] == [MALCHOW_2025.tariffs[0]] * 2


# What is not known


HOUSEHOLD = consumption(2025, NS, SLP, "3500")


def test_a_missing_grundpreis_makes_the_totals_null_and_is_named():
    made = bill(CASES["Modul 1, Wanfried 2025"][0], WANFRIED_2025)
    assert tuple(missing(made)) == ("Not known of 2025: the price SLP_GRUNDPREIS for NS.",)


@pytest.mark.parametrize(
    ("of", "sheet", "expected"),
    [
        (HOUSEHOLD, PriceSheet(), ["the price SLP_GRUNDPREIS for NS", "the price SLP_ARBEITSPREIS for NS"]),
        (consumption(2025, MS, RLM, "1", peak_load_kw="1"), PriceSheet(), ["the tariff for MS"]),
        (
            consumption(2025, MS, RLM, "100000", peak_load_kw="1"),
            PriceSheet(tariffs=[tariff(2025, MS, None, None, "1", "1")]),
            ["the Leistungspreis ab 2500 h/a for MS", "the Arbeitspreis ab 2500 h/a for MS"],
        ),
        (
            consumption(2025, MS, RLM_MONTHLY, "1", peak_load_kw="1"),
            PriceSheet(prices=[price("MONATSLEISTUNGSPREIS", "1", level=NS)]),
            ["the price MONATSLEISTUNGSPREIS for MS", "the price MONATS_ARBEITSPREIS for MS"],
        ),
        (
            consumption(2025, NS, SLP, "3500", module=2),
            MALCHOW_2025,
            ["the price MODUL_2_ARBEITSPREIS for NS"],
        ),
        (consumption(2025, NS, SLP, "3500", module=1), MALCHOW_2025, ["the price MODUL_1 for NS"]),
        (
            consumption(2025, NS, SLP, "6", module=3, bands="1 2 3"),
            PriceSheet(prices=[price("SLP_GRUNDPREIS", "1"), price("MODUL_1", "0")]),
            [f"the price of the band {band} of Modul 3" for band in ("HT", "ST", "NT")],
        ),
        (
            consumption(2025, NS, SLP, "3500", meter="Zweitarif"),
            MALCHOW_2025,
            ["the price MESSSTELLENBETRIEB for the meter that `meter` names; meters with a price: none"],
        ),
    ],
)
def test_missing_prices_are_listed_and_no_total_is_computed(of, sheet, expected):
    made = bill(of, sheet)
    assert missing(made) == [f"Not known of 2025: {what}." for what in expected]
    assert (made.network, made.net, made.vat, made.gross) == (None,) * 4
    assert made.levies is not None


def test_a_published_price_that_names_no_meter_is_not_denied():
    sheet = PriceSheet(prices=[*MALCHOW_2025.prices, price("MESSSTELLENBETRIEB", "12")])
    made = bill(consumption(2025, NS, SLP, "3500", meter="Zweitarif"), sheet)
    [sentence] = missing(made)
    assert sentence.endswith("; meters with a price: none.")


def test_an_unknown_meter_is_answered_with_those_that_are_published():
    made = bill(consumption(2018, NS, SLP, "1", meter="Smart"), MALCHOW_2018)
    assert missing(made)[0].endswith("; meters with a price: Eintarif, Zweitarif.")


def test_only_meters_of_the_level_are_offered():
    sheet = PriceSheet(
        prices=[
            *EICHSFELD_2016.prices,
            price("MESSSTELLENBETRIEB", "1", 2016, variant="Eintarif"),
            price("MESSSTELLENBETRIEB", "2", 2016, level=None, variant="alle Ebenen"),
            price("MESSSTELLENBETRIEB", "3", 2016, level=MS, variant="Lastgang"),
        ]
    )
    made = bill(consumption(2016, NS, SLP, "1", meter="none"), sheet)
    assert missing(made)[0].endswith("; meters with a price: Eintarif, alle Ebenen.")


def test_the_price_of_a_meter_at_the_level_precedes_the_one_of_all_levels():
    everywhere = price("MESSSTELLENBETRIEB", "30", 2018, level=None, variant="Eintarif")
    of_level = price("MESSSTELLENBETRIEB", "12", 2018, variant="Eintarif")
    sheet = PriceSheet(prices=[everywhere, of_level])  # in the order of a price sheet
    made = bill(consumption(2018, NS, SLP, "1", meter="Eintarif"), sheet)
    assert [position.price for position in made.positions if position.entry is of_level] == [Decimal(12)]
    assert not any(position.entry is everywhere for position in made.positions)
    other = bill(consumption(2018, NS, SLP, "1", meter="none"), sheet)
    assert missing(other)[-1].endswith("; meters with a price: Eintarif.")


def test_bands_without_consumption_need_no_price():
    sheet = PriceSheet(
        prices=[price("SLP_GRUNDPREIS", "60"), price("MODUL_1", "50")],
        time_of_use=time_of_use(2025, None, "5.00", None),
    )
    made = bill(consumption(2025, NS, SLP, "1000", module=3, bands="0 1000 0"), sheet)
    assert str(made.network) == "60.00"  # 60 + 50 - 50


def test_the_standard_band_without_a_price_has_the_arbeitspreis_without_load_metering():
    sheet = PriceSheet(
        prices=[*MALCHOW_2025.prices, price("MODUL_1", "100")], time_of_use=time_of_use(2025, "9", None, "2")
    )
    made = bill(consumption(2025, NS, SLP, "1000", module=3, bands="0 1000 0"), sheet)
    assert made.positions[2].entry is MALCHOW_2025.prices[1]
    assert str(made.network) == "34.90"  # 60 + 74.90 - 100


# § 14a, Modul 1


def test_the_reduction_never_exceeds_the_charges_that_it_reduces():
    # 69.35 + 500 · 0.0641 = 101.40
    made = bill(consumption(2025, NS, SLP, "500", module=1), ODR_2025)
    reduction = made.positions[2]
    assert (str(reduction.price), str(reduction.amount), str(made.network)) == ("-115.31", "-101.40", "0.00")
    [warning] = [warning for warning in made.warnings if warning.code == "REDUCTION_LIMITED"]
    assert warning.message == (
        "The reduction of Modul 1, 115.31 EUR, is deducted up to the charges of 101.40 EUR only."
    )


def test_a_reduction_as_large_as_the_charges_is_deducted_as_a_whole():
    sheet = PriceSheet(
        prices=[price("SLP_GRUNDPREIS", "50"), price("SLP_ARBEITSPREIS", "5"), price("MODUL_1", "100.00")]
    )
    made = bill(consumption(2025, NS, SLP, "1000", module=1), sheet)
    assert (str(made.network), "REDUCTION_LIMITED" in codes(made)) == ("0.00", False)


def test_a_published_grundpreis_of_modul_2_is_charged():
    sheet = PriceSheet(prices=[*ODR_2025.prices, price("MODUL_2_GRUNDPREIS", "12.50")])
    made = bill(consumption(2025, NS, SLP, "100", module=2), sheet)
    assert _shown(made)[0] == "Grundpreis Modul 2 | 1 a | 12.50 EUR/a | 12.50"
    assert str(made.network) == "15.06"


def test_metering_is_not_reduced():
    sheet = PriceSheet(prices=[*ODR_2025.prices, price("MESSSTELLENBETRIEB", "10.68", variant="Eintarif")])
    made = bill(consumption(2025, NS, SLP, "500", module=1, meter="Eintarif"), sheet)
    assert (str(made.positions[2].amount), str(made.network)) == ("-101.40", "10.68")


def test_a_reduction_that_depends_on_a_missing_price_is_left_out():
    # 1000 · 0.0862 = 86.20 without the Grundpreis, less than the reduction of 131.88
    made = bill(consumption(2025, NS, SLP, "1000", module=1), WANFRIED_2025)
    assert "Pauschale Reduzierung Modul 1" not in [one.name for one in made.positions]
    assert made.network is None


def test_a_reduction_that_is_certain_without_a_missing_price_is_listed():
    # 1530 · 0.0862 = 131.886, so that the reduction is deducted whatever the Grundpreis is
    made = bill(consumption(2025, NS, SLP, "1530", module=1), WANFRIED_2025)
    assert [str(one.amount) for one in made.positions[:2]] == ["131.89", "-131.88"]
    sheet = PriceSheet(prices=[price("SLP_ARBEITSPREIS", "10"), price("MODUL_1", "100.00")])
    made = bill(consumption(2025, NS, SLP, "1000", module=1), sheet)
    assert [str(one.amount) for one in made.positions[:2]] == ["100.00", "-100.00"]


def test_a_reduction_published_for_the_other_level_comes_before_a_derived_one():
    sheet = PriceSheet(
        prices=[
            price("SLP_GRUNDPREIS", "60"),
            price("SLP_ARBEITSPREIS", "10"),
            price("MODUL_1", "142.23", derived_from="a rule"),
            price("MODUL_1", "130.00", level=MS_NS),
        ]
    )
    made = bill(consumption(2025, NS, SLP, "3500", module=1), sheet)
    # 60 + 3500 · 0.10 − 130
    assert (str(made.network), "DERIVED_PRICES" in codes(made)) == ("280.00", False)


# Prices that are published for some variants only


@pytest.mark.parametrize(
    ("kinds", "use"),
    [
        (("SLP_GRUNDPREIS", "SLP_ARBEITSPREIS"), {}),
        (("SLP_ARBEITSPREIS", "SLP_GRUNDPREIS"), {}),
        (("MODUL_2_GRUNDPREIS", "MODUL_2_ARBEITSPREIS"), {"module": 2}),
        (("WAERMEPUMPE_GRUNDPREIS", "WAERMEPUMPE_ARBEITSPREIS"), {"special_use": "WAERMEPUMPE"}),
        (("SPEICHERHEIZUNG_ARBEITSPREIS", "SPEICHERHEIZUNG_GRUNDPREIS"), {"special_use": "SPEICHERHEIZUNG"}),
    ],
)
def test_a_price_that_is_published_for_variants_only_is_missing_and_these_are_named(kinds, use):
    of_variants, known = kinds
    sheet = PriceSheet(
        prices=[
            price(of_variants, "50", variant="bis 10.000 kWh"),
            price(of_variants, "70", variant="kommunal"),
            price(known, "7"),
        ]
    )
    made = bill(consumption(2025, NS, SLP, "3500", **use), sheet)
    assert made.network is None
    assert [one.sentence for one in made.missing] == [
        f"Not known of 2025: the price {of_variants} for NS without a variant; published: bis 10.000 kWh, kommunal."
    ]
    assert "NO_GRUNDPREIS" not in codes(made)


def test_the_standard_band_names_the_variants_of_the_arbeitspreis_where_it_needs_one():
    sheet = PriceSheet(
        prices=[
            price("SLP_GRUNDPREIS", "60"),
            price("SLP_ARBEITSPREIS", "10", variant="kommunal"),
            price("MODUL_1", "50"),
        ],
        time_of_use=time_of_use(2025, "12.00", None, "3.00"),
    )
    made = bill(consumption(2025, NS, SLP, "6", module=3, bands="1 2 3"), sheet)
    assert missing(made) == [
        "Not known of 2025: the price SLP_ARBEITSPREIS for NS without a variant; published: kommunal."
    ]
    assert missing(bill(consumption(2025, NS, SLP, "4", module=3, bands="1 0 3"), sheet)) == []


@pytest.mark.parametrize(
    ("of_module_1", "named"),
    [
        ([price("MODUL_1", "50", variant="a")], "NS without a variant; published: a"),
        ([price("MODUL_1", "50", variant="a", level=MS_NS)], "MS_NS without a variant; published: a"),
        (
            [price("MODUL_1", "50", variant="a"), price("MODUL_1", "40", level=MS_NS)],
            "NS without a variant; published: a",
        ),
    ],
)
def test_a_reduction_that_is_published_for_variants_only_is_missing_with_these(of_module_1, named):
    sheet = PriceSheet(prices=[price("SLP_GRUNDPREIS", "60"), price("SLP_ARBEITSPREIS", "10"), *of_module_1])
    made = bill(consumption(2025, NS, SLP, "3500", module=1), sheet)
    assert made.network is None
    assert missing(made) == [f"Not known of 2025: the price MODUL_1 for {named}."]


def test_of_many_variants_and_meters_the_first_are_named():
    names = [f"Gruppe {number}" for number in range(1, 22)]
    sheet = PriceSheet(
        prices=[
            price(kind, "5", variant=name)
            for kind in ("SLP_GRUNDPREIS", "MESSSTELLENBETRIEB")
            for name in names
        ]
        + [price("SLP_ARBEITSPREIS", "10")]
    )
    of_prices, of_meters = missing(bill(consumption(2025, NS, SLP, "1", meter="none"), sheet))
    assert of_prices.endswith(f"; published: {', '.join(names[:20])}, ….")
    assert of_meters.endswith(f"; meters with a price: {', '.join(names[:20])}, ….")


def test_a_price_without_a_variant_is_charged_beside_those_of_variants():
    variants = [price("WAERMEPUMPE_GRUNDPREIS", "70", variant="kommunal"), *MALCHOW_2025.prices]
    sheet = PriceSheet(
        prices=[
            *variants,
            price("WAERMEPUMPE_GRUNDPREIS", "50"),
            price("WAERMEPUMPE_ARBEITSPREIS", "1.37"),
        ]
    )
    # 50 + 6000 · 0.0137
    assert str(bill(consumption(2025, NS, SLP, "6000", special_use="WAERMEPUMPE"), sheet).network) == "132.20"


# Prices of contracts made before 2024, and of street lighting


def test_a_heat_pump_of_an_old_contract_has_its_own_arbeitspreis():
    # Stadtwerke Malchow 2025: 1.37 ct/kWh, no Grundpreis on the sheet; 6000 · 0.0137
    sheet = PriceSheet(prices=[*MALCHOW_2025.prices, price("WAERMEPUMPE_ARBEITSPREIS", "1.37")])
    made = bill(consumption(2025, NS, SLP, "6000", special_use="WAERMEPUMPE"), sheet)
    assert _shown(made)[0] == "Arbeitspreis Wärmepumpe | 6000 kWh | 1.37 ct/kWh | 82.20"
    assert (str(made.network), codes(made)[0]) == ("82.20", "NO_GRUNDPREIS")


def test_storage_heating_has_its_published_grundpreis():
    # Stadtwerke Haldensleben 2017, preliminary: 34.93 EUR and 2.90 ct/kWh; 5000 · 0.0290 = 145.00
    sheet = PriceSheet(
        prices=[
            price("SPEICHERHEIZUNG_GRUNDPREIS", "34.93", 2017),
            price("SPEICHERHEIZUNG_ARBEITSPREIS", "2.90", 2017),
        ]
    )
    made = bill(consumption(2017, NS, SLP, "5000", special_use="SPEICHERHEIZUNG"), sheet)
    assert _shown(made)[0] == "Grundpreis Speicherheizung | 1 a | 34.93 EUR/a | 34.93"
    assert (str(made.network), "NO_GRUNDPREIS" in codes(made)) == ("179.93", False)


def test_street_lighting_is_charged_by_kwh():
    # Netze ODR 2025, preliminary: 5.85 ct/kWh
    sheet = PriceSheet(prices=[price("STRASSENBELEUCHTUNG_ARBEITSPREIS", "5.85")])
    made = bill(consumption(2025, NS, SLP, "12000", special_use="STRASSENBELEUCHTUNG"), sheet)
    assert str(made.network) == "702.00"


@pytest.mark.parametrize("use", SpecialUse)
def test_each_special_use_has_an_arbeitspreis_of_its_own(use):
    made = bill(consumption(2025, NS, SLP, "1", special_use=use), MALCHOW_2025)
    assert tuple(missing(made)) == (f"Not known of 2025: the price {use}_ARBEITSPREIS for NS.",)


# Levies


def test_levies_that_are_not_held_make_the_total_null():
    made = bill(
        consumption(2027, NS, SLP, "3500"),
        PriceSheet(prices=[price("SLP_GRUNDPREIS", "60", 2027), price("SLP_ARBEITSPREIS", "7", 2027)]),
    )
    assert missing(made) == [
        f"Not known of 2027: the rate {kind} of the customer group {group} from 2027-01-01 to 2027-12-31."
        for kind, group in (
            ("KWKG", "non_privileged"),
            ("OFFSHORE", "non_privileged"),
            ("PARAGRAF_19_STROM_NEV", "A'"),
        )
    ]
    assert (str(made.network), made.levies, made.gross) == ("305.00", None, None)


def test_levies_of_other_years_are_not_charged():
    of = CASES["household, Malchow 2025"][0]
    held = [*ALL_YEARS, *(each for year in LEVIES.values() for each in year)]
    assert levy_charges(of, LevyRates.of(held, 2025)) == levy_charges(of, LevyRates.of(levies_of(2025), 2025))


def test_group_b_is_needed_above_one_million_kwh_only():
    million = consumption(2024, MS, RLM, "1000000", peak_load_kw="400")
    assert bill(million, PriceSheet()).levies is not None
    more = consumption(2024, MS, RLM, "1000000.001", peak_load_kw="400")
    made = bill(more, PriceSheet())
    assert made.levies is None
    assert missing(made)[-1] == (
        "Not known of 2024: the rate PARAGRAF_19_STROM_NEV of the customer group B' from 2024-01-01 to 2024-12-31."
    )
    assert "LEVY_GROUP_ASSUMED" in codes(made)


def test_the_kwkg_of_2002_has_its_limit_at_100000_kwh():
    made = levy_charges(
        consumption(2015, MS, RLM, "100001", peak_load_kw="40"), LevyRates.of(levies_of(2015), 2015)
    )
    shown = [(one.name, str(one.quantity)) for one in made.positions if one.levy and one.levy.kind == "KWKG"]
    assert shown == [("KWKG-Umlage, Gruppe A", "100000")]
    assert missing(made)[0].startswith("Not known of 2015: the rate KWKG of the customer group B ")


def test_the_eeg_umlage_of_2022_needs_the_consumption_of_each_half_year():
    made = bill(consumption(2022, NS, SLP, "3500"), TUEBINGEN_2022)
    assert tuple(missing(made)) == (
        "Not known of 2022: the kWh before and after 2022-07-01, when the rate EEG changed (`firstHalfKwh`).",
    )
    assert made.levies is None


@pytest.mark.parametrize("half", [{}, {"first_half_kwh": "9"}])
def test_the_consumption_around_other_days_cannot_be_given(half):
    rates = [
        levy("KWKG", "non_privileged", "0.1", "2025-04-01", "2025-12-31"),
        levy("KWKG", "non_privileged", "0.3", "2025-01-01", "2025-03-31"),
    ]
    made = levy_charges(consumption(2025, NS, SLP, "10", **half), LevyRates.of(rates, 2025))
    assert missing(made)[0] == (
        "Not known of 2025: the kWh before and after 2025-04-01, when the rate KWKG changed."
    )


def test_a_rate_without_a_last_day_ends_when_the_next_one_begins():
    rates = [
        levy("KWKG", "non_privileged", "0.2", "2024-01-01", None),
        levy("KWKG", "non_privileged", "0.3", "2025-07-01", None),
    ]
    made = levy_charges(consumption(2025, NS, SLP, "100", first_half_kwh="40"), LevyRates.of(rates, 2025))
    assert [(one.name, str(one.quantity), str(one.price)) for one in made.positions] == [
        ("KWKG-Umlage, 01.01.-30.06.", "40", "0.2"),
        ("KWKG-Umlage, 01.07.-31.12.", "60", "0.3"),
    ]


@pytest.mark.parametrize(
    ("year", "kind", "group", "name"),
    [
        (2018, "OFFSHORE", "A'", "Offshore-Haftungsumlage, Gruppe A'"),
        (2019, "OFFSHORE", "non_privileged", "Offshore-Netzumlage"),
        (2024, "PARAGRAF_19_STROM_NEV", "A'", "§ 19 StromNEV-Umlage, Gruppe A'"),
        (2025, "PARAGRAF_19_STROM_NEV", "A'", "Aufschlag für besondere Netznutzung, Gruppe A'"),
    ],
)
def test_levies_have_the_names_of_their_year(year, kind, group, name):
    rates = [levy(kind, group, "0.1", f"{year}-01-01", f"{year}-12-31")]
    [position] = levy_charges(consumption(year, NS, SLP, "1"), LevyRates.of(rates, year)).positions
    assert position.name == name


def test_the_half_years_of_2022_are_charged_without_a_warning():
    assert "UNUSED_INPUT" not in codes(
        bill(consumption(2022, NS, SLP, "9", first_half_kwh="0"), TUEBINGEN_2022)
    )


@pytest.mark.parametrize(
    ("level", "kwh", "others", "inhabitants", "group"),
    [
        (NS, "40000", 30, 6500, "S_TARIF_25000"),
        (NS, "40000", 31, 6500, "S_SONDERKUNDE"),
        (NS, "30000", 31, 6500, None),
        (MS, "40000", 31, 6500, None),
        (NS, "40000", 31, None, None),
    ],
)
def test_loads_of_months_that_decide_the_concession_fee_are_not_called_without_effect(
    level, kwh, others, inhabitants, group
):
    months = f"50{f' {others}' * 11}"
    made = bill(
        consumption(
            2025, level, RLM, kwh, peak_load_kw="50", months=months, municipality_inhabitants=inhabitants
        ),
        MALCHOW_2025,
    )
    assert ("UNUSED_INPUT" in codes(made)) is (group is None)
    if group is not None:
        [fee] = [each.levy for each in made.positions if each.levy and each.levy.kind == "KONZESSIONSABGABE"]
        assert fee.customer_group == group


def test_a_rate_of_all_customers_is_charged_where_a_group_has_none_of_its_own():
    of_2027 = "2027-01-01", "2027-12-31"
    rates = [
        levy("KWKG", None, "0.4", *of_2027),
        levy("OFFSHORE", None, "0.9", *of_2027),
        levy("OFFSHORE", "non_privileged", "1.0", *of_2027),
        levy("PARAGRAF_19_STROM_NEV", None, "0.5", *of_2027),
        levy("PARAGRAF_19_STROM_NEV", "A'", "1.5", *of_2027),
        levy("STROMSTEUER", None, "2.05", "2015-01-01", None),
        levy("ABLAV", None, "0.003", *of_2027),
    ]
    made = levy_charges(consumption(2027, NS, SLP, "1000100"), LevyRates.of(rates, 2027))
    assert missing(made) == []
    assert [(each.name, each.quantity, each.amount) for each in made.positions] == [
        ("KWKG-Umlage", Decimal(1000100), Decimal("4000.40")),
        ("Offshore-Netzumlage", Decimal(1000100), Decimal("10001.00")),
        ("Aufschlag für besondere Netznutzung, Gruppe A'", Decimal(1000000), Decimal("15000.00")),
        ("Aufschlag für besondere Netznutzung, Gruppe B'", Decimal(100), Decimal("0.50")),
        ("Umlage für abschaltbare Lasten", Decimal(1000100), Decimal("30.00")),
        ("Stromsteuer", Decimal(1000100), Decimal("20502.05")),
    ]


def test_a_rate_of_all_customers_of_half_a_year_leaves_the_other_half_missing():
    rates = [levy("KWKG", None, "0.4", "2027-01-01", "2027-06-30")]
    made = levy_charges(consumption(2027, NS, SLP, "1000"), LevyRates.of(rates, 2027))
    assert (
        "Not known of 2027: the rate KWKG of the customer group non_privileged from 2027-07-01 to 2027-12-31."
        in missing(made)
    )


def test_a_rate_of_all_customers_is_charged_for_the_first_kwh_where_only_those_above_have_a_group():
    of_2027 = "2027-01-01", "2027-12-31"
    general = levy("PARAGRAF_19_STROM_NEV", None, "0.5", *of_2027)
    above = levy("PARAGRAF_19_STROM_NEV", "B'", "0.05", *of_2027)
    of = consumption(2027, NS, SLP, "2000000")
    made = levy_charges(of, LevyRates.of([general, above], 2027))
    assert [(each.name, each.quantity, each.amount) for each in made.positions] == [
        ("Aufschlag für besondere Netznutzung, Gruppe A'", Decimal(1000000), Decimal("5000.00")),
        ("Aufschlag für besondere Netznutzung, Gruppe B'", Decimal(1000000), Decimal("500.00")),
    ]
    assert "LEVY_GROUP_ASSUMED" in [each.code for each in made.warnings]
    # A group of the same kWh that is granted on application divides nothing.
    granted = levy("PARAGRAF_19_STROM_NEV", "C'", "0.025", *of_2027)
    [only] = levy_charges(of, LevyRates.of([general, granted], 2027)).positions
    assert (only.name, only.amount) == ("Aufschlag für besondere Netznutzung", Decimal("10000.00"))


def test_a_rate_of_all_customers_that_begins_while_one_of_the_group_holds_divides_no_year():
    of_the_group = levy("KWKG", "non_privileged", "1", "2027-01-01", "2027-12-31")
    general = levy("KWKG", None, "0.4", "2027-07-01", None)
    made = levy_charges(consumption(2027, NS, SLP, "1000"), LevyRates.of([of_the_group, general], 2027))
    assert [(each.name, each.amount) for each in made.positions] == [("KWKG-Umlage", Decimal("10.00"))]
    assert not any("KWKG" in each for each in missing(made))


def test_a_rate_of_all_customers_holds_from_the_day_after_that_of_the_group():
    of_the_group = levy("KWKG", "non_privileged", "1", "2027-01-01", "2027-06-30")
    general = levy("KWKG", None, "0.4", "2027-03-01", None)
    of = consumption(2027, NS, SLP, "1000", first_half_kwh="400")
    made = levy_charges(of, LevyRates.of([of_the_group, general], 2027))
    assert [(each.name, each.amount) for each in made.positions] == [
        ("KWKG-Umlage, 01.01.-30.06.", Decimal("4.00")),
        ("KWKG-Umlage, 01.07.-31.12.", Decimal("2.40")),
    ]


def test_years_of_which_no_group_is_known_are_missing():
    made = levy_charges(consumption(2014, NS, SLP, "1"), LevyRates.of(levies_of(2014), 2014))
    assert "Not known of 2014: the rate KWKG from 2014-01-01 to 2014-12-31." in missing(made)
    assert (
        "Not known of 2014: the rate STROMSTEUER of the customer group standard from 2014-01-01 to 2014-12-31."
        in missing(made)
    )


@pytest.mark.parametrize(
    ("inhabitants", "rate"),
    [
        (1, "1.32"),
        (25000, "1.32"),
        (25001, "1.59"),
        (100000, "1.59"),
        (100001, "1.99"),
        (500000, "1.99"),
        (500001, "2.39"),
    ],
)
def test_the_concession_fee_depends_on_the_inhabitants(inhabitants, rate):
    of = consumption(2025, NS, SLP, "1000", municipality_inhabitants=inhabitants)
    assert _concession_rate(of) == rate


@pytest.mark.parametrize(
    ("level", "metering", "kwh", "load", "rate"),
    [
        (NS, RLM, "30000", {"peak_load_kw": "100"}, "1.32"),
        (NS, RLM, "30000.1", {"peak_load_kw": "30"}, "1.32"),
        (NS, RLM, "30000.1", {"peak_load_kw": "30.1"}, "0.11"),
        (MS, RLM, "1", {"peak_load_kw": "1"}, "0.11"),
        (NS, SLP, "99999", {}, "1.32"),
        (NS, RLM_MONTHLY, "40000", {"months": "31 30 0 0 0 0 0 0 0 0 0 0"}, "1.32"),
        (NS, RLM_MONTHLY, "40000", {"months": "31 30 0 31 0 0 0 0 0 0 0 0"}, "0.11"),
    ],
)
def test_load_and_consumption_decide_between_tarifkunde_and_sondervertragskunde(
    level, metering, kwh, load, rate
):
    """§ 2 (7) KAV: up to 1 kV, more than 30 kW in two months and more than 30,000 kWh."""
    assert (
        _concession_rate(consumption(2025, level, metering, kwh, municipality_inhabitants=100, **load))
        == rate
    )


def _concession_rate(of: Consumption) -> str:
    [fee] = [
        one for one in bill(of, MALCHOW_2025).positions if one.levy and one.levy.kind == "KONZESSIONSABGABE"
    ]
    return str(fee.price)


def test_a_year_without_concession_fees_is_listed_as_missing():
    of = consumption(2025, NS, SLP, "1", municipality_inhabitants=5)
    rates = LevyRates.of([levy for levy in levies_of(2025) if levy.kind != "KONZESSIONSABGABE"], 2025)
    assert tuple(missing(levy_charges(of, rates))) == (
        "Not known of 2025: the rate KONZESSIONSABGABE from 2025-01-01 to 2025-12-31.",
    )


@pytest.mark.parametrize(
    ("of", "group"),
    [
        (consumption(2025, NS, SLP, "1", municipality_inhabitants=5), ""),
        (consumption(2025, MS, RLM, "1", peak_load_kw="1", municipality_inhabitants=5), " of the customer group S_SONDERKUNDE"),
    ],
)  # fmt: skip
def test_a_concession_fee_without_a_group_is_not_charged_but_reported_missing(of, group):
    held = [levy for levy in levies_of(2025) if levy.kind != "KONZESSIONSABGABE"]
    held.append(levy("KONZESSIONSABGABE", None, "1.32", "2025-01-01", "2025-12-31"))
    made = levy_charges(of, LevyRates.of(held, 2025))
    assert tuple(missing(made)) == (
        f"Not known of 2025: the rate KONZESSIONSABGABE{group} from 2025-01-01 to 2025-12-31.",
    )
    assert not any("Konzession" in each.name for each in made.positions)


# Warnings


def test_a_plain_bill_lists_what_it_does_not_include():
    assert codes(bill(HOUSEHOLD, MALCHOW_2025)) == ["METERING_NOT_INCLUDED", "CONCESSION_FEE_NOT_CHARGED"]


def test_highest_rates_of_the_concession_fee_are_marked():
    made = bill(CASES["household, Malchow 2025"][0], MALCHOW_2025)
    assert codes(made) == ["METERING_NOT_INCLUDED", "CONCESSION_FEE_HIGHEST"]


def test_each_remark_on_what_is_assumed_or_left_out_has_a_sentence_and_a_field():
    made = [
        bill(HOUSEHOLD, MALCHOW_2025),
        bill(CASES["household, Malchow 2025"][0], MALCHOW_2025),
        bill(CASES["Modul 3, Netze ODR 2025"][0], ODR_2025),
        bill(consumption(2025, NS, SLP, "6000", special_use="WAERMEPUMPE", first_half_kwh="1"), MALCHOW_2025),
        bill(consumption(2025, MS, RLM, "2000000", peak_load_kw="900"), MALCHOW_2025),
        bill(consumption(2025, NS, RLM, "40000", peak_load_kw="31", municipality_inhabitants=5), ODR_2025),
        bill(consumption(2025, MS, RLM_MONTHLY, "1", peak_load_kw="1"), MALCHOW_2025),
        bill(consumption(2025, NS, SLP, "100001"), MALCHOW_2025),
    ]
    found = {one.code: (one.message, ".".join(one.field)) for each in made for one in each.warnings}
    del found["PRELIMINARY_PRICES"]
    assert found == {
        "METERING_NOT_INCLUDED": (
            "Messstellenbetrieb is not included; `meter` names its price.",
            "input.meter",
        ),
        "CONCESSION_FEE_NOT_CHARGED": (
            "The concession fee is not charged: `municipalityInhabitants` is not given.",
            "input.municipalityInhabitants",
        ),
        "CONCESSION_FEE_HIGHEST": (
            "The highest concession fee of § 2 KAV is charged; the contract of the municipality may have less.",
            "input.municipalityInhabitants",
        ),
        "PART_OF_YEAR": (
            "Modul 3 began on 1 April 2025; its prices are charged for the whole year.",
            "input.year",
        ),
        "NO_GRUNDPREIS": ("No Grundpreis is known for WAERMEPUMPE; none is charged.", "input.specialUse"),
        "UNUSED_INPUT": ("`firstHalfKwh` has no effect on this bill.", "input.firstHalfKwh"),
        "LEVY_GROUP_ASSUMED": (
            "Aufschlag für besondere Netznutzung: group B' above 1,000,000 kWh, as for own consumption that was reported to the "
            "operator.",
            "input.consumptionKwh",
        ),
        "CONCESSION_GROUP_ASSUMED": (
            "A load above 30 kW in at least 2 months is assumed (§ 2 (7) KAV).",
            "input.peakLoadKw",
        ),
        "MONTHS_ASSUMED": (
            "`monthlyPeakLoadKw` is not given: `peakLoadKw` is charged in each of the 12 months.",
            "input.monthlyPeakLoadKw",
        ),
        "LOAD_METERING_USUAL": (
            "Above 100,000 kWh a year load metering is usual (§ 12 (1) StromNZV).",
            "input.metering",
        ),
    }


def test_preliminary_and_derived_prices_are_named():
    made = bill(CASES["Modul 1, Netze ODR 2025"][0], ODR_2025)
    [warning] = [warning for warning in made.warnings if warning.code == "PRELIMINARY_PRICES"]
    assert warning.message == (
        "Preliminary, so the operator may still change it: Grundpreis; Arbeitspreis; Pauschale Reduzierung Modul 1."
    )
    made = bill(CASES["Modul 1, Wanfried 2025"][0], WANFRIED_2025)
    [warning] = [warning for warning in made.warnings if warning.code == "DERIVED_PRICES"]
    assert warning.message == "Derived by a rule, not published: Arbeitspreis."


def test_figures_in_doubt_and_unverified_levies_are_named():
    of = consumption(2026, NS, SLP, "1000")
    rates = LevyRates.of(
        [
            levy("KWKG", "non_privileged", "0.446", "2026-01-01", "2026-12-31", status=UNVERIFIED),
            levy("OFFSHORE", "non_privileged", "0.941", "2026-01-01", "2026-12-31", status=FLAGGED),
        ],
        2026,
    )
    sheet = PriceSheet(
        prices=[price("SLP_GRUNDPREIS", "60", 2026), price("SLP_ARBEITSPREIS", "7", 2026, status=FLAGGED)]
    )
    made = bill_of(of, sheet, levy_charges(of, rates))
    found = {warning.code: warning.message for warning in made.warnings}
    assert found["FLAGGED_FIGURES"] == "Flagged as being in doubt: Arbeitspreis; Offshore-Netzumlage."
    assert found["UNVERIFIED_LEVIES"] == "Unverified, as quoted in reports: KWKG-Umlage."


def test_a_warning_about_a_position_that_names_days_ends_with_one_full_stop():
    of = consumption(2026, NS, SLP, "1000", first_half_kwh=Decimal(400))
    rates = LevyRates.of(
        [
            levy("KWKG", "non_privileged", "0.446", "2026-01-01", "2026-06-30", status=UNVERIFIED),
            levy("KWKG", "non_privileged", "0.5", "2026-07-01", "2026-12-31", status=UNVERIFIED),
        ],
        2026,
    )
    made = bill_of(of, PriceSheet(prices=[price("SLP_GRUNDPREIS", "60", 2026)]), levy_charges(of, rates))
    [warning] = [warning for warning in made.warnings if warning.code == "UNVERIFIED_LEVIES"]
    assert warning.message.endswith(": KWKG-Umlage, 01.01.-30.06.; KWKG-Umlage, 01.07.-31.12.")


def test_modul_3_of_2025_is_marked_as_charged_before_it_began():
    assert "PART_OF_YEAR" in codes(bill(CASES["Modul 3, Netze ODR 2025"][0], ODR_2025))


def test_vat_of_2020_is_that_of_the_last_day_with_a_warning():
    sheet = PriceSheet(prices=[price("SLP_GRUNDPREIS", "50", 2020), price("SLP_ARBEITSPREIS", "6", 2020)])
    made = bill(consumption(2020, NS, SLP, "1000"), sheet)
    # 110.00; KWKG 2.26, Offshore 4.16, § 19 3.58, AbLaV 0.07, EEG 67.56, Stromsteuer 20.50
    assert [str(total) for total in (made.network, made.levies, made.net, made.vat, made.gross)] == [
        "110.00", "98.13", "208.13", "33.30", "241.43",
    ]  # fmt: skip  # 33.3008
    [warning] = [warning for warning in made.warnings if warning.code == "VAT_CHANGED"]
    assert (made.vat_percent, warning.message) == (
        16,
        "VAT changed on 2020-07-01; 16 %, the rate on 31 December 2020, is charged for the whole year.",
    )


@pytest.mark.parametrize(
    ("of", "code", "field"),
    [
        (consumption(2025, MS, RLM, "8784.1", peak_load_kw="1"), "IMPOSSIBLE_UTILISATION", "peakLoadKw"),
        (
            consumption(2025, MS, RLM_MONTHLY, "9000", months="1 0 0 0 0 0 0 0 0 0 0 0"),
            "IMPOSSIBLE_UTILISATION",
            "monthlyPeakLoadKw",
        ),
        (consumption(2025, MS, RLM_MONTHLY, "1", peak_load_kw="1"), "MONTHS_ASSUMED", "monthlyPeakLoadKw"),
        (consumption(2025, NS, SLP, "100001"), "LOAD_METERING_USUAL", "metering"),
        (consumption(2025, NS, SLP, "1", peak_load_kw="9"), "UNUSED_INPUT", "peakLoadKw"),
        (consumption(2025, NS, SLP, "6", bands="1 2 3"), "UNUSED_INPUT", "bandKwh"),
        (consumption(2025, NS, SLP, "6", first_half_kwh="3"), "UNUSED_INPUT", "firstHalfKwh"),
        (
            consumption(2025, MS, RLM, "1", peak_load_kw="1", months="1 0 0 0 0 0 0 0 0 0 0 0"),
            "UNUSED_INPUT",
            "monthlyPeakLoadKw",
        ),
        (
            consumption(2025, NS, RLM, "40000", peak_load_kw="31", municipality_inhabitants=5),
            "CONCESSION_GROUP_ASSUMED",
            "peakLoadKw",
        ),
    ],
)
def test_input_in_doubt_is_computed_with_a_warning(of, code, field):
    made = bill(of, MALCHOW_2025)
    assert (code, ("input", field)) in [(warning.code, warning.field) for warning in made.warnings]
    assert made.positions


@pytest.mark.parametrize(
    "of", [consumption(2025, MS, RLM, "8784", peak_load_kw="1"), consumption(2025, NS, SLP, "100000")]
)
def test_the_limits_of_doubt_are_inclusive(of):
    assert not {"IMPOSSIBLE_UTILISATION", "LOAD_METERING_USUAL"} & set(codes(bill(of, MALCHOW_2025)))


def test_a_load_without_load_metering_is_not_compared_and_bands_of_modul_3_are_used():
    made = bill(consumption(2025, NS, SLP, "9000", peak_load_kw="1"), MALCHOW_2025)
    assert "IMPOSSIBLE_UTILISATION" not in codes(made)
    assert "UNUSED_INPUT" not in codes(bill(CASES["Modul 3, Netze ODR 2025"][0], ODR_2025))


def test_the_same_load_in_each_month_is_charged_twelve_times():
    made = bill(consumption(2025, MS, RLM_MONTHLY, "1000", peak_load_kw="10"), MALCHOW_2025)
    assert len(made.positions[:12]) == 12
    assert str(made.network) == "2392.90"  # 12 · 198.50 + 10.90


def test_the_largest_amounts_stay_exact():
    kwh = "999999999999999.999999"
    sheet = PriceSheet(prices=[price("SLP_GRUNDPREIS", "0.01"), price("SLP_ARBEITSPREIS", "999999.9999")])
    made = bill(consumption(2025, NS, SLP, kwh), sheet)
    # 10^19 (1 - 10^-21) (1 - 10^-10) = 9,999,999,998,999,999,999.99, and 0.01
    assert str(made.network) == "9999999999000000000.00"
