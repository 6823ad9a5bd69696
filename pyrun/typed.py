"""What pyrun uses of `typing` and `collections.abc`, whose import takes longer than all that most verbs do.

A type checker sees typing itself; at run time a value is a named tuple of the same
fields and defaults, and what stands in annotations only means nothing.
"""

import sys
from _collections_abc import Callable as Callable
from _collections_abc import Iterable as Iterable
from _collections_abc import Iterator as Iterator
from _collections_abc import Sequence as Sequence

MYPY = False  # mypy takes it to be true
if MYPY or sys.version_info >= (3, 14):  # from 3.14 on annotations are not at hand while a class is made
    from typing import Any as Any
    from typing import NamedTuple as NamedTuple
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
else:
    from _collections import _tuplegetter  # what namedtuple makes its fields of

    Any = NoReturn = Protocol = object

    class _Fields(tuple):
        """What namedtuple gives its classes, without the code that it compiles for each: half of an import's time."""

        __slots__ = ()

        def __new__(cls, *given, **named):
            if named or len(given) != len(cls._fields):
                given = _completed(cls, given, named)
            return tuple.__new__(cls, given)

        def __repr__(self):
            return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._asdict().items())})"

        def __getnewargs__(self):
            return tuple(self)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **named):
            return type(self)(**{**self._asdict(), **named})

    def _completed(cls, given, named):
        """Give all fields in order. Errors: TypeError for one that is missing, unknown or given twice."""
        values = {**cls._field_defaults, **dict(zip(cls._fields, given, strict=False))}
        wrong = (named.keys() - set(cls._fields)) | (named.keys() & set(cls._fields[: len(given)]))
        values.update(named)
        if wrong or len(given) > len(cls._fields) or len(values) < len(cls._fields):
            raise TypeError(f"{cls.__name__}: expected the fields {', '.join(cls._fields)}")
        return [values[field] for field in cls._fields]

    class _Value(type):
        """Makes a class with annotated fields into a tuple whose items have names, with the same methods."""

        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body.pop(field) for field in fields if field in body}
            getters = {field: _tuplegetter(at, None) for at, field in enumerate(fields)}
            made = {"__slots__": (), "_fields": fields, "_field_defaults": defaults, "__match_args__": fields}
            return type(name, (_Fields,), {**made, **getters, **body})

    class NamedTuple(metaclass=_Value):
        """A tuple whose items have names; fields without a default come first."""
