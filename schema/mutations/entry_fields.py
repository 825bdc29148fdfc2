"""Fields that inputs and payloads have in common, whatever the family."""

from typing import Any

import strawberry

from app.domain.correction import PRICE_DECIMALS
from app.domain.entry import Publication
from app.domain.family import Family


def dno() -> Any:
    return strawberry.field(description="Slug of the operator.")


def year() -> Any:
    return strawberry.field(description="Calendar year, 2000 to 2100.")


def voltage_level() -> Any:
    return strawberry.field(description="Where the customer is connected.")


def price(family: Family, name: str, *, default: Any = None) -> Any:
    """A price with its unit. In a correction the default is UNSET: a price left out is not changed."""
    column = next(column for column in family.prices if column.name == name)
    unit = f"{column.unit}, {column.condition}" if column.condition else column.unit
    description = f"{unit}; at most {PRICE_DECIMALS} decimals, not negative."
    return strawberry.field(default=default, name=column.field, description=description)


def source_url(document: str = "document") -> Any:
    return strawberry.field(default=None, description=f"Address of the {document}.")


def new_source_url() -> Any:
    return strawberry.field(
        default=strawberry.UNSET,
        description="Address of the document with these figures; left out: as before, null clears it.",
    )


def publication() -> Any:
    return strawberry.field(default=Publication.FINAL, description="How final the figures are.")


def new_publication() -> Any:
    return strawberry.field(
        default=None,
        description="How final the figures are now; left out: as before. Refused with CONFLICT for PRELIMINARY where the "
        "entry is final, unless `force` is set.",
    )


def force() -> Any:
    return strawberry.field(default=False, description="Lets a final entry become preliminary.")


def entry_id(noun: str = "entry") -> Any:
    return strawberry.field(description=f"The {noun}'s id.")


def expected_version(noun: str = "entry") -> Any:
    return strawberry.field(
        default=None, description=f"Refused with CONFLICT when the {noun} is at another version by now."
    )


def reason() -> Any:
    return strawberry.field(default=None, description="Why; kept in the history.")


def verify(noun: str = "entry") -> Any:
    return strawberry.field(
        default=False,
        description=f"Verified from now on (ADMIN); else a verified {noun} becomes UNVERIFIED.",
    )


def revision() -> Any:
    return strawberry.field(
        default=None, description="What changed; null where nothing did, or nothing was written."
    )
