"""`dno check`, run as a process."""

import json

from app.cli import check
from app.domain.families import BY_NAME
from tests import factories as make
from tests.integration.importers.test_command_line import dno  # noqa: F401


async def test_unusual_stored_figures_are_listed_with_their_rule(dno, pool):  # noqa: F811
    a, b = await make.dno(pool), await make.dno(pool, "netze-b")
    await make.tariff(pool, b, 2026, leistung="18", leistung_unter_2500h="58.01")
    await make.hlzf(pool, a, windows="06:00-22:00")
    await make.time_of_use(pool, a, price_ht="20")
    done = dno("check")
    assert done.returncode == 0
    assert [line.split("\t")[:3] for line in done.stdout.splitlines()[:-1]] == [
        ["tariffs", "netze-b 2026 MS", "UNUSUAL_ORDER"],
        ["tariffs", "netze-b 2026 MS", "PAIRS_DO_NOT_MEET"],
        ["hlzf", "netze-a 2025 MS WINTER", "MANY_HOURS"],
        ["time-of-use", "netze-a 2026", "OUT_OF_BOUNDS"],
        ["time-of-use", "netze-a 2026", "FEW_QUARTERS"],
    ]
    assert done.stdout.endswith("5 unusual values.\n")
    strict = dno("check", "hlzf", "tariffs", "--dno", "netze-a", "--year", "2025", "--json", "--strict")
    assert strict.returncode == 1
    found, summary = map(json.loads, strict.stdout.splitlines())
    assert found == {
        "kind": "unusual",
        "table": "hlzf",
        "dno_slug": "netze-a",
        "year": 2025,
        "voltage_level": "MS",
        "season": "WINTER",
        "verification_status": "unverified",
        "code": "MANY_HOURS",
        "reason": "Windows usually cover at most 10:00 h of a day, not 16:00 h.",
    }
    assert summary == {"kind": "summary", "unusual": 1}
    assert dno("check", "--year", "2024", "--strict").returncode == 0


async def test_operators_are_read_in_groups_and_listed_in_order(pool, monkeypatch):
    tariffs = BY_NAME["tariffs"]
    made = [await make.dno(pool, f"netze-{letter}") for letter in "dacb"]
    for dno_ in made:
        await make.tariff(pool, dno_, leistung="18", leistung_unter_2500h="58.01")
    operators = {dno_.slug: dno_.id for dno_ in made}
    listed = []
    for size in (100, 3, 1):
        monkeypatch.setattr(check, "_OPERATORS_AT_ONCE", size)
        async with pool.connection() as connection, connection.transaction():
            listed.append([each async for each in check._find(connection, [tariffs], operators, None, None)])
    assert [each.dno[-1] for each in listed[0]] == list("aabbccdd")
    assert listed[0] == listed[1] == listed[2]


async def test_an_unknown_operator_or_table_is_refused(dno, pool):  # noqa: F811
    unknown = dno("check", "--dno", "netze-x")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "netze-x" in unknown.stderr
    assert dno("check", "levies").returncode == 2
