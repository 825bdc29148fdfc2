"""Errors as pages: every code in both languages, without anything that a browser would execute."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.error_table import ERRORS, headers_of
from app.errors import AppError, Code, Overloaded, TooMany
from app.http.errors import respond
from app.http.request_state import RequestState
from app.web.error_page import error_page
from app.web.language import preferred_language, split_path

BROWSER = (b"accept", b"text/html,*/*;q=0.8")


def scope_of(path: str, *headers: tuple[bytes, bytes]) -> Any:
    resources: Any = SimpleNamespace(error_page=error_page)
    state = RequestState(resources, request_id="request-1")
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [*headers],
        "state": {"request": state},
    }


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_page_with_its_status_and_the_id_of_the_request(code: Code) -> None:
    for path, language in (("/x", "de"), ("/en/x", "en")):
        response = respond(scope_of(path, BROWSER), AppError("<b>why</b>", code))
        page = bytes(response.body).decode()
        assert response.status_code == ERRORS[code].status
        assert f'<html lang="{language}">' in page
        assert "&lt;b&gt;why&lt;/b&gt;" in page
        assert "request-1" in page
        assert code in page
        assert response.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("error", [TooMany("Slower.", retry_after=2.5), Overloaded("Full.", retry_after=3)])
def test_a_page_states_when_to_try_again(error: TooMany) -> None:
    response = respond(scope_of("/en/x", BROWSER), error)
    assert response.headers["retry-after"] == headers_of(error)["retry-after"] == "3"
    assert "try again in 3 s" in bytes(response.body).decode()


@pytest.mark.parametrize(
    ("path", "similar"), [("/operater", "/operators"), ("/OPERATORS", "/operators"), ("/zzz", None)]
)
def test_an_address_that_is_not_found_is_answered_with_a_similar_one(path: str, similar: str | None) -> None:
    page = bytes(respond(scope_of(path, BROWSER), AppError("Not Found", Code.NOT_FOUND)).body).decode()
    assert ("vielleicht" in page) is (similar is not None)
    assert similar is None or f'<a href="{similar}">{similar}</a>' in page


@pytest.mark.parametrize(
    ("path", "offered"),
    [
        ("/x", True),
        ("/operators/none", True),
        ("/en/work", True),
        ("/api/v1/dnos/none/2025", False),
        ("/operators.csv", False),
        ("/metrics", False),
    ],
)
def test_the_other_language_is_offered_where_the_address_has_both(path: str, offered: bool) -> None:
    page = bytes(respond(scope_of(path, BROWSER), AppError("Not Found", Code.NOT_FOUND)).body).decode()
    assert (f'href="/de{split_path(path).path}"' in page) is offered
    assert ('class="languages"' in page) is offered


@pytest.mark.parametrize("accept", [b"*/*", b"application/json", b"application/json, text/html", b""])
def test_programs_get_a_problem(accept: bytes) -> None:
    response = respond(scope_of("/x", (b"accept", accept)), AppError("No.", Code.NOT_FOUND))
    assert response.media_type == "application/problem+json"


def test_graphql_answers_browsers_as_programs() -> None:
    response = respond(scope_of("/graphql", BROWSER), AppError("No.", Code.BAD_USER_INPUT))
    assert bytes(response.body).startswith(b'{"errors"')


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (b"", "de"),
        (b"en", "en"),
        (b"EN-us", "en"),
        (b"de, en;q=0.9", "de"),
        (b"en;q=0.9, de;q=0.8", "en"),
        (b"fr, en;q=0", "de"),
        (b"de;q=0, *", "en"),
        (b";;;,q=,*;q=abc,en;q=nan", "de"),
        (b"x" * 5000 + b",en", "de"),
    ],
)
def test_the_preferred_language_is_german_unless_english_is_preferred(header: bytes, language: str) -> None:
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/en", ("/en", "/")),
        ("/de/operators", ("/de", "/operators")),
        ("/energy", ("", "/energy")),
        ("/", ("", "/")),
        ("/en//x", ("/en", "//x")),
    ],
)
def test_the_prefix_of_a_language_is_a_whole_segment(path: str, parts: tuple[str, str]) -> None:
    assert split_path(path) == parts
