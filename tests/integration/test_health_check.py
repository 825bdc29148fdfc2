"""The health check of the image, as a process of its own against a whole server."""

import subprocess
import sys
from collections.abc import Callable

from app.cli.health_check import is_healthy
from app.dev.postgres import free_port
from tests.server_process import ENVIRONMENT, ServerProcess


def check(**environment: str) -> int:
    command = [sys.executable, "-m", "app.cli.health_check"]
    return subprocess.run(command, env={**ENVIRONMENT, **environment}, timeout=60, check=False).returncode


def test_the_check_follows_the_port_and_the_address_of_the_server(
    instance: Callable[..., ServerProcess],
) -> None:
    server = instance(host="0.0.0.0")
    port = str(server.port)
    assert check(PORT=port) == 0
    # As in settings, a name with the prefix takes precedence; an address for all interfaces is none to connect to.
    assert check(DNO_PORT=port, PORT=str(free_port()), HOST="0.0.0.0") == 0
    assert check(DNO_PORT=port, HOST="127.0.0.1") == 0
    assert check(PORT=str(free_port())) == 1
    server.stop()
    assert check(PORT=port) == 1


def test_what_does_not_answer_in_http_is_not_healthy(database_url: str) -> None:
    port = database_url.rpartition(":")[2].partition("/")[0]
    assert not is_healthy({"PORT": port})
