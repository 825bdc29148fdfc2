"""L1: the cache in this process, bounded by bytes, and never older than a received invalidation."""

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import islice
from math import inf
from random import random
from typing import Any, Final

from app.cache.clock import monotonic
from app.observability.metrics import CACHE_BYTES, CACHE_REFUSED_FILLS, CACHE_TRUSTED

# What an entry costs beside its value: the entry, its place in the table and in the tag index,
# and what each further tag takes there.
OVERHEAD: Final = 700
TAG: Final = 250

# So many tags are remembered with the moment of their last invalidation; older moments are forgotten
# together, and fills from before them are refused without a look at their tags.
MOMENTS: Final = 20_000


class Segment:
    """Entries that evict each other first, the oldest in front; `share` is the guaranteed number of bytes."""

    __slots__ = ("bytes", "keys", "share")

    def __init__(self, share: int) -> None:
        self.share = share
        self.bytes = 0
        self.keys: OrderedDict[Hashable, None] = OrderedDict()


class Entry:
    """A value, the tags it rests on and until when it holds, on the clock of app/cache/clock.py."""

    __slots__ = ("segment", "size", "tags", "until", "used", "value")

    def __init__(self, value: Any, tags: Collection[str], until: float, size: int, segment: Segment) -> None:
        self.segment = segment
        self.value = value
        self.tags = tags
        self.until = until
        self.size = size
        self.used = False


