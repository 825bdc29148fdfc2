"""A whole server with the starter data, for browsers."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers import private_folder


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[str]:
    """`dno serve` without settings but the rate limit: embedded databases and the starter data."""
    with private_folder() as folder:
        environment = {"LOCAL_FOLDER": str(folder), "PORT": "0", "RATE_LIMIT_ANONYMOUS": "0"}
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("dno"),
            "serve",
            env={"PATH": os.environ["PATH"], **environment},
            stdout=PIPE,
            stderr=STDOUT,
        )
        assert process.stdout
        try:
            yield await _address(process.stdout)
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), 30)


async def _address(output: asyncio.StreamReader) -> str:
    said = b""
    async with asyncio.timeout(60):
        while not (found := re.search(rb"GraphiQL +(http://[\d.:]+)/", said)):
            line = await output.readline()
            assert line, said.decode()
            said += line
    return found[1].decode()
