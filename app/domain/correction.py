"""New entries and corrections of entries, with the rules that their values must satisfy."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from app.domain.clock import hh_mm
from app.domain.entry import FIRST_YEAR, LAST_YEAR, Publication, VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.tariff import PRICE_FIELDS, Prices, Tariff
from app.errors import AppError, BadInput, Code

E = TypeVar("E", bound=Any)

PRICE_LIMIT = 1_000_000
PRICE_DECIMALS = 4
MAX_TEXT_LENGTH = 2_000
MAX_LABEL_LENGTH = 100
# As the constraint on prices has it.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to add; each family has a subclass with its key and its values."""

    dno: str  # slug
    year: int
    source_url: str | None = None
    publication: Publication = Publication.FINAL  # of a family that has it

    def check(self) -> None:
        """Raises BadInput."""
        check_text(self.dno, "dno")
        check_year(self.year)
        self.check_values()
        check_source(self.source_url)

    def check_values(self) -> None:
        raise NotImplementedError

    def columns(self) -> dict[str, Any]:
        """The key's and the value columns."""
        raise NotImplementedError

    def conflict(self) -> AppError:
        """The error if there is such an entry already."""
        raise NotImplementedError


class Correction(msgspec.Struct, Generic[E], frozen=True, kw_only=True):
    """New values of an entry; each family has a subclass with its values. `verify`: verified from now on.

    `source_url` UNSET and `publication` None: as before. `force`: a final entry may become preliminary.
    """

    id: UUID
    expected_version: int | None = None
    reason: str | None = None
    verify: bool = False
    source_url: str | msgspec.UnsetType | None = msgspec.UNSET
    publication: Publication | None = None
    force: bool = False

    def applied_to(self, before: E) -> E:
        """Raises BadInput, and CONFLICT for what would make a final entry preliminary."""
        after = self._published(self.corrected(before))
        status = status_after(before.verification_status, changed=after != before, verify=self.verify)
        return msgspec.structs.replace(after, verification_status=status)

    def corrected(self, before: E) -> E:
        """The entry with the new values, which are checked."""
        raise NotImplementedError

    def _published(self, entry: E) -> E:
        """With the source and the publication of this correction. A title is that of its address."""
        if self.source_url is not msgspec.UNSET and self.source_url != entry.source_url:
            check_source(self.source_url)
            entry = msgspec.structs.replace(entry, source_url=self.source_url, source_title=None)
        if self.publication is None or self.publication is entry.publication:
            return entry
        if self.publication is Publication.PRELIMINARY and not self.force:
            raise AppError(
                "The entry is final, and preliminary figures do not replace final ones; `force` does it nevertheless.",
                Code.CONFLICT,
                field=("input", "publication"),
            )
        return msgspec.structs.replace(entry, publication=self.publication)


class NewTariff(NewEntry, frozen=True, kw_only=True):
    voltage_level: VoltageLevel
    prices: Prices

    def check_values(self) -> None:
        check_prices(self.prices)

    def columns(self) -> dict[str, Any]:
        return {"voltage_level": self.voltage_level, **msgspec.structs.asdict(self.prices)}

    def conflict(self) -> AppError:
        return AppError(
            f"There is a tariff of {self.dno} for {self.year} and {self.voltage_level} already; correct that one.",
            Code.CONFLICT,
            field=("input", "voltageLevel"),
        )


class TariffCorrection(Correction[Tariff], frozen=True, kw_only=True):
    """`prices` by column: a price left out stays as it is, None clears it."""

    prices: Mapping[str, Decimal | None] = {}

    def corrected(self, before: Tariff) -> Tariff:
        after = msgspec.structs.replace(before, **self.prices)
        check_prices(after.prices)
        return after


class NewHlzf(NewEntry, frozen=True, kw_only=True):
    voltage_level: VoltageLevel
    season: Season
    windows: tuple[TimeWindow, ...]

    def check_values(self) -> None:
        check_windows(self.windows)

    def columns(self) -> dict[str, Any]:
        windows = tuple(sorted(self.windows))
        return {"voltage_level": self.voltage_level, "season": self.season, "windows": windows}

    def conflict(self) -> AppError:
        return AppError(
            f"There are windows of {self.dno} for {self.year}, {self.voltage_level} and {self.season} already;"
            " correct those.",
            Code.CONFLICT,
            field=("input", "season"),
        )


