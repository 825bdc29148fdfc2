"""`dno atypical-use`: the report of the address on the command line."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.hlzf import Season
from app.settings import Settings, as_environment
from tests import factories as make
from tests.integration.graph.running import running
from tests.load_profiles import unstamped
from tests.server_process import dno

PAGE = Path(__file__).parents[2] / "docs" / "atypical-use.md"
PROFILE = unstamped(2025, {"2025-01-12 03:00": 1000}, 400)


@pytest.fixture
async def file(pool: Pool, tmp_path: Path) -> Path:
    operator = await make.dno(pool, "netze-odr", name="Netze ODR")
    await make.tariff(pool, operator, 2025, VoltageLevel.MS, "191.79", "1.58", "16.53", "8.59")
    for season in Season:
        await make.hlzf(pool, operator, 2025, VoltageLevel.MS, season, "07:30-13:00")
    path = tmp_path / "profile.csv"
    path.write_bytes(PROFILE)
    return path


def arguments(file: Path | str, *more: str) -> list[str]:
    return ["atypical-use", str(file), "--dno", "netze-odr", "--year", "2025", "--voltage-level", "ms", *more]


async def test_the_command_gives_the_report_of_the_address_which_the_documentation_shows(
    file: Path, settings: Settings
) -> None:
    done = dno(*arguments(file, "--json"), environment=as_environment(settings))
    assert (done.returncode, done.stderr) == (0, "")
    report: dict[str, Any] = json.loads(done.stdout)
    async with running(settings) as server, httpx.AsyncClient(timeout=30) as client:
        url = server.url.replace("/graphql", "/api/v1/dnos/netze-odr/atypical-use/2025?voltageLevel=MS")
        assert (await client.post(url, content=PROFILE)).json() == report
        refused = (await client.post(url, content=b"kW\n1\n-3\n" + b"1\n" * 35_038)).json()
    shown_refusal, shown = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert {name: report[name] for name in shown} == shown
    assert {name: refused[name] for name in shown_refusal} == shown_refusal


async def test_the_report_is_readable_text(file: Path, settings: Settings) -> None:
    done = dno(*arguments("-"), environment=as_environment(settings), stdin=PROFILE.decode())
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^Saving +115,074.00 EUR$", done.stdout, re.MULTILINE)
    assert re.search(r"^Yearly peak +1,000 kW at 2025-01-12 03:00$", done.stdout, re.MULTILINE)
    assert "RELATIVE_SHIFT: 20 percent of the yearly peak: met (BK4-13-739;" in done.stdout
    assert "preliminary" not in done.stdout


async def test_the_text_names_figures_that_are_preliminary_or_flagged_as_the_report_has_them(
    file: Path, settings: Settings, pool: Pool
) -> None:
    await pool.fetch("UPDATE netzentgelte_data SET publication = 'PRELIMINARY'")
    await pool.fetch(
        "UPDATE hlzf_data SET verification_status = $1 WHERE season = $2",
        VerificationStatus.FLAGGED,
        Season.SUMMER,
    )
    done = dno(*arguments(file), environment=as_environment(settings))
    assert [line for line in done.stdout.splitlines() if line.startswith("Note: the ")] == [
        "Note: the prices are preliminary.",
        "Note: the windows of SUMMER are flagged as being in doubt.",
    ]


async def test_a_refusal_is_one_sentence(file: Path, settings: Settings) -> None:
    file.write_bytes(b"1\n-1\n")
    refused = dno(*arguments(file), environment=as_environment(settings))
    assert refused.returncode == 1
    assert "line 2: '-1' is negative" in refused.stderr
    assert "Traceback" not in refused.stderr
    missing = dno(*arguments(file.parent / "missing.csv"), environment=as_environment(settings))
    assert (missing.returncode, "cannot be read: No such file" in missing.stderr) == (1, True)
