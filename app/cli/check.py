"""`dno check`: lists stored figures with unusual values, as lines of text or of JSON."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import typer

from app.cli import console
from app.cli.databases import with_databases
from app.cli.standard_streams import print_json, print_row
from app.db.family_tables import TABLES
from app.db.pool import Connection
from app.db.staging import fetch_operators
from app.domain.entry import FIRST_YEAR, LAST_YEAR, WHOLE_COUNTRY
from app.domain.families import FAMILIES
from app.domain.family import Family
from app.domain.plausibility import PlausibilityWarning
from app.domain.plausibility_rules import has_rules
from app.errors import AppError, Code, quoted
from app.importers.load import connect
from app.settings import Settings, read_settings

CHECKED: Final = {family.public_name: family for family in FAMILIES if has_rules(family)}
CheckedTable = StrEnum(  # type: ignore[misc]  # families with rules
    "CheckedTable", {family.name.upper(): name for name, family in CHECKED.items()}, module=__name__
)


_OPERATORS_AT_ONCE: Final = 100


class Found(NamedTuple):
    table: str
    dno: str  # slug
    entry: Any
    warning: PlausibilityWarning


def check_command(
    tables: Annotated[
        list[CheckedTable] | None,
        typer.Argument(metavar="[TABLE]...", help="What to check. [all]", show_default=False),
    ] = None,
    dno: Annotated[
        list[str] | None, typer.Option(help="Only this operator, by slug; may be repeated.")
    ] = None,
    year: Annotated[
        list[int] | None, typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="Only this year; may be repeated.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 if anything unusual was found.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Report as one JSON object per line, for programs.")
    ] = False,
) -> None:
    """List stored figures that are possible and so unusual that they should be compared with their source.

    The rules are those of imports and mutations: price pairs that do not meet at 2,500 h, exchanged prices, other magnitudes than last
    year's or those of all operators, gross prices in the place of net ones, § 14a prices beyond the bounds, gaps, windows beside
    quarter-hours or of more than ten hours a day. docs/writing.md lists their codes. Nothing is changed.

    Exit status: 0 checked, 1 something unusual with --strict, or the database failed; 2 wrong usage.
    """
    chosen = [CHECKED[table] for table in tables] if tables else list(CHECKED.values())

    async def work(settings: Settings) -> int:
        async with (
            connect(settings.database_url, deadline=settings.import_timeout) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            operators = await fetch_operators(connection)
            found = _find(connection, chosen, operators, _ids(operators, dno), year or None)
            return await (_print_json if as_json else _print_lines)(found)

    if with_databases(read_settings(os.environ), work) and strict:
        raise typer.Exit(1)


def _ids(operators: dict[str, UUID], slugs: Sequence[str] | None) -> list[UUID] | None:
    if not slugs:
        return None
    for slug in slugs:
        if slug not in operators:
            raise AppError(f"There is no operator {quoted(slug)}.", Code.NOT_FOUND)
    return [operators[slug] for slug in slugs]


async def _find(
    connection: Connection,
    families: Sequence[Family],
    operators: dict[str, UUID],
    dno_ids: Sequence[UUID] | None,
    years: Sequence[int] | None,
) -> AsyncIterator[Found]:
    """In bounded memory: operators are read in groups, in the order of their slugs."""
    slugs = {dno_id: slug for slug, dno_id in operators.items()} | {WHOLE_COUNTRY: ""}
    chosen = sorted(set(slugs if dno_ids is None else dno_ids), key=slugs.__getitem__)
    for family in families:
        check = TABLES[family.name].plausibility
        usual = await check.distribution(connection)
        for start in range(0, len(chosen), _OPERATORS_AT_ONCE):
            group = chosen[start : start + _OPERATORS_AT_ONCE]
            found = [each async for each in check.find_beside(connection, usual, group, years)]
            for entry, warnings in sorted(found, key=lambda each: _position(slugs, family, each.entry)):
                for warning in warnings:
                    yield Found(family.public_name, slugs[entry.dno_id], entry, warning)


def _position(slugs: dict[UUID, str], family: Family, entry: Any) -> tuple[Any, ...]:
    return slugs[entry.dno_id], entry.year, *_key(family, entry)


def _key(family: Family, entry: Any) -> Iterator[str]:
    """The values of its key that it has."""
    return (str(value) for key in family.key if (value := getattr(entry, key.name)) is not None)


async def _print_lines(found: AsyncIterator[Found]) -> int:
    """One line for each warning, separated by tabs."""
    count = 0
    async for each in found:
        key = " ".join([each.dno, str(each.entry.year), *_key(CHECKED[each.table], each.entry)])
        print_row((each.table, key, each.warning.code, each.warning.message))
        count += 1
    console.out.print(f"{count:,} unusual values.", markup=False)
    return count


async def _print_json(found: AsyncIterator[Found]) -> int:
    count = 0
    async for each in found:
        entry, family = each.entry, CHECKED[each.table]
        line = {
            "kind": "unusual",
            "table": each.table,
            "dno_slug": each.dno,
            "year": entry.year,
            **{key.name: getattr(entry, key.name) for key in family.key},
            "verification_status": entry.verification_status,
            "code": each.warning.code,
            "reason": each.warning.message,
        }
        print_json(line)
        count += 1
    print_json({"kind": "summary", "unusual": count})
    return count
