"""Documents are written exactly as `json` writes them: for people with an indent of four, for records in a line."""

import json

import pytest
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


@given(_VALUES)
def test_written_is_what_json_writes(value: object) -> None:
    assert documents.written(value) == json.dumps(value)


@pytest.mark.parametrize("value", [object(), b"bytes", [{"a": float("nan")}], float("inf")])
def test_what_json_has_no_words_for_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        documents.written(value)
