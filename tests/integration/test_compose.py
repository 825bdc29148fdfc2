"""What docker-compose.yml starts, as processes without capabilities: there is no container engine in these tests."""

import json
import os
import pwd
import re
import shutil
import signal
from collections.abc import Callable, Iterator

import httpx
import pytest

from app.child_process import Child, run
from app.dev.postgres import free_port
from tests.architecture.repository import ROOT
from tests.server_process import ServerProcess
from tests.servers import private_folder
from tests.waiting import until

FOLDER = ROOT / "deploy/compose/varnish"
CONFIGURATION = ROOT / "deploy/varnish/default.vcl"
VARNISH = shutil.which("varnishd", path="/usr/sbin:/usr/local/sbin")
CONFINED = ("setpriv", "--bounding-set=-all", "--no-new-privs")

pytestmark = pytest.mark.skipif(
    VARNISH is None or not CONFIGURATION.exists() or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="Varnish is not installed (apt-get install varnish varnish-modules), or these tests do not run as root",
)


@pytest.fixture
def varnish(instance: Callable[..., ServerProcess]) -> Iterator[tuple[str, ServerProcess, list[str]]]:
    """Its address, the server behind it, and the command of its health check; started as the image starts it."""
    port, server = (
        free_port(),
        instance(
            operations_networks=("127.0.0.0/8",), trusted_proxies=("127.0.0.1",), edge_headers=("xkey",)
        ),
    )
    with private_folder() as folder:
        work = folder / "work"
        work.mkdir()
        work.chmod(0o1777)
        shutil.copy(CONFIGURATION, folder)
        addresses = {'"172.30.53.2"': '"127.0.0.1"', '"8000"': f'"{server.port}"'}
        backends = (FOLDER / "backends.vcl").read_text()
        for before, after in addresses.items():
            assert before in backends
            backends = backends.replace(before, after)
        (folder / "backends.vcl").write_text(backends)
        places = {
            "/var/lib/varnish/dno": f"{work}/dno",
            "/etc/varnish": f"{folder}",
            ":6081": f"127.0.0.1:{port}",
        }
        child = Child(
            [*CONFINED, *replaced(entrypoint(), places), "-p", f"vcl_path={folder}"],
            stop_signal=signal.SIGTERM,
            log=folder / "varnish.log",
            account=pwd.getpwnam("varnish"),
        )
        try:
            yield f"http://127.0.0.1:{port}", server, ["varnishadm", "-n", f"{work}/dno", "ping"]
        finally:
            child.stop(10)


def entrypoint() -> list[str]:
    found = re.search(r"^ENTRYPOINT (.+)$", (FOLDER / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert found
    command: list[str] = json.loads(found[1])
    return command


def replaced(words: list[str], places: dict[str, str]) -> list[str]:
    for before, after in places.items():
        assert any(before in word for word in words), before
        words = [word.replace(before, after) for word in words]
    return words


async def test_varnish_of_compose_serves_what_it_has_stored_and_passes_its_health_check(
    varnish: tuple[str, ServerProcess, list[str]],
) -> None:
    url, _, ping = varnish
    async with httpx.AsyncClient(base_url=url, timeout=40) as client:

        async def stored() -> bool:
            response = await client.get("/graphql", params={"query": "{ dnos { totalCount } }"})
            return response.status_code == 200 and response.headers["x-cache"] == "HIT"

        await until(stored, ignoring=(httpx.TransportError, KeyError))
    assert run(ping, account=pwd.getpwnam("varnish")).returncode == 0
