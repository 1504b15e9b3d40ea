"""Following a run to its end: the state machine says which phase it is in, its record how far, and how it ended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, get_args

from holdfast.engine.services import Services
from holdfast.errors import PermanentError, TransientError
from holdfast.executions.base import ExecutionView
from holdfast.models.run import PhaseName, Progress, RunRecord

PHASES: tuple[str, ...] = get_args(PhaseName)
# Where nodes have secrets, and where the spec asks for locks.
SOME_HAVE = ("Secrets", "Lock")
POLL_S = 0.5
# A new execution is not visible at once, and a record is written by its first state.
APPEARS_WITHIN_POLLS = 60
# The outcome of an aborted execution is stored by a function that an event starts.
CLOSES_WITHIN_POLLS = 120
# So many polls in a row may meet an error that goes away by itself.
FORGIVEN_POLLS = 10


@dataclass(frozen=True)
class Observation:
    """A run at one moment. `record` is missing before its first state wrote one, `execution` after AWS forgot it."""

    record: RunRecord | None
    execution: ExecutionView | None

    @property
    def entered(self) -> tuple[str, ...]:
        """The phases that were begun, in their order. The record knows one too, when the execution is gone."""
        reached = [at for at, phase in enumerate(self.phases) if phase in self._known]
        return self.phases[: reached[-1] + 1] if reached else ()

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases of this run, as far as one can tell: some are entered only where there is something to do."""
        return tuple(phase for phase in PHASES if phase not in SOME_HAVE or phase in self._known)

    @property
    def _known(self) -> set[str]:
        known = set(self.execution.phases if self.execution else ())
        if self.record is not None:
            known.add(self.record.outcome.phase if self.record.outcome else self.record.progress.phase)
        return known

    @property
    def phase(self) -> str:
        """The phase that is at work, "" before the first."""
        return self.entered[-1] if self.entered else ""

    @property
    def progress(self) -> Progress | None:
        """How far that phase is, when it is one that counts."""
        if self.record is None or self.record.progress.phase != self.phase or not self.record.progress.total:
            return None
        return self.record.progress

    @property
    def ended(self) -> bool:
        """The outcome is stored, and the execution is over: the lease is free again and everybody was told."""
        closed = self.record is not None and self.record.outcome is not None
        return closed and not self.at_work

    @property
    def at_work(self) -> bool:
        return self.execution is not None and self.execution.status == "RUNNING"

    @property
    def known(self) -> bool:
        return self.record is not None or self.execution is not None


def observe(services: Services, cluster_id: str, run_id: str) -> Observation:
    """One look. Neither half has to be there."""
    return Observation(
        record=if_known(lambda: services.runs.get(cluster_id, run_id)),
        execution=if_known(lambda: services.executions.view(run_id)),
    )


def if_known[T](question: Callable[[], T]) -> T | None:
    try:
        return question()
    except PermanentError as error:
        if error.code != "run_unknown":
            raise
        return None


def follow(
    services: Services, cluster_id: str, run_id: str, *, sleep: Callable[[float], None], just_started: bool = False
) -> Iterator[Observation]:
    """Observations, the last one of a run that has ended. `sleep` waits that many seconds.

    PermanentError `run_unknown` when there is no such run (with `just_started` it has some time to appear), and
    `run_outcome_missing` when the execution is over and nobody stored how it went.
    """
    return until_ended(
        lambda: observe(services, cluster_id, run_id), cluster_id, run_id, sleep=sleep, just_started=just_started
    )


class Seen(Protocol):
    """A run at one moment, whatever kind of run it is."""

    @property
    def known(self) -> bool:
        """There is something of it: a record, or an execution."""

    @property
    def at_work(self) -> bool: ...

    @property
    def ended(self) -> bool: ...


def until_ended[S: Seen](
    look: Callable[[], S],
    cluster_id: str,
    run_id: str,
    *,
    sleep: Callable[[float], None],
    just_started: bool,
    poll_s: float = POLL_S,
) -> Iterator[S]:
    """What `look` sees, again and again; the errors of `follow`."""
    unseen = unclosed = failed = 0
    while True:
        try:
            seen = look()
        except TransientError:
            failed += 1
            if failed > FORGIVEN_POLLS:
                raise
            sleep(poll_s)
            continue
        failed = 0
        yield seen
        if seen.ended:
            return
        unseen = 0 if seen.known else unseen + 1
        if unseen > (APPEARS_WITHIN_POLLS if just_started else 0):
            raise _unknown(cluster_id, run_id)
        unclosed = 0 if seen.at_work else unclosed + 1
        if unclosed > CLOSES_WITHIN_POLLS:
            raise _outcome_missing(run_id)
        sleep(poll_s)


def _unknown(cluster_id: str, run_id: str) -> PermanentError:
    return PermanentError(
        "run_unknown",
        f"cluster {cluster_id} has no run {run_id}",
        hint=f"holdfast run list {cluster_id} shows its runs",
    )


def _outcome_missing(run_id: str) -> PermanentError:
    return PermanentError(
        "run_outcome_missing",
        f"the execution {run_id} is over and no outcome was stored",
        hint="its history in Step Functions and the logs of the functions say why",
    )
