"""An id names the kind of its object, in one encoding only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInput
from schema.types.node import Kind, read_id, write_id

# The id of a derived price holds no UUID.
kinds = st.sampled_from([kind for kind in Kind if kind is not Kind["DERIVED_PRICE"]])


@given(kinds, st.uuids())
def test_an_id_survives_a_round_trip(kind, uuid):
    text = write_id(kind, uuid)
    assert read_id(text) == read_id(text, kind) == (kind, uuid)
    assert text.isascii()


@given(kinds, kinds, st.uuids())
def test_an_id_of_another_kind_is_rejected(kind, other, uuid):
    if kind is not other:
        with pytest.raises(BadInput) as refused:
            read_id(write_id(kind, uuid), other, field=("input", "id"))
        assert refused.value.field == ("input", "id")


@given(st.text() | st.builds("{}_{}".format, kinds, st.text("0123456789abcdefABCDEF-{} ")))
def test_text_is_rejected_or_is_an_id_in_its_only_encoding(text):
    try:
        kind, uuid = read_id(text)
    except BadInput:
        return
    assert write_id(kind, uuid) == text
