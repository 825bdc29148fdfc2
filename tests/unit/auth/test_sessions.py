"""The identifiers of sessions, and when a command is sent a second time; with Redis: tests/integration/auth."""

from hashlib import sha256

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError

from app.auth.sessions import _needed, identify, is_token
from app.errors import Unavailable


def test_a_session_is_identified_by_the_hash_of_its_token() -> None:
    assert identify("token") == sha256(b"token").hexdigest()


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("aZ09-_" * 7 + "x", True),
        ("x" * 42, False),
        ("x" * 44, False),
        ("x" * 42 + "+", False),
        ("x" * 43 + "\n", False),
        ("", False),
    ],
)
def test_a_token_has_43_characters_of_base64(text: str, valid: bool) -> None:
    assert is_token(text) is valid


class Command:
    """Raises these errors one after the other, and then returns."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.calls = 0

    async def send(self) -> str:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return "result"


@pytest.mark.parametrize(
    "error", [ConnectionError("closed"), RedisConnectionError("closed"), ReadOnlyError("a replica")]
)
async def test_a_command_is_sent_again_once_after_a_lost_connection(error: Exception) -> None:
    lost_once, lost_twice = Command(error), Command(error, error)
    assert await _needed(lost_once.send) == "result"
    assert lost_once.calls == 2
    with pytest.raises(Unavailable) as refused:
        await _needed(lost_twice.send)
    assert lost_twice.calls == 2
    assert refused.value.message == "Sessions cannot be checked at the moment; please try again soon."


@pytest.mark.parametrize("error", [ResponseError("WRONGTYPE"), ValueError("no user id"), TimeoutError()])
async def test_other_failures_are_unavailable_at_once(error: Exception) -> None:
    command = Command(error)
    with pytest.raises(Unavailable):
        await _needed(command.send)
    assert command.calls == 1
