"""Pages of operators: in every order, each operator is on exactly one page."""

import asyncio
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.directory import Directories, Directory
from app.domain.directory_pages import DnoOrder, read_cursor, write_cursor
from app.domain.directory_record import DirectoryRecord, pack, unpack
from app.domain.dno import DirectoryEntry
from app.errors import BadInput
from app.stepwise import run_at_once

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
names = st.text(max_size=8) | st.sampled_from(["Netz", "NETZ", "nétz", "Straße", "Strasse"])
moments = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
orders = st.sampled_from(DnoOrder)


@st.composite
def directories(draw):
    slugs = draw(st.lists(st.from_regex(r"[a-z0-9-]{1,6}", fullmatch=True), unique=True, max_size=12))
    return [
        DirectoryEntry(
            UUID(int=number), slug, draw(names), None, draw(st.sampled_from([None, "Bayern"])), None, None,
            False, False, draw(st.none() | st.integers(0, 3)), draw(moments),
        )
        for number, slug in enumerate(slugs)
    ]  # fmt: skip


def pages(directory, order, first, operators=None):
    """All pages, each requested with the cursor of the one before, as a client does."""
    after = None
    while True:
        page = directory.in_order(order).page(first, after, operators)
        yield page
        if not page.has_next:
            return
        after = read_cursor(write_cursor(page.entries[-1], order), order)


@given(directories(), orders, st.integers(1, 5), st.booleans())
def test_pages_hold_each_operator_once_and_in_order(entries, order, first, of_one_region):
    wanted = [entry for entry in entries if not of_one_region or entry.region == "Bayern"]
    directory = Directory(entries)
    operators = directory.bits_of(entry.id for entry in wanted) if of_one_region else None
    found = list(pages(directory, order, first, operators))
    shown = [entry for page in found for entry in page.entries]
    assert sorted(entry.slug for entry in shown) == sorted(entry.slug for entry in wanted)
    assert shown == [entry for entry in Directory(entries).in_order(order).entries if entry in wanted]
    assert {page.total for page in found} == {len(wanted)}
    assert [page.has_previous for page in found] == [False] + [True] * (len(found) - 1)


@given(directories(), orders, st.integers(1, 3), st.data())
def test_operators_added_or_removed_between_two_pages_affect_no_others(entries, order, first, data):
    gone = data.draw(st.sets(st.sampled_from([entry.slug for entry in entries]))) if entries else set()
    page = Directory(entries).in_order(order).page(first, None)
    if not page.has_next:
        return
    after = read_cursor(write_cursor(page.entries[-1], order), order)
    stay = [entry for entry in entries if entry.slug not in gone]
    rest = Directory(stay).in_order(order).page(100, after).entries
    shown = {entry.slug for entry in page.entries}
    assert {entry.slug for entry in rest} == {entry.slug for entry in stay} - shown


@given(directories().filter(bool), orders, orders)
def test_a_cursor_is_read_in_its_own_order_only(entries, order, other):
    cursor = write_cursor(entries[0], order)
    assert read_cursor(cursor, order).slug == entries[0].slug
    if other is not order:
        with pytest.raises(BadInput) as refused:
            read_cursor(cursor, other)
        assert refused.value.details == {"argument": "after"}
        assert refused.value.message == (f"`after` is a cursor of a list ordered by {order}, not by {other}.")


@pytest.mark.parametrize(
    "values",
    [
        (DnoOrder.NAME, 1, "netze-a"),
        (DnoOrder.SLUG, 1.5, "netze-a"),
        (DnoOrder.CONNECTION_POINTS, "Netze", "netze-a"),
        (DnoOrder.UPDATED_AT, "Netze", "netze-a"),
        (DnoOrder.UPDATED_AT, float("nan"), "netze-a"),
        (DnoOrder.NAME, "Netze"),
        (DnoOrder.NAME, "Netze", 5),
    ],
)
def test_a_cursor_whose_values_do_not_fit_its_order_is_rejected(values):
    cursor = urlsafe_b64encode(msgspec.msgpack.encode(values)).decode().rstrip("=")
    with pytest.raises(BadInput) as refused:
        read_cursor(cursor, values[0])
    assert refused.value.details == {"argument": "after"}
    assert refused.value.message == "`after` is not a cursor of this list."


def test_a_cursor_longer_than_1000_characters_is_rejected_and_one_of_1000_is_read():
    def of_length(name):
        return urlsafe_b64encode(msgspec.msgpack.encode((DnoOrder.NAME, name, "a"))).decode().rstrip("=")

    longest = of_length("n" * (750 - len(msgspec.msgpack.encode((DnoOrder.NAME, "n" * 700, "a"))) + 700))
    assert len(longest) == 1000
    assert read_cursor(longest, DnoOrder.NAME).slug == "a"
    with pytest.raises(BadInput):
        read_cursor(of_length("n" * 800), DnoOrder.NAME)


@given(st.text() | st.text("ABCabc019-_=", max_size=40), orders)
def test_text_is_refused_or_is_a_cursor(text, order):
    try:
        position = read_cursor(text, order)
    except BadInput:
        return
    Directory(()).in_order(order).page(1, position)


@given(directories())
def test_a_record_in_parts_is_that_of_the_same_operators(entries):
    record = run_at_once(pack(entries))
    assert run_at_once(unpack(record)) == tuple(entries)


async def test_a_directory_is_derived_again_only_if_its_record_differs():
    one, other = (
        run_at_once(
            pack(
                [DirectoryEntry(UUID(int=7), "netze", name, None, None, None, None, False, False, 1, MOMENT)]
            )
        )
        for name in ("Netze", "Netz")
    )
    latest = Directories()
    first, *same = [
        await latest.of(each)
        for each in (one, DirectoryRecord(tuple(map(bytes, map(bytearray, one.parts)))), one)
    ]
    assert all(each is first for each in same)
    renamed, again = await asyncio.gather(latest.of(other), latest.of(other))
    assert renamed is again is not first
    assert [entry.name for entry in renamed.entries] == ["Netz"]
    assert (await latest.of(None)).entries == ()


def test_records_of_operators_with_other_fields_are_not_read():
    """The bytes of the parts are not checked by their type, so that the type of the record includes that of the parts."""
    assert str(msgspec.json.schema(DirectoryEntry)["$defs"]) in str(msgspec.json.schema(DirectoryRecord))
