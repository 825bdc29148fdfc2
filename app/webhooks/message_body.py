"""The JSON of messages: the changes of entries of one family, operator and year."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from app.db.webhook_queue import ChangedEntry, Dno
from app.domain.entry import WHOLE_COUNTRY
from app.domain.family import Family
from app.domain.price_rise import PriceRise

# Of one message. A receiver must not need much memory, nor this server to store many of them.
_MAX_ENTRIES: Final = 50
_MAX_BYTES: Final = 32 * 2**10
_MAX_ENTRY_BYTES: Final = 16 * 2**10

_encode: Final = msgspec.json.encode


def write_changes(
    family: Family,
    dno_id: UUID,
    dno: Dno | None,
    year: int,
    entries: Sequence[tuple[ChangedEntry, PriceRise | None]],
) -> Iterator[str]:
    """One or more messages, in the order of the entries."""
    about = {
        "dno": None if dno_id == WHOLE_COUNTRY else {"id": f"dno_{dno_id.hex}", **_name(dno)},
        "dataType": family.data_type,
        "year": None if year == family.without_year else year,
    }
    part: list[msgspec.Raw] = []
    size = 0
    for entry in entries:
        written = _entry(family, *entry)
        if part and (len(part) == _MAX_ENTRIES or size + len(written) > _MAX_BYTES):
            yield _message("entries.changed", {**about, "entries": part})
            part, size = [], 0
        part.append(msgspec.Raw(written))
        size += len(written)
    if part:
        yield _message("entries.changed", {**about, "entries": part})


def write_missed(since: datetime, until: datetime) -> str:
    """Changes that were not queued; `/export/changes.ndjson?since=` has them."""
    return _message("changes.missed", {"since": _moment(since), "until": _moment(until)})


def write_test() -> str:
    return _message("webhook.test", {})


def _message(type: str, data: dict[str, Any]) -> str:
    return _encode({"type": type, "timestamp": _moment(datetime.now(UTC)), "data": data}).decode()


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _name(dno: Dno | None) -> dict[str, str | None]:
    """An operator that was deleted by hand has none."""
    return {"slug": None, "name": None} if dno is None else {"slug": dno.slug, "name": dno.name}


def _entry(family: Family, changed: ChangedEntry, rise: PriceRise | None) -> bytes:
    revision = changed.revision
    written = {
        "id": f"{family.id_prefix}_{revision.entry_id.hex}",
        "revisionId": f"revision_{revision.id.hex}",
        "version": revision.version,
        "kind": revision.kind,
        "changedAt": _moment(revision.changed_at),
        "key": {_camel(name): value for name, value in changed.key.items()},
        "changes": revision.changes,
    }
    if rise is not None:
        written["priceRise"] = {
            "field": rise.field,
            "before": str(rise.before),
            "after": str(rise.after),
            "percent": None if rise.percent is None else f"{rise.percent:.2f}",
        }
    encoded = _encode(written)
    # Long texts are left out; the revision has them.
    return encoded if len(encoded) <= _MAX_ENTRY_BYTES else _encode({**written, "changes": None})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
