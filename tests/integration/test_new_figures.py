"""The number of edits for a new price column and for a new family, and both at work in every part of the API.

Each is added in a copy of the code, which runs on a database of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from app.db import tariffs
from app.db.pool import open_pool
from app.db.unit_of_work import write
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.settings import Settings, as_environment
from tests import factories as make
from tests.architecture.repository import ROOT
from tests.integration.graph.running import issue_key, stream
from tests.integration.scratch_tree import Edit, ScratchTree
from tests.server_process import ServerProcess, dno
from tests.servers import cloned

LATEST = max(path.stem[-4:] for path in (ROOT / "app/db/migrations").glob("*.sql"))
MIGRATION = f"app/db/migrations/20991231_{LATEST}_up_9999.sql"

COLUMN = (
    Edit("app/domain/tariff.py", "    arbeit_unter_2500h: Decimal | None = None\n", "    arbeit_unter_2500h: Decimal | None = None\n    grundpreis: Decimal | None = None\n"),
    Edit("app/domain/tariff.py", "    arbeit_unter_2500h: Decimal | None\n", "    arbeit_unter_2500h: Decimal | None\n    grundpreis: Decimal | None\n"),
    Edit("app/domain/tariff.py", '        Column("arbeit_unter_2500h", ColumnType.PRICE, "ct per kWh", "below 2500 h/a"),\n', '        Column("arbeit_unter_2500h", ColumnType.PRICE, "ct per kWh", "below 2500 h/a"),\n        Column("grundpreis", ColumnType.PRICE, "EUR per year", optional=True),\n'),
    Edit("schema/types/tariff.py", "    verification_status: VerificationStatus =", '    grundpreis: Decimal | None = strawberry.field(description="Grundpreis, EUR per year; null: not published.")\n    verification_status: VerificationStatus ='),
    Edit("schema/mutations/tariffs.py", '    source_url: str | None = fields.source_url', '    grundpreis: Decimal | None = fields.price(FAMILY, "grundpreis")\n    source_url: str | None = fields.source_url'),
    Edit("schema/mutations/tariffs.py", '    reason: str | None =', '    grundpreis: Decimal | None = fields.price(FAMILY, "grundpreis", default=strawberry.UNSET)\n    reason: str | None ='),
)  # fmt: skip

FAMILY = (
    Edit("app/domain/families.py", "from app.domain import hlzf,", "from app.domain import concession, hlzf,"),
    Edit("app/domain/families.py", "    holiday_rule.FAMILY,\n", "    holiday_rule.FAMILY,\n    concession.FAMILY,\n"),
    Edit("schema/types/dno.py", "    updated_at: datetime = strawberry.field(description=\"When the operator's own", "    concession_fees = entries_of(BY_NAME[\"concession_fees\"], \"Konzessionsabgaben, newest year first.\")\n    updated_at: datetime = strawberry.field(description=\"When the operator's own"),
    Edit("schema/root.py", "from schema.mutations.entries import", "from schema.mutations.concession import ConcessionMutations\nfrom schema.mutations.entries import"),
    Edit("schema/root.py", "    CacheMutations,\n", "    CacheMutations,\n    ConcessionMutations,\n"),
)  # fmt: skip

FAMILY_FILES = {
    "app/domain/concession.py": '''"""Konzessionsabgabe: what an operator pays to communities, by operator and year."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from app.domain.correction import Correction, NewEntry, check_price
from app.domain.entry import VerificationStatus
from app.domain.family import Column, ColumnType, Family
from app.errors import AppError, Code


