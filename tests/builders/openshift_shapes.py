"""What is seen of OpenShift before a restore, of any era: hosts m1.., which Kubernetes calls master-1.prod.example; and
a backup that was made on m1."""

from dataclasses import dataclass, replace
from typing import Any

from builders import restore_shapes
from builders.etcd_facts import endpoint, etcd_facts, member, status
from builders.node_facts import TOOLS
from builders.restore_shapes import BACKUP, GIB, Shape
from builders.specs import cluster_spec
from holdfast.models.backup import SecretsBundle
from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import ApiServerLayout, EtcdLayout, NodeSurvey
from holdfast.models.openshift import Generation, OpenShiftCluster, OpenShiftHost, OpenShiftView
from holdfast.models.restore import ChangeRequest, RestoreFacts
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

CERTS = "/etc/kubernetes/static-pod-resources/etcd-certs"
_OLD, _NEW = ("cluster-backup.sh", "cluster-restore.sh"), ("disable-etcd.sh", "quorum-restore.sh")
ETCD_IMAGE = f"quay.example/ocp@sha256:{'a' * 64}"
API_IMAGE = f"quay.example/ocp@sha256:{'b' * 64}"


@dataclass(frozen=True)
class Era:
    """A cluster of `hosts` control-plane hosts of one release."""

    version: str
    generation: Generation
    etcd: str
    hosts: int = 3
    topology: str = "HighlyAvailable"

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(f"m{number}" for number in range(1, self.hosts + 1))

    @property
    def scripts(self) -> tuple[str, ...]:
        return (*_OLD, *_NEW) if self.generation == "4.18" else _OLD


FIRST = Era("4.4.10", "4.4", "3.3.18")
MIDDLE = Era("4.11.9", "4.11", "3.5.3")
NEWEST = Era("4.18.12", "4.18", "3.5.18")
ERAS = (FIRST, Era("4.5.3", "4.4", "3.4.9"), Era("4.6.8", "4.6", "3.4.9"), MIDDLE, NEWEST)
SINGLE = replace(NEWEST, hosts=1, topology="SingleReplica")


def name(number: int) -> str:
    return f"master-{number}.prod.example"


def layout(number: int) -> EtcdLayout:
    return EtcdLayout(
        name=name(number),
        data_dir="/var/lib/etcd",
        host_data_dir="/var/lib/etcd",
        client_urls=(endpoint(number),),
        ca=f"{CERTS}/configmaps/etcd-serving-ca/ca-bundle.crt",
        cert=f"{CERTS}/secrets/etcd-all-certs/etcd-peer-{name(number)}.crt",
        key=f"{CERTS}/secrets/etcd-all-certs/etcd-peer-{name(number)}.key",
        container=True,
        image=ETCD_IMAGE,
        peer_urls=(f"https://10.0.0.{number}:2380",),
        namespace="openshift-etcd",
    )


def host(era: Era, **changes: Any) -> OpenShiftHost:
    """The data of a member, and nothing else that matters."""
    fields: dict[str, Any] = {
        "generation": era.generation,
        "scripts": era.scripts,
        "can_force": era.generation != "4.4",
        "has_oc": True,
        "etcd_image": ETCD_IMAGE,
        "apiserver_image": API_IMAGE,
        "data_entries": ("member", "revision.json") if era.generation == "4.18" else ("member",),
        "raft_index": 5_000 if era.generation == "4.18" else 0,
    }
    return OpenShiftHost.model_validate(fields | changes)


def cluster(era: Era, **changes: Any) -> OpenShiftCluster:
    fields = {"version": era.version, "topology": era.topology, "platform": "AWS", "infrastructure": "prod-x7k2p"}
    fields["progressing"] = "False"
    return OpenShiftCluster.model_validate(fields | changes)


