"""Whole servers with the starter data, for browsers: `dno serve` in a process of its own."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from app.domain.account import Role
from tests.servers import private_folder
from tests.waiting import PATIENT

_START_SECONDS = 90
_DNO = (sys.executable, "-m", "app.cli.main")


class Serving(NamedTuple):
    url: str
    environment: dict[str, str]

    async def add_user(self, email: str, password: str, role: Role) -> None:
        process = await asyncio.create_subprocess_exec(
            *_DNO,
            *("user", "add", email, "--role", role.value.lower()),
            env=self.environment,
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(f"{password}\n".encode()), 60)
        assert process.returncode == 0, said.decode()


@asynccontextmanager
async def serving(
    code: Path | None = None, command: Sequence[str | Path] = _DNO, **settings: str
) -> AsyncIterator[Serving]:
    """Embedded databases, the starter data, and no rate limit. `code`: the working directory, a tree to run instead of this one."""
    with private_folder() as folder:
        usual = {"LOCAL_FOLDER": str(folder), "PORT": "0", "RATE_LIMIT_ANONYMOUS": "0"}
        # Time-outs that a busy machine does not exceed.
        patient = {name.upper(): str(value) for name, value in PATIENT.items()}
        environment = {"PATH": os.environ["PATH"], **usual, **patient, **settings}
        process = await asyncio.create_subprocess_exec(
            *command, "serve", cwd=code, env=environment, stdout=PIPE, stderr=STDOUT
        )
        assert process.stdout
        try:
            yield Serving(await _address(process.stdout), environment)
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), 30)


async def _address(output: asyncio.StreamReader) -> str:
    said = b""
    async with asyncio.timeout(_START_SECONDS):
        while not (found := re.search(rb"GraphiQL +(http://[\d.:]+)/", said)):
            line = await output.readline()
            assert line, said.decode()
            said += line
    return found[1].decode()
