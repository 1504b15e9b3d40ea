"""How a person goes back: before the point of no return by the undo of each step, after it by exchanging the data."""

from collections.abc import Iterator

from holdfast.models.restore import RestorePlan, RestoreStep
from holdfast.planning.runbook_blocks import blocks, code, undo_blocks_of
from holdfast.planning.runbook_openshift import after_vendors_script, again

# The new data are kept as well: who goes back does not know yet which of both he will want.
_BACK = """keep_dir
if [ -d "$keep/old/member" ]; then
    not_in_use
    mkdir -p "$keep/restored"
    if [ -e "$data_dir/member" ]; then
        [ ! -e "$keep/restored/member" ] || give_up restore_data_in_the_way "$keep/restored has data already"
        move "$data_dir/member" "$keep/restored/member"
    fi
    move "$keep/old/member" "$data_dir/member"
    sync
fi
[ -d "$data_dir/member" ] || give_up restore_nothing_rebuilt "there are no old data on this node"
result "{\\"back\\":true}"
"""
# What an earlier time kept is no part of the next one: it would be in the way, and come back in place of newer data.
_AGAIN = """keep_dir
[ -d "$data_dir/member" ] || give_up restore_data_in_the_way "there are no data in $data_dir: is it over?"
for each in old restored old-files brought; do
    [ ! -e "$keep/$each" ] || move "$keep/$each" "$keep/$each.until-$(date +%Y%m%d%H%M%S)"
done
result "{\\"aside\\":true}"
"""


def before_no_return(plan: RestorePlan) -> Iterator[str]:
    steps = [step for step in _before(plan) if step.undo]
    if not steps:
        return
    last = _first_no_return(plan)
    yield "## Going back"
    yield (
        f"As long as step `{last.name if last else steps[-1].name}` was begun on no node. From the top; leave out "
        "steps that you never began. The cluster is then as it was."
    )
    for step in reversed(steps):
        yield f"### Take back {step.name}"
        yield from undo_blocks_of(step)


def _first_no_return(plan: RestorePlan) -> RestoreStep | None:
    return next((step for step in plan.steps if step.no_return), None)


def _before(plan: RestorePlan) -> list[RestoreStep]:
    last = _first_no_return(plan)
    return list(plan.steps if last is None else plan.steps[: plan.steps.index(last)])


def after_no_return(plan: RestorePlan) -> Iterator[str]:
    last = _first_no_return(plan)
    if last is None:
        return
    if plan.driver == "openshift" and plan.job != "replace-member":
        yield from after_vendors_script(plan, last.name)
        return
    yield f"## After step {last.name}"
    if plan.job == "replace-member":
        yield (
            f"The other members went on without the one on {plan.replaced}, so its old data are of no use to "
            "them: never put them back. Mend what stopped you and go on, or begin again with a new plan: a member that "
            "is off the list, or on it as a learner, harms nobody."
        )
        return
    yield (
        "Mend what stopped you and go on: every block may be run again. Should the new data turn out to be wrong, the "
        "old ones come back like this. All nodes together, never one alone: a member with old data beside one with "
        "new data is damage."
    )
    numbers = {step.name: number for number, step in enumerate(plan.steps, start=1)}
    stop = [f"{numbers[step.name]} ({step.name})" for step in plan.steps_of("Shutdown")]
    yield f"1. Run the steps {', '.join(stop)} again, on all nodes."
    yield "2. Exchange the data, on every node that had some:"
    moved = [command for step in plan.steps if step.script in ("swap", "put_aside") for command in step.commands]
    yield from blocks(moved, _BACK)
    files = next((step for step in plan.steps if step.script == "swap_files"), None)
    if files:
        yield "3. Put the files back that were replaced (as long as the step `tidy` was not run):"
        yield from undo_blocks_of(files)
    start = [
        step for step in plan.steps_of("RestartCluster") if step.script in ("start_pods", "start_unit", "start_api")
    ]
    told = ", ".join(f"{numbers[step.name]} ({step.name})" for step in start)
    yield f"{4 if files else 3}. Start everything again, by the blocks of the steps {told}; then restart the kubelets."


def second_time(plan: RestorePlan) -> Iterator[str]:
    """A page is for one restore; beside a backup it may be followed for another one, and long after it was made."""
    if plan.driver == "openshift":
        yield from again(plan)
        return
    if plan.job != "restore":
        return
    yield "## A second time"
    yield (
        "Only when the cluster was restored since this page was made, by it or in any other way. In all blocks of the "
        "step `rebuild` put another word for the value of `token`, the same one everywhere: members of an earlier time "
        "must never be taken for new ones. Where `bump` has a value there, put what this prints for it, the same "
        "number everywhere (`bumped` must be that then), so that no revision is given twice:"
    )
    yield code("(\necho $(($(date +%s) * 10000))\n)")
    yield "Then give what an earlier time kept other names, on every node that has data:"
    swapped = [command for step in plan.steps if step.script in ("swap", "put_aside") for command in step.commands]
    yield from blocks(swapped, _AGAIN)
