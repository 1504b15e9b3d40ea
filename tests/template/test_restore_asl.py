"""The state machines of a restore have no mistake that a linter leaves, and their times fit the code's."""

from typing import Any, get_args

import pytest

from holdfast.engine.restore.approving import ASKED_FOR
from holdfast.engine.restore.stored import LEASE
from holdfast.handler import known_error
from holdfast.models.restore import CHANGE_PHASES, ChangePhase, Decided, EndedState, PhaseWork
from holdfast.planning.waiting import LONGEST_S, next_wait
from template.asl import problems
from template.stack import functions, machine
from template.test_asl import ALSO_AFTER_A_KILL, SERVICE_ERRORS

RESTORE, PHASE = machine("restore"), machine("phase")
STATES: dict[str, Any] = RESTORE["States"]
SHAPES = {"Entered", "NotStarted", "Undecided", "Aborted"}
LOOP = {"StartedDone", "StartedWaits", "GoesBack"}
NAMES = frozenset({"Started", "Approval", *get_args(ChangePhase), "Report", "Failed", "Ended", *SHAPES, *LOOP})
# Of one execution (Step Functions developer guide, "Quotas").
EVENTS = 25_000
# A turn: Task entered, scheduled, started, succeeded and exited, Choice entered and exited, Wait entered and exited.
OF_A_TURN = 9
# A retry of the task: failed, scheduled, started.
OF_A_RETRY = 3


def turns(seconds: float) -> int:
    """How often work of one kind is looked at that takes so long."""
    count, passed = 0, 0.0
    while passed < seconds:
        passed += next_wait(passed)
        count += 1
    return count


def test_the_restore_has_no_problem() -> None:
    """Ended has no Catch: its error is the execution's own, and a redrive from the console enters there again."""
    assert problems(RESTORE, names=NAMES, uncaught=frozenset({"Ended"})) == []


def test_the_phase_has_no_problem() -> None:
    fails = {"Broken", "FailsInWords", "FailsByName"}
    assert problems(PHASE, names=frozenset({"Entered", "Work", "Done", "Waits", "Over", *fails})) == []


def test_a_phase_that_broke_without_a_cause_fails_by_the_name_of_its_error() -> None:
    """A path that leads nowhere would fail it with States.Runtime instead, and the error would be lost."""
    states = PHASE["States"]
    (told,) = states["Broken"]["Choices"]
    with_cause = states[told["Next"]]
    assert (told["Variable"], told["IsPresent"]) == (with_cause["CausePath"], True)
    assert "CausePath" not in states[states["Broken"]["Default"]]
    assert {states[name]["ErrorPath"] for name in (told["Next"], states["Broken"]["Default"])} == {"$.error.Error"}


def test_a_restore_goes_through_the_phases_in_their_order() -> None:
    passed, name = [], STATES["StartedDone"]["Default"]
    while name:
        passed.append(name)
        name = STATES[name].get("Next")
    assert passed == ["Approval", *CHANGE_PHASES, "Report"]


@pytest.mark.parametrize("phase", get_args(ChangePhase))
def test_a_phase_is_a_nested_execution_of_the_phase_machine(phase: str) -> None:
    state = STATES[phase]
    assert state["Resource"] == "arn:aws:states:::states:startExecution.sync:2"
    assert state["Parameters"]["StateMachineArn"] == "${PhaseStateMachine}"
    given = state["Parameters"]["Input"]
    assert given["phase"] == phase
    # The console links the two executions by this name (Step Functions developer guide).
    assert given["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$"] == "$$.Execution.Id"
    entered = {name.removesuffix(".$") for name in PHASE["States"]["Entered"]["Parameters"]}
    needed = {name for name, each in PhaseWork.model_fields.items() if each.is_required()}
    assert needed | {"approval", "pending"} == entered <= set(PhaseWork.model_fields)
    assert {name.removesuffix(".$") for name in given} >= entered - {"pending"}