class ConcessionFee(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    dno_id: UUID
    year: int
    fee: Decimal | None
    verification_status: VerificationStatus
    source_url: str | None
    source_title: str | None
    version: int
    updated_at: datetime


class NewFee(NewEntry, frozen=True, kw_only=True):
    fee: Decimal | None

    def check_values(self) -> None:
        check_price(self.fee, "fee")

    def columns(self) -> dict[str, Any]:
        return {"fee": self.fee}

    def conflict(self) -> AppError:
        return AppError(f"There is a fee of {self.dno} for {self.year} already.", Code.CONFLICT, field=("input", "year"))


class FeeCorrection(Correction[ConcessionFee], frozen=True, kw_only=True):
    fee: Decimal | None

    def corrected(self, before: ConcessionFee) -> ConcessionFee:
        check_price(self.fee, "fee")
        return msgspec.structs.replace(before, fee=self.fee)


FAMILY = Family(
    name="concession_fees",
    table="concession_fees",
    struct=ConcessionFee,
    graphql_type="ConcessionFee",
    module="concession",
    id_kind="CONCESSION_FEE",
    id_prefix="fee",
    data_type="CONCESSION_FEES",
    description="Konzessionsabgaben.",
    noun="concession fee",
    columns=(Column("fee", ColumnType.PRICE, "ct per kWh"),),
)
''',
    "schema/types/concession.py": '''"""GraphQL type of Konzessionsabgaben."""

from datetime import datetime
from decimal import Decimal

import strawberry

from app.domain import concession as structs
from app.domain.entry import VerificationStatus
from schema.batch_field import type_for
from schema.types import entry_fields as fields
from schema.types.node import Kind, Node


@type_for(structs.ConcessionFee, description="Konzessionsabgabe of one operator and year.")
class ConcessionFee(Node):
    id = fields.entry_id(Kind["CONCESSION_FEE"])
    dno = fields.dno("The operator that pays it.")
    year: int = strawberry.field(description="Calendar year.")
    fee: Decimal | None = strawberry.field(description="ct per kWh.")
    verification_status: VerificationStatus = strawberry.field(description="How sure this fee is.")
    source = fields.source("Where the fee was read.")
    version: int = fields.version()
    updated_at: datetime = fields.updated_at()
    history = fields.history()
''',
    "schema/mutations/concession.py": '''"""Mutations that add and correct Konzessionsabgaben."""

from decimal import Decimal
from uuid import UUID

import strawberry

from app.domain.concession import FAMILY, FeeCorrection, NewFee
from schema.mutations import entry_fields as fields
from schema.mutations.family_mutations import FamilyMutations
from schema.mutations.payload import UserError, errors_field, warnings_field
from schema.types.concession import ConcessionFee
from schema.types.revision import Revision
from schema.types.warning import Warning


@strawberry.input(description="A new fee.")
class AddFeeInput:
    dno: str = fields.dno()
    year: int = fields.year()
    fee: Decimal | None = fields.price(FAMILY, "fee")
    source_url: str | None = fields.source_url()

    def new_entry(self) -> NewFee:
        return NewFee(dno=self.dno, year=self.year, fee=self.fee, source_url=self.source_url)


@strawberry.input(description="The fee that shall hold instead.")
class CorrectFeeInput:
    id: strawberry.ID = fields.entry_id()
    expected_version: int | None = fields.expected_version()
    fee: Decimal | None = fields.price(FAMILY, "fee")
    source_url: str | None = fields.new_source_url()
    reason: str | None = fields.reason()
    verify: bool | None = fields.verify()

    def correction(self, id: UUID) -> FeeCorrection:
        return FeeCorrection(id=id, fee=self.fee)


@strawberry.type(description="The fee as it is now.")
class FeePayload:
    fee: ConcessionFee | None = strawberry.field(default=None, description="As it is now.")
    revision: Revision | None = fields.revision()
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


_FEES = FamilyMutations(FAMILY, FeePayload, entry="fee")


@strawberry.type
class ConcessionMutations:
    add_fee = _FEES.add(AddFeeInput, "Adds a fee.", argument="The new fee.")
    correct_fee = _FEES.correct(CorrectFeeInput, "Corrects a fee.", argument="The fee.")
''',
    MIGRATION: """CREATE TABLE concession_fees (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dno_id uuid NOT NULL REFERENCES dnos,
    year calendar_year NOT NULL,
    fee price,
    verification_status verification_status NOT NULL DEFAULT 'unverified',
    source_url text,
    source_title text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (dno_id, year)
);
SELECT attach_history('concession_fees', 'CONCESSION_FEES', 'concession_fees');
""",
}

REVERT = """
mutation ($input: RevertInput!) { revert(input: $input) {
  entry { __typename ... on Node { id } } revision { kind changes { field before after } } errors { code message } } }
"""
COVERAGE = "{ coverage { totalEntries byYear { year dnos verified } } }"
CHANGES = "subscription { dataChanged { kind dataType year entry { ... on Node { id } } } }"


class ChangedServer:
    """A server that runs the changed code on a database of its own."""

    def __init__(self, tree: ScratchTree, settings: Settings, logs: Path) -> None:
        self.tree = tree
        self.settings = settings
        self._environment = as_environment(settings)
        self._environment.pop("DNO_PORT", None)
        self._logs = logs
        self.server: ServerProcess | None = None
        self.headers: dict[str, str] = {}

    async def run(self, *arguments: str) -> str:
        done = await asyncio.to_thread(dno, *arguments, environment=self._environment, code=self.tree.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    async def start(self) -> None:
        await self.run("migrate")
        self.server = ServerProcess(self._logs, self._environment, code=self.tree.folder)
        await asyncio.to_thread(self.server.wait_until_ready)

    @property
    def graph(self) -> Any:
        assert self.server is not None
        return SimpleNamespace(url=f"{self.server.url}/graphql")

    async def execute(self, query: str, **variables: Any) -> Any:
        async with httpx.AsyncClient(timeout=30) as client:
            body = {"query": query, "variables": variables}
            answer = (await client.post(self.graph.url, json=body, headers=self.headers)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def export(self, table: str) -> list[str]:
        assert self.server is not None
        async with httpx.AsyncClient(timeout=30) as client:
            response = await client.get(f"{self.server.url}/export/{table}.csv")
        assert response.status_code == 200, response.text
        return response.text.splitlines()


@pytest.fixture
async def copy(
    _postgres_url: str, worker_id: str, redis_url: str, tmp_path: Path, folder: Path
) -> AsyncIterator[ChangedServer]:
    async with cloned(_postgres_url, f"dno_scratch_{worker_id}") as url:
        settings = Settings(
            database_url=url, redis_url=redis_url, rate_limit_anonymous=0, rate_limit_api_key=0
        )
        running = ChangedServer(ScratchTree(tmp_path), settings, folder)
        try:
            yield running
        finally:
            if running.server is not None:
                await asyncio.to_thread(running.server.stop)


async def test_a_new_price_column_is_four_files_and_works_everywhere(copy, tmp_path):
    async with open_pool(copy.settings) as pool:
        operator = await make.dno(pool, slug="netze-a")
        old = await make.tariff(pool, operator, year=2025, leistung="58.21")
        editor = Principal(role=Role.EDITOR, name="before")
        correction = TariffCorrection(id=old.id, prices={"leistung": Decimal(60)})
        _, work = await write(pool, editor, lambda work: tariffs.correct(work, correction))
        recorded_before = work.revision.id
        _, copy.headers = await issue_key(pool, Role.ADMIN)

    copy.tree.edit(*COLUMN)
    copy.tree.add({MIGRATION: "ALTER TABLE netzentgelte_data ADD COLUMN grundpreis price;\n"})
    changed = copy.tree.changed()
    assert len(changed.files) == 4, changed
    await copy.start()

    new = tmp_path / "new.csv"
    head = "dno_slug,year,voltage_level,leistung,arbeit,leistung_unter_2500h,arbeit_unter_2500h"
    rest = "verification_status,source_url,source_title"
    new.write_text(f"{head},grundpreis,{rest}\nnetze-a,2026,MS,1,2,3,4,120.50,verified,,\n")
    await copy.run("import", "tariffs", str(new))
    without = tmp_path / "without.csv"
    without.write_text(
        f"{head},{rest}\nnetze-a,2026,MS,1.5,2,3,4,verified,,\nnetze-a,2026,HS,1,2,3,4,verified,,\n"
    )
    await copy.run("import", "tariffs", str(without))
    tariffs_2026 = (
        """{ dno(slug: "netze-a") { tariffs(year: 2026) { id voltageLevel leistung grundpreis } } }"""
    )
    high, medium = (await copy.execute(tariffs_2026))["dno"]["tariffs"]
    assert (high["voltageLevel"], high["grundpreis"]) == ("HS", None)
    assert (medium["leistung"], medium["grundpreis"]) == ("1.5", "120.50")

    id = f"tariff_{old.id.hex}"
    correct = """mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) {
      tariff { grundpreis } revision { id changes { field before after } } errors { message } } }"""
    async with stream(copy.graph, CHANGES, headers=copy.headers) as client:
        done = (await copy.execute(correct, input={"id": id, "grundpreis": "99.9"}))["correctTariff"]
        change = await client.next_change()
    assert done["tariff"] == {"grundpreis": "99.9"}, done
    assert done["revision"]["changes"] == [{"field": "grundpreis", "before": None, "after": "99.9"}]
    assert change == {"kind": "CORRECTED", "dataType": "NETZENTGELTE", "year": 2025, "entry": {"id": id}}

    node = """query ($id: ID!) { node(id: $id) { ... on Tariff { leistung grundpreis } } }"""
    assert (await copy.execute(node, id=id))["node"] == {"leistung": "60", "grundpreis": "99.9"}
    undone = (await copy.execute(REVERT, input={"revisionId": f"revision_{recorded_before.hex}"}))["revert"]
    assert undone["errors"] == []
    # Before that revision there was no such column, so the entry had no value in it.
    assert (await copy.execute(node, id=id))["node"] == {"leistung": "58.21", "grundpreis": None}
    await copy.execute(REVERT, input={"revisionId": done["revision"]["id"]})
    assert (await copy.execute(node, id=id))["node"] == {"leistung": "60", "grundpreis": None}

    add = """mutation ($input: AddTariffInput!) { addTariff(input: $input) {
      tariff { grundpreis } revision { id } errors { message } } }"""
    new = {"dno": "netze-a", "year": 2027, "voltageLevel": "MS", "grundpreis": "1.25"}
    added = (await copy.execute(add, input=new))["addTariff"]
    assert added["tariff"] == {"grundpreis": "1.25"}, added
    removed = (await copy.execute(REVERT, input={"revisionId": added["revision"]["id"]}))["revert"]
    assert (removed["entry"], removed["errors"]) == (None, [])

    header, *rows = await copy.export("tariffs")
    assert header == f"{head},grundpreis,{rest},publication"
    assert "netze-a,2026,MS,1.5,2,3,4,120.50,verified,,,FINAL" in rows
    assert (await copy.execute(COVERAGE))["coverage"]["totalEntries"] == 3


async def test_a_new_family_is_its_own_files_and_five_lines_and_works_everywhere(copy, tmp_path):
    async with open_pool(copy.settings) as pool:
        await make.dno(pool, slug="netze-a")
        _, copy.headers = await issue_key(pool, Role.ADMIN)

    copy.tree.edit(*FAMILY)
    copy.tree.add(FAMILY_FILES)
    changed = copy.tree.changed()
    assert changed.lines <= 5, changed
    assert len(changed.files - FAMILY_FILES.keys()) == 3, changed
    await copy.start()

    file = tmp_path / "fees.csv"
    head = "dno_slug,year,fee,verification_status,source_url,source_title"
    file.write_text(f"{head}\nnetze-a,2026,0.11,verified,https://example.org/fees,Fees\n")
    await copy.run("import", "concession-fees", str(file))
    fees = """{ dno(slug: "netze-a") { years concessionFees { id year fee version } } }"""
    read = (await copy.execute(fees))["dno"]
    assert read["years"] == [2026]
    (fee,) = read["concessionFees"]
    assert (fee["fee"], fee["year"], fee["version"]) == ("0.11", 2026, 1)

    correct = """mutation ($input: CorrectFeeInput!) { correctFee(input: $input) {
      fee { fee version } revision { id changes { field before after } } errors { message } } }"""
    async with stream(copy.graph, CHANGES, headers=copy.headers) as client:
        done = (await copy.execute(correct, input={"id": fee["id"], "fee": "1.32"}))["correctFee"]
        change = await client.next_change()
    assert done["fee"] == {"fee": "1.32", "version": 2}, done
    assert change == {
        "kind": "CORRECTED",
        "dataType": "CONCESSION_FEES",
        "year": 2026,
        "entry": {"id": fee["id"]},
    }
    node = """query ($id: ID!) { node(id: $id) { ... on ConcessionFee { fee version } } }"""
    assert (await copy.execute(node, id=fee["id"]))["node"] == {"fee": "1.32", "version": 2}
    assert (await copy.execute(fees))["dno"]["concessionFees"][0]["fee"] == "1.32"

    undone = (await copy.execute(REVERT, input={"revisionId": done["revision"]["id"]}))["revert"]
    assert undone["entry"] == {"__typename": "ConcessionFee", "id": fee["id"]}, undone
    assert undone["revision"]["changes"] == [
        {"field": "fee", "before": "1.32", "after": "0.11"},
        {"field": "verificationStatus", "before": "UNVERIFIED", "after": "VERIFIED"},
    ]
    assert (await copy.execute(node, id=fee["id"]))["node"] == {"fee": "0.11", "version": 3}

    add = """mutation ($input: AddFeeInput!) { addFee(input: $input) {
      fee { id year fee version } revision { id kind } errors { code message field } } }"""
    new = {"dno": "netze-a", "year": 2027, "fee": "0.61", "sourceUrl": "https://example.org/2027"}
    async with stream(copy.graph, CHANGES, headers=copy.headers) as client:
        added = (await copy.execute(add, input=new))["addFee"]
        change = await client.next_change()
    fee_2027 = added["fee"]["id"]
    assert added["fee"] == {"id": fee_2027, "year": 2027, "fee": "0.61", "version": 1}, added
    assert added["revision"]["kind"] == "CREATED"
    assert (change["kind"], change["dataType"], change["year"]) == ("CREATED", "CONCESSION_FEES", 2027)
    assert (await copy.execute(fees))["dno"]["years"] == [2027, 2026]
    (again,) = (await copy.execute(add, input=new))["addFee"]["errors"]
    assert (again["code"], again["field"]) == ("CONFLICT", ["input", "year"])
    (negative,) = (await copy.execute(add, input=new | {"year": 2028, "fee": "-1"}))["addFee"]["errors"]
    assert (negative["code"], negative["field"]) == ("INVALID", ["input", "fee"])

    whole = """query ($id: ID!) { node(id: $id) { ... on ConcessionFee {
      dno { slug } verificationStatus source { url } history { kind } } } }"""
    assert (await copy.execute(whole, id=fee_2027))["node"] == {
        "dno": {"slug": "netze-a"},
        "verificationStatus": "UNVERIFIED",
        "source": {"url": "https://example.org/2027"},
        "history": [{"kind": "CREATED"}],
    }
    removed = (await copy.execute(REVERT, input={"revisionId": added["revision"]["id"]}))["revert"]
    assert (removed["entry"], removed["revision"]["kind"]) == (None, "DELETED"), removed
    assert (await copy.execute(fees))["dno"]["years"] == [2026]
    restored = (await copy.execute(add, input=new))["addFee"]
    assert restored["fee"] == {"id": fee_2027, "year": 2027, "fee": "0.61", "version": 3}, restored

    assert await copy.export("concession-fees") == [
        head,
        "netze-a,2026,0.11,verified,https://example.org/fees,Fees",
        "netze-a,2027,0.61,unverified,https://example.org/2027,",
    ]
    coverage = (await copy.execute(COVERAGE))["coverage"]
    assert coverage == {
        "totalEntries": 2,
        "byYear": [{"year": 2027, "dnos": 1, "verified": 0}, {"year": 2026, "dnos": 1, "verified": 1}],
    }
