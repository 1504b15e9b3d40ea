"""Whether a cluster has another release than its newest backup, which then would restore nothing. Pure.

A restore of OpenShift wants the very same release (planning/openshift_versions.py), so an upgrade makes every backup
before it useless for the cluster as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.models.node import NodeSurvey


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


def judge(surveys: Sequence[NodeSurvey], last: LastBackup | None) -> Watched:
    """`last` is None when there is no backup: the first one is the schedule's, or a person's."""
    clusters = [survey.openshift.cluster for survey in surveys if survey.openshift and survey.openshift.cluster]
    versions = sorted({cluster.version for cluster in clusters if cluster.version})
    if not versions:
        return Watched(due=False, reason="no host's API server told the cluster's version")
    if len(versions) > 1:
        return Watched(due=False, reason=f"the hosts' API servers tell different versions: {', '.join(versions)}")
    if any(cluster.progressing != "False" for cluster in clusters if cluster.version):
        return Watched(due=False, reason=f"the cluster is on its way to {versions[0]}")
    if last is None:
        return Watched(due=False, reason="there is no backup yet whose version could have changed")
    if last.version == versions[0]:
        return Watched(due=False, reason=f"the newest backup, {last.backup_id}, is of {last.version} as the cluster is")
    told = last.version or "a version that it does not tell"
    return Watched(due=True, reason=f"the cluster has {versions[0]}, and {last.backup_id} is of {told}")
