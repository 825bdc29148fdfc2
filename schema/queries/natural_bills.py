"""Works out the bills that a question asks for: one statement per family, however many operators are compared."""

import asyncio
from collections.abc import Sequence

from app.domain import levy, tags
from app.domain.bill import bill_of
from app.domain.directory_parts import Part
from app.domain.dno import Dno
from app.domain.entry import DnoYear
from app.domain.levy_charges import LevyRates, levy_charges
from app.domain.question import Interpretation, QuestionTopic
from app.domain.question_figures import BillOfDno, Figures
from app.errors import BadInput
from schema.context import Context
from schema.directory import load_directory
from schema.queries.bill_ranking import load_bill_ranking
from schema.queries.natural_found import Found
from schema.types.bill import load_price_sheets


async def load_bills(context: Context, meaning: Interpretation) -> Found:
    """Without bills where something is missing in the question, or where no such bill exists: Modul 3 in 2020."""
    named = [] if meaning.dno_id is None else [meaning.dno_id]
    dnos, candidates = await asyncio.gather(
        context.loaders.dno_by_id.load_many(named),
        context.loaders.dno_by_id.load_many(list(meaning.candidates)),
    )
    dno = dnos[0] if dnos else None
    known = [candidate for candidate in candidates if candidate is not None]
    several = known if meaning.topic is QuestionTopic.COMPARISON else ()
    charged = [dno] if dno is not None else several
    bills = [] if meaning.lacking else await _bills(context, meaning, charged)
    used = {tags.operator(dno_id) for dno_id in (*named, *meaning.candidates)}
    return Found(
        Figures(bills=bills), dno=dno, candidates=known, used=used | _read(meaning, charged), years=()
    )


async def load_ranking_by_bills(context: Context, meaning: Interpretation) -> Found:
    """Prices that are derived by a rule do not count; the operators that only have such ones are counted."""
    usage, year, details = meaning.details.usage, meaning.year, meaning.details
    assert usage is not None
    assert year is not None
    consumption = usage.consumption(year, meaning.voltage_level)
    try:
        consumption.check()
    except BadInput:
        return Found(Figures())
    ranking = await load_bill_ranking(
        context,
        consumption,
        details.region,
        include_derived=False,
        dearest=details.dearest,
        places=slice(details.first),
    )
    directory = await load_directory(context, Part.BY_ID)
    names = {one.dno_id: directory.by_id[one.dno_id].name for one in ranking.bills}
    return Found(Figures(bill_ranking=ranking), names=names, used={tags.DIRECTORY}, uncached=True)


async def _bills(context: Context, meaning: Interpretation, dnos: Sequence[Dno]) -> list[BillOfDno]:
    usage, year = meaning.details.usage, meaning.year
    assert usage is not None
    assert year is not None
    consumption = usage.consumption(year, meaning.voltage_level)
    try:
        consumption.check()
    except BadInput:
        return []
    sheets, levies = await asyncio.gather(
        load_price_sheets(context.loaders, dnos, consumption), context.loaders.levies.load_many([None])
    )
    charges = levy_charges(consumption, LevyRates.of(levies[0] or (), year))
    context.budget.check()
    return [
        BillOfDno(dno.id, bill_of(consumption, sheet, charges))
        for dno, sheet in zip(dnos, sheets, strict=True)
    ]


def _read(meaning: Interpretation, dnos: Sequence[Dno]) -> set[str]:
    keys = [DnoYear(dno.id, meaning.year) for dno in dnos if meaning.year is not None]
    of_keys = {tag(key) for key in keys for tag in (tags.tariffs, tags.prices, tags.time_of_use)}
    return of_keys | {tags.all_of(levy.FAMILY)}
