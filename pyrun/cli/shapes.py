"""The types behind Docker's inspect, as far as a template sees them: the fields' names in Go, their order, their zeros.

A word declares a field: its name, `=` and its name in JSON where that differs, `:` and its kind. Kinds: text if none is
given, 0 a number, ? a truth, t a time, * a pointer to a plain value, [] and {} lists and maps of plain values; and of
types that are declared here X itself, *X a pointer, [X] a list, {X} a map, {*X} a map of pointers, {!X} a map by port.
"""

from pyrun.templates.values import MISSING, Loose, Nil, Number, Struct, Table, Time
from pyrun.typed import Any

_DECLARED = {
    "types.ContainerJSON": """
        ID=Id Created Path Args:[] State:*types.ContainerState Image ResolvConfPath HostnamePath HostsPath LogPath
        Node:* Name RestartCount:0 Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs:[]
        HostConfig:*container.HostConfig GraphDriver:types.GraphDriverData SizeRw:* SizeRootFs:*
        Mounts:[types.MountPoint] Config:*container.Config NetworkSettings:*types.NetworkSettings""",
    "types.ContainerState": """
        Status Running:? Paused:? Restarting:? OOMKilled:? Dead:? Pid:0 ExitCode:0 Error StartedAt FinishedAt
        Health:*types.Health""",
    "types.Health": "Status FailingStreak:0 Log:[*types.HealthcheckResult]",
    "types.HealthcheckResult": "Start:t End:t ExitCode:0 Output",
    "types.GraphDriverData": "Data:{} Name",
    "types.MountPoint": "Type Name Source Destination Driver Mode RW:? Propagation",
    "container.Config": """
        Hostname Domainname User AttachStdin:? AttachStdout:? AttachStderr:? ExposedPorts:{!nothing} Tty:? OpenStdin:?
        StdinOnce:? Env:[] Cmd:[] Healthcheck:*container.HealthConfig ArgsEscaped:? Image Volumes:{nothing} WorkingDir
        Entrypoint:[] NetworkDisabled:? MacAddress OnBuild:[] Labels:{} StopSignal StopTimeout:* Shell:[]""",
    "container.HealthConfig": "Test:[] Interval:0 Timeout:0 StartPeriod:0 Retries:0",
    "nothing": "",
    "container.HostConfig": """
        Binds:[] ContainerIDFile LogConfig:container.LogConfig NetworkMode PortBindings:{![nat.PortBinding]}
        RestartPolicy:container.RestartPolicy AutoRemove:? VolumeDriver VolumesFrom:[] CapAdd:[] CapDrop:[]
        CgroupnsMode DNS=Dns:[] DNSOptions=DnsOptions:[] DNSSearch=DnsSearch:[] ExtraHosts:[] GroupAdd:[] IpcMode Cgroup
        Links:[] OomScoreAdj:0 PidMode Privileged:? PublishAllPorts:? ReadonlyRootfs:? SecurityOpt:[] StorageOpt:{}
        Tmpfs:{} UTSMode UsernsMode ShmSize:0 Sysctls:{} Runtime ConsoleSize:[] Isolation CPUShares=CpuShares:0 Memory:0
        NanoCPUs=NanoCpus:0 CgroupParent BlkioWeight:0 BlkioWeightDevice:[] BlkioDeviceReadBps:[] BlkioDeviceWriteBps:[]
        BlkioDeviceReadIOps:[] BlkioDeviceWriteIOps:[] CPUPeriod=CpuPeriod:0 CPUQuota=CpuQuota:0
        CPURealtimePeriod=CpuRealtimePeriod:0 CPURealtimeRuntime=CpuRealtimeRuntime:0 CpusetCpus CpusetMems
        Devices:[container.DeviceMapping] DeviceCgroupRules:[] DeviceRequests:[] KernelMemory:0 KernelMemoryTCP:0
        MemoryReservation:0 MemorySwap:0 MemorySwappiness:* OomKillDisable:* PidsLimit:* Ulimits:[*units.Ulimit]
        CPUCount=CpuCount:0 CPUPercent=CpuPercent:0 IOMaximumIOps:0 IOMaximumBandwidth:0 Mounts:[] MaskedPaths:[]
        ReadonlyPaths:[] Init:*""",
    "container.LogConfig": "Type Config:{}",
    "container.RestartPolicy": "Name MaximumRetryCount:0",
    "container.DeviceMapping": "PathOnHost PathInContainer CgroupPermissions",
    "nat.PortBinding": "HostIP=HostIp HostPort",
    "units.Ulimit": "Name Hard:0 Soft:0",
    "types.NetworkSettings": """
        Bridge SandboxID HairpinMode:? LinkLocalIPv6Address LinkLocalIPv6PrefixLen:0 Ports:{![nat.PortBinding]}
        SandboxKey SecondaryIPAddresses:[] SecondaryIPv6Addresses:[] EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen:0
        IPAddress IPPrefixLen:0 IPv6Gateway MacAddress Networks:{*network.EndpointSettings}""",
    "network.EndpointSettings": """
        IPAMConfig:*network.EndpointIPAMConfig Links:[] Aliases:[] NetworkID EndpointID Gateway IPAddress IPPrefixLen:0
        IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen:0 MacAddress DriverOpts:{}""",
    "network.EndpointIPAMConfig": "IPv4Address IPv6Address LinkLocalIPs:[]",
    "types.NetworkResource": """
        Name ID=Id Created:t Scope Driver EnableIPv6:? IPAM:network.IPAM Internal:? Attachable:? Ingress:?
        ConfigFrom:network.ConfigReference ConfigOnly:? Containers:{types.EndpointResource} Options:{} Labels:{}
        Peers:[] Services:{}""",
    "network.IPAM": "Driver Options:{} Config:[network.IPAMConfig]",
    "network.IPAMConfig": "Subnet IPRange Gateway AuxAddress=AuxiliaryAddresses:{}",
    "network.ConfigReference": "Network",
    "types.EndpointResource": "Name EndpointID MacAddress IPv4Address IPv6Address",
    "events.Message": """
        Status=status ID=id From=from Type Action Actor:events.Actor Scope=scope Time=time:0 TimeNano=timeNano:0""",
    "events.Actor": "ID Attributes:{}",
    "types.Volume": "CreatedAt Driver Labels:{} Mountpoint Name Options:{} Scope Status:{} UsageData:*",
}
EVENT = "events.Message"
CONTAINER, NETWORK, VOLUME = "types.ContainerJSON", "types.NetworkResource", "types.Volume"
_ZEROS: dict[str, Any] = {"": "", "0": 0, "?": False, "t": "", "[]": Nil("slice", "[]string"), "*": Nil("pointer")}


