"""Who may: the one question that stands before every write and every read."""

from app.domain.account import Principal, Role
from app.errors import AppError, Code, Unauthenticated


def require(principal: Principal, role: Role) -> None:
    """A principal that is not anonymous and has at least this role."""
    if principal.anonymous:
        raise Unauthenticated("Please sign in, or send an API key.")
    if not principal.role.includes(role):
        raise AppError(f"This needs the role {role}; yours is {principal.role}.", Code.FORBIDDEN)


def require_reader(principal: Principal, *, anonymous_reading: bool) -> None:
    if principal.anonymous and not anonymous_reading:
        raise Unauthenticated("Please sign in, or send an API key.")


def lower(one: Role, other: Role) -> Role:
    return other if one.includes(other) else one
