"""What is seen of an OpenShift control plane of three before a member is replaced: nodes m1 to m3 of the cluster file,
which Kubernetes calls master-1.prod.example and so on. m3 is the one that is lost, unless told otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from builders import node_facts
from builders.etcd_facts import endpoint, etcd_facts, status
from builders.node_facts import TOOLS
from builders.specs import cluster_spec
from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import EndpointFailure, Member
from holdfast.models.node import NodeSurvey
from holdfast.models.openshift import ClusterNode, EtcdPod, Machine, OpenShiftCluster, OpenShiftHost, OpenShiftView
from holdfast.models.restore import RestoreFacts
from holdfast.planning.restore_seen import RestoreSeen

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GIB = 1024**3
INFRASTRUCTURE = "prod-x7k2p"


def name(number: int) -> str:
    return f"master-{number}.prod.example"


def spec(**changes: Any) -> ClusterSpec:
    nodes = [{"name": f"m{number}", "host": f"10.0.0.{number}", "host_keys": []} for number in (1, 2, 3)]
    transport = {"kind": "ssh", "nodes": nodes, "user": "core", "credentials": "holdfast/prod-1/ssh"}
    return cluster_spec(**({"driver": "openshift", "transport": transport} | changes))


def member(number: int, **changes: Any) -> Member:
    fields = {
        "member_id": f"a{number}",
        "name": name(number),
        "client_urls": (endpoint(number),),
        "peer_urls": (f"https://10.0.0.{number}:2380",),
    }
    return Member.model_validate(fields | changes)


def node(number: int, **changes: Any) -> ClusterNode:
    fields = {
        "name": name(number),
        "ready": "True",
        "ready_since": NOW - 100 * HOUR,
        "addresses": (f"10.0.0.{number}", name(number)),
    }
    return ClusterNode.model_validate(fields | changes)


def machine(number: int, **changes: Any) -> Machine:
    known = {"name": f"{INFRASTRUCTURE}-master-{number - 1}", "node": name(number)}
    return Machine.model_validate({**known, "phase": "Running", "state": "running"} | changes)


def pod(number: int, **changes: Any) -> EtcdPod:
    known = {"name": f"etcd-{name(number)}", "node": name(number), "phase": "Running", "ready": True}
    return EtcdPod.model_validate(known | changes)


def cluster(**changes: Any) -> OpenShiftCluster:
    """Healthy in the eyes of its API."""
    fields: dict[str, Any] = {
        "version": "4.18.12",
        "progressing": "False",
        "created_at": NOW - 1000 * HOUR,
        "topology": "HighlyAvailable",
        "platform": "AWS",
        "infrastructure": INFRASTRUCTURE,
        "members_available": "True",
        "nodes": tuple(node(number) for number in (1, 2, 3)),
        "machines": tuple(machine(number) for number in (1, 2, 3)),
        "etcd_pods": tuple(pod(number) for number in (1, 2, 3)),
    }
    return OpenShiftCluster.model_validate(fields | changes)


def machine_off(**changes: Any) -> OpenShiftCluster:
    """The machine of m3 was stopped an hour ago; nothing else is special."""
    found = {
        "machines": (machine(1), machine(2), machine(3, state="stopped")),
        "nodes": (node(1), node(2), lost_node()),
        "etcd_pods": (pod(1), pod(2), pod(3, ready=False)),
    }
    return cluster(**(found | changes))


def lost_node(**changes: Any) -> ClusterNode:
    return node(3, **({"ready": "Unknown", "ready_since": NOW - HOUR, "unreachable": True} | changes))


def crashing(**changes: Any) -> OpenShiftCluster:
    """The pod of m3 crashes on a node that is Ready."""
    broken = pod(3, ready=False, restarts=12, reason="CrashLoopBackOff")
    return cluster(**({"etcd_pods": (pod(1), pod(2), broken)} | changes))


def survey(number: int, told: OpenShiftCluster | None) -> NodeSurvey:
    layout = node_facts.layout(number).model_copy(
        update={
            "name": name(number),
            "namespace": "openshift-etcd",
            "peer_urls": (f"https://10.0.0.{number}:2380",),
            "host_data_dir": "/var/lib/etcd",
            "data_dir": "/var/lib/etcd",
        }
    )
    return NodeSurvey(
        node=f"m{number}",
        hostname=name(number),
        node_name=name(number),
        boot_id="b",
        machine="x86_64",
        clock_offset_s=0.0,
        tools=TOOLS,
        work_free=10 * GIB,
        data_free=10 * GIB,
        topology="stacked",
        etcd=layout,
        static_pod_path="/etc/kubernetes/manifests",
        openshift=OpenShiftView(host=OpenShiftHost(generation="4.18", has_oc=True), cluster=told),
    )


def seen(told: OpenShiftCluster | None, *, alive: tuple[int, ...] = (1, 2), away: tuple[int, ...] = ()) -> RestoreSeen:
    """`alive` are members that answer, `away` hosts that do not; m1 leads."""
    members = tuple(member(number) for number in (1, 2, 3))
    etcd = etcd_facts(*(status(number, leader=alive[0]) for number in alive), members=members) if alive else None
    surveys = tuple(survey(number, told) for number in (1, 2, 3) if number not in away)
    return RestoreSeen(
        surveys=surveys,
        facts={each.node: RestoreFacts(data_free=10 * GIB) for each in surveys},
        etcd=etcd,
        members=members if alive else (),
        failures=tuple(
            EndpointFailure(endpoint=f"m{number}", code="node_unreachable", message="no route to host")
            for number in away
        ),
        nodes={f"a{number}": f"m{number}" for number in alive},
    )


def without_member(before: RestoreSeen, number: int) -> RestoreSeen:
    """The list has it no more, as after a run that came so far."""
    assert before.etcd is not None
    members = tuple(each for each in before.members if each.member_id != f"a{number}")
    return replace(before, members=members, etcd=before.etcd.model_copy(update={"members": members}))
