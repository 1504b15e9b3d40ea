"""The metrics that Holdfast writes into its functions' logs, in CloudWatch's embedded metric format.

Source of the format: CloudWatch user guide, "Specification: Embedded metric format". docs/reference/metrics.md has the
same names, units and dimensions (a test compares), and template.yaml has alarms and a dashboard on no others.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from holdfast.models.freshness import FreshnessReport
from holdfast.models.run import Outcome

NAMESPACE = "Holdfast"
STACK, CLUSTER = "Stack", "ClusterId"
Unit = Literal["Count", "None", "Seconds", "Bytes"]

type Document = dict[str, Any]


_OF_STACK, _OF_CLUSTER = (STACK,), (STACK, CLUSTER)
# Name and dimensions, and the unit. Each cluster is a series of its own, which CloudWatch charges for. MissedSchedules
# is there for each cluster and as a sum.
METRICS: Mapping[tuple[str, tuple[str, ...]], Unit] = {
    ("ClustersChecked", _OF_STACK): "Count",
    ("ClustersStale", _OF_STACK): "Count",
    ("ClustersPaused", _OF_STACK): "Count",
    ("SuspiciousBackups", _OF_STACK): "Count",
    ("BackupObjectsGone", _OF_STACK): "Count",
    ("CopiesMissing", _OF_STACK): "Count",
    ("FreshnessCheckFailed", _OF_STACK): "Count",
    ("MissedSchedules", _OF_STACK): "Count",
    ("VerifiedBackupAgeHours", _OF_CLUSTER): "None",
    ("MissedSchedules", _OF_CLUSTER): "Count",
    ("BackupSeconds", _OF_CLUSTER): "Seconds",
    ("BackupBytes", _OF_CLUSTER): "Bytes",
    ("DatabaseBytes", _OF_CLUSTER): "Bytes",
}


def freshness_metrics(stack: str, report: FreshnessReport) -> Iterator[Document]:
    """One document for the stack, and one for each cluster of which something is expected."""
    clusters = report.clusters
    yield _document(
        {STACK: stack},
        report.checked_at,
        {
            "ClustersChecked": len(clusters),
            "ClustersStale": sum(each.late for each in clusters),
            "ClustersPaused": sum(each.state == "paused" for each in clusters),
            "SuspiciousBackups": sum(each.suspicious for each in clusters),
            "BackupObjectsGone": _with(report, "backup_object_gone"),
            "CopiesMissing": _with(report, "copy_missing"),
            "FreshnessCheckFailed": sum(each.state == "unknown" for each in clusters),
            "MissedSchedules": sum(each.missed for each in clusters),
        },
    )
    for each in clusters:
        # A hibernated cluster grows older without end and means nothing by it; a look that failed knows no age.
        if each.state in ("paused", "unknown") or each.age_s is None:
            continue
        figures = {"VerifiedBackupAgeHours": round(each.age_s / 3600, 3), "MissedSchedules": each.missed}
        yield _document({STACK: stack, CLUSTER: each.cluster_id}, report.checked_at, figures)


def _with(report: FreshnessReport, code: str) -> int:
    return sum(any(finding.code == code for finding in each.findings) for each in report.clusters)


def backup_metrics(stack: str, outcome: Outcome) -> Iterator[Document]:
    """Of a backup that succeeded: how long it took from its start until it was verified, and how large it is."""
    if outcome.figures is None:
        return
    figures = {
        "BackupSeconds": round((outcome.finished_at - outcome.started_at).total_seconds(), 3),
        "BackupBytes": outcome.figures.size,
        "DatabaseBytes": outcome.figures.raw_size,
    }
    yield _document({STACK: stack, CLUSTER: outcome.cluster_id}, outcome.finished_at, figures)


def _document(dimensions: Mapping[str, str], at: datetime, values: Mapping[str, float]) -> Document:
    names = tuple(dimensions)
    metrics = [{"Name": name, "Unit": METRICS[name, names]} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(names)], "Metrics": metrics}
    return {
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        **dimensions,
        **values,
    }
