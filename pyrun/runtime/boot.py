"""What is to run after the host has come up: there is no daemon that would know, so it is asked once."""

import os

from pyrun import paths, store
from pyrun.runtime import restarts
from pyrun.store import Container


def wanted() -> list[Container]:
    """List the containers that their policy wants to run, in the order of their making; only those that ever ran."""
    return [container for container in reversed(store.containers()) if _is_wanted(container)]


def _is_wanted(container: Container) -> bool:
    config, status = container.config, container.status()
    if config is None or status.state != "exited" or status.monitored:
        return False
    stopped = os.path.lexists(paths.stopped(config.id))
    return restarts.at_boot(config.restart, config.restart_most, restarts.Ended(status.exit_code, 0.0, 0, stopped))
