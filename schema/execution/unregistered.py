"""Log of documents that are executed although the manifest does not have them."""

from collections.abc import Set
from hashlib import sha256
from typing import Final

import structlog

from app.bounded_mapping import BoundedMapping
from app.caller_budgets import Budgets
from app.settings import MINUTE
from schema.execution.literals import split_literals

log = structlog.get_logger("persisted")

MAX_TEXT: Final = 2000  # letters of a document that are logged
MAX_NAME: Final = 100
MAX_PER_MINUTE: Final = 60
_MAX_REPORTED: Final = 5000
_ALL: Final = "all"


class UnregisteredDocuments:
    """Logs each document once, however its literals differ.

    Strings, numbers and comments may be personal, so they are left out: a string is written as `""`, a number as 0.
    """

    def __init__(self, registered: Set[str]) -> None:
        self._registered = registered
        self._reported: BoundedMapping[bytes, bool] = BoundedMapping(_MAX_REPORTED)
        self._budget = Budgets(MAX_PER_MINUTE, MAX_PER_MINUTE, MINUTE)

    def report(self, text: str, operation: str | None) -> None:
        """Call it only for valid documents, or junk uses up the budget."""
        if text in self._registered:
            return
        shown = without_literals(text)
        key = sha256((shown or text).encode(errors="surrogatepass")).digest()
        if self._reported.get(key) or not self._budget.take(_ALL):
            return
        self._reported[key] = True
        log.warning(
            "a document that is not registered",
            hash=sha256(text.encode(errors="surrogatepass")).hexdigest(),
            operation=operation[:MAX_NAME] if operation is not None else None,
            text=shown[:MAX_TEXT],
        )


def without_literals(text: str) -> str:
    """The valid document with `""` for each string, 0 for each number, and no comments."""
    split = split_literals(text)
    if split is None:
        # No literals, or a character that only a comment or a string may have.
        return "" if set(text) & set('"#') else text
    return split.with_tokens([_placeholder(token) for token in split.tokens])


def _placeholder(token: str) -> str:
    return '""' if token[0] == '"' else "" if token[0] == "#" else "0"
