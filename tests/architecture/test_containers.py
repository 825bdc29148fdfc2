"""Dockerfile and docker-compose.yml are valid, use the commands of the Makefile and existing settings."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from app.settings import PREFIX, Settings
from tests.architecture.repository import ROOT

COMPOSE = ROOT / "docker-compose.yml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def recipe_lines() -> set[str]:
    """The commands of the Makefile with expanded variables."""
    text = (ROOT / "Makefile").read_text()
    variables = dict(re.findall(r"^(\w+) [:?]?= ?(.*)$", text, flags=re.MULTILINE))
    for _ in variables:
        text = re.sub(r"\$[({](\w+)[)}]", lambda found: variables.get(found[1], found[0]), text)
    recipes = re.findall(r"^\t@?(.+)$", text, flags=re.MULTILINE)
    return {part.strip() for recipe in recipes for part in re.split(r"&&|\|\|", recipe)}


def test_the_compose_file_is_valid_under_the_compose_specification():
    check = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    result = subprocess.run(check, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_image_is_installed_by_the_commands_of_make_serve():
    steps = [
        step for step in re.findall(r"^RUN (.+)$", DOCKERFILE, flags=re.MULTILINE) if "useradd" not in step
    ]
    assert len(steps) == 5
    assert [step for step in steps if step not in recipe_lines()] == []
    assert 'ENTRYPOINT [".venv/bin/dno"]\nCMD ["serve"]' in DOCKERFILE


def test_every_environment_variable_is_a_setting():
    known = {field.upper() for field in Settings.__struct_fields__}
    inside = re.findall(r"(\w+)=", " ".join(re.findall(r"^ENV (.+)$", DOCKERFILE, flags=re.MULTILINE)))
    names = {*inside, *SERVICES["server"]["environment"]}
    assert {one for one in names if not one.startswith(("PIP_", "PYTHON"))} - {
        *known,
        *(PREFIX + setting for setting in known),
    } == set()


@pytest.mark.parametrize(
    ("service", "image"),
    [("postgres", "postgres:18"), ("valkey", "valkey/valkey:9"), ("sessions", "valkey/valkey:9")],
)
def test_the_databases_have_the_tested_versions(service, image):
    assert SERVICES[service]["image"].startswith(image)


def test_the_server_starts_after_its_databases_are_healthy():
    assert SERVICES["server"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "valkey": {"condition": "service_healthy"},
        "sessions": {"condition": "service_healthy"},
    }
    assert SERVICES["postgres"]["healthcheck"]
    assert SERVICES["valkey"]["healthcheck"]
    assert SERVICES["sessions"]["healthcheck"]
    assert re.search(r"^HEALTHCHECK .*/healthz", DOCKERFILE, flags=re.MULTILINE)


def test_every_service_restarts_and_stored_data_is_in_named_volumes():
    assert {service["restart"] for service in SERVICES.values()} == {"unless-stopped"}
    stored = [SERVICES[service]["volumes"][0].split(":")[0] for service in ("postgres", "sessions")]
    assert set(stored) == set(yaml.safe_load(COMPOSE.read_text())["volumes"])


def test_no_process_runs_as_root_and_no_secret_is_in_the_files():
    assert re.search(r"^USER [1-9]\d*$", DOCKERFILE, flags=re.MULTILINE)
    given = re.findall(r"^ +\w*PASSWORD: (.*)$", COMPOSE.read_text(), flags=re.MULTILINE)
    assert given == ["${POSTGRES_PASSWORD:?put one into .env}"]
    assert "dno:${POSTGRES_PASSWORD:?" in SERVICES["server"]["environment"]["DATABASE_URL"]


def test_the_server_connects_to_postgresql_with_a_role_that_is_no_superuser():
    postgres = SERVICES["postgres"]
    assert postgres["environment"]["POSTGRES_USER"] == "postgres"
    assert "./ops/postgres-roles.sql:/docker-entrypoint-initdb.d/roles.sql:ro" in postgres["volumes"]
    assert SERVICES["server"]["environment"]["DATABASE_URL"].startswith("postgresql://dno:")


def test_only_the_server_publishes_ports():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["server"]


def test_sessions_are_on_a_separate_redis_that_never_evicts():
    environment = SERVICES["server"]["environment"]
    assert environment["SESSION_REDIS_URL"].split("/")[2] != environment["REDIS_URL"].split("/")[2]
    policies = {name: SERVICES[name]["command"][-1] for name in ("valkey", "sessions")}
    assert policies == {"valkey": "allkeys-lru", "sessions": "noeviction"}
    assert "--maxmemory" in SERVICES["valkey"]["command"]
