"""The question is a live run's, and the answer is for the plan as it is read."""

import pytest

from builders.changes import RUN, begin, end, restore_plan, wait_for_approval
from builders.runs import NOON
from builders.services import MemoryServices, services_with
from holdfast.engine.restore.approving import accept, approve, ask
from holdfast.engine.restore.stored import APPROVAL, find_approval, put_bound, run_of
from holdfast.errors import RefusedError
from holdfast.models.approval import Approval
from holdfast.models.restore import ChangeRun, RestorePlan

CLUSTER = "prod-1"


def begun() -> tuple[MemoryServices, ChangeRun]:
    services = services_with()
    begin(services)
    return services, run_of(services.runs.get(CLUSTER, RUN))


def answer(digest: str, by: str = "ops") -> Approval:
    return Approval(cluster=CLUSTER, digest=digest, approved_by=by, approved_at=NOON)


def test_a_run_that_has_ended_asks_nobody() -> None:
    """An execution that was stopped while it waited and is redriven enters Approval again."""
    services, run = begun()
    wait_for_approval(services)
    end(services, code="run_aborted", phase="Approval")
    services.notifier.outcomes.clear()
    with pytest.raises(RefusedError, match="lease_lost"):
        ask(services, run, "another-token")
    assert services.runs.get(CLUSTER, RUN).question is None
    assert services.notifier.outcomes == []


def test_an_execution_that_lost_its_run_asks_nobody() -> None:
    services, run = begun()
    with pytest.raises(RefusedError, match="lease_lost"):
        ask(services, run.model_copy(update={"execution": f"{RUN}-2"}), "another-token")
    assert services.runs.get(CLUSTER, RUN).question is None


def stored_before(services: MemoryServices) -> Approval:
    """The approval of the same plan, whose digest another Holdfast made."""
    old = answer("0" * 64, "somebody")
    put_bound(services, run_of(services.runs.get(CLUSTER, RUN)), APPROVAL, old.model_dump_json().encode())
    return old


def test_an_answer_for_the_plan_takes_the_place_of_one_that_fits_no_more() -> None:
    services, run = begun()
    stored_before(services)
    fresh = answer(restore_plan().digest)
    accept(services, run, restore_plan(), fresh)
    assert find_approval(services, run) == fresh
    accept(services, run, restore_plan(), None)


@pytest.mark.parametrize("given", [None, answer("1" * 64)])
def test_where_no_answer_fits_nothing_begins(given: Approval | None) -> None:
    services, run = begun()
    old = stored_before(services)
    with pytest.raises(RefusedError, match="approval_of_other_plan"):
        accept(services, run, restore_plan(), given)
    assert find_approval(services, run) == old


def test_an_answer_that_fits_is_not_replaced_by_a_later_one() -> None:
    services, run = begun()
    first = answer(restore_plan().digest, "the first")
    accept(services, run, restore_plan(), first)
    accept(services, run, restore_plan(), answer(restore_plan().digest, "the second"))
    assert find_approval(services, run) == first


OPS, OTHER = "arn:aws:iam::123456789012:user/ops", "arn:aws:iam::123456789012:user/other"


def asked(by: str, *, four_eyes: bool = True) -> tuple[MemoryServices, ChangeRun, RestorePlan]:
    services = services_with()
    services.four_eyes = four_eyes
    plan = begin(services, plan=restore_plan(requested_by=by))
    wait_for_approval(services)
    return services, run_of(services.runs.get(CLUSTER, RUN)), plan


@pytest.mark.parametrize(("by", "code"), [(OPS, "approval_own_request"), ("", "approval_requester_unknown")])
def test_with_four_eyes_nobody_approves_his_own_run_and_nobody_one_of_an_unknown(by: str, code: str) -> None:
    services, _, plan = asked(by)
    with pytest.raises(RefusedError, match=code):
        approve(services, CLUSTER, RUN, approved_by=OPS, typed=CLUSTER, digest=plan.digest)
    assert services.runs.get(CLUSTER, RUN).question is not None, "the run waits on"


@pytest.mark.parametrize(("four_eyes", "by"), [(True, OTHER), (False, OPS), (False, "")])
def test_another_person_approves_and_without_four_eyes_anybody(by: str, *, four_eyes: bool) -> None:
    services, _, plan = asked(by, four_eyes=four_eyes)
    assert approve(services, CLUSTER, RUN, approved_by=OPS, typed=CLUSTER, digest=plan.digest).approved_by == OPS


def test_with_four_eyes_an_answer_that_another_program_sent_is_held_to_the_same() -> None:
    services, run, plan = asked(OPS)
    with pytest.raises(RefusedError, match="approval_own_request"):
        accept(services, run, plan, answer(plan.digest, OPS))
    assert find_approval(services, run) is None
    accept(services, run, plan, answer(plan.digest, OTHER))


def test_who_asked_is_part_of_what_is_approved() -> None:
    assert restore_plan(requested_by=OPS).digest != restore_plan(requested_by=OTHER).digest
