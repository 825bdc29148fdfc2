"""One address names one server, several sentinels or a cluster."""

from urllib.parse import urlsplit

import pytest

from app.cache.cluster import Cluster
from app.cache.open_topology import open_topology
from app.cache.redis_url import addresses, credentials
from app.cache.single_server import SingleServer
from app.settings import Settings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", [("localhost", 6379)]),
        ("redis://cache", [("cache", 6379)]),
        ("redis://:secret@[::1]:7000/2", [("::1", 7000)]),
        ("redis+cluster://a:1,b,c:3", [("a", 1), ("b", 6379), ("c", 3)]),
        ("redis+sentinel://user:p%2C%40@a,b:5/dno/2", [("a", 6379), ("b", 5)]),
    ],
)
def test_an_address_may_name_several_hosts(url: str, expected: list[tuple[str, int]]) -> None:
    assert addresses(urlsplit(url), 6379) == expected


@pytest.mark.parametrize(
    ("url", "username", "password"),
    [
        ("redis://host", None, None),
        ("redis://:secret@host", None, "secret"),
        ("redis+cluster://user:p%2C%40%3A@a,b", "user", "p,@:"),
    ],
)
def test_secrets_may_have_any_characters(url: str, username: str | None, password: str | None) -> None:
    assert credentials(urlsplit(url)) == {"username": username, "password": password}


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://localhost", SingleServer),
        ("rediss://localhost", SingleServer),
        ("redis+sentinel://localhost/dno", SingleServer),
        ("rediss+sentinel://localhost/dno/1", SingleServer),
        ("redis+cluster://localhost", Cluster),
        ("rediss+cluster://localhost", Cluster),
    ],
)
def test_every_scheme_is_parsed_before_a_connection_is_opened(url: str, kind: type) -> None:
    assert isinstance(open_topology(Settings(redis_url=url)), kind)
