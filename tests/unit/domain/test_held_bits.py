"""Records of held figures beside the directory of another moment, compared with plain sets."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.domain.bits import bits_of, flags_of
from app.domain.directory import Directory
from app.domain.dno import DirectoryEntry
from app.domain.entry import VerificationStatus
from app.domain.folding import fold
from app.domain.held_figures import HeldFigures, HeldOfYear

NOW = datetime(2026, 1, 1, tzinfo=UTC)
numbers = st.sets(st.integers(0, 2**128 - 1), max_size=70)
words = st.text(alphabet="abü -", max_size=12)


def entry(number: int, name: str = "Netze", **fields: Any) -> DirectoryEntry:
    values = {"region": None, "city": None, "transmission": False, "closed_network": False} | fields
    return DirectoryEntry(
        id=UUID(int=number), slug=f"n-{number:x}", name=name, official_name=None, postal_code=None,
        connection_points=None, updated_at=NOW, **values,
    )  # fmt: skip


@given(st.lists(st.booleans(), max_size=200))
def test_flags_and_bits_are_the_same_set(flags: list[bool]) -> None:
    assert [bool(flag) for flag in flags_of(bits_of(flags), len(flags))] == flags
    assert bits_of(flags) == sum(1 << at for at, flag in enumerate(flags) if flag)


@given(numbers, numbers, st.data())
def test_positions_of_a_record_become_those_of_the_directory(
    listed: set[int], recorded: set[int], data: st.DataObject
) -> None:
    ids = [UUID(int=number) for number in sorted(recorded)]
    held = [data.draw(st.sets(st.sampled_from(ids))) if ids else set[UUID]() for _ in range(2)]
    record = HeldOfYear(
        b"".join(dno_id.bytes for dno_id in ids),
        tuple(
            HeldFigures(
                "HLZF", None, None, VerificationStatus.VERIFIED, len(having),
                bits_of([dno_id in having for dno_id in ids]).to_bytes(16, "little"),
            )
            for having in held
        ),
    )  # fmt: skip
    directory = Directory([entry(number) for number in listed])
    known = {each.id for each in directory.entries}
    found = directory.held(2025, record)
    assert [each.operators for each in found.figures] == [directory.bits_of(having) for having in held]
    assert set(found.absent) == set[UUID]().union(*held) - known
    assert found.operators.bit_count() == len(set[UUID]().union(*held) & known)
    assert directory.held(2025, record) is found
    assert [each.operators for each in directory.held_of_any({2025: record, 2024: record})] == [
        directory.bits_of(set[UUID]().union(*held))
    ]


@given(st.lists(words, max_size=8), st.lists(words.filter(str.strip), max_size=3))
def test_operators_are_found_by_the_beginnings_of_their_words(names: list[str], wanted: list[str]) -> None:
    directory = Directory([entry(number, name) for number, name in enumerate(names, 16)])
    prefixes = [word for text in wanted for word in fold(text).split()]
    texts = {
        each.id: fold(f"{each.name} {each.slug.replace('-', ' ')}").split() for each in directory.entries
    }
    expected = [
        dno_id
        for dno_id, own in texts.items()
        if all(any(word.startswith(prefix) for word in own) for prefix in prefixes)
    ]
    assert directory.with_prefixes(prefixes) == directory.bits_of(expected)
