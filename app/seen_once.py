"""Admission filter: whether a key was seen before, so that only what repeats is cached."""

from collections.abc import Hashable


class SeenOnce:
    """Remembers hashes of keys, at most `max_keys`; then it is cleared. A collision admits a key at its first use."""

    __slots__ = ("_hashes", "_max_keys")

    def __init__(self, max_keys: int) -> None:
        self._hashes: set[int] = set()
        self._max_keys = max_keys

    def __len__(self) -> int:
        return len(self._hashes)

    def seen_before(self, key: Hashable) -> bool:
        """False for the first use of a key, which is noted; True for every later one."""
        name = hash(key)
        if name in self._hashes:
            return True
        if len(self._hashes) >= self._max_keys:
            self._hashes.clear()
        self._hashes.add(name)
        return False

    def contains(self, key: Hashable) -> bool:
        """The same without noting it."""
        return hash(key) in self._hashes

    def forget(self, key: Hashable) -> None:
        self._hashes.discard(hash(key))
