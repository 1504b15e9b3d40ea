"""Starting a run by hand, going on with one, and taking one back. The state machine does the work."""

from collections.abc import Callable

from holdfast.engine.restore.approving import decline
from holdfast.engine.services import Services
from holdfast.errors import PermanentError
from holdfast.models.restore import ChangeRequest
from holdfast.models.run import RunRecord, StartedRun
from holdfast.planning.naming import backup_id, run_id

# The end of a stopped execution is told by a function that an event starts.
_POLLS, _POLL_S = 60, 1.0
# Names of executions have 80 characters, and a run's name may have all of them: the console names runs as it likes.
_LONGEST_NAME = 80


def start_change(services: Services, request: ChangeRequest, seed: str) -> StartedRun:
    """A new run; `seed` tells two starts within one second apart. PermanentError `cluster_unknown`."""
    spec = services.clusters.get(request.cluster)
    name = run_id(spec.id, backup_id(services.clock(), "manual", seed))
    return StartedRun(run_id=name, new=services.changes.start(name, _input(request)))


def resume_change(services: Services, cluster_id: str, run: str) -> StartedRun:
    """Go on with a run that has ended unfinished. What speaks against it is told by its execution (Started)."""
    return _again(services, ChangeRequest(cluster=cluster_id, resume=run), run)


def abort_change(
    services: Services, cluster_id: str, run: str, *, aborted_by: str, sleep: Callable[[float], None]
) -> StartedRun | None:
    """Stop a run if it is at work, and take back what it did. None for one that still waits for its approval: it
    ends by itself, and has changed nothing."""
    record = services.runs.get(cluster_id, run)
    if record.question is not None:
        decline(services, cluster_id, run, declined_by=aborted_by)
        return None
    if record.outcome is None:
        services.changes.stop(record.execution or run, f"{aborted_by} aborted it")
        _wait_for_the_end(services, record, sleep)
    return _again(services, ChangeRequest(cluster=cluster_id, abort=run), run)


def _again(services: Services, request: ChangeRequest, run: str) -> StartedRun:
    services.runs.get(request.cluster, run)
    for number in range(2, 1000):
        suffix = f"-{number}"
        name = f"{run[: _LONGEST_NAME - len(suffix)]}{suffix}"
        if services.changes.start(name, _input(request)):
            return StartedRun(run_id=run, new=True, execution=name)
    raise PermanentError("executions_refused", f"{run} has had a thousand executions", hint="Start another run.")


def _input(request: ChangeRequest) -> str:
    return request.model_dump_json(exclude_defaults=True)


def _wait_for_the_end(services: Services, record: RunRecord, sleep: Callable[[float], None]) -> None:
    for _ in range(_POLLS):
        if services.runs.get(record.cluster_id, record.run_id).outcome is not None:
            return
        sleep(_POLL_S)
    raise PermanentError(
        "run_at_work",
        f"the run {record.run_id} was stopped, and its end was not told within {_POLLS * _POLL_S:g} s",
        hint=f"holdfast restore status {record.run_id}, then abort it again",
    )
