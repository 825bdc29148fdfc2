"""The session cookie: what it looks like, and from where it counts."""

import re
from collections.abc import Mapping

from app.settings import Settings


class SessionCookie:
    """Headers are mappings with names in lower case, like those of a Starlette request."""

    def __init__(self, settings: Settings) -> None:
        self._secure = settings.cookie_secure
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins)
        self._lifetime = max(1, int(settings.session_lifetime))

    def read(self, headers: Mapping[str, str]) -> str | None:
        """The token, or None if there is none or if the page that sends it is not ours."""
        sent = headers.get("cookie")
        if sent is None or not self.counts(headers):
            return None
        return _value(sent, self._name(headers))

    def counts(self, headers: Mapping[str, str]) -> bool:
        """Whether the request was made by one of our own pages, by an allowed one, or by no page at all."""
        origin = headers.get("origin")
        if origin is not None:
            return origin.lower() in self._origins or self._is_own(origin, headers)
        return headers.get("sec-fetch-site", "none") in ("none", "same-origin")

    def set(self, token: str, headers: Mapping[str, str]) -> str:
        """The Set-Cookie header that keeps a person signed in."""
        return self._header(token, self._lifetime, headers)

    def clear(self, headers: Mapping[str, str]) -> str:
        return self._header("", 0, headers)

    def _header(self, value: str, lifetime: int, headers: Mapping[str, str]) -> str:
        secure = "; Secure" if self._is_secure(headers) else ""
        return f"{self._name(headers)}={value}; Path=/; Max-Age={lifetime}; HttpOnly; SameSite=Lax{secure}"

    def _name(self, headers: Mapping[str, str]) -> str:
        # With this prefix browsers take the cookie from no sibling domain and over no plain connection.
        return "__Host-dno_session" if self._is_secure(headers) else "dno_session"

    def _is_own(self, origin: str, headers: Mapping[str, str]) -> bool:
        host = headers.get("host", "").lower()
        schemes = ("https",) if self._is_secure(headers) else ("http", "https")
        return host != "" and origin.lower() in [f"{scheme}://{host}" for scheme in schemes]

    def _is_secure(self, headers: Mapping[str, str]) -> bool:
        if self._secure != "auto":
            return self._secure == "on"
        return _LOCALHOST.fullmatch(headers.get("host", "")) is None


def _value(sent: str, name: str) -> str | None:
    """Not http.cookies, which gives up at the first cookie of somebody else's that it dislikes."""
    for pair in sent.split(";"):
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value
    return None


_LOCALHOST = re.compile(
    r"(?:localhost|127\.0\.0\.1|\[::1\]|[a-z0-9-]+\.localhost)(?::[0-9]+)?", re.IGNORECASE
)
