"""The log of documents that a manifest does not have."""

import pytest
from structlog.testing import capture_logs

from schema.execution.unregistered import MAX_PER_MINUTE, MAX_TEXT, UnregisteredDocuments, without_literals


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{ a }", "{ a }"),
        ('{ a(b: "c", d: 12.5, e: -3) }', '{ a(b: "", d: 0, e: 0) }'),
        ('{ a(b: """c " d""") } # f', '{ a(b: "") } '),
        ("{ a1(b: $c2) }", "{ a1(b: $c2) }"),
        ("# \0", ""),  # nothing is shown of what cannot be split
    ],
)
def test_a_document_is_shown_without_its_literals_and_comments(text: str, shown: str) -> None:
    assert without_literals(text) == shown


def test_each_document_is_logged_once_and_so_many_per_minute() -> None:
    documents = UnregisteredDocuments({"{ registered }"})
    with capture_logs() as entries:
        documents.report("{ registered }", None)
        documents.report('{ a(b: "c") }', "x" * 1000)
        documents.report('{ a(b: "d") }', None)
        documents.report("{ " + "long " * 1000 + "}", None)
        for number in range(2 * MAX_PER_MINUTE):
            documents.report(f"{{ a{number} }}", None)
    assert len(entries) == MAX_PER_MINUTE
    assert (entries[0]["text"], len(entries[0]["operation"])) == ('{ a(b: "") }', 100)
    assert len(entries[1]["text"]) == MAX_TEXT
