"""Describes the machine and assigns its cores."""

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import asyncpg
from redis import Redis

from app.settings import Settings

LIBRARIES = ("uvicorn", "strawberry-graphql", "asyncpg", "redis")


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def software() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return ", ".join([python, *(f"{name} {version(name)}" for name in LIBRARIES)])


def hardware() -> str:
    return f"{os.cpu_count()} × {processor()}, {platform.system()} {platform.release()}"


async def databases(settings: Settings) -> str:
    connection = await asyncpg.connect(settings.database_url)
    try:
        postgres = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    with Redis.from_url(settings.redis_url) as redis:
        about = redis.info("server")
    kind = "Valkey" if "valkey_version" in about else "Redis"
    return f"PostgreSQL {postgres}, {kind} {about.get('valkey_version', about['redis_version'])}"


def load_program() -> str:
    return "wrk" if shutil.which("wrk") else "the Python client of benchmarks/load.py (wrk is not installed)"


# Cores: one for the server, the others for databases and load.


def divide_cores() -> tuple[set[int], set[int]] | None:
    """None with a single core, or where affinity is not supported."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return ({cores[0]}, set(cores[1:])) if len(cores) > 1 else None


@contextmanager
def pinned_to(cores: set[int] | None) -> Iterator[None]:
    """Processes started inside stay on these cores."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
