"""Everything that speaks against a restore of OpenShift, before anything is touched. docs/drivers/openshift.md has the
table; what holds for every distribution is that of planning/restore_findings.py."""

from collections.abc import Iterator

from holdfast.drivers.needs import lacks_tools
from holdfast.models.cluster import ClusterSpec
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest
from holdfast.planning import openshift_version_checks as of_versions
from holdfast.planning import restore_backup_checks as of_backup
from holdfast.planning import restore_node_checks as of_nodes
from holdfast.planning.openshift_hosts import (
    QUORUM_RESTORE,
    cluster_of,
    generation_of_all,
    has_quorum,
    host_of,
    hosts,
    quorum_host,
    recovery_host,
)
from holdfast.planning.restore_findings import ordered
from holdfast.planning.restore_node_checks import LOG_BYTES, TIMES
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

# What etcd has there, and 4.18 and later with it; all else is in the way of the vendor's script.
_OF_ETCD = ("member", "revision.json")
_PERF = "etcd_perf"
_RESTORE, _DISABLE, _FENCED = "cluster-restore.sh", "disable-etcd.sh", "cluster-restore-tnf.sh"
_TOPOLOGIES = ("HighlyAvailable", "HighlyAvailableArbiter", "SingleReplica", "DualReplica")


def openshift_restore_findings(
    spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest
) -> tuple[Finding, ...]:
    """In the order refuse, warn, info; each group in the order of the checks below."""
    return ordered(request.allow, _of_restore(spec, seen, backup, request))


def _of_restore(
    spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest
) -> Iterator[Finding]:
    yield from of_backup.state(backup)
    yield from _dirty(backup)
    yield from of_backup.signature(backup)
    yield from _mode(request)
    yield from of_nodes.unreachable(spec, seen, backup)
    yield from of_nodes.root(seen)
    yield from of_nodes.unfinished(seen)
    yield from _topology(seen)
    yield from _scripts(seen)
    yield from of_versions.generations(seen)
    yield from _layout(seen)
    yield from _pair(backup)
    yield from of_versions.versions(seen, backup)
    yield from _strays(hosts(seen))
    yield from _tools(seen, backup)
    yield from _disks(seen, backup)
    yield from _encryption(seen, backup)
    yield from of_nodes.healthy(seen)
    yield from _quorum_instead(spec, seen)
    yield from of_versions.same_cluster(seen, backup)
    yield from of_backup.members(seen, backup)
    yield from of_nodes.strangers(seen)
    yield from _recovery(seen, backup)


def quorum_findings(spec: ClusterSpec, seen: RestoreSeen, request: ChangeRequest) -> tuple[Finding, ...]:
    """Against a quorum restore: hosts that do not answer are what it is for."""
    return ordered(request.allow, _of_quorum(spec, seen))


def _of_quorum(spec: ClusterSpec, seen: RestoreSeen) -> Iterator[Finding]:
    chosen = quorum_host(seen)
    yield from of_nodes.root(seen)
    yield from of_nodes.unfinished(seen)
    yield from _topology(seen)
    if chosen is None:
        yield Finding(
            level="refuse",
            code="quorum_no_data",
            text=f"no host that answers has both a member's data and {QUORUM_RESTORE}, which 4.18 and later have",
            hint=f"Restore a backup: holdfast restore plan {spec.id} latest.",
        )
    else:
        yield from _strays((chosen,))
        yield from _room(chosen, max((status.db_size for status in seen.etcd.statuses), default=0) if seen.etcd else 0)
    yield from of_nodes.healthy(seen)
    if chosen is not None:
        yield Finding(
            level="info",
            code="recovery_host",
            text=f"{chosen.node} has the newest data that are left, by its raft index",
            hint="Members that did not answer are off the list then: hosts that are lost are replaced afterwards, by "
            "holdfast member replace.",
        )


def _dirty(backup: ChosenBackup) -> Iterator[Finding]:
    if backup.manifest.possibly_dirty:
        yield Finding(
            level="refuse",
            code="backup_possibly_dirty",
            text=f"{backup.manifest.backup_id} was forced: its database and its static resources may be of two moments "
            "of a rollout",
            hint="Choose another backup. To restore it all the same: --allow backup_possibly_dirty.",
        )


def _mode(request: ChangeRequest) -> Iterator[Finding]:
    if request.mode != "etcd":
        yield Finding(
            level="refuse",
            code="mode_unsupported",
            text=f"there is no mode {request.mode} on OpenShift: its vendor knows one way to restore",
            hint="Leave the mode out, or use etcd.",
        )


def _topology(seen: RestoreSeen) -> Iterator[Finding]:
    cluster = cluster_of(seen.surveys)
    topology = cluster.topology if cluster else ""
    fenced = [survey.node for survey in hosts(seen) if _FENCED in host_of(survey).scripts]
    if topology and topology not in _TOPOLOGIES:
        yield Finding(
            level="refuse",
            code="topology_unsupported",
            text=f"the control plane's topology is {topology}: its hosts are not where etcd can be restored",
            hint="A hosted control plane is restored in the cluster that hosts it.",
        )
    elif topology == "DualReplica" and fenced:
        yield Finding(
            level="refuse",
            code="topology_unsupported",
            text=f"two nodes with fencing are restored by {_FENCED}, whose way is not known here",
            hint="Follow the vendor's text for two-node clusters, with the pair that the buckets have.",
        )


