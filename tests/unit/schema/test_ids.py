"""An id says what it is the id of, in one way only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInput
from schema.types.node import Kind, read_id, write_id

kinds = st.sampled_from(Kind)


@given(kinds, st.uuids())
def test_an_id_comes_back(kind, uuid):
    text = write_id(kind, uuid)
    assert read_id(text) == read_id(text, kind) == (kind, uuid)
    assert text.isascii()


@given(kinds, kinds, st.uuids())
def test_the_id_of_something_else_is_refused_where_one_kind_is_expected(kind, other, uuid):
    if kind is not other:
        with pytest.raises(BadInput) as refused:
            read_id(write_id(kind, uuid), other, field=("input", "id"))
        assert refused.value.field == ("input", "id")


@given(st.text() | st.builds("{}_{}".format, kinds, st.text("0123456789abcdefABCDEF-{} ")))
def test_text_is_refused_or_is_an_id_as_it_was_written(text):
    try:
        kind, uuid = read_id(text)
    except BadInput:
        return
    assert write_id(kind, uuid) == text
