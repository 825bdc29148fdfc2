"""An address with many places loses one to an address below its share; others are rejected."""

import pytest

from app.limits.fair_share import FairShare, LimitReached


class Holder:
    def __init__(self, *, expendable: bool = True) -> None:
        self.expendable = expendable
        self.evicted = False

    def evict(self) -> None:
        self.evicted = True


def rejected(reason: str) -> pytest.RaisesExc[LimitReached]:
    return pytest.raises(LimitReached, check=lambda error: (error.reason, str(error)) == (reason, reason))


def filled(most: int, address: str | None = "a", per_address: int = 1000) -> tuple[FairShare, list[Holder]]:
    share = FairShare(most, per_address)
    holders = [Holder() for _ in range(most)]
    for holder in holders:
        share.admit(address, holder)
    return share, holders


def test_one_address_cannot_take_all_places() -> None:
    share, holders = filled(10)
    for number in range(5):
        share.admit(f"other {number}", Holder())
    assert len(share) == 10
    assert sum(holder.evicted for holder in holders) == 5
    assert share.of("a") == 5


def test_the_address_with_the_most_places_gets_no_more() -> None:
    share, holders = filled(10)
    with rejected("no_room"):
        share.admit("a", Holder())
    assert not any(holder.evicted for holder in holders)


def test_the_maximum_per_address_also_holds_while_places_are_free() -> None:
    share = FairShare(10, 2)
    share.admit("a", Holder())
    share.admit("a", Holder())
    with rejected("no_share"):
        share.admit("a", Holder())
    share.admit("b", Holder())


def test_expendable_members_are_evicted_first() -> None:
    share = FairShare(3, 10)
    busy, idle, last = Holder(expendable=False), Holder(), Holder()
    for holder in (busy, idle, last):
        share.admit("a", holder)
    share.admit("b", Holder())
    assert [holder.evicted for holder in (busy, idle, last)] == [False, True, False]


def test_proxies_are_exempt_and_their_connections_stay() -> None:
    share, holders = filled(10, None, per_address=2)
    with rejected("no_room"):
        share.admit("a", Holder())
    assert not any(holder.evicted for holder in holders)


def test_a_proxy_gets_a_place_of_the_fullest_address() -> None:
    share, holders = filled(10)
    share.admit(None, Holder())
    assert sum(holder.evicted for holder in holders) == 1


def test_no_address_falls_below_one_for_another() -> None:
    share = FairShare(3, 10)
    for address in "abc":
        share.admit(address, Holder())
    with rejected("no_room"):
        share.admit("d", Holder())


def test_a_place_is_freed_once_and_can_be_replaced() -> None:
    share = FairShare(1, 10)
    old, new = Holder(), Holder()
    share.admit("a", old)
    share.replace("a", old, new)
    share.leave("a", old)
    assert len(share) == 1
    share.leave("a", new)
    share.leave("a", new)
    assert len(share) == 0


def test_the_share_of_an_address_is_all_places_divided_by_the_number_of_addresses() -> None:
    share, holders = filled(6)
    for _ in range(3):
        share.admit("b", Holder())
    assert [holder.evicted for holder in holders] == [True] * 3 + [False] * 3
    with rejected("no_room"):
        share.admit("b", Holder())


def test_an_address_with_two_members_loses_one_to_a_new_address() -> None:
    share = FairShare(2, 10)
    for _ in range(2):
        share.admit("a", Holder())
    share.admit("b", Holder())
    assert (share.of("a"), share.of("b"), len(share)) == (1, 1, 2)


def test_a_check_rejects_what_admission_would_reject_and_takes_no_place() -> None:
    share, holders = filled(2, per_address=2)
    share.check("b")
    for address in ("a", "b"):
        assert not any(holder.evicted for holder in holders)
        assert share.of(address) == (2 if address == "a" else 0)
    with rejected("no_share"):
        share.check("a")


def test_a_replacement_takes_only_the_place_of_a_member() -> None:
    share = FairShare(5, 10)
    old, new = Holder(), Holder()
    share.replace("a", old, new)
    assert (len(share), share.of("a")) == (0, 0)
    share.admit("a", Holder())
    share.replace("a", old, new)
    share.leave("a", new)
    assert (len(share), share.of("a")) == (1, 1)


def test_a_proxy_takes_no_place_of_an_address_that_has_fewer_than_it_or_only_one() -> None:
    share = FairShare(3, 10)
    for address in "abc":
        share.admit(address, Holder())
    with rejected("no_room"):
        share.admit(None, Holder())
    share = FairShare(4, 10)
    for address in (None, None, "a", "a"):
        share.admit(address, Holder())
    with rejected("no_room"):
        share.check(None)


def test_the_address_with_most_members_loses_one() -> None:
    share = FairShare(9, 10)
    for address in "aabbbbccc":
        share.admit(address, Holder())
    share.admit("d", Holder())
    assert [share.of(address) for address in "abcd"] == [2, 3, 3, 1]
    share.leave("a", Holder())  # not a member
    assert len(share) == 9


def test_without_an_expendable_member_the_oldest_is_evicted() -> None:
    share = FairShare(3, 10)
    holders = [Holder(expendable=False) for _ in range(3)]
    for holder in holders:
        share.admit("a", holder)
    share.admit("b", Holder())
    assert [holder.evicted for holder in holders] == [True, False, False]
