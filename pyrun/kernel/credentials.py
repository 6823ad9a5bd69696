"""Giving up power, one operation a step; the order of the steps is decided in `pyrun.plan.process`.

The equivalent commands are util-linux's. Each of those that begin with ``exec``
takes the place of the shell that it is typed into. See credentials(7).
"""

import errno
import os
import resource

from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import capabilities, syscalls, trees
from pyrun.kernel.files import quote
from pyrun.spec import Ulimit
from pyrun.typed import NamedTuple


class AdjustOomScore(NamedTuple):
    """Say how soon the kernel ends this process when memory is short; -1000 never, 1000 first."""

    value: int

    def apply(self) -> None:
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write(str(self.value))
        except OSError as cause:
            reason = os.strerror(cause.errno or 0).lower()
            hint = "lowering it below ours needs CAP_SYS_RESOURCE"
            raise PyrunError(f"oom-score-adj: {self.value}: {reason}", hint=hint) from cause

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"echo {self.value} > /proc/self/oom_score_adj"

    def why(self) -> str:
        return "--oom-score-adj"


class JoinKeyring(NamedTuple):
    """Leave the caller's session keyring, which no namespace separates, for a new one."""

    name: str

    def apply(self) -> None:
        syscalls.join_session_keyring(self.name.encode())

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"! command -v keyctl >/dev/null || exec keyctl session {quote(self.name)} bash"

    def why(self) -> str:
        return "the caller's keys are not the container's"


class SetLimit(NamedTuple):
    """One resource limit. Errors: PyrunError above what we may give."""

    limit: Ulimit

    def apply(self) -> None:
        name, soft, hard = self.limit
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (soft, hard))
        except (OSError, ValueError) as cause:
            hint = "raising a limit above ours needs CAP_SYS_RESOURCE"
            raise PyrunError(f"ulimit: {name}: cannot be set to {soft}:{hard}", hint=hint) from cause

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        name, *values = self.limit
        soft, hard = ("unlimited" if value == -1 else str(value) for value in values)
        return f"prlimit --pid $$ --{name}={soft}:{hard}"

    def why(self) -> str:
        return "--ulimit"


class SetUmask(NamedTuple):
    """Which permissions new files lack."""

    mask: int

    def apply(self) -> None:
        os.umask(self.mask)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"umask {self.mask:03o}"

    def why(self) -> str:
        return "new files may be written by their owner only"


class ForbidNewPrivileges(NamedTuple):
    """From now on execve(2) gives no privilege, whatever the file says."""

    def apply(self) -> None:
        capabilities.set_no_new_privileges()

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return "exec setpriv --no-new-privs bash"

    def why(self) -> str:
        return "no program here gains privileges, setuid or not"


class LoadFilter(NamedTuple):
    """Let the kernel judge every system call by a BPF program from now on."""

    program: bytes
    policy: str  # as people call it

    def apply(self) -> None:
        syscalls.seccomp(self.program)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f": seccomp {quote(self.policy)}"

    def why(self) -> str:
        return "system calls that a container does not need are refused (a BPF program; no command loads it)"


class LimitBounding(NamedTuple):
    """No program executed from here on can have any other capability than these."""

    kept: frozenset[str]

    def apply(self) -> None:
        capabilities.limit_bounding(self.kept)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        names = "".join(f",+{name.lower()}" for name in capabilities.NAMES if name in self.kept)
        return f"exec setpriv --bounding-set -all{names} bash"

    def why(self) -> str:
        return "power over the host that no program here can have"


class SetGroups(NamedTuple):
    """The supplementary groups."""

    groups: tuple[int, ...]

    def apply(self) -> None:
        os.setgroups(list(self.groups))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"exec setpriv --groups {','.join(map(str, self.groups))} bash"

    def why(self) -> str:
        return "from /etc/group of the container, and --group-add"


class SetGroup(NamedTuple):
    """The real, effective and saved group."""

    gid: int

    def apply(self) -> None:
        os.setresgid(self.gid, self.gid, self.gid)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"exec setpriv --regid {self.gid} --keep-groups bash"

    def why(self) -> str:
        return "the program's group"


class SetUser(NamedTuple):
    """The real, effective and saved user; it is checked that the kernel took all ids as they were given."""

    uid: int
    gid: int
    groups: tuple[int, ...]

    def apply(self) -> None:
        capabilities.keep_across_setuid()
        os.setresuid(self.uid, self.uid, self.uid)
        capabilities.verify_user(self.uid, self.gid, list(self.groups))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"exec setpriv --reuid {self.uid} bash"

    def why(self) -> str:
        return "the program's user"


class SetCapabilities(NamedTuple):
    """Permitted and effective are these, inheritable and ambient none (CVE-2022-29162)."""

    kept: frozenset[str]

    def apply(self) -> None:
        capabilities.set_process(self.kept)
        capabilities.set_undumpable()  # a change of user resets it

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return "exec setpriv --inh-caps -all --ambient-caps -all bash"

    def why(self) -> str:
        return "what execve took from the bounding set, and nothing to inherit"


class MakeWorkingDirectory(NamedTuple):
    """The working directory and its parents, where the root file system lacks them.

    No link of /proc is followed on the way: it could lead out (CVE-2024-21626).
    What cannot be made is told by who enters it.
    """

    path: str

    def apply(self) -> None:
        with trees.opened("/") as root, suppress(OSError):
            os.close(trees.ensure_in_root(root, self.path, directory=True))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"mkdir -p {quote(self.path)}"

    def why(self) -> str:
        return "as Docker makes it"


class EnterDirectory(NamedTuple):
    """Change into the working directory; one outside the root is refused (CVE-2024-21626)."""

    path: str
    made: bool = False  # for `run`, which has made what was missing: what is no directory now never will be

    def apply(self) -> None:
        try:
            os.chdir(self.path)
            inside = os.getcwd().startswith("/")
        except OSError as cause:
            code = 127 if cause.errno == errno.ENOENT else 126
            if self.made and cause.errno == errno.ENOTDIR:
                code = 125
            raise PyrunError(f"workdir: {self.path}: {os.strerror(cause.errno or 0).lower()}", code) from cause
        if not inside:
            raise PyrunError(f"workdir: {self.path}: lies outside the container", 126)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"cd {quote(self.path)}"

    def why(self) -> str:
        return "where the program begins"
