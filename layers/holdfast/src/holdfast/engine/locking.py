"""Lock: Object Lock on what a verified backup consists of, so that nobody removes it before its time.

After Verify, as what was found damaged must stay removable. The end counts from the run's start, which Step Functions
tells every attempt alike: a function's clock that is a year ahead locks nothing for a year too long, which nobody
could take back in compliance mode, and a second attempt finds what the first one set.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from holdfast.engine.progress import enter
from holdfast.engine.services import Services
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.cluster import LockSpec
from holdfast.models.run import BackupRun, BackupState
from holdfast.planning.naming import (
    GZIPPED_SNAPSHOT,
    MANIFEST,
    SIGNATURE,
    SNAPSHOT,
    VERIFIED,
    backup_key,
    backup_of_secret,
    backup_prefix,
)
from holdfast.storage.base import ObjectLocks

# Whatever else lies there is not the backup: the runbook is written after this, and foreign objects are nobody's here.
_LOCKED = (MANIFEST, SIGNATURE, VERIFIED, SNAPSHOT, GZIPPED_SNAPSHOT)


def lock(services: Services, state: BackupState) -> BackupState:
    """The state Lock. A store without Object Lock costs the backup nothing but a warning in the outcome."""
    run, spec = state.run, state.lock
    if spec is None:
        return state
    enter(services, run, "Lock")
    until = run.started_at + timedelta(days=spec.days)
    if until <= services.clock():
        over = f"the backup is not locked: {spec.days} days from the run's start were over at {until:%Y-%m-%d %H:%M}Z"
        return state.model_copy(update={"warnings": (*state.warnings, over)})
    told = (
        *_lock_all("snapshots", services.locks, _of_backup(services, run), spec, until),
        *_lock_all("secrets", services.secrets_locks, _of_secrets(services, run), spec, until),
    )
    return state.model_copy(update={"warnings": (*state.warnings, *told)})


def _lock_all(bucket: str, locks: ObjectLocks, keys: list[str], spec: LockSpec, until: datetime) -> Iterator[str]:
    for key in keys:
        try:
            locks.lock(key, spec.mode, until)
        except RefusedError as error:
            if error.code != "lock_would_be_shorter":
                raise
            yield error.message
        except PermanentError as error:
            if error.code != "object_lock_unsupported":
                raise
            yield f"the {bucket} bucket has no Object Lock, so the backup is not locked there"
            return


def _of_backup(services: Services, run: BackupRun) -> list[str]:
    there = {info.key for info in services.reader.list(backup_prefix(run.cluster_id, run.backup_id))}
    keys = {name: backup_key(run.cluster_id, run.backup_id, name) for name in _LOCKED}
    if keys[VERIFIED] not in there:
        raise PermanentError(
            "backup_not_verified",
            f"backup {run.backup_id} was not verified, so it is not locked",
            hint=f"holdfast backup verify {run.cluster_id} {run.backup_id}",
        )
    return [key for key in keys.values() if key in there]


def _of_secrets(services: Services, run: BackupRun) -> list[str]:
    found = services.secrets_reader.list(backup_prefix(run.cluster_id, run.backup_id))
    return [info.key for info in found if backup_of_secret(info.key) == run.backup_id]
