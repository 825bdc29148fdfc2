"""Documents by name: sent once and asked for by hash, or none but those of a manifest."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.errors import CannotStart
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.execution.persisted import Persisted
from tests.integration.graph.asking import client_of
from tests.servers import PrivateValkey

TEXT = "{ coverage { totalEntries } }"
HASH = sha256(TEXT.encode()).hexdigest()
DATA = {"coverage": {"totalEntries": 0}}


def by_hash(digest: str = HASH, **more: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}, **more}


async def answer(client: httpx.AsyncClient, asked: dict[str, Any]) -> Any:
    """The data, or the codes of the errors."""
    response = await client.post("/graphql", json=asked)
    assert response.status_code == 200
    told = response.json()
    return [error["extensions"]["code"] for error in told["errors"]] if "errors" in told else told["data"]


async def test_a_document_is_sent_once_and_then_asked_for_by_its_hash(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json=by_hash())
    # Apollo's clients wait for these words, and then send the document along.
    assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert await answer(client, by_hash()) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert await answer(client, by_hash(query=TEXT)) == DATA
    assert await answer(client, by_hash()) == DATA
    assert await answer(client, by_hash(HASH.upper())) == DATA
    assert await answer(client, by_hash(f"sha256:{HASH}")) == DATA


async def test_another_instance_finds_it_in_redis(resources: Resources) -> None:
    async with client_of(resources) as here, client_of(resources) as there:
        assert await answer(here, by_hash(query=TEXT)) == DATA
        assert await answer(there, by_hash()) == DATA


async def test_what_redis_forgot_is_there_again_once_it_is_sent_again(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schema.execution.persisted.TOLD_AGAIN", 0)
    async with client_of(resources) as here, client_of(resources) as there:
        assert await answer(here, by_hash(query=TEXT)) == DATA
        await resources.shared.client.delete(f"dno:document:{HASH}")
        assert await answer(there, by_hash()) == ["PERSISTED_QUERY_NOT_FOUND"]
        # Not to the byte as before: an answer that is still kept is given before anything is read.
        assert await answer(here, by_hash(query=TEXT, variables={"another": 1})) == DATA
        assert await answer(there, by_hash()) == DATA


async def test_each_use_keeps_it_in_redis_for_longer(resources: Resources) -> None:
    client, key = resources.shared.client, f"dno:document:{HASH}"
    async with client_of(resources) as here, client_of(resources) as there:
        await answer(here, by_hash(query=TEXT))
        await client.expire(key, 10)
        await answer(there, by_hash())
        assert await client.ttl(key) > 600_000


async def test_a_hash_of_another_text_is_refused_and_nothing_kept(client: httpx.AsyncClient) -> None:
    wrong = sha256(b"{ viewer { id } }").hexdigest()
    assert await answer(client, by_hash(wrong, query=TEXT)) == ["PERSISTED_QUERY_HASH_MISMATCH"]
    assert await answer(client, by_hash(wrong)) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_what_somebody_else_put_into_redis_under_a_hash_is_not_believed(
    resources: Resources, client: httpx.AsyncClient
) -> None:
    await resources.shared.client.set(f"dno:document:{HASH}", "{ viewer { id } }")
    assert await answer(client, by_hash()) == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_a_document_that_is_refused_is_not_kept(client: httpx.AsyncClient) -> None:
    bad = "{ nothing }"
    digest = sha256(bad.encode()).hexdigest()
    assert await answer(client, by_hash(digest, query=bad)) == ["GRAPHQL_VALIDATION_FAILED"]
    assert await answer(client, by_hash(digest)) == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize("given", [{}, {"sha256Hash": ""}, {"sha256Hash": 7}, {"version": 1}, None, [], "x"])
async def test_a_damaged_request_for_a_hash_is_refused(client: httpx.AsyncClient, given: object) -> None:
    response = await client.post("/graphql", json={"extensions": {"persistedQuery": given}})
    assert response.status_code in (200, 400)
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_without_redis_the_instance_that_knows_it_goes_on(
    settings: Settings, pool: object, valkey: PrivateValkey
) -> None:
    import msgspec

    # Both endpoints share one memory here, and neither may find the other one's answers in it.
    changed = {"redis_url": valkey.url, "rate_limit_anonymous": 0, "response_cache": False}
    private = msgspec.structs.replace(settings, **changed)
    async with (
        open_resources(private) as resources,
        client_of(resources) as here,
        client_of(resources) as there,
    ):
        assert await answer(here, by_hash(query=TEXT)) == DATA
        valkey.stop()
        assert await answer(here, by_hash()) == DATA
        assert await answer(there, by_hash()) == ["PERSISTED_QUERY_NOT_FOUND"]
        assert await answer(there, by_hash(query=TEXT)) == DATA
        assert await answer(there, by_hash()) == DATA


def test_what_is_remembered_is_bounded_by_letters() -> None:
    persisted = Persisted(Settings(document_letters_kept=1000, documents_kept=100))
    for number in range(50):
        persisted._remember(str(number), "x" * 100)
    assert list(persisted._known) == [str(number) for number in range(40, 50)]


MANIFESTS = [
    {HASH: TEXT},  # GraphQL Code Generator, Relay
    {f"sha256:{HASH}": TEXT},  # as the specification spells names
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
        # Nobody smuggles one in by its hash.
        other = "{ coverage { verifiedEntries } }"
        assert await answer(client, by_hash(sha256(other.encode()).hexdigest(), query=other)) == refused


async def test_only_warned_others_are_executed_and_the_log_tells_which(
    resources: Resources, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = {"registered_documents": _file(tmp_path, MANIFESTS[0]), "registered_documents_only_warn": True}
    async with client_of(resources, **changed) as client:
        assert await answer(client, {"query": "query Other { viewer { id } }", "operationName": "Other"}) == {
            "viewer": None
        }
        assert await answer(client, {"query": TEXT}) == DATA
    # Where it goes depends on whether a test before has set up the log; then it may go both ways.
    said = caplog.text or "".join(capsys.readouterr())
    assert said.count("a document that is not registered") == 1
    assert "Other" in said


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"operations": [{"id": "a"}]}', "no JSON"])
def test_a_manifest_that_cannot_be_read_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(CannotStart, match="REGISTERED_DOCUMENTS"):
        Persisted(Settings(registered_documents=str(path)))


def _file(folder: Path, manifest: object) -> str:
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return str(path)
