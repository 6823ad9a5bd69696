"""From a process in its namespaces to the container's program: the power it gives up, in the kernel's order."""

from pyrun.kernel import credentials
from pyrun.kernel.accounts import Account
from pyrun.operation import Operation
from pyrun.spec import ProcessConfig


def process(config: ProcessConfig, account: Account) -> list[Operation]:
    """List what stands between the pivot and execve.

    A filter needs CAP_SYS_ADMIN unless no_new_privs is set, so it comes early
    then; else it comes last, and forbids most (security.md, order of the final child stage).
    """
    kept = config.capabilities
    load: list[Operation] = [credentials.LoadFilter(config.filter, config.policy)] if config.filter is not None else []
    plan: list[Operation] = [
        credentials.JoinKeyring(config.keyring),
        *(credentials.SetLimit(limit) for limit in config.ulimits),
        credentials.SetUmask(0o022),
    ]
    if config.make_cwd and config.cwd != "/":
        plan.append(credentials.MakeWorkingDirectory(config.cwd))
    plan += [credentials.ForbidNewPrivileges()] if config.no_new_privileges else load
    plan += [
        credentials.LimitBounding(kept),
        credentials.SetGroups(account.groups),
        credentials.SetGroup(account.gid),
        credentials.SetUser(account.uid, account.gid, account.groups),
        credentials.SetCapabilities(kept if account.uid == 0 else frozenset()),
        credentials.EnterDirectory(config.cwd, config.make_cwd),
    ]
    return plan + (load if config.no_new_privileges else [])
