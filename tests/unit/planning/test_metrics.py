"""Metrics are lines of the log in CloudWatch's embedded format; a hibernated cluster has no age to alarm about."""

import json
from datetime import UTC, datetime

from builders.runs import NOON, failed, succeeded
from holdfast.models.freshness import Freshness, FreshnessReport, FreshnessState
from holdfast.models.plan import Finding
from holdfast.planning.metrics import METRICS, Document, backup_metrics, freshness_metrics

GONE = Finding(level="refuse", code="backup_object_gone", text="it has no snapshot")


def cluster(state: FreshnessState, *, age_s: int | None = 5400, missed: int = 0, suspicious: bool = False) -> Freshness:
    findings = (GONE,) if state == "stale" else ()
    return Freshness(
        cluster_id=state, state=state, age_s=age_s, missed=missed, suspicious=suspicious, findings=findings
    )


ALL = FreshnessReport(
    checked_at=NOON,
    clusters=(
        cluster("fresh", suspicious=True),
        cluster("stale", missed=3),
        cluster("never", age_s=None),
        cluster("paused", age_s=10**7),
        cluster("unscheduled"),
        cluster("unknown", age_s=0),
    ),
)


def values(document: Document) -> dict[str, float]:
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    return {each["Name"]: document[each["Name"]] for each in directive["Metrics"]}


def test_the_stack_has_one_document_of_sums() -> None:
    first, *_ = freshness_metrics("prod", ALL)
    assert first["Stack"] == "prod"
    assert values(first) == {
        "ClustersChecked": 6,
        "ClustersStale": 2,
        "ClustersPaused": 1,
        "SuspiciousBackups": 1,
        "BackupObjectsGone": 1,
        "CopiesMissing": 0,
        "FreshnessCheckFailed": 1,
        "MissedSchedules": 3,
    }


def test_a_cluster_has_an_age_unless_it_is_paused_or_unknown_or_has_none() -> None:
    _, *clusters = freshness_metrics("prod", ALL)
    assert {each["ClusterId"]: values(each) for each in clusters} == {
        "fresh": {"VerifiedBackupAgeHours": 1.5, "MissedSchedules": 0},
        "stale": {"VerifiedBackupAgeHours": 1.5, "MissedSchedules": 3},
        "unscheduled": {"VerifiedBackupAgeHours": 1.5, "MissedSchedules": 0},
    }


def test_no_cluster_is_a_figure_too() -> None:
    (only,) = freshness_metrics("prod", FreshnessReport(checked_at=NOON, clusters=()))
    assert values(only)["ClustersChecked"] == 0


def test_a_document_is_what_cloudwatch_reads() -> None:
    document = json.loads(json.dumps(next(iter(freshness_metrics("prod", ALL)))))
    assert datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC) == NOON
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Holdfast", [["Stack"]])
    assert {each["Unit"] for each in directive["Metrics"]} == {"Count"}


def test_a_backup_that_succeeded_has_its_time_and_sizes() -> None:
    (document,) = backup_metrics("prod", succeeded())
    assert values(document) == {"BackupSeconds": 42.0, "BackupBytes": 45 * 2**20, "DatabaseBytes": 413 * 2**20}
    assert (document["Stack"], document["ClusterId"]) == ("prod", "prod-1")
    assert list(backup_metrics("prod", failed())) == []


def test_every_listed_metric_is_written_and_no_other() -> None:
    written = {
        (metric["Name"], tuple(dimensions)): metric["Unit"]
        for document in (*freshness_metrics("prod", ALL), *backup_metrics("prod", succeeded()))
        for directive in document["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }
    assert written == METRICS
