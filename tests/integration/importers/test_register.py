"""Imports of the register's export: the join, what is written, and what happens when an import is interrupted."""

import asyncio
import csv
import shutil
import unicodedata
import zipfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.db import staging
from app.db.pool import Connection, Pool
from app.errors import CannotStart
from app.importers.register import load
from app.importers.register.export import Part
from app.importers.register.load import RegisterReport, Step, import_register
from app.settings import Settings
from tests import factories as make

SAMPLE = Path(__file__).parent / "mastr_sample"
LEVELS = {"354": "NS", "352": "MS"}
Import = Callable[..., Coroutine[None, None, RegisterReport]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample, which a test may change."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "export"))


@pytest.fixture
async def run(pool: Pool, settings: Settings, folder: Path) -> AsyncIterator[Import]:
    async def run(path: Path = folder, **options: Any) -> RegisterReport:
        return await import_register(settings.database_url, path, **options)

    yield run
    async with pool.connection() as connection:
        await connection.execute("DROP SCHEMA IF EXISTS register_staging CASCADE")


async def operators(pool: Pool) -> None:
    for n, name in enumerate(("Nord", "Sued", "Regional"), 1):
        await make.dno(pool, f"muster-{name.lower()}", mastr_nr=f"SNB99999000000{n}")


async def places(pool: Pool) -> list[tuple[str, str, str, int]]:
    rows = await pool.fetch(
        "SELECT p.postal_code, mastr_nr, voltage_level, locations FROM places p JOIN dnos ON dno_id = dnos.id"
        " WHERE basis = 'REGISTERED_UNITS' ORDER BY p.postal_code, mastr_nr"
    )
    return [tuple(row) for row in rows]


def expected() -> list[tuple[str, str, str, int]]:
    with (SAMPLE / "places_sample_expected.csv").open(encoding="utf-8", newline="") as file:
        return [
            (
                row["postal_code"],
                row["operator_mastr_nr"],
                LEVELS[row["spannungsebene_id"]],
                int(row["locations"]),
            )
            for row in csv.DictReader(file)
        ]


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-16")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-16")


def zipped(folder: Path, name: str = "Gesamtdatenexport.zip") -> Path:
    path = folder.parent / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path


async def changes(pool: Pool) -> tuple[int, int]:
    """Events, and the sum of all versions of operators: what every write increases."""
    [row] = await pool.fetch(
        "SELECT (SELECT count(*) FROM outbox) AS events, (SELECT sum(version) FROM dnos) AS versions"
    )
    return row["events"], row["versions"]


@pytest.mark.parametrize("as_zip", [False, True])
async def test_locations_are_counted_by_postal_code_operator_and_level(
    pool: Pool, run: Import, folder: Path, as_zip: bool
) -> None:
    await operators(pool)
    report = await run(zipped(folder) if as_zip else folder)
    assert await places(pool) == expected()
    assert (report.inserted, report.updated, report.unchanged) == (0, 3, 0)
    assert (report.places, report.locations, report.units) == (5, 8, 8)


async def test_operators_that_are_not_stored_are_added_once(pool: Pool, run: Import) -> None:
    assert (await run()).inserted == 3
    assert await places(pool) == expected()
    rows = await pool.fetch("SELECT slug, name, official_name, mastr_nr FROM dnos ORDER BY mastr_nr LIMIT 1")
    assert tuple(rows[0]) == (
        "musternetz-nord-erfunden",
        "Musternetz Nord (erfunden)",
        "Musternetz Nord GmbH (erfunden)",
        "SNB999990000001",
    )
    before = await changes(pool)
    again = await run()
    assert (again.inserted, again.updated, again.unchanged, again.places) == (0, 0, 3, 5)
    assert await changes(pool) == before


