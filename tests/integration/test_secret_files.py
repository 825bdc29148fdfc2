"""A whole server whose addresses are in files, as containers mount them."""

from pathlib import Path

import httpx
import msgspec

from app.settings import Settings, as_environment
from tests.server_process import ServerProcess


def test_the_workers_of_a_server_have_the_addresses_that_were_in_files(
    settings: Settings, folder: Path
) -> None:
    environment = as_environment(msgspec.structs.replace(settings, workers=2))
    del environment["DNO_PORT"]
    files = []
    for name in ("DATABASE_URL", "REDIS_URL"):
        file = folder / name.lower()
        file.write_text(environment.pop(f"DNO_{name}") + "\n")
        environment[f"DNO_{name}_FILE"] = str(file)
        files.append(file)
    server = ServerProcess(folder, environment)
    try:
        server.wait_until_ready()
        for file in files:
            file.unlink()  # read once, also for workers that are started later
        server.family[0].kill()
        server.wait_for("a worker fell and is replaced")
        found = httpx.post(f"{server.url}/graphql", json={"query": "{ dnos { totalCount } }"}, timeout=40)
        assert "errors" not in found.json()
        assert "for-tests-only" not in server.output
    finally:
        server.stop()
