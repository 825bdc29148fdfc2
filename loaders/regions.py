"""The regions of the cache: struct, tag, fetch function and lifetime of each kind of record."""

from typing import Any
from uuid import UUID

from app.cache.region import Region
from app.db import (
    aliases,
    dnos,
    entry_locations,
    held_figures,
    holiday_rules,
    levies,
    places,
    revisions,
    unusual_entries,
    years,
)
from app.db.family_tables import TABLES
from app.db.unusual_entries import UnusualFigures
from app.domain import levy, tags
from app.domain.directory_record import DirectoryRecord
from app.domain.dno import Alias, Dno
from app.domain.entry import DnoYear, EntryLocation, VerificationStatus
from app.domain.entry_page import UnusualEntry
from app.domain.families import FAMILIES
from app.domain.family import Family
from app.domain.held_figures import ANY_YEAR, HeldOfYear
from app.domain.hlzf import Hlzf
from app.domain.holiday_rule import HolidayRule
from app.domain.levy import Levy
from app.domain.place import Place
from app.domain.price import Price
from app.domain.question import Interpretation
from app.domain.revision import Revision
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff
from app.interpreter.question_records import Question, interpret_all
from app.language_model.opinion_records import FAILED, UnsureQuestion, ask_all
from app.settings import Settings

# An interpretation with more confidence has the longer lifetime.
SURE_CONFIDENCE = 0.9


def _verified_lifetime(settings: Settings, _: object) -> float:
    return settings.verified_lifetime


def _by_status(settings: Settings, entries: tuple[Any, ...]) -> float:
    return settings.lifetime(
        all(entry.verification_status is VerificationStatus.VERIFIED for entry in entries)
    )


def _unless_failed(settings: Settings, opinion: Interpretation) -> float:
    return 0.0 if opinion.confidence == FAILED else _by_confidence(settings, opinion)


def _by_confidence(settings: Settings, interpretation: Interpretation) -> float:
    sure = interpretation.confidence > SURE_CONFIDENCE
    return settings.sure_interpretation_lifetime if sure else settings.unsure_interpretation_lifetime


DNO_BY_SLUG: Region[str, Dno] = Region("dno_by_slug", Dno, tags.slug, dnos.fetch_by_slug, _verified_lifetime)
DNO_BY_ID: Region[UUID, Dno] = Region("dno_by_id", Dno, tags.operator, dnos.fetch_by_id, _verified_lifetime)
DIRECTORY: Region[None, DirectoryRecord] = Region(
    "directory",
    DirectoryRecord,
    lambda _: tags.DIRECTORY,
    dnos.fetch_directory,
    _verified_lifetime,
)
ALIASES: Region[None, tuple[Alias, ...]] = Region(
    "aliases", tuple[Alias, ...], lambda _: tags.ALIASES, aliases.fetch_aliases, _verified_lifetime
)


def _of_family(family: Family) -> Region[DnoYear, Any]:
    struct: Any = family.struct
    return Region(
        family.name, tuple[struct, ...], family.tag, TABLES[family.name].fetch_by_dno_year, _by_status
    )


OF_FAMILY = {family.name: _of_family(family) for family in FAMILIES}
TARIFFS: Region[DnoYear, tuple[Tariff, ...]] = OF_FAMILY["tariffs"]
HLZF: Region[DnoYear, tuple[Hlzf, ...]] = OF_FAMILY["hlzf"]
TIME_OF_USE: Region[DnoYear, tuple[TimeOfUseTariff, ...]] = OF_FAMILY["time_of_use"]
PRICES: Region[DnoYear, tuple[Price, ...]] = OF_FAMILY["prices"]
# All of them in one record: a rate holds for years after the one in which it begins.
LEVIES: Region[None, tuple[Levy, ...]] = Region(
    "all_levies", tuple[Levy, ...], lambda _: tags.all_of(levy.FAMILY), levies.fetch_all, _by_status
)
HOLIDAY_RULES_OF_DNO: Region[UUID, tuple[HolidayRule, ...]] = Region(
    "holiday_rules_of_dno",
    tuple[HolidayRule, ...],
    tags.holiday_rules_of,
    holiday_rules.fetch_by_dno,
    _by_status,
)
YEARS: Region[UUID, tuple[int, ...]] = Region(
    "years", tuple[int, ...], tags.years, years.fetch_years, _verified_lifetime
)
DNOS_WITH_DATA: Region[int, frozenset[UUID]] = Region(
    "dnos_with_data", frozenset[UUID], tags.year, years.fetch_dnos_with_data, _verified_lifetime
)
HELD_FIGURES: Region[int, HeldOfYear] = Region(
    "held_figures", HeldOfYear, tags.held_figures, held_figures.fetch_held_figures, _verified_lifetime
)
HELD_YEARS: Region[None, tuple[int, ...]] = Region(
    "held_years",
    tuple[int, ...],
    lambda _: tags.held_figures(ANY_YEAR),
    held_figures.fetch_years,
    _verified_lifetime,
)
ENTRY_LOCATIONS: Region[UUID, EntryLocation] = Region(
    "places", EntryLocation, tags.location, entry_locations.fetch_entry_locations, _verified_lifetime
)
HISTORY: Region[UUID, tuple[Revision, ...]] = Region(
    "history", tuple[Revision, ...], tags.history, revisions.fetch_by_entry, _verified_lifetime
)
REVISIONS: Region[UUID, Revision] = Region(
    "revisions", Revision, tags.revision, revisions.fetch_by_id, _verified_lifetime
)
UNUSUAL_ENTRIES: Region[UUID, tuple[UnusualEntry, ...]] = Region(
    "unusual_entries",
    tuple[UnusualEntry, ...],
    tags.unusual_entries,
    unusual_entries.fetch_unusual_entries,
    _verified_lifetime,
)
UNUSUAL_FIGURES: Region[str, UnusualFigures] = Region(
    "unusual_figures",
    UnusualFigures,
    tags.unusual_figures,
    unusual_entries.fetch_unusual_figures,
    _verified_lifetime,
)
PLACE_GENERATION: Region[None, UUID] = Region(
    "place_generation", UUID, lambda _: tags.PLACES, places.fetch_generation, _verified_lifetime
)
PLACES: Region[places.PostalCode, tuple[Place, ...]] = Region(
    "places_by_postal_code",
    tuple[Place, ...],
    lambda key: tags.places(*key),
    places.fetch_by_postal_code,
    _verified_lifetime,
)
QUESTIONS: Region[Question, Interpretation] = Region(
    "questions",
    Interpretation,
    lambda question: tags.question(question.digest),
    interpret_all,
    _by_confidence,
    open_ended=True,
)
OPINIONS: Region[UnsureQuestion, Interpretation] = Region(
    "opinions",
    Interpretation,
    lambda unsure: tags.opinion(unsure.question.digest),
    ask_all,
    _unless_failed,
    open_ended=True,
)
