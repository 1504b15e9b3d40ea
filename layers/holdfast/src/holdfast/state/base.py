"""Contracts of the state that lives outside the bucket; tests/contract holds every implementation to the docstrings.

Errors of all: `state_unavailable` (transient), `state_access_denied`, `state_table_missing` and `state_refused`
(permanent).
"""

from datetime import datetime
from typing import Protocol

from holdfast.errors import PermanentError
from holdfast.models.approval import Question
from holdfast.models.cluster import ClusterSpec
from holdfast.models.run import Outcome, Progress, RunRecord


class ClusterRegistry(Protocol):
    def put(self, spec: ClusterSpec, *, replace: bool) -> bool:
        """Store the spec; True when it is new. With `replace` False an existing id is RefusedError `cluster_exists`."""

    def get(self, cluster_id: str) -> ClusterSpec:
        """The spec, or PermanentError `cluster_unknown`."""

    def list(self) -> list[ClusterSpec]:
        """All specs, by id. PermanentError `cluster_unreadable` when one of them cannot be read."""

    def readable(self) -> tuple[tuple[ClusterSpec, ...], dict[str, PermanentError]]:
        """The specs that can be read, by id; and by id what is wrong with the others: for who looks at all clusters,
        and must not be blind to a thousand because of one."""

    def remove(self, cluster_id: str) -> bool:
        """Forget the spec; False when there was none. Backups and runs stay."""


class Leases(Protocol):
    def acquire(self, cluster_id: str, owner: str, *, now: datetime, expires_at: datetime) -> None:
        """One run per cluster. Free, expired or already ours: taken until `expires_at`. Held by another run that has
        not expired: LeaseHeldError `lease_held`, naming the expiry and the owner, which is its `owner` too."""

    def renew(self, cluster_id: str, owner: str, *, expires_at: datetime) -> None:
        """Go on holding it until `expires_at`, also when it has expired and nobody took it. Given back, or taken over
        by another run: RefusedError `lease_lost`. Unlike `acquire` it never takes a free lease: what an aborted run
        still does must not hold one that nobody gives back."""

    def release(self, cluster_id: str, owner: str) -> None:
        """Give it back; somebody else's lease is left alone."""


class FreshnessNotes(Protocol):
    """Which findings of which cluster were told, so that each is told once. Whoever loses them is told again."""

    def told(self) -> dict[str, tuple[str, ...]]:
        """The sorted codes by cluster id, without clusters of which nothing is told."""

    def remember(self, cluster_id: str, codes: tuple[str, ...]) -> None:
        """In place of what was remembered of this cluster; nothing for no codes."""


class Runs(Protocol):
    def open(self, record: RunRecord) -> None:
        """Write the record of a run; a second open of the same run id leaves the first (a retried state)."""

    def reopen(self, record: RunRecord, *, was: RunRecord) -> bool:
        """Write the record over `was`, which the caller has read: the run goes on, so that it has no outcome and no
        question. False, and nothing written, when somebody was first: the execution of the stored record is another
        one than that of `was`, or one of the two has an outcome and the other has none."""

    def ask(self, cluster_id: str, run_id: str, question: Question | None) -> None:
        """Note what is waited for, or with None that nothing is any more. Nothing for a run that was never opened, or
        that has ended."""

    def bind(self, cluster_id: str, run_id: str, name: str, sha256: str) -> None:
        """From now on the run's object `name` is the one with that SHA-256 (RunRecord.bound). Nothing for a run that
        was never opened."""

    def progress(self, cluster_id: str, run_id: str, progress: Progress) -> None:
        """Note how far a run is. For a run that was never opened nothing is stored and nothing is raised: a backup
        does not fail because nobody can watch it."""

    def close(self, outcome: Outcome) -> None:
        """Store the outcome, also for a run that was never opened (it failed at once). A later outcome replaces it."""

    def get(self, cluster_id: str, run_id: str) -> RunRecord:
        """The record, or PermanentError `run_unknown`."""

    def list(self, cluster_id: str, limit: int) -> list[RunRecord]:
        """The newest first."""
