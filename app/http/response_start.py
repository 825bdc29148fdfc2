"""Hooks that run when the response to a request starts."""

from collections.abc import Callable
from typing import TypeAlias

from starlette.types import Message, Scope

Hook: TypeAlias = Callable[[Message], None]


def on_response_start(scope: Scope, hook: Hook) -> None:
    """`hook` may change the message: its status is settled, its headers are not."""
    scope["state"]["response_start_hooks"].append(hook)


def add_headers(message: Message, headers: list[tuple[bytes, bytes]]) -> None:
    message["headers"] = [*message.get("headers", ()), *headers]
