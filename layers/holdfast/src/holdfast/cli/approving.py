"""`holdfast restore approve`: the plan is shown, the cluster's id is typed, the caller's name goes with the answer."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from holdfast.cli.context import Session
from holdfast.cli.plan_view import plan_view, what_of
from holdfast.cli.render import console, say
from holdfast.errors import InvalidInputError, PermanentError

if TYPE_CHECKING:
    from holdfast.models.approval import Approval
    from holdfast.models.restore import RestorePlan


def ask_and_approve(session: Session, cluster: str, run: str, typed: str | None) -> "tuple[RestorePlan, Approval]":
    """InvalidInputError `approval_unattended` where nobody can type; the errors of engine/restore/approving.py."""
    from holdfast.engine.restore.approving import approve
    from holdfast.engine.restore.status import change_status

    services = session.services
    found = change_status(services, cluster, run)
    plan = found.plan
    if found.record.question is None or plan is None:
        raise PermanentError(
            "nothing_to_approve",
            f"the run {run} waits for no approval: it is {found.record.status}, in {found.record.progress.phase}",
            hint=f"holdfast restore status {run}",
        )
    caller = services.identity.caller()
    if not session.as_json:
        screen = console()
        for part in plan_view(plan):
            say(screen, part)
        say(screen, "")
    if typed is None:
        typed = _typed(session, plan, caller)
    return plan, approve(services, cluster, run, approved_by=caller, typed=typed, digest=plan.digest)


def _typed(session: Session, plan: "RestorePlan", caller: str) -> str:
    if session.as_json or not session.attended():
        raise InvalidInputError(
            "approval_unattended",
            "nobody can be asked here: there is no terminal, or the output is JSON",
            hint="pass --cluster-id with the id of the cluster that is to be changed",
        )
    say(console(stderr=True), f"This will {what_of(plan)}, in the name of {caller}.")
    return session.ask("Type the cluster's id to let it begin").strip()


def next_lines(plan: "RestorePlan") -> Iterator[str]:
    """What comes next, for whoever has just approved."""
    first = plan.steps[0]
    yield f"next: {first.phase}, {first.name} on {', '.join(each.node for each in first.commands) or 'no node'}"
    yield f"follow it: holdfast run watch {plan.run_id}, or holdfast restore status {plan.run_id}"
    turn = next((step.name for step in plan.steps if step.no_return), None)
    if turn:
        yield f"until {turn} begins, holdfast restore abort {plan.run_id} takes everything back"
        yield f"when it fails after that, holdfast restore resume {plan.run_id} goes on"
