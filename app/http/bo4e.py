"""An operator's published prices of a year as BO4E price sheets: one for each Bilanzierungsmethode, level, customer group and status."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from app.domain.cost import THRESHOLD_HOURS
from app.domain.entry import Publication, VoltageLevel
from app.domain.price import PriceKind, PriceUnit
from app.domain.time_of_use import TimeOfUsePrice
from app.http import bo4e_objects as bo4e
from app.http import bo4e_positions as positions
from app.http.bo4e_positions import Position, SheetType


class Source(msgspec.Struct):
    url: str | None
    title: str | None


class _Entry(msgspec.Struct, rename="camel"):
    id: str
    version: int
    publication: Publication
    verification_status: str
    source: Source | None


class YearlyPrices(_Entry):
    """Prices for customers with load metering: below 2,500 h, and from there on."""

    voltage_level: VoltageLevel
    leistung: Decimal | None
    arbeit: Decimal | None
    leistung_unter_2500h: Decimal | None = msgspec.field(name="leistungUnter2500h")
    arbeit_unter_2500h: Decimal | None = msgspec.field(name="arbeitUnter2500h")


class SheetPrice(_Entry):
    kind: PriceKind
    voltage_level: VoltageLevel | None
    variant: str | None
    amount: Decimal
    unit: PriceUnit
    derived_from: str | None = None  # the rule by which it was worked out; None: published


class BandPrices(_Entry):
    """§ 14a EnWG, Modul 3."""

    bands: Sequence[TimeOfUsePrice]


class OperatorYear(msgspec.Struct, rename="camel"):
    name: str
    official_name: str | None
    mastr_nr: str | None
    bdew_code: str | None
    website: str | None
    tariffs: Sequence[YearlyPrices]
    prices: Sequence[SheetPrice]
    time_of_use: Sequence[BandPrices]


class _Sheet(NamedTuple):
    """What all positions of a sheet have in common."""

    type: SheetType
    methode: bo4e.Bilanzierungsmethode | None
    level: VoltageLevel | None
    kundengruppe: str | None
    publication: Publication


_Placed = tuple[_Sheet, bo4e.Preisposition]
_PER_KW: Final = positions.UNITS[PriceUnit.EUR_PER_KW_YEAR]
_PER_KWH: Final = positions.UNITS[PriceUnit.CT_PER_KWH]
_LOW_VOLTAGE: Final = VoltageLevel.NS
_STATUSES: Final = {
    Publication.PRELIMINARY: bo4e.Preisstatus.VORLAEUFIG,
    Publication.FINAL: bo4e.Preisstatus.ENDGUELTIG,
}


def write_price_sheets(operator: OperatorYear, year: int) -> bytes:
    """A JSON array; empty where nothing is published. The same prices give the same bytes."""
    sheets: dict[_Sheet, list[bo4e.Preisposition]] = {}
    for sheet, position in _placed(operator):
        sheets.setdefault(sheet, []).append(position)
    publisher = _publisher(operator)
    return msgspec.json.encode(
        [_sheet(each, found, operator.name, year, publisher) for each, found in sheets.items()]
    )


def _placed(operator: OperatorYear) -> Iterator[_Placed]:
    """Each position with the sheet that it stands on, in the order of a price sheet."""
    for tariff in operator.tariffs:
        yield from _yearly(tariff)
    for price in operator.prices:
        yield from _priced(price)
    for entry in operator.time_of_use:
        yield from _bands(entry)


def _yearly(entry: YearlyPrices) -> Iterator[_Placed]:
    capacity = entry.leistung_unter_2500h, entry.leistung
    energy = entry.arbeit_unter_2500h, entry.arbeit
    for position, unit, (below, above) in (
        (positions.LEISTUNG, _PER_KW, capacity),
        (positions.ARBEIT, _PER_KWH, energy),
    ):
        articles = positions.YEARLY_ARTICLES[position]
        limit = Decimal(THRESHOLD_HOURS)
        steps = [
            bo4e.Preisstaffel(
                preis=price,
                staffelgrenze_von=first,
                staffelgrenze_bis=last,
                artikel_id=positions.of_level(article, entry.voltage_level),
            )
            for price, first, last, article in (
                (below, Decimal(0), limit, articles[0]),
                (above, limit, None, articles[1]),
            )
            if price is not None
        ]
        if steps:
            yield (
                _sheet_of(position, entry, entry.voltage_level),
                _position(position, entry, entry.voltage_level, unit, *steps, by_utilisation=True),
            )


def _priced(entry: SheetPrice) -> Iterator[_Placed]:
    position = positions.OF_KIND[entry.kind]
    if position is None or entry.derived_from is not None:
        return
    level = entry.voltage_level
    if entry.kind is PriceKind.MODUL_1 and level is VoltageLevel.MS_NS:
        position = positions.MODUL_1_RLM
    if entry.variant is not None:
        # A variant may have an article of its own, which sheets do not name.
        name = f"{position.bezeichnung}: {entry.variant}"
        position = position._replace(bezeichnung=name, artikel_id=None)
    step = bo4e.Preisstaffel(
        preis=-entry.amount if position.credit else entry.amount,
        artikel_id=positions.of_level(position.artikel_id, level),
    )
    yield (
        _sheet_of(position, entry, level),
        _position(position, entry, level, positions.UNITS[entry.unit], step),
    )


def _bands(entry: BandPrices) -> Iterator[_Placed]:
    for each in entry.bands:
        position, time = positions.OF_BAND[each.band]
        step = bo4e.Preisstaffel(preis=each.price, artikel_id=position.artikel_id)
        yield (
            _sheet_of(position, entry, _LOW_VOLTAGE),
            _position(position, entry, _LOW_VOLTAGE, _PER_KWH, step, tarifzeit=time),
        )


def _sheet_of(position: Position, entry: _Entry, level: VoltageLevel | None) -> _Sheet:
    return _Sheet(position.sheet, position.methode, level, position.kundengruppe, entry.publication)


def _position(
    position: Position,
    entry: _Entry,
    level: VoltageLevel | None,
    unit: positions.Unit,
    *steps: bo4e.Preisstaffel,
    tarifzeit: str | None = None,
    by_utilisation: bool = False,
) -> bo4e.Preisposition:
    return bo4e.Preisposition(
        leistungsbezeichnung=position.bezeichnung,
        leistungstyp=position.leistungstyp,
        bdew_artikelnummer=position.artikelnummer,
        gruppenartikel_id=positions.of_level(position.gruppenartikel_id, level),
        preiseinheit=unit.preiseinheit,
        bezugsgroesse=unit.bezugsgroesse,
        zeitbasis=unit.zeitbasis,
        tarifzeit=tarifzeit,
        # All of a year's energy and load has the price of its utilisation.
        berechnungsmethode="STUFEN" if by_utilisation else None,
        zonungsgroesse="BENUTZUNGSDAUER" if by_utilisation else None,
        preisstaffeln=steps,
        zusatz_attribute=tuple(_attributes(entry)),
    )


def _attributes(entry: _Entry) -> Iterator[bo4e.ZusatzAttribut]:
    """Where the price comes from; BO4E has no member for it."""
    yield bo4e.ZusatzAttribut("id", entry.id)
    yield bo4e.ZusatzAttribut("version", entry.version)
    yield bo4e.ZusatzAttribut("verificationStatus", entry.verification_status)
    if entry.source and entry.source.url:
        yield bo4e.ZusatzAttribut("sourceUrl", entry.source.url)
    if entry.source and entry.source.title:
        yield bo4e.ZusatzAttribut("sourceTitle", entry.source.title)


def _sheet(
    sheet: _Sheet,
    found: Sequence[bo4e.Preisposition],
    name: str,
    year: int,
    publisher: bo4e.Marktteilnehmer,
) -> bo4e.Preisblatt:
    netzebene = None if sheet.level is None else positions.LEVELS[sheet.level]
    common: dict[str, Any] = {
        "version": bo4e.VERSION,
        "bezeichnung": f"{sheet.type.value} Strom {year} {name}",
        "sparte": "STROM",
        "preisstatus": _STATUSES[sheet.publication],
        "gueltigkeit": bo4e.Zeitraum(startdatum=date(year, 1, 1), enddatum=date(year, 12, 31)),
        "herausgeber": publisher,
        "bilanzierungsmethode": sheet.methode,
        "preispositionen": tuple(found),
    }
    match sheet.type:
        case SheetType.NETZNUTZUNG:
            return bo4e.PreisblattNetznutzung(netzebene=netzebene, kundengruppe=sheet.kundengruppe, **common)
        case SheetType.MESSUNG:
            return bo4e.PreisblattMessung(messebene=netzebene, **common)
        case SheetType.DIENSTLEISTUNG:
            return bo4e.PreisblattDienstleistung(**common)


def _publisher(operator: OperatorYear) -> bo4e.Marktteilnehmer:
    register = operator.mastr_nr
    return bo4e.Marktteilnehmer(
        version=bo4e.VERSION,
        marktrolle="NB",
        rollencodenummer=operator.bdew_code,
        rollencodetyp=_code_type(operator.bdew_code),
        sparte="STROM",
        geschaeftspartner=bo4e.Geschaeftspartner(
            version=bo4e.VERSION,
            organisationsname=operator.official_name or operator.name,
            website=operator.website,
        ),
        zusatz_attribute=() if register is None else (bo4e.ZusatzAttribut("mastrNr", register),),
    )


def _code_type(code: str | None) -> str | None:
    """Codes of the BDEW begin with 99; others of 13 digits are Global Location Numbers."""
    if code is None:
        return None
    return "BDEW" if code.startswith("99") else "GLN"
