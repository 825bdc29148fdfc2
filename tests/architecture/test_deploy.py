"""The files of deploy/ are valid, use existing settings and addresses, and fit the time-outs and limits of the server."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.errors import CannotStart
from app.http.health import Health
from app.secret_files import SUFFIX
from app.settings import PREFIX, Settings, read_settings, secret_settings
from tests.architecture.repository import ROOT, name, tracked

DEPLOY = ROOT / "deploy"
DEFAULTS = Settings()
# The oldest and the newest that the schemas of the manifests are checked for.
KUBERNETES = ("1.32.0", kubernetes_validate.latest_version())
OVERLAYS = ("example", "example-migration")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SETTINGS = {setting.upper() for setting in Settings.__struct_fields__} | {
    setting.upper() + SUFFIX for setting in secret_settings()
}


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def resources(folder: str = "") -> Iterator[dict[str, Any]]:
    """The manifests below this folder."""
    for path in tracked(f"deploy/kubernetes/{folder}*.yaml"):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text())


def of_kind(kind: str) -> dict[str, Any]:
    [found] = [each for each in resources() if each["kind"] == kind]
    return found


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each with its pod."""
    for kind in ("Deployment", "Job"):
        pod = of_kind(kind)["spec"]["template"]["spec"]
        yield from ((pod, container) for container in pod["containers"])


SERVER = of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0]


def text(path: str) -> str:
    return (DEPLOY / path).read_text()


def seconds(pattern: str, path: str) -> float:
    """The number of seconds that `pattern` finds first."""
    found = re.search(rf"^\s*{pattern}[ =]\"?(\d+)s?\b", text(path), re.MULTILINE)
    assert found, (pattern, path)
    return float(found[1])


def mebibytes(pattern: str, path: str) -> list[int]:
    return [int(found) for found in re.findall(rf"{pattern} (\d+)(?:m;|MiB)", text(path))]


# Names and addresses


def test_every_environment_variable_is_a_setting():
    used = {
        found
        for path in UNITS
        for line in re.findall(r"^Environment=(.*)$", path.read_text(), re.MULTILINE)
        for found in re.findall(r"(\w+)=", line)
    }
    for path in tracked("deploy/kubernetes/*kustomization.yaml"):
        for generated in yaml.safe_load(path.read_text()).get("configMapGenerator", ()):
            used |= {literal.partition("=")[0] for literal in generated["literals"]}
    for _, container in containers():
        used |= {variable["name"] for variable in container["env"]}
    assert len(used) > 8
    assert used - SETTINGS - {"PYTHONDONTWRITEBYTECODE"} == set()


