"""What stands in for contextlib does as contextlib does."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyrun import contexts


class _Odd(Exception):
    pass


def _passes() -> Iterator[str]:
    yield "in"


def _swallows() -> Iterator[str]:
    with contextlib.suppress(_Odd):
        yield "in"


def _turns_into_another() -> Iterator[str]:
    try:
        yield "in"
    except _Odd as problem:
        raise KeyError("other") from problem


def _twice() -> Iterator[str]:
    yield "in"
    yield "again"


def _twice_on_error() -> Iterator[str]:
    try:
        yield "in"
    except _Odd:
        yield "again"


def _outcome(kind: Any, generator: "Callable[[], Iterator[str]]", problem: "BaseException | None") -> Any:
    try:
        with kind.contextmanager(generator)() as got:
            if problem:
                raise problem
    except BaseException as raised:
        return type(raised), raised is problem
    return got


@pytest.mark.parametrize("generator", [_passes, _swallows, _turns_into_another, _twice, _twice_on_error])
@pytest.mark.parametrize("problem", [None, _Odd(), StopIteration(), RuntimeError("own"), KeyboardInterrupt()])
def test_a_generator_as_a_context(generator: "Callable[[], Iterator[str]]", problem: "BaseException | None") -> None:
    assert _outcome(contexts, generator, problem) == _outcome(contextlib, generator, problem)


@pytest.mark.parametrize("problem", [None, _Odd(), KeyError("a"), LookupError("b"), SystemExit()])
@pytest.mark.parametrize("kinds", [(), (_Odd,), (LookupError,), (OSError, _Odd), (BaseException,)])
def test_suppress(kinds: "tuple[type[BaseException], ...]", problem: "BaseException | None") -> None:
    def passes(kind: Any) -> bool:
        try:
            with kind.suppress(*kinds):
                if problem:
                    raise problem
        except BaseException as raised:
            assert raised is problem
            return True
        return False

    assert passes(contexts) == passes(contextlib)


def test_nothing() -> None:
    with contexts.nullcontext() as got:
        assert got is None
