"""Dockerfile and docker-compose.yml are valid, use the commands of the Makefile and existing settings."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from app.settings import PREFIX, Settings, read_settings
from tests.architecture.repository import ROOT
from tests.architecture.test_configuration import text_of

COMPOSE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / "deploy/compose/server.env.example"
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


def assignments(file: Path) -> Iterator[tuple[str, str]]:
    yield from re.findall(r"^([A-Z_]+)=(.*)$", file.read_text(), flags=re.MULTILINE)


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
    names = {
        *inside,
        *SERVICES["server"]["environment"],
        *dict(assignments(ROOT / "deploy/compose/defaults.env")),
    }
    assert {one for one in names if not one.startswith(("PIP_", "PYTHON"))} - {
        *known,
        *(PREFIX + setting for setting in known),
    } == set()


def test_every_setting_can_be_changed_and_the_example_lists_it_with_its_default():
    """In the order of the code; what docker-compose.yml sets itself, and embedded databases, are left out."""
    defaults_of_compose = dict(assignments(ROOT / "deploy/compose/defaults.env"))
    fixed = {*SERVICES["server"]["environment"], "LOCAL_FOLDER"}
    expected = [
        (field.name.upper(), defaults_of_compose.get(field.name.upper(), text_of(field.default)))
        for field in msgspec.structs.fields(Settings)
        if field.name.upper() not in fixed
    ]
    _, _, listed = EXAMPLE.read_text().partition("\n\n")
    lines = re.findall(r"^# ([A-Z_0-9]+)=(.*)$", listed, flags=re.MULTILINE)
    assert lines == expected
    assert read_settings(dict(lines)) == read_settings(defaults_of_compose)
    # The last file takes precedence over those before.
    assert SERVICES["server"]["env_file"] == [
        "deploy/compose/defaults.env",
        {"path": "server.env", "required": False},
    ]


def test_the_lines_for_varnish_are_accepted_and_fit_its_addresses():
    head, _, _ = EXAMPLE.read_text().partition("\n\n")
    lines = dict(
        re.findall(r"^# ([A-Z_0-9]+)=(.+)$", head.partition("# With Varnish")[2], flags=re.MULTILINE)
    )
    settings = read_settings(lines)
    networks = yaml.safe_load(COMPOSE.read_text())["networks"]
    gateways = [networks[name]["ipam"]["config"][0]["gateway"] for name in ("outside", "edge")]
    server, varnish = (SERVICES[name]["networks"]["edge"]["ipv4_address"] for name in ("server", "varnish"))
    assert settings.trusted_proxies == (*gateways, varnish)
    assert settings.operations_networks == (*Settings().operations_networks, varnish)
    assert settings.edge_varnish == (f"http://{varnish}:6081",)
    backends = (ROOT / "deploy/compose/varnish/backends.vcl").read_text()
    assert re.findall(r'"([0-9.]+)"', backends) == [server, "8000", server]
    port = str(SERVICES["server"]["environment"]["PORT"])
    assert re.findall(r'\.port = "(\d+)"', backends) == [port]


def test_every_variable_of_the_compose_file_is_documented():
    used = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
    section = (ROOT / "docs/operating.md").read_text().partition("\n## Compose\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[A-Z].*?) \|", section, flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == used


def test_without_a_setting_no_proxy_is_trusted():
    assert "TRUSTED_PROXIES" not in {
        *SERVICES["server"]["environment"],
        *dict(assignments(ROOT / "deploy/compose/defaults.env")),
    }
    assert Settings().trusted_proxies == ()


def test_files_that_are_mounted_exist():
    sources = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert [one for one in sources if one.startswith("./") and not (ROOT / one).is_file()] == []


def test_images_are_named_by_tag_and_digest():
    """Digests change with each update of the image; docs/operating.md explains how they are renewed."""
    images = [service["image"] for service in SERVICES.values() if "image" in service]
    for dockerfile in (ROOT / "Dockerfile", ROOT / "deploy/compose/varnish/Dockerfile"):
        images += re.findall(r"^FROM (\S+)", dockerfile.read_text(), flags=re.MULTILINE)
    assert len(images) == 7
    assert [
        image for image in images if not re.fullmatch(r"[a-z/]+:[\w.-]+@sha256:[0-9a-f]{64}", image)
    ] == []


def test_no_service_has_capabilities_a_writable_root_or_unbounded_memory_and_logs():
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["mem_limit"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name


def test_a_cache_is_smaller_than_the_memory_of_its_container():
    for name, store in (("valkey", 512), ("sessions", 64)):
        assert f"{store}mb" in SERVICES[name]["command"]
        assert int(SERVICES[name]["mem_limit"].removesuffix("m")) >= 1.5 * store
    assert "malloc,256m" in (ROOT / "deploy/compose/varnish/Dockerfile").read_text()
    assert SERVICES["varnish"]["mem_limit"] == "512m"


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
    assert re.search(r'^HEALTHCHECK .*"-m", "app.cli.health_check"\]$', DOCKERFILE, flags=re.MULTILINE)


def test_every_service_restarts_and_stored_data_is_in_named_volumes():
    assert {service["restart"] for service in SERVICES.values()} == {"unless-stopped"}
    stored = [SERVICES[service]["volumes"][0].split(":")[0] for service in ("postgres", "sessions")]
    assert set(stored) == set(yaml.safe_load(COMPOSE.read_text())["volumes"])


def test_no_process_runs_as_root_and_no_secret_is_in_the_files():
    assert re.search(r"^USER [1-9]\d*$", DOCKERFILE, flags=re.MULTILINE)
    assert "\nUSER varnish\n" in (ROOT / "deploy/compose/varnish/Dockerfile").read_text()
    users = {name: service.get("user") for name, service in SERVICES.items() if "image" in service}
    assert users == {"postgres": "postgres", "valkey": "valkey", "sessions": "valkey"}
    given = re.findall(r"^ +\w*PASSWORD: (.*)$", COMPOSE.read_text(), flags=re.MULTILINE)
    assert given == ["${POSTGRES_PASSWORD:?put one into .env}"]
    assert "dno:${POSTGRES_PASSWORD:?" in SERVICES["server"]["environment"]["DATABASE_URL"]


def test_the_server_connects_to_postgresql_with_a_role_that_is_no_superuser():
    postgres = SERVICES["postgres"]
    assert postgres["environment"]["POSTGRES_USER"] == "postgres"
    assert "./ops/postgres-roles.sql:/docker-entrypoint-initdb.d/roles.sql:ro" in postgres["volumes"]
    assert SERVICES["server"]["environment"]["DATABASE_URL"].startswith("${DATABASE_URL-postgresql://dno:")


def test_only_the_server_and_varnish_publish_ports_to_this_machine():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        "server": ["127.0.0.1:${PUBLISHED_PORT:-8000}:8000"],
        "varnish": ["127.0.0.1:${CACHE_PORT:-6081}:6081"],
    }
    assert SERVICES["varnish"]["profiles"] == ["caching"]
    assert not SERVICES["varnish"]["networks"].keys() & {"databases"}


def test_sessions_are_on_a_separate_redis_that_never_evicts():
    environment = SERVICES["server"]["environment"]
    assert "redis://sessions:6379" in environment["SESSION_REDIS_URL"]
    assert "redis://valkey:6379" in environment["REDIS_URL"]
    policies = {name: SERVICES[name]["command"][-1] for name in ("valkey", "sessions")}
    assert policies == {"valkey": "allkeys-lru", "sessions": "noeviction"}
    assert "--maxmemory" in SERVICES["valkey"]["command"]
