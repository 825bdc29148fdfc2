"""Generated values are such as the database holds, also where one module runs alone."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False, places=4))
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(str, st.text(st.characters(codec="utf-8")))
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
