"""How a request names its document, and which documents of a manifest are executed."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.errors import BadInput, CannotStart
from app.settings import Settings
from schema.execution.documents import RejectedDocument
from schema.execution.persisted import PersistedDocuments
from schema.http.request import GraphQLRequest, read_body

TEXT, OTHER = "{ coverage { totalEntries } }", "{ viewer { id } }"
HASH, OTHER_HASH = (sha256(text.encode()).hexdigest() for text in (TEXT, OTHER))
NO_REDIS: Any = None  # these requests need none


def request(**members: Any) -> GraphQLRequest:
    found = read_body(json.dumps(members).encode(), "application/json", 0)
    assert isinstance(found, GraphQLRequest)
    return found


def persisted(digest: Any = HASH, **members: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}, **members}


def with_manifest(folder: Path, manifest: object, **settings: Any) -> PersistedDocuments:
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return PersistedDocuments(Settings(registered_documents=str(path), **settings))


@pytest.mark.parametrize(
    ("members", "plain"),
    [
        ({"query": TEXT}, True),
        ({"query": TEXT, "extensions": {"other": 1}}, True),
        ({"query": TEXT, "documentId": HASH}, False),
        (persisted(query=TEXT), False),
        (persisted(), False),
        ({"documentId": HASH}, False),
    ],
)
def test_only_a_request_with_nothing_but_a_text_needs_no_look_up(
    tmp_path: Path, members: dict[str, Any], plain: bool
) -> None:
    assert PersistedDocuments(Settings()).is_plain(request(**members)) is plain
    assert not with_manifest(tmp_path, {"a": TEXT}).is_plain(request(**members))


def test_documents_of_the_manifest_are_registered(tmp_path: Path) -> None:
    documents = with_manifest(tmp_path, {"a": TEXT})
    assert documents.is_registered(TEXT)
    assert not documents.is_registered(OTHER)
    assert not PersistedDocuments(Settings()).is_registered(TEXT)


@pytest.mark.parametrize(
    "members",
    [
        persisted(query=TEXT),
        persisted(query=TEXT, documentId=HASH),
        persisted(HASH.upper(), query=TEXT, documentId=f"sha256:{HASH}"),
        {"query": TEXT, "documentId": f"SHA256:{HASH}"},
        {"query": TEXT, "extensions": {"persistedQuery": {"sha256Hash": HASH}}},
        {"query": TEXT},
    ],
)
async def test_a_text_with_its_own_hash_is_executed(members: dict[str, Any]) -> None:
    assert await PersistedDocuments(Settings()).text(request(**members), NO_REDIS) == TEXT


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (persisted(OTHER_HASH, query=TEXT), "The hash is not the SHA-256 of the document."),
        ({"query": TEXT, "documentId": OTHER_HASH}, "The hash is not the SHA-256 of the document."),
        (persisted(query=TEXT, documentId=OTHER_HASH), "`documentId` and `sha256Hash` name two documents."),
    ],
)
async def test_a_hash_of_another_text_is_rejected(members: dict[str, Any], message: str) -> None:
    with pytest.raises(RejectedDocument) as rejected:
        await PersistedDocuments(Settings()).text(request(**members), NO_REDIS)
    assert rejected.value.code == "PERSISTED_QUERY_HASH_MISMATCH"
    assert [error.message for error in rejected.value.errors] == [message]


@pytest.mark.parametrize(
    ("extension", "message"),
    [
        *(
            (value, "`persistedQuery` needs the document's SHA-256 as `sha256Hash`.")
            for value in ({}, {"version": 1}, {"sha256Hash": ""}, {"sha256Hash": 7}, {"sha256Hash": None}, [], "x", 1)
        ),
        *(
            ({"sha256Hash": HASH, "version": version}, "`persistedQuery` is understood in version 1 only.")
            for version in (0, 2, "1", True, None)
        ),
    ],
)  # fmt: skip
async def test_a_malformed_extension_is_rejected(extension: Any, message: str) -> None:
    with pytest.raises(BadInput) as rejected:
        await PersistedDocuments(Settings()).text(
            request(query=TEXT, extensions={"persistedQuery": extension}), NO_REDIS
        )
    assert rejected.value.message == message


async def test_a_request_without_text_and_name_is_rejected() -> None:
    for extensions in ({}, {"persistedQuery": None}):
        nameless = msgspec.structs.replace(request(query=TEXT, extensions=extensions), query=None)
        with pytest.raises(BadInput) as rejected:
            await PersistedDocuments(Settings()).text(nameless, NO_REDIS)
        assert rejected.value.message == "The request has no query and names no document."


async def test_a_name_that_is_no_hash_names_no_persisted_document() -> None:
    for name in ("nonsense", HASH[:-1], HASH + "0", f"sha1:{HASH}", f" {HASH}"):
        with pytest.raises(RejectedDocument) as rejected:
            await PersistedDocuments(Settings()).text(request(documentId=name), NO_REDIS)
        assert rejected.value.code == "PERSISTED_QUERY_NOT_FOUND"
        assert [error.message for error in rejected.value.errors] == ["PersistedQueryNotFound"]


REGISTERED = {"mine": TEXT, OTHER_HASH.upper(): OTHER}
UNKNOWN, UNKNOWN_HASH = "{ __typename }", sha256(b"{ __typename }").hexdigest()


@pytest.mark.parametrize("only_warn", [False, True])
@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"documentId": "mine"}, TEXT),
        ({"documentId": "mine", "query": TEXT}, TEXT),
        ({"documentId": OTHER_HASH}, OTHER),
        ({"documentId": f"sha256:{OTHER_HASH}"}, OTHER),
        (persisted(OTHER_HASH), OTHER),
        ({"query": TEXT}, TEXT),
        (persisted(HASH, query=TEXT), TEXT),
    ],
)
async def test_registered_documents_are_found_by_name_and_by_text(
    tmp_path: Path, only_warn: bool, members: dict[str, Any], found: str
) -> None:
    documents = with_manifest(tmp_path, REGISTERED, registered_documents_only_warn=only_warn)
    assert await documents.text(request(**members), NO_REDIS) == found


@pytest.mark.parametrize(
    ("members", "code", "code_with_warnings"),
    [
        ({"documentId": "other"}, "DOCUMENT_NOT_REGISTERED", "PERSISTED_QUERY_NOT_FOUND"),
        ({"documentId": UNKNOWN_HASH}, "DOCUMENT_NOT_REGISTERED", "PERSISTED_QUERY_NOT_FOUND"),
        ({"query": UNKNOWN}, "DOCUMENT_NOT_REGISTERED", None),
        (persisted(UNKNOWN_HASH, query=UNKNOWN), "DOCUMENT_NOT_REGISTERED", None),
        ({"documentId": "mine", "query": OTHER}, "PERSISTED_QUERY_HASH_MISMATCH", "PERSISTED_QUERY_HASH_MISMATCH"),
        ({"documentId": "other", "query": TEXT}, "PERSISTED_QUERY_HASH_MISMATCH", "PERSISTED_QUERY_HASH_MISMATCH"),
        (persisted(HASH, query=UNKNOWN), "PERSISTED_QUERY_HASH_MISMATCH", "PERSISTED_QUERY_HASH_MISMATCH"),
    ],
)  # fmt: skip
async def test_other_documents_are_rejected_or_executed_with_a_warning(
    tmp_path: Path, members: dict[str, Any], code: str, code_with_warnings: str | None
) -> None:
    for only_warn, expected in ((False, code), (True, code_with_warnings)):
        documents = with_manifest(tmp_path, REGISTERED, registered_documents_only_warn=only_warn)
        if expected is None:
            assert await documents.text(request(**members), NO_REDIS) == members["query"]
            continue
        with pytest.raises(RejectedDocument) as rejected:
            await documents.text(request(**members), NO_REDIS)
        assert rejected.value.code == expected


async def test_with_a_manifest_nothing_is_stored(tmp_path: Path) -> None:
    documents = with_manifest(tmp_path, REGISTERED, registered_documents_only_warn=True)
    await documents.store(request(**persisted(UNKNOWN_HASH, query=UNKNOWN)), UNKNOWN, NO_REDIS, "caller")
    assert documents.bytes == 0


async def test_a_text_without_a_hash_is_not_stored() -> None:
    documents = PersistedDocuments(Settings())
    await documents.store(request(query=TEXT), TEXT, NO_REDIS, "caller")
    await documents.store(request(query=TEXT, documentId=HASH), TEXT, NO_REDIS, "caller")
    assert documents.bytes == 0


async def test_a_text_from_redis_is_cached_in_the_process_without_being_stored_again() -> None:
    documents = PersistedDocuments(Settings())
    await documents.store(request(**persisted()), TEXT, NO_REDIS, "caller")
    assert documents.bytes > len(TEXT)
    assert await documents.text(request(**persisted()), NO_REDIS) == TEXT
    # It was used or stored a moment ago: it is not written to Redis again.
    await documents.store(request(**persisted(query=TEXT)), TEXT, NO_REDIS, "caller")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({HASH: OTHER}, f"'{HASH}' is not the SHA-256 of its document"),
        ({"operations": [{"id": "a", "body": TEXT}, {"id": "a", "body": OTHER}]}, "two documents named 'a'"),
        ({"operations": [{"id": "a", "body": 1}]}, "cannot be read"),
        ({"operations": [{"body": TEXT}]}, "cannot be read"),
        ({"operations": {"a": TEXT}}, "cannot be read"),
        ([TEXT], "cannot be read"),
    ],
)
def test_a_wrong_manifest_is_named_with_its_fault(tmp_path: Path, manifest: object, message: str) -> None:
    with pytest.raises(CannotStart, match="REGISTERED_DOCUMENTS") as rejected:
        with_manifest(tmp_path, manifest)
    assert message in str(rejected.value)


def test_a_manifest_that_does_not_exist_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot be read"):
        PersistedDocuments(Settings(registered_documents=str(tmp_path / "none.json")))


def test_a_document_may_be_listed_twice(tmp_path: Path) -> None:
    manifest = {"operations": [{"id": "a", "body": TEXT}, {"id": "a", "body": TEXT}]}
    assert with_manifest(tmp_path, manifest).is_registered(TEXT)
