"""The credentials in the payload of connection_init, in the spellings that clients use."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.auth.authenticator import is_without_credentials
from app.errors import Unauthenticated

# Their values are those of the header Authorization.
_HEADER: Final = "authorization"
# Their values are a key or a token; a scheme before it is optional.
_TOKENS: Final = frozenset(("x-api-key", "apikey", "api_key", "authtoken", "accesstoken", "token"))

# A close reason has at most 123 bytes.
MALFORMED: Final = (
    "Send one text: authorization, headers.authorization, apiKey, x-api-key, authToken, accessToken or token."
)
DIFFERENT: Final = "The payload holds different credentials; send one of them only."


def authorization_in(payload: Mapping[str, Any] | None) -> str | None:
    """What the header Authorization would hold; None without credentials.

    Raises Unauthenticated for credentials that are no text, so that they are not taken for anonymous, and for several that differ.
    """
    found = set(_credentials(payload or {}))
    if len(found) > 1:
        raise Unauthenticated(DIFFERENT)
    return found.pop() if found else None


def _credentials(payload: Mapping[str, Any]) -> Iterator[str]:
    headers = payload.get("headers")
    for name, value in (*payload.items(), *(headers.items() if isinstance(headers, dict) else ())):
        lowered = name.lower()
        if value is None or (lowered != _HEADER and lowered not in _TOKENS):
            continue
        if not isinstance(value, str):
            raise Unauthenticated(MALFORMED)
        text = value.strip()
        if not is_without_credentials(text):
            yield text if lowered == _HEADER or " " in text else f"Bearer {text}"
