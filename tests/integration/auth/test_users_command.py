"""`dno user` asks for a password only once it can be used, and takes none that is easy to guess."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from app.auth.sessions import Sessions, identify
from app.cache.redis import open_redis
from app.cli import users
from app.db.pool import Pool
from app.domain.account import Role
from app.domain.email import check_email
from app.errors import Conflict, Invalid, NotFound
from app.settings import Settings
from tests.instances import dno
from tests.integration.auth.gate import PASSWORD
from tests.servers import PrivateValkey


class Asked:
    def __init__(self, password: str = PASSWORD) -> None:
        self.times = 0
        self._password = password

    def __call__(self) -> str:
        self.times += 1
        return self._password


async def test_an_address_is_checked_before_the_password_is_asked_for(pool: Pool, cheap: Settings) -> None:
    asked = Asked()
    await users.add(cheap, "ada@example.org", Role.EDITOR, asked)
    assert asked.times == 1
    for taken in ("ada@example.org", "ADA@Example.org"):
        with pytest.raises(Conflict, match="already"):
            await users.add(cheap, taken, Role.EDITOR, asked)
    for wrong in (
        "ada",
        "ada@",
        "@example.org",
        "ada lovelace@example.org",
        "ada@example.org\n",
        "ada@example",
    ):
        with pytest.raises(Invalid) as refusal:
            await users.add(cheap, wrong, Role.EDITOR, asked)
        assert refusal.value.field == ("email",)
    with pytest.raises(NotFound):
        await users.set_password(cheap, "nobody@example.org", asked)
    assert asked.times == 1


async def test_passwords_that_are_easy_to_guess_for_this_account_are_refused(
    pool: Pool, cheap: Settings
) -> None:
    for password in ("password1234", "ada@example.org", "Ada.Example.2026", "short"):
        with pytest.raises(Invalid) as refusal:
            await users.add(cheap, "ada@example.org", Role.EDITOR, Asked(password))
        assert refusal.value.field == ("password",)
        assert password not in refusal.value.message
    await users.add(cheap, "ada@example.org", Role.EDITOR, Asked())
    with pytest.raises(Invalid):
        await users.set_password(cheap, "ADA@example.org", Asked("ada-example-1815"))


@pytest.mark.parametrize("stdin", ["", "correct horse battery\n"])
def test_an_address_that_is_none_needs_no_database(folder: Path, stdin: str) -> None:
    refused = dno(
        "user", "add", "ada lovelace\x1b[2J", environment={"LOCAL_FOLDER": str(folder)}, stdin=stdin
    )
    assert refused.returncode == 1
    assert "is no e-mail address" in refused.stderr
    assert "\x1b" not in refused.stderr
    assert list(folder.iterdir()) == []


async def test_sessions_are_ended_where_they_are_kept(
    pool: Pool, cheap: Settings, valkey: PrivateValkey
) -> None:
    apart = msgspec.structs.replace(cheap, session_redis_url=valkey.url)
    user = await users.add(apart, "ada@example.org", Role.EDITOR, Asked())
    async with open_redis(msgspec.structs.replace(cheap, redis_url=valkey.url)) as server:
        sessions = Sessions(server.client, apart)
        token = await sessions.start(user.id)
        assert await users.sign_out(apart, user.email) == (user, 1)
        assert await sessions.get(identify(token)) is None


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
def test_addresses_are_taken(address: str) -> None:
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
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        check_email(address)
