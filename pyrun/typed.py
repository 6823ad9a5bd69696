"""What pyrun uses of `typing`, whose import takes longer than all that most verbs do.

A type checker sees typing itself; at run time a value is a named tuple of the same
fields and defaults, and what stands in annotations only means nothing.
"""

import sys

MYPY = False  # mypy takes it to be true
if MYPY or sys.version_info >= (3, 14):  # from 3.14 on annotations are not at hand while a class is made
    from typing import Any as Any
    from typing import NamedTuple as NamedTuple
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
else:
    from collections import namedtuple

    Any = NoReturn = Protocol = object

    class _Value(type):
        """Makes a class with annotated fields into a named tuple with the same methods."""

        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body.get("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            base = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            return type(name, (base,), {"__slots__": (), **body})

    class NamedTuple(metaclass=_Value):
        """A tuple whose items have names; fields without a default come first."""
