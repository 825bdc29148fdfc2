"""POST /api/v1/dnos/{slug}/atypical-use/{year}: uploads, reports by current figures, and refusals."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from app.db.pool import Pool
from app.domain.account import Principal, Role
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.holiday_rule import BridgeDays, ChristmasDays, HolidayScope, TimeStamps
from app.domain.load_profile import LoadProfileReader
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.context import Context
from tests import factories as make
from tests.integration.graph.graphql_client import client_of
from tests.integration.graph.running import Running, running
from tests.integration.graph.wire import wire
from tests.load_profiles import stamped, unstamped
from tests.waiting import COUNTED, until

PATH = "/api/v1/dnos/netze-odr/atypical-use/2025"
MS = {"voltageLevel": "MS"}
CSV = {"content-type": "text/csv"}
# 1,000 kW on a Sunday night, 400 kW otherwise; worked out in tests/unit/domain/test_atypical_use.py.
PROFILE = unstamped(2025, {"2025-01-12 03:00": 1000}, 400)
SAVING = {"value": "115074.00", "atLeast": "115074.00", "atMost": "115074.00"}


@pytest.fixture(autouse=True)
async def netze_odr(pool: Pool) -> Dno:
    dno = await make.dno(pool, "netze-odr", name="Netze ODR")
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, "191.79", "1.58", "16.53", "8.59")
    for season in Season:
        await make.hlzf(pool, dno, 2025, VoltageLevel.MS, season, "07:30-13:00")
    await make.holiday_rule(
        pool,
        dno,
        bridge_days=BridgeDays.WORKING_DAYS,
        holidays=HolidayScope.NATIONWIDE,
        christmas=ChristmasDays.ALL_EXCLUDED,
        time_stamps=TimeStamps.CLOCK_TIME,
    )
    return dno


def url(server: Running) -> str:
    return server.url.removesuffix("/graphql") + PATH


async def in_parts(file: bytes, size: int = 30_000) -> AsyncIterator[bytes]:
    for start in range(0, len(file), size):
        yield file[start : start + size]


async def post(
    client: httpx.AsyncClient, file: Any = PROFILE, path: str = PATH, **options: Any
) -> httpx.Response:
    return await client.post(path, content=file, **{"params": MS, "headers": CSV, **options})


def error_of(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def test_a_profile_is_answered_with_a_report_that_is_not_cached(client: httpx.AsyncClient) -> None:
    response = await post(client)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.headers["cache-control"] == "no-store"
    found = response.json()
    assert (found["saving"], found["thresholdsMet"], found["notKnown"]) == (SAVING, True, [])
    assert found["profile"] == {"quarterHours": 35_040, "timeStamps": "NONE", "timeStampsAssumed": False}


async def test_a_report_has_the_figures_that_hold_now(
    client: httpx.AsyncClient, resources: Resources, pool: Pool
) -> None:
    assert (await post(client)).json()["prices"]["version"] == 1
    user = await make.user(pool)
    editor = Context(resources, principal=Principal(Role.EDITOR, user_id=user.id))
    await editor.write(lambda work: work.connection.execute("UPDATE netzentgelte_data SET leistung = 200"))
    # 600 · 200
    assert (await post(client)).json()["saving"]["value"] == "120000.00"
    await editor.write(
        lambda work: work.connection.execute(
            """UPDATE hlzf_data SET windows = '[{"start": "02:00", "end": "04:00"}]'"""
        )
    )
    assert (await post(client)).json()["saving"]["value"] == "120000.00"  # windows do not hold on Sundays
    await editor.write(lambda work: work.connection.execute("UPDATE hlzf_data SET deleted_at = now()"))
    assert [one["code"] for one in (await post(client)).json()["notKnown"]] == ["WINDOWS"]


async def test_what_is_not_held_is_named(client: httpx.AsyncClient, pool: Pool) -> None:
    await make.dno(pool, "without-figures")
    found = (await post(client, path="/api/v1/dnos/without-figures/atypical-use/2025")).json()
    assert [one["code"] for one in found["notKnown"]] == ["WINDOWS", "TARIFF"]
    assert (found["yearlyPeak"]["kw"], found["saving"]["value"], found["thresholdsMet"]) == (
        "1000",
        None,
        None,
    )
    found = (await post(client, params={"voltageLevel": "NS"})).json()
    assert [one["code"] for one in found["notKnown"]] == ["WINDOWS", "TARIFF"]


async def test_a_file_is_streamed_to_a_server_in_parts_of_any_size(server: Running) -> None:
    """Longer than other bodies may be."""
    file = stamped(2025, form="%Y-%m-%dT%H:%M:%S%z", separator=";  ", line_end="  \r\n")
    assert len(file) > Settings().max_request_body_bytes
    async with httpx.AsyncClient(timeout=30) as client:
        for content in (file, in_parts(file), in_parts(file, 1000)):
            response = await post(client, content, url(server))
            found = response.json()
            assert (response.status_code, found["yearlyPeak"]["kw"]) == (200, "35039")
            assert found["profile"]["timeStamps"] == "START"


async def test_concurrent_uploads_do_not_mix(server: Running) -> None:
    files = [unstamped(2025, {"2025-01-12 03:00": kw}, 400) for kw in (1000, 2000, 3000)]
    async with httpx.AsyncClient(timeout=30) as client:
        responses = await asyncio.gather(*(post(client, in_parts(file, 5000), url(server)) for file in files))
    assert [one.json()["yearlyPeak"]["kw"] for one in responses] == ["1000", "2000", "3000"]


async def test_an_upload_that_is_cut_off_leaves_nothing_behind(settings: Settings) -> None:
    """Only one upload at a time: a place that was not given back would refuse the next one."""
    async with running(settings, max_load_profiles=1) as server:
        async with wire(server.url) as connection:
            head = (
                f"POST {PATH}?voltageLevel=MS HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n"
            )
            connection.writer.write(head.encode() + b"1\n" * 100)
            async with httpx.AsyncClient(timeout=30) as client:

                async def is_refused() -> bool:
                    return (await post(client, path=url(server))).status_code == 503

                await until(is_refused)
                refused = await post(client, path=url(server))
                assert error_of(refused) == (503, "OVERLOADED")
                assert refused.headers["retry-after"] == "1"
        async with httpx.AsyncClient(timeout=30) as client:

            async def is_answered() -> bool:
                return (await post(client, path=url(server))).status_code == 200

            await until(is_answered)


async def test_bad_rows_are_refused_with_line_and_reason(client: httpx.AsyncClient) -> None:
    lines = PROFILE.splitlines()
    lines[9], lines[19] = b"-3", b"12.345.6"
    response = await post(client, b"kW\n" + b"\n".join(lines))
    assert error_of(response) == (400, "BAD_USER_INPUT")
    assert response.json()["rows"] == [
        {"line": 11, "reason": "'-3' is negative: a load profile states what is drawn from the grid"},
        {"line": 21, "reason": "'12.345.6' is not a number of kW"},
    ]


async def test_a_refusal_at_the_first_row_is_received_although_the_upload_goes_on(server: Running) -> None:
    file = b"01.07.2025 00:00;1\n" + b"01.07.2025 00:15;1\n" * 100_000
    async with httpx.AsyncClient(timeout=30) as client:
        response = await post(client, in_parts(file), url(server))
        assert error_of(response) == (400, "BAD_USER_INPUT")
        assert response.json()["rows"][0]["line"] == 1
        assert (await post(client, path=url(server))).status_code == 200


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"path": "/api/v1/dnos/unknown/atypical-use/2025"}, 404, "NOT_FOUND"),
    ({"path": "/api/v1/dnos/netze-odr/atypical-use/1999"}, 404, "NOT_FOUND"),
    ({"path": "/api/v1/dnos/netze-odr/atypical-use/x"}, 404, "NOT_FOUND"),
    ({"params": {}}, 400, "BAD_USER_INPUT"),
    ({"params": {"voltageLevel": "XS"}}, 400, "BAD_USER_INPUT"),
    ({"params": MS | {"level": "MS"}}, 400, "BAD_USER_INPUT"),
    ({"params": MS | {"timeStamps": "MIDDLE"}}, 400, "BAD_USER_INPUT"),
    ({"params": MS | {"decimalMark": ","}}, 400, "BAD_USER_INPUT"),
    ({"params": {"voltageLevel": ["MS", "NS"]}}, 400, "BAD_USER_INPUT"),
    ({"file": b""}, 400, "BAD_USER_INPUT"),
    ({"file": b"0\n" * 35_040}, 400, "BAD_USER_INPUT"),
    ({"file": b"1\n" * 40_001}, 400, "LIMIT_EXCEEDED"),
    ({"file": b"1\n" * 2_100_000}, 413, "PAYLOAD_TOO_LARGE"),
    ({"headers": {"content-type": "multipart/form-data; boundary=x"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ({"headers": {"content-type": "application/json"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ({"headers": CSV | {"content-encoding": "gzip"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
]


async def test_refusals_and_their_codes(client: httpx.AsyncClient) -> None:
    found = [(changed, *error_of(await post(client, **changed))) for changed, _, _ in REFUSED]
    assert found == REFUSED


async def test_a_refusal_names_its_parameter(client: httpx.AsyncClient) -> None:
    for params, name in (
        ({"voltageLevel": "XS"}, "voltageLevel"),
        ({}, "voltageLevel"),
        (MS | {"timeStamps": "x"}, "timeStamps"),
    ):
        assert (await post(client, params=params)).json()["argument"] == name


async def test_only_posts_are_answered(client: httpx.AsyncClient) -> None:
    assert error_of(await client.get(PATH)) == (405, "METHOD_NOT_ALLOWED")


async def test_reading_can_require_credentials(settings: Settings) -> None:
    settings = msgspec.structs.replace(settings, anonymous_reading=False)
    async with open_resources(settings) as resources, client_of(resources) as client:
        assert error_of(await post(client)) == (401, "UNAUTHENTICATED")


async def test_a_longer_body_is_refused_without_its_length_and_other_paths_keep_their_limit(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    async with client_of(resources, max_load_profile_bytes=50_000, max_request_body_bytes=1000) as limited:
        assert error_of(await post(limited, in_parts(PROFILE))) == (413, "PAYLOAD_TOO_LARGE")
        assert (await post(limited, b"1\n" * 20_000)).json()["code"] == "BAD_USER_INPUT"  # too few rows
        refused = await limited.post("/api/v1/query/natural", content=b" " * 1001)
        assert error_of(refused) == (413, "PAYLOAD_TOO_LARGE")


async def test_an_upload_is_not_counted_as_held_once_it_is_read(resources: Resources) -> None:
    """Two parts of it are more than all bodies together may have in memory."""
    async with client_of(resources, max_held_body_bytes=50_000) as limited:
        assert (await post(limited, in_parts(PROFILE))).status_code == 200


async def test_time_and_computation_are_bounded(resources: Resources) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"1\n"
        await asyncio.sleep(60)

    async with client_of(resources, read_timeout=0.05, operation_timeout=0.05) as client:
        assert error_of(await post(client, endless())) == (504, "DEADLINE_EXCEEDED")
    async with client_of(resources, limit_cpu_time=0.001) as client:
        response = await post(client)
        assert error_of(response) == (400, "LIMIT_EXCEEDED")
        assert response.json()["limit"] == "LIMIT_CPU_TIME"


async def test_computation_is_charged_to_the_rate_limit(settings: Settings) -> None:
    """Also that of a file that is refused. One unit is so small that a file costs more than the whole budget."""
    settings = msgspec.structs.replace(settings, rate_limit_anonymous=50, **COUNTED | {"rate_limit_cost": 1})
    async with open_resources(settings) as resources, client_of(resources) as client:
        assert error_of(await post(client, b"1\n" * 30_000)) == (400, "BAD_USER_INPUT")
        assert error_of(await post(client)) == (429, "RATE_LIMITED")


async def test_other_requests_take_turns_with_an_upload(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than 16 KiB are read at once, whatever the size of a part, and one request's part at a time."""
    sizes: list[int] = []
    feed = LoadProfileReader.feed

    def counted(reader: LoadProfileReader, part: bytes) -> None:
        sizes.append(len(part))
        feed(reader, part)

    monkeypatch.setattr(LoadProfileReader, "feed", counted)
    assert (await post(client)).status_code == 200
    assert sum(sizes) == len(PROFILE)
    assert max(sizes) <= 16 * 1024


async def test_nothing_of_a_profile_is_logged(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        assert (await post(client, b"987654.25\nsecret\n")).status_code == 400
        assert (await post(client)).status_code == 200
    assert "987654" not in str(logs)
    assert "secret" not in str(logs)


async def test_a_report_of_cached_figures_costs_no_statement(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await post(client)

    async def statements() -> int:
        before = resources.pool.statements
        await post(client)
        return resources.pool.statements - before

    async def costs_nothing() -> bool:
        return await statements() == 0

    await until(costs_nothing)
