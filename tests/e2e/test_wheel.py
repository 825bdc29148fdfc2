"""The wheel, installed beside packages that have the names `app`, `loaders` and `schema` too."""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from app.web.documentation import names
from tests.e2e.serving import serving
from tests.servers import private_folder

ROOT = Path(__file__).parents[2]
OTHERS = ("app", "loaders", "schema")


def run(command: Sequence[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(kind: str, source: Path, folder: Path) -> Path:
    run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder], source)
    [built] = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with private_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    return build("wheel", ROOT, folder / "first")


@pytest.fixture(scope="module")
def dno(folder: Path, wheel: Path) -> Path:
    """The command in an environment with the wheel, our dependencies, and others' packages of the same names."""
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel], folder
    )
    [packages] = (folder / "venv/lib").glob("python*/site-packages")
    # A plain line: .pth files in that folder, such as that of the editable install, do not apply.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for place in (packages, folder / "work"):
        for name in OTHERS:
            (place / name).mkdir(parents=True)
            (place / name / "__init__.py").write_text("raise ImportError('another package of this name')\n")
    return folder / "venv/bin/dno"


def test_a_wheel_has_one_name_at_its_top(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        files = archive.namelist()
    assert {file.partition("/")[0].partition("-")[0] for file in files} == {"dno_api"}
    assert [file for file in files if "node_modules" in file or "__pycache__" in file] == []


def test_wheels_of_the_checkout_and_of_the_sdist_are_the_same_byte_for_byte(
    folder: Path, wheel: Path
) -> None:
    sdist = build("sdist", ROOT, folder)
    run(["tar", "-xzf", sdist], folder)
    again = build("wheel", folder / sdist.name.removesuffix(".tar.gz"), folder / "again")
    assert again.read_bytes() == wheel.read_bytes()


def test_the_command_finds_its_own_packages(folder: Path, dno: Path) -> None:
    assert run([dno, "--version"], folder / "work").startswith("dno 0.")
    run([dno, "export-schema", "--check", ROOT / "schema.graphql"], folder / "work")


async def test_the_installed_server_answers_with_data_pages_and_documentation(
    folder: Path, dno: Path
) -> None:
    """Two workers, which are processes of their own; started where a project has packages of the same names."""
    async with (
        serving(folder / "work", [dno], WORKERS="2") as server,
        httpx.AsyncClient(base_url=server.url, timeout=60, follow_redirects=True) as client,
    ):
        answer = await client.post("/graphql", json={"query": "{ dnos { totalCount } }"})
        assert answer.json()["data"]["dnos"]["totalCount"] > 100
        assert "<form" in (await client.get("/", headers={"accept": "text/html"})).text
        for name in names():
            page = await client.get(f"/docs/{name}".rstrip("/"), headers={"accept": "text/html"})
            assert page.status_code == 200, name
        assert "dno_build_info{" in (await client.get("/metrics")).text
