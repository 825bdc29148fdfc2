"""The address of PostgreSQL: DATABASE_URL parsed, and shown without secrets."""

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

PORT = 5432
UNREADABLE = "the address in DATABASE_URL (are the special characters of its password escaped?)"

_HOST = re.compile(r"(?:\[[0-9a-fA-F:.%]+\]|[^:@/\[\]\s]*)(?::[0-9]{1,5})?")


def address(url: str) -> str:
    """Hosts, ports and database, without user and password: `a:5432,b:5432/dno`."""
    try:
        parts = urlsplit(url)
        hosts = _hosts(parts)
    except ValueError:
        hosts, parts = [], urlsplit("")
    # A password with an unescaped "/", "#" or "?" ends up where port, path or query should be.
    if (
        not hosts
        or not all(map(_HOST.fullmatch, hosts))
        or "@" in f"{parts.path}{parts.query}{parts.fragment}"
    ):
        return UNREADABLE
    return ",".join(map(_with_port, hosts)) + parts.path


def each_host(url: str) -> list[str]:
    """One address per host; the address itself if it names one, or none."""
    parts = urlsplit(url)
    hosts = _hosts(parts)
    if len(hosts) < 2:
        return [url]
    credentials, at, _ = parts.netloc.rpartition("@")
    query = urlencode(
        [(name, value) for name, value in parse_qsl(parts.query) if name not in ("host", "port")]
    )
    return [parts._replace(netloc=f"{credentials}{at}{host}", query=query).geturl() for host in hosts]


def _hosts(parts: SplitResult) -> list[str]:
    named = parts.netloc.rpartition("@")[2]
    if named:
        return named.split(",")
    query = dict(parse_qsl(parts.query))
    hosts, ports = query.get("host", "localhost").split(","), query.get("port", "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return [f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=True)]


def _with_port(host: str) -> str:
    host = host or "localhost"
    return host if re.search(r":[0-9]+$", host) and not host.endswith("]") else f"{host}:{PORT}"
