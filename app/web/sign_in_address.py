"""The address of the form for signing in, which leads back to the page that was wanted."""

from typing import Final
from urllib.parse import quote, urlencode

from starlette.types import Scope

from app.web.language import split_path

SIGN_IN: Final = "/work/sign-in"


def sign_in_address(scope: Scope) -> str:
    """In the language of the request's address, with its path and query as `next`."""
    prefix, path = split_path(scope["path"])
    query = scope["query_string"].decode("latin-1")
    parameters = urlencode({"next": f"{prefix}{quote(path)}{'?' if query else ''}{query}"})
    return f"{prefix}{SIGN_IN}?{parameters}"
