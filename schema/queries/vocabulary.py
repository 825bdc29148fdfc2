"""The vocabulary of the interpreter, built from the current operators and aliases."""

import asyncio

from app.cache.read_set import ReadSet
from app.interpreter.vocabularies import Source
from app.interpreter.vocabulary import Vocabulary
from app.resources import Resources
from loaders.registry import Loaders
from schema.directory import directory_of


async def load_vocabulary(resources: Resources, read_set: ReadSet) -> tuple[Vocabulary, str]:
    """The vocabulary and its fingerprint."""

    async def read() -> Source:
        loaders = Loaders(resources.read_through, read_set, memoize=False)
        directory, (aliases,) = await asyncio.gather(
            directory_of(resources, loaders), loaders.aliases.load_many([None])
        )
        return directory.entries, aliases or ()

    return await resources.vocabularies.of(read)


class FirstVocabulary:
    """Builds the vocabulary at startup: it takes half a second with a thousand operators."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def run(self) -> None:
        await load_vocabulary(self._resources, ReadSet())
