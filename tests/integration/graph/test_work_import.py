"""/work/import: a file is uploaded, reported on, and loaded in a second step, if need be without its refused rows."""

import asyncio
import io
import zipfile
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.resources import Resources
from app.settings import Settings
from schema.http.work import carried_files
from tests import factories as make
from tests.forms import Form, forms_of
from tests.integration.graph.page_client import SCRIPT, text_of
from tests.integration.graph.running import issue_key, running
from tests.integration.graph.signing_in import signed_in
from tests.integration.graph.writing import Caller

PATH = "/work/import"
BROWSER = {"accept": "text/html", "accept-language": "de"}
HEADER = "Netzbetreiber;Jahr;Spannungsebene;Leistungspreis (EUR/kW/a);Arbeitspreis ab 2500 h;LP unter 2500 h;AP unter 2500 h"
GOOD = "netze-a;2026;MS;58,20;1,26;12,50;3,088"
BAD = "netze-a;2026;XS;58,20;1,26;12,50;3,088"
READ = """
{ dno(slug: "netze-a") { tariffs(year: 2026) {
  voltageLevel leistung verificationStatus version history(first: 1) { changedBy reason }
} } }
"""


@pytest.fixture(autouse=True)
async def netze_a(pool: Pool) -> Any:
    return await make.dno(pool, "netze-a", name="Netze A")


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "".join(f"{line}\n" for line in (header, *rows)).encode()


class Upload:
    """A person with a browser; `page` is the latest one."""

    def __init__(self, caller: Caller, path: str = PATH) -> None:
        self._caller = caller
        self._path = path
        self.page: httpx.Response

    async def open(self) -> "Upload":
        self.page = await self._caller.client.get(self._path, headers=self._caller.headers | BROWSER)
        assert self.page.status_code == 200
        return self

    async def choose(
        self, content: bytes, name: str = "preise.csv", kind: str = "tariffs", **fields: str
    ) -> httpx.Response:
        """Sends the form for a file."""
        form = self._form("upload")
        return await self._post(form, [("file", (name, content))], kind=kind, step="report", **fields)

    async def load(self, *again: tuple[str, bytes], **fields: str) -> httpx.Response:
        """Sends the form below a report."""
        files = [("file", file) for file in again]
        return await self._post(self._form("load"), files, **{"step": "load", **fields})

    def _form(self, kind: str) -> Form:
        forms = forms_of(self.page.text)
        return forms[0] if kind == "load" else forms[-1]

    async def _post(self, form: Form, files: list[Any], **fields: str) -> httpx.Response:
        assert form.enctype == "multipart/form-data"
        parts = [(name, (None, value)) for name, value in {**form.values, **fields}.items()]
        # An empty choice of files is an empty file without a name.
        self.page = await self._caller.client.post(
            form.action,
            files=[*parts, *(files or [("file", ("", b""))])],
            headers=self._caller.headers | BROWSER,
            timeout=60,
        )
        return self.page


@pytest.fixture
async def upload(editor: Caller) -> Upload:
    return await Upload(editor).open()


async def tariffs(caller: Caller) -> Any:
    return (await caller.execute(READ))["dno"]["tariffs"]


async def test_a_file_is_reported_on_and_then_loaded(upload: Upload, editor: Caller) -> None:
    page = await upload.choose(csv(GOOD))
    text = text_of(page)
    assert page.status_code == 200
    assert "Gespeichert ist noch nichts." in text
    assert "neu 1 geändert 0 unverändert 0" in text
    assert "Netzbetreiber as dno_slug" in text
    assert await tariffs(editor) == []
    page = await upload.load()
    assert "Geladen: preise.csv neu 1 geändert 0 unverändert 0" in text_of(page)
    assert await tariffs(editor) == [
        {
            "voltageLevel": "MS",
            "leistung": "58.20",
            "verificationStatus": "UNVERIFIED",
            "version": 1,
            "history": [{"changedBy": "editor (API key) (import)", "reason": "preise.csv"}],
        }
    ]
    await upload.choose(csv(GOOD))
    assert "neu 0 geändert 0 unverändert 1" in text_of(upload.page)


