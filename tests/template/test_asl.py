"""The checker finds seeded mistakes, and the state machine of a backup has none."""

import copy
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest

from holdfast.models.run import PhaseName
from holdfast.planning.backup_plan import LEASE
from holdfast.planning.waiting import next_wait
from template.asl import problems
from template.stack import ROOT, declared_machines, functions, machine

type Machine = dict[str, Any]

# The phases are what an operator sees. Failed and Ended close a run that went wrong; NotStarted shapes its error.
# A phase that may have to wait is followed by the question whether it is done, and by the wait.
WAITING = ("Started", "Snapshot", "Secrets")
LOOPS = {f"{phase}{suffix}" for phase in WAITING for suffix in ("Done", "Waits")} | {"VerifyDone"}
NAMES = frozenset({"Entered", *get_args(PhaseName), *LOOPS, "Failed", "NotStarted", "Ended", "Unchanged"})
SERVICE_ERRORS = re.compile(r"Lambda\.\w+Exception")
ALSO_AFTER_A_KILL = {"Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout", "States.Timeout"}


def task(**changes: Any) -> dict[str, Any]:
    fields = {
        "Type": "Task",
        "Comment": "does something",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "${F}", "Payload": {"run.$": "$.run"}},
        "TimeoutSeconds": 60,
        "ResultPath": None,
        "Retry": [{"ErrorEquals": ["TransientError"], "MaxAttempts": 3}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Lost"}],
        "Next": "Done",
    } | changes
    return {name: value for name, value in fields.items() if value != "absent"}


