"""The first half of the demo: a schedule fires, a backup is made and verified, and proves itself by being restored."""

import time
from dataclasses import dataclass

from holdfast.engine.catalog import list_backups, load_manifest
from holdfast.engine.download import download
from holdfast.engine.services import Services
from holdfast.engine.verification import load_report
from holdfast.engine.watching import POLL_S, Observation, follow
from holdfast.errors import PermanentError
from holdfast.local.demo.proof import Restored, restore_and_compare
from holdfast.local.demo.setting import CLUSTER_ID, Folder
from holdfast.local.demo.source import Source
from holdfast.local.demo.view import DemoView
from holdfast.models.backup import Manifest, VerificationReport
from holdfast.models.run import Outcome

FIRES_WITHIN_S = 60.0


@dataclass(frozen=True)
class Backed:
    """A backup that is verified and was restored once, into a throw-away member."""

    seen: Observation
    outcome: Outcome
    manifest: Manifest
    report: VerificationReport
    restored: Restored


def back_up(view: DemoView, services: Services, folder: Folder, source: Source) -> Backed:
    """PermanentError `demo_schedule_silent`, `demo_backup_failed`; DamagedError `demo_mismatch`."""
    seen, outcome = _scheduled_run(view, services, folder)
    manifest, report = _look(view, services, outcome)
    return Backed(seen, outcome, manifest, report, _prove(view, services, folder, source, manifest, report))


def _scheduled_run(view: DemoView, services: Services, folder: Folder) -> tuple[Observation, Outcome]:
    view.step("EventBridge Scheduler fires; Step Functions takes the backup, phase by phase")
    view.progress("waiting for the schedule to fire")
    run_id = _first_run(services, folder)
    view.note(f"run {run_id}")
    seen = view.run(follow(services, CLUSTER_ID, run_id, sleep=time.sleep))
    outcome = seen.record.outcome if seen.record else None
    if outcome is None or outcome.status != "succeeded":
        error = outcome.error if outcome else None
        raise PermanentError(
            "demo_backup_failed",
            f"[{error.code}] {error.message}" if error else f"run {run_id} has no outcome",
            hint=f"the log of the stack: {folder.home.log}",
        )
    return seen, outcome


def _first_run(services: Services, folder: Folder) -> str:
    deadline = time.monotonic() + FIRES_WITHIN_S
    while time.monotonic() < deadline:
        if runs := services.runs.list(CLUSTER_ID, 1):
            return runs[0].run_id
        time.sleep(POLL_S)
    raise PermanentError(
        "demo_schedule_silent",
        f"no run appeared within {FIRES_WITHIN_S:.0f} s after the schedule was made",
        hint=f"the log of the stack: {folder.home.log}",
    )


def _look(view: DemoView, services: Services, outcome: Outcome) -> tuple[Manifest, VerificationReport]:
    view.step("List the backups; look at what the verification found")
    entries = list_backups(services.reader, CLUSTER_ID)
    newest = next((entry.backup_id for entry in entries if entry.state == "verified"), None)
    if newest is None or newest != outcome.backup_id:
        raise PermanentError("demo_backup_failed", f"backup {outcome.backup_id} is not listed as verified")
    manifest, _ = load_manifest(services.reader, CLUSTER_ID, newest)
    report = load_report(services.reader, CLUSTER_ID, newest)
    view.backups(entries, report)
    return manifest, report


def _prove(
    view: DemoView,
    services: Services,
    folder: Folder,
    source: Source,
    manifest: Manifest,
    report: VerificationReport,
) -> Restored:
    view.step("Download it, restore it into a throw-away member, compare")
    view.progress("downloading")
    path, _ = download(services, CLUSTER_ID, manifest.backup_id, folder.work / "download")
    view.progress("restoring with etcdutl")
    restored = restore_and_compare(path, folder.work / "restored", source.client(), manifest, report)
    found = restored.comparison
    view.note(
        f"equal at revision {found.revision}: HashKV {found.hash_source.hash} of the source, the restored member "
        f"and the file; {found.keys_source} keys in each"
    )
    return restored