def typed(shape: str, raw: Any) -> Any:
    """Give an object as Docker's own types show it; fields that Docker has not are found at the end."""
    return _struct(shape, raw, pointer=False)


def untyped(raw: Any) -> Any:
    """Give an object as Docker shows it where its types do not help: as JSON has it, numbers being text."""
    if isinstance(raw, dict):
        return {name: untyped(each) for name, each in raw.items()}
    if isinstance(raw, list | tuple):
        return Loose(untyped(each) for each in raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return raw
    return Number(raw)


def _struct(shape: str, raw: "dict[str, Any]", pointer: bool) -> Struct:
    fields: dict[str, Any] = {}
    known = set()
    for word in _DECLARED[shape].split():
        names, _, kind = word.partition(":")
        name, _, key = names.partition("=")
        known.add(key or name)
        fields[name] = _value(kind, raw.get(key or name))
    own = {name: raw[name] for name in raw if name not in known}
    return Struct("struct {}" if shape == "nothing" else shape, {**own, **fields}, raw, pointer, set(own))


def _value(kind: str, raw: Any) -> Any:
    if kind in _DECLARED:
        return _struct(kind, raw or {}, pointer=False)
    if kind[:1] == "*" and kind[1:]:
        return Nil("pointer", kind) if raw is None else _struct(kind[1:], raw, pointer=True)
    if kind[:1] == "{":
        return _map(kind[1:-1], raw)
    if kind[:1] == "[" and kind != "[]":
        if raw is None:
            return Nil("slice", f"[]{kind[1:-1]}")
        return [_value(kind[1:-1], each) for each in raw]
    if raw is None:
        return _ZEROS[kind]
    if kind == "t":
        return Time(raw)
    return list(raw) if isinstance(raw, tuple) else raw


def _map(of: str, raw: Any) -> Any:
    """Make a map; of plain text if nothing else is said."""
    named = of.startswith("!")
    of = of.removeprefix("!")
    zero = Nil("slice") if of[:1] == "[" else Nil("pointer", of) if of[:1] == "*" else "" if not of else MISSING
    name = f"map[{'nat.Port' if named else 'string'}]{'[]' + of[1:-1] if of[:1] == '[' else of or 'string'}"
    entries = {key: _value(of, each) if of else each for key, each in (raw or {}).items()}
    return Table(entries, zero, named, name)
