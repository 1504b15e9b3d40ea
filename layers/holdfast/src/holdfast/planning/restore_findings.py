"""Everything that speaks against a restore, before anything is touched. docs/reference/restore.md has the table."""

from collections.abc import Iterator
from datetime import datetime
from typing import get_args

from holdfast.models.cluster import ClusterSpec
from holdfast.models.etcd import EndpointFailure
from holdfast.models.plan import Finding
from holdfast.models.restore import Allowance, ChangeRequest
from holdfast.planning import restore_backup_checks as of_backup
from holdfast.planning import restore_node_checks as of_nodes
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

LIFTABLE: frozenset[str] = frozenset(get_args(Allowance))


def restore_findings(
    spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest, now: datetime
) -> tuple[Finding, ...]:
    """In the order refuse, warn, info; each group in the order of the checks below."""
    return ordered(request.allow, _all(spec, seen, backup, request, now))


def _all(
    spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest, now: datetime
) -> Iterator[Finding]:
    yield from of_backup.state(backup)
    yield from of_backup.signature(backup)
    yield from of_nodes.unreachable(spec, seen, backup)
    yield from of_nodes.root(seen)
    yield from of_nodes.unfinished(seen)
    yield from of_backup.bundles(spec, seen, backup, request)
    yield from of_nodes.layouts(seen, backup, request)
    yield from of_nodes.mode_fits(seen, backup, request)
    yield from of_backup.versions(seen, backup, request)
    yield from of_nodes.etcd_tools(seen, backup, request)
    yield from of_backup.encryption(seen, backup, request)
    yield from of_backup.certificates(spec, seen, backup, request, now)
    yield from of_nodes.disks(seen, backup, request)
    yield from of_nodes.healthy(seen)
    yield from of_backup.members(seen, backup)
    yield from of_nodes.strangers(seen)
    yield from of_backup.kubernetes_versions(seen, backup)
    yield from of_nodes.workers(seen, seen.facts)


def emergency_findings(
    seen: RestoreSeen, made: str | None, failure: EndpointFailure | None, allow: tuple[Allowance, ...]
) -> tuple[Finding, ...]:
    """What the emergency backup says: `made` is its id, `failure` why there is none although a member answers."""
    if made is not None:
        return ()
    if seen.etcd is None or not seen.etcd.statuses:
        text = "no member answers, so there is nothing to take an emergency backup from"
        return (Finding(level="info", code="no_emergency_snapshot", text=text),)
    return ordered(allow, (not_saved(failure),))


def not_saved(failure: EndpointFailure | None) -> Finding:
    why = f"{failure.code}: {failure.message}" if failure else "nobody said why"
    return Finding(
        level="refuse",
        code="no_emergency_snapshot",
        text=f"the members still answer, and no backup of them could be made: {why}",
        hint="What was written since the last backup would be lost. To go on: --allow no_emergency_snapshot.",
    )


def ordered(allow: tuple[Allowance, ...], findings: Iterator[Finding] | tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Sorted by level; a refusal that may be lifted, and was by its name, is a warning."""
    order = ("refuse", "warn", "info")
    lifted = [_lifted(finding) if finding.code in LIFTABLE & set(allow) else finding for finding in findings]
    return tuple(sorted(lifted, key=lambda finding: order.index(finding.level)))


def _lifted(finding: Finding) -> Finding:
    if finding.level != "refuse":
        return finding
    return finding.model_copy(update={"level": "warn", "text": f"{finding.text} (allowed)", "hint": ""})
