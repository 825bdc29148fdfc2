"""What a sentence names only to leave it out: it is never answered as if it were meant."""

from datetime import date
from uuid import UUID

import pytest

from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.domain.question import NotHeld
from app.interpreter.interpret import interpret
from app.interpreter.vocabulary import Vocabulary

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    "said",
    [
        "alle Netzbetreiber bis auf Westnetz",
        "Netzentgelte MS 2026 aller Netzbetreiber bis auf die Westnetz",
        "alle Netzbetreiber abgesehen von Westnetz Netzentgelte MS 2026",
        "mit Ausnahme der Westnetz alle Netzentgelte",
        "alle Netzentgelte mit Ausnahme von Westnetz und Syna",
        "grid charges of all operators with the exception of Westnetz",
        "which DSO besides Westnetz is the cheapest in MV 2026",
        "all grid charges in MV aside from Westnetz",
        "Netzentgelte Netze BW alle Ebenen bis auf MS",
    ],
)
def test_words_for_an_exception_leave_out_what_follows(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.not_held, found.dno_id, found.voltage_level) == (NotHeld.EXCEPTION, None, None)


@pytest.mark.parametrize(
    ("said", "slug"),
    [
        ("Netzentgelte Westnetz bis auf weiteres", "westnetz"),
        ("Abgesehen davon: Netzentgelte Westnetz", "westnetz"),
        ("Besides, what does Westnetz charge for the grid?", "westnetz"),
    ],
)
def test_the_same_words_leave_out_nothing_where_they_stand_for_something_else(
    vocabulary: Vocabulary, slugs: dict[UUID, str], said: str, slug: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert found.dno_id is not None
    assert (slugs[found.dno_id], found.not_held) == (slug, None)


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ("Alle Umlagen 2026 außer § 19", {LevyKind.PARAGRAF_19_STROM_NEV}),
        ("Umlagen 2026 ohne Paragraph 19", {LevyKind.PARAGRAF_19_STROM_NEV}),
        ("Umlagen 2026 ohne KWKG und § 19", {LevyKind.KWKG, LevyKind.PARAGRAF_19_STROM_NEV}),
        ("all levies except section 19 2026", {LevyKind.PARAGRAF_19_STROM_NEV}),
        ("alle Umlagen exkl. MwSt 2026", {LevyKind.UMSATZSTEUER}),
        ("levies besides VAT 2026", {LevyKind.UMSATZSTEUER}),
    ],
)
def test_a_levy_is_left_out_also_by_its_section_alone(
    vocabulary: Vocabulary, said: str, left_out: set[LevyKind]
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert found.year == 2026
    assert set(LevyKind) - set(found.details.levies) == left_out


def test_a_medium_that_is_not_meant_denies_nothing_behind_it(vocabulary: Vocabulary) -> None:
    found = interpret("nicht Gas, Wärmepumpe Netze BW", vocabulary, TODAY)
    assert PriceKind.WAERMEPUMPE_ARBEITSPREIS in found.details.kinds


@pytest.mark.parametrize("no", ["nein", "nee", "nö"])
def test_no_takes_back_what_stood_before(vocabulary: Vocabulary, slugs: dict[UUID, str], no: str) -> None:
    found = interpret(f"Netze BW, {no}, Westnetz MS 2026", vocabulary, TODAY)
    assert found.dno_id is not None
    assert slugs[found.dno_id] == "westnetz"
