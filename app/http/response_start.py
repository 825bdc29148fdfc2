"""Hooks that run when the response to a request starts."""

from starlette.types import Message, Scope

from app.http.request_state import Hook, request_state


def on_response_start(scope: Scope, hook: Hook) -> None:
    """`hook` may change the message: its status is settled, its headers are not."""
    request_state(scope).hooks.append(hook)


def add_headers(message: Message, headers: list[tuple[bytes, bytes]]) -> None:
    message["headers"] = [*message.get("headers", ()), *headers]
