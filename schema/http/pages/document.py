"""The operations of all pages in one document: they may spread fragments of other files."""

from pathlib import Path
from typing import Final

from schema.execution.documents import Operation
from schema.http.rest_operations import own_document

DOCUMENT: Final = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "queries").glob("*.graphql"))
)


def page_operation(name: str) -> Operation:
    return own_document(DOCUMENT).operation(name)
