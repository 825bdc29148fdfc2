"""The answers whose grid a place has, with what they rest on."""

from typing import Any

import pytest

from app.domain.dno import Dno
from app.domain.place import DnoAtPlace, PlaceBasis
from app.domain.question import Details, Interpretation, Language, NamedPlace, QuestionTopic
from app.domain.question_figures import Figures
from app.interpreter.answer import answer_of
from tests.unit.interpreter.test_topic_answers import NETZ, A, B

DE, EN = Language.GERMAN, Language.ENGLISH
MUNICH = NamedPlace("80331", "münchen")


def asked(place: NamedPlace | None, language: Language = DE, **more: Any) -> Interpretation:
    return Interpretation(
        None,
        None,
        None,
        None,
        0.9,
        (),
        language,
        topic=QuestionTopic.GRID_OPERATOR,
        details=Details(place=place),
        **more,
    )


def at(dno: Dno, share: float, locations: int, basis: PlaceBasis = PlaceBasis.REGISTERED_UNITS) -> DnoAtPlace:
    return DnoAtPlace(dno.id, share, locations, basis)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (DE, "Netzbetreiber in 80331 München: Netz A (98 % von 1.000 erfassten Standorten) und Werk B (2 % von 1.000 erfassten "
            "Standorten). Die Anteile zählen Standorte im Marktstammdatenregister, keine Konzessionsgebiete."),
        (EN, "Grid operators in 80331 München: Netz A (98 % of 1,000 counted locations) and Werk B (2 % of 1,000 counted "
            "locations). The shares count locations in the Marktstammdatenregister, not concession areas."),
    ],
)  # fmt: skip
def test_the_operators_at_a_postal_code_are_answered_with_their_shares(language: Language, text: str) -> None:
    operators = [at(A, 0.98, 980), at(B, 0.02, 20)]
    assert (
        answer_of(asked(MUNICH, language), dno=None, candidates=[A, B], figures=Figures(operators=operators))
        == text
    )


def test_small_shares_and_published_lists_are_named_as_such() -> None:
    operators = [at(A, 0.999, 999), at(B, 0.001, 1)]
    text = answer_of(asked(MUNICH), dno=None, candidates=[A, B], figures=Figures(operators=operators))
    assert "Werk B (unter 1 % von 1.000 erfassten Standorten)" in text
    published = [at(A, 0.0, 0, PlaceBasis.PUBLISHED)]
    text = answer_of(asked(MUNICH), dno=None, candidates=[A], figures=Figures(operators=published))
    assert text == "Netzbetreiber in 80331 München: Netz A (nach einer veröffentlichten Liste)."


def test_a_seat_is_not_taken_for_a_network() -> None:
    seats = [at(A, 0.0, 0, PlaceBasis.SEAT)]
    assert answer_of(asked(MUNICH), dno=None, candidates=[A], figures=Figures(operators=seats)) == (
        "80331 München: Wessen Netz dort liegt, ist hier nicht erfasst; ihren Sitz haben dort: Netz A."
    )


def test_without_a_known_operator_those_whose_name_fits_are_named() -> None:
    assert answer_of(asked(NamedPlace("01067")), dno=None) == (
        "01067: Für diese Postleitzahl ist kein Netzbetreiber erfasst."
    )
    assert answer_of(asked(NamedPlace("01067")), dno=None, candidates=[A]).endswith(
        "dem Namen oder Sitz nach passen: Netz A."
    )
    assert answer_of(asked(None, EN, lacking=True), dno=None, candidates=[A, B]) == (
        "By name or seat these fit: Netz A and Werk B. Please name the postal code."
    )
    assert answer_of(asked(None, lacking=True), dno=None).startswith("Bitte nennen Sie die Postleitzahl")


def test_the_operator_of_a_code_is_answered_with_its_name() -> None:
    meaning = Interpretation(None, NETZ, None, None, 0.9, (NETZ,), DE, topic=QuestionTopic.GRID_OPERATOR)
    assert answer_of(meaning, dno=A, candidates=[A]) == "Netz A"
