"""What speaks against the replacement of a member of OpenShift's etcd, and which of the vendor's ways it goes."""

from collections.abc import Iterator
from datetime import datetime

from holdfast.drivers.openshift.member_values import Way
from holdfast.models.cluster import ClusterSpec
from holdfast.models.openshift import OpenShiftCluster
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest
from holdfast.planning.openshift_members import Diagnosis, cluster_seen, diagnose, kubernetes_name
from holdfast.planning.replace_findings import Course, course
from holdfast.planning.restore_findings import ordered
from holdfast.planning.restore_node_checks import LOG_BYTES, unfinished
from holdfast.planning.restore_seen import RestoreSeen, node_names

# Two-node clusters have a third party that fences, and hosted control planes have their etcd elsewhere: the vendor has
# other procedures for them. A single member is never replaced. Releases before 4.8 do not tell, and have no others.
TOPOLOGIES = ("HighlyAvailable", "HighlyAvailableArbiter")
_RESTORE = (
    "Bring back more of the voting members. When none comes back: holdfast restore plan with --quorum from the data of "
    "one that is left, or with a backup."
)


def way_of(cluster: OpenShiftCluster, diagnosis: Diagnosis) -> Way:
    """Bare metal has Machines too, but what stands behind them is a host that somebody has to bring."""
    if diagnosis.cause == "crash-looping":
        return "same-node"
    if diagnosis.machine is None or cluster.platform in ("BareMetal", "None"):
        return "by-hand"
    return "machine-set" if cluster.machine_set == "Active" else "machine"


def openshift_replacement_findings(
    spec: ClusterSpec, seen: RestoreSeen, node: str, request: ChangeRequest, now: datetime
) -> tuple[Finding, ...]:
    """In the order refuse, warn, info; each group in the order of the checks below."""
    cluster, diagnosis = cluster_seen(seen), diagnose(spec, seen, node, now)
    way = course(seen, node, name=kubernetes_name(spec, seen, node))
    found = [*_known(spec, seen, node), *_quorum(node, way)]
    if cluster is None:
        found += _silent()
    if cluster and diagnosis and way:
        found += [
            *_topology(cluster),
            *_healthy(diagnosis),
            *_may_return(diagnosis),
            *_half_joined(way),
            *_own_host(seen, node, way_of(cluster, diagnosis)),
            *_outlook(cluster, diagnosis),
        ]
    return ordered(request.allow, (*found, *_others(spec, seen, node), *_rights(seen), *unfinished(seen)))


def _known(spec: ClusterSpec, seen: RestoreSeen, node: str) -> Iterator[Finding]:
    if node not in node_names(spec, seen):
        yield Finding(
            level="refuse",
            code="node_unknown",
            text=f"the cluster file has no node {node}; it has {', '.join(node_names(spec, seen))}",
            hint="Name a node of the transport, not a member's id.",
        )


def _quorum(node: str, way: Course | None) -> Iterator[Finding]:
    if way is None:
        text = "no member tells who the members are, so no quorum is left to change that list"
    elif not way.before.has_quorum:
        text = f"with {node} lost: {way.before}"
    elif not way.removed.has_quorum:
        text = f"with {node} off the list: {way.removed}"
    else:
        return
    yield Finding(level="refuse", code="quorum_would_be_lost", text=text, hint=_RESTORE)


def _silent() -> Iterator[Finding]:
    yield Finding(
        level="refuse",
        code="openshift_api_silent",
        text="no host's API server tells how the nodes, the Machines and etcd's operator are",
        hint="See on a control-plane host: crictl ps -a --name kube-apiserver, and its log below /var/log/pods.",
    )


def _topology(cluster: OpenShiftCluster) -> Iterator[Finding]:
    if cluster.topology and cluster.topology not in TOPOLOGIES:
        yield Finding(
            level="refuse",
            code="openshift_topology_unsupported",
            text=f"the control plane's topology is {cluster.topology}; members are replaced in "
            f"{' and '.join(TOPOLOGIES)}",
            hint="Follow the vendor's procedure for this topology.",
        )


