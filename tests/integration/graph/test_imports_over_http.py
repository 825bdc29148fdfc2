"""POST /api/v1/import/{kind}: files, answers, rights, limits, and readers after the answer."""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.db import accounts, missing_objects
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain.account import ANONYMOUS, Role
from app.errors import Unauthenticated
from app.importers.import_messages import MAX_LISTED, Ready
from app.importers.import_run import _Process
from app.importers.load import Kind
from app.resources import Resources, open_resources
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.graphql_client import client_of
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.test_access import signed_in
from tests.integration.graph.wire import wire
from tests.integration.graph.writing import Caller
from tests.server_process import ServerProcess
from tests.servers import PrivateValkey
from tests.unit.importers.test_files_as_written import as_parquet
from tests.unit.importers.workbooks import with_part, workbook
from tests.waiting import CACHING, until

KINDS = [kind.value for kind in Kind]
TARIFFS = "/api/v1/import/tariffs"
HEADER = "dno_slug,year,voltage_level,leistung,arbeit,leistung_unter_2500h,arbeit_unter_2500h"
# At 2,500 h both pairs cost 89.70 EUR per kW.
PRICES = "58.20,1.26,12.50,3.088"
ROW = f"netze-a,2026,MS,{PRICES}"
READ = '{ dno(slug: "netze-a") { tariff(year: 2026, voltageLevel: MS) { version leistung verificationStatus } } }'
HISTORY = """
{ dno(slug: "netze-a") { tariff(year: 2026, voltageLevel: MS) { history(first: 10) { kind changedBy reason } } } }
"""


@pytest.fixture(autouse=True)
async def netze_a(request: pytest.FixtureRequest, pool: Pool) -> None:
    if "operators" not in request.fixturenames:  # it is one of them
        await make.dno(pool, "netze-a", name="Netze A")


def tariffs(*rows: str, header: str = HEADER) -> bytes:
    return "".join(f"{line}\n" for line in (header, *rows)).encode()


FILE = tariffs(ROW)


async def post(caller: Caller, content: Any = FILE, path: str = TARIFFS, **options: Any) -> httpx.Response:
    headers = caller.headers | {"content-type": "text/csv"} | options.pop("headers", {})
    return await caller.client.post(path, content=content, headers=headers, timeout=60, **options)


async def imported(caller: Caller, content: Any = FILE, **options: Any) -> Any:
    response = await post(caller, content, **options)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return response.json()


