"""Persisted documents: sent once and requested by hash, or restricted to those of a manifest."""

import json
import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.cache.redis import open_redis
from app.errors import CannotStart
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.execution.documents import RejectedDocument
from schema.execution.persisted import INDEX, PersistedDocument, PersistedDocuments
from schema.http.request import GraphQLRequest, read_body
from tests.integration.graph.graphql_client import client_of
from tests.refusals import REFUSALS
from tests.servers import PrivateValkey
from tests.waiting import PATIENT

TEXT = "{ coverage { totalEntries } }"
HASH = sha256(TEXT.encode()).hexdigest()
DATA = {"coverage": {"totalEntries": 0}}


def by_hash(digest: str = HASH, **members: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}, **members}


async def answer(client: httpx.AsyncClient, body: dict[str, Any]) -> Any:
    """The data, or the codes of the errors."""
    response = await client.post("/graphql", json=body)
    assert response.status_code == 200
    found = response.json()
    return [error["extensions"]["code"] for error in found["errors"]] if "errors" in found else found["data"]


async def test_a_document_is_sent_once_and_then_requested_by_its_hash(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json=by_hash())
    # Apollo clients expect this message, and then send the document.
    assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert await answer(client, by_hash()) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert await answer(client, by_hash(query=TEXT)) == DATA
    assert await answer(client, by_hash()) == DATA
    assert await answer(client, by_hash(HASH.upper())) == DATA
    assert await answer(client, by_hash(f"sha256:{HASH}")) == DATA


async def test_another_instance_reads_a_persisted_document_from_redis(resources: Resources) -> None:
    async with client_of(resources) as first, client_of(resources) as second:
        assert await answer(first, by_hash(query=TEXT)) == DATA
        assert await answer(second, by_hash()) == DATA


async def test_a_document_is_read_from_a_redis_that_refuses_to_note_its_use(valkey: PrivateValkey) -> None:
    """As one out of memory: it still gives the text."""
    settings = Settings(redis_url=valkey.url, **PATIENT)
    async with open_redis(settings) as shared:
        await PersistedDocuments(settings).store(_request(by_hash(query=TEXT)), TEXT, shared, "caller")
        REFUSALS["OOM"].begin(valkey)
        assert await PersistedDocuments(settings).text(_request(by_hash()), shared) == TEXT


async def test_an_index_of_documents_that_another_program_has_overwritten_is_replaced(
    resources: Resources,
) -> None:
    """By the documents that come after the one that finds it."""
    shared = resources.shared
    await shared.client.set(INDEX, "of another program")
    for _ in range(2):
        await PersistedDocuments(Settings()).store(_request(by_hash(query=TEXT)), TEXT, shared, "caller")
    assert await shared.client.zscore(INDEX, HASH)
    assert await PersistedDocuments(Settings()).text(_request(by_hash()), shared) == TEXT


