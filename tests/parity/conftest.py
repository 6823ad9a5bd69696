"""A host with a Docker daemon of its own, beside pyrun; both have the same root file system."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, Done, Host

# Docker 20.10 takes a hybrid host for neither version: it sees v1 only, as far as this mount namespace goes.
# And it looks for its groups in the machine's, not in what lies over them in this mount namespace.
_PREPARE = """
for top in $(awk '/ - cgroup2? / { print $5 }' /proc/self/mountinfo | sort | uniq -d); do umount $top; done
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
mkdir -p /var/lib/pyrun && sysctl -qw net.ipv4.ip_forward=0
"""


class Docker:
    """A daemon on a host, and its client."""

    def __init__(self, host: Host, work: Path) -> None:
        self.host = host
        host.groups = ":"  # it sees the machine's, other hosts' among them
        self.command = ["/usr/bin/docker", "-H", f"unix://{work}/socket"]
        host.out(_PREPARE)
        host.out(f"mkdir {work}/data && mount -t tmpfs tmpfs {work}/data")  # a disk's flushes take a fifth of it all
        daemon = (
            f"dockerd --data-root {work}/data --exec-root /run/docker-exec --pidfile {work}/pid -H unix://{work}/socket"
        )
        with (work / "log").open("wb") as log:
            self.daemon = host.start(daemon.split(), stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while self.docker("version").returncode:
            assert time.monotonic() < deadline, (work / "log").read_text()[-2000:]
            time.sleep(0.1)
        tree = subprocess.run(["tar", "-C", BUSYBOX, "-c", "."], capture_output=True, check=True).stdout
        assert self.docker("import", "-", "tree", stdin=tree).returncode == 0

    def docker(self, *arguments: str, stdin: bytes = b"") -> Done:
        """Run a docker command."""
        return self.host.run([*self.command, *arguments], stdin)

    def close(self) -> None:
        """Remove every container, and end the daemon."""
        left = self.docker("ps", "-aq").stdout.decode().split()
        if left:
            self.docker("rm", "-f", *left)
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(60)


@pytest.fixture(scope="module")
def docker(shared_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Give a daemon; where Docker is not installed only CI, which installs it, has to fail."""
    if not shutil.which("dockerd"):
        assert not os.environ.get("PYRUN_TEST_DOCKER"), "Docker is to be there, and is not"
        pytest.skip("Docker is not installed")
    daemon = Docker(shared_host, tmp_path_factory.mktemp("docker"))
    try:
        yield daemon
    finally:
        daemon.close()
