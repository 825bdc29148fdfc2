"""A device token proves an earlier sign-in of its user on this browser; it cannot be forged or used for another account."""

import asyncio
import time
from uuid import uuid4

import msgspec
import pytest
from redis.asyncio import Redis

from app.auth import devices
from app.auth.devices import Devices
from app.cache.redis import open_redis


@pytest.fixture
async def redis(cheap):
    async with open_redis(cheap) as shared:
        yield shared.client


async def test_a_device_token_is_recognised_by_every_instance(redis, cheap):
    one, other = (Devices(lambda: redis, cheap) for _ in range(2))
    user_id = uuid4()
    token = await one.issue(user_id)
    for instance in (one, other):
        device = await instance.recognise(token)
        assert device is not None
        assert device.user_id == user_id


async def test_every_browser_has_an_identifier_and_keeps_it(redis, cheap):
    issuer = Devices(lambda: redis, cheap)
    user_id = uuid4()
    first, second = [await issuer.recognise(await issuer.issue(user_id)) for _ in range(2)]
    assert first.name != second.name
    again = await issuer.recognise(await issuer.issue(user_id, first))
    assert again.name == first.name
    assert (await issuer.recognise(await issuer.issue(uuid4(), first))).name != first.name


async def test_forged_changed_and_expired_device_tokens_are_not_recognised(redis, cheap, monkeypatch):
    issuer = Devices(lambda: redis, cheap)
    token = await issuer.issue(uuid4())
    user, issued, name, signature = token.split(".")
    for wrong in (
        None,
        "",
        "x" * 100_000,
        f"{uuid4().hex}.{issued}.{name}.{signature}",
        f"{user}.{int(issued) + 1}.{name}.{signature}",
        f"{user}.{issued}.{name[::-1]}.{signature}",
        f"{user}.{issued}.{name}.{'A' * 43}",
        f"{user}.{issued}.{name}.",
    ):
        assert await issuer.recognise(wrong) is None
    assert await issuer.recognise(token) is not None
    now = time.time() + cheap.device_lifetime + 1
    monkeypatch.setattr(devices.time, "time", lambda: now)
    assert await issuer.recognise(token) is None


async def test_without_a_lifetime_no_device_token_is_issued(redis, cheap):
    assert (
        await Devices(lambda: redis, msgspec.structs.replace(cheap, device_lifetime=0)).issue(uuid4()) is None
    )


async def test_nothing_fails_while_redis_is_unavailable(cheap, valkey):
    short_timeouts = msgspec.structs.replace(
        cheap, redis_url=valkey.url, redis_timeout=0.2, redis_connect_timeout=0.2
    )
    async with open_redis(short_timeouts) as shared:
        issuer = Devices(lambda: shared.client, short_timeouts)
        token = await issuer.issue(uuid4())
        valkey.pause()
        issuer._ask_at = 0
        assert await issuer.recognise(token) is not None
        second = Devices(lambda: shared.client, short_timeouts)
        assert await second.recognise(token) is None
        assert await second.issue(uuid4()) is None
        valkey.resume()


async def test_a_key_that_redis_has_lost_is_put_back(redis, cheap):
    one, other = (Devices(lambda: redis, cheap) for _ in range(2))
    token = await one.issue(uuid4())
    await redis.flushall()
    one._ask_at = 0
    assert await one.recognise(token) is not None
    assert await other.recognise(token) is not None


class Clock:
    """That of the module: the wall clock and the monotonic clock."""

    def __init__(self, monkeypatch):
        self.now = 1_800_000_000.0
        monkeypatch.setattr(devices.time, "time", lambda: self.now)
        monkeypatch.setattr(devices, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


async def test_a_device_token_is_valid_for_its_lifetime_and_somewhat_before_its_issue(redis, cheap, clock):
    """The clocks of two instances may differ."""
    issuer = Devices(lambda: redis, msgspec.structs.replace(cheap, device_lifetime=500.0))
    token, issued = await issuer.issue(uuid4()), clock.now
    recognised = {}
    for seconds in (-60, -59, 0, 499, 500):
        clock.now = issued + seconds
        recognised[seconds] = await issuer.recognise(token) is not None
    assert recognised == {-60: False, -59: True, 0: True, 499: True, 500: False}


async def test_a_device_token_has_four_parts(redis, cheap, clock):
    issuer = Devices(lambda: redis, cheap)
    user_id = uuid4()
    user, issued, name, signature = (await issuer.issue(user_id)).split(".")
    assert (user, issued, len(name), len(signature)) == (user_id.hex, "1800000000", 16, 43)
    other = devices.Device(uuid4(), "other")
    assert (await issuer.recognise(await issuer.issue(user_id, other))).name != "other"


async def test_the_key_of_devices_is_read_from_redis_once_a_minute(redis, cheap, clock):
    issuer = Devices(lambda: redis, cheap)
    token = await issuer.issue(uuid4())
    await redis.delete(devices.KEY)
    clock.now += 59
    assert await issuer.recognise(token) is not None
    assert await redis.get(devices.KEY) is None
    clock.now += 1
    assert await issuer.recognise(token) is not None
    assert await redis.get(devices.KEY) == issuer._key
    assert len(issuer._key) == 32
    assert await redis.ttl(devices.KEY) == -1


async def test_an_unavailable_redis_is_asked_for_the_key_once_a_second(cheap, clock):
    asked = 0
    async with Redis.from_url("redis://127.0.0.1:1") as client:

        def counted():
            nonlocal asked
            asked += 1
            return client

        issuer = Devices(counted, cheap)
        counts = []
        for seconds in (0, 0.5, 0.5, 0.5, 0.5):
            clock.now += seconds
            assert await issuer.issue(uuid4()) is None
            counts.append(asked)
    assert counts == [1, 1, 2, 2, 3]


async def test_a_key_that_is_no_bytes_is_not_used(redis_url, cheap):
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        await client.set(devices.KEY, "text")
        assert await Devices(lambda: client, cheap).issue(uuid4()) is None


@pytest.mark.parametrize("overwritten", ["list", "0", ""])
async def test_a_key_that_another_program_has_overwritten_is_replaced(redis, cheap, clock, overwritten):
    """By the first instance; none replaces that of another one, and none has to look twice."""
    if overwritten == "list":
        await redis.rpush(devices.KEY, "of another program")
    else:
        await redis.set(devices.KEY, overwritten)
    instances = [Devices(lambda: redis, cheap) for _ in range(6)]
    for _ in range(2):
        tokens = await asyncio.gather(*(each.issue(uuid4()) for each in instances))
        assert {each._key for each in instances} == {await redis.get(devices.KEY)}
        for token in tokens:
            assert await instances[0].recognise(token) is not None
        clock.now += devices.KEY_FRESH_FOR


async def test_an_error_that_names_another_type_does_not_replace_the_key(valkey, cheap):
    """The name of a user is in the error of a missing permission."""
    key = b"k" * 32
    async with Redis.from_url(valkey.url) as redis:
        await redis.set(devices.KEY, key)
        await redis.acl_setuser(
            "WRONGTYPE", enabled=True, nopass=True, keys=["*"], commands=["+eval", "+set"]
        )
        async with Redis.from_url(valkey.url, username="WRONGTYPE", password="") as client:
            assert await Devices(lambda: client, cheap).issue(uuid4()) is None
        assert await redis.get(devices.KEY) == key
