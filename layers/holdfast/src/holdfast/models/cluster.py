"""`ClusterSpec`: what an operator writes about one control plane. The file format is docs/reference/cluster.md."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from holdfast.models.base import ClusterId, Model
from holdfast.models.retention import RetentionSpec
from holdfast.models.storage import StorageSpec

Driver = Literal["kubeadm", "openshift", "gke-onprem-admin", "gke-onprem-user", "rke1", "rke2", "k3s", "rancher"]


def _etcd_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise ValueError("an etcd endpoint starts with https:// (plain http is refused: a snapshot holds every Secret)")
    if not parts.hostname or parts.port is None or parts.path not in ("", "/") or parts.query or parts.username:
        raise ValueError("an etcd endpoint is https://HOST:PORT and nothing more")
    return f"https://{parts.netloc}"


def _secret_name(name: str) -> str:
    if "-----BEGIN" in name or "\n" in name:
        raise ValueError("credentials are the name of a secret in Secrets Manager, never the value itself")
    if not re.fullmatch(r"holdfast/[A-Za-z0-9/_+=.@-]{1,400}", name):
        raise ValueError("the name of a secret starts with holdfast/ (the functions may read no other)")
    return name


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone (for example Europe/Berlin)")
    return name


EtcdEndpoint = Annotated[str, AfterValidator(_etcd_endpoint)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
# Names that end up in commands, keys and URLs: nothing in them needs quoting, none begins like an option.
NodeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")]
Fingerprint = Annotated[str, StringConstraints(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
InstanceId = Annotated[str, StringConstraints(pattern=r"^m?i-[0-9a-f]{8,17}$")]
ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9._/:@-]{0,250}$")]


class EtcdTransport(Model):
    """The direct path: gRPC to the members' client port. `server_name` overrides the name that certificates must
    carry."""

    kind: Literal["etcd"]
    endpoints: tuple[EtcdEndpoint, ...] = Field(min_length=1, max_length=9)
    credentials: SecretName
    server_name: str | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """What tells this cluster from another one, for people too."""
        return self.endpoints


class SshHost(Model):
    """Where an SSH server listens, and the keys that it may show: fingerprints as `ssh-keygen -lf` prints them.

    An empty `host_keys` is no wildcard: the connection is refused with the fingerprint that was seen, so that it can
    be compared on the host and pinned here.
    """

    host: HostName
    port: int = Field(default=22, ge=1, le=65_535)
    host_keys: tuple[Fingerprint, ...] = Field(default=(), max_length=8)


class SshJump(SshHost):
    """A host that connections pass through. User and credentials are those of the nodes unless given."""

    user: UserName | None = None
    credentials: SecretName | None = None


class SshNode(SshHost):
    name: NodeName


class SsmNode(Model):
    """A managed node of Systems Manager: an EC2 instance (i-…) or a machine anywhere else (mi-…)."""

    name: NodeName
    instance: InstanceId


def _names_of_their_own[Node: (SshNode, SsmNode)](nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    if len({node.name for node in nodes}) != len(nodes):
        raise ValueError("two nodes have the same name")
    return nodes


class SshTransport(Model):
    """Commands on the nodes over SSH: as root, or through `sudo -n` for any other user.

    `nodes` are all hosts that run etcd or a control plane; the driver finds out what runs on each. `credentials` is a
    secret with {"private_key": PEM, "passphrase": optional}.
    """

    kind: Literal["ssh"]
    nodes: Annotated[tuple[SshNode, ...], AfterValidator(_names_of_their_own)] = Field(min_length=1, max_length=30)
    user: UserName
    credentials: SecretName
    jump: SshJump | None = None

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(f"{node.host}:{node.port}" for node in self.nodes)


class SsmTransport(Model):
    """Commands on the nodes through Systems Manager's Run Command, which runs them as root. No credentials of ours."""

    kind: Literal["ssm"]
    nodes: Annotated[tuple[SsmNode, ...], AfterValidator(_names_of_their_own)] = Field(min_length=1, max_length=30)

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(node.instance for node in self.nodes)


