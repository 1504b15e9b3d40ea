"""Which execution is at work for a run: the one that its record names, and no other."""

from holdfast.engine.restore.stored import name_of, record_of
from holdfast.engine.services import Services
from holdfast.engine.watching import if_known
from holdfast.errors import RefusedError
from holdfast.models.restore import ChangeRun
from holdfast.models.run import RunRecord


def find_record(services: Services, cluster_id: str, run_id: str) -> RunRecord | None:
    return if_known(lambda: services.runs.get(cluster_id, run_id))


def other_execution(services: Services, run: ChangeRun) -> str:
    """The one that goes on with the run instead of `run.execution`; "" when none does."""
    record = find_record(services, run.cluster_id, run.run_id)
    return name_of(record) if record and name_of(record) != run.execution else ""


def refuse_lost(services: Services, run: ChangeRun) -> None:
    """How every look begins, and every script of one: the run has not ended, and no other execution goes on with it.

    RefusedError `lease_lost` for a look that outlived its execution, as a phase may whose parent was stopped: what was
    told and given back stays so, and nobody works beside the execution that goes on with the run or takes it back.
    """
    record = services.runs.get(run.cluster_id, run.run_id)
    if record.outcome is not None:
        raise RefusedError(
            "lease_lost",
            f"the run {run.run_id} has ended ({record.status}); nothing more is done for it",
            hint=f"holdfast restore resume {run.run_id} goes on with it.",
        )
    if name_of(record) != run.execution:
        raise _overtaken(run, name_of(record))


def refuse_overtaken(services: Services, run: ChangeRun) -> None:
    """RefusedError `lease_lost` when another execution goes on with the run."""
    other = other_execution(services, run)
    if other:
        raise _overtaken(run, other)


def is_over(services: Services, run: ChangeRun) -> bool:
    """Whether there is nothing left to do for `run.execution`: the run has ended, or is another one's."""
    record = find_record(services, run.cluster_id, run.run_id)
    return record is not None and (record.outcome is not None or name_of(record) != run.execution)


def take_over(services: Services, record: RunRecord, run: ChangeRun) -> None:
    """From now on `run.execution` is at work for the run. `record` is what was read of it. RefusedError `run_at_work`
    when another execution was first."""
    again = record_of(run).model_copy(update={"progress": record.progress, "bound": record.bound})
    if not services.runs.reopen(again, was=record):
        now = services.runs.get(run.cluster_id, run.run_id)
        # A write whose answer was lost is repeated, and finds itself.
        if now.outcome is not None or name_of(now) != run.execution:
            raise at_work(now)


def at_work(record: RunRecord) -> RefusedError:
    return RefusedError(
        "run_at_work",
        f"{name_of(record)} {'went on with' if record.outcome else 'is at work for'} the run {record.run_id}",
        hint=f"holdfast restore status {record.run_id}",
    )


def _overtaken(run: ChangeRun, by: str) -> RefusedError:
    return RefusedError(
        "lease_lost",
        f"{by} goes on with the run {run.run_id}; {run.execution} does nothing more for it",
        hint=f"holdfast restore status {run.run_id}",
    )
