"""`holdfast restore` on runs that stand in different places, over the shipped doubles."""

import json
from typing import get_args

import pytest

from builders.changes import BACKUP, RUN, TOKEN, approved, begin, end, note, reach, restore_plan, wait_for_approval
from builders.command_line import holdfast
from builders.doubled_restores import restorable
from builders.services import MemoryServices, services_with
from holdfast.cli.restore import Allowed, Mode
from holdfast.models.restore import Allowance, ChangeRequest, RestoreMode
from holdfast.models.run import ErrorInfo, Outcome
from holdfast.planning.naming import RUNBOOK, backup_key


def waiting() -> MemoryServices:
    services = services_with()
    begin(services)
    wait_for_approval(services)
    return services


def broken_at(step: str, phase: str) -> MemoryServices:
    services = services_with()
    begin(services)
    approved(services)
    for each in restore_plan().steps:
        if each.name == step:
            break
        note(services, each.name)
    note(services, step, ("n1", "n3"))
    error = ErrorInfo(code="restore_disk_short", family="permanent", message="no room is left", hint="Make room.")
    note(services, step, ("n2",), "failed", error=error, exit_code=1)
    end(services, code="restore_disk_short", phase=phase)
    return services


def test_the_words_of_the_options_are_those_of_the_model() -> None:
    assert get_args(Mode) == get_args(RestoreMode)
    assert tuple(Allowed) == get_args(Allowance)


def test_run_starts_an_execution_and_says_what_comes_next() -> None:
    services = services_with()
    ended = holdfast(
        "restore", "run", "prod-1", BACKUP, "--mode", "full", "--allow", "cluster_healthy", services=services
    )
    assert ended.code == 0, ended.stderr
    (name,) = services.changes.payloads
    request = ChangeRequest.model_validate_json(services.changes.payloads[name])
    assert (request.backup, request.mode, request.allow) == (BACKUP, "full", ("cluster_healthy",))
    assert f"holdfast restore approve {name}" in ended.stdout


def test_a_quorum_restore_names_no_backup() -> None:
    services = services_with()
    ended = holdfast("restore", "run", "prod-1", "--quorum", "--allow", "cluster_healthy", services=services)
    assert ended.code == 0, ended.stderr
    (payload,) = services.changes.payloads.values()
    request = ChangeRequest.model_validate_json(payload)
    assert (request.quorum, request.backup, request.job) == (True, None, "restore-quorum")


@pytest.mark.parametrize("words", [[], [BACKUP, "--quorum"]])
def test_a_restore_is_of_a_backup_or_of_a_quorum(words: list[str]) -> None:
    services = services_with()
    for command in ("run", "plan"):
        assert holdfast("restore", command, "prod-1", *words, services=services).code == 2
    assert services.changes.payloads == {}


def test_run_refuses_words_that_are_no_ids_before_anything_starts() -> None:
    services = services_with()
    ended = holdfast("restore", "run", "prod-1", "yesterday", services=services)
    assert (ended.code, services.changes.payloads) == (2, {})
    assert holdfast("restore", "run", "prod-1", BACKUP, "--allow", "anything", services=services).code == 2
    assert holdfast("restore", "run", "prod-9", BACKUP, services=services).code == 1


def test_status_of_a_run_that_waits_says_how_to_approve_it() -> None:
    ended = holdfast("restore", "status", RUN, services=waiting())
    assert ended.code == 0, ended.stderr
    assert "phase Approval" in ended.stdout
    assert f"holdfast restore approve {RUN}" in ended.stdout


