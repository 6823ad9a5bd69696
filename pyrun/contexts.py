"""What pyrun uses of `contextlib`, whose import takes half as long as the interpreter's own start.

A type checker sees contextlib itself.
"""

MYPY = False  # mypy takes it to be true
if MYPY:
    from contextlib import contextmanager as contextmanager
    from contextlib import nullcontext as nullcontext
    from contextlib import suppress as suppress
else:

    class suppress:
        """Go on after errors of these kinds."""

        def __init__(self, *kinds):
            self._kinds = kinds

        def __enter__(self):
            return None

        def __exit__(self, kind, problem, trace):
            return kind is not None and issubclass(kind, self._kinds)

    class _Begun:
        """A generator that yields once: what stands before is done on entry, what stands after on leaving."""

        __slots__ = ("_generator",)

        def __init__(self, generator):
            self._generator = generator

        def __enter__(self):
            return next(self._generator)

        def __exit__(self, kind, problem, trace):
            try:
                self._generator.send(None) if kind is None else self._generator.throw(problem)
            except StopIteration as end:
                return end is not problem
            except BaseException as raised:
                passed = raised is problem or (isinstance(problem, StopIteration) and raised.__cause__ is problem)
                if not passed:
                    raise
                return False
            raise RuntimeError("a context manager yielded twice")

    def contextmanager(function):
        """Make a function that yields once into a context manager."""

        def begin(*given, **named):
            return _Begun(function(*given, **named))

        begin.__name__, begin.__doc__ = function.__name__, function.__doc__
        return begin

    @contextmanager
    def nullcontext(given=None):
        """Do nothing, where a context is asked for and none is needed; yield what was *given*."""
        yield given
