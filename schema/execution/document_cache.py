"""The document cache: documents and their rejections by their texts, and shapes of documents that differ only in literals."""

import sys
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from graphql import GraphQLError, NoSchemaIntrospectionCustomRule, specified_rules
from strawberry import Schema

from app.errors import Code
from app.settings import Settings
from schema.execution.documents import Document, Operation, RejectedDocument
from schema.execution.limits import Limits, limit_error
from schema.execution.literals import split_literals
from schema.execution.shapes import Shape, shape_of
from schema.execution.syntax import parse, validate, without_tree
from schema.execution.validation_rules import applicable

# Estimated bytes; tests/unit/schema/test_documents.py compares them with measured ones.
ENTRY_BYTES = 500  # an entry of the cache without its key
# The probation segment has 1/4 of the cache's bytes.
PROBATION_DIVISOR = 4


class DocumentCache:
    """A segmented LRU cache of valid and rejected documents, bounded by their number, characters and bytes.

    A document is in the probation segment, which has a quarter of the bytes, until it is requested again. So documents
    that are requested only once evict each other, and none of the repeated ones.
    """

    def __init__(self, schema: Schema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._limits = Limits(settings)
        self._rules = [
            *specified_rules,
            *([] if settings.introspection else [NoSchemaIntrospectionCustomRule]),
        ]
        self._max_documents = settings.max_cached_documents
        self._max_characters = settings.max_cached_document_letters
        self._max_bytes = settings.document_cache_size
        self._characters = 0
        # By text, and shapes by the rest of it: of both segments.
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._probation: OrderedDict[_Key, _Entry] = OrderedDict()
        self.bytes = 0
        self._probation_bytes = 0

    def operation(self, text: str, name: str | None) -> Operation:
        """The operation of that name, or the only one. Raises RejectedDocument.

        A text that is not cached has the plans of its shape. A shape is made of the second text that has it: most texts are sent
        once, or again and again as they are.
        """
        new = text not in self._entries and len(text) <= self._settings.limit_document_letters
        literals = split_literals(text) if new else None
        if literals is None:
            return self.get(text).operation(name)
        key = (literals.rest,)
        known = self._cached(key)
        if isinstance(known, Shape) and (values := known.values(literals.tokens)) is not None:
            return known.operation(name, text, values, lambda: self.get(text).operation(name))
        document = self._read_and_store(text)
        if known is None:
            self._store(key, _SEEN)
        elif known is _SEEN:
            self._remove(key)
            self._store(key, shape_of(self._schema, document, literals) or _WITHOUT_SHAPE)
        return document.operation(name)

    def get(self, text: str) -> Document:
        """The document of the text itself. Raises RejectedDocument; rejections are cached like documents."""
        result = self._cached(text)
        if result is None:
            return self._read_and_store(text)
        if isinstance(result, RejectedDocument):
            raise RejectedDocument(result.errors, result.code)
        assert isinstance(result, Document)
        return result

    def _read_and_store(self, text: str) -> Document:
        result = self._read(text)
        self._store(text, result)
        if isinstance(result, RejectedDocument):
            raise RejectedDocument(result.errors, result.code)
        return result

    def _cached(self, key: "_Key") -> "_Result | None":
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        if entry.result_bytes != entry.result.bytes or key in self._probation:
            self._promote(key, entry)
        return entry.result

    def _read(self, text: str) -> Document | RejectedDocument:
        settings = self._settings
        if len(text) > settings.limit_document_letters:
            return RejectedDocument(
                [limit_error("document letters", len(text), settings.limit_document_letters)],
                Code.GRAPHQL_PARSE_FAILED,
            )
        try:
            ast = parse(text, max_tokens=settings.limit_tokens)
        except GraphQLError as error:
            return _rejected([_with_limit(error, settings)], Code.GRAPHQL_PARSE_FAILED)
        except RecursionError:
            return _rejected([GraphQLError("The document is nested too deeply.")], Code.GRAPHQL_PARSE_FAILED)
        if errors := self._limits.check(ast, text):
            return _rejected(errors, Code.GRAPHQL_VALIDATION_FAILED)
        try:
            errors = validate(
                self._schema._schema,
                ast,
                applicable(self._rules, text),
                max_errors=20,
                hide_suggestions=not settings.introspection,
            )
        except RecursionError:
            errors = [GraphQLError("The document is nested too deeply.")]
        return (
            _rejected(errors, Code.GRAPHQL_VALIDATION_FAILED) if errors else Document(self._schema, text, ast)
        )

    def _store(self, key: "_Key", result: "_Result") -> None:
        entry = _Entry(key, result)
        # A text above the limit is rejected without parsing, so nothing would be saved by caching it.
        if entry.characters > min(self._max_characters // 4, self._settings.limit_document_letters):
            return
        if entry.bytes > self._max_bytes // PROBATION_DIVISOR:
            return
        self._entries[key] = self._probation[key] = entry
        self._characters += entry.characters
        self.bytes += entry.bytes
        self._probation_bytes += entry.bytes
        self._evict()

    def _promote(self, key: "_Key", entry: "_Entry") -> None:
        """Moves an entry to the protected segment, and counts what its document has grown by."""
        growth = entry.result.bytes - entry.result_bytes
        if self._probation.pop(key, None) is not None:
            self._probation_bytes -= entry.bytes
        elif not growth:
            return
        entry.result_bytes += growth
        entry.bytes += growth
        self.bytes += growth
        self._evict()

    def _evict(self) -> None:
        while self._probation_bytes > self._max_bytes // PROBATION_DIVISOR:
            self._remove(next(iter(self._probation)))
        while (
            len(self._entries) > self._max_documents
            or self._characters > self._max_characters
            or self.bytes > self._max_bytes
        ):
            self._remove(next(iter(self._probation or self._entries)))

    def _remove(self, key: "_Key") -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._characters -= entry.characters
        self.bytes -= entry.bytes
        if self._probation.pop(key, None) is not None:
            self._probation_bytes -= entry.bytes


class _Mark:
    """What is remembered of the rest of a text instead of a shape."""

    bytes = 0


_SEEN: Final = _Mark()  # one text with it
_WITHOUT_SHAPE: Final = _Mark()  # its texts have no shape in common

_Key = str | tuple[str]
_Result = Document | RejectedDocument | Shape | _Mark


class _Entry:
    """A document, its rejection or a shape, and the bytes that the cache counts for it."""

    __slots__ = ("bytes", "characters", "result", "result_bytes")

    def __init__(self, key: _Key, result: _Result) -> None:
        text = key if isinstance(key, str) else key[0]
        self.characters = len(text)
        self.result = result
        self.result_bytes = result.bytes
        self.bytes = ENTRY_BYTES + sys.getsizeof(text) + self.result_bytes


def _rejected(errors: Sequence[GraphQLError], code: str) -> RejectedDocument:
    return RejectedDocument([without_tree(error) for error in errors], code)


def _with_limit(error: GraphQLError, settings: Settings) -> GraphQLError:
    if error.message.startswith("Syntax Error: Document contains more than"):
        return limit_error("tokens", "more", settings.limit_tokens)
    return error
