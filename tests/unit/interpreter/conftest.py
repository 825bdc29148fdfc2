"""The operators named in the sentences of these tests, and names that are in no register."""

from uuid import UUID

import pytest

from app.domain.dno import DirectoryEntry
from app.interpreter.vocabulary import Vocabulary
from benchmarks.interpreter import ALIASES, REGISTRY, read_aliases, read_registry


@pytest.fixture(scope="session")
def entries() -> list[DirectoryEntry]:
    return read_registry(REGISTRY)


@pytest.fixture(scope="session")
def vocabulary(entries: list[DirectoryEntry]) -> Vocabulary:
    return Vocabulary.of(entries, read_aliases(ALIASES, entries))


@pytest.fixture(scope="session")
def slugs(entries: list[DirectoryEntry]) -> dict[UUID, str]:
    return {entry.id: entry.slug for entry in entries}
