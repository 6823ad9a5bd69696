"""Documents for people are written exactly as `json` writes them with an indent of four."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pyrun import documents

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_VALUES)
def test_printed_is_what_json_prints(value: object) -> None:
    assert documents.printed(value) == json.dumps(value, indent=4)
