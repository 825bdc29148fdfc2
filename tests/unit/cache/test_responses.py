"""Which responses are kept in L1, under which tags, until when and as how many bytes."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Any

import pytest

from app.cache.clock import monotonic
from app.cache.memory import OVERHEAD, TAG, Memory
from app.cache.read_set import ReadSet
from app.cache.responses import FEW_TAGS, HEADERS, MAX_BODY_IN_KEY, ResponseKey, Responses, body_of

KEY = ResponseKey("head", b"question")


@dataclass
class Body:
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body)


@pytest.fixture
def memory() -> Memory:
    opened = Memory(2**20, 10**9)
    opened.switch_on()
    return opened


def read_set(*tags: str, until: float = inf) -> ReadSet:
    used = ReadSet()
    used.update(tags, until)
    return used


def test_a_response_is_found_under_its_key_with_its_tags(memory: Memory) -> None:
    responses = Responses(memory, on=True)
    kept = Body(b"answer")
    responses.keep(KEY, kept, read_set("a", "b"), responses.now())
    entry = responses.get(KEY)
    assert entry is not None
    assert entry.value is kept
    assert set(entry.tags) == {"a", "b"}
    assert responses.get(ResponseKey("head", b"other question")) is None
    assert responses.get(ResponseKey("other head", b"question")) is None


def test_its_size_is_that_of_key_body_and_headers(memory: Memory) -> None:
    Responses(memory, on=True).keep(KEY, Body(b"answer"), read_set("a", "b"), memory.now())
    assert memory.bytes == len(b"answer") + len(b"question") + len("head") + HEADERS + OVERHEAD + TAG


def test_it_is_kept_until_the_first_record_that_it_rests_on_expires(memory: Memory) -> None:
    responses = Responses(memory, on=True)
    used = read_set("a", until=10**9)
    used.add("b", 10**8)
    used.add("c", 10**9)
    responses.keep(KEY, Body(b"answer"), used, responses.now())
    entry = responses.get(KEY)
    assert entry is not None
    assert entry.until == 10**8


def test_it_is_rejected_if_a_tag_was_invalidated_meanwhile(memory: Memory) -> None:
    responses = Responses(memory, on=True)
    since = responses.now()
    memory.invalidate(["b"])
    responses.keep(KEY, Body(b"answer"), read_set("a", "b"), since)
    assert responses.get(KEY) is None
    responses.keep(KEY, Body(b"answer"), read_set("a"), since)
    assert responses.get(KEY) is not None


def test_it_is_kept_as_a_new_response_which_evicts_no_records() -> None:
    memory = Memory(80 * 2000, 60)
    memory.switch_on()
    responses = Responses(memory, on=True)
    for number in range(100):
        responses.keep(ResponseKey("head", b"%d" % number), Body(b""), read_set(str(number)), responses.now())
    assert memory.bytes <= 10 * 2000


def test_what_rests_on_no_tag_or_is_uncacheable_is_not_kept(memory: Memory) -> None:
    responses = Responses(memory, on=True)
    responses.keep(KEY, Body(b"answer"), read_set(), responses.now())
    assert responses.get(KEY) is None
    private = read_set("a")
    private.never_keep("depends on the viewer")
    responses.keep(KEY, Body(b"answer"), private, responses.now())
    assert responses.get(KEY) is None


def test_with_the_setting_off_nothing_is_kept_or_found(memory: Memory) -> None:
    responses = Responses(memory, on=False)
    responses.keep(KEY, Body(b"answer"), read_set("a"), responses.now())
    assert len(memory) == 0
    memory.keep(KEY, "value", size=1, tags=("a",), until=inf, since=memory.now())
    assert responses.get(KEY) is None


def test_with_few_tags_it_is_kept_at_the_first_request(memory: Memory) -> None:
    responses = Responses(memory, on=True)
    responses.keep(KEY, Body(b"answer"), read_set(*map(str, range(FEW_TAGS))), responses.now())
    assert responses.get(KEY) is not None


def test_with_many_tags_it_is_kept_at_the_second_request_of_the_same_key(memory: Memory) -> None:
    responses = Responses(memory, on=True)
    many = read_set(*map(str, range(FEW_TAGS + 1)))
    responses.keep(KEY, Body(b"answer"), many, responses.now())
    assert responses.get(KEY) is None
    other = ResponseKey("head", b"other question")
    responses.keep(other, Body(b"answer"), many, responses.now())
    assert responses.get(other) is None
    responses.keep(KEY, Body(b"answer"), many, responses.now())
    assert responses.get(KEY) is not None
    # After an invalidation it has to be requested twice again.
    memory.invalidate(["0"])
    responses.keep(KEY, Body(b"answer"), many, responses.now())
    assert responses.get(KEY) is None


async def test_with_many_tags_it_is_kept_at_the_first_request_if_another_one_waits_for_it(
    memory: Memory,
) -> None:
    responses = Responses(memory, on=True)
    many = read_set(*map(str, range(FEW_TAGS + 1)))
    for _ in range(2):
        responses.keep(KEY, Body(b"answer"), many, responses.now())
    memory.invalidate(["0"])
    with responses.executing(KEY):
        waiting = asyncio.create_task(responses.made_by_equal(KEY))
        await asyncio.sleep(0)
        responses.keep(KEY, Body(b"new answer"), many, responses.now())
    made = await waiting
    assert made is not None
    assert made is responses.get(KEY)


def test_a_body_is_part_of_the_key_itself_up_to_a_length_and_as_a_digest_beyond() -> None:
    longest = b"x" * MAX_BODY_IN_KEY
    assert body_of(longest) is longest
    digest = body_of(longest + b"x")
    assert isinstance(digest, str)
    assert len(digest) == 64  # 32 bytes in hexadecimal digits


@pytest.fixture(params=[True, False], ids=["cached", "not cached"])
def responses(request: pytest.FixtureRequest, memory: Memory) -> Responses:
    return Responses(memory, on=request.param)


async def test_a_request_waits_only_for_an_equal_one_whose_response_was_public_before(
    memory: Memory, responses: Responses
) -> None:
    with responses.executing(KEY):
        assert responses.in_flight(KEY) is None  # as of a mutation: its response is never public
        assert await responses.made_by_equal(KEY) is None
    private = read_set("a")
    private.never_keep("depends on the viewer")
    responses.keep(KEY, Body(b"answer"), private, responses.now())
    with responses.executing(KEY):
        assert responses.in_flight(KEY) is None
    responses.keep(KEY, Body(b"answer"), read_set("a"), responses.now())
    memory.invalidate(["a"])
    with responses.executing(KEY):
        assert responses.in_flight(KEY) is not None
        assert responses.in_flight(ResponseKey("head", b"other question")) is None
    assert responses.in_flight(KEY) is None


async def test_while_memory_is_off_no_request_waits(memory: Memory, responses: Responses) -> None:
    responses.keep(KEY, Body(b"answer"), read_set("a"), responses.now())
    memory.switch_off()
    with responses.executing(KEY):
        assert await responses.made_by_equal(KEY) is None


async def test_those_that_wait_are_given_the_response_or_one_of_them_goes_on(
    memory: Memory, responses: Responses
) -> None:
    responses.keep(KEY, Body(b"answer"), read_set("a"), responses.now())
    memory.invalidate(["a"])

    async def respond(*, overtaken: bool) -> Any:
        if made := await responses.made_by_equal(KEY):
            return made.value.body
        with responses.executing(KEY):
            since = responses.now()
            await asyncio.sleep(0)
            if overtaken:
                memory.invalidate(["a"])
            responses.keep(KEY, Body(b"new answer"), read_set("a"), since)
            return "executed"

    first, *others = await asyncio.gather(
        respond(overtaken=True), *(respond(overtaken=False) for _ in range(5))
    )
    assert first == "executed"
    assert others == ["executed"] + [b"new answer"] * 4


@pytest.mark.parametrize("change", ["invalidated", "expired", "switched off"])
async def test_a_response_that_may_not_be_served_any_more_when_they_go_on_is_not_given_to_those_that_wait(
    memory: Memory, responses: Responses, change: str
) -> None:
    responses.keep(KEY, Body(b"answer"), read_set("a"), responses.now())
    memory.invalidate(["a"])
    until = monotonic() - 1 if change == "expired" else inf
    with responses.executing(KEY):
        waiting = asyncio.create_task(responses.made_by_equal(KEY))
        await asyncio.sleep(0)
        responses.keep(KEY, Body(b"new answer"), read_set("a", until=until), responses.now())
    # The response is made; those that wait go on in the next iteration.
    if change == "invalidated":
        memory.invalidate(["a"])
    elif change == "switched off":
        memory.switch_off()
    assert await waiting is None


async def test_without_the_setting_a_response_is_wanted_only_by_those_that_wait(memory: Memory) -> None:
    responses = Responses(memory, on=False)
    assert not responses.is_wanted(KEY, read_set("a"))
    with responses.executing(KEY):
        assert not responses.is_wanted(KEY, read_set("a"))
        responses._in_flight[KEY].add(lambda made: None)
        assert responses.is_wanted(KEY, read_set("a"))
        assert not responses.is_wanted(KEY, read_set())
    assert len(memory) == 0


async def test_one_that_fails_lets_the_next_go_on(memory: Memory, responses: Responses) -> None:
    responses.keep(KEY, Body(b"answer"), read_set("a"), responses.now())
    memory.invalidate(["a"])
    with suppress(ZeroDivisionError), responses.executing(KEY):
        waiting = asyncio.create_task(responses.made_by_equal(KEY))
        gone = asyncio.create_task(responses.made_by_equal(KEY))
        await asyncio.sleep(0)
        gone.cancel()
        raise ZeroDivisionError
    assert await waiting is None
    assert responses.in_flight(KEY) is None