async def test_connection_points_and_capacities_are_counted(pool: Pool, run: Import, folder: Path) -> None:
    await operators(pool)
    status = "<EinheitBetriebsstatus>35"
    for name, kilowatts in (
        ("EinheitenSolar_1", "10.5"),
        ("EinheitenWind", "3000"),
        ("EinheitenStromSpeicher_1", "5"),
    ):
        edit(folder / f"{name}.xml", (status, f"<Bruttoleistung>{kilowatts}</Bruttoleistung>{status}"))
    for name in ("Biomasse", "Wasser", "Verbrennung"):
        (folder / f"Einheiten{name}.xml").write_text(f"<Einheiten{name}/>")
    await run()
    rows = await pool.fetch(
        "SELECT connection_points_ns, connection_points_ms, connection_points_hs, connection_points_hoes,"
        " capacity_mw_total::text, capacity_mw_solar::text, capacity_mw_wind::text FROM dnos ORDER BY mastr_nr"
    )
    # SEL…6 has connection points of two operators: its unit is in no capacity.
    assert [tuple(row) for row in rows] == [
        (4, 0, 0, 0, "0.0315", "0.0315", "0"),
        (3, 0, 0, 0, "0.026", "0.021", "0"),
        (0, 2, 0, 0, "3", "0", "3"),
    ]


async def test_a_capacity_is_kept_if_the_export_does_not_give_it(pool: Pool, run: Import) -> None:
    columns = {
        "capacity_mw_total": 7,
        "capacity_mw_solar": 5,
        "capacity_mw_wind": 2,
        "vnb_id": "9",
        "city": "Hof",
    }
    await make.dno(pool, "muster-nord", mastr_nr="SNB999990000001", **columns)
    await run()
    [row] = await pool.fetch(
        f"SELECT {', '.join(columns)}, connection_points_ns FROM dnos WHERE slug = 'muster-nord'"
    )
    assert tuple(row) == (7, 5, 0, "9", "Hof", 4)  # no wind unit is at the operator's locations


async def test_the_operator_of_a_network_is_used_where_a_connection_point_names_none(
    pool: Pool, run: Import, folder: Path
) -> None:
    points = folder / "Netzanschlusspunkte_1.xml"
    edit(points, ("NetzbetreiberMaStRNummer>", "Other>"))
    await run()
    assert await places(pool) == expected()


async def test_a_network_that_two_operators_list_has_no_known_operator(
    pool: Pool, run: Import, folder: Path
) -> None:
    edit(folder / "Netzanschlusspunkte_1.xml", ("NetzbetreiberMaStRNummer>", "Other>"))
    edit(folder / "Marktakteure_1.xml", ("<Netz>SNE999990000003", "<Netz>SNE999990000003; SNE999990000002"))
    report = await run()
    assert await places(pool) == [row for row in expected() if row[1] != "SNB999990000002"]
    assert {
        "units at locations without a connection point of a known operator, not counted: 3",
        "units not in operation, or without a location: 2",
    } <= {*report.remarks}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<NetzMaStRNummer>SNE999990000001", "<NetzMaStRNummer>SNE999990000004"),  # a gas network
        ("<NochInPlanung>0", "<NochInPlanung>1"),
        ("<LokationMaStRNummer>SEL9", "<LokationMaStRNummer>SEL"),
    ],
)
async def test_what_is_not_connected_to_the_electricity_network_is_not_counted(
    pool: Pool, run: Import, folder: Path, old: str, new: str
) -> None:
    edit(folder / "Netzanschlusspunkte_1.xml", (old, new))
    await run()
    counted = await places(pool)
    assert counted == (expected()[1:] if "SNE" in new else [])


async def test_a_connection_point_without_level_is_at_no_level(pool: Pool, run: Import, folder: Path) -> None:
    edit(folder / "Netzanschlusspunkte_1.xml", ("<Spannungsebene>352</Spannungsebene>", ""))
    await run()
    assert [(row[0], row[2], row[3]) for row in await places(pool) if row[1] == "SNB999990000003"] == [
        ("99902", "", 1),
        ("99903", "", 1),
    ]


