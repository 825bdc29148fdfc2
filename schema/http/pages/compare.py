"""Up to five operators side by side: who they are first, and then their figures of a year."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.requests import Request

from app.cache.read_set import ReadSet
from app.domain.folding import fold
from app.observability.operation_names import NameCount
from app.web.comparison import comparison_of
from schema.http.pages.address import Loaded, query_address
from schema.http.pages.document import page_operation
from schema.http.pages.form_page import FormError, FormPage, usual_year
from schema.http.pages.profile import (
    PROFILE_PARAMETERS,
    check_form_year,
    input_of,
    read_consumption,
    read_profile,
)
from schema.http.rest_operations import Map
from schema.types.pagination import MAX_TEXT_LENGTH

MOST: Final = 5
_PLACES: Final = "abcde"
_FURTHER: Final = {**PROFILE_PARAMETERS, "with": "[String!]", "add": "String"}


class _Compared(NamedTuple):
    """`matches`: operators with a name like the one that was typed; none are `nothing_found`, or one has exactly that name.

    `unknown`: by name, with operators of similar names."""

    operators: list[Map]
    matches: list[Map]
    nothing_found: bool
    unknown: list[tuple[str, list[Map]]]
    read_set: ReadSet
    counter: NameCount | None


class ComparePage(FormPage):
    computed = frozenset(("slugs", "input"))
    further = _FURTHER

    async def _load(self, variables: Map, request: Request) -> Loaded:
        compared = await self._compared(_slugs(variables), _typed(variables), request)
        read_set, operators = compared.read_set, compared.operators
        years = sorted({year for dno in operators for year in dno["years"]}, reverse=True)
        year = variables.get("year")
        year = usual_year(years, read_set) if year is None else check_form_year(year)
        consumption = read_consumption(variables, year)
        values = {
            **await self._form(request),
            "operators": operators,
            "matches": compared.matches,
            "nothing_found": compared.nothing_found,
            "unknown": compared.unknown,
            "years": years,
            "year": year,
            "consumption": consumption,
            "profile": read_profile(variables),
            "refusal": None,
        }
        if not operators:
            return Loaded(values, read_set, compared.counter)
        wanted = {"slugs": [dno["slug"] for dno in operators], "year": year, "input": input_of(consumption)}
        result = await self._operations.run_fields(self._operation, wanted, request)
        read_set.merge(result.read_set)
        values |= {
            "comparison": comparison_of(result.data["compareBills"]),
            "query_address": query_address(self._text, wanted),
        }
        return Loaded(values, read_set, result.counter)

    async def _form(self, request: Request) -> Map:
        nothing = dict.fromkeys(("comparison", "consumption", "profile", "year"))
        return {
            **nothing,
            "operators": [],
            "matches": [],
            "nothing_found": False,
            "unknown": [],
            "years": [],
            "most": MOST,
        }

    async def _compared(self, slugs: Sequence[str], typed: str, request: Request) -> _Compared:
        """An operator with exactly the name that was typed is one of them. Raises FormError for too many."""
        variables = {**dict(zip(_PLACES, slugs, strict=False)), "typed": typed, "adding": bool(typed)}
        found = await self._operations.run_fields(page_operation("comparedOperators"), variables, request)
        places = [(slug, found.data[place]) for place, slug in zip(_PLACES, slugs, strict=False)]
        operators = [dno for _, dno in places if dno is not None]
        matches = [match["dno"] for match in found.data.get("searchDnos") or ()]
        nothing_found = bool(typed) and not matches
        chosen = [dno for dno in matches if fold(typed) in (fold(dno["name"]), dno["slug"])]
        if len(chosen) == 1:
            matches = []
            operators += [dno for dno in chosen if dno not in operators]
        if len(operators) > MOST:
            raise _too_many(len(operators))
        unknown = [
            (slug, await self._near(slug, found.read_set, request)) for slug, dno in places if dno is None
        ]
        return _Compared(operators, matches, nothing_found, unknown, found.read_set, found.counter)

    async def _near(self, slug: str, read_set: ReadSet, request: Request) -> list[Map]:
        query = {"query": slug.replace("-", " ")[:100]}
        found = await self._operations.run_fields(self._similar, query, request)
        read_set.merge(found.read_set)
        return [match["dno"] for match in found.data["searchDnos"]]


def _slugs(variables: Map) -> list[str]:
    """Each once, also of a list with commas. Raises FormError."""
    given = [slug.strip() for text in variables.get("with", ()) for slug in text.split(",")]
    slugs = list(dict.fromkeys(filter(None, given)))
    if len(slugs) > MOST:
        raise _too_many(len(slugs))
    if any(len(slug) > MAX_TEXT_LENGTH for slug in slugs):
        raise FormError("Ein Name ist zu lang.", "A name is too long.", "with")
    return slugs


def _typed(variables: Map) -> str:
    typed: str = variables.get("add", "").strip()
    if len(typed) > MAX_TEXT_LENGTH:
        raise FormError(
            f"Ein Name hat höchstens {MAX_TEXT_LENGTH} Buchstaben.",
            f"A name has at most {MAX_TEXT_LENGTH} letters.",
            "add",
        )
    return typed


def _too_many(number: int) -> FormError:
    return FormError(
        f"Es lassen sich höchstens {MOST} Netzbetreiber vergleichen, hier sind es {number}. Bitte entfernen Sie einen.",
        f"At most {MOST} operators can be compared, here are {number}. Please remove one.",
        "with",
    )
