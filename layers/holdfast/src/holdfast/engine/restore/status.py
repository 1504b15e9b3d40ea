"""What is known of a run, for whoever looks on."""

from holdfast.engine.restore.journal import Journal
from holdfast.engine.restore.stored import find_approval, find_plan, run_of
from holdfast.engine.services import Services
from holdfast.models.approval import Approval
from holdfast.models.base import Model
from holdfast.models.restore import RestorePlan, StepRecord
from holdfast.models.run import RunRecord


class ChangeStatus(Model):
    """`plan` is None before Started has made one. The record's question has the task token: never show it."""

    record: RunRecord
    plan: RestorePlan | None = None
    approval: Approval | None = None
    records: tuple[StepRecord, ...] = ()


def change_status(services: Services, cluster_id: str, run_id: str) -> ChangeStatus:
    """PermanentError `run_unknown`, `not_a_change`."""
    record = services.runs.get(cluster_id, run_id)
    run = run_of(record)
    return ChangeStatus(
        record=record,
        plan=find_plan(services, run),
        approval=find_approval(services, run),
        records=Journal(services, run).records(),
    )
