"""The query for the operators at a postal code, and the reading that searches and questions share."""

from typing import Annotated

import strawberry

from app.db.places import PostalCode
from app.domain.directory_parts import Part
from app.domain.entry import VoltageLevel
from app.domain.place import POSTAL_CODE, Place, operators_at, seats_of
from app.domain.place import DnoAtPlace as DnoAtPlaceStruct
from app.errors import BadInput, quoted
from schema.batch_field import root_field
from schema.context import Context
from schema.directory import load_directory
from schema.types.pagination import check_length
from schema.types.place import DnoAtPlace


@strawberry.type
class PlaceQueries:
    @root_field(
        list[DnoAtPlace],
        description="Operators with a network at a postal code, the largest share first; empty where none is known. All of them "
        "are candidates: a postal code often has several, and counted units are evidence, not a map. Where no places of the postal "
        "code are known, operators with their seat there answer, with basis SEAT.",
        price=20,
    )
    async def dnos_at(
        context: Context,
        postal_code: Annotated[str, strawberry.argument(description="German postal code, 5 digits.")],
        city: Annotated[
            str | None,
            strawberry.argument(
                description="Only this municipality of the postal code; additions to its name may be missing or abbreviated, such as (Saale). A blank text is refused."
            ),
        ] = None,
        voltage_level: Annotated[
            VoltageLevel | None,
            strawberry.argument(
                description="Only locations at this level, and what is published or known without a level."
            ),
        ] = None,
    ) -> list[DnoAtPlaceStruct]:
        wanted = postal_code.strip()
        if not POSTAL_CODE.fullmatch(wanted):
            raise BadInput(
                f"{quoted(postal_code)} is no postal code: `postalCode` must be 5 digits, such as 80331.",
                argument="postalCode",
            )
        if city is not None:
            check_length(city, "city")
            if not city.strip():
                # The answer would be as if no municipality had this name.
                raise BadInput(
                    "`city` names no municipality; left out, all of them are meant.", argument="city"
                )
        return await load_dnos_at(context, wanted, city, voltage_level)


async def load_dnos_at(
    context: Context, postal_code: str, city: str | None = None, voltage_level: VoltageLevel | None = None
) -> list[DnoAtPlaceStruct]:
    """The operators at a postal code of 5 digits, as `dnosAt` returns them."""
    places = await _places(context, postal_code)
    if places:
        return operators_at(places, city, voltage_level)
    directory = await load_directory(context, Part.BY_POSTAL_CODE)
    return seats_of(directory.by_postal_code.get(postal_code, ()), city)


async def _places(context: Context, postal_code: str) -> list[Place]:
    """Without those of deleted operators."""
    (generation,) = await context.loaders.place_generation.load_many([None])
    if generation is None:
        return []
    key = PostalCode(generation, postal_code)
    (places,) = await context.loaders.places_by_postal_code.load_many([key])
    if not places:
        return []
    dnos = await context.loaders.dno_by_id.load_many([place.dno_id for place in places])
    return [place for place, dno in zip(places, dnos, strict=True) if dno is not None]