def test_status_shows_each_step_on_each_node_and_whom_it_waits_for() -> None:
    services = services_with()
    begin(services)
    approved(services)
    reach(services, "Restore", 1, 2)
    note(services, "stop-api")
    note(services, "fetch", ("n1",))
    note(services, "fetch", ("n2", "n3"), "started")
    shown = holdfast("restore", "status", RUN, services=services).stdout
    assert "phase Restore (1 of 2 steps)" in shown
    assert "waits for n2, n3: fetch is over" in shown
    assert "n1 done  n2 at work  n3 at work" in shown
    assert "approved   by arn:aws:iam::123456789012:user/ops" in shown
    assert f"holdfast restore abort {RUN} takes back what it did" in shown


def test_status_of_a_failed_run_names_the_step_the_node_and_what_to_do() -> None:
    shown = holdfast("restore", "status", RUN, services=broken_at("fetch", "Restore")).stdout
    assert "step fetch on n2, attempt 1" in shown
    assert "exit code 1" in shown
    assert "[restore_disk_short] no room is left" in shown
    assert "Make room." in shown
    assert shown.splitlines()[-1] == "Mend it."


def test_a_failure_that_a_later_attempt_made_good_is_not_shown() -> None:
    services = broken_at("fetch", "Restore")
    note(services, "fetch", ("n2",), attempt=2)
    assert "no room is left" not in holdfast("restore", "status", RUN, services=services).stdout


@pytest.mark.parametrize("command", [["restore", "status", RUN], ["run", "show", RUN], ["run", "list", "prod-1"]])
def test_nobody_sees_the_task_token(command: list[str]) -> None:
    for form in ("human", "json"):
        ended = holdfast(*command, "-o", form, services=waiting())
        assert ended.code == 0, ended.stderr
        assert TOKEN not in ended.stdout + ended.stderr
    assert "expires_at" in ended.stdout


def test_status_of_a_backups_run_and_of_none_are_errors() -> None:
    services = services_with()
    assert holdfast("restore", "status", RUN, "-o", "json", services=services).error["code"] == "run_unknown"
    begin(services, job="backup")
    assert holdfast("restore", "status", RUN, "-o", "json", services=services).error["code"] == "not_a_change"


def test_abort_of_a_run_that_waits_declines_it_in_the_callers_name() -> None:
    services = waiting()
    ended = holdfast("restore", "abort", RUN, services=services)
    assert ended.code == 0, ended.stderr
    assert "nothing was changed" in ended.stdout
    assert f"{services.identity.name} declined it" in services.changes.answers[TOKEN]


def test_abort_of_a_failed_run_starts_taking_it_back() -> None:
    services = broken_at("fetch", "Restore")
    ended = holdfast("restore", "abort", RUN, "-o", "json", services=services)
    back = ended.value["aborted"]["execution"]
    assert json.loads(services.changes.payloads[back]) == {"cluster": "prod-1", "abort": RUN}


def test_abort_of_a_run_at_work_stops_it_first() -> None:
    services = services_with()
    begin(services)
    approved(services)
    ended = holdfast(
        "restore", "abort", RUN, services=services, while_waiting=[lambda: end(services, code="run_aborted")]
    )
    assert ended.code == 0, ended.stderr
    assert "is taken back now" in ended.stdout
    assert services.changes.payloads[f"{RUN}-2"]


def test_resume_starts_an_execution_of_the_same_run() -> None:
    services = broken_at("fetch", "Restore")
    ended = holdfast("restore", "resume", RUN, "-o", "json", services=services)
    assert ended.value["started"] == {"run_id": RUN, "new": True, "execution": f"{RUN}-2"}
    assert json.loads(services.changes.payloads[f"{RUN}-2"]) == {"cluster": "prod-1", "resume": RUN}


def test_resume_with_wait_follows_the_new_execution_and_not_the_old_end() -> None:
    services = broken_at("fetch", "Restore")
    name = f"{RUN}-2"

    def goes_on() -> None:
        record = services.runs.get("prod-1", RUN)
        again = record.model_copy(update={"execution": name, "outcome": None, "status": "running"})
        assert services.runs.reopen(again, was=record)

    def ends() -> None:
        end(services)
        services.changes.finish(name)

    ended = holdfast("restore", "resume", RUN, "--wait", "-o", "json", services=services, while_waiting=[goes_on, ends])
    assert ended.code == 0, ended.stderr
    assert ended.value["run"]["status"] == "succeeded"