def sound(**changes: Any) -> Machine:
    return {
        "StartAt": "Work",
        "TimeoutSeconds": 600,
        "States": {
            "Work": task(**changes),
            "Done": {"Type": "Succeed", "Comment": "over"},
            "Lost": {"Type": "Fail", "Comment": "over", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
        },
    }


def test_a_sound_machine_has_no_problem() -> None:
    assert problems(sound()) == []


SEEDED: list[tuple[str, dict[str, Any]]] = [
    ("leads to 'Dnoe', which does not exist", {"Next": "Dnoe"}),
    ("leads to 'Nirvana'", {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Nirvana"}]}),
    ("Done: cannot be reached", {"Next": "Lost"}),
    ("needs exactly one of Next and End", {"Next": "absent"}),
    ("needs exactly one of Next and End", {"End": True}),
    ("has no TimeoutSeconds", {"TimeoutSeconds": "absent"}),
    (
        "although it waits for a token",
        {"TimeoutSeconds": "absent", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"},
    ),
    ("has no Retry", {"Retry": []}),
    ("has no Catch", {"Catch": "absent"}),
    ("its last Catch is not for States.ALL", {"Catch": [{"ErrorEquals": ["TransientError"], "Next": "Lost"}]}),
    ("Task has no field 'Retries'", {"Retries": []}),
    ("unknown Type 'Taks'", {"Type": "Taks"}),
    ("has no Comment", {"Comment": "absent"}),
    ("which Step Functions does not know", {"Retry": [{"ErrorEquals": ["States.TimeOut"]}]}),
    ("must stand alone and last", {"Retry": [{"ErrorEquals": ["States.ALL", "TransientError"]}]}),
    ("must stand alone and last", {"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["TransientError"]}]}),
    ("Retry 1 tries 99 times", {"Retry": [{"ErrorEquals": ["TransientError"], "MaxAttempts": 99}]}),
    ("Retry 1 has no ErrorEquals", {"Retry": [{"MaxAttempts": 1}]}),
    ("ResultPath is no reference path", {"ResultPath": "$.runs[*]"}),
    ("OutputPath is no path", {"OutputPath": "Payload"}),
    ("run.$ is no path", {"Parameters": {"run.$": "run"}}),
    ("run.$ is no path", {"Parameters": {"run.$": "$.run."}}),
    ("run.$ is no path", {"Parameters": {"run.$": "States.Format('{}, $.run)"}}),
    ("does not end in .$", {"Parameters": {"run": "$.run"}}),
    ("does not end in .$", {"Parameters": {"run": [{"id": "$$.Execution.Name"}]}}),
]


@pytest.mark.parametrize(("wanted", "mistake"), SEEDED)
def test_a_seeded_mistake_is_found(wanted: str, mistake: dict[str, Any]) -> None:
    found = problems(sound(**mistake))
    assert any(wanted in problem for problem in found), found


def _loop_for_ever(broken: Machine) -> None:
    wait = {"Type": "Wait", "Comment": "waits", "Seconds": 1, "Next": "Work"}
    broken["States"] |= {"Again": wait, "Work": task(Next="Again", Catch="absent")}
    del broken["States"]["Lost"], broken["States"]["Done"]


def _start_nowhere(broken: Machine) -> None:
    broken["StartAt"] = "Wrok"


def _forget_the_timeout(broken: Machine) -> None:
    del broken["TimeoutSeconds"]


def _break_a_branch(broken: Machine) -> None:
    branch = {"StartAt": "Inner", "States": {"Inner": task(Next="Outside")}}
    broken["States"]["Work"] = {"Type": "Parallel", "Comment": "both", "Branches": [branch], "Next": "Done"}


@pytest.mark.parametrize(
    ("wanted", "breaks"),
    [
        ("Again: no way out leads to an end", _loop_for_ever),
        ("StartAt leads to 'Wrok'", _start_nowhere),
        ("the machine has no TimeoutSeconds", _forget_the_timeout),
        ("Inner: leads to 'Outside', which does not exist", _break_a_branch),
    ],
)
def test_a_mistake_in_the_whole_machine_is_found(wanted: str, breaks: Callable[[Machine], None]) -> None:
    broken = sound()
    breaks(broken)
    assert any(wanted in problem for problem in problems(broken)), problems(broken)


def test_a_task_whose_errors_are_meant_to_end_the_execution_must_be_without_a_catch() -> None:
    assert problems(sound(Catch="absent", Next="Lost"), uncaught=frozenset({"Work"})) == ["Done: cannot be reached"]
    assert "Work: has a Catch, and its errors are meant to end the execution" in problems(
        sound(), uncaught=frozenset({"Work"})
    )
    assert problems(sound(), uncaught=frozenset({"Wrok"})) == ["Wrok: does not exist, and is meant to have no Catch"]


def test_a_state_outside_the_agreed_names_is_found() -> None:
    assert problems(sound(), names=frozenset({"Work", "Done"})) == ["Lost: not one of the agreed names"]


def test_the_backup_has_no_problem() -> None:
    assert problems(machine(), names=NAMES) == []


def test_the_backup_goes_through_the_phases_in_their_order() -> None:
    states, name, passed = machine()["States"], machine()["StartAt"], []
    while name:
        passed.append(name)
        state = states[name]
        name = state["Choices"][0]["Next"] if state["Type"] == "Choice" else state.get("Next")
    assert tuple(each for each in passed[1:] if each not in LOOPS) == get_args(PhaseName)


def test_a_backup_is_locked_where_its_spec_asks_for_it_and_goes_on_without_a_lock_elsewhere() -> None:
    asked = machine()["States"]["VerifyDone"]
    assert asked["Choices"] == [{"Not": {"Variable": "$.lock", "IsNull": True}, "Next": "Lock"}]
    assert asked["Default"] == machine()["States"]["Lock"]["Next"] == "Retain"


@pytest.mark.parametrize("phase", WAITING)
def test_a_phase_that_is_not_done_is_called_again_after_a_wait(phase: str) -> None:
    states = machine()["States"]
    assert states[phase]["Next"] == f"{phase}Done"
    assert states[f"{phase}Done"]["Default"] == f"{phase}Waits"
    waits = states[f"{phase}Waits"]
    assert (waits["Type"], waits["SecondsPath"], waits["Next"]) == ("Wait", "$.pending.wait_s", phase)


def test_the_secrets_are_left_out_where_no_node_has_any() -> None:
    bundled, plain = machine()["States"]["SnapshotDone"]["Choices"]
    assert (bundled["Next"], plain["Next"]) == ("Secrets", "Seal")
    assert {"Variable": "$.bundled", "BooleanEquals": True} in bundled["And"]


def test_the_history_of_the_longest_run_stays_far_below_its_limit() -> None:
    """25,000 events (Step Functions quotas). A turn has 9: Task entered, scheduled, started, succeeded and exited,
    Choice entered and exited, Wait entered and exited; a retry of the task adds 3, seldom."""
    turns, passed, limit = 0, 0.0, machine()["TimeoutSeconds"]
    while passed < limit:
        passed += next_wait(passed)
        turns += 1
    assert turns * 9 * len(WAITING) < 25_000 / 5


def test_a_look_that_leads_to_no_backup_succeeds_without_another_phase() -> None:
    states = machine()["States"]
    goes_on, ends = states["StartedDone"]["Choices"]
    assert goes_on["And"][1] == {"Variable": "$.skipped", "IsNull": True}
    assert (ends["Next"], states["Unchanged"]["Type"]) == ("Unchanged", "Succeed")


def test_every_error_ends_in_failed_and_every_failure_in_ended() -> None:
    states = machine()["States"]
    for phase in get_args(PhaseName):
        (caught,) = states[phase]["Catch"]
        assert caught["Next"] == ("NotStarted" if phase == "Started" else "Failed"), phase
    assert states["NotStarted"]["Next"] == "Failed"
    assert {states["Failed"]["Next"], states["Failed"]["Catch"][0]["Next"]} == {"Ended"}
    assert states["Ended"]["Type"] == "Fail"


def test_what_went_wrong_first_is_told_even_when_failed_fails() -> None:
    failed = machine()["States"]["Failed"]
    assert not failed["Catch"][0]["ResultPath"].startswith("$.error")


def test_an_input_of_any_shape_is_replaced_before_a_phase_sees_it() -> None:
    started = machine()["States"]["Started"]
    entered = machine()["States"]["Entered"]
    assert machine()["StartAt"] == "Entered"
    assert (entered["Result"], entered.get("ResultPath", "$")) == ({"pending": None}, "$")
    paths = started["Parameters"]["Payload"]
    assert paths.pop("pending.$") == "$.pending"
    assert all(path.startswith("$$.Execution.") for path in paths.values())


def test_only_transient_errors_are_tried_again_and_a_kill_of_what_ends_a_run() -> None:
    for name, state in machine()["States"].items():
        retried = {error for rule in state.get("Retry", ()) for error in rule["ErrorEquals"]}
        others = {error for error in retried if error != "TransientError" and not SERVICE_ERRORS.fullmatch(error)}
        assert others == (ALSO_AFTER_A_KILL if name in ("Finished", "Failed") else set()), name


def test_the_lease_outlives_the_longest_run() -> None:
    assert machine()["TimeoutSeconds"] < LEASE.total_seconds()


def test_the_machine_has_time_for_every_phase_and_for_the_clean_up() -> None:
    needed = sum(state.get("TimeoutSeconds", 0) for state in machine()["States"].values())
    assert needed < machine()["TimeoutSeconds"]


def test_a_function_ends_before_its_task_gives_up() -> None:
    by_id = {function.logical_id: function for function in functions().values()}
    for name, state in machine()["States"].items():
        if state["Type"] == "Task":
            function = by_id[state["Parameters"]["FunctionName"].strip("${}")]
            assert function.timeout < state["TimeoutSeconds"], name
            assert function.name == f"backup_{name.lower()}"


def test_every_substitution_is_defined_and_used() -> None:
    assert set(declared_machines()) == {path.name.partition(".")[0] for path in (ROOT / "statemachine").iterdir()}
    for definition, declared in declared_machines().items():
        used = set(re.findall(r"\$\{(\w+)\}", str(machine(definition))))
        assert used == set(declared["DefinitionSubstitutions"]), definition
        for name, target in declared["DefinitionSubstitutions"].items():
            assert target == ({"Ref": name} if name == "PhaseStateMachine" else {"Fn::GetAtt": [name, "Arn"]})


def test_the_checker_changes_nothing() -> None:
    before = copy.deepcopy(machine())
    problems(machine(), names=NAMES)
    assert machine() == before
