"""JSON as records hold it: what json reads is read the same, and everything else is a ValueError, json imported or not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrun import documents

TOP = Path(__file__).resolve().parent.parent.parent
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_WRONG = ['', ' ', '{', '[', '[1,]', '{"a"}', '{"a":1,}', '{"a":1,"a":2}', 'NaN', '[-Infinity]', '1 2', '"', '"\\x"', '"\n"', "'a'", '{1:2}', '01', '+1', 'nul']  # fmt: skip


@given(_VALUES)
def test_what_json_writes_is_read(value: object) -> None:
    assert documents.parse(json.dumps(value, indent=1).encode()) == value


@pytest.mark.parametrize("text", _WRONG)
def test_what_is_no_document_is_a_value_error(text: str) -> None:
    """In an interpreter of its own: the scanner has no words for its errors where json was not imported."""
    program = (
        f"import sys; sys.path[:0] = [{str(TOP)!r}]\nfrom pyrun import documents\n"
        f"assert 'json' not in sys.modules\ntry: documents.parse({text.encode()!r})\nexcept ValueError: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-IS", "-c", program], check=False).returncode == 7


def test_bytes_that_are_no_text_and_endless_depth() -> None:
    with pytest.raises(ValueError, match="decode"):
        documents.parse(b"\xff\xfe")
    with pytest.raises((ValueError, RecursionError)):
        documents.parse(b"[" * 100000)
