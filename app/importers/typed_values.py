"""Values of formats that have types, as a text file would have them."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite

from app.importers.decimals import Figure

_MIDNIGHT = time()


def text_of(value: object) -> str | None:
    """None: a value of another type, such as a list, or a number that is none, as programs write it for what is missing."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return str(value).lower()
        case float():
            if not isfinite(value):
                return None
            # A spreadsheet keeps 15 digits: 0.1 + 0.2 is 0.3.
            return Figure(f"{value:.15g}")
        case int() | Decimal():
            return Figure(f"{value:f}" if isinstance(value, Decimal) else value)
        case datetime():
            return value.date().isoformat() if value.time() == _MIDNIGHT else value.isoformat(" ")
        case date():
            return value.isoformat()
        case time():
            return value.isoformat()
        case timedelta():
            minutes, seconds = divmod(value.total_seconds(), 60)
            return f"{int(minutes) // 60:02}:{int(minutes) % 60:02}:{int(seconds):02}"
    return None