async def test_records_that_are_in_two_parts_count_once(pool: Pool, run: Import, folder: Path) -> None:
    for table in ("EinheitenSolar", "Netzanschlusspunkte", "Marktakteure"):
        shutil.copy(folder / f"{table}_1.xml", folder / f"{table}_2.xml")
    report = await run()
    assert await places(pool) == expected()
    assert report.units == 8
    [row] = await pool.fetch("SELECT connection_points_ns FROM dnos WHERE mastr_nr = 'SNB999990000001'")
    assert row["connection_points_ns"] == 4


async def test_codes_and_address_are_filled(pool: Pool, run: Import, folder: Path) -> None:
    await operators(pool)
    name = "<Firmenname>Musternetz Nord"
    facts = "<AcerCode>A0001</AcerCode><Bundesland>1403</Bundesland><Postleitzahl>95028</Postleitzahl><Ort>Hof</Ort>"
    edit(folder / "Marktakteure_1.xml", (name, f"{facts}{name}"))
    (folder / "Katalogwerte.xml").write_text(
        "<Katalogwerte><Katalogwert><Id>1403</Id><Wert>Bayern</Wert></Katalogwert></Katalogwerte>"
    )
    roles = [
        ("Anschlussnetzbetreiber", "9900000000001"),
        ("Messstellenbetreiber", "9900000000002"),
        ("Anschlussnetzbetreiber", "none"),
    ]
    (folder / "MarktakteureUndRollen.xml").write_text(
        "<MarktakteureUndRollen>"
        + "".join(
            "<MarktakteurUndRolle><MarktakteurMastrNummer>SNB999990000001</MarktakteurMastrNummer>"
            f"<Marktrolle>{role}</Marktrolle><Marktpartneridentifikationsnummer>{code}</Marktpartneridentifikationsnummer>"
            "</MarktakteurUndRolle>"
            for role, code in roles
        )
        + "</MarktakteureUndRollen>"
    )
    await run()
    [row] = await pool.fetch(
        "SELECT slug, name, acer_code, bdew_code, region, city, postal_code FROM dnos WHERE mastr_nr = 'SNB999990000001'"
    )
    assert tuple(row) == ("muster-nord", "Muster Nord", "A0001", "9900000000001", "Bayern", "Hof", "95028")


@pytest.mark.parametrize("city", ["A\\.", "A\\N", "A\tB", "A;'\"B", "Mu\u0308hlheim", "x" * 400])
async def test_names_are_stored_as_they_are_written(pool: Pool, run: Import, folder: Path, city: str) -> None:
    edit(folder / "EinheitenWind.xml", ("<Ort>Testhausen", f"<Ort>{city}"))
    await run()
    [row] = await pool.fetch("SELECT municipality FROM places WHERE postal_code = '99903'")
    assert row["municipality"] == unicodedata.normalize("NFC", city)[:300]


async def test_deleted_operators_and_places_of_another_basis_stay_as_they_are(
    pool: Pool, run: Import, folder: Path
) -> None:
    await operators(pool)
    async with pool.connection() as connection:
        await connection.execute("UPDATE dnos SET deleted_at = now() WHERE mastr_nr = 'SNB999990000001'")
        await connection.execute(
            "INSERT INTO places (basis, postal_code, dno_id) SELECT 'PUBLISHED', '99901', id FROM dnos"
            " WHERE mastr_nr = 'SNB999990000002'"
        )
    report = await run()
    assert report.inserted == 0
    assert "SNB999990000001: muster-nord is deleted" in report.remarks
    assert await places(pool) == expected()[1:]
    [row] = await pool.fetch("SELECT count(*) AS published FROM places WHERE basis = 'PUBLISHED'")
    assert row["published"] == 1


