"""Which addresses and URLs webhooks may be sent to."""

import asyncio
import socket
import subprocess
import sys
from ipaddress import ip_address
from threading import Event

import pytest

from app.errors import BadInput, CannotStart
from app.settings import Settings
from app.webhooks import addresses
from app.webhooks.addresses import AddressNotAllowed, AddressRules, Resolver, is_public
from app.webhooks.target import Ports, Target, read_target

NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.255",
    "192.88.99.1",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "3fff::1",
    "3fff:fff:ffff::1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_of_networks_that_are_not_public_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not AddressRules(Settings()).allows(ip_address(address), secure=True)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "193.99.144.80", "::ffff:1.1.1.1", "2606:4700::1111", "2a02:2e0::1"]
)
def test_public_addresses_are_allowed_with_tls_only(address: str) -> None:
    rules = AddressRules(Settings(webhook_networks=("10.0.0.0/8",)))
    assert rules.allows(ip_address(address), secure=True)
    assert not rules.allows(ip_address(address), secure=False)


def test_a_setting_allows_further_networks() -> None:
    rules = AddressRules(Settings(webhook_networks=("10.1.0.0/16", "fd00::/8")))
    for allowed in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::7"):
        assert rules.allows(ip_address(allowed), secure=False)
    for refused in ("10.2.0.1", "127.0.0.1", "fe80::1"):
        assert not rules.allows(ip_address(refused), secure=True)


@pytest.mark.parametrize(
    ("found", "allowed"),
    [
        (["1.1.1.1", "1.0.0.1"], True),
        (["1.1.1.1", "10.0.0.1"], False),
        (["1.1.1.1", "fe80::1%eth0"], False),
        ([], False),
    ],
)
async def test_every_address_of_a_name_is_checked(
    found: list[str], allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in found]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: answers)
    resolver = Resolver(AddressRules(Settings()))
    if allowed:
        assert await resolver.allowed_addresses("example.org", 443, secure=True) == found
    else:
        with pytest.raises(AddressNotAllowed):
            await resolver.allowed_addresses("example.org", 443, secure=True)


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "localhost"]
)
async def test_other_spellings_of_loopback_are_refused(host: str) -> None:
    target = read(f"https://{host}/")
    resolver = Resolver(AddressRules(Settings()))
    with pytest.raises(AddressNotAllowed):
        await resolver.allowed_addresses(target.host, target.port, secure=target.secure)


async def test_lookups_without_an_answer_are_few_and_hold_their_places_until_they_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer, running = Event(), list[str]()

    def look_up(host: str, port: int) -> list[str]:
        running.append(host)
        answer.wait(30)
        return ["1.1.1.1"]

    monkeypatch.setattr(addresses, "_look_up", look_up)
    resolver = Resolver(AddressRules(Settings()))
    tasks = [
        asyncio.create_task(resolver.allowed_addresses(f"host-{number}", 443, secure=True))
        for number in range(20)
    ]
    async with asyncio.timeout(30):
        while len(running) < 8:
            await asyncio.sleep(0.01)
    for task in tasks[:12]:  # eight of them are lookups that are given up, and four wait for a place
        task.cancel()
    await asyncio.wait(tasks[:12])
    assert len(running) == 8
    answer.set()
    found = await asyncio.wait_for(asyncio.gather(*tasks[12:]), 30)
    assert found == [["1.1.1.1"]] * 8
    assert sorted(running) == sorted(f"host-{number}" for number in (*range(8), *range(12, 20)))


