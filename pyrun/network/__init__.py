"""The bridge networks of this host.

For programs the name is also a function: `pyrun.network(NAME)` finds a network, whether this package has been imported
into its place or not.
"""

import sys

TYPE_CHECKING = False  # type checkers take it to be true
if TYPE_CHECKING:
    from pyrun.api.networks import Network


class _Package(type(sys)):  # type: ignore[misc]
    def __call__(self, name: str) -> "Network":
        from pyrun.api.networks import network

        return network(name)


sys.modules[__name__].__class__ = _Package
