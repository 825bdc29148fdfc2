"""Names, comments, texts and documentation use standard terms, no private vocabulary and no personification."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, name, tracked

# Whole words, also as parts of an identifier, in any case.
FORBIDDEN = (
    # persons: say process, client, request, caller, user, editor, operator
    *("nobody", "somebody", "someone", "anybody", "anyone", "everybody", "everyone", "whoever", "whomever"),
    *("stranger", "strangers", "bystander", "bystanders"),
    # programs that talk, listen and feel: say returns, receives, delivers, times out, is rejected, trusts no longer
    *(
        "tell",
        "tells",
        "told",
        "hear",
        "hears",
        "heard",
        "says",
        "believe",
        "believes",
        "believed",
        "forgive",
    ),
    *("forgives", "forgiven", "patience", "knock", "knocks", "courtesy", "calm", "crowded", "the fallen"),
    *("gives way", "gave way", "at hand", "what became of", "in vain"),
    # earlier names: see the table of terms in docs/architecture.md
    *("house", "floors", "door", "doors", "room", "rooms", "road", "roads", "passage", "passages", "shelf"),
    *("boarding", "lane", "lanes", "depart", "departs", "departed", "vitals", "steering", "anew", "take_up"),
)

# Files whose words cannot be chosen here: data, generated files, applied migrations, the contract with clients.
EXEMPT_FILES = (
    *("*.csv", "*.jsonl", "*.lock", "*.svg", "requirements/*.txt", "*package-lock.json", "schema.graphql"),
    *(
        "tests/mutation/results/*",
        "tests/mutation/SURVIVORS.md",
        "app/db/migrations/*",
        "tests/architecture/test_vocabulary.py",
        "tests/unit/schema/openapi.json",
    ),
)
ALLOWED = {
    # Old names of settings, which still work.
    ("CHANGELOG.md", "patience"),
    ("app/setting_names.py", "patience"),
    ("tests/*", "patience"),
    # A module that was renamed, and a label of a metric.
    ("CHANGELOG.md", "steering"),
    ("ops/*", "room"),
    ("docs/*", "room"),
    # A label and a metric.
    ("app/observability/metrics.py", "room"),
    ("app/observability/metrics.py", "told"),
    # The same metric.
    ("tests/unit/schema/test_result_stream.py", "told"),
    ("tests/unit/schema/test_websocket.py", "told"),
    # The same label.
    ("app/limits/fair_share.py", "room"),
    ("tests/unit/limits/test_fair_share.py", "room"),
    ("app/server/error_responses.py", "room"),
    ("app/server/http_protocol.py", "room"),
    ("tests/integration/http/test_exposition.py", "room"),
    # A file's method.
    ("app/http/export_formats.py", "tell"),
    # Words of questions.
    ("app/interpreter/words.py", "house"),
    ("app/interpreter/words.py", "tell"),
    # Argon2 calls its parallelism lanes.
    ("app/settings.py", "lanes"),
    ("docs/configuration.md", "lanes"),
    ("deploy/compose/server.env.example", "lanes"),
    ("app/auth/passwords.py", "lanes"),
    ("tests/*", "lanes"),
}

# Not converted yet; `python -m tests.architecture.test_vocabulary` lists what is left. A converted package leaves this list.
PENDING: tuple[str, ...] = ()

_WORD = re.compile(
    r"(?<![A-Za-z])(" + "|".join(map(re.escape, sorted(FORBIDDEN, key=len, reverse=True))) + r")(?![A-Za-z])",
    re.IGNORECASE,
)
# `RoomLeft` becomes `Room Left`.
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LITERAL = re.compile(r'"([^"]+)"')


def found_in(text: str) -> Iterator[tuple[int, str]]:
    """Forbidden words with their line."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in _WORD.finditer(_CAMEL.sub(" ", line)):
            yield number, found[1].lower()


def in_contract(line: str, word: str) -> bool:
    """Whether the word stands in a description of schema.graphql, which clients see and which stays as it is."""
    return any(word in text.lower() and text in _contract() for text in _LITERAL.findall(line))


@cache
def _contract() -> str:
    return (ROOT / "schema.graphql").read_text()


def findings() -> Iterator[tuple[str, int, str]]:
    for path in tracked():
        file = name(path)
        if any(fnmatch(file, pattern) for pattern in EXEMPT_FILES) or not (text := _text(path)):
            continue
        for _, word in found_in(file.replace("/", " ")):
            yield file, 0, word
        lines = text.splitlines()
        for line, word in found_in(text):
            if file.startswith("schema/") and in_contract(lines[line - 1], word):
                continue
            if not any(word == allowed and fnmatch(file, pattern) for pattern, allowed in ALLOWED):
                yield file, line, word


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def test_only_standard_terms_are_used():
    assert [found for found in findings() if not found[0].startswith(PENDING)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Nobody reads it.", ["nobody"]),
        ("read_patience = 3", ["patience"]),
        ("class RoomLeft:", ["room"]),
        ("gives way to others", ["gives way"]),
        ("mushroom, floor, broadcast, outdoors, planet", []),
    ],
)
def test_words_are_found_in_names_and_texts(text, words):
    assert [word for _, word in found_in(text)] == words


def test_only_texts_of_the_contract_are_exempt_in_the_schema():
    assert in_contract('description="An entry that somebody should look at."', "somebody")
    assert not in_contract('description="An entry that somebody may look at."', "somebody")
    assert not in_contract('"""Caches for somebody."""', "somebody")


if __name__ == "__main__":
    for file, line, word in findings():
        print(f"{file}:{line}: {word}")  # noqa: T201