def test_settings_in_comments_exist_with_the_defaults_that_they_name():
    units = {"s": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    named = 0
    for path in tracked("deploy/*"):
        for setting, number, unit in re.findall(
            r"\b([A-Z]+(?:_[A-Z]+)+)\b(?: \((\d+) (\w+)\))?", comments(path)
        ):
            if setting.startswith("DNO_"):
                continue  # a variable of the proxy's own
            assert setting in SETTINGS, (name(path), setting)
            if number:
                named += 1
                assert getattr(DEFAULTS, setting.lower()) == int(number) * units[unit], (name(path), setting)
    assert named > 10


def comments(path: Path) -> str:
    return "\n".join(re.findall(r"#(.*)$", path.read_text(), re.MULTILINE))


def test_every_address_that_is_probed_exists():
    routes = {route.path for route in Health(DEFAULTS).routes}  # type: ignore[attr-defined]
    probes = [SERVER[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    [endpoint] = of_kind("ServiceMonitor")["spec"]["endpoints"]
    checked = {
        *(probe["path"] for probe in probes),
        endpoint["path"],
        *re.findall(r"http-check send meth GET uri (\S+)", text("haproxy/haproxy.cfg")),
        *re.findall(r"health_uri (\S+)", text("caddy/Caddyfile")),
    }
    assert checked == routes
    assert {probe["port"] for probe in probes} == {port["name"] for port in SERVER["ports"]}
    assert SERVER["ports"][0]["containerPort"] == DEFAULTS.port


# Time-outs and limits


def test_an_instance_has_the_time_that_it_needs_to_stop():
    assert seconds("TimeoutStopSec", "systemd/dno-api@.service") >= DEFAULTS.stop_timeout + 5
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    before = SERVER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= before + DEFAULTS.stop_timeout + 5


def test_proxies_wait_longer_than_the_server_and_close_idle_connections_first():
    for pattern, path in (
        ("proxy_read_timeout", "nginx/dno-api.conf"),
        ("timeout server", "haproxy/haproxy.cfg"),
        ("timeout tunnel", "haproxy/haproxy.cfg"),
        ("response_header_timeout", "caddy/Caddyfile"),
        ("nginx.ingress.kubernetes.io/proxy-read-timeout:", "kubernetes/example/ingress.yaml"),
    ):
        assert seconds(pattern, path) > DEFAULTS.answer_timeout >= 3 * DEFAULTS.socket_check_interval
    for pattern, path in (("keepalive_timeout", "nginx/dno-api.conf"), ("keepalive", "caddy/Caddyfile")):
        assert seconds(pattern, path) < DEFAULTS.keep_alive_timeout


def test_proxies_let_through_what_the_server_accepts():
    form = 2**20  # around a file
    most = mebibytes("client_max_body_size", "nginx/dno-api.conf")
    assert most[0] * 2**20 > DEFAULTS.max_request_body_bytes
    assert most[1] * 2**20 >= DEFAULTS.max_import_bytes + form
    assert most[2] * 2**20 >= DEFAULTS.max_load_profile_bytes + form
    [largest] = mebibytes("max_size", "caddy/Caddyfile")
    assert largest * 2**20 >= DEFAULTS.max_import_bytes + form
    assert (
        int(re.findall(r"tune.bufsize (\d+)", text("haproxy/haproxy.cfg"))[0])
        > DEFAULTS.max_request_head_bytes
    )


# systemd and Caddy


@needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_unit_and_rates_its_exposure_as_low(unit: Path, tmp_path: Path) -> None:
    copied = tmp_path / unit.name.replace("@", "@8001")
    # The only thing that is not there is the program.
    copied.write_text(unit.read_text().replace("/opt/dno-api/.venv/bin/dno", sys.executable))
    for command in (["verify", copied], ["security", "--offline=true", "--threshold=20", copied]):
        done = subprocess.run(["systemd-analyze", *command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr


@needs("caddy")
def test_caddy_accepts_its_configuration(tmp_path: Path) -> None:
    done = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "caddy/Caddyfile"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DNO_SITE": "localhost"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert '"level":"warn"' not in done.stderr


# Kubernetes


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_manifests_are_valid_under_the_schemas_of_kubernetes(version: str) -> None:
    checked = [each["kind"] for each in resources() if is_built_in(each)]
    for each in resources():
        if is_built_in(each):
            kubernetes_validate.validate(each, version, strict=True)
    assert {"Deployment", "Job", "NetworkPolicy", "HorizontalPodAutoscaler", "PodDisruptionBudget"} <= {
        *checked
    }


@needs("kubectl")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_builds_valid_manifests(overlay: str) -> None:
    built = subprocess.run(
        ["kubectl", "kustomize", DEPLOY / "kubernetes" / overlay], capture_output=True, text=True, timeout=60
    )
    assert built.returncode == 0, built.stderr
    made = list(yaml.safe_load_all(built.stdout))
    folders = ("server/", "monitoring/", "example/") if overlay == "example" else ("migration/",)
    written = [each["kind"] for folder in folders for each in resources(folder)]
    assert sorted(each["kind"] for each in made) == sorted(
        [*written, *["ConfigMap"] * (overlay == "example")]
    )
    for each in made:
        assert each["metadata"]["namespace"] == "dno"
        if is_built_in(each):
            kubernetes_validate.validate(each, KUBERNETES[1], strict=True)
    assert "image: dno-api\n" not in built.stdout


def is_built_in(resource: dict[str, Any]) -> bool:
    return not resource["apiVersion"].startswith("monitoring.coreos.com/")


def test_every_manifest_is_part_of_a_kustomization():
    for path in tracked("deploy/kubernetes/*kustomization.yaml"):
        written = yaml.safe_load(path.read_text())
        for resource in (*written["resources"], *written.get("components", ())):
            assert (path.parent / resource).exists(), (name(path), resource)
        beside = {each.name for each in path.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert beside <= {*written["resources"]}


def test_selectors_ports_and_names_refer_to_each_other():
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    service, monitor = of_kind("Service"), of_kind("ServiceMonitor")
    budget = of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"] == budget == labels
    assert service["metadata"]["labels"].items() <= monitor["spec"]["selector"]["matchLabels"].items()
    [port] = service["spec"]["ports"]
    assert port["targetPort"] == SERVER["ports"][0]["name"]
    assert monitor["spec"]["endpoints"][0]["port"] == port["name"]
    backend = of_kind("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": service["metadata"]["name"], "port": {"name": port["name"]}}
    target = of_kind("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == of_kind("Deployment")["metadata"]["name"]


def test_varnish_in_the_cluster_reaches_the_pods_and_gets_their_purges():
    [policy] = [each["spec"] for each in resources("server/") if each["kind"] == "NetworkPolicy"]
    page = (ROOT / "docs" / "edge.md").read_text()
    key, label = re.findall(r"the label `(\S+): (\w+)` and the port", page)[0]
    edge = {"podSelector": {"matchLabels": {key: label}}}
    [asked] = [rule for rule in policy["ingress"] if edge in rule["from"]]
    assert asked["ports"] == [{"protocol": "TCP", "port": "http"}]
    [purged] = [rule for rule in policy["egress"] if edge in rule.get("to", ())]
    assert purged["ports"] == [{"protocol": "TCP", "port": int(re.findall(r"varnishd .*-a :(\d+)", page)[0])}]


def test_pods_meet_the_restricted_security_standard_and_read_secrets_from_files():
    for pod, container in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert f"--uid {pod['securityContext']['runAsUser']} " in (ROOT / "Dockerfile").read_text()
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        mounted = next(each["mountPath"] for each in container["volumeMounts"] if each["name"] == "secrets")
        for variable in container["env"]:
            if variable["name"].removesuffix(SUFFIX).lower() in secret_settings():
                key = variable["name"].removesuffix(SUFFIX).lower()
                assert variable == {"name": key.upper() + SUFFIX, "value": f"{mounted}/{key}"}


def test_variables_of_kubernetes_services_would_stop_the_start_and_are_switched_off():
    with pytest.raises(CannotStart):
        read_settings({f"{PREFIX}API_PORT": "tcp://10.0.0.1:80"}, {})
    assert {pod["enableServiceLinks"] for pod, _ in containers()} == {False}