def test_a_phase_leaves_the_state_as_it_is_so_that_the_next_one_finds_it() -> None:
    assert {STATES[phase]["ResultPath"] for phase in get_args(ChangePhase)} == {None}


def test_every_error_ends_in_failed_and_every_failure_in_ended() -> None:
    for name in ("Approval", *CHANGE_PHASES, "Report"):
        (caught,) = STATES[name]["Catch"]
        assert (caught["Next"], caught["ResultPath"]) == ("Failed", "$.error"), name
    assert (STATES["Started"]["Catch"][0]["Next"], STATES["NotStarted"]["Next"]) == ("NotStarted", "Failed")
    assert STATES["Failed"]["Catch"][0]["Next"] == "Undecided"
    assert (STATES["GoesBack"]["Choices"][0]["Next"], STATES["GoesBack"]["Default"]) == ("Rollback", "Ended")
    assert {STATES["Undecided"]["Next"], STATES["Rollback"]["Next"], STATES["Rollback"]["Catch"][0]["Next"]} == {
        "Ended"
    }


def test_what_went_wrong_first_is_told_even_when_something_else_goes_wrong_after_it() -> None:
    paths = {name: STATES[name]["Catch"][0]["ResultPath"] for name in ("Failed", "Rollback")}
    assert paths == {"Failed": "$.failed_too", "Rollback": "$.rollback"}


@pytest.mark.parametrize("name", ["Undecided", "Aborted"])
def test_what_a_state_makes_up_is_what_ended_takes(name: str) -> None:
    given = dict(STATES[name]["Parameters"])
    assert given.pop("execution.$") == "$$.Execution"
    made = Decided.model_validate(given)
    assert made.told.goes_back is (name == "Aborted")
    assert EndedState(decided=made).run is None


def test_ended_knows_the_redrives_of_what_a_state_made_up() -> None:
    """A constant would let an execution that was redriven once go on for ever."""
    told = STATES["Undecided"]["Parameters"]["told"]
    redriven = {"Name": "r", "StartTime": "2026-11-20T16:00:05.512Z", "RedriveCount": 1}
    assert Decided.model_validate({"told": told, "execution": redriven}).redrives == 1


def test_what_is_missing_before_a_run_is_there_is_made_up_for_failed_and_for_a_rollback() -> None:
    assert set(STATES["NotStarted"]["Parameters"]) == {"run", "error.$", "approval"}


def test_nobody_is_asked_again_who_has_approved_and_an_aborted_run_is_taken_back() -> None:
    waits, aborted, approved = STATES["StartedDone"]["Choices"]
    assert (waits["Not"], waits["Next"]) == ({"Variable": "$.look", "IsNull": True}, "StartedWaits")
    assert (aborted["Variable"], aborted["Next"]) == ("$.abort", "Aborted")
    assert (approved["Variable"], approved["Next"]) == ("$.approved", "Shutdown")


def test_an_execution_that_is_redriven_from_ended_goes_on_as_after_started() -> None:
    assert STATES["Ended"]["Next"] == STATES["Started"]["Next"] == "StartedDone"


def test_an_input_of_any_shape_is_replaced_before_a_state_sees_it() -> None:
    assert (RESTORE["StartAt"], STATES["Entered"]["Result"]) == ("Entered", {"look": None})
    assert STATES["Started"]["Parameters"]["Payload"] == {"execution.$": "$$.Execution", "look.$": "$.look"}


def test_a_person_has_as_long_as_the_question_says() -> None:
    assert STATES["Approval"]["Resource"].endswith(":invoke.waitForTaskToken")
    assert ASKED_FOR.total_seconds() == STATES["Approval"]["TimeoutSeconds"]
    retried = {error for rule in STATES["Approval"]["Retry"] for error in rule["ErrorEquals"]}
    assert "States.Timeout" not in retried


