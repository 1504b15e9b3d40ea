"""What speaks against the replacement of a member: above all a quorum that would not survive it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from holdfast.drivers.registry import driver_of
from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import Member
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest
from holdfast.planning.quorum import Tally, healthy_voters, tally
from holdfast.planning.restore_backup_checks import expiring, signature
from holdfast.planning.restore_findings import ordered
from holdfast.planning.restore_node_checks import LOG_BYTES, root, unfinished
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen, node_names, restored

_RESTORE = "Bring back more of the voting members, or restore the cluster from a backup: holdfast restore run."


@dataclass(frozen=True)
class Course:
    """The quorum at each turn. `gone` is the member that leaves, None when the list has it no more; `staying` are all
    the others."""

    gone: Member | None
    staying: tuple[Member, ...]
    before: Tally
    removed: Tally
    promoted: Tally


def course(seen: RestoreSeen, node: str, backup: ChosenBackup | None = None, *, name: str = "") -> Course | None:
    """None when nobody told who the members are. `backup` knows the member of a host that lost its files; `name` is
    one that the member may have beside the node's."""
    members = seen.member_list()
    if seen.etcd is None or not members:
        return None
    gone = _member_of(seen, node, members, backup, name)
    staying = tuple(member for member in members if member is not gone)
    voters = sum(not member.is_learner for member in staying)
    before = tally(seen.etcd, without=gone.member_id if gone else "")
    return Course(
        gone=gone,
        staying=staying,
        before=before,
        removed=Tally(voters, before.healthy),
        promoted=Tally(voters + 1, before.healthy + 1),
    )


def _member_of(
    seen: RestoreSeen, node: str, members: tuple[Member, ...], backup: ChosenBackup | None, name: str
) -> Member | None:
    """By the id that its node told, then by its peer URLs, then by its name. A member that never started has no
    name."""
    told = {member for member, where in seen.nodes.items() if where == node}
    today = seen.survey_of(node)
    survey = shape(today, backup) if today else None
    urls = set(survey.etcd.peer_urls) if survey and survey.etcd else set()
    names = {node, name or node} | (
        {survey.etcd.name} if survey and survey.etcd else {survey.hostname} if survey else set()
    )
    found = (
        *(member for member in members if member.member_id in told),
        *(member for member in members if urls & set(member.peer_urls)),
        *(member for member in members if member.name in names),
    )
    return next(iter(found), None)


def replacement_findings(
    spec: ClusterSpec,
    seen: RestoreSeen,
    node: str,
    request: ChangeRequest,
    now: datetime,
    *,
    backup: ChosenBackup | None = None,
) -> tuple[Finding, ...]:
    """In the order refuse, warn, info; each group in the order of the checks below."""
    found = (
        *_known(spec, seen, node),
        *_reached(spec, seen, node),
        *root(seen),
        *unfinished(seen),
        *_quorum(seen, node, backup),
        *_healthy(seen, node, backup),
        *_half_joined(seen, node, backup),
        *_layout(seen, node, backup),
        *_disk(seen, node),
        *_certificates(spec, seen, node, backup, now),
        *_files(seen, node, backup),
    )
    return ordered(request.allow, found)


def _known(spec: ClusterSpec, seen: RestoreSeen, node: str) -> Iterator[Finding]:
    if node not in node_names(spec, seen):
        yield Finding(
            level="refuse",
            code="node_unknown",
            text=f"the cluster file has no node {node}; it has {', '.join(node_names(spec, seen))}",
            hint="Name a node of the transport, not a member's id.",
        )


def _reached(spec: ClusterSpec, seen: RestoreSeen, node: str) -> Iterator[Finding]:
    reasons = {failure.endpoint: f"{failure.code}: {failure.message}" for failure in seen.failures}
    away = [each for each in node_names(spec, seen) if seen.survey_of(each) is None or each not in seen.facts]
    for each in away:
        yield Finding(
            level="refuse" if each == node else "warn",
            code="node_unreachable",
            text=f"{each}: {reasons.get(each, 'it did not answer')}",
            hint="Put a machine of that name and address there first, with kubelet and a container runtime."
            if each == node
            else "Its member is taken for lost in the quorum's arithmetic.",
        )


def _quorum(seen: RestoreSeen, node: str, backup: ChosenBackup | None) -> Iterator[Finding]:
    way = course(seen, node, backup)
    if way is None:
        text = "no member tells who the members are, so no quorum is left to change that list"
    elif not way.before.has_quorum:
        text = f"with {node} stopped: {way.before}"
    elif not way.removed.has_quorum:
        text = f"with {node} off the list: {way.removed}"
    else:
        return
    yield Finding(level="refuse", code="quorum_would_be_lost", text=text, hint=_RESTORE)