async def test_what_is_right_is_loaded_only_as_a_choice_of_its_own(upload: Upload, editor: Caller) -> None:
    page = await upload.choose(csv(GOOD, BAD, BAD.replace("XS", "NS"), BAD.replace("XS", "NS")))
    text = text_of(page)
    assert "Zeilen abgelehnt 2" in text
    assert "must be one of HOES, HOES_HS, HS, HS_MS, MS, MS_NS, NS" in text
    assert "Nur laden, was richtig ist: 3 Zeilen bleiben draußen (2 abgelehnt, 1 zurückgehalten)" in text
    assert "Alles laden" not in text
    page = await upload.load()
    assert "Die Wahl, abgelehnte Zeilen draußen zu lassen, fehlt" in text_of(page)
    assert await tariffs(editor) == []
    page = await upload.load(partial="true")
    assert "Geladen: preise.csv neu 1" in text_of(page)
    assert [each["voltageLevel"] for each in await tariffs(editor)] == ["MS"]


async def test_a_file_that_is_wrong_as_a_whole_cannot_be_loaded(upload: Upload, editor: Caller) -> None:
    page = await upload.choose(csv("netze-a;2026;MS", header="Netzbetreiber;Jahr;Spannungsebene"))
    assert "this column is missing" in text_of(page)
    assert "Die Datei kann so nicht geladen werden." in text_of(page)
    assert len(forms_of(page.text)) == 1


async def test_an_unknown_column_is_named_and_ignored_if_that_is_chosen(upload: Upload) -> None:
    content = csv(f"{GOOD};x", header=f"{HEADER};{SCRIPT}")
    page = await upload.choose(content)
    assert "there is no such column" in text_of(page)
    assert SCRIPT not in page.text
    page = await upload.choose(content, ignoreExtra="true")
    assert "ignored columns <script>alert('x')</script>" in text_of(page)
    assert SCRIPT not in page.text
    await upload.load()
    assert "Geladen" in text_of(upload.page)


async def test_scripts_in_names_and_cells_are_shown_as_text(upload: Upload) -> None:
    page = await upload.choose(
        csv(GOOD, f"{SCRIPT};2026;MS;{SCRIPT};1;1;1"), name=f'"><img src=x onerror=alert(1)>{SCRIPT}.csv'
    )
    assert SCRIPT not in page.text
    assert "<img src=x" not in page.text
    page = await upload.load(partial="true")
    assert "Geladen" in text_of(page)
    assert SCRIPT not in page.text
    assert "<img src=x" not in page.text


async def test_another_file_than_the_one_of_the_report_is_reported_on_first(
    upload: Upload, editor: Caller
) -> None:
    await upload.choose(csv(GOOD))
    page = await upload.load(("preise.csv", csv(GOOD.replace("58,20", "60,10"))))
    assert "eine andere Datei als die im Bericht" in text_of(page)
    assert await tariffs(editor) == []
    await upload.load()
    assert [each["leistung"] for each in await tariffs(editor)] == ["60.10"]


async def test_other_rows_than_agreed_do_not_stay_out(upload: Upload, editor: Caller, pool: Pool) -> None:
    await make.dno(pool, "netze-b", name="Netze B")
    await upload.choose(csv(GOOD, GOOD.replace("netze-a", "netze-b"), BAD))
    await pool.fetch("UPDATE dnos SET deleted_at = now() WHERE slug = 'netze-b'")
    page = await upload.load(partial="true")
    assert "Inzwischen bleiben andere Zeilen draußen" in text_of(page)
    assert await tariffs(editor) == []
    await upload.load(partial="true")
    assert len(await tariffs(editor)) == 1


async def test_a_large_file_is_chosen_again(
    upload: Upload, editor: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried_files, "MAX_CARRIED", 10)
    page = await upload.choose(csv(GOOD))
    assert "Die Datei ist groß" in text_of(page)
    page = await upload.load()
    assert (page.status_code, "The form has no file" in text_of(page)) == (400, True)
    await upload.choose(csv(GOOD))
    await upload.load(("preise.csv", csv(GOOD)))
    assert len(await tariffs(editor)) == 1


@pytest.mark.parametrize("carried", ["x", "AAAA", "eJwDAAAAAAE="])
async def test_a_damaged_form_loads_nothing(upload: Upload, editor: Caller, carried: str) -> None:
    await upload.choose(csv(GOOD))
    page = await upload.load(carried=carried)
    assert (page.status_code, "choose the file again" in text_of(page)) == (400, True)
    assert await tariffs(editor) == []