class KubernetesTransport(Model):
    """Through the cluster's own API. `credentials` is a secret with a kubeconfig, or {"server", "ca", "token"}.

    `via` says how: `port-forward` carries gRPC to the etcd pods and needs `etcd_credentials`; `exec` runs etcdctl in
    the etcd pods and ships the file with a privileged pod; `pod` does everything in a privileged pod, as SSH would.
    The privileged pod runs `image` (anything with sh, chroot and sleep), in `namespace`, and is removed in every case.
    """

    kind: Literal["kubernetes"]
    credentials: SecretName
    via: Literal["port-forward", "exec", "pod"] = "port-forward"
    etcd_credentials: SecretName | None = None
    server_name: str | None = None
    image: ImageName = "docker.io/library/busybox:1.36"
    namespace: NodeName = "kube-system"

    @property
    def places(self) -> tuple[str, ...]:
        return (self.credentials,)

    @model_validator(mode="after")
    def _credentials_for_etcd(self) -> Self:
        if (self.via == "port-forward") != (self.etcd_credentials is not None):
            raise ValueError("etcd_credentials belong to via: port-forward, which needs them")
        return self


NodeTransport = SshTransport | SsmTransport | KubernetesTransport
Transport = Annotated[EtcdTransport | SshTransport | SsmTransport | KubernetesTransport, Field(discriminator="kind")]


class ScheduleSpec(Model):
    """Exactly one of `cron` (five fields, or EventBridge's six) and `rate` ("6 hours")."""

    cron: str | None = None
    rate: str | None = None
    timezone: TimeZone = "UTC"
    flexible_minutes: int = Field(default=0, ge=0, le=1440)
    paused: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.cron is None) == (self.rate is None):
            raise ValueError("a schedule has either cron or rate")
        return self


class VersionWatchSpec(Model):
    """How often a look is taken whether the cluster has another release than its newest backup, which starts one."""

    every: str = "1 hour"
    paused: bool = False


LockMode = Literal["governance", "compliance"]


class LockSpec(Model):
    """Object Lock on every verified backup, for so many days from the start of its run.

    `governance`: whoever has `s3:BypassGovernanceRetention` may lift it, and no function has. `compliance`: nobody can,
    neither the account's root nor AWS, and it cannot be made shorter: the objects are paid for until then.
    """

    mode: LockMode
    days: int = Field(ge=1, le=36_500)


class ClusterSpec(Model):
    """One control plane. `id` is immutable: it is the prefix of everything that is stored. `storage` replaces the
    installation's as a whole."""

    id: ClusterId
    driver: Driver
    description: Annotated[str, StringConstraints(max_length=200)] = ""
    transport: Transport
    schedule: ScheduleSpec | None = None
    version_watch: VersionWatchSpec | None = None
    retention: RetentionSpec = RetentionSpec()
    lock: LockSpec | None = None
    storage: StorageSpec | None = None

    @model_validator(mode="after")
    def _locks_where_there_are_any(self) -> Self:
        if self.lock is not None and self.storage is not None and not self.storage.object_lock:
            raise ValueError("lock needs a storage with Object Lock; this one says object_lock: false")
        return self

    @model_validator(mode="after")
    def _watched_where_hosts_tell_the_release(self) -> Self:
        if self.version_watch is not None and self.watched is None:
            raise ValueError(
                "version_watch is for driver openshift, over a transport that runs commands on hosts: nothing else"
                " tells which release a cluster has"
            )
        return self

    @property
    def watched(self) -> VersionWatchSpec | None:
        """How the release is watched: unless the file says otherwise once an hour, wherever a backup can be restored
        into the same release only. None where it is not: of the `kubernetes` transport only a pod reaches a host."""
        on_hosts = self.transport.kind in ("ssh", "ssm") or getattr(self.transport, "via", "") == "pod"
        return self.version_watch or VersionWatchSpec() if self.driver == "openshift" and on_hosts else None
