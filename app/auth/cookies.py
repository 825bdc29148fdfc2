"""The cookies of a session and of a device: what they look like, and from where they count."""

import re
from collections.abc import Mapping

from app.errors import CannotStart
from app.settings import Settings

SESSION, DEVICE = "dno_session", "dno_device"


class SessionCookie:
    """Headers are mappings with names in lower case, like those of a Starlette request."""

    def __init__(self, settings: Settings) -> None:
        # Browsers take SameSite=None only with Secure, also on localhost.
        self._cross_site = settings.cookie_same_site == "none"
        self._secure = "on" if self._cross_site else settings.cookie_secure
        if self._cross_site and settings.cookie_secure == "off":
            raise CannotStart("COOKIE_SAME_SITE=none needs secure cookies, but COOKIE_SECURE is off.")
        self._origins = listed_origins(settings)
        self._lifetime = max(1, int(settings.session_lifetime))
        self._device_lifetime = int(settings.device_lifetime)

    def read(self, headers: Mapping[str, str]) -> str | None:
        """The token, or None if there is none or if the page that sends it is not ours."""
        return self._read(headers, SESSION)

    def read_device(self, headers: Mapping[str, str]) -> str | None:
        """The proof of an earlier sign-in; it stays when the session ends."""
        return self._read(headers, DEVICE)

    def counts(self, headers: Mapping[str, str]) -> bool:
        """Whether the request was made by one of our own pages, by an allowed one, or by no page at all."""
        origin = headers.get("origin")
        if origin is not None:
            return origin.lower() in self._origins or self._is_own(origin, headers)
        return headers.get("sec-fetch-site", "none") in ("none", "same-origin")

    def set(self, token: str, headers: Mapping[str, str]) -> str:
        """The Set-Cookie header that keeps a person signed in."""
        return self._header(SESSION, token, self._lifetime, headers)

    def set_device(self, token: str, headers: Mapping[str, str]) -> str:
        return self._header(DEVICE, token, self._device_lifetime, headers)

    def clear(self, headers: Mapping[str, str]) -> str:
        return self._header(SESSION, "", 0, headers)

    def _read(self, headers: Mapping[str, str], name: str) -> str | None:
        sent = headers.get("cookie")
        if sent is None or not self.counts(headers):
            return None
        return _value(sent, self._name(name, headers))

    def _header(self, name: str, value: str, lifetime: int, headers: Mapping[str, str]) -> str:
        secure = "; Secure" if self._is_secure(headers) else ""
        # Partitioned: browsers that refuse cookies of other sites keep one for each site that embeds us.
        same_site = "None; Partitioned" if self._cross_site else "Lax"
        return f"{self._name(name, headers)}={value}; Path=/; Max-Age={lifetime}; HttpOnly; SameSite={same_site}{secure}"

    def _name(self, name: str, headers: Mapping[str, str]) -> str:
        # With this prefix browsers take the cookie from no sibling domain and over no plain connection.
        return f"__Host-{name}" if self._is_secure(headers) else name

    def _is_own(self, origin: str, headers: Mapping[str, str]) -> bool:
        host = headers.get("host", "").lower()
        only_https = self._is_secure(headers) and _LOCALHOST.fullmatch(host) is None
        schemes = ("https",) if only_https else ("http", "https")
        return host != "" and origin.lower() in [f"{scheme}://{host}" for scheme in schemes]

    def _is_secure(self, headers: Mapping[str, str]) -> bool:
        if self._secure != "auto":
            return self._secure == "on"
        return _LOCALHOST.fullmatch(headers.get("host", "")) is None


def listed_origins(settings: Settings) -> frozenset[str]:
    """The other origins whose pages may send cookies, in lower case."""
    return frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins if origin != "*")


def _value(sent: str, name: str) -> str | None:
    """Not http.cookies, which stops at the first malformed cookie, also one of another application."""
    for pair in sent.split(";"):
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value
    return None


_LOCALHOST = re.compile(
    r"(?:localhost|127\.0\.0\.1|\[::1\]|[a-z0-9-]+\.localhost)(?::[0-9]+)?", re.IGNORECASE
)
