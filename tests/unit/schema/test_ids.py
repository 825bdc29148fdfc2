"""An id names the kind of its object, in one encoding only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.derived_prices import DERIVED_KINDS, DerivedKey
from app.errors import BadInput
from schema.types.node import Kind, read_derived_id, read_id, write_derived_id, write_id

# The id of a derived price holds no UUID.
kinds = st.sampled_from([kind for kind in Kind if kind is not Kind["DERIVED_PRICE"]])


@given(kinds, st.uuids())
def test_an_id_survives_a_round_trip(kind, uuid):
    text = write_id(kind, uuid)
    assert read_id(text) == read_id(text, kind) == (kind, uuid)
    assert text.isascii()


@given(st.builds(DerivedKey, st.uuids(), st.integers(1000, 9999), st.sampled_from(DERIVED_KINDS)))
def test_an_id_of_a_derived_price_holds_its_key_and_is_refused_where_an_entry_is_expected(key):
    text = write_derived_id(key)
    assert read_derived_id(text) == key
    with pytest.raises(BadInput, match="is the id of a derived price"):
        read_id(text, *Kind)


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
