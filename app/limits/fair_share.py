"""Divides a limited number of members, such as connections, fairly among client addresses."""

from typing import Literal, Protocol

Reason = Literal["no_room", "no_share"]


class Member(Protocol):
    @property
    def expendable(self) -> bool:
        """Whether a client can simply repeat what is lost with it."""

    def evict(self) -> None:
        """Called when it is removed in favour of another address; it no longer counts."""


class LimitReached(Exception):
    """`no_room`: the total is reached and this address has its share; `no_share`: this address has its maximum."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class FairShare:
    """At most `maximum` members, and at most `per_address` of one address.

    When the maximum is reached, a new member of an address with less than its share (the maximum divided by the
    number of addresses) evicts a member of the address that has the most. Address None is a proxy, which holds
    connections for many clients: it has no limit of its own, and its members are not evicted.
    """

    def __init__(self, maximum: int, per_address: int) -> None:
        self._maximum = maximum
        self._per_address = per_address
        self._members: dict[str | None, dict[Member, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, address: str | None) -> int:
        return len(self._members.get(address, ()))

    def check(self, address: str | None) -> None:
        """Raises LimitReached if `admit` would raise it."""
        self._victims(address)

    def admit(self, address: str | None, member: Member) -> None:
        """Raises LimitReached, or evicts a member if the new one has priority."""
        victims = self._victims(address)
        if victims is not None:
            fullest, members = victims
            victim = next((each for each in members if each.expendable), next(iter(members)))
            self.leave(fullest, victim)
            victim.evict()
        self._members.setdefault(address, {})[member] = None
        self._count += 1

    def leave(self, address: str | None, member: Member) -> None:
        """Without effect for one that has left already."""
        members = self._members.get(address)
        if members is not None and member in members:
            del members[member]
            self._count -= 1
            if not members:
                del self._members[address]

    def replace(self, address: str | None, old: Member, new: Member) -> None:
        """Counts `new` instead of `old`, for a connection whose protocol has changed."""
        members = self._members.get(address)
        if members is not None and old in members:
            del members[old]
            members[new] = None

    def _victims(self, address: str | None) -> tuple[str, dict[Member, None]] | None:
        """The address of which a member must be evicted, and its members; None below the maximum."""
        own = self.of(address)
        if address is not None and own >= self._per_address:
            raise LimitReached("no_share")
        if self._count < self._maximum:
            return None
        addresses = len(self._members) + (address not in self._members)
        if address is not None and own >= self._maximum // addresses:
            raise LimitReached("no_room")
        found = [(len(members), name) for name, members in self._members.items() if name is not None]
        size, fullest = max(found, default=(0, ""))
        if size <= max(1, own):
            raise LimitReached("no_room")
        return fullest, self._members[fullest]
