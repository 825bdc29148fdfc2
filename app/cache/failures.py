"""What may come instead of an answer from Redis, and which of it is a refusal."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog import get_logger

log = get_logger(__name__)

FAILURES: Final = (RedisError, RedisClusterException, OSError, TimeoutError)

_CODE: Final = re.compile(r"[A-Z]{2,20}")


class NotPrimary(RedisConnectionError):
    """The server reports that it is a replica: it may be behind, and takes no removals."""


class UnexpectedReply(RedisError):
    """A reply of another shape than the command has: the same as no reply."""


class NotAsked(RedisConnectionError):
    """The server has not answered several times in a row, so this command was not sent."""


# The server has answered, and the answer is no. Some of them are connection errors to redis-py.
_REFUSALS: Final = (
    ResponseError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NotPrimary,
    UnexpectedReply,
)


def refusal(failure: BaseException) -> str | None:
    """The code of a refusal, as the server gave it (READONLY, OOM, …); None for every other failure."""
    if not isinstance(failure, _REFUSALS):
        return None
    if "ACL failure in script" in str(failure) or "The user executing the script" in str(failure):
        return "NOPERM"  # some servers, such as Redis 7.0, give it the code ERR
    code = getattr(failure, "status_code", None) or str(failure).partition(" ")[0]
    return code if _CODE.fullmatch(code) else type(failure).__name__


def is_of_another_type(failure: BaseException) -> bool:
    """Another program has written the key; without its removal it would stay unreadable for good."""
    return refusal(failure) == "WRONGTYPE"


def interrupted(failure: BaseException) -> bool:
    """The connection broke: another one may work at once, unlike after a time-out or a refusal."""
    if isinstance(failure, TimeoutError | NotAsked) or refusal(failure) is not None:
        return False
    return isinstance(failure, RedisConnectionError | OSError)


def as_failure(error: Exception) -> RedisConnectionError:
    """For what uvloop, asyncio, hiredis or redis-py raise on a connection that is half closed."""
    log.warning("redis_connection_broke", error=repr(error))
    return RedisConnectionError(f"The connection broke: {type(error).__name__}")


@contextmanager
def only_failures() -> Iterator[None]:
    """Whatever is raised inside leaves as one of FAILURES; a cancellation stays one."""
    try:
        yield
    except FAILURES:
        raise
    except Exception as error:
        raise as_failure(error) from error
