"""From what was seen of OpenShift's control-plane hosts to their parts in a restore."""

from holdfast.drivers.restore import TaskNode
from holdfast.facts.openshift_host import DATA_DIR
from holdfast.models.etcd import MemberStatus
from holdfast.models.node import NodeSurvey
from holdfast.models.openshift import Generation, OpenShiftCluster, OpenShiftHost
from holdfast.planning.quorum import tally
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

QUORUM_RESTORE = "quorum-restore.sh"


def hosts(seen: RestoreSeen) -> tuple[NodeSurvey, ...]:
    """Those that were seen to be control-plane hosts of OpenShift."""
    return tuple(survey for survey in seen.surveys if survey.openshift and survey.openshift.host.generation)


def host_of(survey: NodeSurvey) -> OpenShiftHost:
    return survey.openshift.host if survey.openshift else OpenShiftHost()


def cluster_of(surveys: tuple[NodeSurvey, ...]) -> OpenShiftCluster | None:
    """What the API told: of hosts whose server answered, the one that had most questions answered."""
    told = [survey.openshift.cluster for survey in surveys if survey.openshift and survey.openshift.cluster]
    return min(told, key=lambda cluster: len(cluster.unanswered), default=None)


def task_host(survey: NodeSurvey) -> TaskNode:
    return TaskNode(
        node=survey.node,
        name=survey.node_name or survey.hostname.lower(),
        data_dir=DATA_DIR,
        member=survey.etcd,
    )


def generation_of_all(surveys: tuple[NodeSurvey, ...]) -> Generation | None:
    """None where there is none, or more than one."""
    found = {host_of(survey).generation for survey in surveys}
    return found.pop() if len(found) == 1 else None


def recovery_host(seen: RestoreSeen, backup: ChosenBackup) -> NodeSurvey | None:
    """The host that the backup was made on, as its archive is that host's own; another one when it is away."""
    made_on = {bundle.node for bundle in backup.manifest.bundles}
    able = [survey for survey in hosts(seen) if survey.etcd]
    return next((survey for survey in able if survey.node in made_on), next(iter(able), None))


def quorum_host(seen: RestoreSeen) -> NodeSurvey | None:
    """Where a quorum restore would keep most: the host with the highest raft index among those that have a member's
    data and the vendor's script. What the member itself tells is newer than what its file does."""
    told = {seen.nodes[status.member_id]: status.raft_index for status in _statuses(seen)}
    able = [
        survey
        for survey in hosts(seen)
        if survey.etcd and "member" in host_of(survey).data_entries and QUORUM_RESTORE in host_of(survey).scripts
    ]
    return max(able, key=lambda survey: max(told.get(survey.node, 0), host_of(survey).raft_index), default=None)


def _statuses(seen: RestoreSeen) -> list[MemberStatus]:
    return [status for status in (seen.etcd.statuses if seen.etcd else ()) if status.member_id in seen.nodes]


def has_quorum(seen: RestoreSeen) -> bool:
    return seen.etcd is not None and tally(seen.etcd).has_quorum
