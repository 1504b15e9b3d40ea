"""Removing one backup: looked at once more right before, and then in an order in which a kill leaves nothing that lies.

1. Its names in the catalogue. Killed after that, a whole backup is in no listing: `backup list --objects` and the next
   retention see it, and it is decided about again. The other way round the catalogue would go on to tell a verified
   backup that is not there.
2. Its manifest. From then on it is no backup for anybody who looks at the objects, but a leftover.
3. Its secrets, and then everything else: what a kill leaves is a leftover that the next retention finishes. Secrets
   that are there alone say nothing of why: the snapshots may be hidden by delete markers, or be in another bucket.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from holdfast.engine.catalog import find_backup
from holdfast.engine.indexing import remove_names
from holdfast.engine.secrets import remove_secrets, secrets_of
from holdfast.engine.services import Services
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.backup import State
from holdfast.models.retention import Verdict
from holdfast.planning.catalog_key import hold_key
from holdfast.planning.naming import FILES, VERIFIED, backup_key, backup_prefix
from holdfast.planning.retention import Lock, lock_reason
from holdfast.storage.base import LockState, ObjectLocks

# What may have become better after the plan was made, by a person who verified it. Damage is final.
_BETTER: dict[State, tuple[State, ...]] = {"unsealed": ("sealed", "verified"), "sealed": ("verified",)}
# Each takes three calls. Locks end in the order in which backups were made, so the newest of what would go are asked;
# the others are asked right before they go.
ASKED = 50


def locks_of(services: Services, cluster_id: str, going: Iterable[Verdict]) -> dict[str, Lock]:
    """What the store says about the newest of what would go; `going` is oldest first. One object speaks for each."""
    found: dict[str, Lock] = {}
    for verdict in [*going][-ASKED:]:
        keys = _objects_of(services, cluster_id, verdict.backup_id)
        if keys:
            found[verdict.backup_id] = lock_state(services.locks, keys[-1])
    return found


def lock_state(locks: ObjectLocks, key: str) -> LockState:
    """Nothing for an object that went meanwhile."""
    try:
        return locks.lock_state(key)
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        return LockState()


def _objects_of(services: Services, cluster_id: str, backup: str) -> list[str]:
    """The keys that are there of Holdfast's own, the manifest first and the snapshot last."""
    there = {info.key for info in services.reader.list(backup_prefix(cluster_id, backup))}
    return [key for name in FILES if (key := backup_key(cluster_id, backup, name)) in there]


def remove_unless_spared(services: Services, cluster_id: str, verdict: Verdict, now: datetime) -> str:
    """Why it stays after all, "" when it is gone."""
    why = _changed(services, cluster_id, verdict)
    if why:
        return why
    locks = [*_locks(services, cluster_id, verdict.backup_id)]
    why = next((why for lock in locks if (why := lock_reason(lock, now))), "")
    once_locked = any(lock.until for lock in locks)
    # Again, as asking for the locks takes three calls and more for each object: a hold must not have been in vain.
    why = why or _held(services, cluster_id, verdict.backup_id)
    return why or _unlocked(partial(remove_backup, once_locked=once_locked), services, cluster_id, verdict.backup_id)


def _changed(services: Services, cluster_id: str, verdict: Verdict) -> str:
    backup = verdict.backup_id
    held = _held(services, cluster_id, backup)
    if held:
        return held
    there = find_backup(services.reader, cluster_id, backup)
    if there and there.state in _BETTER.get(verdict.state, ()):
        return f"it was {verdict.state} and is {there.state} by now"
    if there and there.size and verdict.state == "damaged" and not verdict.size:
        return "it had no snapshot and has one by now"
    return ""


def _held(services: Services, cluster_id: str, backup: str) -> str:
    return "held by a person meanwhile" if any(services.reader.list(hold_key(cluster_id, backup))) else ""


def _locks(services: Services, cluster_id: str, backup: str) -> Iterator[LockState]:
    """Of every object: a run that died in between has locked some of them only."""
    for key in _objects_of(services, cluster_id, backup):
        yield lock_state(services.locks, key)
    for key in secrets_of(services, cluster_id, backup):
        yield lock_state(services.secrets_locks, key)


def _unlocked(remove: Callable[[Services, str, str], None], services: Services, cluster_id: str, backup: str) -> str:
    """A lock that came in between is the store's to tell; what is left is decided about again."""
    try:
        remove(services, cluster_id, backup)
    except RefusedError as error:
        if error.code != "object_locked":
            raise
        return error.message
    return ""


def remove_backup(services: Services, cluster_id: str, backup: str, *, once_locked: bool = False) -> None:
    """With every version of the files that Holdfast makes; whatever else lies there stays.

    That a lock is over is the store's to say, and a clock that runs ahead here must not cost the backup its names. So
    of one that was `once_locked` the verification goes first, which is locked as long as the rest.
    """
    if once_locked:
        services.remover.remove([backup_key(cluster_id, backup, VERIFIED)])
    remove_names(services, cluster_id, backup)
    manifest, *others = (backup_key(cluster_id, backup, name) for name in FILES)
    services.remover.remove([manifest])
    remove_secrets(services, cluster_id, backup)
    services.remover.remove(others)


def remove_orphan(services: Services, cluster_id: str, backup: str) -> str:
    """The secrets that are left alone: why they stay, "" when they are gone."""
    return _unlocked(remove_secrets, services, cluster_id, backup)


def remove_superseded(services: Services, keys: Iterable[str]) -> None:
    """Names of the catalogue that tell less than others. One stays that a rule of the bucket locks with all else."""
    for key in keys:
        try:
            services.remover.remove([key])
        except RefusedError as error:
            if error.code != "object_locked":
                raise
