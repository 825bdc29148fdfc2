"""Which media type a response has."""

import tracemalloc

import pytest

from app.http.client_address import parse_address
from app.http.content_negotiation import GRAPHQL_RESPONSE, JSON, preferred, prefers_page


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON; charset=UTF-8", JSON),
        ("application/graphql-response+json", GRAPHQL_RESPONSE),
        (
            "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8",
            GRAPHQL_RESPONSE,
        ),
        ("application/json, application/graphql-response+json", JSON),
        ("application/json;q=0.5, application/graphql-response+json;q=0.6", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0.9, application/json", JSON),
        ("application/graphql-response+json, */*", GRAPHQL_RESPONSE),
        ("*/*, application/json;q=0", GRAPHQL_RESPONSE),
        ("text/html, */*;q=0.1", JSON),
        ("application/json;q=0", None),
        ("application/json;q=nonsense", None),
        ("application/json;charset=utf-16", None),
        ("text/html", None),
        ("image/png, text/*", None),
        (",,;;,", None),
    ],
)
def test_the_best_accepted_media_type_is_chosen(accept: str | None, chosen: str | None) -> None:
    assert preferred(None if accept is None else accept.encode()) == chosen


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        (b"text/html", True),
        (b"application/json, text/html;q=0.5", False),
        (b"*/*", False),
        (None, False),
    ],
)
def test_a_browser_gets_a_page(accept: bytes | None, page: bool) -> None:
    assert prefers_page(accept) is page


def test_remembered_headers_are_bounded_in_bytes() -> None:
    """Each may be as long as a request's head: a thousand of them would be 50 MB."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1200):
            preferred(b"application/json;q=0.%d, " % number + b"x/" + b"y" * 48_000)
            parse_address(f"{number}." * 10_000)
        assert tracemalloc.get_traced_memory()[0] - before < 5 * 2**20
    finally:
        tracemalloc.stop()