def survey(era: Era, node: str, **changes: Any) -> NodeSurvey:
    """The API tells nothing, unless `openshift` does."""
    number = int(node[1:])
    fields: dict[str, Any] = {
        "node": node,
        "hostname": name(number),
        "node_name": name(number),
        "boot_id": "b",
        "machine": "x86_64",
        "clock_offset_s": 0.0,
        "tools": TOOLS,
        "work_free": 10 * GIB,
        "data_free": 10 * GIB,
        "topology": "stacked",
        "etcd": layout(number),
        "apiserver": ApiServerLayout(etcd_servers=(endpoint(number),), version="v1.30.4"),
        "static_pod_path": "/etc/kubernetes/manifests",
        "openshift": OpenShiftView(host=host(era)),
    }
    return NodeSurvey.model_validate(fields | changes)


def spec(era: Era) -> ClusterSpec:
    nodes = [{"name": node, "host": f"10.0.0.{node[1:]}", "host_keys": []} for node in era.nodes]
    transport = {"kind": "ssh", "nodes": nodes, "user": "core", "credentials": "holdfast/prod-1/ssh"}
    return cluster_spec(driver="openshift", transport=transport)


def answering(era: Era, *numbers: int) -> EtcdFacts:
    """These members answer, of all that there are; without a quorum none of them knows a leader."""
    leader = numbers[0] if len(numbers) > era.hosts // 2 else 0
    return etcd_facts(
        *(status(number, leader=leader, version=era.etcd) for number in numbers),
        members=tuple(member(number, name=name(number)) for number in range(1, era.hosts + 1)),
    )


def seen(
    era: Era, *answer: int, without: tuple[str, ...] = (), api: bool = False, **hosts: OpenShiftHost
) -> RestoreSeen:
    """`answer` are the numbers of members that do; `hosts` what lies on single ones, by node. `api`: it tells too."""
    view = cluster(era) if api else None
    surveys = tuple(
        survey(era, node, openshift=OpenShiftView(host=hosts.get(node, host(era)), cluster=view))
        for node in era.nodes
        if node not in without
    )
    etcd = answering(era, *answer) if answer else None
    return RestoreSeen(
        surveys=surveys,
        facts={each.node: RestoreFacts(data_exists=True, data_free=10 * GIB) for each in surveys},
        etcd=etcd,
        members=etcd.members if etcd else (),
        nodes={f"a{number}": f"m{number}" for number in answer},
    )


def bundle(**changes: Any) -> SecretsBundle:
    fields = {"node": "m1", "key": f"prod-1/{BACKUP}/m1/bundle.tar", "size": 100, "object_sha256": "3" * 64}
    return SecretsBundle.model_validate({**fields, "compression": "gzip", "files": 60} | changes)


def backup(era: Era, *, state: Any = "verified", with_api: bool = True, **changes: Any) -> ChosenBackup:
    """`changes` are fields of the manifest."""
    shape = Shape(members=era.hosts)
    made = restore_shapes.backup(shape, state=state)
    source = made.manifest.source.model_copy(
        update={"driver": "openshift", "etcd_version": era.etcd, "platform_version": era.version}
    )
    database = made.manifest.database.model_copy(update={"members": tuple(name(int(node[1:])) for node in era.nodes)})
    fields = made.manifest.model_dump() | {"bundles": [bundle()], "source": source, "database": database}
    view = cluster(era) if with_api else None
    surveys = tuple(survey(era, node, openshift=OpenShiftView(host=host(era), cluster=view)) for node in era.nodes)
    plan = made.plan.model_copy(update={"driver": "openshift", "surveys": surveys}) if made.plan else None
    return replace(made, manifest=type(made.manifest).model_validate(fields | changes), plan=plan)


def request(**changes: Any) -> ChangeRequest:
    return ChangeRequest.model_validate({"cluster": "prod-1", "backup": BACKUP} | changes)


def quorum(**changes: Any) -> ChangeRequest:
    return ChangeRequest.model_validate({"cluster": "prod-1", "quorum": True} | changes)
