"""Which content coding (RFC 9110, 8.4.1) an answer takes, from what the client accepts."""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple


class Coding(StrEnum):
    ZSTD = "zstd"
    BR = "br"
    GZIP = "gzip"


class CodingChoice(NamedTuple):
    """`coding`: None for none. `minimum`: shorter bodies, and those of this length, are sent as they are."""

    coding: Coding | None
    minimum: int


# Where a client accepts several alike. zstd is faster than br, but there are programs that accept it and cannot read it
# (the fetch of graphql-codegen on Node.js before 22.15); none of them accepts nothing else.
_ORDER: Final = (Coding.BR, Coding.ZSTD, Coding.GZIP)
# Bytes. Below, headers and packets outweigh what compression saves.
MINIMUM: Final = 1000
# The longest Accept-Encoding that is worth reading; browsers send a tenth of it.
MAX_HEADER_BYTES: Final = 500

_NONE: Final = CodingChoice(None, 0)
_QUALITY: Final = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?")
_ALIASES: Final = {"x-gzip": "gzip"}  # RFC 9110, 8.4.1.3


def choose_coding(accept_encoding: bytes) -> CodingChoice:
    """The highest q wins, then the order.

    Without a header, or with an empty one, there is no coding. There is never 406 either: a client that refuses identity
    gets short bodies encoded, too, and identity if it accepts nothing else that there is.
    """
    return _choose(accept_encoding[:MAX_HEADER_BYTES]) if accept_encoding else _NONE


@lru_cache(1024)
def _choose(accept_encoding: bytes) -> CodingChoice:
    weights: dict[str, float] = {}
    for name, weight in _members(accept_encoding.decode("latin-1")):
        # Named twice, as in a list of several lines: the more cautious one holds.
        weights[name] = min(weight, weights.get(name, weight))
    others = weights.get("*", 0.0)
    # `*` is sent by programs that did not consider which codings they can read, and all of them read gzip.
    weights.setdefault(Coding.GZIP, others)
    best = max(_ORDER, key=lambda coding: weights.get(coding, 0.0))  # the first of equal ones
    identity = weights.get("identity", others if "*" in weights else None)
    if not weights.get(best) or (identity or 0.0) > weights[best]:
        return _NONE
    return CodingChoice(best, 0 if identity == 0 else MINIMUM)


def _members(text: str) -> Iterator[tuple[str, float]]:
    """Those that can be read."""
    for member in text.lower().split(","):
        name, *parameters = (piece.strip() for piece in member.split(";"))
        weight = "1"
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = value.strip()
        if name and _QUALITY.fullmatch(weight):
            yield _ALIASES.get(name, name), float(weight)
