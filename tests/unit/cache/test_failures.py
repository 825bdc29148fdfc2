"""Which errors count as a rejection by Redis, which as a broken connection, and what other errors become."""

import pytest
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.cache.failures import (
    NotAsked,
    NotPrimary,
    UnexpectedReply,
    as_failure,
    interrupted,
    only_failures,
    refusal,
)

REJECTIONS = [
    (ResponseError("NOREPLICAS Not enough good replicas to write."), "NOREPLICAS"),
    (ResponseError("OOM command not allowed"), "OOM"),
    (ResponseError("ERR unknown command"), "ERR"),
    (ResponseError("ERR ACL failure in script: No permissions to access a key"), "NOPERM"),
    (
        ResponseError("The user executing the script can't run this command or subcommand script: a8f4"),
        "NOPERM",
    ),
    (ResponseError("something is wrong"), "ResponseError"),
    (ResponseError(""), "ResponseError"),
    (ResponseError("X " + "x" * 10), "ResponseError"),
    (ResponseError("A" * 21 + " x"), "ResponseError"),
    (NotPrimary("Redis is a replica here."), "NotPrimary"),
    (UnexpectedReply("The reply has another shape."), "UnexpectedReply"),
    (BusyLoadingError("Redis is loading the dataset in memory"), "BusyLoadingError"),
    (AuthenticationError("WRONGPASS invalid username-password pair"), "WRONGPASS"),
]
OTHERS = [
    RedisConnectionError("Connection refused"),
    ConnectionResetError(),
    RedisTimeoutError("READONLY"),
    TimeoutError("OOM"),
    RedisClusterException("ERR none"),
    NotAsked("OOM"),
]


@pytest.mark.parametrize(("error", "code"), REJECTIONS, ids=repr)
def test_a_rejection_has_the_code_of_the_server_or_the_name_of_its_type(error: Exception, code: str) -> None:
    assert refusal(error) == code


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_other_failures_are_no_rejection(error: Exception) -> None:
    assert refusal(error) is None


def test_the_status_code_that_redis_py_takes_off_the_text_is_used() -> None:
    for error in (ReadOnlyError("a replica"), OutOfMemoryError("full"), NoPermissionError("no")):
        error.status_code = "CODE"
        assert refusal(error) == "CODE"


@pytest.mark.parametrize(
    "error", [RedisConnectionError("closed"), ConnectionResetError(), OSError()], ids=repr
)
def test_a_broken_connection_is_an_interruption(error: Exception) -> None:
    assert interrupted(error)


@pytest.mark.parametrize(
    "error",
    [
        *(error for error, _ in REJECTIONS),
        *(TimeoutError(), NotAsked("not sent"), RedisClusterException("none")),
    ],
    ids=repr,
)
def test_a_time_out_or_a_rejection_is_no_interruption(error: Exception) -> None:
    assert not interrupted(error)


def test_any_other_error_becomes_a_broken_connection_that_names_its_type() -> None:
    failure = as_failure(KeyError("secret"))
    assert isinstance(failure, RedisConnectionError)
    assert str(failure) == "The connection broke: KeyError"


def test_failures_leave_unchanged_and_other_errors_with_their_cause() -> None:
    for failure in (ResponseError("ERR"), RedisClusterException("x"), OSError(), TimeoutError()):
        with pytest.raises(type(failure)) as raised, only_failures():
            raise failure
        assert raised.value is failure
    error = IndexError("pop from an empty deque")
    with pytest.raises(RedisConnectionError) as broken, only_failures():
        raise error
    assert broken.value.__cause__ is error
