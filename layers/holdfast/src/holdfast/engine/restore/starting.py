"""Starting a run by hand, going on with one, and taking one back. The state machine does the work."""

from collections.abc import Callable

from holdfast.engine.restore.again import refuse_past_no_return
from holdfast.engine.restore.approving import decline
from holdfast.engine.restore.ending import stop_untold
from holdfast.engine.restore.ownership import at_work
from holdfast.engine.restore.stored import find_plan, name_of, run_of
from holdfast.engine.services import Services
from holdfast.engine.watching import if_known
from holdfast.errors import PermanentError
from holdfast.executions.base import ExecutionView
from holdfast.models.restore import ChangeRequest
from holdfast.models.run import RunRecord, StartedRun
from holdfast.models.words import plain
from holdfast.planning.naming import backup_id, run_id

# The end of a stopped execution is told by a function that an event starts. When it is not told within that time, the
# event was lost or its function failed.
_POLLS, _POLL_S = 60, 1.0
# Names of executions have 80 characters, and a run's name may have all of them: the console names runs as it likes.
_LONGEST_NAME = 80


def start_change(services: Services, request: ChangeRequest, seed: str) -> StartedRun:
    """A new run in the caller's name; `seed` tells two starts within one second apart. PermanentError
    `cluster_unknown`, and the errors of asking who calls."""
    spec = services.clusters.get(request.cluster)
    request = request.model_copy(update={"requested_by": plain(services.identity.caller())})
    name = run_id(spec.id, backup_id(services.clock(), "manual", seed))
    return StartedRun(run_id=name, new=services.changes.start(name, _input(request)))


def resume_change(services: Services, cluster_id: str, run: str, *, sleep: Callable[[float], None]) -> StartedRun:
    """Go on with a run that has ended unfinished. What speaks against it is told by its execution (Started)."""
    record = services.runs.get(cluster_id, run)
    if record.outcome is None and not _runs(_execution(services, record)):
        _until_told(services, record, sleep)
    return _again(services, ChangeRequest(cluster=cluster_id, resume=run), run)


def abort_change(
    services: Services, cluster_id: str, run: str, *, aborted_by: str, sleep: Callable[[float], None]
) -> StartedRun | None:
    """Stop a run if it is at work, and take back what it did. None for one that waited for its approval, or that had
    no plan yet: it ends by itself, and has changed nothing.

    RefusedError `past_no_return`, and the run goes on as it was. `nothing_to_resume` for one that has succeeded.
    """
    record = services.runs.get(cluster_id, run)
    if record.question is not None and _declined(services, record, aborted_by):
        return None
    refuse_past_no_return(services, record)
    if record.outcome is None:
        if _runs(_execution(services, record)):
            services.changes.stop(name_of(record), f"{aborted_by} aborted it")
        _until_told(services, record, sleep)
        if find_plan(services, run_of(record)) is None:
            return None
    return _again(services, ChangeRequest(cluster=cluster_id, abort=run), run)


def _declined(services: Services, record: RunRecord, by: str) -> bool:
    """False when nobody waits for the answer any more, although the record says so: it was approved just now."""
    try:
        decline(services, record.cluster_id, record.run_id, declined_by=by)
    except PermanentError as error:
        if error.code != "question_closed":
            raise
        return False
    return True


def _again(services: Services, request: ChangeRequest, run: str) -> StartedRun:
    for number in range(2, 1000):
        suffix = f"-{number}"
        name = f"{run[: _LONGEST_NAME - len(suffix)]}{suffix}"
        if services.changes.start(name, _input(request)):
            return StartedRun(run_id=run, new=True, execution=name)
    raise PermanentError("executions_refused", f"{run} has had a thousand executions", hint="Start another run.")


def _input(request: ChangeRequest) -> str:
    return request.model_dump_json(exclude_defaults=True)


def _execution(services: Services, record: RunRecord) -> ExecutionView | None:
    return if_known(lambda: services.changes.view(name_of(record)))


def _runs(view: ExecutionView | None) -> bool:
    return view is not None and view.status == "RUNNING"


def _until_told(services: Services, record: RunRecord, sleep: Callable[[float], None]) -> None:
    """The end of an execution that was stopped; when nobody tells it, it is told from here."""
    for _ in range(_POLLS):
        if services.runs.get(record.cluster_id, record.run_id).outcome is not None:
            return
        sleep(_POLL_S)
    view = _execution(services, record)
    if _runs(view):
        raise at_work(record)
    stop_untold(services, run_of(record), view)
