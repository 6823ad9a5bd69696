"""Moments as Docker takes them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrun import moments
from pyrun.errors import PyrunError

_NOW = 1_795_521_710_000_000_005
_S = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("5", 5 * _S),
        ("1795520750.1", 1795520750_100000000),
        ("1795520750.12345678901", 1795520750_123456789),
        ("1s", _NOW - _S),
        ("0s", _NOW),
        ("1h1.5m", _NOW - 3690 * _S),
        ("-5ms", _NOW + 5_000_000),
        ("+.5h", _NOW - 1800 * _S),
        ("1us3ns", _NOW - 1003),
        ("1970-01-02", 86400 * _S - 3600 * _S),
        ("1970-01-02Z", 86400 * _S),
        ("1970-01-01T10", 9 * 3600 * _S),
        ("1970-01-01T10:30", 9 * 3600 * _S + 1800 * _S),
        ("1970-01-01T10:30Z", 10 * 3600 * _S + 1800 * _S),
        ("1970-01-01T10:00:07", 9 * 3600 * _S + 7 * _S),
        ("1970-01-01T10:00:07+02:00", 8 * 3600 * _S + 7 * _S),
        ("1970-01-01T10:00:07.000000123Z", 10 * 3600 * _S + 7 * _S + 123),
        ("1970-01-01T10:00:07.25", 9 * 3600 * _S + 7 * _S + 250_000_000),
    ],
)
def test_a_moment_means_what_docker_takes_it_for(text: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's zone is an hour east of Greenwich."""
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    try:
        assert moments.parse("since", text, _NOW) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "1.x", "1e3", "-5", "1w", "1 s", "10:00", "2026-13-40", "٣", "9" * 400, "9" * 200_000]
)
def test_what_is_no_moment_is_one_clear_line(text: str) -> None:
    with pytest.raises(PyrunError) as told:
        moments.parse("since", text, _NOW)
    assert (told.value.code, told.value.message.isprintable()) == (1, True)


@given(st.text(max_size=30) | st.from_regex(r"[0-9.TZ:+hms-]{1,20}", fullmatch=True))
def test_any_text_is_a_moment_or_an_error(text: str) -> None:
    try:
        assert isinstance(moments.parse("since", text, _NOW), int)
    except PyrunError as problem:
        assert problem.message.isprintable()
