"""Each part of a key matters: keys that differ in one part only are different keys."""

from collections.abc import Callable, Hashable
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.cache import redis
from app.cache.codec import Codec
from app.cache.open_topology import open_topology
from app.cache.redis import SharedCache
from app.cache.responses import MAX_BODY_IN_KEY, ResponseKey, body_of, head_of
from app.domain import tags
from app.domain.account import ANONYMOUS, Principal, Role
from app.domain.entry import DnoYear
from app.domain.held_figures import ANY_YEAR
from app.interpreter.question_records import Question
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.rate_limiter.redis_buckets import MAX_KEY_LENGTH, PREFIX
from app.settings import Settings
from loaders import regions
from schema.execution import persisted

ONE, OTHER = UUID(int=1), UUID(int=2)

BY_ID = (
    tags.operator,
    tags.years,
    tags.entries,
    tags.unusual_entries,
    tags.location,
    tags.history,
    tags.revision,
    tags.user,
    tags.api_key,
)
BY_DNO_AND_YEAR = (tags.tariffs, tags.hlzf, tags.time_of_use)
BY_TEXT = (tags.slug, tags.question, tags.opinion, tags.unusual_figures)


@pytest.mark.parametrize("tag", BY_ID)
def test_a_tag_of_an_identifier_holds_that_identifier(tag: Callable[[UUID], str]) -> None:
    assert tag(ONE) != tag(OTHER)


@pytest.mark.parametrize("tag", BY_DNO_AND_YEAR)
def test_a_tag_of_a_list_of_figures_holds_operator_and_year(tag: Callable[[DnoYear], str]) -> None:
    assert len({tag(DnoYear(dno, year)) for dno in (ONE, OTHER) for year in (2024, 2025)}) == 4


@pytest.mark.parametrize("tag", BY_TEXT)
def test_a_tag_of_a_text_holds_that_text(tag: Callable[[str], str]) -> None:
    assert tag("netze-a") != tag("netze-b")


def test_a_tag_of_a_year_holds_that_year() -> None:
    assert tags.year(2024) != tags.year(2025)


def test_a_tag_holds_the_kind_of_what_it_names() -> None:
    """The same identifier, year or text of another kind is another record."""
    named = [
        *(tag(ONE) for tag in BY_ID),
        *(tag(DnoYear(ONE, 2025)) for tag in BY_DNO_AND_YEAR),
        *(tag("netze-a") for tag in BY_TEXT),
        tags.year(2025),
        tags.held_figures(2025),
        tags.held_figures(ANY_YEAR),
        *(tags.DIRECTORY, tags.COVERAGE, tags.ALIASES, tags.SCHEMA),
    ]
    assert len(set(named)) == len(named)


def test_no_two_regions_have_a_tag_in_common() -> None:
    """Keys of the same form, in all regions that take it."""
    question = Question("Was kostet MS?", None, "1", date(2026, 1, 1))  # type: ignore[arg-type]
    doubt: Any = type("Doubt", (), {"question": question})
    of_ids = (
        regions.DNO_BY_ID, regions.YEARS, regions.ENTRY_LOCATIONS, regions.HISTORY, regions.REVISIONS,
        regions.UNUSUAL_ENTRIES,
    )  # fmt: skip
    named = [
        *(region.tag(ONE) for region in of_ids),
        *(region.tag(DnoYear(ONE, 2025)) for region in (regions.TARIFFS, regions.HLZF, regions.TIME_OF_USE)),
        regions.DNO_BY_SLUG.tag("netze-a"),
        regions.UNUSUAL_FIGURES.tag("netze-a"),
        regions.DNOS_WITH_DATA.tag(2025),
        regions.HELD_FIGURES.tag(2025),
        *(region.tag(None) for region in (regions.DIRECTORY, regions.ALIASES, regions.HELD_YEARS)),
        regions.QUESTIONS.tag(question),
        regions.OPINIONS.tag(doubt),
    ]
    assert len(set(named)) == len(named)


# L2


@pytest.fixture
def shared() -> SharedCache:
    settings = Settings()
    return SharedCache(open_topology(settings), settings)


