"""What payloads of mutations share: errors, warnings, and the mapping of refused writes to them."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from app.auth.roles import require
from app.db.family_table import EntryConflict
from app.domain.account import Role
from app.errors import AppError, BadInput
from app.observability import metrics
from schema.batch_field import RESOLVER, BatchResolver, describe
from schema.context import Context, Info

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])


class ErrorCode(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
    CONFLICT = "CONFLICT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    UNAVAILABLE = "UNAVAILABLE"
    RATE_LIMITED = "RATE_LIMITED"


describe(
    ErrorCode,
    "Why a write was refused; for programs.",
    NOT_FOUND="There is no such thing.",
    INVALID="A value makes no sense; `field` tells which.",
    CONFLICT="It has changed meanwhile, is there already, or is final and would become preliminary.",
    UNAUTHENTICATED="Somebody known must ask: sign in, or send an API key.",
    FORBIDDEN="Your role may not do this.",
    UNAVAILABLE="Something that it needs is away for the moment; try again.",
    RATE_LIMITED="Too many attempts; wait a little.",
)


@strawberry.type(description="Why a write was refused.")
class UserError:
    code: ErrorCode = strawberry.field(description="For programs.")
    message: str = strawberry.field(description="For people.")
    field: list[str] | None = strawberry.field(default=None, description="Path of the input field at fault.")
    current_version: int | None = strawberry.field(
        default=None, description="With CONFLICT: the version at which the entry is."
    )

    @classmethod
    def of(cls, error: AppError) -> "UserError":
        code = ErrorCode.INVALID if isinstance(error, BadInput) else ErrorCode(error.code)
        version = error.details.get("current_version")
        return cls(
            code=code,
            message=error.message,
            field=list(error.field) or None,
            current_version=version if isinstance(version, int) else None,
        )


def errors_field(description: str = "Why nothing was written; empty after a write.") -> Any:
    return strawberry.field(default_factory=list, description=description)


def warnings_field() -> Any:
    return strawberry.field(default_factory=list, description="What was written all the same; look again.")


def reported(error: AppError) -> UserError:
    """Counted, as errors of requests are."""
    found = UserError.of(error)
    metrics.ERRORS.labels(found.code).inc()
    return found


def is_reported(error: AppError) -> bool:
    """Whether payloads have a code for it; other errors are those of the request."""
    return isinstance(error, BadInput) or str(error.code) in set(ErrorCode)


class ErrorsInPayload(FieldExtension):
    """Checks the role and returns an AppError with a code of ErrorCode in the payload; others are raised.

    `entry`: the payload's field for the entry with which a write conflicts.
    """

    def __init__(self, payload: type, role: Role | None, entry: str | None) -> None:
        self._payload = payload
        self._role = role
        self._entry = entry

    async def resolve_async(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        """Called by the executor: also after a plan has run the mutation, and could not write its payload."""
        if (outcome := info.context.outcome) is not None:
            return outcome.result()
        return await self.run(info.context, lambda: next_(source, info, **kwargs))

    async def run(self, context: Context, resolve: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        try:
            if self._role is not None:
                require(await context.current_principal(), self._role)
            return await resolve()
        except AppError as error:
            if not is_reported(error):
                raise
            return self._payload(errors=[reported(error)], **self._conflicting(error))

    def _conflicting(self, error: AppError) -> dict[str, Any]:
        if self._entry is None or not isinstance(error, EntryConflict):
            return {}
        return {self._entry: error.entry}


class _ContextOnly(NamedTuple):
    """What resolvers of mutations read of the executor's information."""

    context: Context


def _planned(function: Callable[..., Coroutine[Any, Any, Any]], errors: ErrorsInPayload) -> BatchResolver:
    """Runs the mutation for a plan, which is of one mutation; its outcome is kept for the executor."""
    names = inspect.signature(function).parameters.keys()

    async def run(parents: Sequence[None], context: Context, **arguments: Any) -> Sequence[Any]:
        given: dict[str, Any] = {"self": None, "info": _ContextOnly(context)}
        arguments |= {name: value for name, value in given.items() if name in names}
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            outcome.set_result(await errors.run(context, lambda: function(**arguments)))
        except Exception as error:
            outcome.set_exception(error)
        context.outcome = outcome
        return [outcome.result()]

    return BatchResolver(run)


def mutation(
    payload: type,
    *,
    description: str,
    role: Role | None,
    entry: str | None = None,
    metadata: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[[F], StrawberryField]:
    """`role`: the lowest role allowed; None: every caller, also anonymous ones. `entry`: the payload's field for an entry, which
    it also has with CONFLICT.
    """

    def decorate(function: F) -> StrawberryField:
        assert inspect.iscoroutinefunction(function)
        errors = ErrorsInPayload(payload, role, entry)
        field: StrawberryField = strawberry.mutation(
            resolver=function,
            graphql_type=payload,
            description=description + (f" Needs the role {role}." if role else ""),
            extensions=[errors],
            metadata={**metadata, RESOLVER: _planned(function, errors)},
        )
        return field

    return decorate
