"""The tables of the register's export that are read, their fields, and what is kept of each record.

Names of tables and fields are those of the export. A record that cannot be used is None.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from app.domain.folding import compose
from app.importers.register.xml_records import Record

# One row of a staging table, as COPY in text format takes it.
StagedRow: TypeAlias = tuple[object, ...]


class UnitKind(IntEnum):
    """What a unit generates its power from, as far as statistics distinguish it."""

    SOLAR = 1
    WIND = 2
    OTHER = 3
    CONSUMER = 4  # no generating capacity


class Table(NamedTuple):
    """`element`: the name of one record; `staged`: the staging table."""

    element: str
    fields: Sequence[str]
    staged: str
    row: Callable[[Record], StagedRow | None]


def mastr_number(prefix: str) -> Callable[[str], int | None]:
    """The digits of a number such as SEL999990000001; None for anything else."""
    matches = re.compile(f"{prefix}([0-9]{{12}})").fullmatch

    def parse(text: str) -> int | None:
        match = matches(text)
        return int(match[1]) if match else None

    return parse


_location = mastr_number("SEL")
_point = mastr_number("SAN")
_network = mastr_number("SNE")
_operator = mastr_number("SNB")
_any_unit = re.compile("S[A-Z]{2}([0-9]{12})").fullmatch

_IN_OPERATION: Final = "35"  # catalogue of the export: "In Betrieb"
_ELECTRICITY: Final = "20"  # catalogue: "Strom"
# Catalogue "Spannungsebene". Transformation levels are named from the higher voltage, as in the API.
VOLTAGE_LEVELS: Final[Mapping[str, str]] = {
    "348": "HOES",
    "349": "HOES_HS",
    "350": "HS",
    "351": "HS_MS",
    "352": "MS",
    "353": "MS_NS",
    "354": "NS",
}

_UNIT_FIELDS: Final = (
    "EinheitMastrNummer",
    "LokationMaStRNummer",
    "EinheitBetriebsstatus",
    "Postleitzahl",
    "Ort",
    "Bruttoleistung",
)


def _units(kind: UnitKind) -> Callable[[Record], StagedRow | None]:
    def row(record: Record) -> StagedRow | None:
        """Units in operation, with a location."""
        unit, location_number, status, postal_code, city, kilowatts = record
        location = _location(location_number)
        number = _any_unit(unit)
        if status != _IN_OPERATION or location is None or number is None:
            return None
        capacity = None if kind is UnitKind.CONSUMER else _kilowatts(kilowatts)
        return int(number[1]), location, int(kind), _postal_code(postal_code), _name(city), capacity

    return row


def _connection_point(record: Record) -> StagedRow | None:
    """Not those that are only planned."""
    point_number, location_number, level, network, operator, planned = record
    point, location = _point(point_number), _location(location_number)
    if point is None or location is None or planned in ("1", "true"):
        return None
    return point, location, VOLTAGE_LEVELS.get(level), _network(network), _operator(operator)


def _network_row(record: Record) -> StagedRow | None:
    """A network without branch can be one of electricity: its operator's number shows it."""
    number, branch, closed = record
    network = _network(number)
    return None if network is None else (network, branch in (_ELECTRICITY, ""), closed in ("1", "true"))


def _operator_row(record: Record) -> StagedRow | None:
    """Market participants that operate an electricity network; others have no number SNB…."""
    number, name, networks, acer_code, state, postal_code, city, website = record
    operator = _operator(number)
    if operator is None:
        return None
    listed = sorted({found for each in re.split("[,;]", networks) if (found := _network(each.strip()))})
    address = (_postal_code(postal_code), _name(city), website or None)
    return (
        operator,
        _name(name),
        "{" + ",".join(map(str, listed)) + "}",
        acer_code or None,
        state or None,
        *address,
    )


def _role_row(record: Record) -> StagedRow | None:
    """The BDEW code of a role as network operator; other roles of the same company have codes of their own."""
    number, role, code = record
    operator = _operator(number)
    if operator is None or role not in _NETWORK_OPERATORS or not re.fullmatch("[0-9]{13}", code):
        return None
    return operator, code


_NETWORK_OPERATORS: Final = ("Anschlussnetzbetreiber", "Übertragungsnetzbetreiber")


def _catalogue_row(record: Record) -> StagedRow | None:
    number, value = record
    return (int(number), value) if re.fullmatch("[0-9]{1,9}", number) and 0 < len(value) <= 100 else None


@lru_cache(maxsize=20_000)
def _postal_code(text: str) -> str | None:
    """German ones: five digits. Offshore units have none."""
    return text if re.fullmatch("[0-9]{5}", text) else None


@lru_cache(maxsize=20_000)
def _name(text: str) -> str | None:
    return compose(text)[:300].replace("\x00", "") or None


@lru_cache(maxsize=20_000)
def _kilowatts(text: str) -> Decimal | None:
    """The register has three decimals."""
    return Decimal(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else None


def _unit_table(element: str, kind: UnitKind) -> Table:
    return Table(element, _UNIT_FIELDS, "unit", _units(kind))


# Kinds of generating units without which the total capacity is not known.
MAIN_GENERATION: Final = (
    "EinheitenSolar",
    "EinheitenStromSpeicher",
    "EinheitenWind",
    "EinheitenBiomasse",
    "EinheitenWasser",
    "EinheitenVerbrennung",
)
UNITS: Final[Mapping[str, Table]] = {
    "EinheitenSolar": _unit_table("EinheitSolar", UnitKind.SOLAR),
    "EinheitenWind": _unit_table("EinheitWind", UnitKind.WIND),
    **{
        name: _unit_table(name.replace("Einheiten", "Einheit", 1), UnitKind.OTHER)
        for name in (
            "EinheitenStromSpeicher",
            "EinheitenBiomasse",
            "EinheitenWasser",
            "EinheitenVerbrennung",
            "EinheitenKernkraft",
            "EinheitenGeothermieGrubengasDruckentspannung",
            "EinheitenGeoSolarthermieGrubenKlaerschlammDruckentspannung",  # the earlier name
        )
    },
    "EinheitenStromVerbraucher": _unit_table("EinheitStromVerbraucher", UnitKind.CONSUMER),
}
CONNECTION_POINTS: Final = "Netzanschlusspunkte"
OPERATORS: Final = "Marktakteure"
NETWORKS: Final = "Netze"
TABLES: Final[Mapping[str, Table]] = {
    "Katalogwerte": Table("Katalogwert", ("Id", "Wert"), "catalogue", _catalogue_row),
    OPERATORS: Table(
        "Marktakteur",
        ("MastrNummer", "Firmenname", "Netz", "AcerCode", "Bundesland", "Postleitzahl", "Ort", "Webseite"),
        "operator",
        _operator_row,
    ),
    "MarktakteureUndRollen": Table(
        "MarktakteurUndRolle",
        ("MarktakteurMastrNummer", "Marktrolle", "Marktpartneridentifikationsnummer"),
        "role",
        _role_row,
    ),
    NETWORKS: Table("Netz", ("MastrNummer", "Sparte", "GeschlossenesVerteilnetz"), "network", _network_row),
    CONNECTION_POINTS: Table(
        "Netzanschlusspunkt",
        (
            "NetzanschlusspunktMastrNummer",
            "LokationMaStRNummer",
            "Spannungsebene",
            "NetzMaStRNummer",
            "NetzbetreiberMaStRNummer",
            "NochInPlanung",
        ),
        "connection_point",
        _connection_point,
    ),
    **UNITS,
}
