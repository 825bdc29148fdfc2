"""Entries without a year: another year stands in their rows, which no filter may take for theirs."""

from app.domain.family import Family


def has_year(family: Family) -> str | None:
    """SQL: whether the entry `t` has a year. None: each entry of the family has one."""
    if family.without_year is None:
        return None
    if family.year_of is None:
        return f"t.year <> {family.without_year}"
    return f"isfinite(t.{family.year_of})"
