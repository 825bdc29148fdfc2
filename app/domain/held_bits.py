"""Records of held figures as bits, by the positions of operators in the directory."""

from itertools import compress
from uuid import UUID

from app.domain.bits import bits_of, flags_of
from app.domain.directory_parts import ByBit
from app.domain.held_figures import ID_BYTES, HeldBits, HeldInDirectory, HeldOfYear


def held_in(by_bit: ByBit, held: HeldOfYear) -> HeldInDirectory:
    if held.ids == by_bit.ids:
        return HeldInDirectory(
            tuple(HeldBits(each, int.from_bytes(each.operators, "little")) for each in held.figures)
        )
    return _moved(by_bit, held)


def _moved(by_bit: ByBit, held: HeldOfYear) -> HeldInDirectory:
    """Operators were added or deleted: of the record, or since it was read."""
    ids = [UUID(bytes=held.ids[at : at + ID_BYTES]) for at in range(0, len(held.ids), ID_BYTES)]
    behind = len(by_bit.entries)  # where those go that are not in the directory
    places = [by_bit.positions.get(dno_id, behind) for dno_id in ids]
    found, absent = [], set[UUID]()
    for each in held.figures:
        flags = flags_of(int.from_bytes(each.operators, "little"), len(ids))
        moved = bytearray(behind + 1)
        for place in compress(places, flags):
            moved[place] = 1
        if moved.pop():
            absent.update(dno_id for dno_id in compress(ids, flags) if dno_id not in by_bit.positions)
        found.append(HeldBits(each, bits_of(moved)))
    return HeldInDirectory(tuple(found), tuple(sorted(absent)))