def error_of(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def count(pool: Pool, table: str = "revisions") -> int:
    number: int = (await pool.fetch(f"SELECT count(*) AS n FROM {table}"))[0]["n"]
    return number


async def tariff(caller: Caller) -> Any:
    return (await caller.execute(READ))["dno"]["tariff"]


# Files and answers


async def test_a_file_is_imported_and_its_author_and_name_are_in_the_history(editor: Caller) -> None:
    answer = await imported(editor, params={"fileName": "C:\\preise\\prices 2026.csv"})
    counts = ("updated", "unchanged", "removed", "writtenAsUnverified", "refused")
    lists = ("problems", "heldBack", "kept", "leftOut", "warnings", "readAs")
    assert answer == {
        "kind": "tariffs",
        "files": ["prices 2026.csv"],
        "dryRun": False,
        "imported": True,
        "partial": False,
        "inserted": 1,
        **dict.fromkeys(counts, 0),
        **{name: [] for name in lists},
        **dict.fromkeys(("problemCount", "heldBackCount", "keptCount", "leftOutCount", "warningCount"), 0),
    }
    assert await tariff(editor) == {"version": 1, "leistung": "58.20", "verificationStatus": "UNVERIFIED"}
    assert (await editor.execute(HISTORY))["dno"]["tariff"]["history"] == [
        {"kind": "CREATED", "changedBy": "editor (API key) (import)", "reason": "prices 2026.csv"}
    ]


async def test_the_same_file_again_writes_nothing(editor: Caller, pool: Pool) -> None:
    await imported(editor)
    before = await count(pool)
    for _ in range(2):
        answer = await imported(editor)
        assert (answer["imported"], answer["inserted"], answer["updated"], answer["unchanged"]) == (
            True,
            0,
            0,
            1,
        )
    assert await count(pool) == before
    assert (await tariff(editor))["version"] == 1


async def test_concurrent_imports_of_one_file_write_it_once(editor: Caller, pool: Pool) -> None:
    answers = await asyncio.gather(imported(editor), imported(editor))
    assert sorted(answer["inserted"] for answer in answers) == [0, 1]
    assert await count(pool) == 1


async def test_a_dry_run_reports_what_would_change_and_changes_nothing(editor: Caller, pool: Pool) -> None:
    answer = await imported(editor, params={"dryRun": "true"})
    assert (answer["dryRun"], answer["imported"], answer["inserted"]) == (True, False, 1)
    assert (await count(pool), await count(pool, "outbox")) == (0, 0)
    assert await tariff(editor) is None


@pytest.mark.parametrize("dry_run", [True, False])
async def test_the_other_rows_are_imported_if_the_caller_asks_for_it(
    editor: Caller, pool: Pool, dry_run: bool
) -> None:
    content = tariffs(
        ROW, f"netze-x,2026,MS,{PRICES}", f"netze-a,2026,NS,{PRICES}", "netze-a,2026,NS,-1,1,2,3"
    )
    options = {"skipRefused": "true", "dryRun": str(dry_run).lower()}
    answer = await imported(editor, content, params=options)
    assert (answer["partial"], answer["imported"], answer["inserted"], answer["refused"]) == (
        True,
        not dry_run,
        1,
        2,
    )
    assert ([row["line"] for row in answer["problems"]], answer["heldBackCount"]) == ([3, 5], 1)
    assert answer["heldBack"] == [
        {"file": "upload", "line": 4, "reason": "may be of the same entry as the refused row in upload:5"}
    ]
    assert await count(pool) == (0 if dry_run else 1)
    assert (await tariff(editor) is None) is dry_run


async def test_what_is_wrong_with_the_whole_file_is_refused_in_any_case(editor: Caller, pool: Pool) -> None:
    content = tariffs("netze-a,2026", header="dno_slug,year")
    response = await post(editor, content, params={"skipRefused": "true"})
    assert error_of(response) == (400, "BAD_USER_INPUT")
    assert response.json()["detail"] == "1 row was refused, and nothing was imported."
    response = await post(editor, params={"skipRefused": "true", "strict": "true"})
    assert response.json()["argument"] == "skipRefused"
    assert await count(pool) == 0


@pytest.mark.parametrize("dry_run", ["true", "false"])
async def test_with_one_bad_row_nothing_is_imported_and_each_problem_is_named(
    editor: Caller, pool: Pool, dry_run: str
) -> None:
    content = tariffs(ROW, f"netze-x,2026,MS,{PRICES}", "netze-a,2026,NS,-1,x,2,3")
    response = await post(editor, content, params={"fileName": "a.csv", "dryRun": dry_run})
    assert error_of(response) == (400, "BAD_USER_INPUT")
    found = response.json()
    assert found["detail"] == "2 rows were refused, and nothing was imported."
    assert (found["imported"], found["refused"], found["problemCount"]) == (False, 2, 3)
    assert [(each["file"], each["line"], each["column"], each["value"]) for each in found["problems"]] == [
        ("a.csv", 3, "dno_slug", "netze-x"),
        ("a.csv", 4, "leistung", "-1"),
        ("a.csv", 4, "arbeit", "x"),
    ]
    assert "no operator has this slug" in found["problems"][0]["reason"]
    assert (await count(pool), await count(pool, "netzentgelte_data")) == (0, 0)


async def test_lists_of_an_answer_are_bounded_and_their_counts_are_not(editor: Caller) -> None:
    rows = [f"netze-a,{year},MS,-1,-1,-1,-1" for year in range(1000, 1000 + MAX_LISTED)]
    response = await post(editor, tariffs(*rows))
    found = response.json()
    assert (len(found["problems"]), found["problemCount"], found["refused"]) == (
        MAX_LISTED,
        5 * MAX_LISTED,
        MAX_LISTED,
    )


async def test_unusual_values_are_reported_and_with_strict_refused(editor: Caller, pool: Pool) -> None:
    unusual = tariffs("netze-a,2026,MS,12.50,1.26,58.20,3.09")
    response = await post(editor, unusual, params={"strict": "true"})
    assert error_of(response) == (400, "BAD_USER_INPUT")
    found = response.json()
    assert (found["imported"], found["problemCount"], found["warningCount"]) == (False, 2, 0)
    assert await count(pool) == 0
    answer = await imported(editor, unusual)
    assert (answer["imported"], answer["warningCount"], answer["warnings"][0]["line"]) == (True, 2, 2)
    assert "Leistungspreis under 2,500 h" in answer["warnings"][0]["reason"]


NAMES = HEADER.split(",")
VALUES = ["netze-a", 2026, "MS", 58.20, 1.26, 12.50, 3.088]
EXCEL = FILE.decode().replace(",", ";").replace(".", ",").replace("\n", "\r\n")
FORMATS: dict[str, tuple[bytes, dict[str, str]]] = {
    "xlsx": (workbook([NAMES, VALUES]), {}),
    "parquet": (as_parquet(**dict(zip(NAMES, [[value] for value in VALUES], strict=True))), {}),
    "the named sheet of two": (workbook([NAMES, VALUES], [["x"]]), {"sheet": "Tabelle1"}),
    "ndjson": (json.dumps(dict(zip(NAMES, VALUES, strict=True))).encode(), {}),
    "json": (json.dumps([dict(zip(NAMES, VALUES, strict=True))]).encode(), {"format": "json"}),
    "Excel's csv": (("\ufeff" + EXCEL).encode(), {}),
    "utf-16 with tabs": (FILE.decode().replace(",", "\t").encode("utf-16"), {"separator": "tab"}),
    "a column too many": (tariffs(f"{ROW},x", header=f"{HEADER},Bemerkung"), {"ignoreExtra": "true"}),
    "decimals as stated": (
        FILE.replace(b",", b"|"),
        {"separator": "|", "decimal": "point", "encoding": "utf-8"},
    ),
}


@pytest.mark.parametrize("written", FORMATS)
async def test_all_formats_and_options_of_the_command_are_read(editor: Caller, written: str) -> None:
    content, params = FORMATS[written]
    assert (await imported(editor, content, params=params))["inserted"] == 1
    assert (await tariff(editor))["leistung"] in ("58.20", "58.2")


async def test_files_of_a_form_are_one_import_and_its_fields_are_parameters(
    editor: Caller, pool: Pool
) -> None:
    prices = b"dno_slug,year,module,band,price_ct_per_kwh,verification_status,source_url\nnetze-a,2026,3,ST,6.70,unverified,\n"
    windows = b"dno_slug,year,quarter,band,start,end\nnetze-a,2026,1,ST,00:00,24:00\n"
    files = [("file", ('C:\\prei"se.csv', prices)), ("file", ("fenster ü.csv", windows, "text/csv"))]
    path = "/api/v1/import/time-of-use"
    names = ["prei%22se.csv", "fenster ü.csv"]
    for fields, imported_now in (({"dryRun": "true"}, False), ({}, True)):
        response = await editor.client.post(
            path, files=files, data=fields, headers=editor.headers, timeout=60
        )
        answer = response.json()
        assert (response.status_code, answer["files"], answer["imported"]) == (200, names, imported_now)
        assert answer["inserted"] == 1
    [row] = await pool.fetch("SELECT reason FROM revisions")
    assert row["reason"] == ", ".join(names)
    refused = await editor.client.post(path, files=files, data={"dry": "true"}, headers=editor.headers)
    assert error_of(refused) == (400, "BAD_USER_INPUT")


async def test_figures_that_people_corrected_are_kept_unless_the_file_takes_precedence(
    editor: Caller,
) -> None:
    await imported(editor)
    [[entry]] = [
        (await editor.execute('{ dno(slug: "netze-a") { tariffs(year: 2026) { id } } }'))["dno"]["tariffs"]
    ]
    # What an import of the same person wrote is replaced by the next one.
    assert (await imported(editor, FILE.replace(b"58.20", b"58.30")))["updated"] == 1
    await editor.write("correctTariff", id=entry["id"], leistung="58.40")
    answer = await imported(editor)
    assert (answer["keptCount"], answer["kept"][0]["line"]) == (1, 2)
    assert "last changed by editor (API key)" in answer["kept"][0]["reason"]
    assert (await tariff(editor))["leistung"] == "58.40"
    assert (await imported(editor, params={"overwrite": "true"}))["updated"] == 1
    assert (await tariff(editor))["leistung"] == "58.20"


async def test_exports_of_all_kinds_are_imported_without_a_change(
    admin: Caller, operators: Any, pool: Pool
) -> None:
    before = await count(pool)
    for kind in KINDS:
        table = "time-of-use" if kind == "section14a" else kind
        exported = (await admin.client.get(f"/export/{table}.csv")).content
        answer = await imported(admin, exported, path=f"/api/v1/import/{kind}", params={"strict": "false"})
        assert (kind, answer["kind"], answer["inserted"], answer["updated"], answer["keptCount"]) == (
            kind,
            kind,
            0,
            0,
            0,
        )
        assert answer["unchanged"] > 0
    assert await count(pool) == before


async def test_the_answers_on_the_page_are_those_of_the_server(editor: Caller) -> None:
    page = (Path(__file__).parents[3] / "docs" / "importing.md").read_text()
    section = page.partition("## Over HTTP")[2].partition("## ")[0]
    dry, refused = map(json.loads, re.findall(r"```json\n(.*?)```", section, re.DOTALL))
    params = {"fileName": "prices.xlsx", "dryRun": "true"}
    assert await imported(editor, workbook([NAMES, VALUES]), params=params) == dry
    bad = workbook([NAMES, [VALUES[0], VALUES[1], "XS", *VALUES[3:]]])
    found = (await post(editor, bad, params=params)).json()
    assert {name: found[name] for name in refused} == refused


# Rights


async def test_an_import_needs_the_role_editor(callers: dict[Role | None, Caller], pool: Pool) -> None:
    assert error_of(await post(callers[None])) == (401, "UNAUTHENTICATED")
    assert error_of(await post(callers[Role.VIEWER])) == (403, "FORBIDDEN")
    assert await count(pool) == 0
    assert (await imported(callers[Role.ADMIN]))["inserted"] == 1


async def test_only_an_admin_verifies_by_an_import(editor: Caller, admin: Caller) -> None:
    verified = tariffs(f"{ROW},verified", header=f"{HEADER},verification_status")
    answer = await imported(editor, verified)
    assert (answer["inserted"], answer["writtenAsUnverified"]) == (1, 1)
    assert (await tariff(editor))["verificationStatus"] == "UNVERIFIED"
    answer = await imported(editor, verified)
    assert (answer["unchanged"], answer["writtenAsUnverified"]) == (1, 0)
    answer = await imported(admin, verified)
    assert (answer["updated"], answer["writtenAsUnverified"]) == (1, 0)
    assert (await tariff(editor))["verificationStatus"] == "VERIFIED"
    assert (await imported(editor, verified))["unchanged"] == 1
    other = verified.replace(b"58.20", b"58.30")
    assert "only an ADMIN verifies" in (await imported(editor, other))["kept"][0]["reason"]
    answer = await imported(editor, other, params={"overwrite": "true"})
    assert (answer["updated"], answer["writtenAsUnverified"]) == (1, 1)
    assert (await tariff(editor))["verificationStatus"] == "UNVERIFIED"


async def test_an_editor_verifies_no_kind_of_entry_by_an_import(
    editor: Caller, operators: Any, pool: Pool
) -> None:
    for kind in ("tariffs", "hlzf", "time-of-use", "prices", "holiday-rules", "levies"):
        template = (await editor.client.get(f"/api/v1/import/{kind}/template.csv")).text
        rows = list(csv.DictReader(io.StringIO(template)))
        for row in rows:
            row |= {"verification_status": "verified"}
            row |= (
                {"valid_from": "2030-01-01", "valid_to": "", "customer_group": "x"}
                if kind == "levies"
                else {"year": "2030"}
            )
        answer = await imported(editor, json.dumps(rows).encode(), path=f"/api/v1/import/{kind}")
        assert (kind, answer["inserted"], answer["writtenAsUnverified"]) == (kind, 1, 1)
    tables = ("netzentgelte_data", "hlzf_data", "time_of_use_data", "prices", "holiday_rules", "levies")
    for table in tables:
        [row] = await pool.fetch(f"SELECT verification_status AS status FROM {table} WHERE year = 2030")
        assert (table, row["status"]) == (table, "unverified")


async def test_an_import_is_not_committed_for_a_key_that_was_revoked_meanwhile(
    client: httpx.AsyncClient, resources: Resources, pool: Pool
) -> None:
    key, headers = await issue_key(pool)
    principal = await resources.authenticator.principal(headers["authorization"], None)
    async with locked_tariffs(pool):
        waiting = asyncio.create_task(post(Caller(client, headers)))
        await until(lambda: waits_for_a_lock(pool))
        async with unit_of_work(pool, ANONYMOUS) as work:
            await accounts.revoke_api_key(work, key.id)

        async def is_revoked() -> bool:
            try:
                await resources.authenticator.renewed(principal)
            except Unauthenticated:
                return True
            return False

        await until(is_revoked)
    assert error_of(await waiting) == (401, "UNAUTHENTICATED")
    assert await count(pool, "netzentgelte_data") == 0


@asynccontextmanager
async def locked_tariffs(pool: Pool) -> AsyncIterator[None]:
    """Imports of tariffs wait within their transaction."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE netzentgelte_data IN EXCLUSIVE MODE")
        yield


async def waits_for_a_lock(pool: Pool) -> bool:
    [row] = await pool.fetch(
        "SELECT count(*) AS n FROM pg_stat_activity"
        " WHERE application_name = 'dno-import' AND wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(row["n"])


async def test_a_session_needs_a_request_that_no_form_of_another_site_can_send(
    resources: Resources, pool: Pool
) -> None:
    async with signed_in(resources, pool, Role.EDITOR) as caller:
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
        ):
            for without_credentials in ({}, {"authorization": ""}, {"authorization": "Bearer"}):
                headers = {"content-type": kind, **without_credentials}
                assert error_of(await post(caller, headers=headers)) == (400, "BAD_USER_INPUT"), headers
        foreign = await post(caller, headers={"origin": "https://evil.example"})
        assert error_of(foreign) == (401, "UNAUTHENTICATED")
        assert await count(pool) == 0
        headers = {"content-type": "text/plain", "x-requested-with": "fetch"}
        assert (await imported(caller, headers=headers))["inserted"] == 1
        assert (await imported(caller))["unchanged"] == 1
        [entry] = (await caller.execute(HISTORY))["dno"]["tariff"]["history"]
        assert entry["changedBy"].endswith("@example.org (import)")


# Refusals and limits

FORM = {"content-type": "multipart/form-data; boundary=x"}
REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"path": "/api/v1/import/unknown"}, 404, "NOT_FOUND"),
    ({"path": "/api/v1/import/mastr"}, 404, "NOT_FOUND"),
    ({"params": {"dry_run": "true"}}, 400, "BAD_USER_INPUT"),
    ({"params": {"dryRun": "yes"}}, 400, "BAD_USER_INPUT"),
    ({"params": {"dryRun": ["true", "true"]}}, 400, "BAD_USER_INPUT"),
    ({"params": {"dryRun": ""}}, 400, "BAD_USER_INPUT"),
    ({"params": {"format": "xls"}}, 400, "BAD_USER_INPUT"),
    ({"params": {"encoding": "ebcdic"}}, 400, "BAD_USER_INPUT"),
    ({"params": {"decimal": ","}}, 400, "BAD_USER_INPUT"),
    ({"params": {"separator": ";;"}}, 400, "BAD_USER_INPUT"),
    ({"params": {"separator": '"'}}, 400, "BAD_USER_INPUT"),
    ({"params": {"sheet": "x" * 300}}, 400, "BAD_USER_INPUT"),
    ({"params": {"fileName": "a\nb"}}, 400, "BAD_USER_INPUT"),
    ({"headers": {"content-type": "multipart/form-data"}}, 400, "BAD_USER_INPUT"),
    ({"headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, "BAD_USER_INPUT"),
    ({"headers": FORM, "content": b"--x\r\n\r\n1\r\n--x--"}, 400, "BAD_USER_INPUT"),
    (
        {
            "headers": FORM,
            "content": b'--x\r\nContent-Disposition: form-data; name="dryRun"\r\n\r\ntrue\r\n--x--',
        },
        400,
        "BAD_USER_INPUT",
    ),
    ({"content": b""}, 400, "BAD_USER_INPUT"),
    ({"content": bytes(1000)}, 400, "BAD_USER_INPUT"),
    ({"content": b"PK\x03\x04" + bytes(100)}, 400, "BAD_USER_INPUT"),
    ({"content": b"{" * 5000}, 400, "BAD_USER_INPUT"),
    ({"headers": {"content-encoding": "gzip"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
]


@pytest.mark.parametrize(("changed", "status", "code"), REFUSED)
async def test_refusals_and_their_codes(
    editor: Caller, pool: Pool, changed: dict[str, Any], status: int, code: str
) -> None:
    assert error_of(await post(editor, **changed)) == (status, code)
    assert await count(pool) == 0


async def test_only_posts_are_imported(editor: Caller) -> None:
    assert error_of(await editor.client.get(TARIFFS, headers=editor.headers)) == (405, "METHOD_NOT_ALLOWED")


async def in_parts(file: bytes, size: int = 30_000) -> AsyncIterator[bytes]:
    for start in range(0, len(file), size):
        yield file[start : start + size]


def url(server: Running) -> str:
    return server.url.removesuffix("/graphql") + TARIFFS


async def test_a_file_over_the_limit_is_refused_whether_or_not_it_states_its_length(
    settings: Settings, pool: Pool
) -> None:
    """The client sends all of it before it reads the answer."""
    _, headers = await issue_key(pool)
    content = tariffs(ROW) + b" " * 20_000_000
    async with running(settings, max_import_bytes=2_000_000) as server, httpx.AsyncClient() as client:
        caller = Caller(client, headers)
        assert error_of(await post(caller, content, url(server))) == (413, "PAYLOAD_TOO_LARGE")
        assert error_of(await post(caller, in_parts(content), url(server))) == (413, "PAYLOAD_TOO_LARGE")
        # Longer than other bodies may be.
        fitting = in_parts(tariffs(ROW, *[""] * 1_500_000))
        assert (await imported(caller, fitting, path=url(server)))["inserted"] == 1


async def test_an_upload_that_is_cut_off_leaves_nothing_behind(settings: Settings, pool: Pool) -> None:
    """Only one import at a time: a place that was not given back would refuse the next one."""
    _, headers = await issue_key(pool)
    async with running(settings, max_imports=1) as server:
        async with wire(server.url) as connection, httpx.AsyncClient() as client:
            caller = Caller(client, headers)
            head = (
                f"POST {TARIFFS} HTTP/1.1\r\nhost: localhost\r\nauthorization: {headers['authorization']}\r\n"
                "content-length: 1000000\r\n\r\n"
            )
            connection.writer.write(head.encode() + FILE)

            async def is_refused() -> bool:
                return (await post(caller, path=url(server), params={"dryRun": "true"})).status_code == 503

            await until(is_refused)
            refused = await post(caller, path=url(server))
            assert error_of(refused) == (503, "OVERLOADED")
            assert refused.headers["retry-after"] == "5"
        async with httpx.AsyncClient() as client:
            caller = Caller(client, headers)

            async def is_answered() -> bool:
                return (await post(caller, path=url(server), params={"dryRun": "true"})).status_code == 200

            await until(is_answered)
        assert await count(pool) == 0
        assert import_processes() == []


def import_processes() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and "app.importers.import_process" in process.cmdline()
    ]


async def test_a_disk_that_is_full_is_named_and_nothing_is_imported(
    editor: Caller, monkeypatch: pytest.MonkeyPatch, pool: Pool
) -> None:
    monkeypatch.setattr(
        "schema.http.import_upload.tempfile.TemporaryFile",
        lambda buffering: Path("/dev/full").open("r+b", buffering),  # noqa: SIM115 - closed by its user
    )
    response = await post(editor)
    assert error_of(response) == (503, "UNAVAILABLE")
    assert "cannot store the file" in response.json()["detail"]
    assert await count(pool) == 0


async def test_a_process_that_cannot_be_started_is_named(
    editor: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.child_process.sys.executable", "/nowhere/python")
    response = await post(editor)
    assert error_of(response) == (503, "UNAVAILABLE")
    assert "cannot import files" in response.json()["detail"]


@asynccontextmanager
async def refused_writes(pool: Pool, code: str) -> AsyncIterator[None]:
    """Writes of tariffs end with this error."""
    async with pool.connection() as connection:
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$;"
            " CREATE TRIGGER refuse BEFORE INSERT ON netzentgelte_data EXECUTE FUNCTION refuse()"
        )
    try:
        yield
    finally:
        async with pool.connection() as connection:
            await connection.execute("DROP FUNCTION refuse CASCADE")


@pytest.mark.parametrize("code", ["40P01", "53100"])
async def test_a_database_that_cannot_write_an_import_at_the_moment_is_an_outage(
    editor: Caller, pool: Pool, code: str
) -> None:
    async with refused_writes(pool, code):
        assert error_of(await post(editor)) == (503, "UNAVAILABLE")
    assert await count(pool) == 0
    assert (await imported(editor))["inserted"] == 1


@pytest.mark.parametrize(
    ("code", "takes_writes"),
    [("40P01", True), ("53100", False), ("25006", False), ("08006", True), ("57014", True), ("53400", True)],
)
async def test_an_import_that_a_full_disk_refuses_is_reported_until_a_write_succeeds(
    editor: Caller, pool: Pool, resources: Resources, code: str, takes_writes: bool
) -> None:
    """A deadlock passes by itself, and a connection that breaks (08006) or a time-out is no state of the database."""
    async with refused_writes(pool, code):
        assert error_of(await post(editor)) == (503, "UNAVAILABLE")
    assert (await resources.pool.probe()).takes_writes is takes_writes
    await imported(editor, path=f"{TARIFFS}?dryRun=true")
    assert (await resources.pool.probe()).takes_writes is takes_writes
    await imported(editor)
    assert (await resources.pool.probe()).takes_writes


async def test_what_an_import_lacks_in_the_database_is_counted_and_logged_and_degrades_readiness(
    editor: Caller, resources: Resources, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_objects, "_reported", {})
    before = REGISTRY.get_sample_value("dno_database_incomplete_total") or 0
    assert not resources.pool.lacked_something()
    async with refused_writes(pool, "42703"):
        with capture_logs() as logged:
            for _ in range(2):
                assert error_of(await post(editor)) == (503, "UNAVAILABLE")
    assert REGISTRY.get_sample_value("dno_database_incomplete_total") == before + 2
    [line] = [line for line in logged if line["event"] == "the database lacks what a statement needs"]
    assert "UndefinedColumnError: refused" in line["error"]
    assert "netzentgelte_data" in line["statement"]
    assert resources.pool.lacked_something()
    report = (await editor.client.get("/readyz")).json()
    assert report["resources"]["postgres"]["status"] == "degraded"


async def test_an_import_beyond_its_deadline_or_memory_is_refused_and_ended(
    settings: Settings, pool: Pool
) -> None:
    _, headers = await issue_key(pool)
    huge = with_part(workbook([NAMES, VALUES]), "xl/sharedStrings.xml", bytes(150 * 2**20))
    for changed, content, expected in (
        ({"import_request_timeout": 0.01}, FILE, (504, "DEADLINE_EXCEEDED")),
        ({"max_import_memory": 96 * 2**20}, huge, (400, "LIMIT_EXCEEDED")),
    ):
        async with running(settings, **changed) as server, httpx.AsyncClient() as client:
            assert error_of(await post(Caller(client, headers), content, url(server))) == expected
    assert import_processes() == []
    assert await count(pool) == 0


async def test_an_import_that_waits_for_another_ends_with_its_deadline(
    settings: Settings, pool: Pool
) -> None:
    _, headers = await issue_key(pool)
    async with (
        running(settings, import_request_timeout=3) as server,
        httpx.AsyncClient() as client,
        locked_tariffs(pool),
    ):
        response = await post(Caller(client, headers), path=url(server))
        assert response.status_code in (503, 504)
        assert import_processes() == []


# Readers, and processes that are killed


async def test_readers_of_all_instances_see_what_was_imported(
    settings: Settings, resources: Resources, editor: Caller
) -> None:
    await imported(editor)
    async with open_resources(msgspec.structs.replace(settings, rate_limit_anonymous=0, **CACHING)) as others:
        await until(lambda: others.memory.enabled and others.shared.trusted)
        async with client_of(others) as client:
            reader = Caller(client, {})
            for price in ("58.30", "58.40"):
                assert (await tariff(reader))["leistung"] == (await tariff(editor))[
                    "leistung"
                ]  # cached on both
                await imported(editor, FILE.replace(b"58.20", price.encode()))
                assert (await tariff(editor))["leistung"] == price

                async def is_seen(price: str = price) -> bool:
                    return bool((await tariff(reader))["leistung"] == price)

                await until(is_seen)


async def test_no_reader_gets_an_old_value_if_redis_does_not_answer_during_the_import(
    settings: Settings, pool: Pool, valkey: PrivateValkey
) -> None:
    """The changes are more than those of one message of the process."""
    _, headers = await issue_key(pool)
    old = tariffs(*(f"netze-a,{year},MS,{PRICES}" for year in range(2000, 2101)))
    settings = msgspec.structs.replace(settings, redis_url=valkey.url, redis_timeout=2.0)
    every_tariff = '{ dno(slug: "netze-a") { tariffs { leistung } } }'
    async with running(settings) as server, httpx.AsyncClient() as client:
        caller = Caller(client, headers)
        await imported(caller, old, path=url(server))
        read = (await server.execute(every_tariff))["dno"]["tariffs"]
        assert {each["leistung"] for each in read} == {"58.20"}
        async with locked_tariffs(pool):
            new = asyncio.create_task(imported(caller, old.replace(b"58.20", b"58.30"), path=url(server)))
            await until(lambda: waits_for_a_lock(pool))
            valkey.pause()
        try:
            assert (await new)["updated"] == 101
            read = (await server.execute(every_tariff))["dno"]["tariffs"]
            assert {each["leistung"] for each in read} == {"58.30"}
        finally:
            valkey.resume()
        await until(lambda: server.resources.shared.trusted)
        read = (await server.execute(every_tariff))["dno"]["tariffs"]
        assert {each["leistung"] for each in read} == {"58.30"}


async def test_an_import_whose_process_is_killed_before_the_commit_writes_nothing(
    editor: Caller, pool: Pool
) -> None:
    async with locked_tariffs(pool):
        waiting = asyncio.create_task(post(editor))
        await until(lambda: waits_for_a_lock(pool))
        [process] = import_processes()
        process.kill()
        assert error_of(await waiting) == (500, "INTERNAL_SERVER_ERROR")
    assert await count(pool, "netzentgelte_data") == 0
    assert (await imported(editor))["inserted"] == 1


async def test_the_process_of_an_import_ends_with_its_server(
    instance: Callable[..., ServerProcess], pool: Pool
) -> None:
    _, headers = await issue_key(pool)
    server = instance()
    async with locked_tariffs(pool), httpx.AsyncClient() as client:
        waiting = asyncio.create_task(post(Caller(client, headers), path=f"{server.url}{TARIFFS}"))
        await until(lambda: waits_for_a_lock(pool))
        [process] = import_processes()
        server.process.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            await waiting
        await until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert await count(pool, "netzentgelte_data") == 0


async def test_an_answer_that_is_lost_after_the_commit_is_unknown_and_no_reader_gets_the_old_value(
    editor: Caller, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(editor)
    assert (await tariff(editor))["leistung"] == "58.20"
    receive = _Process.receive

    async def lose(self: _Process) -> Any:
        message = await receive(self)
        return message if isinstance(message, Ready) else None

    monkeypatch.setattr(_Process, "receive", lose)
    response = await post(editor, FILE.replace(b"58.20", b"58.30"))
    assert error_of(response) == (503, "UNAVAILABLE")
    assert "is not known" in response.json()["detail"]
    assert (await tariff(editor))["leistung"] == "58.30"
    assert resources.shared.distrust_count > 0
    await until(lambda: resources.shared.trusted)
    assert (await tariff(editor))["leistung"] == "58.30"


# Templates


@pytest.mark.parametrize("form", ["csv", "xlsx", "csv?dialect=excel"])
async def test_a_template_that_is_sent_back_changes_nothing(
    admin: Caller, operators: Any, pool: Pool, form: str
) -> None:
    before = await count(pool)
    for kind in KINDS:
        template = await admin.client.get(f"/api/v1/import/{kind}/template.{form}")
        assert template.headers["content-disposition"] == (
            f'attachment; filename="{kind}-template.{form.partition("?")[0]}"'
        )
        response = await post(admin, template.content, f"/api/v1/import/{kind}")
        if kind == "places":  # those of an operator are replaced as a whole
            assert [each["column"] for each in response.json()["problems"]] == ["dno_slug"]
            continue
        answer = response.json()
        assert (kind, answer["unchanged"], answer["inserted"], answer["updated"]) == (kind, 1, 0, 0)
    assert await count(pool) == before


async def test_a_template_has_the_header_of_the_export_and_the_rows_of_one_entry(
    admin: Caller, operators: Any
) -> None:
    rows = {"hlzf": 2, "time-of-use": 4, "section14a": 4}
    for kind in KINDS:
        table = "time-of-use" if kind == "section14a" else kind
        header, *example = (await admin.client.get(f"/api/v1/import/{kind}/template.csv")).text.splitlines()
        exported = (await admin.client.get(f"/export/{table}.csv")).text.splitlines()
        assert header == exported[0]
        assert (kind, len(example)) == (kind, rows.get(kind, 1))
        assert kind == "places" or example == exported[1 : 1 + len(example)]


async def test_where_nothing_is_stored_the_example_names_an_operator_that_is_refused(editor: Caller) -> None:
    template = await editor.client.get("/api/v1/import/tariffs/template.csv")
    header, row = template.text.splitlines()
    assert header.startswith(HEADER)
    assert row.startswith("beispiel-netz,2026,MS,58.20")
    response = await post(editor, template.content)
    assert [each["column"] for each in response.json()["problems"]] == ["dno_slug"]
    assert (await post(editor, template.content.replace(b"beispiel-netz", b"netze-a"))).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("tariffs/template.parquet", 404),
        ("tariffs/template.xls", 404),
        ("unknown/template.csv", 404),
        ("mastr/template.csv", 404),
        ("tariffs/template.csv?dialect=german", 400),
        ("tariffs/template.xlsx?dialect=excel", 400),
        ("tariffs/template.csv?year=2026", 400),
    ],
)
async def test_other_templates_are_refused(client: httpx.AsyncClient, path: str, status: int) -> None:
    assert error_of(await client.get(f"/api/v1/import/{path}"))[0] == status