def _healthy(diagnosis: Diagnosis) -> Iterator[Finding]:
    if diagnosis.cause == "healthy":
        yield Finding(
            level="refuse",
            code="member_healthy",
            text=diagnosis.reason,
            hint="Only a member is replaced whose machine, node or pod is lost.",
        )


def _may_return(diagnosis: Diagnosis) -> Iterator[Finding]:
    if diagnosis.may_return:
        yield Finding(
            level="refuse",
            code="member_may_return",
            text=diagnosis.may_return,
            hint="Wait: a member that returns is brought up to date by the operator. When it is known to stay away: "
            "--allow member_may_return.",
        )


def _half_joined(way: Course) -> Iterator[Finding]:
    """The operator adds one at a time, as a learner."""
    off = [member for member in way.staying if member.is_learner or not member.name]
    if off:
        told = ", ".join(f"{member.name or 'unnamed'} ({member.member_id})" for member in off)
        yield Finding(
            level="refuse",
            code="member_half_joined",
            text=f"another member has not joined in full: {told}",
            hint="Wait until the operator has promoted it; when it stays so, that one is the one to replace.",
        )


def _own_host(seen: RestoreSeen, node: str, way: Way) -> Iterator[Finding]:
    """Where the node is sound its own host does a part of the work, and gets a whole copy from the others."""
    if way != "same-node":
        return
    survey, facts = seen.survey_of(node), seen.facts.get(node)
    if survey is None:
        yield _away(seen, node, "refuse", "Its etcd's data are put aside there: mend the way to it first.")
        return
    size = max((status.db_size for status in seen.etcd.statuses), default=0) if seen.etcd else 0
    need, free = 2 * size + LOG_BYTES, facts.data_free if facts else survey.data_free
    if free < need:
        yield Finding(
            level="refuse",
            code="restore_disk_short",
            text=f"{node} has {free} bytes free beside etcd's data; {need} are needed",
            hint="Make room there: the old data are kept beside the new.",
        )


def _away(seen: RestoreSeen, node: str, level: str, hint: str) -> Finding:
    reasons = {failure.endpoint: f"{failure.code}: {failure.message}" for failure in seen.failures}
    fields = {"level": level, "text": f"{node}: {reasons.get(node, 'it did not answer')}", "hint": hint}
    return Finding.model_validate({"code": "node_unreachable", **fields})


def _others(spec: ClusterSpec, seen: RestoreSeen, node: str) -> Iterator[Finding]:
    for each in node_names(spec, seen):
        if each != node and seen.survey_of(each) is None:
            yield _away(seen, each, "warn", "Its member is taken for lost in the quorum's arithmetic.")


def _rights(seen: RestoreSeen) -> Iterator[Finding]:
    names = [survey.node for survey in seen.surveys if not survey.root]
    if names:
        yield Finding(
            level="refuse",
            code="node_not_root",
            text=f"commands do not run as root on {', '.join(names)}",
            hint="Give the user of the transport sudo without a password, or use root.",
        )


def _outlook(cluster: OpenShiftCluster, diagnosis: Diagnosis) -> Iterator[Finding]:
    """What whoever approves should know: why, and what will be asked of him."""
    if diagnosis.cause in ("healthy", "quorum-lost"):
        return
    yield Finding(level="info", code="member_lost", text=f"{diagnosis.cause}: {diagnosis.reason}")
    way = way_of(cluster, diagnosis)
    if cluster.guard_off:
        yield Finding(
            level="warn",
            code="openshift_guard_off",
            text="etcd's operator is told already to accept an unsafe number of members",
            hint="Somebody left it so: it is set back at the end of this run.",
        )
    if way == "by-hand":
        yield Finding(
            level="info",
            code="host_by_hand",
            text="no Machine makes a new host here: the run stops in the middle with what has to be done by hand, and "
            "goes on when it is resumed",
        )
    if way in ("machine", "machine-set"):
        yield Finding(
            level="info",
            code="cluster_file_changes",
            text="the new machine has another name, address and host key: put them into the cluster file afterwards",
        )
