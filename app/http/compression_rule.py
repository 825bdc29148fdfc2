"""Which responses may be compressed: the one rule.

The length of a compressed response shows what in it repeats. Where a response has a secret beside something that another site
chose, that site can guess the secret letter by letter from the lengths that it sees (BREACH). So nothing is compressed that
is made for one person: a response to a session, which browsers send cookies of by themselves; one that begins a session; any
page of the workbench, whose forms have tokens; the result of a mutation, in which a new key has its secret; and what a query
reads of the caller's own account. What all callers of a role get alike has no secrets: cached responses and static files are
compressed for all (app/http/encoded_response.py).
"""

import re
from typing import Final

from starlette.types import Scope

from app.http.compression import is_compressible
from app.http.headers import Headers, first
from app.http.request_state import request_state

_WORKBENCH: Final = re.compile(r"(?:/[a-z]{2})?/work(?:/|\Z)")
_ENCODED_OR_PARTIAL: Final = frozenset((b"content-encoding", b"content-range", b"set-cookie"))


def may_be_compressed(scope: Scope, headers: Headers) -> bool:
    """`headers`: those of the response, their names in lower case."""
    state = request_state(scope)
    if state.confidential or state.principal.session_id is not None or _WORKBENCH.match(scope["path"]):
        return False
    if any(name in _ENCODED_OR_PARTIAL for name, _ in headers):
        return False
    return is_compressible(first(headers, b"content-type") or b"") and b"no-transform" not in (
        first(headers, b"cache-control") or b""
    )
