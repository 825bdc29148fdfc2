"""The rights of a long-lived connection while they cannot be checked."""

from uuid import uuid4

import pytest

from app.auth.credentials import Credentials
from app.domain.account import ANONYMOUS, Principal, Role
from app.errors import Unauthenticated, Unavailable

EDITOR = Principal(role=Role.EDITOR, name="ada", user_id=uuid4(), session_id="session")
VIEWER = Principal(role=Role.VIEWER, name="ada", user_id=EDITOR.user_id, session_id="session")
TIMEOUT = 30.0


class Authenticator:
    """Returns or raises `outcome`."""

    def __init__(self) -> None:
        self.outcome: Principal | Exception = VIEWER
        self.calls: list[tuple[Principal, bool]] = []

    async def renewed(self, principal: Principal, *, visit: bool = False) -> Principal:
        self.calls.append((principal, visit))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("app.auth.credentials.monotonic", lambda: clock.now)
    return clock


def of(authenticator: Authenticator, principal: Principal = EDITOR) -> Credentials:
    return Credentials(authenticator, principal, timeout=TIMEOUT)  # type: ignore[arg-type]


@pytest.mark.parametrize("visit", [False, True])
async def test_renewed_rights_replace_the_former_ones(clock: Clock, visit: bool) -> None:
    authenticator = Authenticator()
    credentials = of(authenticator)
    assert await credentials.renew(visit=visit) is VIEWER
    assert credentials.principal is VIEWER
    assert authenticator.calls == [(EDITOR, visit)]


async def test_rights_are_renewed_without_a_visit_unless_it_is_one(clock: Clock) -> None:
    authenticator = Authenticator()
    credentials = of(authenticator)
    await credentials.renew()
    assert await credentials.confirm() is VIEWER
    assert authenticator.calls == [(EDITOR, False), (VIEWER, True)]


async def test_a_confirmation_is_rejected_at_once_while_it_cannot_be_checked(clock: Clock) -> None:
    authenticator = Authenticator()
    authenticator.outcome = Unavailable("Redis is unavailable.")
    with pytest.raises(Unavailable):
        await of(authenticator).confirm()


@pytest.mark.parametrize("method", ["renew", "confirm"])
async def test_the_last_known_rights_hold_until_the_timeout(clock: Clock, method: str) -> None:
    authenticator = Authenticator()
    credentials = of(authenticator)
    clock.now += 100
    await getattr(credentials, method)()
    authenticator.outcome = Unavailable("Redis is unavailable.")
    clock.now += TIMEOUT
    assert await credentials.renew() is VIEWER
    clock.now += 0.001
    with pytest.raises(Unavailable):
        await credentials.renew()


async def test_the_timeout_begins_with_the_connection(clock: Clock) -> None:
    authenticator = Authenticator()
    authenticator.outcome = Unavailable("Redis is unavailable.")
    credentials = of(authenticator)
    assert await credentials.renew() is EDITOR
    clock.now += TIMEOUT + 1
    with pytest.raises(Unavailable):
        await credentials.renew()


async def test_rights_that_have_ended_are_rejected_at_once(clock: Clock) -> None:
    authenticator = Authenticator()
    authenticator.outcome = Unauthenticated("The session has ended.")
    with pytest.raises(Unauthenticated):
        await of(authenticator).renew()


async def test_anonymous_callers_have_no_rights_to_check(clock: Clock) -> None:
    authenticator = Authenticator()
    assert await of(authenticator, ANONYMOUS).renew() is ANONYMOUS
    assert authenticator.calls == []
