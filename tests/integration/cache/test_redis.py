"""L2: lifetimes of values and leases, retries, what ends trust, searches, and the metrics of its operations."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.cache.failures import FAILURES, NotAsked
from app.cache.redis import PORTION, TRIES, Fill, SharedCache, open_redis
from app.cache.topology import Command
from app.errors import Unavailable
from app.settings import Settings
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.servers import PrivateValkey
from tests.waiting import PATIENT, until, until_equal

AWAY = "Redis does not answer at the moment; please try again soon."


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"layer": "l2", **labels}) or 0


def errors(operation: str) -> float:
    return metric("dno_cache_errors_total", operation=operation)


def calls(operation: str) -> float:
    return metric("dno_cache_operation_duration_seconds_count", operation=operation)


async def fill(shared: SharedCache, *tags: str, seconds: float = 60) -> set[str]:
    tokens = await shared.lease_many(tags)
    return await shared.fill_many([Fill(tag, tokens[tag], tag.encode(), seconds) for tag in tags])


class Failing:
    """In place of a method: fails as often as there are errors, then calls it."""

    def __init__(self, method: Callable[..., Awaitable[Any]], *failures: Exception) -> None:
        self.method = method
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return await self.method(*arguments)


@pytest.fixture
def run(here: TableCaches, monkeypatch: pytest.MonkeyPatch) -> Failing:
    failing = Failing(here.shared._topology.run)
    monkeypatch.setattr(here.shared._topology, "run", failing)
    return failing


# Values and leases


async def test_values_are_read_by_tag_and_those_that_are_absent_are_left_out(here: TableCaches) -> None:
    assert await fill(here.shared, "a", "b") == set()
    assert await here.shared.get_many(["b", "c", "a"]) == {"a": b"a", "b": b"b"}
    assert await here.shared.get_many([]) == {}


async def test_a_value_or_a_lease_is_taken_for_each_tag(here: TableCaches, there: TableCaches) -> None:
    await fill(here.shared, "filled")
    await there.shared.lease_many(["leased"])
    found = await here.shared.get_or_lease(["leased", "filled", "new"])
    assert found == {"leased": None, "filled": b"filled", "new": found["new"]}
    token = found["new"]
    assert isinstance(token, str)
    assert token.startswith(here.shared._holder)
    assert await here.shared.fill_many([Fill("new", token, b"value", 60)]) == set()


async def test_every_lease_has_a_token_of_its_own(here: TableCaches) -> None:
    found = [(await here.shared.lease_many([tag]))[tag] for tag in ("a", "b", "a")]
    assert len(set(found)) == 3
    # The third has taken over the lease of the first, whose value is rejected.
    assert await here.shared.fill_many([Fill("a", found[0], b"old", 60)]) == {"a"}
    assert await here.shared.fill_many([Fill("a", found[2], b"new", 60)]) == set()


async def test_a_lease_is_taken_also_where_there_is_a_value(here: TableCaches) -> None:
    await fill(here.shared, "a")
    await here.shared.client.delete(here.shared._key("a") + b":lease")
    token = (await here.shared.lease_many(["a"]))["a"]
    assert await here.shared.fill_many([Fill("a", token, b"new", 60)]) == set()
    assert await here.shared.get_many(["a"]) == {"a": b"new"}


@pytest.mark.parametrize("suffix", [b"", b":lease"], ids=["value", "lease"])
@pytest.mark.parametrize("look", [True, False])
async def test_a_key_of_another_type_counts_as_absent_and_is_replaced(
    here: TableCaches, suffix: bytes, look: bool
) -> None:
    """Another program has written it; trust in all other records does not end with it."""
    shared = here.shared
    await fill(shared, "a", "b")
    await shared.client.delete(shared._key("a"), shared._key("a") + b":lease")
    await shared.client.rpush(shared._key("a") + suffix, "x")
    take = shared.get_or_lease if look else shared.lease_many
    count = shared.distrust_count
    found = await take(["a", "b"])
    assert await shared.fill_many([Fill("a", found["a"], b"new", 60)]) == set()
    assert await shared.get_many(["a", "b"]) == {"a": b"new", "b": b"b"}
    assert (shared.trusted, shared.distrust_count) == (True, count)


async def test_a_lease_that_was_overwritten_with_another_type_counts_as_gone(here: TableCaches) -> None:
    shared = here.shared
    tokens = await shared.lease_many(["a", "b"])
    lease = shared._key("a") + b":lease"
    await shared.client.delete(lease)
    await shared.client.rpush(lease, "x")
    assert await shared.fill_many([Fill(tag, tokens[tag], b"value", 60) for tag in "ab"]) == {"a"}
    assert shared.trusted
    assert await shared.get_many(["a", "b"]) == {"b": b"value"}
    assert await fill(shared, "a") == set()


async def test_value_and_lease_expire_with_their_lifetimes(redis_url: str) -> None:
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), lease_lifetime=50) as one:
        key = one.shared._key("a")
        token = (await one.shared.lease_many(["a"]))["a"]
        assert 40_000 < await one.shared.client.pttl(key + b":lease") <= 50_000
        assert await one.shared.fill_many([Fill("a", token, b"value", 100)]) == set()
        assert 90_000 < await one.shared.client.pttl(key) <= 100_000
        assert await one.shared.client.pttl(key + b":lease") <= 100


async def test_a_lease_of_an_instance_that_ended_expires_so_that_another_takes_it(
    redis_url: str, there: TableCaches
) -> None:
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), lease_lifetime=0.02) as one:
        await one.shared.lease_many(["a"])

    async def taken() -> bool:
        return (await there.shared.lease_many(["a"]))["a"] is not None

    await until(taken)


async def test_a_value_of_almost_no_lifetime_is_accepted(here: TableCaches) -> None:
    assert await fill(here.shared, "a", seconds=0.0001) == set()


async def test_rejected_fills_are_returned_and_counted(here: TableCaches) -> None:
    before = metric("dno_cache_refused_fills_total")
    tokens = await here.shared.lease_many(["a", "b", "c"])
    await here.shared.remove(["b"])
    fills = [Fill(tag, tokens[tag], b"value", 60) for tag in "abc"]
    assert await here.shared.fill_many([*fills, Fill("d", "other:1", b"value", 60)]) == {"b", "d"}
    assert metric("dno_cache_refused_fills_total") == before + 2
    assert await here.shared.get_many(list("abcd")) == {"a": b"value", "c": b"value"}


async def test_while_it_is_not_trusted_nothing_is_read_leased_or_filled(
    here: TableCaches, run: Failing
) -> None:
    here.shared.distrust("a removal failed")
    assert await here.shared.get_many(["a"]) == {}
    assert await here.shared.get_or_lease(["a"]) == {}
    assert await here.shared.lease_many(["a"]) == {}
    assert await here.shared.fill_many([Fill("a", here.shared._holder, b"value", 60)]) == {"a"}
    assert run.calls == 0


async def test_what_was_read_while_trust_ended_is_not_returned(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(here.shared, "a")
    run = here.shared._topology.run

    async def overtaken(commands: Any) -> Any:
        replies = await run(commands)
        here.shared.distrust("a removal failed")
        here.shared.trust()
        return replies

    monkeypatch.setattr(here.shared._topology, "run", overtaken)
    assert await here.shared.get_many(["a"]) == {}


async def test_a_generation_names_the_version_of_the_encoding_and_the_epoch(here: TableCaches) -> None:
    here.shared.epoch = 42
    assert here.shared.generation == "1.42"
    assert here.shared._key("a") == b"dno:1.42:{a}"
    assert here.shared._pairs(["a", "b"]) == [
        *(b"dno:1.42:{a}", b"dno:1.42:{a}:lease", b"dno:1.42:{b}", b"dno:1.42:{b}:lease")
    ]


async def test_every_command_names_a_key_in_the_slot_of_its_tags(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a cluster it selects the node."""
    sent: list[Command] = []
    run = here.shared._topology.run

    async def recorded(commands: list[Command]) -> Any:
        sent.extend(commands)
        return await run(commands)

    monkeypatch.setattr(here.shared._topology, "run", recorded)
    monkeypatch.setattr(
        here.shared._topology, "group_by_slot", lambda keys: [[number] for number in range(len(keys))]
    )
    operations = [
        here.shared.get_many,
        here.shared.get_or_lease,
        here.shared.lease_many,
        here.shared.remove,
        lambda tags: here.shared.fill_many([Fill(tag, here.shared._holder, b"", 60) for tag in tags]),
    ]
    for operation in operations:
        sent.clear()
        await operation(["a", "b", "c"])
        assert [command.key for command in sent] == [here.shared._key(tag) for tag in "abc"]
    probe = here.shared._probe("7")
    assert [command.key for command in probe] == [here.shared._key(f"probe:{here.shared._holder}:7")] * 4


