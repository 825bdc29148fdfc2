"""Whether a moment lies in a Hochlastzeitfenster."""

from collections.abc import Sequence
from datetime import datetime

from app.domain import clock
from app.domain.hlzf import Hlzf
from app.domain.working_days import is_working_day


def is_peak(at: datetime, hlzf_of_level: Sequence[Hlzf], region: str | None) -> bool | None:
    """None: nothing is published for that year. If anything is, a season without an entry has no windows:
    charges rise only in windows that an operator has published.

    Windows are wall-clock time in Germany, so both changes of the clock are right by themselves:
    02:30 happens twice in autumn and never in spring. December belongs to its own calendar year's
    winter, as the sheets are published by calendar year.
    """
    local = at.astimezone(clock.GERMANY)
    of_year = [entry for entry in hlzf_of_level if entry.year == local.year]
    if not of_year:
        return None
    if not is_working_day(local.date(), region):
        return False
    season = clock.season(local.date())
    minute = local.hour * 60 + local.minute
    return any(
        window.covers(minute) for entry in of_year if entry.season is season for window in entry.windows
    )