@pytest.mark.parametrize("files", [[("a.csv", b"1")] * 21, [("a.csv", bytes(6 * 2**20))]])
async def test_a_form_that_carries_more_than_a_page_of_ours_loads_nothing(
    upload: Upload, editor: Caller, files: list[tuple[str, bytes]]
) -> None:
    """Each file takes a file descriptor, and all of them memory."""
    await upload.choose(csv(GOOD))
    carried = b64encode(zlib.compress(msgspec.msgpack.encode(files))).decode()
    page = await upload.load(carried=carried)
    assert (page.status_code, "choose the file again" in text_of(page)) == (400, True)


async def test_what_people_have_decided_stays_unless_replacing_it_is_chosen(
    upload: Upload, editor: Caller
) -> None:
    await editor.write("addTariff", dno="netze-a", year=2026, voltageLevel="MS", leistung="1")
    page = await upload.choose(csv(GOOD))
    assert "behalten 1" in text_of(page)
    await upload.choose(csv(GOOD), overwrite="true")
    assert "geändert 1" in text_of(upload.page)
    await upload.load()
    assert [each["leistung"] for each in await tariffs(editor)] == ["58.20"]


async def test_an_editor_does_not_verify_by_a_file_and_an_administrator_does(
    upload: Upload, editor: Caller, admin: Caller
) -> None:
    content = csv(f"{GOOD};geprüft", header=f"{HEADER};verification_status").replace(
        "geprüft".encode(), b"verified"
    )
    page = await upload.choose(content)
    assert "als ungeprüft geschrieben 1" in text_of(page)
    await upload.load()
    assert [each["verificationStatus"] for each in await tariffs(editor)] == ["UNVERIFIED"]
    theirs = await Upload(admin).open()
    await theirs.choose(content)
    await theirs.load()
    assert [each["verificationStatus"] for each in await tariffs(editor)] == ["VERIFIED"]


async def test_two_tabs_load_their_own_files(editor: Caller) -> None:
    one, two = await Upload(editor).open(), await Upload(editor).open()
    await one.choose(csv(GOOD))
    await two.choose(csv(GOOD.replace("MS", "NS")))
    await one.load()
    assert [each["voltageLevel"] for each in await tariffs(editor)] == ["MS"]
    await two.load()
    assert [each["voltageLevel"] for each in await tariffs(editor)] == ["MS", "NS"]


async def test_what_one_instance_has_reported_on_another_one_loads(
    editor: Caller, settings: Settings, pool: Pool
) -> None:
    upload = await Upload(editor).open()
    await upload.choose(csv(GOOD))
    async with running(settings) as other:
        headers = (await issue_key(pool, Role.EDITOR, "other"))[1]
        async with httpx.AsyncClient(base_url=other.url.removesuffix("/graphql")) as client:
            there = Upload(Caller(client, headers))
            there.page = upload.page
            page = await there.load()
    assert "Geladen" in text_of(page)
    assert len(await tariffs(editor)) == 1


async def test_only_editors_upload(callers: dict[Role | None, Caller]) -> None:
    for role, status in ((None, 401), (Role.VIEWER, 403), (Role.EDITOR, 200)):
        caller = callers[role]
        headers = caller.headers | BROWSER
        page = await caller.client.get(PATH, headers=headers)
        shown = status if role else 303  # to the form for signing in
        assert (page.status_code, page.headers["cache-control"]) == (shown, "no-store")
        files = [("kind", (None, "tariffs")), ("token", (None, "")), ("file", ("a.csv", csv(GOOD)))]
        page = await caller.client.post(PATH, files=files, headers=headers, timeout=60)
        assert (page.status_code, page.headers["cache-control"]) == (status, "no-store")


async def test_a_form_of_another_site_loads_nothing(resources: Resources, pool: Pool, editor: Caller) -> None:
    async with signed_in(resources, pool, Role.EDITOR) as person:
        upload = await Upload(person).open()
        await upload.choose(csv(GOOD))
        form = forms_of(upload.page.text)[0]
        foreign: list[tuple[dict[str, str], dict[str, str]]] = [
            ({"origin": "https://evil.example"}, {}),
            ({"origin": "null"}, {}),
            ({"sec-fetch-site": "cross-site"}, {}),
            ({}, {"token": "0" * 64}),
            ({}, {"token": "ü"}),
            ({}, {"token": ""}),
        ]
        for headers, fields in foreign:
            values = {**form.values, "step": "load", **fields}
            parts = [(name, (None, value)) for name, value in values.items()]
            response = await person.client.post(PATH, files=parts, headers=BROWSER | headers)
            assert response.status_code in (401, 403)
            assert ("öffnen Sie es neu" in text_of(response)) == bool(fields)
        assert await tariffs(editor) == []
        await upload.load()
    assert len(await tariffs(editor)) == 1


