"""Holds: a person keeps a backup, from retention by a marker, from everybody by legal holds where there is Object Lock.

The marker comes first and goes last: whatever dies in between, retention leaves the backup alone, and doing it again
finishes. Objects that come to a held backup later (a verification, the runbook) are held when it is held again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from holdfast.engine.catalog import find_backup
from holdfast.engine.reading import read_if_there
from holdfast.engine.services import Services
from holdfast.errors import PermanentError
from holdfast.models.backup import Hold
from holdfast.planning.catalog_key import hold_key
from holdfast.planning.naming import FILES, MANIFEST, backup_of_secret, backup_prefix, parse_backup_id
from holdfast.storage.base import LockState, ObjectLocks

Bucket = Literal["snapshots", "secrets"]


@dataclass(frozen=True)
class Kept:
    """What a hold or its end reached: keys by bucket, and the buckets whose store has no Object Lock."""

    objects: tuple[tuple[Bucket, str], ...]
    without_lock: tuple[Bucket, ...]


@dataclass(frozen=True)
class Protected:
    """One object of a backup; `state` is None where the caller may not see it."""

    bucket: Bucket
    key: str
    state: LockState | None


def hold(services: Services, cluster_id: str, backup: str, *, reason: str = "") -> Kept:
    """PermanentError `backup_unknown` for what is no backup, or is none any more when everything is held: a removal
    that was at work has won. The first hold's name and reason stand."""
    parse_backup_id(backup)
    _there(services, cluster_id, backup)
    marker = hold_key(cluster_id, backup)
    if not any(services.reader.list(marker)):
        held = Hold(held_by=services.identity.caller(), held_at=services.clock(), reason=reason)
        services.writer.put(marker, held.model_dump_json(indent=2).encode())
    kept = _each(services, cluster_id, backup, lambda locks, key: locks.hold(key))
    _there(services, cluster_id, backup)
    return kept


def unhold(services: Services, cluster_id: str, backup: str) -> Kept:
    """The hold's own order, backwards. A backup that is not held comes to the same end, and so does a marker whose
    backup is gone. Needs the right to remove the marker, which no function has.
    """
    parse_backup_id(backup)
    kept = _each(services, cluster_id, backup, lambda locks, key: locks.release(key), backwards=True)
    was_marked = services.remover.remove([hold_key(cluster_id, backup)])
    if not (was_marked or kept.objects or kept.without_lock):
        raise _unknown(cluster_id, backup)
    return kept


def hold_of(services: Services, cluster_id: str, backup: str) -> Hold | None:
    """Who holds it. A marker that somebody made otherwise holds as well, by nobody known."""
    body = read_if_there(services.reader, hold_key(cluster_id, backup))
    if body is None:
        return None
    try:
        return Hold.model_validate_json(body)
    except ValueError:
        return Hold()


def protection(services: Services, cluster_id: str, backup: str) -> tuple[Protected, ...]:
    """What the store keeps from removal, object by object: two calls for each. The secrets are one row that tells
    nothing for who may not list them."""
    places = _places(services)
    keys: dict[Bucket, list[str] | None] = {
        "snapshots": _snapshots(services, cluster_id, backup),
        "secrets": _if_allowed(lambda: _secrets(services, cluster_id, backup)),
    }
    rows: list[Protected] = []
    for bucket, there in keys.items():
        if there is None:
            rows.append(Protected(bucket, backup_prefix(cluster_id, backup), None))
        rows += [Protected(bucket, key, _if_allowed(partial(places[bucket].lock_state, key))) for key in there or ()]
    return tuple(rows)


def _if_allowed[T](question: Callable[[], T]) -> T | None:
    try:
        return question()
    except PermanentError as error:
        if error.code != "storage_access_denied":
            raise
        return None


def _there(services: Services, cluster_id: str, backup: str) -> None:
    found = find_backup(services.reader, cluster_id, backup)
    if found is None or found.state == "unsealed":
        raise _unknown(cluster_id, backup)


def _unknown(cluster_id: str, backup: str) -> PermanentError:
    hint = f"holdfast backup list {cluster_id} shows what there is"
    return PermanentError("backup_unknown", f"cluster {cluster_id} has no backup {backup}", hint=hint)


def _each(
    services: Services,
    cluster_id: str,
    backup: str,
    act: Callable[[ObjectLocks, str], None],
    *,
    backwards: bool = False,
) -> Kept:
    places = _places(services)
    done: list[tuple[Bucket, str]] = []
    without: set[Bucket] = set()
    objects: list[tuple[Bucket, str]] = [("snapshots", key) for key in _snapshots(services, cluster_id, backup)]
    objects += [("secrets", key) for key in _secrets(services, cluster_id, backup)]
    for bucket, key in reversed(objects) if backwards else objects:
        if bucket in without:
            continue
        try:
            act(places[bucket], key)
        except PermanentError as error:
            if error.code == "object_lock_unsupported":
                without.add(bucket)
            elif error.code != "object_not_found":
                raise
            continue
        done.append((bucket, key))
    return Kept(tuple(done), tuple(sorted(without)))


def _places(services: Services) -> dict[Bucket, ObjectLocks]:
    return {"snapshots": services.locks, "secrets": services.secrets_locks}


def _snapshots(services: Services, cluster_id: str, backup: str) -> list[str]:
    """Of Holdfast's own, the manifest first: it is the first that a removal takes."""
    prefix = backup_prefix(cluster_id, backup)
    keys = [info.key for info in services.reader.list(prefix) if info.key.removeprefix(prefix) in FILES]
    return sorted(keys, key=lambda each: (each != f"{prefix}{MANIFEST}", each))


def _secrets(services: Services, cluster_id: str, backup: str) -> list[str]:
    found = services.secrets_reader.list(backup_prefix(cluster_id, backup))
    return [info.key for info in found if backup_of_secret(info.key) == backup]