def test_a_process_ends_while_a_name_server_does_not_answer() -> None:
    script = """
import asyncio, threading
from app.settings import Settings
from app.webhooks import addresses

async def main():
    started = threading.Event()
    addresses._look_up = lambda host, port: started.set() or threading.Event().wait(3600)
    resolver = addresses.Resolver(addresses.AddressRules(Settings()))
    lookup = asyncio.create_task(resolver.allowed_addresses("example.org", 443, secure=True))
    await asyncio.to_thread(started.wait, 30)
    lookup.cancel()
    await asyncio.wait([lookup])

asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.org", Target(True, "example.org", 443, "/", "example.org")),
        ("HTTPS://Example.org:443/a?b=c&d", Target(True, "example.org", 443, "/a?b=c&d", "example.org")),
        ("https://example.org:8443?x", Target(True, "example.org", 8443, "/?x", "example.org:8443")),
        (
            "https://[2606:4700::1111]:1024/",
            Target(True, "2606:4700::1111", 1024, "/", "[2606:4700::1111]:1024"),
        ),
        ("https://bücher.example/", Target(True, "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example")),
    ],
)
def test_a_url_has_these_parts(url: str, target: Target) -> None:
    assert read(url) == target


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "example.org",
            "//example.org",
            "https://",
            "https:///x",
            "https://:443/",
            "ftp://example.org/",
            "file:///etc/passwd",
        ),
        *(
            "http://example.org/",
            "http://example.org:8080/",
            "https://user@example.org/",
            "https://u:p@example.org/",
        ),
        *(
            "https://example.org/#x",
            "https://example.org:22/",
            "https://example.org:0/",
            "https://example.org:99999/",
        ),
        *(
            "https://example.org:x/",
            "https://exa mple.org/",
            "https://example.org/\r\nx: y",
            "https://example.org/a\tb",
        ),
        *(
            " https://example.org/",
            "https://exa\tmple.org/",
            "https://example.org\\@10.0.0.1/",
            "https://[::1/",
            "https://[::1%25lo]/",
        ),
        *(
            "https://example.org/ü",
            "https://exam%70le.org/",
            "https://example.org/" + "x" * 2000,
            "https://exam\u202eple.org/",
        ),
    ],
)
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(url)
    assert refused.value.field == ("input", "url")
    assert not url.strip() or url not in refused.value.message


@pytest.mark.parametrize(
    "host",
    [
        "faß.example",
        "ex\u00adample.org",
        "ｅxample.org",
        "exam\u200dple.org",
        "xn--bcher-kva.faß.example",
        "bücher。example.org",
    ],
)
def test_a_host_that_would_become_another_is_refused_with_the_way_out(host: str) -> None:
    """faß.example is a name of its own today, and was fass.example before."""
    with pytest.raises(BadInput, match="write it as xn--"):
        read(f"https://{host}/")
    assert read("https://xn--fa-hia.example/").host == "xn--fa-hia.example"
    assert read("https://bu\u0308cher.example/") == read("https://BÜCHER.example/")


@pytest.mark.parametrize(
    ("host", "encoded"),
    [
        ("bücher.xn--mnchen-3ya.example", "xn--bcher-kva.xn--mnchen-3ya.example"),
        ("ä.xn--fa-hia.example", "xn--4ca.xn--fa-hia.example"),
    ],
)
def test_a_host_of_which_some_parts_are_encoded_stays_what_it_is(host: str, encoded: str) -> None:
    assert read(f"https://{host}/").host == encoded


@pytest.mark.parametrize(
    "settings", [Settings(webhook_networks=("10.0.0.0/99",)), Settings(webhook_networks=("lan",))]
)
def test_a_wrong_network_stops_the_start(settings: Settings) -> None:
    with pytest.raises(CannotStart, match="WEBHOOK_NETWORKS"):
        AddressRules(settings)


@pytest.mark.parametrize("port", ["https", "99999", "0", "8000-80", "70000-80000"])
def test_a_wrong_port_stops_the_start(port: str) -> None:
    with pytest.raises(CannotStart, match="WEBHOOK_PORTS"):
        Ports(Settings(webhook_ports=("443", port)))


def test_a_range_may_be_wider_than_that_of_ports() -> None:
    ports = Ports(Settings(webhook_ports=("0-99999",)))
    assert all(port in ports for port in (1, 65535))


def read(url: str) -> Target:
    return read_target(url, AddressRules(Settings()), Ports(Settings()))