# Removals, messages and retries


async def test_a_removal_deletes_value_and_lease(here: TableCaches) -> None:
    await fill(here.shared, "a", "b")
    await here.shared.lease_many(["c"])
    assert await here.shared.remove(["a", "c", "unknown"])
    assert await here.shared.client.exists(here.shared._key("c") + b":lease") == 0
    assert await here.shared.get_many(["a", "b"]) == {"b": b"b"}


async def test_a_removal_of_nothing_is_confirmed_without_a_round_trip(
    here: TableCaches, run: Failing
) -> None:
    assert await here.shared.remove([])
    assert run.calls == 0


@pytest.mark.parametrize("size", [PORTION, PORTION + 1, 2 * PORTION])
async def test_tags_are_removed_in_portions(size: int, here: TableCaches, run: Failing) -> None:
    assert await here.shared.remove(map(str, range(size)))
    assert run.calls == -(-size // PORTION)


async def test_the_other_portions_are_removed_when_one_fails(here: TableCaches, run: Failing) -> None:
    tags = [str(number) for number in range(2 * PORTION)]
    await fill(here.shared, tags[0], tags[-1])
    run.failures = [TimeoutError()]
    assert not await here.shared.remove(tags)
    assert here.shared.distrust_reason == "Redis did not confirm: remove"
    here.shared.trust()
    assert await here.shared.get_many([tags[0], tags[-1]]) == {tags[0]: tags[0].encode()}


async def test_a_removal_is_sent_again_over_another_connection(here: TableCaches, run: Failing) -> None:
    run.failures = [RedisConnectionError("closed")] * (TRIES - 1)
    assert await here.shared.remove(["a"])
    assert (run.calls, here.shared.trusted) == (TRIES, True)


async def test_a_removal_that_fails_on_each_connection_ends_trust(here: TableCaches, run: Failing) -> None:
    before = errors("remove")
    run.failures = [RedisConnectionError("closed")] * TRIES
    assert not await here.shared.remove(["a"])
    assert (run.calls, here.shared.trusted) == (TRIES, False)
    assert errors("remove") == before + 1


@pytest.mark.parametrize("failure", [TimeoutError(), RedisTimeoutError(), ResponseError("OOM")], ids=repr)
async def test_a_removal_that_timed_out_or_was_rejected_is_not_repeated(
    failure: Exception, here: TableCaches, run: Failing
) -> None:
    run.failures = [failure]
    assert not await here.shared.remove(["a"])
    assert run.calls == 1


@pytest.mark.parametrize("operation", ["get", "lease", "fill"])
async def test_reads_and_fills_are_not_repeated(operation: str, here: TableCaches, run: Failing) -> None:
    before = {name: errors(name) for name in ("get", "lease", "fill", "remove", "publish", "identify")}
    run.failures = [RedisConnectionError("closed")]
    if operation == "get":
        assert await here.shared.get_many(["a"]) == {}
    elif operation == "lease":
        assert await here.shared.lease_many(["a"]) == {}
    else:
        assert await here.shared.fill_many([Fill("a", here.shared._holder, b"", 60)]) == {"a"}
    assert run.calls == 1
    assert here.shared.trusted  # one failure is not an outage
    assert {name: errors(name) - count for name, count in before.items()} == {
        name: float(name == operation) for name in before
    }


async def test_every_operation_is_timed_under_its_name(here: TableCaches) -> None:
    before = {name: calls(name) for name in ("get", "lease", "fill", "remove", "publish", "identify")}
    await here.shared.get_many(["a"])
    await here.shared.get_or_lease(["a"])
    await fill(here.shared, "b")
    await here.shared.remove(["a"])
    await here.shared.publish(b"")
    await here.shared.identify()
    assert {name: calls(name) - count for name, count in before.items()} == {
        **dict.fromkeys(before, 1.0),
        "get": 2.0,
    }
    labels = {"operation": "remove"}
    assert 0 < metric("dno_cache_operation_duration_seconds_sum", **labels) < 60 * calls("remove")


async def test_a_message_is_sent_again_over_another_connection(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = Failing(here.shared._topology.publish, RedisConnectionError("closed"))
    monkeypatch.setattr(here.shared._topology, "publish", publish)
    async with here.shared.subscribe() as channel:
        assert await here.shared.publish(b"hello")
        assert await channel.next(5) == b"hello"
    assert publish.calls == 2
    publish.failures = [RedisConnectionError("closed")] * TRIES
    before = errors("publish")
    assert not await here.shared.publish(b"hello")
    assert errors("publish") == before + 1
    assert here.shared.trusted  # of itself a lost message is no doubt about L2


async def test_a_message_that_is_not_sent_after_a_removal_ends_trust(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.shared._topology, "one_process", False)  # as on a cluster
    publish = Failing(here.shared._topology.publish, TimeoutError())
    monkeypatch.setattr(here.shared._topology, "publish", publish)
    assert not await here.shared.remove_and_publish(["a"], b"message")
    assert here.shared.distrust_reason == "Redis did not confirm: publish"
    assert not here.shared.trusted


async def test_a_message_is_not_sent_before_the_removal_is_confirmed(
    here: TableCaches, run: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.shared._topology, "one_process", False)  # as on a cluster
    publish = Failing(here.shared._topology.publish)
    monkeypatch.setattr(here.shared._topology, "publish", publish)
    run.failures = [TimeoutError()]
    assert not await here.shared.remove_and_publish(["a"], b"message")
    assert publish.calls == 0
    assert await here.shared.remove_and_publish(["a"], b"message")
    assert publish.calls == 1


async def test_a_distrust_while_a_message_is_sent_leaves_the_removal_unconfirmed(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.shared._topology, "one_process", False)  # as on a cluster
    publish = here.shared._topology.publish

    async def overtaken(*arguments: Any) -> Any:
        here.shared.distrust("a new epoch has begun")
        return await publish(*arguments)

    monkeypatch.setattr(here.shared._topology, "publish", overtaken)
    assert not await here.shared.remove_and_publish(["a"], b"message")
    assert here.shared.distrust_reason == "a new epoch has begun"


async def test_a_removal_and_its_message_are_one_round_trip(here: TableCaches) -> None:
    async with here.shared.subscribe() as channel:
        for message in (b"first", b"second"):
            await here.shared.client.set(here.shared._key("a"), b"old")
            await here.shared.client.set(here.shared._key("a") + b":lease", b"token")
            before = here.shared.round_trips
            assert await here.shared.remove_and_publish(["a", "b"], message)
            assert await channel.next(5) == message
            sent = here.shared.round_trips - before
            assert (
                await here.shared.client.exists(here.shared._key("a"), here.shared._key("a") + b":lease") == 0
            )
    assert sent == 1  # the first one may have had to load the script


@pytest.mark.parametrize("forbidden", ["del", "publish"])
async def test_where_redis_refuses_the_removal_or_the_message_neither_is_confirmed(
    forbidden: str, valkey: PrivateValkey
) -> None:
    """A refused removal sends no message; what was removed before a refused message is read from PostgreSQL again."""
    admin: Redis = Redis.from_url(valkey.url)
    async with open_redis(Settings(redis_url=valkey.url, **PATIENT)) as shared:
        shared.trust()
        async with shared.subscribe() as channel:
            assert await shared.remove_and_publish(["a"], b"confirmed")
            assert await channel.next(5) == b"confirmed"
            await admin.execute_command("ACL", "SETUSER", "default", f"-{forbidden}")
            assert not await shared.remove_and_publish(["a"], b"refused")
            assert (shared.trusted, shared.refused) == (False, "NOPERM")
            await admin.execute_command("ACL", "SETUSER", "default", "+@all")
            assert await shared.publish(b"later")
            assert await channel.next(5) == b"later"
    await admin.aclose()


# Trust


async def test_trust_is_a_state_with_a_reason_a_count_and_a_metric(redis_url: str) -> None:
    async with open_redis(Settings(redis_url=redis_url, **PATIENT)) as shared:
        assert (shared.trusted, shared.distrust_count, shared.epoch) == (False, 0, 0)
        assert shared.distrust_reason == "the outbox has not been looked at yet"
        assert metric("dno_cache_trusted") == 0
        assert shared.trust(0)
        assert (shared.trusted, shared.distrust_reason) == (True, None)
        assert metric("dno_cache_trusted") == 1
        holder = shared._holder
        shared.distrust("one reason")
        assert (shared.trusted, shared.distrust_count) == (False, 1)
        assert metric("dno_cache_trusted") == 0
        assert len(shared._holder) == 16
        assert shared._holder != holder
        shared.distrust("another reason")
        assert (shared.distrust_reason, shared.distrust_count) == ("another reason", 2)
        assert not shared.trust(1)
        assert shared.trust()
        shared.valid_until = 0
        assert not shared.trusted


async def test_a_rejection_ends_trust_and_is_reported_until_writes_are_accepted_again(
    here: TableCaches, run: Failing
) -> None:
    run.failures = [ResponseError("OOM command not allowed")]
    assert await here.shared.get_many(["a"]) == {}
    assert not here.shared.trusted
    assert here.shared.distrust_reason == "Redis refuses: get (OOM)"
    assert here.shared.refused == "OOM"
    count = here.shared.distrust_count
    run.failures = [ResponseError("READONLY a replica")]
    assert not await here.shared._attempt("get", lambda: run([]))
    assert here.shared.refused == "READONLY"
    assert here.shared.distrust_count == count  # it was not trusted any more
    assert await here.shared.identify() is not None
    assert here.shared.refused is None


@pytest.mark.parametrize("forbidden", ["get", "mget", "set", "del", "eval", "evalsha"])
async def test_a_server_that_refuses_one_of_the_commands_is_not_identified(
    forbidden: str, valkey: PrivateValkey
) -> None:
    """Else it would be trusted again after each look, and until the next read."""
    async with (
        Redis.from_url(valkey.url) as admin,
        open_redis(Settings(redis_url=valkey.url, **PATIENT)) as shared,
    ):
        await admin.execute_command("ACL", "SETUSER", "default", f"-{forbidden}")
        assert await shared.identify() is None
        assert shared.refused == "NOPERM"
        await admin.execute_command("ACL", "SETUSER", "default", "+@all")
        assert await shared.identify() is not None
        assert shared.refused is None


async def test_an_error_that_only_names_another_one_is_raised(valkey: PrivateValkey) -> None:
    """The message names the user."""
    valkey.command("ACL", "SETUSER", "WRONGTYPE", "on", ">secret", "~*", "&*", "+@all", "-get")
    url = f"redis://WRONGTYPE:secret@127.0.0.1:{valkey.port}"
    async with open_redis(Settings(redis_url=url, **PATIENT)) as shared:
        assert await shared.identify() is None
        assert shared.refused == "NOPERM"


async def test_failures_end_trust_once_the_server_counts_as_unresponsive(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(redis_url=redis_url, breaker_threshold=2, breaker_timeout=600, **PATIENT)
    async with table_caches(settings) as one:
        pipelined = Failing(one.shared._topology._pipelined, *[RedisConnectionError("closed")] * 2)
        monkeypatch.setattr(one.shared._topology, "_pipelined", pipelined)
        before = errors("get")
        await one.shared.get_many(["a"])
        assert one.shared.trusted
        await one.shared.get_many(["a"])
        assert not one.shared.trusted
        assert one.shared.distrust_reason == "Redis failed again and again: ConnectionError"
        count = one.shared.distrust_count
        one.shared.trust()
        await one.shared.get_many(["a"])  # not sent
        assert one.shared.distrust_reason == f"Redis failed again and again: {NotAsked.__name__}"
        assert one.shared.distrust_count == count + 1
        assert errors("get") == before + 2  # what was not sent has not failed
        assert pipelined.calls == 2


async def test_a_server_without_the_scripts_gets_their_text_once(valkey: PrivateValkey) -> None:
    async with table_caches(Settings(redis_url=valkey.url, **PATIENT)) as one:
        valkey.command("SCRIPT", "FLUSH")
        before = one.shared.round_trips
        assert (await one.shared.get_or_lease(["a"]))["a"] is not None
        assert one.shared.round_trips - before == 2
        await one.shared.get_or_lease(["b"])
        assert one.shared.round_trips - before == 3
        assert one.shared.trusted


async def test_a_change_of_the_server_ends_trust_before_it_is_reported(here: TableCaches) -> None:
    seen: list[tuple[bool, str | None]] = []
    here.shared.on_change = lambda: seen.append((here.shared.trusted, here.shared.distrust_reason))
    here.shared._topology.changed("Redis has become another process")
    assert seen == [(False, "Redis has become another process")]


async def test_after_a_reconnect_every_command_uses_a_new_connection(here: TableCaches) -> None:
    async def ids() -> set[int]:
        return {int(client["id"]) for client in await here.shared.client.client_list(_type="normal")}

    await here.shared.get_many(["a"])
    before = await ids()
    await here.shared.reconnect()
    assert await here.shared.client.client_id() > max(before)
    assert here.shared.trusted


# Searches


async def test_tags_are_found_by_pattern_with_value_or_lease(here: TableCaches) -> None:
    await fill(here.shared, "one:1", "one:2", "two:1", "one:[x]", "ümlaut")
    await here.shared.lease_many(["one:leased"])
    assert await here.shared.find("one:?") == {"one:1", "one:2"}
    assert await here.shared.find("one:*") == {"one:1", "one:2", "one:[x]", "one:leased"}
    assert await here.shared.find("one:[x]") == {"one:[x]"}
    assert await here.shared.find("ü*") == {"ümlaut"}
    assert await here.shared.find("one") == set()
    here.shared.epoch += 1
    assert await here.shared.find("*") == set()


async def test_a_search_reads_a_thousand_keys_at_a_time(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[Any] = []
    scan_iter = here.shared.client.scan_iter

    def recorded(*arguments: Any, **options: Any) -> Any:
        counts.append(options.get("count"))
        return scan_iter(*arguments, **options)

    monkeypatch.setattr(here.shared.client, "scan_iter", recorded)
    await here.shared.find("*")
    assert counts == [1000]


async def test_a_search_while_redis_is_away_is_rejected(valkey: PrivateValkey) -> None:
    async with table_caches(Settings(redis_url=valkey.url)) as one:
        valkey.stop()
        with pytest.raises(Unavailable, match=AWAY):
            await one.shared.find("*")


# Subscriptions


async def test_a_channel_carries_its_own_messages_in_order(here: TableCaches, there: TableCaches) -> None:
    async with here.shared.subscribe() as channel, here.shared.subscribe("other") as other:
        for number in range(3):
            assert await there.shared.publish(b"%d" % number)
        assert [await channel.next(5) for _ in range(3)] == [b"0", b"1", b"2"]
        assert await channel.next(0.001) is None
        assert await there.shared.client.publish("other", b"hello") == 1
        assert await other.next(5) == b"hello"


async def test_the_connection_of_a_subscription_is_closed_with_it(here: TableCaches) -> None:
    async def subscribers() -> int:
        return len(await here.shared.client.client_list(_type="pubsub"))

    async with here.shared.subscribe():
        await until_equal(subscribers, 1)
    await until_equal(subscribers, 0)


async def test_a_subscription_that_cannot_be_made_leaves_no_connection(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.shared._topology.client, "pubsub", lambda: Silent())
    silent = Settings(redis_url=here.settings.redis_url, redis_timeout=0.01, redis_connect_timeout=0.01)
    monkeypatch.setattr(here.shared, "_settings", silent)
    with pytest.raises(FAILURES):
        async with here.shared.subscribe():
            pass
    assert Silent.closed == 1


class Silent:
    """A server that never confirms a subscription."""

    closed = 0

    async def subscribe(self, channel: str) -> None:
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        Silent.closed += 1
        raise RuntimeError("the handler is closed")


# Opening and closing


async def test_all_connections_are_closed_at_the_end(valkey: PrivateValkey) -> None:
    async with Redis.from_url(valkey.url) as watcher:

        async def connected() -> int:
            return len(await watcher.client_list())

        settings = Settings(redis_url=valkey.url, min_redis_connections=6, **PATIENT)
        async with table_caches(settings) as one:
            assert await connected() == 1 + 6
            assert len(one.shared.client.connection_pool._available_connections) == 3
        await until_equal(connected, 1)


async def test_a_server_that_answers_is_identified_when_it_is_opened(redis_url: str) -> None:
    async with open_redis(Settings(redis_url=redis_url, **PATIENT)) as shared:
        assert shared.identity is not None
