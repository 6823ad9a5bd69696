"""The keyword arguments of the calls that start and connect something, for type checkers.

They are the options of the command line under their own names, the ones that people write often in the plural: a test
compares them with the declared options. What each means is told by `pyrun VERB --help`.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

Number = int | str  # 512, or as it is typed: "64m"
Path = str | os.PathLike[str]
Moment = str | float | datetime  # "10m" is ten minutes ago; seconds since the epoch
Words = str | Sequence[str]
Pairs = str | Sequence[str] | Mapping[str, Any]  # "K=V", ["K=V", …], {"K": "V"}; a value None leaves the key alone
Ports = int | str | Sequence[int | str] | Mapping[Any, Any]  # "8080:80", {80: 8080}, {80: ("127.0.0.1", 8080)}


class ProgramOptions(TypedDict, total=False):
    """What `run` and `exec` take for a program."""

    env: Pairs  # {"NAME": "value"}; None takes the caller's value
    env_file: "Path | Sequence[Path]"
    workdir: Path
    user: "str | int"
    tty: bool
    privileged: bool


class ExecOptions(ProgramOptions, total=False):
    """What `Container.exec` takes."""

    detach: bool


class RunOptions(ProgramOptions, total=False):
    """What `run` takes."""

    interactive: bool  # what it reads stays open, for `Container.attach`
    remove: bool
    name: str
    group_add: "str | int | Sequence[str | int]"
    entrypoint: str
    init: bool
    hostname: str
    network: Any  # a name, a Network, a sequence of those, or "container:NAME"
    network_alias: Words
    ip: str
    ip6: str
    mac_address: str
    ports: Ports
    publish_all: bool
    expose: "int | str | Sequence[int | str]"
    dns: Words
    dns_search: Words
    dns_option: Words
    add_host: Pairs
    volumes: Pairs  # {"/of/host": "/in/container"}, {…: ("/in/container", "ro")}
    mounts: Any  # "type=bind,…", {"type": "bind", "source": …, "target": …}, or a sequence of those
    tmpfs: Pairs
    volumes_from: Any  # a name, or a sequence of those
    read_only: bool
    memory: Number  # bytes
    memory_swap: Number  # bytes, memory and swap together
    cpus: "float | str"
    cpu_shares: Number
    cpuset_cpus: str
    pids_limit: Number
    restart: str  # "no", "on-failure:3", "always", "unless-stopped"
    ulimit: Pairs  # {"nofile": 1024}, {"nofile": (1024, 2048)}
    oom_score_adj: Number
    shm_size: Number  # bytes
    cap_add: Words
    cap_drop: Words
    security_opt: Words
    stop_signal: "str | int"
    stop_timeout: Number  # seconds
    domainname: str
    labels: Pairs
    label_file: "Path | Sequence[Path]"
    annotation: Pairs
    device: Pairs  # "/dev/fuse", {"/dev/of/host": "/dev/in/container"}
    device_cgroup_rule: Words
    sysctl: Pairs
    pid: Any  # "host", a Container, or "container:NAME"
    ipc: Any
    uts: str
    cgroupns: str
    cgroup_parent: str
    cpuset_mems: str
    cpu_period: Number  # microseconds, as the three below
    cpu_quota: Number
    cpu_rt_period: Number
    cpu_rt_runtime: Number
    memory_reservation: Number  # bytes
    memory_swappiness: Number
    oom_kill_disable: bool
    blkio_weight: Number
    blkio_weight_device: Pairs
    device_read_bps: Pairs  # {"/dev/sda": "1mb"}
    device_write_bps: Pairs
    device_read_iops: Pairs
    device_write_iops: Pairs
    health_cmd: str
    health_interval: Number
    health_retries: Number
    health_start_interval: Number
    health_start_period: Number
    health_timeout: Number
    no_healthcheck: bool
    log_driver: str
    log_opt: Pairs


class UpdateOptions(TypedDict, total=False):
    """What `Container.update` takes."""

    memory: Number  # bytes
    memory_swap: Number
    cpus: "float | str"
    cpu_shares: Number
    cpuset_cpus: str
    cpuset_mems: str
    cpu_period: Number  # microseconds, as the three below
    cpu_quota: Number
    cpu_rt_period: Number
    cpu_rt_runtime: Number
    memory_reservation: Number  # bytes
    blkio_weight: Number
    pids_limit: Number
    restart: str


class NetworkOptions(TypedDict, total=False):
    """What `create_network` takes."""

    subnet: Words
    gateway: Words
    ip_range: Words
    aux_address: Pairs
    internal: bool
    ipv6: bool
    labels: Pairs
    opt: Pairs


class ConnectOptions(TypedDict, total=False):
    """What `Network.connect` takes."""

    alias: Words
    ip: str
    ip6: str
    mac_address: str
    driver_opt: Pairs
    gw_priority: Number


class VolumeOptions(TypedDict, total=False):
    """What `create_volume` takes."""

    labels: Pairs
    opt: Pairs
