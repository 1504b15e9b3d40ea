"""The state contracts in memory: for tests, and for a look around without AWS. Each can fail on demand."""

from datetime import datetime
from threading import Lock

from holdfast.doubles import FailsOnDemand
from holdfast.errors import PermanentError
from holdfast.models.approval import Question
from holdfast.models.cluster import ClusterSpec
from holdfast.models.run import Outcome, Progress, RunRecord
from holdfast.state import failures, items


class MemoryClusters(FailsOnDemand):
    """The ClusterRegistry in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._specs: dict[str, ClusterSpec] = {}
        self.unreadable: dict[str, PermanentError] = {}

    def put(self, spec: ClusterSpec, *, replace: bool) -> bool:
        self._reach("put")
        with self._lock:
            new = spec.id not in self._specs
            if not new and not replace:
                raise failures.cluster_exists(spec.id)
            self._specs[spec.id] = spec
        return new

    def get(self, cluster_id: str) -> ClusterSpec:
        self._reach("get")
        if cluster_id not in self._specs:
            raise failures.cluster_unknown(cluster_id)
        return self._specs[cluster_id]

    def remove(self, cluster_id: str) -> bool:
        self._reach("remove")
        return self._specs.pop(cluster_id, None) is not None

    def list(self) -> list[ClusterSpec]:
        self._reach("list")
        return [spec for _, spec in sorted(self._specs.items())]

    def readable(self) -> tuple[tuple[ClusterSpec, ...], dict[str, PermanentError]]:
        """`unreadable` is for tests to fill."""
        self._reach("readable")
        return tuple(spec for _, spec in sorted(self._specs.items())), dict(self.unreadable)


class MemoryLeases(FailsOnDemand):
    """The Leases in a dict of (owner, expiry)."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._held: dict[str, tuple[str, datetime]] = {}

    def acquire(self, cluster_id: str, owner: str, *, now: datetime, expires_at: datetime) -> None:
        self._reach("acquire")
        with self._lock:
            holder, until = self._held.get(cluster_id, (owner, expires_at))
            if holder != owner and until > now:
                raise failures.lease_held(cluster_id, holder, until)
            self._held[cluster_id] = (owner, expires_at)

    def renew(self, cluster_id: str, owner: str, *, expires_at: datetime) -> None:
        self._reach("renew")
        with self._lock:
            if self._held.get(cluster_id, ("", expires_at))[0] != owner:
                raise failures.lease_lost(cluster_id, owner)
            self._held[cluster_id] = (owner, expires_at)

    def release(self, cluster_id: str, owner: str) -> None:
        self._reach("release")
        with self._lock:
            if cluster_id in self._held and self._held[cluster_id][0] == owner:
                del self._held[cluster_id]

    def holder(self, cluster_id: str) -> str | None:
        """Who holds the lease, expired or not: what a scenario test asserts on."""
        return self._held[cluster_id][0] if cluster_id in self._held else None


class MemoryFreshnessNotes(FailsOnDemand):
    """The FreshnessNotes in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, tuple[str, ...]] = {}

    def told(self) -> dict[str, tuple[str, ...]]:
        self._reach("told")
        return dict(self._told)

    def remember(self, cluster_id: str, codes: tuple[str, ...]) -> None:
        self._reach("remember")
        self._told.pop(cluster_id, None)
        if codes:
            self._told[cluster_id] = codes


class MemoryRuns(FailsOnDemand):
    """The Runs in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._records: dict[tuple[str, str], RunRecord] = {}

    def open(self, record: RunRecord) -> None:
        self._reach("open")
        with self._lock:
            self._records.setdefault((record.cluster_id, record.run_id), record)

    def reopen(self, record: RunRecord, *, was: RunRecord) -> bool:
        self._reach("reopen")
        with self._lock:
            now = self._records.get((record.cluster_id, record.run_id), was)
            if (now.execution, now.outcome is None) != (was.execution, was.outcome is None):
                return False
            self._records[record.cluster_id, record.run_id] = record
        return True

    def ask(self, cluster_id: str, run_id: str, question: Question | None) -> None:
        self._reach("ask")
        self._change(cluster_id, run_id, {"question": question}, ended=False)

    def bind(self, cluster_id: str, run_id: str, name: str, sha256: str) -> None:
        self._reach("bind")
        with self._lock:
            record = self._records.get((cluster_id, run_id))
            if record is not None:
                bound = record.bound | {name: sha256}
                self._records[cluster_id, run_id] = record.model_copy(update={"bound": bound})

    def progress(self, cluster_id: str, run_id: str, progress: Progress) -> None:
        self._reach("progress")
        self._change(cluster_id, run_id, {"progress": progress})

    def _change(self, cluster_id: str, run_id: str, changes: dict[str, object], *, ended: bool = True) -> None:
        """`ended`: also of a run that has ended."""
        with self._lock:
            record = self._records.get((cluster_id, run_id))
            if record is not None and (ended or record.outcome is None):
                self._records[cluster_id, run_id] = record.model_copy(update=changes)

    def close(self, outcome: Outcome) -> None:
        self._reach("close")
        with self._lock:
            known = (outcome.cluster_id, outcome.run_id)
            record = self._records.get(known) or items.record_of(outcome)
            self._records[known] = items.closed(record, outcome)

    def get(self, cluster_id: str, run_id: str) -> RunRecord:
        self._reach("get")
        record = self._records.get((cluster_id, run_id))
        if record is None:
            raise failures.run_unknown(cluster_id, run_id)
        return record

    def list(self, cluster_id: str, limit: int) -> list[RunRecord]:
        self._reach("list")
        mine = [record for (cluster, _), record in self._records.items() if cluster == cluster_id]
        return sorted(mine, key=lambda record: record.started_at, reverse=True)[:limit]
