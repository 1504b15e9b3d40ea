"""A quorum guard that a run turned off and did not turn on again: whoever hears of the run's end has to know."""

from holdfast.engine.restore.journal import Journal
from holdfast.models.restore import RestorePlan

_OFF, _ON = "openshift/guard_off", "openshift/guard_on"
_PATCH = '{"spec":{"unsupportedConfigOverrides":{"useUnsupportedUnsafeNonHANonProductionUnstableEtcd":null}}}'


def guard_left_off(plan: RestorePlan, journal: Journal) -> tuple[str, ...]:
    """In words. A step that began may have turned it off, whatever became of it. Nothing fails while it is off: the
    quorum is lost in the next ordinary rollout, long after the run."""
    off = [(step, command.node) for step in plan.steps if step.script == _OFF for command in step.commands]
    on = [(step, command.node) for step in plan.steps if step.script == _ON for command in step.commands]
    is_off = any(journal.was_started(*each) and not journal.is_undone(*each) for each in off)
    if not is_off or (on and all(journal.is_done(*each) for each in on)):
        return ()
    text = "the quorum guard of etcd's operator is off, and a rollout may lose the quorum; a resumed run turns it on"
    return (f"{text}. Where none is: oc patch etcd/cluster --type=merge -p '{_PATCH}'",)
