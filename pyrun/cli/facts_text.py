"""What `info` prints for people: the facts of this host in the words and the order of Docker's."""

from pyrun.cli.load_tables import binary
from pyrun.cli.screen import printable
from pyrun.typed import Any


def written(told: "dict[str, Any]") -> str:
    """Write the facts, a line each, and below them what is amiss."""
    lines = [*_containers(told), *_limits(told), *_network(told), *_machine(told)]
    lines += [f"WARNING: {warning}" for warning in told["Warnings"]]
    return "".join(f"{printable(line)}\n" for line in lines)


def _containers(told: "dict[str, Any]") -> list[str]:
    return [
        f"Containers: {told['Containers']}",
        f" Running: {told['ContainersRunning']}",
        f" Paused: {told['ContainersPaused']}",
        f" Stopped: {told['ContainersStopped']}",
        f"Root Filesystems: {told['Images']}",
        f"Server Version: {told['ServerVersion']}",
        f"Storage Driver: {told['Driver']}",
        *(f" {name}: {value}" for name, value in told["DriverStatus"]),
        f"Logging Driver: {told['LoggingDriver']}",
    ]


def _limits(told: "dict[str, Any]") -> list[str]:
    limits = {"memory": "MemoryLimit", "swap": "SwapLimit", "cpu": "CpuCfsQuota", "cpuset": "CPUSet"}
    limits |= {"pids": "PidsLimit"}
    return [
        f"Cgroup Driver: {told['CgroupDriver']}",
        f"Cgroup Version: {told['CgroupVersion']}",
        f"Cgroup Mode: {told['CgroupMode']}",
        f"Limits: {' '.join(word for word, key in limits.items() if told[key])}",
    ]


def _network(told: "dict[str, Any]") -> list[str]:
    firewall, bridge = told["FirewallBackend"], told["Bridge"]
    stands = f"{bridge['Name']} {' '.join(bridge['Subnets'])}" if bridge else "not up: no container is on it"
    return [
        f"Networks: {told['Networks']}",
        f" Drivers: {' '.join(told['Plugins']['Network'])}",
        f" Bridge: {stands}",
        f" Firewall: {firewall['Driver'] or 'none'}",
        f" Forward Policy: {firewall['ForwardPolicy']}",
        f" IPv4 Forwarding: {_truth(told['IPv4Forwarding'])}",
        f" IPv6 Forwarding: {_truth(told['IPv6Forwarding'])}",
        f" Bridge Netfilter: {_truth(told['BridgeNfIptables'])}",
    ]


def _machine(told: "dict[str, Any]") -> list[str]:
    return [
        f"Init Binary: {told['InitBinary'] or 'none'}",
        "Security Options:",
        *(f" {option.removeprefix('name=').replace(',profile=', ', profile ')}" for option in told["SecurityOptions"]),
        f"Kernel Version: {told['KernelVersion']}",
        f"Operating System: {told['OperatingSystem']}",
        f"OSType: {told['OSType']}",
        f"Architecture: {told['Architecture']}",
        f"CPUs: {told['NCPU']}",
        f"Total Memory: {binary(told['MemTotal'])}",
        f"Name: {told['Name']}",
        f"Root Dir: {told['DockerRootDir']}",
    ]


def _truth(value: bool) -> str:
    return "true" if value else "false"