async def test_a_key_in_redis_holds_epoch_codec_version_and_tag(
    shared: SharedCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for epoch in (1, 2):
        for version in (1, 2):
            for tag in ("years:1", "years:2"):
                shared.epoch = epoch
                monkeypatch.setattr(redis, "CODEC_VERSION", version)
                keys += shared._pairs([tag])
    assert len(set(keys)) == len(keys) == 16


async def test_epoch_and_codec_version_are_not_mistaken_for_each_other(
    shared: SharedCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = set()
    for epoch, version in ((11, 1), (1, 11), (1, 1), (111, 0)):
        shared.epoch = epoch
        monkeypatch.setattr(redis, "CODEC_VERSION", version)
        generations.add(shared.generation)
    assert len(generations) == 4


def test_bytes_of_another_codec_version_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Codec[str](str).encode("value", 60)
    assert Codec[str](str).decode(data) is not None
    monkeypatch.setattr("app.cache.codec.CODEC_VERSION", 2)
    assert Codec[str](str).decode(data) is None


# Responses


def test_parts_of_a_head_are_not_mistaken_for_each_other() -> None:
    parts: list[tuple[Hashable, ...]] = [
        ("a", "b"),
        ("ab", ""),
        ("", "ab"),
        ("a", b"b"),
        ("a', 'b",),
        ("a", None),
    ]
    assert len({head_of(*some) for some in parts}) == len(parts)


def test_a_response_key_holds_head_and_body() -> None:
    assert len({ResponseKey(head, body) for head in ("a", "b") for body in (b"a", b"b")}) == 4


@pytest.mark.parametrize("length", [MAX_BODY_IN_KEY, MAX_BODY_IN_KEY + 1, 10 * MAX_BODY_IN_KEY])
def test_every_byte_of_a_body_is_part_of_the_key(length: int) -> None:
    bodies = [bytes(length), bytes(length - 1) + b"\1", b"\1" + bytes(length - 1), bytes(length + 1)]
    assert len({body_of(body) for body in bodies}) == len(bodies)


def test_a_body_is_never_taken_for_the_digest_of_another() -> None:
    digest = body_of(bytes(MAX_BODY_IN_KEY + 1))
    assert isinstance(digest, str)
    assert body_of(digest.encode()) != digest


def test_a_persisted_document_has_its_hash_in_its_name_in_redis() -> None:
    assert len({persisted._key(digest * 64) for digest in "ab"}) == 2
    assert persisted._key("a" * 64) != persisted.INDEX


# Meanings of sentences


def test_a_meaning_is_kept_under_sentence_day_and_vocabulary() -> None:
    digests = {
        Question(sentence, None, fingerprint, today).digest  # type: ignore[arg-type]
        for sentence in ("Was kostet MS?", "Was kostet NS?")
        for fingerprint in ("1", "2")
        for today in (date(2026, 1, 1), date(2026, 1, 2), date(2027, 1, 1))
    }
    assert len(digests) == 12


# Rate limits


@pytest.fixture
def limiter() -> RateLimiter:
    return RateLimiter(lambda: None, Settings())


def test_budgets_are_separate_by_key_by_user_and_by_address(limiter: RateLimiter) -> None:
    principals = [
        Principal(Role.EDITOR, user_id=ONE),
        Principal(Role.EDITOR, user_id=OTHER),
        Principal(Role.EDITOR, api_key_id=ONE),
        Principal(Role.EDITOR, api_key_id=OTHER),
    ]
    subjects = [limiter.subject(principal, "192.0.2.1") for principal in principals]
    subjects += [limiter.subject(ANONYMOUS, address) for address in ("192.0.2.1", "192.0.2.2")]
    assert len({key for key, _ in subjects}) == 6
    assert [policy.name for _, policy in subjects] == ["api-key"] * 4 + ["anonymous"] * 2


def test_a_caller_with_credentials_has_one_budget_whatever_the_address(limiter: RateLimiter) -> None:
    for principal in (Principal(Role.EDITOR, user_id=ONE), Principal(Role.EDITOR, api_key_id=ONE)):
        assert len({limiter.subject(principal, address)[0] for address in ("192.0.2.1", "192.0.2.2")}) == 1


async def test_in_redis_every_character_of_a_budgets_key_is_used() -> None:
    class Client:
        """Records the keys, and returns every bucket as full."""

        def __init__(self) -> None:
            self.names: list[str] = []

        async def script_load(self, script: str) -> str:
            return "digest"

        async def evalsha(self, digest: str, count: int, *rest: Any) -> list[int]:
            self.names += rest[:count]
            return [10, 0, 0, 0] * count

    client = Client()
    limiter = RateLimiter(lambda: client, Settings())
    keys = [
        "a",
        "b",
        *(
            start + "x" * length + end
            for start in "ab"
            for end in "ab"
            for length in (MAX_KEY_LENGTH - 2, MAX_KEY_LENGTH)
        ),
    ]
    for key in keys:
        assert (await limiter.take(key)).allowed
    assert len(set(client.names)) == len(keys)
    assert all(name.startswith(PREFIX) and len(name) <= len(PREFIX) + MAX_KEY_LENGTH for name in client.names)
    await limiter.close()
