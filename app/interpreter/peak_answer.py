"""The answer whether it is peak load at a moment, or when it is on a day."""

from collections.abc import Sequence
from datetime import datetime

from app.domain import clock
from app.domain.peak import PeakStatus
from app.domain.question import Interpretation
from app.domain.question_figures import PeakAtLevel
from app.domain.working_days import PeakReason
from app.interpreter.answer_words import ENGLISH, Words, listed, marked, unknown_levels
from app.interpreter.peak_notes import in_german


def peak_load(
    words: Words, meaning: Interpretation, name: str, peak: Sequence[PeakAtLevel], at: datetime | None
) -> str | None:
    """None where no windows are published. `at` None: the day of the question."""
    if not peak:
        return None
    say = _of_day if at is None else _of_moment
    day = meaning.details.day if at is None else at.astimezone(clock.GERMANY)
    texts = [
        (words.levels[one.voltage_level], _marked(words, one, say(words, one.statuses, at))) for one in peak
    ]
    if meaning.voltage_level is not None and len(texts) == 1:
        return f"{name}, {texts[0][0]}, {words.day.format(day)}: {texts[0][1]}"
    if len({text for _, text in texts}) == 1 and len(texts) > 1 and not meaning.details.levels:
        return f"{name}, {words.day.format(day)}, {words.all_levels}: {texts[0][1]}"
    missing = unknown_levels(words, meaning, (one.voltage_level for one in peak))
    return (
        f"{name}, {words.day.format(day)}: " + "; ".join(f"{level} {text}" for level, text in texts) + missing
    )


def _marked(words: Words, one: PeakAtLevel, text: str) -> str:
    """Where the answer follows from windows, not from the day alone."""
    by_windows = any(status.reason in (PeakReason.WINDOW, PeakReason.NO_WINDOW) for status in one.statuses)
    return marked(words, text, one.publication) if by_windows else text


def _of_moment(words: Words, statuses: Sequence[PeakStatus], at: datetime | None) -> str:
    assert at is not None
    (status,) = statuses
    text = _answered(words, status)
    if status.peak is None or status.interval is None:
        return text
    until = status.interval.end.astimezone(clock.GERMANY)
    now = f"{at.astimezone(clock.GERMANY):%H:%M}"
    return words.until.format(now, text, f"{words.day.format(until)} {until:%H:%M}")


def _answered(words: Words, status: PeakStatus) -> str:
    if status.peak is None:
        return _not_known(words, [status])
    return words.peak if status.peak else words.off_peak.format(words.reasons[status.reason])


def _of_day(words: Words, statuses: Sequence[PeakStatus], _: datetime | None) -> str:
    peaks = [status for status in statuses if status.peak]
    unknown = [status for status in statuses if status.peak is None]
    texts = []
    if peaks:
        texts.append(words.peak_hours.format(_spans(words, peaks)))
    if unknown:
        # Without its hours it would be said of those at peak load, too.
        hours = f"{_spans(words, unknown)}: " if len(statuses) > 1 else ""
        texts.append(hours + _not_known(words, unknown))
    return ", ".join(texts) or _answered(words, statuses[0])


def _not_known(words: Words, statuses: Sequence[PeakStatus]) -> str:
    """With each reason once."""
    reasons = dict.fromkeys(part for status in statuses if status.note for part in status.note.split("; "))
    if not reasons:
        return words.peak_unknown
    note = "; ".join(reasons)
    return f"{words.peak_unknown} ({note if words is ENGLISH else in_german(note)})"


def _spans(words: Words, statuses: Sequence[PeakStatus]) -> str:
    return words.windows.format(listed([_span(status) for status in statuses], words.both))


def _span(status: PeakStatus) -> str:
    assert status.interval is not None
    start, end = (moment.astimezone(clock.GERMANY) for moment in (status.interval.start, status.interval.end))
    return f"{start:%H:%M}–{'24:00' if (end.hour, end.minute) == (0, 0) else f'{end:%H:%M}'}"
