"""Lighthouse: its judgement of one page, by category from 0 to 100."""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from app.web.assets import HERE
from tests.e2e.browser import CHROMIUM, PATIENCE

PROGRAM = HERE / "graphiql" / "node_modules" / "lighthouse" / "cli" / "index.js"
NODE = shutil.which("node")
MISSING = (
    "there is no Chromium on this machine"
    if CHROMIUM is None
    else "Lighthouse was not installed: there is no npm"
    if NODE is None or not PROGRAM.exists()
    else None
)
LIMIT = 180  # seconds for one page; a machine at rest takes less than ten
_FLAGS = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"


class Judgement(NamedTuple):
    """`scores` by category; `faults`: audits that failed."""

    scores: dict[str, int]
    faults: list[str]


async def judge(url: str, categories: Sequence[str], folder: Path) -> Judgement:
    """The program and its browser keep their files in the folder. Raises TimeoutError."""
    assert NODE
    assert CHROMIUM
    report = folder / "report.json"
    process = await asyncio.create_subprocess_exec(
        *(NODE, str(PROGRAM), url, f"--only-categories={','.join(categories)}"),
        *(f"--chrome-flags={_FLAGS}", "--output=json", f"--output-path={report}"),
        *("--quiet", "--no-enable-error-reporting", "--disable-full-page-screenshot"),
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "CHROME_PATH": CHROMIUM},
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(LIMIT):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            await asyncio.wait_for(process.wait(), PATIENCE)
    assert process.returncode == 0, errors.decode()
    found = json.loads(report.read_text())
    assert "runtimeError" not in found, found["runtimeError"]
    scores = {name: round(100 * each["score"]) for name, each in found["categories"].items()}
    audits = found["audits"].items()
    return Judgement(
        scores,
        [
            f"{name}: {each['title']}"
            for name, each in audits
            if each["score"] is not None and each["score"] < 1
        ],
    )
