"""The latest changes of all operators: as a page, and as an Atom feed (RFC 4287) with the same parameters."""

import re
from typing import Final
from uuid import UUID, uuid5

from app.web.change_lines import change_line
from app.web.language import Language
from app.web.page_view import PageView
from schema.execution.documents import Operation
from schema.http.pages.address import PageAddress
from schema.http.rest_operations import Map, RestOperations

ATOM: Final = "application/atom+xml; charset=utf-8"
_FEEDS: Final = UUID("0b0ff3ba-7a0a-4f0e-9d5c-6a1f5d1b7c1e")
# The ones that XML 1.0 cannot contain, not even escaped.
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class ChangesPage(PageAddress):
    computed = frozenset(("slug", "named"))

    def _variables(self, variables: Map, language: Language) -> Map:
        if "dno" not in variables:
            return variables
        return {**variables, "slug": variables["dno"], "named": True}

    def _values(self, data: Map, variables: Map) -> Map:
        return {
            **super()._values(data, variables),
            "operator": data.get("dno"),
            "line_of": change_line,
        }


class ChangesFeed(ChangesPage):
    media_type = ATOM

    def __init__(self, operations: RestOperations, operation: Operation, similar: Operation) -> None:
        super().__init__(operations, operation, similar)
        self._template = "changes_feed"

    def _values(self, data: Map, variables: Map) -> Map:
        given = "&".join(f"{name}={value}" for name, value in sorted(variables.items()) if name != "named")
        nodes = data["changes"]["nodes"]
        return {
            **super()._values(data, variables),
            "feed_id": uuid5(_FEEDS, given),
            # The latest is the first; without changes there was no moment of one.
            "updated": nodes[0]["revision"]["changedAt"] if nodes else "1970-01-01T00:00:00Z",
        }

    def _body(self, view: PageView, values: Map) -> bytes:
        return _NO_XML.sub("", super()._body(view, values).decode()).encode()
