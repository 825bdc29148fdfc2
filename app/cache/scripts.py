"""Lua scripts that run in Redis: `lease.lua` and `fill.lua`, both after `get.lua`, and `remove.lua`, beside this module."""

from hashlib import sha1
from importlib.resources import files
from typing import Final, NamedTuple

from app.cache.topology import Command


class Script(NamedTuple):
    text: str
    sha: str


def _read_script(*names: str) -> Script:
    text = "\n".join(files(__package__).joinpath(name).read_text(encoding="utf-8") for name in names)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


LEASE: Final = _read_script("get.lua", "lease.lua")
FILL: Final = _read_script("get.lua", "fill.lua")
REMOVE: Final = _read_script("remove.lua")
_TEXTS: Final = {script.sha: script.text for script in (LEASE, FILL, REMOVE)}


def as_eval(command: Command) -> Command:
    """Loads the script into a process that does not have it yet."""
    name, sha, *rest = command.words
    return command._replace(words=("EVAL", _TEXTS[str(sha)], *rest)) if name == "EVALSHA" else command
