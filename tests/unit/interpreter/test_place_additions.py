"""Places of one name are not taken for each other: an addition that an operator does not have is no detail."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from app.domain.dno import DirectoryEntry
from app.interpreter.interpret import interpret
from app.interpreter.vocabulary import Vocabulary

TODAY = date(2026, 11, 30)


def operator(name: str, city: str, region: str) -> DirectoryEntry:
    return DirectoryEntry(
        id=uuid4(),
        slug=name.lower().replace(" ", "-"),
        name=name,
        official_name=None,
        region=region,
        city=city,
        postal_code=None,
        transmission=False,
        closed_network=False,
        connection_points=1000,
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


# One operator of each name of a place, as in a register that is not complete.
ENTRIES = [
    operator("Netzgesellschaft Frankfurt (Oder)", "Frankfurt (Oder)", "Brandenburg"),
    operator("Stadtwerke Neustadt a. d. Donau", "Neustadt a.d.Donau", "Bayern"),
    operator("Stadtwerke Rothenburg o.d.T.", "Rothenburg", "Bayern"),
    operator("badenovaNETZE", "Freiburg", "Baden-Württemberg"),
    operator("Stadtwerke Schwedt", "Schwedt/Oder", "Brandenburg"),
    operator("Stadtwerke Ulm/Neu-Ulm Netze", "Ulm", "Baden-Württemberg"),
    operator("Stromnetz Weiden i.d.OPf.", "Weiden i.d.OPf.", "Bayern"),
]


@pytest.fixture(scope="module")
def few() -> Vocabulary:
    return Vocabulary.of(ENTRIES, [])


def chosen(vocabulary: Vocabulary, said: str) -> tuple[UUID | None, tuple[UUID, ...]]:
    found = interpret(said, vocabulary, TODAY)
    return found.dno_id, found.candidates


@pytest.mark.parametrize(
    ("place", "candidate"),
    [
        ("Frankfurt am Main", 0),
        ("Frankfurt/Main", 0),
        ("Frankfurt (Main)", 0),
        ("Frankfurt a.M.", 0),
        ("Frankfurt in Hessen", 0),
        ("Neustadt an der Weinstraße", 1),
        ("Stadtwerke Neustadt an der Weinstraße", 1),
        ("Neustadt in Holstein", 1),
        ("Neustadt bei Coburg", 1),
        ("Neustadt/Weinstr.", 1),
        ("Rothenburg/Oberlausitz", 2),
        ("Freiburg in Niedersachsen", 3),
        ("Freiburg, Schleswig-Holstein", 3),
        ("Freiburg in Lower Saxony", 3),
    ],
)
def test_a_place_with_another_addition_is_asked_back_for(few: Vocabulary, place: str, candidate: int) -> None:
    for said in (f"Netzentgelte {place}", f"Netzentgelte {place} MS 2026"):
        assert chosen(few, said) == (None, (ENTRIES[candidate].id,)), said


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("Frankfurt", 0),
        ("Frankfurt (Oder)", 0),
        ("Frankfurt an der Oder", 0),
        ("Frankfurt/Oder", 0),
        ("Frankfurt am Montag", 0),
        ("Frankfurt in der Mittelspannung", 0),
        ("Frankfurt in Brandenburg", 0),
        ("Neustadt an der Donau", 1),
        ("Neustadt a.d. Donau", 1),
        ("Rothenburg ob der Tauber", 2),
        ("Freiburg im Breisgau", 3),
        ("Freiburg in Baden-Württemberg", 3),
        ("Schwedt an der Oder", 4),
        ("Schwedt", 4),
        ("Ulm an der Donau", 5),
        ("Stromnetz Weiden i.d. Oberpfalz", 6),
    ],
)
def test_a_place_with_its_own_addition_or_none_is_answered(few: Vocabulary, place: str, number: int) -> None:
    assert chosen(few, f"Netzentgelte {place}")[0] == ENTRIES[number].id


def test_stadtwerke_of_a_town_are_not_another_company_with_its_seat_there(few: Vocabulary) -> None:
    for said in ("Netzentgelte Stadtwerke Freiburg MS", "grid fees of Stadtwerke Freiburg"):
        assert chosen(few, said) == (None, (ENTRIES[3].id,))
    assert chosen(few, "Netzentgelte Stadtwerke Schwedt")[0] == ENTRIES[4].id
    assert chosen(few, "Netzentgelte Freiburg")[0] == ENTRIES[3].id


def test_it_is_known_whether_only_the_seat_of_an_operator_is_named(few: Vocabulary) -> None:
    by_seat = {
        said: interpret(said, few, TODAY).by_seat for said in ("Netzentgelte Freiburg", "HLZF Schwedt")
    }
    assert by_seat == {"Netzentgelte Freiburg": True, "HLZF Schwedt": False}
    assert not interpret("Netzentgelte badenovaNETZE Freiburg", few, TODAY).by_seat