@pytest.mark.parametrize("name", ["restore", "phase"])
def test_only_transient_errors_and_kills_are_tried_again(name: str) -> None:
    """Every step is exactly-once on its node, so that a function may be called again whatever became of the last."""
    family = type(known_error(RuntimeError())).__name__
    for state in machine(name)["States"].values():
        retried = {error for rule in state.get("Retry", ()) for error in rule["ErrorEquals"]}
        assert not retried & {family, "States.ALL", "States.TaskFailed"}
        if ":lambda:" in state.get("Resource", ""):
            others = {error for error in retried if not SERVICE_ERRORS.fullmatch(error)} - {"TransientError"}
            assert others <= ALSO_AFTER_A_KILL


def test_a_nested_execution_is_tried_again_only_when_it_was_not_started() -> None:
    for phase in get_args(ChangePhase):
        (rule,) = STATES[phase]["Retry"]
        assert set(rule["ErrorEquals"]) == {
            "StepFunctions.ExecutionLimitExceededException",
            "StepFunctions.SdkClientException",
        }


def test_the_history_of_the_longest_phase_stays_far_below_its_limit() -> None:
    """One step that takes all six hours is looked at 370 times, which makes 3,330 events. Each step begins with short
    waits again: 40 steps of nine minutes are 760 turns and 6,840 events, 9,120 with a retry in every turn."""
    limit = PHASE["TimeoutSeconds"]
    assert turns(limit) * OF_A_TURN == 370 * 9 == 3_330
    many = 40 * turns(limit / 40)
    assert (many * OF_A_TURN, many * (OF_A_TURN + OF_A_RETRY)) == (6_840, 9_120)
    assert many * (OF_A_TURN + OF_A_RETRY) < EVENTS / 2


def test_a_step_that_says_what_it_does_all_the_time_is_not_looked_at_too_often() -> None:
    passed = looks = 0
    while passed < PHASE["TimeoutSeconds"]:
        passed += next_wait(passed, speaks=True)
        looks += 1
    assert looks * OF_A_TURN == 729 * 9 == 6_561
    assert looks * (OF_A_TURN + OF_A_RETRY) < EVENTS / 2


def test_the_history_of_the_restore_itself_stays_far_below_its_limit() -> None:
    """Started waits for the nodes, for their facts and for the emergency backup, two hours each at the most; what
    follows are 10 states with at most 6 events each and 3 for each retry."""
    looks = 3 * turns(2 * 3600) * OF_A_TURN
    retries = sum(rule.get("MaxAttempts", 3) for state in STATES.values() for rule in state.get("Retry", ()))
    assert looks + len(STATES) * 6 + retries * OF_A_RETRY < EVENTS / 4


def test_the_lease_outlives_the_longest_time_between_two_looks() -> None:
    """Every look takes it anew (stored.py: enter); a retry of one that was killed comes after its whole timeout."""
    work = PHASE["States"]["Work"]
    pause = max(rule["MaxDelaySeconds"] for rule in work["Retry"])
    assert LONGEST_S + work["TimeoutSeconds"] + pause < LEASE.total_seconds() / 2


def test_the_machine_has_time_for_the_person_for_every_phase_and_for_the_way_back() -> None:
    needed = sum(state.get("TimeoutSeconds", 0) for state in STATES.values())
    assert needed < RESTORE["TimeoutSeconds"]


def test_a_phase_ends_before_the_state_that_waits_for_it() -> None:
    assert {STATES[phase]["TimeoutSeconds"] > PHASE["TimeoutSeconds"] for phase in get_args(ChangePhase)} == {True}


def test_a_function_ends_before_its_task_gives_up() -> None:
    by_id = {function.logical_id: function for function in functions().values()}
    for name, state in {**STATES, **PHASE["States"]}.items():
        if ":lambda:" in state.get("Resource", ""):
            function = by_id[state["Parameters"]["FunctionName"].strip("${}")]
            assert function.timeout < state["TimeoutSeconds"], name
            assert function.name == f"restore_{'phase' if name == 'Work' else name.lower()}"