async def test_a_dry_run_writes_nothing_and_the_next_import_reads_nothing_again(
    pool: Pool, run: Import, folder: Path
) -> None:
    await operators(pool)
    before = await changes(pool)
    tried = await run(dry_run=True)
    assert (tried.updated, tried.places, tried.staged_before) == (3, 5, 0)
    assert await changes(pool) == before
    assert await places(pool) == []
    report = await run()
    assert report.staged_before == report.parts == tried.parts
    assert await places(pool) == expected()


class Interrupted(Exception):
    pass


def interrupt_after(parts: int) -> Callable[[Step, int, int | None], None]:
    """An end of the process, at a point that does not depend on the size of the files."""
    started = 0

    def on_progress(step: Step, done: int, total: int | None) -> None:
        nonlocal started
        started += step is Step.READING
        if started > parts:
            raise Interrupted

    return on_progress


async def test_progress_reaches_the_size_of_all_files(pool: Pool, run: Import, folder: Path) -> None:
    """Also of one that continues, or that reads a file twice."""
    edit(folder / "EinheitenWind.xml", ("<Ort>Testhausen", "<Ort>Test&#x1;hausen"))
    size = sum(file.stat().st_size for file in folder.glob("*.xml") if not file.name.startswith("Lokationen"))
    for _ in range(2):
        seen: list[tuple[Step, int, int | None]] = []
        await run(dry_run=True, on_progress=lambda *progress, seen=seen: seen.append(progress))
        assert [done for step, done, _ in seen if step is Step.READING][-1] == size
        assert {total for step, _, total in seen if step is Step.READING} == {size}
        assert [step for step, _, _ in seen][-2:] == [Step.JOINING, Step.WRITING]


@pytest.mark.parametrize("as_zip", [False, True])
async def test_an_interrupted_import_continues_with_the_next_part(
    pool: Pool, run: Import, folder: Path, as_zip: bool
) -> None:
    path = zipped(folder) if as_zip else folder
    with pytest.raises(Interrupted):
        await run(path, on_progress=interrupt_after(4))
    assert await places(pool) == []
    report = await run(path)
    assert (report.staged_before, report.parts) == (4, 6)
    assert await places(pool) == expected()
    assert report.units == 8
    assert await pool.fetch("SELECT FROM pg_namespace WHERE nspname = 'register_staging'") == []


