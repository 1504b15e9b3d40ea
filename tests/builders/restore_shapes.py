"""What is seen before a restore, in many shapes: stacked and external etcd, workers, lost nodes; and a backup of it.

Stacked: nodes n1.. with members etcd-1... External: members on e1.. and API servers on n1...
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from builders import node_facts
from builders.etcd_facts import endpoint, etcd_facts, member, status
from builders.node_facts import TOOLS
from builders.specs import cluster_spec
from holdfast.drivers.kubeadm.driver import KubeadmDriver
from holdfast.models.backup import Manifest, SecretsBundle, SnapshotObject, SnapshotSource, VerificationReport
from holdfast.models.cluster import ClusterSpec
from holdfast.models.database import DatabaseHead, DatabaseSummary, ResourceCount
from holdfast.models.etcd import EtcdFacts, HashKV
from holdfast.models.node import ApiServerLayout, Certificate, EtcdLayout, NodeSurvey
from holdfast.models.plan import BackupPlan, MemberChoice
from holdfast.models.restore import ChangeRequest, RestoreFacts, RestoreMode
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
BACKUP = "20261120T154300Z-r-1a2b3c"
RUN = f"prod-1-{BACKUP}"
GIB = 1024**3
PKI = "/etc/kubernetes/pki"
VERSION = "3.5.21"
RAW_SIZE = 40 * 1024**2 + 32


@dataclass(frozen=True)
class Shape:
    members: int = 3
    external: bool = False
    workers: int = 0

    @property
    def member_nodes(self) -> tuple[str, ...]:
        return tuple(f"{'e' if self.external else 'n'}{number}" for number in range(1, self.members + 1))

    @property
    def control_nodes(self) -> tuple[str, ...]:
        return tuple(f"n{number}" for number in range(1, self.members + 1))

    @property
    def worker_nodes(self) -> tuple[str, ...]:
        return tuple(f"w{number}" for number in range(1, self.workers + 1))

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.member_nodes, *self.control_nodes, *self.worker_nodes)))


def layout(number: int, *, container: bool = True) -> EtcdLayout:
    more = {
        "image": f"registry.k8s.io/etcd:{VERSION}-0" if container else "",
        "peer_urls": (f"https://10.0.0.{number}:2380",),
    }
    return node_facts.layout(number, container=container).model_copy(update=more)


def survey(shape: Shape, node: str, **changes: Any) -> NodeSurvey:
    number = int(node[1:])
    has_member, has_api = node in shape.member_nodes, node in shape.control_nodes
    kinds = {(True, True): "stacked", (True, False): "external-etcd", (False, True): "control-plane"}
    fields: dict[str, Any] = {
        "node": node,
        "hostname": node.upper(),
        "boot_id": "b",
        "machine": "x86_64",
        "clock_offset_s": 0.0,
        "tools": TOOLS,
        "work_free": 10 * GIB,
        "data_free": 10 * GIB,
        "topology": kinds.get((has_member, has_api), "none"),
        "etcd": layout(number, container=not shape.external) if has_member else None,
        "apiserver": api_server(number) if has_api else None,
        "static_pod_path": None if has_member and not has_api else "/etc/kubernetes/manifests",
        "kubernetes_version": "v1.30.4",
        "bundle_paths": ("/etc/kubernetes/controller-manager.conf", PKI),
    }
    return NodeSurvey.model_validate(fields | changes)


def api_server(number: int) -> ApiServerLayout:
    return ApiServerLayout(
        etcd_servers=(endpoint(number),),
        url=f"https://10.0.0.{number}:6443",
        ca=f"{PKI}/ca.crt",
        client_cert=f"{PKI}/apiserver-kubelet-client.crt",
        client_key=f"{PKI}/apiserver-kubelet-client.key",
        version="v1.30.4",
    )


def facts(of: NodeSurvey, **changes: Any) -> RestoreFacts:
    told = KubeadmDriver().assumed_facts(of, VERSION if of.etcd else "")
    late = int((NOW + timedelta(days=200)).timestamp())
    known = tuple((path, late) for path in KubeadmDriver().certificates(of))
    healthy = {"certificates": known, "unit": "etcd.service" if told.unit else ""}
    return told.model_copy(update=healthy | changes)


def spec(shape: Shape) -> ClusterSpec:
    nodes = [{"name": node, "host": f"{node}.example", "host_keys": []} for node in shape.nodes]
    transport = {"kind": "ssh", "nodes": nodes, "user": "root", "credentials": "holdfast/prod-1/ssh"}
    return cluster_spec(transport=transport)


def seen(shape: Shape, *, etcd: EtcdFacts | None = None, without: tuple[str, ...] = (), **changes: Any) -> RestoreSeen:
    """Nobody of etcd answers, unless told otherwise: a restore is what is needed. `without` did not answer at all."""
    surveys = tuple(survey(shape, node) for node in shape.nodes if node not in without)
    known: dict[str, Any] = {
        "surveys": surveys,
        "facts": {each.node: facts(each) for each in surveys},
        "etcd": etcd,
        "members": etcd.members if etcd else (),
        "nodes": {f"a{node[1:]}": node for node in shape.member_nodes} if etcd else {},
    }
    return RestoreSeen(**(known | changes))


def one_down(shape: Shape, down: int = 3) -> RestoreSeen:
    """A cluster with one member that does not answer; its node does."""
    alive = [number for number in range(1, shape.members + 1) if number != down]
    etcd = etcd_facts(
        *(status(number, leader=alive[0], version=VERSION) for number in alive),
        members=tuple(member(number) for number in range(1, shape.members + 1)),
    )
    nodes = {f"a{number}": shape.member_nodes[number - 1] for number in alive}
    return seen(shape, etcd=etcd, nodes=nodes)


def backup(shape: Shape, *, state: Any = "verified", with_plan: bool = True, **changes: Any) -> ChosenBackup:
    """`changes` are fields of the manifest."""
    manifest = Manifest.model_validate(_manifest(shape).model_dump() | changes)
    return ChosenBackup(
        state=state,
        manifest=manifest,
        verified=_report() if state == "verified" else None,
        plan=_plan(shape) if with_plan else None,
    )


def _manifest(shape: Shape) -> Manifest:
    return Manifest(
        cluster_id="prod-1",
        backup_id=BACKUP,
        run_id=RUN,
        kind="recurring",
        sealed_at=NOW,
        holdfast_version="0",
        source=SnapshotSource(
            driver="kubeadm",
            transport="ssh",
            etcd_cluster_id="c1",
            etcd_version=VERSION,
            endpoint=endpoint(1),
            member_id="a1",
            member_name="etcd-1",
            reason="it",
        ),
        snapshot=SnapshotObject(
            key=f"prod-1/{BACKUP}/snapshot.db.zst",
            size=1000,
            object_sha256="1" * 64,
            raw_size=RAW_SIZE,
            sha256="2" * 64,
            checksum="sha256:x",
            started_at=NOW,
            finished_at=NOW,
        ),
        database=_head(shape),
        bundles=tuple(bundle(node) for node in (*shape.member_nodes, *shape.control_nodes)),
    )


def bundle(node: str, **changes: Any) -> SecretsBundle:
    fields: dict[str, Any] = {
        "node": node,
        "key": f"prod-1/{BACKUP}/{node}/bundle.tar",
        "size": 100,
        "object_sha256": "3" * 64,
        "compression": "zstd",
        "files": 20,
        "certificates": (
            Certificate(path=f"{PKI}/apiserver.crt", subject="CN=x", not_after=NOW + timedelta(days=100)),
        ),
    }
    return SecretsBundle.model_validate(fields | changes)


def _head(shape: Shape) -> DatabaseHead:
    names = tuple(f"etcd-{number}" for number in range(1, shape.members + 1))
    return DatabaseHead(page_size=4096, high_water_pages=10, txid=1, revision=9_000, compact_revision=-1, members=names)


def _report() -> VerificationReport:
    summary = DatabaseSummary(
        sha256="2" * 64,
        size=RAW_SIZE,
        head=_head(Shape()),
        records=100,
        live_keys=13,
        prefixes=("/registry",),
        resources={"pods": ResourceCount(count=7, bytes=1), "secrets": ResourceCount(count=4, bytes=1)},
        other_keys=2,
        leases=0,
        encryption_keys=(),
        hash_kv=HashKV(hash=4242, revision=9_000, compact_revision=-1),
    )
    return VerificationReport(
        cluster_id="prod-1",
        backup_id=BACKUP,
        verified_at=NOW,
        manifest_sha256="4" * 64,
        seconds=1.0,
        database=summary,
    )


def _plan(shape: Shape) -> BackupPlan:
    return BackupPlan(
        cluster_id="prod-1",
        run_id=RUN,
        backup_id=BACKUP,
        kind="recurring",
        made_at=NOW,
        driver="kubeadm",
        transport="ssh",
        etcd_cluster_id="c1",
        member=MemberChoice(endpoint=endpoint(1), member_id="a1", name="etcd-1", version=VERSION, reason="it"),
        expected_bytes=RAW_SIZE,
        part_bytes=1,
        surveys=tuple(survey(shape, node) for node in shape.nodes),
        findings=(),
        phases=(),
    )


def request(mode: RestoreMode = "etcd", **changes: Any) -> ChangeRequest:
    return ChangeRequest.model_validate({"cluster": "prod-1", "backup": BACKUP, "mode": mode} | changes)


def replacement(node: str = "n3") -> ChangeRequest:
    return ChangeRequest(cluster="prod-1", replace=node)
