"""The secrets of API keys, and how their uses are noted; with PostgreSQL: tests/integration/auth."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.auth import api_key_usage
from app.auth.api_key_usage import ApiKeyUsage
from app.auth.api_keys import digest, is_secret
from app.errors import Unavailable
from app.settings import Settings

POOL: Any = object()


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("dno_" + "aZ09-_" * 7 + "x", True),
        ("dno_" + "x" * 42, False),
        ("dno_" + "x" * 44, False),
        ("DNO_" + "x" * 43, False),
        ("x" * 47, False),
        ("", False),
    ],
)
def test_a_secret_has_a_prefix_and_43_characters_of_base64(text: str, valid: bool) -> None:
    assert is_secret(text) is valid


def test_a_key_is_stored_under_the_hash_of_its_secret() -> None:
    assert digest("dno_x") == sha256(b"dno_x").digest()


async def test_a_use_that_could_not_be_written_does_not_replace_a_later_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = ApiKeyUsage(POOL, Settings())
    first, second = uuid4(), uuid4()
    written: list[Mapping[UUID, datetime]] = []
    fails = True

    async def touch(pool: object, noted: Mapping[UUID, datetime]) -> None:
        assert pool is POOL
        written.append(noted)
        if fails:
            usage.note(first)
            raise Unavailable("PostgreSQL is unavailable.")

    monkeypatch.setattr(api_key_usage.accounts, "touch_api_keys", touch)
    await usage.flush()
    assert written == []
    began = datetime.now(UTC)
    usage.note(first)
    usage.note(second)
    await usage.flush()
    fails = False
    await usage.flush()
    await usage.flush()
    failed, later = written
    assert set(failed) == set(later) == {first, second}
    assert began <= failed[first] < later[first] <= datetime.now(UTC)
    assert later[second] == failed[second]
    assert later[first].utcoffset() == timedelta(0)
