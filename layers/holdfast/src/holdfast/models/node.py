"""What was observed of a node, and steps that are under way there. Sizes are bytes, times are seconds or UTC."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from holdfast.models.base import Model, Sha256Hex, StoredModel, Utc
from holdfast.models.etcd import Alarm, Member, MemberStatus
from holdfast.models.openshift import OpenShiftView
from holdfast.models.words import Lines, Words, plain

# The name of a step's directory on a node; made by planning/naming.py: step_key.
StepKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,150}$")]
NodePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]{0,1000}$")]
TOOLS = (
    *("curl", "zstd", "gzip", "sha256sum", "md5sum", "base64", "tar", "timeout", "setsid", "openssl"),
    *("crictl", "docker", "ctr", "etcdctl", "kubectl"),
)


class NodeStep(Model):
    """One step on one node, as a state machine carries it. `handle` is the transport's own (SSM's command id), never a
    secret; `misses` counts looks in a row that did not reach the node, the first of them at `away_since`.

    `attempt` counts the starts of work that failed in a way that another try may mend; each has a key of its own.
    `replaces` is the key of a step that must not go on beside this one: what was started on a node that did not answer
    any more may still be at work there.
    """

    node: str
    key: StepKey
    replaces: StepKey | None = None
    handle: str = Field(default="", max_length=2000)
    since: Utc
    attempt: int = 1
    misses: int = 0
    away_since: Utc | None = None


class EtcdLayout(Model):
    """The etcd member of a node, read from its own flags: nothing in here is assumed.

    `client_urls` and `peer_urls` are the advertised ones. `cert` and `key` identify a client. `container` says that
    etcd runs in one, whose file system shows `data_dir` and the certificates under the same paths as the host
    (`host_data_dir` is where the host has the data); False means a process of the host. `namespace` is its pod's.
    """

    name: str
    data_dir: NodePath
    host_data_dir: NodePath
    client_urls: tuple[str, ...]
    ca: NodePath
    cert: NodePath
    key: NodePath
    container: bool
    image: str = ""
    peer_urls: tuple[str, ...] = ()
    namespace: str = "kube-system"


class ApiServerLayout(Model):
    """The API server of a node. `url` is where it listens, by the address that it advertises; `ca`, `client_cert` and
    `client_key` are files on the host with which it can be asked as a member of system:masters (what it shows to
    kubelets), None where its flags name none. `encryption_config` is the file of --encryption-provider-config, None
    without one."""

    etcd_servers: tuple[str, ...]
    url: str = ""
    ca: NodePath | None = None
    client_cert: NodePath | None = None
    client_key: NodePath | None = None
    encryption_config: NodePath | None = None
    audit_policy: NodePath | None = None
    version: str = ""


class NodeSurvey(Model):
    """What the first look at a node told. `tools` maps each of `TOOLS` that is there to its version ("" where it tells
    none). `clock_offset_s` is the node's clock minus ours, good to a few seconds. `root` says that the commands ran
    as root. `etcd_problem` is why an etcd that runs there cannot be asked (then `etcd` is None).
    `data_on_work_disk`: what is saved beside etcd's data takes the room of our own files. `bundle_paths` exist
    there, `missing` are named by flags and do not; `key_services` are sockets of the plugins that hold the keys of
    an encryption at rest. `node_name` is what Kubernetes calls it, "" where that could not be told; `kubelet_files` are
    those of its kubelet's own certificate and key, as far as they are files: named, or what a link leads to.
    `openshift` is what only hosts of OpenShift have."""

    node: str
    hostname: str
    node_name: str = ""
    boot_id: str
    machine: str
    clock_offset_s: float
    tools: dict[str, str]
    work_free: int
    data_free: int
    data_on_work_disk: bool = True
    root: bool = True
    topology: Literal["stacked", "external-etcd", "control-plane", "none"]
    etcd: EtcdLayout | None = None
    etcd_problem: str = ""
    apiserver: ApiServerLayout | None = None
    static_pod_path: NodePath | None = None
    kubernetes_version: str = ""
    bundle_paths: tuple[NodePath, ...] = ()
    missing: tuple[NodePath, ...] = ()
    key_services: tuple[str, ...] = ()
    kubelet_files: tuple[NodePath, ...] = ()
    openshift: OpenShiftView | None = None


class NodeEtcd(Model):
    """What the member of one node said of itself, and of the cluster as far as it knows.

    `members` and `alarms` are empty when it could not tell, as without quorum; `notes` hold the tool's own words then.
    """

    node: str
    cluster_id: str
    status: MemberStatus
    members: tuple[Member, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    etcdctl_version: str = ""
    notes: tuple[str, ...] = ()


class Certificate(StoredModel):
    """A certificate in a secrets bundle: public facts only."""

    path: Words
    subject: Words
    not_after: Utc
    is_ca: bool = False


class SnapshotReport(StoredModel):
    """What node/snapshot.sh says of its work, in one line of JSON.

    `parts_md5` is the MD5 of the parts' MD5s, empty where the node could compute none; `member_id` is who was asked,
    hexadecimal; `started` and `finished` are the node's clock, seconds since 1970. `possibly_dirty`: the files that a
    vendor's script made say so in their names.
    """

    member_id: str = ""
    compression: Literal["zstd", "gzip"]
    raw_size: int = Field(gt=32)
    sha256: Sha256Hex
    size: int = Field(gt=0)
    object_sha256: Sha256Hex
    parts: int = Field(ge=1, le=10_000)
    parts_md5: str = Field(default="", pattern=r"^(?:[0-9a-f]{32})?$")
    started: int
    finished: int
    possibly_dirty: bool = False
    warnings: Lines = ()


class BundleReport(StoredModel):
    """What node/bundle.sh says of its work. `encryption_keys` are "provider:name", never key material; `missing` are
    paths that were asked for and are not there."""

    compression: Literal["zstd", "gzip"]
    size: int = Field(gt=0)
    object_sha256: Sha256Hex
    files: int = Field(ge=1)
    encryption_keys: Lines = ()
    missing: Lines = ()
    warnings: Lines = ()


class StepFailure(StoredModel):
    """What a node script says when it gives up: a code of docs/reference/errors.md, and its words."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,60}$")]
    message: Annotated[str, StringConstraints(max_length=2000), AfterValidator(lambda text: plain(text, 2000))]
