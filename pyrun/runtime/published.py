"""Which of a container's plugs its published ports belong to: the one that leads outside, as in Docker.

They move with it while the container runs, and wait in a file of the container's while
they do. The sockets that hold them on the host stay. Who binds them is in `pyrun.runtime.plugging`.
"""

import os

from pyrun import documents, keeping, paths
from pyrun.contexts import suppress
from pyrun.kernel import files, reading
from pyrun.network import endpoints
from pyrun.operation import perform
from pyrun.plan import network as plan
from pyrun.spec import Endpoint, Published


def lead(identity: str, ends: list[Endpoint], to: "Endpoint | None") -> None:
    """Lead all published ports of a container, whose plugs are *ends*, to one of them, unless none leads outside.

    However often this was interrupted, it goes on. Errors: PyrunError.
    """
    if to is None:
        return
    kept = _waiting(identity)
    ports = tuple(port for end in ends for port in end.published) or kept
    away = [end for end in ends if end.network.name != to.network.name and (kept or end.published)]
    if not kept and not away:
        return
    files.write_atomically(_path(identity), documents.written(ports).encode())
    for end in away:
        _unpublish(end._replace(published=ports))
    end = to._replace(published=ports)
    perform(plan.published(end), "host", keeping.endpoint_journal(identity, end.network.name))
    perform([endpoints.registered(end)])
    os.unlink(_path(identity))


def _unpublish(end: Endpoint) -> None:
    """Take the way to a plug's ports away; its journal, which may be unwound later than that of their next one."""
    journal = keeping.endpoint_journal(end.container, end.network.name)
    perform([endpoints.registered(end._replace(published=()))])
    for operation in reversed(plan.published(end)):
        inverse = operation.inverse()
        if inverse is not None:
            perform([inverse])
            journal.strike(inverse)


def _waiting(identity: str) -> tuple[Published, ...]:
    """List the ports of a container that somebody was interrupted in moving."""
    with suppress(FileNotFoundError):
        return tuple(Published(*fields) for fields in documents.parse(reading.read_limited(_path(identity))))
    return ()


def _path(identity: str) -> str:
    return f"{paths.runtime(identity)}/waiting-ports"
