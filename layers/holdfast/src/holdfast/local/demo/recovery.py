"""The second half of the demo: the cluster is changed, lost, and restored from the backup by the state machine."""

import time
import uuid

from holdfast.engine.restore.approving import approve
from holdfast.engine.restore.following import ChangeSeen, follow_change
from holdfast.engine.restore.starting import start_change
from holdfast.engine.restore.status import change_status
from holdfast.engine.services import Services
from holdfast.errors import PermanentError
from holdfast.local.demo.backing_up import Backed
from holdfast.local.demo.disaster import change, destroy
from holdfast.local.demo.figures import Recovery
from holdfast.local.demo.measured import recovery_of
from holdfast.local.demo.setting import CLUSTER_ID, Folder
from holdfast.local.demo.view import DemoView
from holdfast.local.machines.kubeadm import KubeadmCluster
from holdfast.models.restore import ChangeRequest, RestorePlan

APPROVED_BY = "holdfast demo, by itself"


def lose_and_recover(
    view: DemoView, services: Services, folder: Folder, cluster: KubeadmCluster, backed: Backed
) -> Recovery:
    """PermanentError `demo_restore_failed` when the restore does not succeed, DamagedError `demo_mismatch` when what it
    leaves is not what the backup has; `demo_api_failed` and `machine_failed` of the cluster."""
    deleted = change(view, cluster)
    destroy(view, cluster)
    backup = backed.manifest.backup_id
    view.step(f"Start a restore of {backup}: it looks at the nodes, plans, and waits for an approval")
    run_id, plan = _planned(view, services, folder, backup)
    view.plan(plan)
    view.step("The demo approves its own plan, which else is a person's part; then the phases run")
    view.note(f"as by: holdfast restore approve {run_id}")
    approval = approve(services, CLUSTER_ID, run_id, approved_by=APPROVED_BY, typed=CLUSTER_ID, digest=plan.digest)
    following = follow_change(services, CLUSTER_ID, run_id, sleep=time.sleep)
    # The question stays for a moment after it was answered.
    seen = view.change(each for each in following if each.question is None)
    _refuse_failure(seen, folder)
    view.step("The cluster is back: look at its objects and compare its members with the backup")
    records = change_status(services, CLUSTER_ID, run_id).records
    found = recovery_of(plan, approval, records, cluster, backed.report, deleted)
    view.note(f"{found.gone}, made after the backup, is gone; {found.back}, deleted after it, is back as it was")
    members = ", ".join(f"{node} {each.hash}" for node, each in found.hashes.items())
    view.note(f"HashKV at revision {found.revision}: {members}, and {found.hash_backup.hash} in the backup")
    return found


def _planned(view: DemoView, services: Services, folder: Folder, backup: str) -> tuple[str, RestorePlan]:
    """The run, and the plan that a person would be asked about."""
    request = ChangeRequest(cluster=CLUSTER_ID, backup=backup)
    run_id = start_change(services, request, uuid.uuid4().hex).run_id
    view.note(f"run {run_id}")
    for seen in follow_change(services, CLUSTER_ID, run_id, sleep=time.sleep, just_started=True):
        if seen.question and seen.plan:
            return run_id, seen.plan
        view.progress("looking at the nodes and planning")
    _refuse_failure(seen, folder)
    raise PermanentError("demo_restore_failed", f"the run {run_id} asked nobody")


def _refuse_failure(seen: ChangeSeen, folder: Folder) -> None:
    outcome = seen.record.outcome if seen.record else None
    if outcome is None or outcome.status != "succeeded":
        error = outcome.error if outcome else None
        raise PermanentError(
            "demo_restore_failed",
            f"[{error.code}] {error.message}" if error else "the restore has no outcome",
            hint=f"the log of the stack: {folder.home.log}",
        )
