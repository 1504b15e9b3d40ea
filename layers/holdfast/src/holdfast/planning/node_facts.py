"""What the members of several nodes said, as the one picture of a cluster that the preflight and the choice look at."""

from holdfast.drivers.needs import why_unusable
from holdfast.errors import RefusedError
from holdfast.facts.etcdctl import alarms_in
from holdfast.models.etcd import Alarm, EndpointFailure, EtcdFacts, Member, MemberStatus
from holdfast.models.node import NodeEtcd, NodeSurvey


def assemble(
    surveys: tuple[NodeSurvey, ...], etcds: tuple[NodeEtcd, ...], failures: tuple[EndpointFailure, ...]
) -> EtcdFacts:
    """One status per member, however many nodes lead to it. The members' own list is that of the most advanced voting
    member that could tell one; alarms are united, with those in the statuses, which need no quorum.

    RefusedError `etcd_clusters_differ` when the nodes belong to more than one cluster.
    """
    del surveys
    clusters = {etcd.cluster_id: etcd.node for etcd in sorted(etcds, key=lambda etcd: etcd.node, reverse=True)}
    if len(clusters) > 1:
        told = ", ".join(f"{node} is of {cluster}" for cluster, node in sorted(clusters.items()))
        raise RefusedError(
            "etcd_clusters_differ",
            f"the nodes belong to {len(clusters)} etcd clusters: {told}",
            hint="Name the nodes of one cluster; a member that was restored alone is a cluster of its own.",
        )
    statuses: dict[str, MemberStatus] = {}
    for etcd in sorted(etcds, key=lambda etcd: etcd.node):
        statuses.setdefault(etcd.status.member_id, etcd.status)
    alarms = {alarm for etcd in etcds for alarm in etcd.alarms}
    alarms |= set(alarms_in(error for status in statuses.values() for error in status.errors))
    return EtcdFacts(
        cluster_id=next(iter(clusters), ""),
        statuses=tuple(statuses.values()),
        failures=failures,
        members=_members(etcds),
        alarms=tuple(sorted(alarms, key=_order)),
    )


def unusable_nodes(surveys: tuple[NodeSurvey, ...], expected_bytes: int) -> dict[str, str]:
    """Nodes that have a member and cannot take a snapshot of it, with the reason."""
    reasons = {survey.node: why_unusable(survey, expected_bytes) for survey in surveys if survey.etcd}
    return {node: reason for node, reason in reasons.items() if reason}


def _members(etcds: tuple[NodeEtcd, ...]) -> tuple[Member, ...]:
    told = [etcd for etcd in etcds if etcd.members]
    best = max(
        told,
        key=lambda etcd: (not etcd.status.is_learner, etcd.status.raft_applied_index, etcd.node),
        default=None,
    )
    return best.members if best else ()


def _order(alarm: Alarm) -> tuple[str, str]:
    return alarm.member_id, alarm.kind
