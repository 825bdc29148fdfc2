"""Who may hold how many of a limited number of places: a fair share for each client address."""

from typing import Literal, Protocol

Reason = Literal["no_room", "no_share"]


class Member(Protocol):
    @property
    def expendable(self) -> bool:
        """Whether nothing is lost with it that a client could not simply do again."""

    def evict(self) -> None:
        """Its place is needed for another address; the place is free at once."""


class NoPlace(Exception):
    """`no_room`: all places are taken and this address has its share; `no_share`: this address has its most."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class FairShare:
    """At most `most` members, and `per_address` of one address.

    When all places are taken, a newcomer whose address has less than its share (all places, divided by the number of
    addresses) gets the place of a member of the address that has most. Address None is a proxy, which holds
    connections for many: it has no limit of its own, and its members are not evicted.
    """

    def __init__(self, most: int, per_address: int) -> None:
        self._most = most
        self._per_address = per_address
        self._members: dict[str | None, dict[Member, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, address: str | None) -> int:
        return len(self._members.get(address, ()))

    def check(self, address: str | None) -> None:
        """Raises NoPlace if `admit` would raise it."""
        self._victims(address)

    def admit(self, address: str | None, member: Member) -> None:
        """Raises NoPlace, or evicts a connection if the new one has priority."""
        victims = self._victims(address)
        if victims is not None:
            fullest, members = victims
            victim = next((each for each in members if each.expendable), next(iter(members)))
            self.leave(fullest, victim)
            victim.evict()
        self._members.setdefault(address, {})[member] = None
        self._count += 1

    def leave(self, address: str | None, member: Member) -> None:
        """Also for one that is not there any more."""
        members = self._members.get(address)
        if members is not None and member in members:
            del members[member]
            self._count -= 1
            if not members:
                del self._members[address]

    def replace(self, address: str | None, old: Member, new: Member) -> None:
        """The same place, taken by what its member has become."""
        members = self._members.get(address)
        if members is not None and old in members:
            del members[old]
            members[new] = None

    def _victims(self, address: str | None) -> tuple[str, dict[Member, None]] | None:
        """Of whom one has to go; None while places are free."""
        own = self.of(address)
        if address is not None and own >= self._per_address:
            raise NoPlace("no_share")
        if self._count < self._most:
            return None
        addresses = len(self._members) + (address not in self._members)
        if address is not None and own >= self._most // addresses:
            raise NoPlace("no_room")
        found = [(len(members), name) for name, members in self._members.items() if name is not None]
        size, fullest = max(found, default=(0, ""))
        if size <= max(1, own):
            raise NoPlace("no_room")
        return fullest, self._members[fullest]
