"""Whether a cluster has another release than its newest backup, which then would restore nothing. Pure.

A restore of OpenShift wants the very same release (planning/openshift_versions.py), so an upgrade makes every backup
before it useless for the cluster as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.models.node import NodeSurvey
from holdfast.models.openshift import OpenShiftCluster


@dataclass(frozen=True)
class LastBackup:
    """The newest backup that is worth restoring. `version` is the cluster's when it was made, "" when it tells none."""

    backup_id: str
    version: str


@dataclass(frozen=True)
class Watched:
    """`due`: a backup is to be made now."""

    due: bool
    reason: str


def told_release(surveys: Sequence[NodeSurvey]) -> str:
    """The release that the hosts' API servers tell, "" where none does. While an upgrade is under way they tell the
    one that is wanted, and a host may have the one or the other: then it is not known, nor while nobody knows whether
    one is."""
    told = _told(surveys)
    versions = {cluster.version for cluster in told}
    settled = all(cluster.progressing == "False" for cluster in told)
    return versions.pop() if len(versions) == 1 and settled else ""


def judge(surveys: Sequence[NodeSurvey], last: LastBackup | None) -> Watched:
    """`last` is None when there is no backup: the first one is the schedule's, or a person's."""
    told = _told(surveys)
    versions = sorted({cluster.version for cluster in told})
    if not versions:
        return Watched(due=False, reason="no host's API server told the cluster's version")
    if len(versions) > 1:
        return Watched(due=False, reason=f"the hosts' API servers tell different versions: {', '.join(versions)}")
    if any(cluster.progressing != "False" for cluster in told):
        return Watched(due=False, reason=f"the cluster is on its way to {versions[0]}")
    if last is None:
        return Watched(due=False, reason="there is no backup yet whose version could have changed")
    if last.version == versions[0]:
        return Watched(due=False, reason=f"the newest backup, {last.backup_id}, is of {last.version} as the cluster is")
    before = last.version or "a version that it does not tell"
    return Watched(due=True, reason=f"the cluster has {versions[0]}, and {last.backup_id} is of {before}")


def _told(surveys: Sequence[NodeSurvey]) -> list[OpenShiftCluster]:
    views = (survey.openshift.cluster for survey in surveys if survey.openshift)
    return [cluster for cluster in views if cluster and cluster.version]
