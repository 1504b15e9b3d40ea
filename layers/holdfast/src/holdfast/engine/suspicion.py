"""What is odd about the content of a cluster's newest verified backup, with a look into two reports where it is worth
it."""

from collections.abc import Sequence

from pydantic import ValidationError

from holdfast.engine.verification import find_report
from holdfast.models.backup import BackupEntry, VerificationReport
from holdfast.models.plan import Finding
from holdfast.planning.suspicion import suspicions, to_compare, vanished, vanished_findings
from holdfast.storage.base import ObjectReader


def look_for_suspicions(reader: ObjectReader, entries: Sequence[BackupEntry]) -> tuple[Finding, ...]:
    """Of the catalogue's entries alone, and two GETs when the resources of two backups differ. `refuse` is what pauses
    retention."""
    found = suspicions(entries)
    pair = to_compare(entries)
    return (*found, *_vanished(reader, *pair, found)) if pair else found


def _vanished(
    reader: ObjectReader, before: BackupEntry, now: BackupEntry, found: Sequence[Finding]
) -> tuple[Finding, ...]:
    """Without what the catalogue told already: the resources that every cluster has. A report that was removed in the
    meantime leaves nothing to compare."""
    reports: list[VerificationReport] = []
    for entry in (before, now):
        try:
            report = find_report(reader, entry.cluster_id, entry.backup_id)
        except ValidationError as error:
            text = f"verified.json of {entry.backup_id} cannot be read: {error.errors(include_input=False)[0]['msg']}"
            hint = f"holdfast backup verify {entry.cluster_id} {entry.backup_id} --no-record checks the backup itself"
            return (Finding(level="warn", code="report_unreadable", text=text, hint=hint),)
        if report is None:
            return ()
        reports.append(report)
    told = {(finding.level, finding.code) for finding in found}
    gone = vanished_findings(before, now, vanished(reports[0].database, reports[1].database))
    return tuple(finding for finding in gone if (finding.level, finding.code) not in told)
