"""How much each caller may have within a window of time, counted in this process."""

from time import monotonic
from typing import Final

# So many callers are counted apart; beyond that, all others share one budget until the window ends.
MAX_CALLERS: Final = 10_000
_OTHERS: Final = ""


class Budgets:
    """`limit` units per caller and `total` over all callers within `window` seconds; 0 allows nothing.

    A fixed window: its memory is bounded by MAX_CALLERS and given back when the next one begins.
    """

    def __init__(self, limit: int, total: int, window: float) -> None:
        self._limit = limit
        self._total = total
        self._window = window
        self._ends = 0.0
        self._spent: dict[str, int] = {}
        self._spent_by_all = 0

    def __len__(self) -> int:
        return len(self._spent)

    def take(self, caller: str, units: int = 1) -> bool:
        """False, and nothing taken, where it would be more than the caller or all callers may have."""
        now = monotonic()
        if now >= self._ends:
            self._spent.clear()
            self._spent_by_all = 0
            self._ends = now + self._window
        if caller not in self._spent and len(self._spent) >= MAX_CALLERS:
            caller = _OTHERS
        spent = self._spent.get(caller, 0) + units
        if spent > self._limit or self._spent_by_all + units > self._total:
            return False
        self._spent[caller] = spent
        self._spent_by_all += units
        return True