async def test_a_session_that_ends_while_a_part_is_staged_is_named_as_the_reason(
    pool: Pool, run: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end_session(connection: Connection, *_: object, **__: object) -> None:
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patched:
        patched.setattr(load.register_staging, "staged", end_session)
        with pytest.raises(
            asyncpg.PostgresError, match="terminating connection due to administrator command"
        ):
            await run()
    assert (await run()).staged_before == 0
    assert await places(pool) == expected()


async def test_another_export_is_read_from_its_start(pool: Pool, run: Import, folder: Path) -> None:
    with pytest.raises(Interrupted):
        await run(on_progress=interrupt_after(4))
    edit(folder / "EinheitenWind.xml", ("<Postleitzahl>99903", "<Postleitzahl>99904"))
    report = await run()
    assert report.staged_before == 0
    assert [row[0] for row in await places(pool)] == ["99901", "99901", "99902", "99902", "99904"]


async def test_an_import_ends_if_another_one_starts(
    pool: Pool, run: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is run between two parts of the first, and continues with the second part."""
    stage = load._Import._stage
    reports: list[RegisterReport] = []

    async def stage_and_run_another(self: load._Import, part: Part) -> None:
        await stage(self, part)
        monkeypatch.setattr(load._Import, "_stage", stage)
        reports.append(await run())

    monkeypatch.setattr(load._Import, "_stage", stage_and_run_another)
    with pytest.raises(CannotStart, match=r"^Another import of the register was started"):
        await run()
    [other] = reports
    assert (other.places, other.staged_before) == (5, 1)
    assert await places(pool) == expected()


async def test_an_import_that_starts_while_another_one_writes_waits_for_it(pool: Pool, run: Import) -> None:
    started: list[asyncio.Task[RegisterReport]] = []

    def start_another(step: Step, done: int, total: int | None) -> None:
        if step is Step.JOINING and not started:
            started.append(asyncio.create_task(run()))

    assert (await run(on_progress=start_another)).inserted == 3
    second = await started[0]
    assert (second.inserted, second.unchanged, second.staged_before) == (0, 3, 0)
    assert await places(pool) == expected()


async def test_entries_can_be_written_while_an_import_writes(
    pool: Pool, run: Import, settings: Settings
) -> None:
    """Rows of operators are locked against other imports only."""
    await operators(pool)
    [dno] = await pool.fetch("SELECT id FROM dnos WHERE slug = 'muster-nord'")
    connection = await asyncpg.connect(settings.database_url)
    try:
        async with connection.transaction():
            await staging.fetch_operator_rows(connection)
            async with pool.connection() as other:
                await other.execute("SET lock_timeout = '5s'")
                await other.execute(
                    "INSERT INTO netzentgelte_data (dno_id, year, voltage_level) VALUES ($1, 2025, 'MS')",
                    dno["id"],
                )
                await other.execute("RESET lock_timeout")
    finally:
        await connection.close()


async def test_far_fewer_locations_than_stored_are_refused(pool: Pool, run: Import, folder: Path) -> None:
    await run()
    (folder / "EinheitenSolar_1.xml").unlink()
    with pytest.raises(
        CannotStart, match="export counts 2 locations, and 8 are stored, so it is probably incomplete"
    ):
        await run()
    assert await places(pool) == expected()
    assert (await run(overwrite=True)).locations == 2
    assert len(await places(pool)) == 2


async def test_an_unreadable_part_is_named_and_nothing_is_imported(
    pool: Pool, run: Import, folder: Path
) -> None:
    await operators(pool)
    before = await changes(pool)
    path = folder / "EinheitenWind.xml"
    text = path.read_text(encoding="utf-16")
    for changed, reason in (
        (
            text.replace("<EinheitenWind>", '<!DOCTYPE a [<!ENTITY x "y">]><EinheitenWind>'),
            "line 2: a document type",
        ),
        (text[:300], "line 7: unclosed token"),
    ):
        path.write_text(changed, encoding="utf-16")
        with pytest.raises(
            CannotStart, match=rf"^EinheitenWind\.xml cannot be read: {reason}.*Nothing was imported\.$"
        ):
            await run()
    assert await changes(pool) == before
    path.write_text(text, encoding="utf-16")
    assert (await run()).staged_before == 0  # the changed file is another export
    assert await places(pool) == expected()


async def test_characters_that_xml_does_not_allow_are_left_out(pool: Pool, run: Import, folder: Path) -> None:
    edit(folder / "EinheitenSolar_1.xml", ("<Ort>Musterstadt", "<Ort>Muster&#x1F;stadt"))
    report = await run()
    assert "EinheitenSolar_1.xml: characters that XML does not allow were left out" in report.remarks
    assert await places(pool) == expected()
    rows = await pool.fetch("SELECT DISTINCT municipality FROM places WHERE postal_code = '99901'")
    assert [row["municipality"] for row in rows] == ["Musterstadt"]


@pytest.mark.parametrize(
    "missing",
    ["Netzanschlusspunkte_1.xml", "EinheitenSolar_1.xml EinheitenWind.xml EinheitenStromSpeicher_1.xml"],
)
async def test_a_folder_without_the_tables_of_the_join_is_no_export(
    run: Import, folder: Path, missing: str
) -> None:
    for name in missing.split():
        (folder / name).unlink()
    with pytest.raises(
        CannotStart, match=r"^export holds no .*, so it is no export of the Marktstammdatenregister\.$"
    ):
        await run()
