"""The types behind Docker's inspect, as far as a template sees them: the fields' names in Go, their order, their kinds.

A word declares a field: its name, `=` and its name in JSON where that differs, `:` and its kind. Kinds: text if none is
given, 0 a number, ? a truth, t a time, * a pointer to a plain value, [] and {} lists and maps of plain values; and of
types that are declared here X itself, *X a pointer, [X] a list, {X} a map, {*X} a map of pointers, {!X} a map by port.
"""

from pyrun.typed import Any

DECLARED = {
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
        SandboxKey SecondaryIPAddresses:[] SecondaryIPv6Addresses:[] EndpointID Gateway GlobalIPv6Address
        GlobalIPv6PrefixLen:0
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


_read: "dict[str, list[tuple[str, str]]]" = {}


def ordered(shape: str, raw: Any) -> Any:
    """Give an object with its fields in Docker's order, those that Docker has not at the end, and its maps by key."""
    fields = _fields(shape)
    if fields == [(name, "") for name in raw]:  # as it is, like hundreds of a network's containers
        return raw
    found: dict[str, Any] = {}
    for key, kind in fields:
        if key in raw:
            found[key] = _in_order(kind, raw[key]) if kind else raw[key]
    return {**found, **{name: each for name, each in raw.items() if name not in found}}


def _fields(shape: str) -> "list[tuple[str, str]]":
    """Give the fields of a type that is declared, by their names in JSON, each with its kind."""
    if shape not in _read:
        words = [word.partition(":") for word in DECLARED[shape].split()]
        _read[shape] = [(names.rpartition("=")[2], kind) for names, _, kind in words]
    return _read[shape]


def _in_order(kind: str, raw: Any) -> Any:
    of = kind.strip("*{}![]")
    if isinstance(raw, dict) and kind[:1] == "{":
        return {name: _in_order(of, each) for name, each in sorted(raw.items())}
    if isinstance(raw, list) and of in DECLARED:
        return [ordered(of, each) for each in raw]
    return ordered(of, raw) if isinstance(raw, dict) and of in DECLARED else raw
