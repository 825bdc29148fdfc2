"""`dno user` prompts for a password only after all other checks, and rejects passwords that are easy to guess."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest

from app.auth.sessions import Sessions, identify
from app.cache.redis import open_redis
from app.cli import users
from app.db.pool import Pool, open_pool
from app.domain.account import Role
from app.domain.email import check_email
from app.errors import BadInput, CannotStart, Code, Unavailable
from app.settings import Settings
from tests.error_codes import raises_code
from tests.integration.auth.services import PASSWORD
from tests.server_process import dno
from tests.servers import PrivateValkey

STORED = r"^The password was changed, but .*`dno user sign-out ada@example.org`"


class PasswordPrompt:
    def __init__(self, password: str = PASSWORD) -> None:
        self.count = 0
        self._password = password

    def __call__(self) -> str:
        self.count += 1
        return self._password


async def test_an_address_is_checked_before_the_password_prompt(pool: Pool, cheap: Settings) -> None:
    prompt = PasswordPrompt()
    await users.add(cheap, "ada@example.org", Role.EDITOR, prompt)
    assert prompt.count == 1
    for taken in ("ada@example.org", "ADA@Example.org"):
        with raises_code(Code.CONFLICT, match="already"):
            await users.add(cheap, taken, Role.EDITOR, prompt)
    for wrong in (
        "ada",
        "ada@",
        "@example.org",
        "ada lovelace@example.org",
        "ada@example.org\n",
        "ada@example",
    ):
        with pytest.raises(BadInput) as refusal:
            await users.add(cheap, wrong, Role.EDITOR, prompt)
        assert refusal.value.field == ("email",)
    with raises_code(Code.NOT_FOUND):
        await users.set_password(cheap, "unknown@example.org", prompt)
    assert prompt.count == 1


async def test_passwords_that_are_easy_to_guess_for_this_account_are_refused(
    pool: Pool, cheap: Settings
) -> None:
    for password in ("password1234", "ada@example.org", "Ada.Example.2026", "short"):
        with pytest.raises(BadInput) as refusal:
            await users.add(cheap, "ada@example.org", Role.EDITOR, PasswordPrompt(password))
        assert refusal.value.field == ("password",)
        assert password not in refusal.value.message
    await users.add(cheap, "ada@example.org", Role.EDITOR, PasswordPrompt())
    with pytest.raises(BadInput):
        await users.set_password(cheap, "ADA@example.org", PasswordPrompt("ada-example-1815"))


@pytest.mark.parametrize("stdin", ["", "correct horse battery\n"])
def test_an_invalid_address_is_rejected_without_a_database(folder: Path, stdin: str) -> None:
    refused = dno(
        "user", "add", "ada lovelace\x1b[2J", environment={"LOCAL_FOLDER": str(folder)}, stdin=stdin
    )
    assert refused.returncode == 1
    assert "is no e-mail address" in refused.stderr
    assert "\x1b" not in refused.stderr
    assert list(folder.iterdir()) == []


async def test_sessions_are_ended_on_the_session_server(
    pool: Pool, cheap: Settings, valkey: PrivateValkey
) -> None:
    separate = msgspec.structs.replace(cheap, session_redis_url=valkey.url)
    user = await users.add(separate, "ada@example.org", Role.EDITOR, PasswordPrompt())
    async with open_redis(msgspec.structs.replace(cheap, redis_url=valkey.url)) as server:
        sessions = Sessions(server.client, separate)
        token = await sessions.start(user.id)
        assert await users.sign_out(separate, user.email) == (user, 1)
        assert await sessions.get(identify(token)) is None


async def test_a_password_that_is_stored_while_redis_is_away_is_reported_as_changed(
    pool: Pool, cheap: Settings, valkey: PrivateValkey
) -> None:
    away = msgspec.structs.replace(cheap, redis_url=valkey.url, redis_timeout=0.2, redis_connect_timeout=0.2)
    await users.add(cheap, "ada@example.org", Role.EDITOR, PasswordPrompt())
    before = await pool.fetch("SELECT password_hash FROM users")
    valkey.kill()
    with pytest.raises(Unavailable, match=STORED):
        await users.set_password(away, "ada@example.org", PasswordPrompt())
    assert await pool.fetch("SELECT password_hash FROM users") != before


async def test_a_password_that_is_stored_before_postgresql_goes_away_is_reported_as_changed(
    pool: Pool, cheap: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await users.add(cheap, "ada@example.org", Role.EDITOR, PasswordPrompt())
    before = await pool.fetch("SELECT password_hash FROM users")
    opened = []

    def open_pool_twice(settings: Settings) -> AbstractAsyncContextManager[Pool]:
        """To look the user up, and to write."""
        opened.append(settings)
        if len(opened) > 2:
            raise CannotStart("PostgreSQL does not answer.")
        return open_pool(settings)

    monkeypatch.setattr(users, "open_pool", open_pool_twice)
    with pytest.raises(Unavailable, match=STORED):
        await users.set_password(cheap, "ada@example.org", PasswordPrompt())
    assert await pool.fetch("SELECT password_hash FROM users") != before


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org",
        "ada.lovelace+dno@sub.example.co.uk",
        "jürgen@stadtwerke-münchen.de",
        "a_b'c@x-y.de",
        "用户@例子.公司",
        "a@xn--mnchen-3ya.de",
    ],
)
def test_valid_addresses_are_accepted(address: str) -> None:
    check_email(address)


MAKE_LONG: Callable[[int], str] = lambda length: "a" * (length - 12) + "@example.org"  # noqa: E731


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@example",
        "ada@@example.org",
        "ada@b@example.org",
        ".ada@example.org",
        "ada.@example.org",
        "a..b@example.org",
        "ada@.org",
        "ada@example..org",
        "ada@-example.org",
        "ada@example-.org",
        "ada@example.org.",
        "ada@example.org ",
        "ada@exam ple.org",
        "ada\x00@example.org",
        "ada\u202e@example.org",
        "ada@example.org\n",
        "Ada <ada@example.org>",
        MAKE_LONG(77),
        "a@" + "b" * 64 + ".org",
        "a@" + "b." * 130 + "org",
    ],
)
def test_invalid_addresses_are_refused(address: str) -> None:
    with pytest.raises(BadInput):
        check_email(address)
