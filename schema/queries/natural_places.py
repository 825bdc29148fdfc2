"""The operators at the postal code of a question, which stands for the name of one."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from msgspec import structs

from app.domain import tags
from app.domain.entry import VoltageLevel
from app.domain.place import DnoAtPlace, PlaceBasis
from app.domain.question import Interpretation, NamedPlace, QuestionTopic
from schema.context import Context
from schema.queries.places import load_dnos_at

MAX_CANDIDATES = 10
BY_PLACE = 0.95  # certainty of an operator that is the only one at a postal code


class AtPlace(NamedTuple):
    """The meaning with the operators at its place. `used`: the tags that they depend on."""

    meaning: Interpretation
    operators: Sequence[DnoAtPlace] = ()
    used: frozenset[str] = frozenset()


async def with_operator_at_place(context: Context, meaning: Interpretation) -> AtPlace:
    """Where several operators have a network there, they are candidates; a seat alone is no evidence of a network."""
    place = meaning.details.place
    if place is None:
        return AtPlace(meaning)
    operators = await _load(context, place, meaning.voltage_level)
    if not operators and meaning.topic is not QuestionTopic.GRID_OPERATOR:
        operators = await _load(context, place, None)  # evidence of any level
    used = frozenset((tags.PLACES, tags.DIRECTORY))
    if meaning.topic is QuestionTopic.GRID_OPERATOR:
        found = tuple(one.dno_id for one in operators[:MAX_CANDIDATES]) or meaning.candidates
        known = [one.dno_id for one in operators if one.basis is not PlaceBasis.SEAT]
        only = known[0] if len(operators) == len(known) == 1 else None
        return AtPlace(structs.replace(meaning, dno_id=only, candidates=found), operators, used)
    return AtPlace(_of_operators(meaning, operators), (), used)


async def _load(context: Context, place: NamedPlace, level: VoltageLevel | None) -> Sequence[DnoAtPlace]:
    """The word behind a postal code need not be a place."""
    operators = await load_dnos_at(context, place.postal_code, place.city, level)
    if not operators and place.city is not None:
        return await load_dnos_at(context, place.postal_code, None, level)
    return operators


def _of_operators(meaning: Interpretation, operators: Sequence[DnoAtPlace]) -> Interpretation:
    known = [one.dno_id for one in operators if one.basis is not PlaceBasis.SEAT]
    if not known:
        return meaning if _is_named(meaning) else _by_seat(meaning, [one.dno_id for one in operators])
    meaning = structs.replace(meaning, by_seat=False)
    if meaning.dno_id in known:
        return meaning  # the place that is named beside the postal code
    confidence = round(meaning.confidence * BY_PLACE, 3)
    if len(known) == 1:
        return structs.replace(
            meaning, dno_id=known[0], candidates=tuple(known), unknown=None, confidence=confidence
        )
    candidates = tuple(known[:MAX_CANDIDATES])
    return structs.replace(meaning, dno_id=None, candidates=candidates, unknown=None, confidence=confidence)


def _is_named(meaning: Interpretation) -> bool:
    return meaning.dno_id is not None or bool(meaning.candidates)


def _by_seat(meaning: Interpretation, seats: Sequence[UUID]) -> Interpretation:
    if seats:
        return structs.replace(meaning, candidates=tuple(seats[:MAX_CANDIDATES]), unknown=None)
    assert meaning.details.place is not None
    return structs.replace(meaning, unknown=meaning.unknown or meaning.details.place.postal_code)
