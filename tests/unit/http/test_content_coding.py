"""Which content coding is chosen, and which ETags stand for the same content."""

import pytest

from app.http.content_coding import MINIMUM, choose_coding
from app.http.entity_tags import etag, known_tag, tag_of
from tests.codings import CODINGS

CHOSEN = {
    b"": None,
    b"gzip": "gzip",
    b"GZip": "gzip",
    b"x-gzip": "gzip",
    b"gzip, deflate, br, zstd": "br",
    b"gzip, deflate, br;q=0.9, zstd": "zstd",
    b"gzip, deflate, br": "br",
    b"zstd;q=0.5, br;q=0.6,gzip;q=0.6": "br",
    b"br;q=0.001, gzip;q=0": "br",
    b"br;q=0": None,
    b"br ; q = 0 , gzip": "gzip",
    b"identity": None,
    b"identity;q=0.5, gzip;q=0.4": None,
    b"identity;q=0.5, gzip;q=0.5": "gzip",
    b"gzip;q=0.1": "gzip",
    b"*": "gzip",
    b"*;q=0.5, br;q=0.1": "gzip",
    b"*, gzip;q=0": None,
    b"*;q=0": None,
    b"*;q=0, identity": None,
    b"compress, deflate": None,
    # Of several lines, or of one that names a coding twice, the smaller weight holds.
    b"gzip,gzip;q=0": None,
    b"br;q=0,br": None,
    # What cannot be read is left out, and not the rest with it.
    b"gzip;q=high, br": "br",
    b"gzip;q=2": None,
    b"gzip;q=-1, ,;;,=,br;level=3": "br",
    b"\xff\x00gzip, br": "br",
    b"gzip;q=1e0": None,
}


@pytest.mark.parametrize("header", CHOSEN)
def test_the_coding_is_the_one_with_the_highest_weight_then_the_one_that_most_programs_can_read(
    header: bytes,
) -> None:
    assert choose_coding(header).coding == CHOSEN[header]


@pytest.mark.parametrize(
    ("header", "coding", "minimum"),
    [
        (b"gzip", "gzip", MINIMUM),
        (b"gzip, identity;q=0", "gzip", 0),
        (b"br, *;q=0", "br", 0),
        (b"br, *;q=0, identity;q=0.1", "br", MINIMUM),
        (b"deflate, identity;q=0", None, 0),
    ],
)
def test_where_identity_is_refused_short_bodies_are_encoded_too(
    header: bytes, coding: str | None, minimum: int
) -> None:
    assert choose_coding(header) == (coding, minimum)


def test_a_tag_of_any_coding_is_known_and_the_clients_own_is_preferred() -> None:
    tag = etag(b"content").encode()
    tags = [tag, *(tag_of(tag, coding) for coding in CODINGS)]
    assert len(set(tags)) == 1 + len(CODINGS)
    for sent in tags:
        assert known_tag(b'"other", W/%s' % sent, tag, CODINGS[0]) == sent
    assert known_tag(b", ".join(tags), tag, CODINGS[1]) == tags[2]
    assert known_tag(b"*", tag, CODINGS[0]) == tags[1]
    for other in (
        b"",
        tag[:-2] + b'"',
        tag[:-1] + b'-xz"',
        b'"a%s' % tag[1:],
        tag[1:-1],
        etag(b"x").encode(),
    ):
        assert known_tag(other, tag) is None
