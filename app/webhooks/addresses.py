"""The IP addresses that webhooks may be sent to: public ones, and those of networks that a setting allows."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Thread
from typing import Final

from app.errors import CannotStart
from app.settings import Settings

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")  # everything else is local, multicast or reserved
# Their addresses contain an IPv4 address, to which a gateway would forward.
_TUNNELS: Final = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
# Reserved, though Python takes them for public: protocol assignments, relays of a tunnel, documentation.
_RESERVED: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
_RESOLVING_THREADS: Final = 8


class AddressNotAllowed(Exception):
    """A host has no address, or one that is not allowed."""


class AddressRules:
    """`secure`: whether the connection is encrypted; without TLS only allowed networks are permitted."""

    def __init__(self, settings: Settings) -> None:
        try:
            self._networks = [ip_network(each, strict=False) for each in settings.webhook_networks]
        except ValueError:
            raise CannotStart(
                "The setting WEBHOOK_NETWORKS is wrong: it lists networks such as 10.0.0.0/8."
            ) from None

    @property
    def plain_http(self) -> bool:
        """Whether there is any network to which messages may be sent without TLS."""
        return bool(self._networks)

    def allows(self, address: Address, *, secure: bool) -> bool:
        address = _without_mapping(address)
        if any(address in network for network in self._networks):
            return True
        return secure and is_public(address)


def is_public(address: Address) -> bool:
    address = _without_mapping(address)
    if isinstance(address, IPv6Address) and (
        address not in _GLOBAL_UNICAST or any(address in tunnel for tunnel in _TUNNELS)
    ):
        return False
    if any(address in network for network in _RESERVED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _without_mapping(address: Address) -> Address:
    """::ffff:127.0.0.1 is 127.0.0.1."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class Resolver:
    """Resolves host names in few threads of its own: a name server that does not answer blocks nothing else, nor the end of the process."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self._free = asyncio.Semaphore(_RESOLVING_THREADS)

    async def allowed_addresses(self, host: str, port: int, *, secure: bool) -> Sequence[str]:
        """All addresses of the host, each of them checked. Raises AddressNotAllowed if there is none, or one that is not allowed."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise AddressNotAllowed from None
        addresses = [ip_address(each) for each in dict.fromkeys(found)]
        if not addresses or not all(self._rules.allows(each, secure=secure) for each in addresses):
            raise AddressNotAllowed
        return [str(each) for each in addresses]

    async def _resolve(self, host: str, port: int) -> list[str]:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[list[str]] = loop.create_future()

        def finish(set_result: Callable[[], None]) -> None:
            self._free.release()  # not earlier: a thread of a lookup that was given up still runs
            if not result.done():
                set_result()

        def run() -> None:
            try:
                found = _look_up(host, port)
            except Exception as error:
                done = partial(result.set_exception, error)
            else:
                done = partial(result.set_result, found)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(finish, done)

        try:
            # Not an executor: the interpreter waits for the threads of those when it exits.
            Thread(target=run, name="webhook-dns", daemon=True).start()
        except RuntimeError:  # there are too many threads
            self._free.release()
            raise OSError from None
        return await result


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    # The zone of a link-local address (fe80::1%eth0) is no part of it.
    return [str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found]
