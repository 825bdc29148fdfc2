"""Business objects of BO4E (https://www.bo4e.de) that a price sheet is written with: those of their members that have a value here.

Names, types and values are those of BO4E; the Python package `bo4e` of the same version checks them in the tests.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

VERSION: Final = "202607.1.0"


class Netzebene(StrEnum):
    HSS = "HSS"
    HSS_HSP_UMSP = "HSS_HSP_UMSP"
    HSP = "HSP"
    HSP_MSP_UMSP = "HSP_MSP_UMSP"
    MSP = "MSP"
    MSP_NSP_UMSP = "MSP_NSP_UMSP"
    NSP = "NSP"


class Bilanzierungsmethode(StrEnum):
    RLM = "RLM"
    SLP = "SLP"


class Preisstatus(StrEnum):
    VORLAEUFIG = "VORLAEUFIG"
    ENDGUELTIG = "ENDGUELTIG"


class _Object(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag_field="_typ"
):
    """A member without a value is left out."""


class ZusatzAttribut(msgspec.Struct, frozen=True):
    name: str
    wert: str | int


class Zeitraum(_Object, frozen=True, kw_only=True, tag="ZEITRAUM"):
    """Both days included."""

    startdatum: date
    enddatum: date


class Preisstaffel(_Object, frozen=True, kw_only=True, tag="PREISSTAFFEL"):
    """`staffelgrenze_von` is included, `staffelgrenze_bis` is not."""

    preis: Decimal
    staffelgrenze_von: Decimal | None = None
    staffelgrenze_bis: Decimal | None = None
    artikel_id: str | None = None


class Preisposition(_Object, frozen=True, kw_only=True, tag="PREISPOSITION"):
    leistungsbezeichnung: str
    leistungstyp: str | None = None
    bdew_artikelnummer: str | None = None
    gruppenartikel_id: str | None = None
    preiseinheit: str
    bezugsgroesse: str
    zeitbasis: str | None = None
    tarifzeit: str | None = None
    berechnungsmethode: str | None = None
    zonungsgroesse: str | None = None
    preisstaffeln: tuple[Preisstaffel, ...]
    zusatz_attribute: tuple[ZusatzAttribut, ...]


class Geschaeftspartner(_Object, frozen=True, kw_only=True, tag="GESCHAEFTSPARTNER"):
    version: str = msgspec.field(name="_version")
    organisationsname: str
    website: str | None = None


class Marktteilnehmer(_Object, frozen=True, kw_only=True, tag="MARKTTEILNEHMER"):
    version: str = msgspec.field(name="_version")
    marktrolle: str
    rollencodenummer: str | None = None
    rollencodetyp: str | None = None
    sparte: str
    geschaeftspartner: Geschaeftspartner
    zusatz_attribute: tuple[ZusatzAttribut, ...] = ()


class Preisblatt(_Object, frozen=True, kw_only=True):
    version: str = msgspec.field(name="_version")
    bezeichnung: str
    sparte: str
    preisstatus: Preisstatus
    gueltigkeit: Zeitraum
    herausgeber: Marktteilnehmer
    bilanzierungsmethode: Bilanzierungsmethode | None = None
    preispositionen: tuple[Preisposition, ...]


class PreisblattNetznutzung(Preisblatt, frozen=True, kw_only=True, tag="PREISBLATTNETZNUTZUNG"):
    netzebene: Netzebene | None = None
    kundengruppe: str | None = None


class PreisblattMessung(Preisblatt, frozen=True, kw_only=True, tag="PREISBLATTMESSUNG"):
    messebene: Netzebene | None = None


class PreisblattDienstleistung(Preisblatt, frozen=True, kw_only=True, tag="PREISBLATTDIENSTLEISTUNG"):
    """Services, for instance Sperrung."""
