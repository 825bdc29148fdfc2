"""Global ids: the kind of an object and its UUID."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

import strawberry

from app.domain.derived_prices import DERIVED_KINDS, DerivedKey
from app.domain.families import FAMILIES
from app.domain.price import PriceKind
from app.errors import BadInput, quoted
from schema.batch_field import field

Kind = StrEnum(  # type: ignore[misc]  # the first word of an id
    "Kind",
    {"DNO": "dno"}
    | {family.id_kind: family.id_prefix for family in FAMILIES}
    | {"DERIVED_PRICE": "derived", "REVISION": "revision", "USER": "user", "API_KEY": "key"}
    | {"WEBHOOK_SUBSCRIPTION": "webhook", "WEBHOOK_MESSAGE": "msg"},
    module=__name__,
)
DERIVED_PRICE_ID = Kind["DERIVED_PRICE"]
DNO_ID, REVISION_ID, USER_ID, API_KEY_ID = (Kind[name] for name in ("DNO", "REVISION", "USER", "API_KEY"))
WEBHOOK_ID, WEBHOOK_MESSAGE_ID = Kind["WEBHOOK_SUBSCRIPTION"], Kind["WEBHOOK_MESSAGE"]
TARIFF_ID, HLZF_ID, TIME_OF_USE_ID = (Kind[name] for name in ("TARIFF", "HLZF", "TIME_OF_USE"))


_DERIVED_ID = re.compile(rf"{DERIVED_PRICE_ID}_([0-9a-f]{{32}})_([0-9]{{4}})_({'|'.join(DERIVED_KINDS)})")


@strawberry.interface(description="Anything that can be asked for again by its id.")
class Node:
    id: strawberry.ID = strawberry.field(description="Stays the same for the life of the thing; opaque.")


def id_field(kind: Kind, description: str) -> Any:
    """The field `id` of a type whose struct has the UUID in `id`."""

    @field(description=description)
    def id(root: strawberry.Parent[Any]) -> strawberry.ID:
        return write_id(kind, root.id)

    return id


def write_id(kind: Kind, id: UUID) -> strawberry.ID:
    return strawberry.ID(f"{kind.value}_{id.hex}")


def write_derived_id(key: DerivedKey) -> strawberry.ID:
    """Nothing is stored of a derived price: its id holds operator, year and kind."""
    return strawberry.ID(f"{DERIVED_PRICE_ID.value}_{key.dno_id.hex}_{key.year}_{key.kind}")


def read_derived_id(text: str) -> DerivedKey | None:
    """None for any other id."""
    found = _DERIVED_ID.fullmatch(text)
    if found is None:
        return None
    dno, year, kind = found.groups()
    return DerivedKey(UUID(hex=dno), int(year), PriceKind(kind))


def read_id(
    text: str, *expected: Kind, field: Sequence[str] = (), argument: str | None = None
) -> tuple[Kind, UUID]:
    """Raises BadInput, with `field` and `argument`, for a malformed id, or one of another kind than `expected`."""
    details: dict[str, Any] = {} if argument is None else {"argument": argument}
    if read_derived_id(text) is not None:
        raise BadInput(
            f"{quoted(text)} is the id of a derived price, which is not stored and cannot be changed.",
            field=field,
            **details,
        )
    word, _, digits = text.partition("_")
    try:
        kind, id = Kind(word), UUID(hex=digits)
    except ValueError:
        raise BadInput(f"{quoted(text)} is not an id of this API.", field=field, **details) from None
    if id.hex != digits or kind is DERIVED_PRICE_ID:
        raise BadInput(f"{quoted(text)} is not an id of this API.", field=field, **details)
    if expected and kind not in expected:
        wanted = " or ".join(kind.name for kind in expected)
        raise BadInput(
            f"{quoted(text)} is the id of a {kind.name}, not of a {wanted}.", field=field, **details
        )
    return kind, id