def _healthy(seen: RestoreSeen, node: str, backup: ChosenBackup | None) -> Iterator[Finding]:
    way = course(seen, node, backup)
    if way and way.gone and seen.etcd and way.gone.member_id in healthy_voters(seen.etcd):
        yield Finding(
            level="refuse",
            code="member_healthy",
            text=f"the member {way.gone.name or way.gone.member_id} on {node} is healthy",
            hint="Only a member that does not answer, has no leader or a CORRUPT alarm is replaced. To move it, stop "
            "its etcd first.",
        )


def _half_joined(seen: RestoreSeen, node: str, backup: ChosenBackup | None) -> Iterator[Finding]:
    """etcd takes one learner at a time, and a new member must be told the names of all others."""
    way = course(seen, node, backup)
    off = [member for member in way.staying if member.is_learner or not member.name] if way else []
    if off:
        told = ", ".join(f"{member.name or 'unnamed'} ({member.member_id})" for member in off)
        yield Finding(
            level="refuse",
            code="member_half_joined",
            text=f"another member has not joined in full: {told}",
            hint="Bring it up and promote it, or take it off: etcdctl member remove ID.",
        )


def _layout(seen: RestoreSeen, node: str, backup: ChosenBackup | None) -> Iterator[Finding]:
    survey, facts = seen.survey_of(node), seen.facts.get(node)
    if survey is None:
        return
    known = shape(survey, backup)
    if facts and facts.wal_dir:
        yield Finding(
            level="refuse",
            code="layout_unknown",
            text=f"{node}: etcd keeps its log in {facts.wal_dir}, and only a data directory as a whole is put aside",
            hint="Replace it by hand: etcdctl member remove, clear its data, member add --learner, start, promote.",
        )
    elif known.etcd is None or not known.etcd.peer_urls:
        yield Finding(
            level="refuse",
            code="layout_unknown",
            text=f"{node}: {known.etcd_problem or 'etcd has no manifest there that names it and its peer URL'}",
            hint="Put the node's files back from its secrets bundle (docs/runbooks/restore-by-hand.md, step 4).",
        )
    elif not known.etcd.container:
        yield Finding(
            level="refuse",
            code="mode_unsupported",
            text=f"{node}: its etcd runs by systemd, and only members in static pods are replaced",
            hint="Replace it by hand: etcdctl member remove, clear its data, member add --learner, start, promote.",
        )


def shape(survey: NodeSurvey, backup: ChosenBackup | None) -> NodeSurvey:
    """A node that has its manifests keeps them; one that lost them gets those of the backup."""
    before = backup.survey_of(survey.node) if backup and backup.bundle_of(survey.node) else None
    return restored(survey, before) if before and survey.etcd is None else survey


def _disk(seen: RestoreSeen, node: str) -> Iterator[Finding]:
    """The old data are kept, and a whole copy comes from the others."""
    facts = seen.facts.get(node)
    size = max((status.db_size for status in seen.etcd.statuses), default=0) if seen.etcd else 0
    need = 2 * size + LOG_BYTES
    if facts and facts.data_free < need:
        yield Finding(
            level="refuse",
            code="restore_disk_short",
            text=f"{node} has {facts.data_free} bytes free beside etcd's data; {need} are needed",
            hint="Make room there: the old data are kept beside the new.",
        )


def _certificates(
    spec: ClusterSpec, seen: RestoreSeen, node: str, backup: ChosenBackup | None, now: datetime
) -> Iterator[Finding]:
    """Those that the member will work with: the node's, or the bundle's that replace them."""
    survey, facts = seen.survey_of(node), seen.facts.get(node)
    bundle = backup.bundle_of(node) if backup and survey and shape(survey, backup) is not survey else None
    known = {path: float(end) for path, end in facts.certificates} if facts else {}
    if survey and bundle:
        used = set(driver_of(spec.driver).certificates(shape(survey, backup)))
        known = {each.path: each.not_after.timestamp() for each in bundle.certificates if each.path in used}
    yield from expiring({f"{node}: {path}": end for path, end in known.items()}, now)


def _files(seen: RestoreSeen, node: str, backup: ChosenBackup | None) -> Iterator[Finding]:
    survey = seen.survey_of(node)
    if backup and survey and shape(survey, backup) is not survey:
        yield Finding(
            level="info",
            code="files_from_backup",
            text=f"{node} has lost its files and gets those of the backup {backup.manifest.backup_id}",
        )
        yield from signature(backup)
