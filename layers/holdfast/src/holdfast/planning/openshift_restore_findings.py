"""Everything that speaks against a restore of OpenShift, before anything is touched. docs/drivers/openshift.md has the
table; what holds for every distribution is that of planning/restore_findings.py."""

from collections.abc import Iterator

from holdfast.models.cluster import ClusterSpec
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest
from holdfast.planning import openshift_host_checks as of_hosts
from holdfast.planning import openshift_version_checks as of_versions
from holdfast.planning import restore_backup_checks as of_backup
from holdfast.planning import restore_node_checks as of_nodes
from holdfast.planning.openshift_hosts import (
    QUORUM_RESTORE,
    generation_of_all,
    has_quorum,
    hosts,
    quorum_host,
    recovery_host,
)
from holdfast.planning.restore_findings import ordered
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen


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
    yield from of_hosts.topology(seen)
    yield from of_hosts.scripts(seen)
    yield from of_versions.generations(seen)
    yield from of_hosts.layout(seen)
    yield from _pair(backup)
    yield from of_versions.versions(seen, backup)
    # Elsewhere nothing is restored; hosts that joined again keep archives of their former members among the data.
    recovery = recovery_host(seen, backup)
    yield from of_hosts.strays((recovery,) if recovery else ())
    yield from of_hosts.tools(seen, backup)
    yield from of_hosts.disks(seen, backup)
    yield from _encryption(seen, backup)
    yield from of_nodes.healthy(seen)
    yield from _quorum_instead(spec, seen)
    yield from of_versions.same_cluster(seen, backup)
    yield from of_backup.members(seen, backup)
    yield from of_nodes.strangers(seen)
    yield from _recovery(seen, backup)


def quorum_findings(spec: ClusterSpec, seen: RestoreSeen, request: ChangeRequest) -> tuple[Finding, ...]:
    """Against a quorum restore: hosts that do not answer are what it is for. Nothing lifts `cluster_healthy`: members
    with a quorum would go on as the old cluster beside the new one, with the same id."""
    allow = tuple(each for each in request.allow if each != "cluster_healthy")
    return ordered(allow, _of_quorum(spec, seen))


def _of_quorum(spec: ClusterSpec, seen: RestoreSeen) -> Iterator[Finding]:
    chosen = quorum_host(seen)
    yield from of_nodes.root(seen)
    yield from of_nodes.unfinished(seen)
    yield from of_hosts.topology(seen)
    if chosen is None:
        yield Finding(
            level="refuse",
            code="quorum_no_data",
            text=f"no host that answers has both a member's data and {QUORUM_RESTORE}, which 4.18 and later have",
            hint=f"Restore a backup: holdfast restore plan {spec.id} latest.",
        )
    else:
        yield from of_hosts.strays((chosen,))
        told = seen.etcd.statuses if seen.etcd else ()
        yield from of_hosts.room(chosen, max((status.db_size for status in told), default=0))
    yield from _quorum_kept(spec, seen)
    if chosen is not None:
        yield Finding(
            level="info",
            code="recovery_host",
            text=f"{chosen.node} has the newest data that are left, by its raft index",
            hint="Members that did not answer are off the list then: hosts that are lost are replaced afterwards, by "
            "holdfast member replace.",
        )


def _quorum_kept(spec: ClusterSpec, seen: RestoreSeen) -> Iterator[Finding]:
    for finding in of_nodes.healthy(seen):
        text = (
            "the quorum is not lost: the other members would go on as the old cluster, beside a new one of one member"
        )
        hint = f"A member that is lost is replaced: holdfast member replace {spec.id} NODE."
        yield finding.model_copy(update={"text": text, "hint": hint})


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


def _pair(backup: ChosenBackup) -> Iterator[Finding]:
    if not backup.manifest.bundles:
        yield Finding(
            level="refuse",
            code="bundle_missing",
            text="the backup has no archive of static resources, and the vendor's script wants the pair",
            hint="Choose a backup that was made by cluster-backup.sh through a control-plane host.",
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
