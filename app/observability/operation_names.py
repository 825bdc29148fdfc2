"""Which operation names become labels: names are made up by clients, and labels stay for ever."""

from prometheus_client import Counter

from app.observability import counting
from app.observability.counting import Count

OTHER = "other"
# Of names in documents that are registered, or that callers with credentials send.
MAX_KNOWN = 500
# Of all other names: so many labels for names that were counted so often. Each further step takes more uses,
# so names that are made up once leave labels for those that are used.
STEPS = ((250, 1), (400, 5), (475, 50), (500, 500))
# So many names have their uses counted; then all counts are halved, and those of names used once are forgotten.
MAX_COUNTED = 4096


class NameCount:
    """Counts like `Count`; under which label is decided when it is flushed, by all uses of the name."""

    __slots__ = ("_flushed", "_names", "_value", "known", "labels")

    def __init__(self, names: "OperationNames", labels: tuple[str, str], known: bool) -> None:
        self.labels = labels
        self.known = known
        self._names = names
        self._value = 0
        self._flushed = 0

    @property
    def value(self) -> int:
        return self._value

    @value.setter
    def value(self, value: int) -> None:
        if self._value == self._flushed:
            self._names.changed.append(self)
        self._value = value

    def take(self) -> int:
        """What was counted since the last time."""
        new, self._flushed = self._value - self._flushed, self._value
        return new


class OperationNames:
    """A counter by (operation, outcome). What was counted before a name became a label stays under OTHER."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._labelled: dict[tuple[str, str], Count] = {}
        self._known: set[str] = set()
        self._others: set[str] = set()
        self._uses: dict[str, int] = {}
        self.changed: list[NameCount] = []
        counting.register(self)

    def count(self, name: str, outcome: str, *, known: bool) -> NameCount:
        """`known`: the name is no invention of an anonymous caller."""
        return NameCount(self, (name, outcome), known)

    def flush(self) -> None:
        changed, self.changed = self.changed, []
        for count in changed:
            new = count.take()
            name, outcome = count.labels
            label = name if self._has_label(name, new, known=count.known) else OTHER
            self._count(label, outcome).value += new
        for labelled in self._labelled.values():
            labelled.flush()

    def _has_label(self, name: str, new: int, *, known: bool) -> bool:
        if name in self._known or name in self._others:
            return True
        if known and len(self._known) < MAX_KNOWN:
            self._known.add(name)
            return True
        uses = self._uses[name] = self._uses.pop(name, 0) + new
        if len(self._uses) > MAX_COUNTED:
            self._uses = {counted: half for counted, uses in self._uses.items() if (half := uses // 2)}
        labels = len(self._others)
        least = next((least for most, least in STEPS if labels < most), None)
        if least is None or uses < least:
            return False
        self._uses.pop(name, None)
        self._others.add(name)
        return True

    def _count(self, label: str, outcome: str) -> Count:
        count = self._labelled.get((label, outcome))
        if count is None:
            count = self._labelled[label, outcome] = Count(self._counter, label, outcome, registered=False)
        return count
