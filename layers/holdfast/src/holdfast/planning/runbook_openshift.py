"""What a runbook says otherwise where the vendor's own scripts restore: how to go on, and how to follow it again."""

from collections.abc import Iterator

from holdfast.models.restore import NodeCommand, RestorePlan
from holdfast.planning.runbook_blocks import blocks

# Notes of what is done, and old data, are kept under the run's name: the next time has to find none.
_AGAIN = """[ ! -e "$keep" ] || move "$keep" "$keep.until-$(date +%Y%m%d%H%M%S)"
rm -rf "$stage" "$stage.part"
result "{\\"aside\\":true}"
"""


def sessions(plan: RestorePlan) -> Iterator[str]:
    """Not where nothing of the API stops."""
    if plan.job in ("restore", "restore-quorum"):
        yield (
            "Open an SSH session to every host before you begin, and keep it: when the API servers stop, `oc debug` "
            "and new logins are gone. Never follow this page in a debug pod."
        )


def after_vendors_script(plan: RestorePlan, step: str) -> Iterator[str]:
    """From `step` on."""
    keep = _keep(plan)
    yield f"## After step {step}"
    yield (
        "Mend what stopped you and go on: every block may be run again; what the script replaced is moved below "
        f"`{keep}` before it runs another time. The vendor knows no way back from here. Nothing old is gone: on the "
        f"host of this step it is in `/var/lib/etcd-backup/member`, or below `{keep}`; on the others in their own "
        f"`/var/lib/etcd`, or in `{keep}/etcd`. One host's old data beside another's new ones is damage: never put "
        "them back on one alone."
    )


def again(plan: RestorePlan) -> Iterator[str]:
    if plan.job != "restore":
        return
    yield "## A second time"
    yield (
        "Only when the cluster was restored since this page was made, by it or in any other way: on every host, what "
        "an earlier time noted and kept gets another name first. It is no part of the next one."
    )
    nodes = dict.fromkeys(command.node for step in plan.steps for command in step.commands)
    stage = next((step.commands[0].values["stage"] for step in plan.steps if step.name == "fetch"), "")
    values = {"keep": _keep(plan), "stage": stage}
    yield from blocks((NodeCommand(node=node, values=values) for node in nodes), _AGAIN)


def _keep(plan: RestorePlan) -> str:
    return next(
        (command.values["keep"] for step in plan.steps for command in step.commands if "keep" in command.values), ""
    )
