"""What becomes of an entry: the crawler's figures now and before, the entry here, and whether it was changed here since."""

from enum import Enum, auto
from typing import Any, Final, NamedTuple

import msgspec

from app.db.column_codecs import show_windows
from app.domain.entry import VerificationStatus
from app.domain.revision import CRAWLER, is_automatic
from app.importers.follow.figures import Theirs, Values, same_values

NOT_THEIRS: Final = 0  # the version of entries that were not the crawler's in the first place


class Stored(msgspec.Struct, frozen=True):
    """The entry as it is here."""

    entry_id: str
    version: int
    deleted: bool
    values: Values
    status: str
    source_url: str | None
    changed_by: str | None  # the last change


class Followed(msgspec.Struct, frozen=True):
    """What was taken over last."""

    values: Values
    status: str
    source_url: str | None
    version: int
    disputed: bool


class Action(Enum):
    ADD = auto()
    WRITE = auto()
    DISPUTE = auto()  # both have changed: written and flagged
    ADOPT = auto()  # the entry stays as it is, as the crawler's
    KEEP = auto()  # the entry stays as it is, as a change made here


class Decision(NamedTuple):
    action: Action
    status: VerificationStatus
    source_url: str | None
    reason: str


def decide(theirs: Theirs, stored: Stored | None, followed: Followed | None) -> Decision:
    if stored is None:
        return Decision(Action.ADD, theirs.status, theirs.source_url, theirs.reason)
    if followed is None:
        return _first(theirs, stored)
    changed = not same_values(theirs.values, followed.values)
    if not changed_here(stored, followed.version):
        return _written(theirs, stored, followed, changed)
    if not changed:
        return _unchanged(Action.KEEP, theirs, stored)
    if not stored.deleted and same_values(theirs.values, stored.values):
        return _unchanged(Action.KEEP if _by_user(stored) else Action.ADOPT, theirs, stored)
    reason = _both(theirs, stored, followed)
    return Decision(Action.DISPUTE, VerificationStatus.FLAGGED, _source_url(theirs, stored, followed), reason)


def changed_here(stored: Stored, version: int) -> bool:
    """`version`: that after the crawler's figures were taken over last."""
    return _by_user(stored) or stored.version != version


def _by_user(stored: Stored) -> bool:
    return not is_automatic(stored.changed_by)


def _first(theirs: Theirs, stored: Stored) -> Decision:
    """An entry that was here before the crawler's: decisions of users have priority, as in imports."""
    if _by_user(stored):
        return _unchanged(Action.KEEP, theirs, stored)
    same = not stored.deleted and same_values(theirs.values, stored.values)
    if not stored.deleted and stored.status == VerificationStatus.VERIFIED != theirs.status:
        return _unchanged(Action.ADOPT if same else Action.KEEP, theirs, stored)
    return _write_unless_same(theirs, stored, theirs.status, theirs.source_url or stored.source_url)


def _written(theirs: Theirs, stored: Stored, followed: Followed, changed: bool) -> Decision:
    """A status or an address that the crawler has not changed stays as it is; a dispute ends when a user decides it."""
    status = theirs.status if changed or theirs.status != followed.status or stored.deleted else stored.status
    if followed.disputed:
        status = VerificationStatus.FLAGGED
    return _write_unless_same(
        theirs, stored, VerificationStatus(status), _source_url(theirs, stored, followed)
    )


def _write_unless_same(
    theirs: Theirs, stored: Stored, status: VerificationStatus, url: str | None
) -> Decision:
    same = (
        not stored.deleted
        and same_values(theirs.values, stored.values)
        and (status, url) == (stored.status, stored.source_url)
    )
    return Decision(Action.ADOPT if same else Action.WRITE, status, url, theirs.reason)


def _unchanged(action: Action, theirs: Theirs, stored: Stored) -> Decision:
    return Decision(action, VerificationStatus(stored.status), stored.source_url, theirs.reason)


def _source_url(theirs: Theirs, stored: Stored, followed: Followed) -> str | None:
    return stored.source_url if theirs.source_url == followed.source_url else theirs.source_url


def _both(theirs: Theirs, stored: Stored, followed: Followed) -> str:
    by = f" by {stored.changed_by}" if _by_user(stored) else ""
    here = "deleted" if stored.deleted else "changed"
    named = []
    for name, now in theirs.values.items():
        before = followed.values.get(name)
        if same_values({name: now}, {name: before}):
            continue
        own = "" if stored.deleted else f", here {_shown(stored.values[name])}"
        named.append(f"{name} was {_shown(before)} there and is {_shown(now)} now{own}")
    return f"{CRAWLER} changed its figures after this entry was {here} here{by}: {'; '.join(named)}"[:2000]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return show_windows(value) or "no window"
    return "not given" if value is None else str(value)