async def test_the_body_of_another_site_is_not_read(resources: Resources, pool: Pool) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    async with signed_in(resources, pool, Role.EDITOR) as person:
        headers = BROWSER | {
            "origin": "https://evil.example",
            "content-type": "multipart/form-data; boundary=x",
            "content-length": "100",
        }
        response = await person.client.post(PATH, content=body(), headers=headers)
        assert response.status_code in (401, 403)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"{}", "application/json", 415),
        (
            b"--x\r\ncontent-disposition: form-data; name=file; filename=a\r\n\r\na",
            "multipart/form-data; boundary=x",
            400,
        ),
        (b"nothing", "multipart/form-data", 400),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 400),
    ],
    ids=["a form without files", "JSON", "cut off", "no boundary", "empty"],
)
async def test_a_body_that_is_no_such_form_is_refused(
    editor: Caller, content: bytes, kind: str, status: int
) -> None:
    headers = editor.headers | BROWSER | {"content-type": kind}
    assert (await editor.client.post(PATH, content=content, headers=headers)).status_code == status


async def test_without_a_file_or_a_kind_the_form_names_what_is_missing(
    upload: Upload, editor: Caller
) -> None:
    page = await upload.choose(b"", name="")
    assert (page.status_code, "The form has no file" in text_of(page)) == (400, True)
    nothing = b'--x\r\ncontent-disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--x--\r\n'
    headers = editor.headers | BROWSER | {"content-type": "multipart/form-data; boundary=x"}
    page = await editor.client.post(PATH, content=nothing, headers=headers)
    assert (page.status_code, "No file was chosen." in text_of(page)) == (400, True)
    page = await upload.choose(csv(GOOD), kind="mastr")
    assert (page.status_code, "Choose what the file holds." in text_of(page)) == (400, True)
    page = await upload.choose(csv(GOOD), decimal="both")
    assert (page.status_code, "decimal" in text_of(page)) == (400, True)


async def test_a_workbook_that_unpacks_to_too_much_is_refused(upload: Upload) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", b" " * 600_000_000)
    page = await upload.choose(content.getvalue(), name="bomb.xlsx")
    assert "the workbook has more than" in text_of(page)
    assert "Die Datei kann so nicht geladen werden." in text_of(page)


async def test_a_file_above_the_limit_is_refused(pool: Pool, settings: Settings) -> None:
    async with running(settings, max_import_bytes=200_000) as server:
        headers = (await issue_key(pool, Role.EDITOR, "editor"))[1]
        async with httpx.AsyncClient(base_url=server.url.removesuffix("/graphql")) as client:
            for path in (PATH, f"/de{PATH}"):
                upload = await Upload(Caller(client, headers), path).open()
                page = await upload.choose(csv(*[GOOD] * 10_000))
                assert page.status_code == 413


async def test_uploads_share_the_places_of_imports(pool: Pool, settings: Settings) -> None:
    """The one place is taken from the first byte of the body on."""
    arrived = asyncio.Event()
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        arrived.set()
        await go_on.wait()
        yield b"--x--\r\n"

    async with running(settings, max_imports=1) as server:
        headers = (await issue_key(pool, Role.EDITOR, "editor"))[1] | BROWSER
        async with httpx.AsyncClient(base_url=server.url.removesuffix("/graphql")) as client:
            form = headers | {"content-type": "multipart/form-data; boundary=x"}
            first = asyncio.create_task(client.post(PATH, content=body(), headers=form))
            await asyncio.wait_for(arrived.wait(), 30)
            async with asyncio.timeout(30):
                while True:
                    files = [("kind", (None, "tariffs")), ("file", ("a.csv", csv(GOOD)))]
                    second = await client.post(PATH, files=files, headers=headers)
                    if second.status_code == 503:
                        break
            assert second.headers["retry-after"] == "5"
            go_on.set()
            assert (await first).status_code == 400
