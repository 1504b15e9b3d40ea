"""How a run ends: its outcome is stored and told, and its lease given back. One of `finish` and `fail` is called."""

from datetime import datetime

from pydantic import ValidationError

from holdfast.engine.backup import run_of_request
from holdfast.engine.by_hand import store_runbook
from holdfast.engine.catalog import find_backup, load_manifest
from holdfast.engine.leaving import leave_nodes
from holdfast.engine.node_snapshot import URLS
from holdfast.engine.secrets import remove_secrets
from holdfast.engine.services import Services
from holdfast.engine.verification import load_report
from holdfast.errors import HoldfastError, PermanentError
from holdfast.models.backup import Manifest, VerificationReport
from holdfast.models.run import (
    UNKNOWN_CLUSTER,
    BackupRequest,
    BackupRun,
    FailedEvent,
    Figures,
    Outcome,
    Progress,
    StatusChangeEvent,
)
from holdfast.planning.failure import error_of, phase_of
from holdfast.planning.naming import (
    GZIPPED_SNAPSHOT,
    SIGNATURE,
    SNAPSHOT,
    backup_key,
    backup_prefix,
    run_key,
)

REPORT = "report.json"


def finish(services: Services, run: BackupRun, warnings: tuple[str, ...] = ()) -> Outcome:
    """The state Finished: what the manifest and the verification say becomes the outcome.

    It needs no lease: it changes nothing that another run looks at, and the backup is as good without one.
    """
    services.runs.progress(run.cluster_id, run.run_id, Progress(phase="Finished"))
    manifest, _ = load_manifest(services.reader, run.cluster_id, run.backup_id)
    report = None if manifest.possibly_dirty else load_report(services.reader, run.cluster_id, run.backup_id)
    notes = store_runbook(services, run)
    return _conclude(
        services,
        Outcome(
            run_id=run.run_id,
            cluster_id=run.cluster_id,
            backup_id=run.backup_id,
            kind=run.kind,
            status="succeeded",
            phase="Finished",
            started_at=run.started_at,
            finished_at=services.clock(),
            figures=_figures(manifest, report),
            warnings=(*manifest.warnings, *warnings, *notes),
        ),
    )


def _figures(manifest: Manifest, report: VerificationReport | None) -> Figures:
    snapshot = manifest.snapshot
    return Figures(
        raw_size=snapshot.raw_size,
        size=snapshot.size,
        snapshot_seconds=round((snapshot.finished_at - snapshot.started_at).total_seconds(), 3),
        verify_seconds=report.seconds if report else 0.0,
        revision=manifest.database.revision,
        live_keys=report.database.live_keys if report else 0,
        sha256=snapshot.sha256,
    )


def fail(services: Services, event: FailedEvent) -> Outcome:
    """The state Failed: clean up after whatever happened and say so.

    What cannot be cleaned now is named in the warnings and swept by the cluster's next run; the operator is told in
    every case, and the lease given back unless the table itself is what refuses.
    """
    error = error_of(event.error.name, event.error.cause)
    run = event.run or _run_of(event.input, event.run_id, event.started_at)
    outcome = Outcome(
        run_id=event.run_id,
        cluster_id=run.cluster_id if run else UNKNOWN_CLUSTER,
        backup_id=run.backup_id if run else None,
        kind=run.kind if run else "manual",
        status="refused" if error.family == "refused" else "failed",
        phase=phase_of(event.error.cause) or _phase_reached(services, run),
        started_at=event.started_at,
        finished_at=services.clock(),
        error=error,
        warnings=_clean_up(services, run) if run else (),
    )
    return _conclude(services, outcome)


def stop(services: Services, event: StatusChangeEvent) -> Outcome:
    """The end of an execution that EventBridge tells: aborted, timed out, or failed by an error that no Catch sees.

    A run whose record is closed had its end already, and whoever waited was told: nothing is done again.
    """
    failure = event.as_failure()
    run = _run_of(failure.input, failure.run_id, failure.started_at)
    told = _told(services, run.cluster_id if run else UNKNOWN_CLUSTER, failure.run_id)
    return told or fail(services, failure)


def _told(services: Services, cluster_id: str, run_id: str) -> Outcome | None:
    try:
        return services.runs.get(cluster_id, run_id).outcome
    except PermanentError:
        return None


def _run_of(raw_input: object, run_id: str, started_at: datetime) -> BackupRun | None:
    """The run that `Started` makes of these; None where it refuses the input or the name: then nothing can be left."""
    try:
        return run_of_request(BackupRequest.model_validate(raw_input), run_id, started_at)
    except ValidationError:
        return None


def _phase_reached(services: Services, run: BackupRun | None) -> str:
    """Where the run's record says it was: for errors that carry no phase, as when a function was killed."""
    if run is None:
        return "Started"
    try:
        return services.runs.get(run.cluster_id, run.run_id).progress.phase
    except HoldfastError:
        return "Started"


def _clean_up(services: Services, run: BackupRun) -> tuple[str, ...]:
    """Remove what an unsealed backup left. A sealed one stays, whatever failed after its manifest was put."""
    prefix = backup_prefix(run.cluster_id, run.backup_id)
    left = leave_nodes(services, run.cluster_id, run.run_id)
    try:
        services.remover.abort_uploads(prefix)
        services.remover.remove([run_key(run.cluster_id, run.run_id, URLS)])
        entry = find_backup(services.reader, run.cluster_id, run.backup_id)
        if entry is None or entry.state == "unsealed":
            names = (SNAPSHOT, GZIPPED_SNAPSHOT, SIGNATURE) if entry else ()
            services.remover.remove(backup_key(run.cluster_id, run.backup_id, name) for name in names)
            remove_secrets(services, run.cluster_id, run.backup_id)
        elif entry.state == "verified":
            left = (*left, f"the backup {run.backup_id} is there and verified: it stays")
    except HoldfastError as error:
        return (*left, f"could not clean up below {prefix}, the next run will: {error}")
    return left


def _conclude(services: Services, outcome: Outcome) -> Outcome:
    """Store, release, tell, in this order: a receiver that starts the next run at once finds the lease free."""
    outcome = _store_report(services, outcome)
    try:
        services.runs.close(outcome)
        services.leases.release(outcome.cluster_id, outcome.run_id)
    except PermanentError:
        # A retry gets the same answer, so nobody would tell. A success is not told: this run goes on to Failed.
        if outcome.status != "succeeded":
            services.notifier.publish(outcome)
        raise
    services.notifier.publish(outcome)
    return outcome


def _store_report(services: Services, outcome: Outcome) -> Outcome:
    """The report in the bucket is a copy: when the bucket is what failed, the run's end is told all the same."""
    key = run_key(outcome.cluster_id, outcome.run_id, REPORT)
    try:
        services.writer.put(key, outcome.model_dump_json(indent=2).encode())
    except HoldfastError as error:
        return outcome.model_copy(update={"warnings": (*outcome.warnings, f"{key} was not stored: {error}")})
    return outcome
