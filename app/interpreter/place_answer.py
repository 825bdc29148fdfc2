"""The answer whose grid a place has: each operator with its share, and what that rests on."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.dno import Dno
from app.domain.place import DnoAtPlace, PlaceBasis
from app.domain.question import Interpretation
from app.interpreter.answer_words import GERMAN, Words, amount, listed

MAX_OPERATORS = 5  # more would not be read


class _PlaceWords(NamedTuple):
    at: str
    share: str
    few: str
    published: str
    registered: str
    others: str
    seat: str
    unknown: str
    by_name: str
    by_name_alone: str
    place_missing: str


_GERMAN: Final = _PlaceWords(
    at="Netzbetreiber in {}: {}.",
    share="{} % von {} erfassten Standorten",
    few="unter 1 % von {} erfassten Standorten",
    published="nach einer veröffentlichten Liste",
    registered=" Die Anteile zählen Standorte im Marktstammdatenregister, keine Konzessionsgebiete.",
    others="{} weitere",
    seat="{}: Wessen Netz dort liegt, ist hier nicht erfasst; ihren Sitz haben dort: {}.",
    unknown="{}: Für diese Postleitzahl ist kein Netzbetreiber erfasst.",
    by_name="{}: Für diese Postleitzahl ist kein Netzbetreiber erfasst; dem Namen oder Sitz nach passen: {}.",
    by_name_alone="Dem Namen oder Sitz nach passen: {}. Bitte nennen Sie die Postleitzahl.",
    place_missing="Bitte nennen Sie die Postleitzahl, zum Beispiel „Wer ist mein Netzbetreiber in 80331 München?“.",
)
_ENGLISH: Final = _PlaceWords(
    at="Grid operators in {}: {}.",
    share="{} % of {} counted locations",
    few="below 1 % of {} counted locations",
    published="by a published list",
    registered=" The shares count locations in the Marktstammdatenregister, not concession areas.",
    others="{} others",
    seat="{}: whose grid is there is not known here; these have their seat there: {}.",
    unknown="{}: no grid operator is known for this postal code.",
    by_name="{}: no grid operator is known for this postal code; by name or seat these fit: {}.",
    by_name_alone="By name or seat these fit: {}. Please name the postal code.",
    place_missing="Please name the postal code, for example “Who is my grid operator in 80331 München?”.",
)


def whose_grid(
    words: Words,
    meaning: Interpretation,
    dno: Dno | None,
    operators: Sequence[DnoAtPlace],
    candidates: Sequence[Dno],
) -> str:
    """`candidates`: the operators at the place, or those whose name or seat fits."""
    of_place = _GERMAN if words is GERMAN else _ENGLISH
    place = meaning.details.place
    if place is None:
        if dno is not None and not meaning.lacking:
            return _named_by_code(dno)
        if not candidates:
            return of_place.place_missing
        return of_place.by_name_alone.format(_names(words, of_place, candidates))
    where = f"{place.postal_code} {place.city.title()}" if place.city else place.postal_code
    if not operators:
        if not candidates:
            return of_place.unknown.format(where)
        return of_place.by_name.format(where, _names(words, of_place, candidates))
    if all(one.basis is PlaceBasis.SEAT for one in operators):
        return of_place.seat.format(where, _names(words, of_place, candidates))
    return _shares(words, of_place, where, operators, {one.id: one.name for one in candidates})


def _named_by_code(dno: Dno) -> str:
    codes = ", ".join(code for code in (dno.mastr_nr, dno.bdew_code) if code)
    return f"{dno.name} ({codes})" if codes else dno.name


def _names(words: Words, of_place: _PlaceWords, dnos: Sequence[Dno]) -> str:
    names = [dno.name for dno in dnos]
    more = len(names) - MAX_OPERATORS
    shown = [*names[:MAX_OPERATORS], of_place.others.format(more)] if more > 0 else names
    return listed(shown, words.both)


def _shares(
    words: Words,
    of_place: _PlaceWords,
    where: str,
    operators: Sequence[DnoAtPlace],
    names: Mapping[UUID, str],
) -> str:
    total = sum(one.locations for one in operators)
    texts = [
        f"{names.get(one.dno_id, '')} ({_evidence(words, of_place, one, total)})"
        for one in operators[:MAX_OPERATORS]
    ]
    if (more := len(operators) - MAX_OPERATORS) > 0:
        texts.append(of_place.others.format(more))
    text = of_place.at.format(where, listed(texts, words.both))
    counted = any(one.basis is PlaceBasis.REGISTERED_UNITS for one in operators)
    return text + of_place.registered if counted else text


def _evidence(words: Words, of_place: _PlaceWords, one: DnoAtPlace, total: int) -> str:
    if not one.locations:
        return of_place.published
    percent, counted = round(100 * one.share), amount(words, Decimal(total))
    return of_place.share.format(percent, counted) if percent else of_place.few.format(counted)
