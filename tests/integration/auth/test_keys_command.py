"""`dno key` lists and revokes API keys; `dno --version` needs no database."""

from importlib.metadata import version
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from app.cli import keys
from app.db.pool import Pool
from app.domain.account import Role
from app.errors import BadInput, Code, Unauthenticated
from app.settings import Settings
from tests.error_codes import raises_code
from tests.integration.auth.services import AuthServices
from tests.integration.graph.running import issue_key
from tests.server_process import dno


async def test_keys_are_listed_with_their_makers_and_without_secrets(pool: Pool, cheap: Settings) -> None:
    key, headers = await issue_key(pool, Role.EDITOR, "crawler")
    [listed] = await keys.fetch(cheap)
    assert (listed.key.id, listed.key.name, listed.key.role) == (key.id, "crawler", Role.EDITOR)
    assert listed.creator is not None
    written = StringIO()
    Console(width=200, file=written).print(keys.table([listed]))
    text = written.getvalue()
    assert f"key_{key.id.hex}" in text
    assert "crawler@example.org" in text
    assert "never" in text
    assert headers["authorization"].removeprefix("Bearer ") not in text


async def test_a_revoked_key_is_rejected_and_listed_no_more(auth: AuthServices, cheap: Settings) -> None:
    key, headers = await issue_key(auth.pool, Role.EDITOR)
    await keys.revoke(cheap, keys.read_key_id(f"key_{key.id.hex}"))
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(headers["authorization"], None)
    assert await keys.fetch(cheap) == []
    with raises_code(Code.NOT_FOUND):
        await keys.revoke(cheap, key.id)


@pytest.mark.parametrize("text", ["", "x", "key_", f"key_{'0' * 31}", f"user_{'0' * 32}", f"KEY_{'0' * 32}"])
def test_other_texts_are_no_id(text: str) -> None:
    with pytest.raises(BadInput, match="dno key list"):
        keys.read_key_id(text)


def test_the_version_is_shown_without_a_database(folder: Path) -> None:
    shown = dno("--version", environment={"LOCAL_FOLDER": str(folder)})
    assert (shown.returncode, shown.stdout) == (0, f"dno {version('dno-api')}\n")
    assert list(folder.iterdir()) == []