def test_resume_with_wait_ends_as_a_refused_execution_did() -> None:
    services = broken_at("fetch", "Restore")
    name = f"{RUN}-2"

    def refused() -> None:
        known = services.runs.get("prod-1", RUN).outcome
        assert known
        error = ErrorInfo(code="run_taken_back", family="refused", message="it was taken back")
        fields = known.model_dump() | {"run_id": name, "status": "refused", "error": error}
        services.runs.close(Outcome.model_validate(fields))
        services.changes.finish(name, error="RefusedError")

    ended = holdfast("restore", "resume", RUN, "--wait", services=services, while_waiting=[refused])
    assert ended.code == 3
    assert "error[run_taken_back]" in ended.stderr


def test_run_with_wait_says_phases_steps_and_how_to_approve_one_line_each() -> None:
    services = services_with()
    steps = iter(range(4))

    def moves_on() -> None:
        number = next(steps)
        if number == 0:
            wait_for_approval(services)
        elif number == 1:
            approved(services)
            reach(services, "Shutdown")
            note(services, "stop-api", ("n1", "n2"))
            note(services, "stop-api", ("n3",), "started")
        elif number == 2:
            note(services, "stop-api", ("n3",))
            reach(services, "Restore")
        else:
            note(services, "fetch", ("n1",), "failed")
            end(services, code="restore_disk_short", phase="Restore")

    begin(services)
    ended = holdfast("run", "watch", RUN, services=services, while_waiting=[moves_on] * 4)
    assert ended.code == 1
    said = [line[9:] for line in ended.stderr.splitlines() if line[2:3] == ":"]
    assert said[0] == "Started"
    assert any(line.startswith("Approval: waits for a person until ") and RUN in line for line in said)
    assert "Shutdown stop-api: Do stop-api (n1, n2, n3)" in said
    assert "Shutdown stop-api: done" in said
    assert "Restore fetch: failed on n1" in said
    assert len(said) == len(set(said))
    assert "error[restore_disk_short]" in ended.stderr


def test_ctrl_c_while_watching_says_that_the_run_goes_on() -> None:
    services = waiting()

    def interrupt() -> None:
        raise KeyboardInterrupt

    ended = holdfast("run", "watch", RUN, services=services, while_waiting=[interrupt])
    assert ended.code == 130
    assert f"the run goes on; holdfast restore status {RUN}" in ended.stderr


def test_lists_of_runs_say_which_are_restores() -> None:
    services = waiting()
    assert "restore" in holdfast("run", "list", "prod-1", services=services).stdout
    assert "(restore)" in holdfast("run", "show", RUN, services=services).stdout


def test_watch_finds_a_run_that_no_state_opened_yet() -> None:
    services = services_with()
    services.changes.start(RUN, "{}")
    ended = holdfast(
        "run", "watch", RUN, services=services, while_waiting=[lambda: begin(services), lambda: end(services)]
    )
    assert ended.code == 0, ended.stderr


def test_the_runbook_is_printed_as_it_lies_beside_the_backup() -> None:
    services, _, backup = restorable()
    page = "# By hand\n\n    ( VAR='[bold]' )\n"
    services.bucket.put(backup_key("prod-1", backup, RUNBOOK), page.encode())
    assert holdfast("runbook", "prod-1", "latest", services=services).stdout == page
    services.bucket.remove([backup_key("prod-1", backup, RUNBOOK)])
    missing = holdfast("runbook", "prod-1", backup, "-o", "json", services=services)
    assert (missing.code, missing.error["code"]) == (1, "runbook_unknown")
    assert holdfast("runbook", "prod-1", "20200101T000000Z-m-000000", services=services).code == 1
