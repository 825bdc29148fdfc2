"""Floods that use up what callers behind the same address would share, and guesses at passwords and keys."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable

from tests.hostile.attack import Attack, Target

SIGN_IN = (
    "mutation ($email: String!, $password: String!) { signIn(email: $email, password: $password) { token } }"
)


async def _for_a_while(target: Target, one: Callable[[int], Awaitable[object]], at_once: int = 8) -> None:
    """`at_once` of them at any time, as long as the attack holds."""
    until = asyncio.get_running_loop().time() + target.hold

    async def again(number: int) -> None:
        while asyncio.get_running_loop().time() < until:
            await one(number)

    await asyncio.gather(*(again(number) for number in range(target.count(at_once))))


async def anonymous_flood(target: Target) -> None:
    await _for_a_while(target, lambda _: target.ask("{ coverage { totalDnos } }"))


async def invalid_keys(target: Target) -> None:
    """Well formed, and never the same twice."""
    body = json.dumps({"query": "{ __typename }"}).encode()

    async def one(_: int) -> None:
        headers = {"Authorization": f"Bearer dno_{secrets.token_urlsafe(32)}"}
        await target.post("/graphql", body, headers=headers)

    await _for_a_while(target, one)


async def invalid_sessions(target: Target) -> None:
    body = json.dumps({"query": "{ __typename }"}).encode()

    async def one(_: int) -> None:
        await target.post("/graphql", body, headers={"Cookie": f"dno_session={secrets.token_urlsafe(32)}"})

    await _for_a_while(target, one)


async def guesses_at_one_account(target: Target) -> None:
    async def one(_: int) -> None:
        given = {"email": "owner@example.org", "password": secrets.token_urlsafe(12)}
        await target.ask(SIGN_IN, variables=given)

    await _for_a_while(target, one, 16)


async def invented_operation_names(target: Target) -> None:
    async def one(_: int) -> None:
        name = f"Made{secrets.token_hex(8)}"
        await target.ask(f"query {name} {{ __typename }}", operationName=name)

    await _for_a_while(target, one)


async def scrapes(target: Target) -> None:
    await _for_a_while(target, lambda _: target.get("/metrics"))


ATTACKS = [
    Attack(name, "rights", act)
    for name, act in (
        ("a flood of anonymous requests", anonymous_flood),
        ("keys that do not exist", invalid_keys),
        ("sessions that do not exist", invalid_sessions),
        ("guesses at one account", guesses_at_one_account),
        ("operation names that never repeat", invented_operation_names),
        ("metrics again and again", scrapes),
    )
]
