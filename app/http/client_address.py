"""The address of the client; forwarding headers count only as far as trusted proxies have written them."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from app.errors import CannotStart
from app.http.headers import Headers, has_any, joined
from app.settings import Settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What proxies add; a request that reaches us directly has none of it.
FORWARDING = frozenset(
    (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via")
)
# An IPv6 address with an IPv4 one in it and the name of an interface.
MAX_ADDRESS_LENGTH = 64
# Hops further away than this are not read.
MAX_HOPS = 32
LOCAL = "local"  # a socket of this machine, or a test: no address at all


class Networks:
    """A list of addresses and networks as the settings give it."""

    def __init__(self, words: Iterable[str], setting: str) -> None:
        try:
            self._networks: tuple[Network, ...] = tuple(ip_network(word, strict=False) for word in words)
        except ValueError as error:
            raise CannotStart(f"The setting {setting} is wrong: {error}.") from None

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


class Addresses:
    """`of` gives the name under which a client's requests are counted together.

    An IPv6 client owns its whole /64, so that is its name. Headers count only when the connection
    comes from a trusted proxy, and from the right: each trusted hop vouches for the one before it.
    """

    def __init__(self, settings: Settings) -> None:
        self._proxies = Networks(settings.trusted_proxies, "TRUSTED_PROXIES")
        self._header = settings.proxy_header

    def of(self, peer: str | None, headers: Headers) -> str:
        return self.seen(peer, headers)[0]

    def of_peer(self, peer: str | None) -> str | None:
        """The client address of a whole connection; None for a trusted proxy, whose connections carry many clients."""
        return None if parse_address(peer) in self._proxies else _name(peer)

    def seen(self, peer: str | None, headers: Headers) -> tuple[str, str | None]:
        """The address, and the scheme that the client used towards our outermost proxy."""
        if not self._proxies or parse_address(peer) not in self._proxies:
            return _name(peer), None
        address, scheme, _ = self._client(peer, headers)
        return _name(address), scheme

    def exact(self, peer: str | None, headers: Headers) -> Address | None:
        """The exact client address; None where a proxy is in between and does not name its client."""
        if parse_address(peer) not in self._proxies:
            return None if _is_forwarded(headers) else parse_address(peer)
        address, _, is_named = self._client(peer, headers)
        if not is_named or (address is peer and _is_forwarded(headers)):
            return None
        return parse_address(address)

    def _client(self, peer: str | None, headers: Headers) -> tuple[str | None, str | None, bool]:
        """The nearest hop that is no proxy of ours, its scheme, and True. If a proxy of ours does not name the hop before it:
        that proxy, its scheme, and False.
        """
        address, scheme = peer, None
        for hop, hop_scheme in reversed(self._hops(headers)):
            if parse_address(hop) is None:
                return address, scheme, False
            address, scheme = hop, hop_scheme
            if parse_address(hop) not in self._proxies:
                break
        return address, scheme, True

    def _hops(self, headers: Headers) -> list[tuple[str, str | None]]:
        """The hops that the proxies have written, the nearest last.

        `auto` prefers X-Forwarded-For: a proxy that supports only this header always appends to it, while it
        may hand on a Forwarded that the client made up.
        """
        hops = _text(headers, b"x-forwarded-for") if self._header != "forwarded" else ""
        if hops:
            scheme = _text(headers, b"x-forwarded-proto").rpartition(",")[2].strip().lower()
            return [(_host(hop), _scheme(scheme)) for hop in _last(hops)]
        if self._header != "x-forwarded-for":
            hops = _text(headers, b"forwarded")
        return list(_forwarded(hops)) if hops else []


def parse_address(text: str | None) -> Address | None:
    """A text that is longer than any address is rejected without a cache entry."""
    return _parse(text) if text is not None and len(text) <= MAX_ADDRESS_LENGTH else None


@lru_cache(4096)
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _name(text: str | None) -> str:
    return _named(parse_address(text))


@lru_cache(4096)
def _named(address: Address | None) -> str:
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(IPv6Network((address, 64), strict=False))
    return str(address) if address else LOCAL


def _is_forwarded(headers: Headers) -> bool:
    return has_any(headers, FORWARDING)


def _text(headers: Headers, wanted: bytes) -> str:
    return (joined(headers, wanted) or b"").decode("latin-1")


def _last(text: str) -> list[str]:
    """The hops nearest to us, the nearest last; only our own proxies may be among them."""
    return text.rsplit(",", MAX_HOPS)[-MAX_HOPS:]


def _forwarded(text: str) -> Iterator[tuple[str, str | None]]:
    """RFC 7239: elements by comma, pairs by semicolon, values perhaps quoted.

    Read by hand, each letter once or twice: this is untrusted text before every limit.
    """
    # Split at every comma: a quote that a client left open must not swallow what our proxy added.
    for element in _last(text):
        pairs = {}
        for pair in element.split(";"):
            name, separator, value = pair.partition("=")
            if separator:
                pairs[name.strip().lower()] = value.strip().strip('"')
        yield _host(pairs.get("for", "")), _scheme(pairs.get("proto", "").lower())


def _host(hop: str) -> str:
    """Without a port: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    hop = hop.strip()
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _scheme(word: str) -> str | None:
    return word if word in ("http", "https", "ws", "wss") else None