async def test_a_document_is_read_from_a_redis_too_slow_to_note_its_use(
    valkey: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(redis_url=valkey.url, **PATIENT)
    async with open_redis(settings) as shared:
        await PersistedDocuments(settings).store(_request(by_hash(query=TEXT)), TEXT, shared, "caller")
        getex = shared.client.getex

        async def last_answered(*arguments: Any, **options: Any) -> Any:
            data = await getex(*arguments, **options)
            REFUSALS["writes without an answer"].begin(valkey)
            return data

        monkeypatch.setattr(shared.client, "getex", last_answered)
        reader = PersistedDocuments(msgspec.structs.replace(settings, redis_timeout=2.0))
        assert await reader.text(_request(by_hash()), shared) == TEXT
        REFUSALS["writes without an answer"].end(valkey)


async def test_a_document_missing_in_redis_is_stored_when_it_is_sent_again(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schema.execution.persisted.REWRITE_INTERVAL", 0)
    async with client_of(resources) as first, client_of(resources) as second:
        assert await answer(first, by_hash(query=TEXT)) == DATA
        await resources.shared.client.delete(f"dno:document:{HASH}")
        assert await answer(second, by_hash()) == ["PERSISTED_QUERY_NOT_FOUND"]
        # With another variable, since the response to the same body is cached.
        assert await answer(first, by_hash(query=TEXT, variables={"another": 1})) == DATA
        assert await answer(second, by_hash()) == DATA


async def test_each_use_renews_the_lifetime_of_a_document_in_redis(resources: Resources) -> None:
    client, key = resources.shared.client, f"dno:document:{HASH}"
    async with client_of(resources) as first, client_of(resources) as second:
        await answer(first, by_hash(query=TEXT))
        await client.expire(key, 10)
        await answer(second, by_hash())
        assert await client.ttl(key) > 600_000


async def test_a_use_of_a_document_does_not_add_it_to_the_index(resources: Resources) -> None:
    """It may have been removed meanwhile: an entry without a document would count towards the limit."""
    client = resources.shared.client
    async with client_of(resources) as first, client_of(resources) as second:
        await answer(first, by_hash(query=TEXT))
        await client.zrem("dno:documents", HASH)
        assert await answer(second, by_hash()) == DATA
    assert await client.zcard("dno:documents") == 0


async def test_a_document_is_stored_up_to_the_limit_of_bytes(resources: Resources) -> None:
    """In UTF-8: the limit of documents is in characters."""
    client = resources.shared.client
    text = "{ coverage { totalEntries } } # ä"
    for limit, stored in ((len(text.encode()) - 1, 0), (len(text.encode()), 1)):
        settings = msgspec.structs.replace(resources.settings, limit_document_letters=limit)
        documents = PersistedDocuments(settings)
        await documents._set_in_redis("name", text, resources.shared)
        assert await client.zcard("dno:documents") == await client.exists("dno:document:name") == stored
    assert await client.get("dno:document:name") == text.encode()
    assert 604_700 < await client.ttl("dno:document:name") <= 604_800


async def test_a_hash_of_another_text_is_refused_and_nothing_is_stored(client: httpx.AsyncClient) -> None:
    wrong = sha256(b"{ viewer { id } }").hexdigest()
    assert await answer(client, by_hash(wrong, query=TEXT)) == ["PERSISTED_QUERY_HASH_MISMATCH"]
    assert await answer(client, by_hash(wrong)) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_a_text_in_redis_that_does_not_match_its_hash_is_ignored(
    resources: Resources, client: httpx.AsyncClient
) -> None:
    await resources.shared.client.set(f"dno:document:{HASH}", "{ viewer { id } }")
    assert await answer(client, by_hash()) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_a_refused_document_is_not_stored(client: httpx.AsyncClient) -> None:
    invalid = "{ nothing }"
    digest = sha256(invalid.encode()).hexdigest()
    assert await answer(client, by_hash(digest, query=invalid)) == ["GRAPHQL_VALIDATION_FAILED"]
    assert await answer(client, by_hash(digest)) == ["PERSISTED_QUERY_NOT_FOUND"]


OTHER = "{ coverage { verifiedEntries } }"
OTHER_HASH = sha256(OTHER.encode()).hexdigest()
MISMATCH, UNREADABLE = "PERSISTED_QUERY_HASH_MISMATCH", "BAD_USER_INPUT"

# Each tries to store OTHER under HASH, the id of TEXT.
FORGERIES: list[tuple[dict[str, Any], str]] = [
    (by_hash(HASH, query=OTHER), MISMATCH),
    (by_hash(HASH, query=OTHER, documentId=OTHER_HASH), MISMATCH),
    (by_hash(HASH, query=OTHER, documentId=f"sha256:{OTHER_HASH}"), MISMATCH),
    (by_hash(HASH, query=OTHER, documentId=OTHER_HASH.upper()), MISMATCH),
    (by_hash(HASH.upper(), query=OTHER, documentId=OTHER_HASH), MISMATCH),
    (by_hash(f"sha256:{HASH}", query=OTHER, documentId=OTHER_HASH), MISMATCH),
    (by_hash(f"SHA256:{HASH}", query=OTHER, documentId=OTHER_HASH), MISMATCH),
    (by_hash(f"sha256:sha256:{HASH}", query=OTHER, documentId=OTHER_HASH), MISMATCH),
    (by_hash(f" {HASH}", query=OTHER, documentId=OTHER_HASH), MISMATCH),
    (by_hash(f"{HASH}\n", query=OTHER, documentId=OTHER_HASH), MISMATCH),
    (by_hash(OTHER_HASH, query=OTHER, documentId=HASH), MISMATCH),
    (by_hash(OTHER_HASH, query=OTHER, documentId="nonsense"), MISMATCH),
    (by_hash("nonsense", query=OTHER, documentId=OTHER_HASH), MISMATCH),
    (by_hash("nonsense", query=OTHER), MISMATCH),
    ({"query": OTHER, "documentId": HASH}, MISMATCH),
    ({"query": OTHER, "documentId": "nonsense"}, MISMATCH),
    (by_hash(HASH, documentId=OTHER_HASH), MISMATCH),
    ({"query": OTHER, "documentId": OTHER_HASH, "extensions": {"persistedQuery": {"version": 1}}}, UNREADABLE),
    ({"query": OTHER, "documentId": OTHER_HASH, "extensions": {"persistedQuery": [HASH]}}, UNREADABLE),
    ({"query": OTHER, "extensions": {"persistedQuery": {"sha256Hash": [HASH]}}}, UNREADABLE),
    ({"query": OTHER, "extensions": {"persistedQuery": {"version": 2, "sha256Hash": OTHER_HASH}}}, UNREADABLE),
]  # fmt: skip


@pytest.mark.parametrize("transport", ["post", "get", "batch", "event stream"])
async def test_two_different_document_ids_are_refused_and_nothing_is_stored(
    resources: Resources, transport: str
) -> None:
    headers = {"accept": "text/event-stream, application/json"} if transport == "event stream" else {}
    async with client_of(resources, max_batch_operations=2) as client:
        for body, code in FORGERIES:
            if transport == "get":
                response = await client.get("/graphql", params=_parameters(body))
            else:
                response = await client.post(
                    "/graphql", json=[body] if transport == "batch" else body, headers=headers
                )
            found = response.json()
            errors = (found[0] if transport == "batch" else found)["errors"]
            assert [error["extensions"]["code"] for error in errors] == [code], body
            assert await resources.shared.client.keys("dno:document*") == []
        assert await answer(client, by_hash(HASH)) == ["PERSISTED_QUERY_NOT_FOUND"]
        assert await answer(client, {"documentId": HASH}) == ["PERSISTED_QUERY_NOT_FOUND"]


def _parameters(body: dict[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}


async def test_equal_document_ids_may_be_repeated(client: httpx.AsyncClient) -> None:
    assert await answer(client, by_hash(query=TEXT, documentId=f"sha256:{HASH}")) == DATA
    assert await answer(client, by_hash(HASH.upper(), documentId=HASH)) == DATA
    assert await answer(client, {"documentId": HASH, "extensions": {"persistedQuery": None}}) == DATA
    assert await answer(client, {"documentId": HASH, "query": TEXT}) == DATA


async def test_documents_in_memory_are_compared_with_their_hash_too(resources: Resources) -> None:
    """A wrong text in the table is not executed."""
    persisted = PersistedDocuments(resources.settings)
    persisted._documents[HASH] = PersistedDocument(OTHER, 0)
    with pytest.raises(RejectedDocument) as refused:
        await persisted.text(_request(by_hash()), resources.shared)
    assert refused.value.code == "PERSISTED_QUERY_NOT_FOUND"


async def test_lone_surrogates_do_not_give_two_texts_the_same_hash(resources: Resources) -> None:
    persisted = PersistedDocuments(resources.settings)
    body = by_hash(sha256(b'{ a(b: "?") }').hexdigest(), query='{ a(b: "\ud800") }')
    with pytest.raises(RejectedDocument) as refused:
        await persisted.text(_request(body), resources.shared)
    assert refused.value.code == MISMATCH


async def test_an_invalid_document_from_redis_is_not_cached_in_memory(resources: Resources) -> None:
    """A text stored in Redis under its own hash is validated like any other."""
    invalid = "{ nothing }"
    digest = sha256(invalid.encode()).hexdigest()
    await resources.shared.client.set(f"dno:document:{digest}", invalid)
    async with client_of(resources) as client:
        assert await answer(client, by_hash(digest)) == ["GRAPHQL_VALIDATION_FAILED"]
        await resources.shared.client.delete(f"dno:document:{digest}")
        assert await answer(client, by_hash(digest)) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_document_ids_that_are_no_hash_are_not_looked_up_in_redis(resources: Resources) -> None:
    await resources.shared.client.set("dno:document:nonsense", TEXT)
    async with client_of(resources) as client:
        assert await answer(client, {"documentId": "nonsense"}) == ["PERSISTED_QUERY_NOT_FOUND"]
        assert await answer(client, by_hash("nonsense")) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_new_documents_in_redis_are_limited_per_caller(resources: Resources) -> None:
    """Over the limit, documents are executed and not stored."""
    async with client_of(resources, max_new_persisted_documents=3) as client:
        for number in range(6):
            text = f"{{ a{number}: __typename }}"
            digest = sha256(text.encode()).hexdigest()
            assert await answer(client, by_hash(digest, query=text)) == {f"a{number}": "Query"}
    assert await resources.shared.client.zcard("dno:documents") == 3
    assert len(await resources.shared.client.keys("dno:document:*")) == 3


async def test_each_caller_has_a_limit_of_new_documents_of_its_own(resources: Resources) -> None:
    settings = msgspec.structs.replace(resources.settings, max_new_persisted_documents=1)
    persisted = PersistedDocuments(settings)
    for number, caller in enumerate(("a", "a", "b", "b")):
        text = f"{{ a{number}: __typename }}"
        body = by_hash(sha256(text.encode()).hexdigest(), query=text)
        await persisted.store(_request(body), text, resources.shared, caller)
    assert await resources.shared.client.zcard("dno:documents") == 2


async def test_documents_in_redis_are_bounded_over_all_instances(resources: Resources) -> None:
    """The least recently used document is removed; a use by its hash counts."""
    texts = [f"{{ a{number}: __typename }}" for number in range(6)]
    hashes = [sha256(text.encode()).hexdigest() for text in texts]
    async with (
        client_of(resources, max_persisted_documents=3) as first,
        client_of(resources, max_persisted_documents=3, response_cache=False) as second,
    ):
        for text, digest in zip(texts[:3], hashes, strict=False):
            await answer(first, by_hash(digest, query=text))
        assert await answer(second, by_hash(hashes[0], variables={"used": 1})) == {"a0": "Query"}
        for text, digest in zip(texts[3:5], hashes[3:5], strict=True):
            await answer(first, by_hash(digest, query=text))
    remaining = {key.decode() for key in await resources.shared.client.keys("dno:document:*")}
    assert remaining == {f"dno:document:{hashes[number]}" for number in (0, 3, 4)}


def test_documents_in_memory_are_bounded_by_bytes() -> None:
    """A character may take four bytes."""
    persisted = PersistedDocuments(Settings(persisted_cache_size=50_000))
    for number in range(100):
        persisted._cache(str(number), "\U0001f600" * 1000)
    held = sum(sys.getsizeof(document.text) for document in persisted._documents.values())
    assert held <= persisted.bytes <= 50_000
    assert 5 < len(persisted._documents) < 13


@pytest.mark.parametrize("given", [{}, {"sha256Hash": ""}, {"sha256Hash": 7}, {"version": 1}, None, [], "x"])
async def test_an_invalid_persisted_query_extension_is_refused(
    client: httpx.AsyncClient, given: object
) -> None:
    response = await client.post("/graphql", json={"extensions": {"persistedQuery": given}})
    assert response.status_code in (200, 400)
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_without_redis_each_instance_uses_the_documents_in_its_memory(
    settings: Settings, pool: object, valkey: PrivateValkey
) -> None:
    # Both endpoints share one memory; neither may use the cached responses of the other.
    changed = {"redis_url": valkey.url, "rate_limit_anonymous": 0, "response_cache": False}
    private = msgspec.structs.replace(settings, **changed)
    async with (
        open_resources(private) as resources,
        client_of(resources) as first,
        client_of(resources) as second,
    ):
        assert await answer(first, by_hash(query=TEXT)) == DATA
        valkey.stop()
        assert await answer(first, by_hash()) == DATA
        assert await answer(second, by_hash()) == ["PERSISTED_QUERY_NOT_FOUND"]
        assert await answer(second, by_hash(query=TEXT)) == DATA
        assert await answer(second, by_hash()) == DATA


def test_documents_in_memory_are_bounded_by_characters() -> None:
    persisted = PersistedDocuments(Settings(max_cached_document_letters=1000, max_cached_documents=100))
    for number in range(50):
        persisted._cache(str(number), "x" * 100)
    assert list(persisted._documents) == [str(number) for number in range(40, 50)]


MANIFESTS = [
    {HASH: TEXT},  # GraphQL Code Generator, Relay
    {f"sha256:{HASH}": TEXT},  # ids in the form of the specification
    {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": HASH, "body": TEXT, "name": "", "type": "query"}]},
]  # fmt: skip


@pytest.mark.parametrize("manifest", MANIFESTS)
async def test_with_a_manifest_only_its_documents_are_executed(
    resources: Resources, tmp_path: Path, manifest: object
) -> None:
    async with client_of(resources, registered_documents=_file(tmp_path, manifest)) as client:
        assert await answer(client, {"documentId": f"sha256:{HASH}"}) == DATA
        assert await answer(client, {"documentId": HASH}) == DATA
        assert await answer(client, by_hash()) == DATA
        assert await answer(client, {"query": TEXT}) == DATA
        refused = ["DOCUMENT_NOT_REGISTERED"]
        assert await answer(client, {"query": "{ viewer { id } }"}) == refused
        assert await answer(client, {"documentId": "other"}) == refused
        # Nor by its hash.
        other = "{ coverage { verifiedEntries } }"
        assert await answer(client, by_hash(sha256(other.encode()).hexdigest(), query=other)) == refused


async def test_with_warnings_only_unregistered_documents_are_executed_and_logged(
    resources: Resources, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = {"registered_documents": _file(tmp_path, MANIFESTS[0]), "registered_documents_only_warn": True}
    async with client_of(resources, **changed) as client:
        for slug in ("private@example.org", "other"):
            document = f'query Other {{ viewer {{ id }} dno(slug: "{slug}") {{ name }} }} # my comment'
            assert await answer(client, {"query": document, "operationName": "Other"}) == {
                "viewer": None,
                "dno": None,
            }
        assert await answer(client, {"query": "query Junk { unknown }"}) == ["GRAPHQL_VALIDATION_FAILED"]
        assert await answer(client, {"query": TEXT}) == DATA
    # The destination of the log depends on whether an earlier test has configured it.
    logged = caplog.text or "".join(capsys.readouterr())
    assert logged.count("a document that is not registered") == 1
    assert 'query Other { viewer { id } dno(slug: "") { name } } ' in logged.replace("\\", "")
    assert len(re.findall(r"[0-9a-f]{64}", logged)) == 1
    for hidden in ("private", "comment", "Junk"):
        assert hidden not in logged


@pytest.mark.parametrize("only_warn", [False, True])
async def test_with_a_manifest_nothing_is_stored_or_looked_up_by_hash(
    resources: Resources, tmp_path: Path, only_warn: bool
) -> None:
    changed = {
        "registered_documents": _file(tmp_path, {"mine": TEXT}),
        "registered_documents_only_warn": only_warn,
    }
    await resources.shared.client.set(f"dno:document:{OTHER_HASH}", OTHER)
    async with client_of(resources, **changed) as client:
        body = by_hash(HASH, query=TEXT)
        assert await answer(client, body) == DATA
        sent = await answer(client, by_hash(OTHER_HASH, query=OTHER))
        assert sent == ({"coverage": {"verifiedEntries": 0}} if only_warn else ["DOCUMENT_NOT_REGISTERED"])
        missing = ["PERSISTED_QUERY_NOT_FOUND"] if only_warn else ["DOCUMENT_NOT_REGISTERED"]
        assert await answer(client, by_hash(OTHER_HASH)) == missing
        assert await answer(client, {"documentId": "mine"}) == DATA
        # Id and text do not match.
        assert await answer(client, {"documentId": "mine", "query": OTHER}) == [MISMATCH]
        assert await answer(client, {"documentId": "MINE", "query": TEXT}) == [MISMATCH]
        assert await answer(client, by_hash(OTHER_HASH, documentId="mine")) == [MISMATCH]
    assert await resources.shared.client.keys("dno:document*") == [f"dno:document:{OTHER_HASH}".encode()]


@pytest.mark.parametrize(
    "manifest",
    [
        {HASH: OTHER},
        {f"sha256:{HASH}": OTHER},
        {HASH.upper(): OTHER},
        {"operations": [{"id": "a", "body": TEXT}, {"id": "a", "body": OTHER}]},
        {"operations": [{"id": HASH, "body": TEXT}, {"id": f"sha256:{HASH}", "body": OTHER}]},
    ],
)
def test_a_manifest_with_wrong_or_duplicate_ids_stops_the_start(tmp_path: Path, manifest: object) -> None:
    with pytest.raises(CannotStart, match="REGISTERED_DOCUMENTS"):
        PersistedDocuments(Settings(registered_documents=_file(tmp_path, manifest)))


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"operations": [{"id": "a"}]}', "no JSON"])
def test_a_manifest_that_cannot_be_read_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(CannotStart, match="REGISTERED_DOCUMENTS"):
        PersistedDocuments(Settings(registered_documents=str(path)))


def _request(body: dict[str, Any]) -> GraphQLRequest:
    request = read_body(json.dumps({**body, "query": None}).encode(), "application/json", 0)
    assert isinstance(request, GraphQLRequest)
    return msgspec.structs.replace(request, query=body.get("query"))


def _file(folder: Path, manifest: object) -> str:
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return str(path)