class Memory:
    """Off until this process receives the invalidations of other instances.

    `valid_until`: until then all invalidations are known to have arrived. After that nothing is
    returned, but everything stays: invalidations that are still in transit arrive before the next proof.

    There is no timer: expired entries are detected when they are requested, or evicted by new ones.
    """

    def __init__(self, max_bytes: int, lifetime: float, jitter: float = 0.0) -> None:
        """`lifetime`: of an entry, at most; `jitter`: the share of it by which entries differ, so that what was kept together does not
        end together, and is not read and written again by the same few requests.
        """
        self.valid_until = -inf
        self._on = False
        self.bytes = 0
        self._max_bytes = max_bytes
        self._lifetime = lifetime
        self._jitter = lifetime * jitter
        self._entries: dict[Hashable, Entry] = {}
        # Records of the database; responses and fragments that were requested again; and those that were
        # requested once (probation), of which clients can create any number.
        self._records = Segment(max_bytes // 2)
        self._answers = Segment(max_bytes * 3 // 8)
        self._new = Segment(max_bytes // 8)
        self._segments = (self._records, self._answers, self._new)
        self._keys: dict[str, set[Hashable]] = {}  # by tag
        self._moment = 0
        self._floor = 0
        self._invalidated: dict[str, int] = {}  # tag -> moment, oldest first
        self._refused = CACHE_REFUSED_FILLS.labels("l1")
        self._trusted = CACHE_TRUSTED.labels("l1")
        self._trusted.set(0)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def enabled(self) -> bool:
        """Whether it answers at this moment."""
        return self._on and monotonic() < self.valid_until

    @property
    def records_are_full(self) -> bool:
        """Whether records take at least their share: further ones take the place of others, or of answers."""
        return self._records.bytes >= self._records.share

    def get(self, key: Hashable) -> Entry | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        now = monotonic()
        if now >= self.valid_until:
            return None
        if entry.until <= now:
            self._forget(key)
            return None
        entry.used = True
        return entry

    def get_each(self, keys: Sequence[Hashable]) -> list[Entry | None]:
        """The same as `get` for each key, for half of the time."""
        now = monotonic()
        if now >= self.valid_until:
            return [None] * len(keys)
        found = list(map(self._entries.get, keys))
        for position, entry in enumerate(found):
            if entry is None:
                continue
            if entry.until > now:
                entry.used = True
                continue
            if keys[position] in self._entries:  # else it is among the keys twice
                self._forget(keys[position])
            found[position] = None
        return found

    def get_all(self, keys: Iterable[Hashable]) -> tuple[list[Entry], list[Any], float] | None:
        """All entries together, their values and until when all of them hold. None if one is missing or has ended."""
        now = monotonic()
        if now >= self.valid_until:
            return None
        found = list(map(self._entries.get, keys))
        values: list[Any] = []
        add_value, first_end = values.append, inf
        # Only what is needed of each is read: that of thousands of entries is not in the processor's caches. So their
        # tags are left to those who keep the response.
        for entry in found:
            if entry is None:
                return None
            end = entry.until
            if end <= now:
                return None
            entry.used = True
            add_value(entry.value)
            if end < first_end:
                first_end = end
        return found, values, first_end  # type: ignore[return-value] # none is None

    def end_of(self, keys: Iterable[Hashable]) -> float | None:
        """The first end of these entries; None if one is missing."""
        entries = self._entries
        end = inf
        for key in keys:
            entry = entries.get(key)
            if entry is None:
                return None
            if entry.until < end:
                end = entry.until
        return end

    def now(self) -> int:
        """A moment to give to `keep`: taken before the first read on which the value rests."""
        return self._moment

    def received_all_since(self, moment: int) -> bool:
        """False if an invalidation may have been missed since then."""
        return self.enabled and moment >= self._floor

    def is_current(self, tags: Collection[str], since: int) -> bool:
        """Whether what was read since that moment may be served now: none of the tags was invalidated meanwhile."""
        return self.enabled and not self._overtaken(tags, since)

    def keep(
        self,
        key: Hashable,
        value: Any,
        *,
        size: int,
        tags: Collection[str],
        until: float,
        since: int,
        answer: bool = False,
    ) -> bool:
        """Rejects a value of which a tag was invalidated since the moment `since`.

        `answer`: it depends on a client's request. Until it is requested again it is in the probation segment: requests
        that do not repeat evict neither records nor repeated ones.
        """
        size += OVERHEAD + TAG * max(len(tags) - 1, 0)
        segment = self._new if answer else self._records
        if not self._on or size > (segment.share if answer else self._max_bytes):
            return False
        if self._overtaken(tags, since):
            self._refused.inc()
            return False
        now = monotonic()
        if until <= now:
            return False
        if key in self._entries:
            self._forget(key)
        longest = now + self._lifetime - self._jitter * random()  # noqa: S311 - not security-relevant
        self._add(key, Entry(value, tags, min(until, longest), size, segment))
        CACHE_BYTES.set(self.bytes)
        return True

    def invalidate(self, tags: Iterable[str]) -> int:
        """Forgets what rests on the tags, and what is still being read for them; returns the number of evicted entries."""
        self._moment += 1
        forgotten = 0
        for tag in tags:
            # Taken out and put in again: the order of the dict is the order of the moments.
            self._invalidated.pop(tag, None)
            self._invalidated[tag] = self._moment
            for key in tuple(self._keys.get(tag, ())):
                self._forget(key)
                forgotten += 1
        if len(self._invalidated) > MOMENTS:
            self._forget_moments()
        CACHE_BYTES.set(self.bytes)
        return forgotten

    def clear(self) -> None:
        """Empties L1; what is being read at this moment is not kept either."""
        self._moment += 1
        self._floor = self._moment
        self._entries.clear()
        for segment in self._segments:
            segment.keys.clear()
            segment.bytes = 0
        self._keys.clear()
        self._invalidated.clear()
        self.bytes = 0
        CACHE_BYTES.set(0)

    def switch_off(self) -> None:
        self._on = False
        self.valid_until = -inf
        self._trusted.set(0)
        self.clear()

    def switch_on(self, valid_until: float = inf) -> None:
        """What began while L1 was off may have missed an invalidation: it is refused."""
        if not self._on:
            self.clear()
        self._on = True
        self.valid_until = valid_until
        self._trusted.set(1)

    def _overtaken(self, tags: Collection[str], since: int) -> bool:
        if since == self._moment:
            return False
        invalidated = self._invalidated
        return since < self._floor or any(invalidated.get(tag, 0) > since for tag in tags)

    def _add(self, key: Hashable, entry: Entry) -> None:
        self._entries[key] = entry
        for tag in entry.tags:
            keys = self._keys.get(tag)
            if keys is None:
                self._keys[tag] = {key}
            else:
                keys.add(key)
        self.bytes += entry.size
        self._enter(key, entry, entry.segment)
        self._shrink()

    def grow(self, key: Hashable, value: Any, size: int) -> None:
        """The value takes so many bytes more than when it was kept; without effect if it is not in memory any more."""
        entry = self._entries.get(key)
        if entry is None or entry.value is not value:
            return
        entry.size += size
        entry.segment.bytes += size
        self.bytes += size
        self._shrink()
        CACHE_BYTES.set(self.bytes)

    def _shrink(self) -> None:
        while self._new.bytes > self._new.share:
            self._push_out(self._new)
        while self.bytes > self._max_bytes:
            self._push_out(max(self._segments, key=_beyond_its_share))

    def _enter(self, key: Hashable, entry: Entry, segment: Segment) -> None:
        entry.segment = segment
        segment.keys[key] = None
        segment.bytes += entry.size

    def _push_out(self, segment: Segment) -> None:
        """Evicts the oldest entry, unless it was used since it last was the oldest (second chance, CLOCK)."""
        key = next(iter(segment.keys))
        entry = self._entries[key]
        if not entry.used:
            self._forget(key)
            return
        entry.used = False
        segment.keys.pop(key)
        segment.bytes -= entry.size
        self._enter(key, entry, self._answers if segment is self._new else segment)

    def _forget(self, key: Hashable) -> None:
        entry = self._entries.pop(key)
        entry.segment.keys.pop(key)
        entry.segment.bytes -= entry.size
        for tag in entry.tags:
            keys = self._keys[tag]
            keys.discard(key)
            if not keys:
                del self._keys[tag]
        self.bytes -= entry.size

    def _forget_moments(self) -> None:
        surplus = len(self._invalidated) - MOMENTS // 2
        for tag in list(islice(self._invalidated, surplus)):
            self._floor = self._invalidated.pop(tag)


def _beyond_its_share(segment: Segment) -> int:
    return segment.bytes - segment.share
