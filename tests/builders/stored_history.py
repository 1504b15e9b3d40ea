"""Backups as they lie in both buckets, without the minutes that it takes to make them: what retention looks at and
removes is names and sizes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from builders.services import MemoryServices, services_with
from builders.specs import cluster_spec
from holdfast.models.backup import BackupEntry
from holdfast.planning.catalog_key import accept_key, catalog_key, hold_key
from holdfast.planning.naming import (
    DAMAGED,
    MANIFEST,
    RUNBOOK,
    SNAPSHOT,
    VERIFIED,
    backup_key,
    bundle_key,
    certificates_key,
)
from holdfast.storage.base import ObjectWriter
from holdfast.storage.memory import MemoryBucket

CLUSTER = "prod-1"
_FILES = {
    "unsealed": (SNAPSHOT,),
    "sealed": (SNAPSHOT, MANIFEST, RUNBOOK),
    "verified": (SNAPSHOT, MANIFEST, VERIFIED, RUNBOOK),
    "damaged": (SNAPSHOT, MANIFEST, DAMAGED),
}


def keeping(*entries: BackupEntry, cluster: str = CLUSTER, **retention: object) -> MemoryServices:
    """A cluster with that rule and these backups, in buckets that go by the services' clock, as locks do."""
    services = services_with(cluster_spec(cluster, retention=retention))
    services.bucket = MemoryBucket(clock=services.clock)
    services.secrets = MemoryBucket("secrets", clock=services.clock)
    store(services, entries)
    return services


def store(services: MemoryServices, entries: Iterable[BackupEntry]) -> None:
    lay(services.writer, services.secrets, entries)


def lay(writer: ObjectWriter, secrets: ObjectWriter, entries: Iterable[BackupEntry]) -> None:
    for entry in entries:
        for name in _FILES[entry.state]:
            body = b"x" * entry.size if name == SNAPSHOT else b"{}"
            writer.put(backup_key(entry.cluster_id, entry.backup_id, name), body)
        secrets.put(bundle_key(entry.cluster_id, entry.backup_id, "n1"), b"bundle")
        secrets.put(certificates_key(entry.cluster_id, entry.backup_id, "n1"), b"certificates")
        if entry.state != "unsealed":
            writer.put(catalog_key(entry), b"")
        if entry.held:
            writer.put(hold_key(entry.cluster_id, entry.backup_id), b"")
        if entry.accepted:
            writer.put(accept_key(entry.cluster_id, entry.backup_id), b"")


class Killed(BaseException):
    """The function ends here; nothing of ours runs after it."""


@dataclass
class Countdown:
    """Ends the program before the removal of a key, when so many were removed."""

    left: int | None = None
    keys: list[str] = field(default_factory=list)

    def tick(self, key: str) -> None:
        if self.left is not None:
            if self.left == 0:
                self.left = None
                raise Killed
            self.left -= 1
        self.keys.append(key)


class MortalBucket(MemoryBucket):
    """Removes key by key, as S3 does, until the countdown ends."""

    def __init__(self, countdown: Countdown, clock: Callable[[], datetime]) -> None:
        super().__init__(clock=clock)
        self._countdown = countdown

    def remove(self, keys: Iterable[str]) -> int:
        return sum(self._mortally(key) for key in keys)

    def _mortally(self, key: str) -> int:
        self._countdown.tick(key)
        return super().remove([key])


def mortal(services: MemoryServices) -> Countdown:
    """The same services over buckets that die on demand."""
    countdown = Countdown()
    for name in ("bucket", "secrets"):
        bucket = MortalBucket(countdown, services.clock)
        bucket.objects = getattr(services, name).objects
        setattr(services, name, bucket)
    return countdown


def then(*steps: Callable[[], object]) -> Callable[[int, int], None]:
    """A progress that takes one step after each removal: what others do in between."""
    waiting: Iterator[Callable[[], object]] = iter(steps)

    def progress(_done: int, _total: int) -> None:
        for step in waiting:
            step()
            break

    return progress
