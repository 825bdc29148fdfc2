"""Hooks that run when the response to a request starts."""

from starlette.types import Message, Scope

from app.http.request_state import Hook, request_state


def on_response_start(scope: Scope, hook: Hook) -> None:
    """`hook` may change the message: its status is settled, its headers are not."""
    request_state(scope).hooks.append(hook)


def vary_by(message: Message, name: bytes) -> None:
    """Adds a name to the header Vary, unless it is there."""
    headers = list(message.get("headers", ()))
    for place, (header, value) in enumerate(headers):
        if header == b"vary":
            if name.lower() not in value.lower():
                headers[place] = (header, b"%s, %s" % (value, name))
            break
    else:
        headers.append((b"vary", name))
    message["headers"] = headers


def add_headers(message: Message, headers: list[tuple[bytes, bytes]]) -> None:
    message["headers"] = [*message.get("headers", ()), *headers]