class HlzfCorrection(Correction[Hlzf], frozen=True, kw_only=True):
    windows: tuple[TimeWindow, ...]

    def corrected(self, before: Hlzf) -> Hlzf:
        check_windows(self.windows)
        return msgspec.structs.replace(before, windows=tuple(sorted(self.windows)))


def status_after(before: VerificationStatus, *, changed: bool, verify: bool) -> VerificationStatus:
    """A change makes a verified entry unverified; a flag stays until an entry is verified."""
    if verify:
        return VerificationStatus.VERIFIED
    if changed and before is VerificationStatus.VERIFIED:
        return VerificationStatus.UNVERIFIED
    return before


def check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadInput(f"A year lies between {FIRST_YEAR} and {LAST_YEAR}.", field=("input", "year"))


def check_prices(prices: Prices) -> None:
    for name, field in PRICE_FIELDS.items():
        check_price(getattr(prices, name), field)


def check_price(price: Decimal | None, field: str) -> None:
    if price is not None and (rule := _violated_rule(price)):
        raise BadInput(f"A price {rule}.", field=("input", field))


def _violated_rule(price: Decimal) -> str | None:
    if not price.is_finite():
        return "is a number"
    if price < 0:
        return "is not negative"
    if price >= PRICE_LIMIT:
        return f"is below {PRICE_LIMIT:,}"
    if price.as_tuple().exponent < -PRICE_DECIMALS:  # type: ignore[operator]  # finite: a number
        return f"has at most {PRICE_DECIMALS} decimals"
    return None


def check_windows(windows: tuple[TimeWindow, ...]) -> None:
    """In any order; an error's path has the index of the window in the input."""
    for number, window in enumerate(windows):
        if window.end <= window.start:
            raise BadInput(
                f"A window ends after it starts; {hh_mm(window.start)}-{hh_mm(window.end)} does not.",
                field=("input", "windows", str(number), "end"),
            )
        for earlier in windows[:number]:
            if window.start < earlier.end and earlier.start < window.end:
                raise BadInput(
                    f"{hh_mm(window.start)}-{hh_mm(window.end)} overlaps"
                    f" {hh_mm(earlier.start)}-{hh_mm(earlier.end)}.",
                    field=(
                        "input",
                        "windows",
                        str(number),
                        "start" if window.start >= earlier.start else "end",
                    ),
                )


def broken_label(label: str) -> str | None:
    """What is wrong with a short name that is part of a key, as the end of a sentence."""
    if not 0 < len(label) <= MAX_LABEL_LENGTH:
        return f"must have 1 to {MAX_LABEL_LENGTH} characters"
    if label != label.strip(" ") or _CONTROL.search(label):
        return "must be one line without spaces around it"
    return None


def check_source(url: str | None) -> None:
    if url is None:
        return
    check_text(url, "sourceUrl")
    if reason := broken_source(url):
        raise BadInput(f"A source's address {reason}.", field=("input", "sourceUrl"))


# Characters that no name of a host has.
_NO_HOST: Final = frozenset(' \\<>"')


def broken_source(url: str) -> str | None:
    """Why it is no address of a source; None: it is one."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        parts = urlsplit("")
    labels = (parts.hostname or "").removesuffix(".").split(".")
    is_named = all(labels) and _NO_HOST.isdisjoint(parts.netloc)
    if parts.scheme in ("http", "https") and is_named and url.isprintable() and url == url.strip():
        return "must have no user name and no password" if "@" in parts.netloc else None
    return "begins with https:// or http:// and the name of a host, without spaces around it"


def check_text(text: str | None, field: str, *, required: bool = False) -> None:
    if required and not (text or "").strip():
        raise BadInput("Please say why.", field=("input", field))
    if text is not None and (len(text) > MAX_TEXT_LENGTH or "\0" in text):
        raise BadInput(
            f"A text has at most {MAX_TEXT_LENGTH:,} characters, none of them NUL.", field=("input", field)
        )
