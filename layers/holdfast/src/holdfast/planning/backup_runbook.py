"""The runbook that is stored beside a backup, for the day when Holdfast is away: nobody looked at the nodes for it,
they are taken to be as they were when the backup was made."""

from datetime import datetime

from holdfast.drivers.registry import driver_of
from holdfast.models.cluster import ClusterSpec
from holdfast.models.restore import ChangeRequest, RestoreMode, RestorePlan
from holdfast.planning.planners import planner_of
from holdfast.planning.restore_seen import ChosenBackup, seen_in_backup
from holdfast.planning.runbook import Buckets, runbook


def runbook_of_backup(
    spec: ClusterSpec, backup: ChosenBackup, now: datetime, buckets: Buckets | None = None
) -> str | None:
    """Of the database alone, with what to do on nodes that lost their files too. None where nothing is known of the
    nodes, as with a backup over the etcd transport. RefusedError `driver_unsupported`."""
    if backup.plan is None or not any(survey.etcd for survey in backup.plan.surveys):
        return None
    plan = _plan(spec, backup, "etcd", now)
    # What OpenShift's vendor restores has the files with it.
    with_files = spec.driver != "openshift" and backup.manifest.bundles
    files = _plan(spec, backup, "full", now) if with_files else None
    return runbook(plan, buckets, lost_files=files)


def _plan(spec: ClusterSpec, backup: ChosenBackup, mode: RestoreMode, now: datetime) -> RestorePlan:
    """Under a run's name of its own, so that its token and its directories are no other restore's."""
    run_id = f"{spec.id}-{backup.manifest.backup_id}-by-hand"
    return planner_of(spec.driver).plan(
        spec,
        seen_in_backup(driver_of(spec.driver), backup),
        backup,
        ChangeRequest(cluster=spec.id, backup=backup.manifest.backup_id, mode=mode),
        run_id=run_id,
        emergency=None,
        findings=(),
        now=now,
    )
