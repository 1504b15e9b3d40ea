"""Members and their nodes, the quorum's arithmetic, and which member can be replaced now."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from holdfast.models.cluster import ClusterSpec, SshTransport, SsmTransport
from holdfast.models.etcd import Member, MemberStatus
from holdfast.models.members import Health, MemberReport, MemberRow, Replacement
from holdfast.models.restore import ChangeRequest
from holdfast.planning.openshift_members import diagnose, kubernetes_name
from holdfast.planning.planners import planner_of
from holdfast.planning.quorum import healthy_voters, tally
from holdfast.planning.replace_findings import Course, course
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen, node_names

OPENSHIFT = "openshift"
_NO_LIST = "no member tells who the members are: only those that answer are counted"
_NO_NODES = "members are replaced through nodes: with an ssh or ssm transport"


def nodes_without_files(spec: ClusterSpec, seen: RestoreSeen) -> tuple[str, ...]:
    """Nodes of members whose manifests are gone: in a replacement they get the files of a backup."""
    surveys = {node: seen.survey_of(node) for node in node_names(spec, seen)}
    bare = (node for node, survey in surveys.items() if survey and survey.etcd is None)
    return tuple(node for node in bare if (way := course(seen, node)) and way.gone)


def member_report(
    spec: ClusterSpec, seen: RestoreSeen, now: datetime, files: Mapping[str, ChosenBackup] | None = None
) -> MemberReport:
    """`files` are backups with the files of `nodes_without_files`."""
    through_nodes = isinstance(spec.transport, SshTransport | SsmTransport)
    places = _places(spec, seen)
    counted = tally(seen.etcd) if seen.etcd else None
    voters, healthy = (counted.voters, counted.healthy) if counted else (0, 0)
    needed = counted.needed if counted and counted.voters else 0
    return MemberReport(
        cluster_id=spec.id,
        members=tuple(_rows(seen, places)),
        voters=voters,
        healthy=healthy,
        needed=needed,
        may_fail=healthy - needed,
        replacements=tuple(_replacements(spec, seen, now, files or {})) if through_nodes else (),
        notes=(*((_NO_LIST,) if not seen.member_list() else ()), *(() if through_nodes else (_NO_NODES,))),
    )


def _places(spec: ClusterSpec, seen: RestoreSeen) -> dict[str, str]:
    """The node of each member, also of those that do not answer."""
    ways = {node: _course(spec, seen, node) for node in node_names(spec, seen)}
    by_list = {way.gone.member_id: node for node, way in ways.items() if way and way.gone}
    return by_list | dict(seen.nodes)


def _course(spec: ClusterSpec, seen: RestoreSeen, node: str) -> Course | None:
    """On OpenShift a member has its node's name, and a host that is lost cannot tell it."""
    return course(seen, node, name=kubernetes_name(spec, seen, node) if spec.driver == OPENSHIFT else "")


def _rows(seen: RestoreSeen, places: dict[str, str]) -> Iterator[MemberRow]:
    statuses = {status.member_id: status for status in seen.etcd.statuses} if seen.etcd else {}
    listed = {member.member_id: member for member in seen.member_list()}
    unlisted = {each: Member(member_id=each, name="") for each in statuses if each not in listed}
    for member in sorted((listed | unlisted).values(), key=lambda each: (each.name, each.member_id)):
        node = places.get(member.member_id, "")
        yield _row(seen, member, statuses.get(member.member_id), node)


def _row(seen: RestoreSeen, member: Member, status: MemberStatus | None, node: str) -> MemberRow:
    row = MemberRow(
        name=member.name,
        member_id=member.member_id,
        node=node,
        health=_health(seen, member, status),
        is_learner=member.is_learner,
        problem=_problem(seen, member, node) if status is None else "; ".join(status.errors),
    )
    if status is None:
        return row
    return row.model_copy(
        update={
            "is_learner": status.is_learner,
            "is_leader": status.is_leader,
            "version": status.version,
            "db_size": status.db_size,
            "db_size_in_use": status.db_size_in_use,
            "revision": status.revision,
        }
    )


def _health(seen: RestoreSeen, member: Member, status: MemberStatus | None) -> Health:
    if status is None:
        return "no answer" if member.name else "not started"
    corrupt = {alarm.member_id for alarm in seen.etcd.alarms if alarm.kind == "CORRUPT"} if seen.etcd else set()
    if member.member_id in corrupt:
        return "corrupt"
    return "no leader" if status.leader_id == "0" else "healthy"


def _problem(seen: RestoreSeen, member: Member, node: str) -> str:
    """What was said of its node, or of one of its addresses."""
    places = {node, *member.client_urls} - {""}
    said = [f"{failure.code}: {failure.message}" for failure in seen.failures if failure.endpoint in places]
    return said[0] if said else ""


def _replacements(
    spec: ClusterSpec, seen: RestoreSeen, now: datetime, files: Mapping[str, ChosenBackup]
) -> Iterator[Replacement]:
    """For every node whose member is not healthy, and for those that run etcd and are on nobody's list."""
    healthy = healthy_voters(seen.etcd) if seen.etcd else frozenset[str]()
    for node in node_names(spec, seen):
        way, survey = _course(spec, seen, node), seen.survey_of(node)
        gone = way.gone if way else None
        if gone is None and (survey is None or survey.etcd is None):
            continue
        if gone and (gone.member_id in healthy or _is_healthy_learner(seen, gone)):
            continue
        request = ChangeRequest(cluster=spec.id, replace=node)
        found = planner_of(spec.driver).findings(spec, seen, files.get(node), request, now)
        known = diagnose(spec, seen, node, now) if spec.driver == OPENSHIFT else None
        yield Replacement(
            node=node,
            member=(gone.name or gone.member_id) if gone else "",
            refusals=tuple(finding for finding in found if finding.level == "refuse"),
            command=f"holdfast member replace {spec.id} {node}",
            cause=known.word if known else "",
            reason=known.reason if known else "",
        )


def _is_healthy_learner(seen: RestoreSeen, member: Member) -> bool:
    """It is on its way: what it needs is a promotion."""
    statuses = seen.etcd.statuses if seen.etcd else ()
    return any(status.member_id == member.member_id and status.is_learner for status in statuses)