def _scripts(seen: RestoreSeen) -> Iterator[Finding]:
    lacking: dict[str, str] = {}
    for survey in seen.surveys:
        host = host_of(survey)
        if host.generation is None or _RESTORE not in host.scripts:
            lacking[survey.node] = f"it has no {_RESTORE}"
        elif host.generation == "4.18" and len(seen.surveys) > 1 and _DISABLE not in host.scripts:
            lacking[survey.node] = f"it has no {_DISABLE}"
    if lacking:
        yield Finding(
            level="refuse",
            code="openshift_script_missing",
            text="; ".join(f"{node}: {reason}" for node, reason in lacking.items()),
            hint="etcd's own pod puts them into /usr/local/bin. The cluster file names control-plane hosts only.",
        )


def _layout(seen: RestoreSeen) -> Iterator[Finding]:
    unknown = {survey.node: survey.etcd_problem for survey in hosts(seen) if survey.etcd is None}
    if unknown:
        yield Finding(
            level="refuse",
            code="layout_unknown",
            text="; ".join(f"{node}: {reason or 'how etcd runs is not known'}" for node, reason in unknown.items()),
            hint="See the manifest of etcd's pod and etcd.env on the host.",
        )


def _pair(backup: ChosenBackup) -> Iterator[Finding]:
    if not backup.manifest.bundles:
        yield Finding(
            level="refuse",
            code="bundle_missing",
            text="the backup has no archive of static resources, and the vendor's script wants the pair",
            hint="Choose a backup that was made by cluster-backup.sh through a control-plane host.",
        )


def _strays(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    strays = {
        survey.node: names
        for survey in surveys
        if (names := [each for each in host_of(survey).data_entries if not _is_of_etcd(each)])
    }
    if strays:
        yield Finding(
            level="refuse",
            code="openshift_data_stray",
            text="; ".join(f"{node}: /var/lib/etcd has {', '.join(names)}" for node, names in strays.items()),
            hint="Move it out of there: the vendor's script would stop at it, half-way, when etcd is down already.",
        )


def _is_of_etcd(name: str) -> bool:
    return name in _OF_ETCD or name.startswith(_PERF)


def _tools(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    reasons = {survey.node: "it has no crictl" for survey in hosts(seen) if "crictl" not in survey.tools}
    recovery, packed = recovery_host(seen, backup), backup.manifest.snapshot.compression
    if recovery and (missing := _lacks(recovery, packed)):
        reasons[recovery.node] = missing
    if reasons:
        yield Finding(
            level="refuse",
            code="tool_missing",
            text="; ".join(f"{node}: {reason}" for node, reason in reasons.items()),
            hint="Control-plane hosts have them; a host that lacks one is not what it should be.",
        )


def _lacks(recovery: NodeSurvey, packed: str) -> str:
    if not host_of(recovery).has_oc:
        return "it has no oc"
    if packed not in recovery.tools:
        return f"it has no {packed}, and the snapshot is packed with it"
    return lacks_tools(recovery)


def _disks(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    recovery = recovery_host(seen, backup)
    if recovery:
        yield from _room(recovery, backup.manifest.snapshot.raw_size)


def _room(survey: NodeSurvey, size: int) -> Iterator[Finding]:
    need = TIMES * size + LOG_BYTES
    if survey.data_free < need:
        yield Finding(
            level="refuse",
            code="restore_disk_short",
            text=f"{survey.node} has {survey.data_free} bytes free beside etcd's data; {need} are needed",
            hint="Make room there: old data are kept. /var/lib/holdfast-old has those of earlier restores.",
        )


def _encryption(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    """Before 4.18 the API servers are started from the archive; from then on they go on with the keys of today."""
    if backup.verified is None or not backup.manifest.bundles:
        return
    needed = {_key(label) for label in backup.verified.database.encryption_keys}
    brought = {key for bundle in backup.manifest.bundles for key in bundle.encryption_keys}
    known = {"the archive": brought}
    if generation_of_all(hosts(seen)) == "4.18":
        known = {node: {*facts.encryption_keys} for node, facts in seen.facts.items()}
    lacking = {where: sorted(needed - keys) for where, keys in known.items() if needed - keys}
    if lacking:
        told = "; ".join(f"{where}: {', '.join(keys)}" for where, keys in lacking.items())
        yield Finding(
            level="refuse",
            code="encryption_key_missing",
            text=f"the database has Secrets that were encrypted with keys which the API servers would not have: {told}",
            hint="Keys rotate every week, and old ones go in the end: choose a newer backup.",
        )


def _key(label: str) -> str:
    provider, _, rest = label.partition(":")
    return f"{provider}:{rest.partition(':')[2]}"


def _quorum_instead(spec: ClusterSpec, seen: RestoreSeen) -> Iterator[Finding]:
    chosen = quorum_host(seen)
    if chosen is None or len(seen.surveys) == 1 or has_quorum(seen):
        return
    yield Finding(
        level="refuse",
        code="quorum_restore_instead",
        text=f"the quorum is lost, and {chosen.node} has its data: nothing that etcd acknowledged there need be lost",
        hint=f"holdfast restore plan {spec.id} --quorum. To go back to the backup all the same, as when something was "
        "deleted: --allow quorum_restore_instead.",
    )


def _recovery(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    recovery = recovery_host(seen, backup)
    if recovery is None:
        return
    made_on = {bundle.node for bundle in backup.manifest.bundles}
    own = recovery.node in made_on
    yield Finding(
        level="info" if own else "warn",
        code="recovery_host",
        text=f"the restore runs on {recovery.node}"
        + (", where the backup was made" if own else f"; the backup was made on {', '.join(sorted(made_on)) or '-'}"),
        hint="" if own else "The archive has manifests of that host's own: see that its address is in none of them.",
    )
