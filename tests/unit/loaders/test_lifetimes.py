"""How long a record of each region is cached: by verification status, by confidence, or for all records alike."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from app.domain.entry import VerificationStatus
from app.domain.families import FAMILIES
from app.domain.question import Interpretation, Language
from app.language_model.opinion_records import FAILED
from app.settings import Settings
from loaders import regions

VERIFIED, UNVERIFIED, FLAGGED = (
    VerificationStatus.VERIFIED,
    VerificationStatus.UNVERIFIED,
    VerificationStatus.FLAGGED,
)
SETTINGS = Settings(
    verified_lifetime=1,
    unverified_lifetime=2,
    sure_interpretation_lifetime=3,
    unsure_interpretation_lifetime=4,
    coverage_lifetime=5,
)


def interpretation(confidence: float) -> Interpretation:
    return Interpretation(None, None, None, None, confidence, (), Language.GERMAN)


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
@pytest.mark.parametrize(
    ("statuses", "seconds"),
    [
        ([], 1),
        ([VERIFIED], 1),
        ([VERIFIED, VERIFIED], 1),
        ([UNVERIFIED], 2),
        ([FLAGGED], 2),
        ([VERIFIED, UNVERIFIED], 2),
        ([FLAGGED, VERIFIED], 2),
    ],
)
def test_entries_have_the_lifetime_of_verified_records_if_all_of_them_are_verified(
    family: Any, statuses: Sequence[VerificationStatus], seconds: float
) -> None:
    entries = tuple(SimpleNamespace(verification_status=status) for status in statuses)
    assert regions.OF_FAMILY[family.name].lifetime(SETTINGS, entries) == seconds


@pytest.mark.parametrize("region", [regions.QUESTIONS, regions.OPINIONS], ids=["questions", "opinions"])
@pytest.mark.parametrize(("confidence", "seconds"), [(1.0, 3), (0.91, 3), (0.9, 4), (0.5, 4), (0.01, 4)])
def test_sure_interpretations_have_a_lifetime_of_their_own(
    region: Any, confidence: float, seconds: float
) -> None:
    assert region.lifetime(SETTINGS, interpretation(confidence)) == seconds


def test_the_opinion_of_a_model_that_failed_is_not_cached() -> None:
    assert regions.OPINIONS.lifetime(SETTINGS, interpretation(FAILED)) == 0
    assert regions.QUESTIONS.lifetime(SETTINGS, interpretation(FAILED)) == 4


@pytest.mark.parametrize(
    "region",
    [
        regions.DNO_BY_SLUG,
        regions.DNO_BY_ID,
        regions.DIRECTORY,
        regions.ALIASES,
        regions.YEARS,
        regions.DNOS_WITH_DATA,
        regions.HELD_FIGURES,
        regions.ENTRY_LOCATIONS,
        regions.HISTORY,
        regions.REVISIONS,
    ],
    ids=lambda region: region.name,
)
def test_records_that_only_writes_change_have_the_lifetime_of_verified_records(region: Any) -> None:
    assert region.lifetime(SETTINGS, SimpleNamespace()) == 1


def test_only_records_whose_keys_clients_can_invent_are_open_ended() -> None:
    every = [value for value in vars(regions).values() if isinstance(value, regions.Region)]
    assert {region.name for region in every if region.open_ended} == {"questions", "opinions"}


def test_the_record_of_a_family_is_named_and_tagged_as_the_family() -> None:
    key: Any = (UUID(int=1), 2025)
    for family in FAMILIES:
        region = regions.OF_FAMILY[family.name]
        assert region.name == family.name
        assert region.tag(key) == family.tag(key) == f"{family.name}:{key[0]}:2025"


def test_the_holiday_rules_of_an_operator_have_the_lifetime_of_the_least_verified_of_them() -> None:
    region = regions.HOLIDAY_RULES_OF_DNO
    for statuses, seconds in (((VERIFIED,), 1), ((VERIFIED, UNVERIFIED), 2)):
        rules: Any = tuple(SimpleNamespace(verification_status=status) for status in statuses)
        assert region.lifetime(SETTINGS, rules) == seconds
