"""The answer about a bill: of one operator, of several beside each other, and of all in a ranking."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from app.domain.bill import Bill
from app.domain.bill_position import BillPosition
from app.domain.bill_ranking import BillRanking
from app.domain.consumption import MODULES
from app.domain.entry import VoltageLevel
from app.domain.question import Interpretation, Usage
from app.domain.question_figures import BillOfDno
from app.interpreter.answer_words import Words, amount, listed, number
from app.interpreter.bill_words import bill_words_of
from app.interpreter.missing_of_bills import missing_of_bill


def bill_of_one(words: Words, meaning: Interpretation, name: str, bill: Bill | None) -> str | None:
    """None where there is no such bill, for whatever reason."""
    if bill is None:
        return _impossible(words, meaning, name)
    of_bill = bill_words_of(words)
    text = f"{name}, {described(words, meaning)}: "
    if bill.network is None:
        return text + f"{of_bill.unknown}; {_missing(words, bill)}."
    return text + ", ".join(_parts(words, bill)) + _remarks(words, bill)


def _impossible(words: Words, meaning: Interpretation, name: str) -> str | None:
    """Which part of the question no price sheet can have."""
    of_bill, usage = bill_words_of(words), meaning.details.usage
    assert usage is not None
    assert meaning.year is not None
    if usage.peak_load_kw is None and meaning.voltage_level not in (None, VoltageLevel.NS):
        reason = of_bill.low_voltage_only
    elif usage.module is not None and meaning.year < (first := MODULES[usage.module]):
        reason = of_bill.module_since.format(usage.module, first)
    else:
        return None
    return f"{name}, {described(words, meaning)}: {reason}."


def _parts(words: Words, bill: Bill) -> Iterable[str]:
    of_bill = bill_words_of(words)
    assert bill.network is not None
    charges = [position for position in bill.positions if position.levy is None]
    yield of_bill.network.format(number(words, bill.network), ", ".join(_positions(words, charges)))
    if bill.levies is None or bill.net is None or bill.gross is None:
        yield f"{of_bill.gross_unknown} ({_missing(words, bill)})"
        return
    yield of_bill.levies.format(number(words, bill.levies), number(words, bill.net))
    yield of_bill.gross.format(bill.vat_percent, number(words, bill.gross))


def _positions(words: Words, positions: Sequence[BillPosition]) -> Iterable[str]:
    """The months of a price stand together: "Monatsleistungspreis 12 × 2.382,00 €"; others that are alike do not."""
    for _, same in groupby(
        positions, key=lambda p: (p.name.rpartition(" ")[0], p.price, p.quantity, p.price_unit)
    ):
        first, *others = same
        amount_of_one = words.euro.format(number(words, first.amount))
        if others:
            yield f"{first.name.rpartition(' ')[0]} {1 + len(others)} × {amount_of_one}"
        else:
            yield f"{first.name} {amount_of_one}"


def _missing(words: Words, bill: Bill) -> str:
    texts = dict.fromkeys(missing_of_bill(words, figure) for figure in bill.missing)
    return bill_words_of(words).missing.format(", ".join(texts))


def _remarks(words: Words, bill: Bill) -> str:
    """What is not part of the sum, and what it rests on."""
    of_bill = bill_words_of(words)
    codes = dict.fromkeys(warning.code for warning in bill.warnings)
    left_out = [of_bill.energy, *(of_bill.left_out[code] for code in codes if code in of_bill.left_out)]
    hints = [of_bill.hints[code] for code in codes if code in of_bill.hints]
    text = f", {', '.join(hints)}" if hints else ""
    return f"{text}. {of_bill.not_included.format(listed(left_out, words.both))}"


def described(words: Words, meaning: Interpretation) -> str:
    """The customer's year: "2026, 3.500 kWh ohne Leistungsmessung"."""
    usage = meaning.details.usage
    assert usage is not None
    level = words.levels[meaning.voltage_level] if meaning.voltage_level is not None else None
    return ", ".join(part for part in (level, str(meaning.year), _usage(words, usage)) if part)


def _usage(words: Words, usage: Usage) -> str:
    of_bill = bill_words_of(words)
    kwh = amount(words, usage.consumption_kwh)
    if usage.peak_load_kw is None:
        text = f"{of_bill.consumption.format(kwh)} {of_bill.unmetered}"
    else:
        text = of_bill.load.format(kwh, amount(words, usage.peak_load_kw))
    parts = [
        of_bill.assumed.format(text) if usage.assumed else text,
        of_bill.uses[usage.use] if usage.use is not None else "",
        of_bill.module.format(usage.module) if usage.module is not None else "",
        of_bill.monthly if usage.monthly else "",
        of_bill.inhabitants.format(amount(words, Decimal(usage.inhabitants))) if usage.inhabitants else "",
    ]
    return ", ".join(part for part in parts if part)


def compared_bills(
    words: Words, meaning: Interpretation, bills: Sequence[BillOfDno], names: Mapping[UUID, str]
) -> str:
    """The cheapest first, and by how much; those without known charges last, with what is missing."""
    known = sorted(
        ((one.bill.network, one) for one in bills if one.bill.network is not None), key=lambda pair: pair[0]
    )
    texts = [_row(words, names[one.dno_id], one.bill) for _, one in known]
    texts += [
        f"{names[one.dno_id]}: {bill_words_of(words).unknown} ({_missing(words, one.bill)})"
        for one in bills
        if one.bill.network is None
    ]
    text = f"{described(words, meaning)}: {'; '.join(texts)}"
    if len(known) < 2:
        return text
    return f"{text} – {_difference(words, known, names)} ({bill_words_of(words).ranked})"


def ranked_bills(
    words: Words, meaning: Interpretation, ranking: BillRanking | None, names: Mapping[UUID, str]
) -> str:
    """Also how many operators have no rank, and why."""
    of_bill = bill_words_of(words)
    where = ", ".join(part for part in (meaning.details.region, described(words, meaning)) if part)
    if ranking is None:
        return f"{where}: {of_bill.unknown}."
    rows = ", ".join(
        f"{one.rank}. {_row(words, names.get(one.dno_id, ''), one.bill)}" for one in ranking.bills
    )
    text = f"{rows} ({of_bill.ranked})" if rows else of_bill.unknown
    counts = of_bill.counts.format(
        ranking.ranked, ranking.derived_only, ranking.not_known + ranking.without_data
    )
    return f"{where}: {text}. {counts}"


def _row(words: Words, name: str, bill: Bill) -> str:
    of_bill = bill_words_of(words)
    assert bill.network is not None
    net = words.euro.format(number(words, bill.network))
    gross = None if bill.gross is None else of_bill.gross.format(bill.vat_percent, number(words, bill.gross))
    hints = [of_bill.hints[w.code] for w in bill.warnings if w.code in _OF_OPERATORS]
    return f"{name} {net}" + "".join(f", {part}" for part in (gross, *hints) if part)


_OF_OPERATORS = ("PRELIMINARY_PRICES", "DERIVED_PRICES", "FLAGGED_FIGURES", "NO_GRUNDPREIS")


def _difference(words: Words, known: Sequence[tuple[Decimal, BillOfDno]], names: Mapping[UUID, str]) -> str:
    (lowest, cheapest), (highest, dearest) = known[0], known[-1]
    if lowest == highest:
        return words.equal
    return words.cheaper.format(
        names[cheapest.dno_id], number(words, highest - lowest), names[dearest.dno_id]
    )
