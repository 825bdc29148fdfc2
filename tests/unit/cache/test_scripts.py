"""Lua scripts are called by their digest, or with their text where a server does not know them yet."""

from hashlib import sha1

import pytest

from app.cache.scripts import FILL, LEASE, Script, as_eval
from app.cache.topology import Command


@pytest.mark.parametrize("script", [LEASE, FILL])
def test_a_call_by_digest_becomes_one_by_text_with_the_same_arguments(script: Script) -> None:
    assert script.sha == sha1(script.text.encode(), usedforsecurity=False).hexdigest()
    command = Command(b"key", ("EVALSHA", script.sha, 1, b"key", "argument"), 1)
    assert as_eval(command) == Command(b"key", ("EVAL", script.text, 1, b"key", "argument"), 1)


def test_other_commands_stay_as_they_are() -> None:
    command = Command(b"key", ("DEL", "key"))
    assert as_eval(command) == command
