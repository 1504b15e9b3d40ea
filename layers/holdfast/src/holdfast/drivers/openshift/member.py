"""What the replacement of a member does on OpenShift, in order: tables of contents, one for each way back.

All but what is done to the data of a member that crashes runs on another control-plane host, which asks the API and its
own member. The first step with `no_return` is `remove-member`: what comes before it is taken back.
"""

from collections.abc import Iterable

from holdfast.drivers.openshift import member_steps as steps
from holdfast.drivers.openshift import shared_steps as shared
from holdfast.drivers.openshift.member_values import MemberTask
from holdfast.models.restore import RestoreStep

Found = Iterable[RestoreStep | None]


def replace_steps(task: MemberTask) -> tuple[RestoreStep, ...]:
    found = (*_prepared(task), *_removed(task), *_back(task), *_settled(task))
    return tuple(step for step in found if step is not None)


def _prepared(task: MemberTask) -> Found:
    """Before anything is gone. A member that crashes would go on crashing on what is put aside."""
    yield steps.still_lost(task)
    if task.way == "machine":
        yield steps.save_machine(task)
    if task.host:
        yield shared.stop_pods(task.run_id, [task.host], ("etcd",), name="stop-etcd")
        yield shared.put_data_aside(task.run_id, [task.host])


def _removed(task: MemberTask) -> Found:
    """As soon as the guard is off, the operator rolls out what it had to put off, and etcd restarts on one host after
    the other: the list is changed before that, while all is still."""
    yield steps.remove_member(task)
    if task.guarded:
        yield shared.guard_off(task.helper, task.run_id, phase="Restore" if task.member_id else "Shutdown")
    yield steps.delete_secrets(task)
    if task.way in ("machine", "machine-set"):
        yield steps.delete_machine(task)


def _back(task: MemberTask) -> Found:
    """A new machine, or the host itself; the operator brings the member."""
    if task.way == "machine":
        yield steps.create_machine(task)
    if task.way == "machine-set" or task.lacks_machine:
        yield steps.await_machine(task)
    elif task.way == "by-hand":
        yield steps.await_host(task)
    yield steps.rejoin(task)


def _settled(task: MemberTask) -> Found:
    yield steps.members_settled(task)
    if task.guarded:
        yield shared.guard_on(task.helper, task.run_id, phase="Finished")
    if task.host:
        yield shared.tidy(task.run_id, [task.host])
    yield shared.report()
