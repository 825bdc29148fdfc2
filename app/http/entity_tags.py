"""ETags: strong ones, different for each content coding of the same content."""

import re
from hashlib import blake2b
from typing import Final

from app.http.content_coding import Coding

_TAG: Final = re.compile(rb'"([^"]*)"')
_SUFFIXES: Final = tuple(b"-" + coding.encode() for coding in Coding)


def etag(body: bytes) -> str:
    """That of the body as it is."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def tag_of(tag: bytes, coding: Coding | None) -> bytes:
    """That of the coding. `tag`: that of the body as it is, with its quotation marks."""
    return tag if coding is None else b'%s-%s"' % (tag[:-1], coding.encode())


def known_tag(if_none_match: bytes, tag: bytes, coding: Coding | None = None) -> bytes | None:
    """Which of the client's tags stands for the same content, in whatever coding: that of `coding` if it is among them.

    A client that has stored the content in one coding may use it again, whatever it accepts now; so the 304 names the one
    that it has. Tags are compared weakly (RFC 9110, 8.8.3.2): a proxy that compresses makes them weak.
    """
    if not if_none_match:
        return None
    own = tag_of(tag, coding)
    if if_none_match.strip() == b"*":
        return own
    if tag[1:-1] not in if_none_match:
        return None
    known = [b'"%s"' % found for found in _TAG.findall(if_none_match) if _content(found) == tag[1:-1]]
    return own if own in known else next(iter(known), None)


def _content(opaque: bytes) -> bytes:
    for suffix in _SUFFIXES:
        if opaque.endswith(suffix):
            return opaque.removesuffix(suffix)
    return opaque
