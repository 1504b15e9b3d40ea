"""The question is a live run's, and the answer is for the plan as it is read."""

import pytest

from builders.changes import RUN, begin, end, restore_plan, wait_for_approval
from builders.runs import NOON
from builders.services import MemoryServices, services_with
from holdfast.engine.restore.approving import accept, ask
from holdfast.engine.restore.stored import APPROVAL, find_approval, run_of
from holdfast.errors import RefusedError
from holdfast.models.approval import Approval
from holdfast.models.restore import ChangeRun
from holdfast.planning.naming import run_key

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
    services.bucket.put(run_key(CLUSTER, RUN, APPROVAL), old.model_dump_json().encode())
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
