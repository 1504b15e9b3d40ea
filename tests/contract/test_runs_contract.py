"""What every store of run records keeps: in memory, and DynamoDB (on moto)."""

from datetime import timedelta

import pytest

from builders.runs import NOON, failed, run_record, succeeded
from builders.states import State
from holdfast.errors import PermanentError
from holdfast.models.approval import Question
from holdfast.models.run import Progress


def test_a_run_is_opened_moved_on_and_closed(state: State) -> None:
    record = run_record()
    state.runs.open(record)
    assert state.runs.get("prod-1", record.run_id) == record

    progress = Progress(phase="Snapshot", done=5, total=9)
    state.runs.progress("prod-1", record.run_id, progress)
    assert state.runs.get("prod-1", record.run_id) == record.model_copy(update={"progress": progress})

    outcome = succeeded(record.run_id)
    state.runs.close(outcome)
    closed = state.runs.get("prod-1", record.run_id)
    assert (closed.status, closed.outcome, closed.progress) == ("succeeded", outcome, progress)
    assert closed.started_at == record.started_at


def test_a_second_open_leaves_the_first(state: State) -> None:
    record = run_record()
    state.runs.open(record)
    state.runs.progress("prod-1", record.run_id, Progress(phase="Seal"))

    state.runs.open(run_record(started_at=NOON + timedelta(minutes=1)))

    kept = state.runs.get("prod-1", record.run_id)
    assert (kept.started_at, kept.progress.phase) == (NOON, "Seal")


def test_a_run_that_was_never_opened_is_closed_all_the_same(state: State) -> None:
    state.runs.close(failed(run_id="manual-run", backup_id=None))

    record = state.runs.get("prod-1", "manual-run")
    assert (record.status, record.started_at, record.progress.phase) == ("failed", NOON, "Snapshot")
    assert [each.run_id for each in state.runs.list("prod-1", 10)] == ["manual-run"]


def test_a_later_outcome_replaces_the_earlier(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.close(succeeded("run-a"))
    state.runs.close(failed(run_id="run-a", phase="Finished"))

    assert state.runs.get("prod-1", "run-a").status == "failed"


def test_an_outcome_without_a_backup_id_keeps_the_one_of_the_record(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.close(failed(run_id="run-a", backup_id=None))

    assert state.runs.get("prod-1", "run-a").backup_id == run_record().backup_id


def test_progress_of_a_run_that_was_never_opened_stores_nothing(state: State) -> None:
    state.runs.progress("prod-1", "ghost", Progress(phase="Snapshot"))

    with pytest.raises(PermanentError, match="ghost") as caught:
        state.runs.get("prod-1", "ghost")
    assert caught.value.code == "run_unknown"
    assert state.runs.list("prod-1", 10) == []


def test_runs_are_listed_newest_first_whatever_their_names(state: State) -> None:
    """A run started from the console is named by a UUID."""
    names = ("prod-1-20261120T120000Z-r-1a2b3c", "f0e1d2c3", "00000000", "prod-1-20261120T120300Z-m-1a2b3c")
    for minute, name in enumerate(names):
        state.runs.open(run_record(name, started_at=NOON + timedelta(minutes=minute)))
    state.runs.open(run_record("elsewhere", cluster_id="prod-2"))
    state.leases.acquire("prod-1", "run-a", now=NOON, expires_at=NOON + timedelta(minutes=15))

    assert [record.run_id for record in state.runs.list("prod-1", 3)] == [*reversed(names[1:])]
    assert len(state.runs.list("prod-1", 100)) == 4
    assert state.runs.list("prod-9", 5) == []


def test_a_list_of_runs_shows_how_they_ended(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.close(succeeded("run-a"))

    assert [record.status for record in state.runs.list("prod-1", 1)] == ["succeeded"]


QUESTION = Question(
    token="a-token",
    digest="ab" * 32,
    asked_at=NOON,
    expires_at=NOON + timedelta(hours=24),
)


def test_a_question_is_noted_until_it_is_answered(state: State) -> None:
    record = run_record(job="restore", execution="run-a")
    state.runs.open(record)

    state.runs.ask("prod-1", record.run_id, QUESTION)
    assert state.runs.get("prod-1", record.run_id) == record.model_copy(update={"question": QUESTION})

    state.runs.ask("prod-1", record.run_id, None)
    assert state.runs.get("prod-1", record.run_id) == record


def test_a_later_question_replaces_the_earlier(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.ask("prod-1", "run-a", QUESTION)
    later = QUESTION.model_copy(update={"token": "another"})
    state.runs.ask("prod-1", "run-a", later)

    assert state.runs.get("prod-1", "run-a").question == later


def test_progress_keeps_the_question(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.ask("prod-1", "run-a", QUESTION)
    state.runs.progress("prod-1", "run-a", Progress(phase="Approval"))

    assert state.runs.get("prod-1", "run-a").question == QUESTION


def test_a_question_of_a_run_that_was_never_opened_stores_nothing(state: State) -> None:
    state.runs.ask("prod-1", "ghost", QUESTION)
    state.runs.ask("prod-1", "ghost", None)

    assert state.runs.list("prod-1", 10) == []


def test_a_run_that_has_ended_waits_for_no_answer(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.ask("prod-1", "run-a", QUESTION)
    state.runs.close(failed(run_id="run-a"))

    assert state.runs.get("prod-1", "run-a").question is None


def test_a_run_that_is_opened_again_has_neither_outcome_nor_question(state: State) -> None:
    state.runs.open(run_record("run-a", job="restore", execution="run-a"))
    state.runs.progress("prod-1", "run-a", Progress(phase="Restore", done=2, total=4, unit="steps"))
    state.runs.ask("prod-1", "run-a", QUESTION)
    state.runs.close(failed(run_id="run-a"))

    again = run_record("run-a", job="restore", execution="run-a-2", progress=Progress(phase="Restore"))
    assert state.runs.reopen(again, was=state.runs.get("prod-1", "run-a"))

    assert state.runs.get("prod-1", "run-a") == again
    assert [(record.status, record.outcome) for record in state.runs.list("prod-1", 5)] == [("running", None)]


def test_what_a_run_has_put_is_noted_name_by_name_and_the_last_counts(state: State) -> None:
    state.runs.open(run_record("run-a", job="restore", execution="run-a"))
    state.runs.bind("prod-1", "run-a", "plan.json", "ab" * 32)
    state.runs.bind("prod-1", "run-a", "approval.json", "cd" * 32)
    state.runs.bind("prod-1", "run-a", "plan.json", "ef" * 32)
    state.runs.progress("prod-1", "run-a", Progress(phase="Restore"))

    assert state.runs.get("prod-1", "run-a").bound == {"plan.json": "ef" * 32, "approval.json": "cd" * 32}


def test_what_a_run_has_put_is_still_known_when_it_goes_on(state: State) -> None:
    state.runs.open(run_record("run-a", job="restore", execution="run-a"))
    state.runs.bind("prod-1", "run-a", "plan.json", "ab" * 32)
    was = state.runs.get("prod-1", "run-a")
    assert state.runs.reopen(was.model_copy(update={"execution": "run-a-2"}), was=was)
    assert state.runs.get("prod-1", "run-a").bound == {"plan.json": "ab" * 32}
    state.runs.bind("prod-1", "run-a", "plan.json", "ef" * 32)
    assert state.runs.get("prod-1", "run-a").bound == {"plan.json": "ef" * 32}


def test_what_a_run_that_was_never_opened_has_put_is_not_noted(state: State) -> None:
    state.runs.bind("prod-1", "ghost", "plan.json", "ab" * 32)

    assert state.runs.list("prod-1", 10) == []


def test_a_run_is_opened_again_where_there_was_none(state: State) -> None:
    assert state.runs.reopen(run_record("run-a"), was=run_record("run-a"))

    assert state.runs.get("prod-1", "run-a") == run_record("run-a")


def test_of_two_that_go_on_with_a_run_the_second_changes_nothing(state: State) -> None:
    state.runs.open(run_record("run-a", job="restore", execution="run-a"))
    state.runs.close(failed(run_id="run-a"))
    was = state.runs.get("prod-1", "run-a")

    first, second = (run_record("run-a", job="restore", execution=f"run-a-{number}") for number in (2, 3))
    assert state.runs.reopen(first, was=was) is True
    assert state.runs.reopen(second, was=was) is False
    assert state.runs.get("prod-1", "run-a") == first


def test_an_execution_that_reopened_its_own_run_is_not_taken_for_one_that_has_ended(state: State) -> None:
    """As by a redrive, while somebody resumes the run."""
    record = run_record("run-a", job="restore", execution="run-a")
    state.runs.open(record)
    state.runs.close(failed(run_id="run-a"))
    was = state.runs.get("prod-1", "run-a")

    assert state.runs.reopen(record, was=was) is True
    assert state.runs.reopen(run_record("run-a", job="restore", execution="run-a-2"), was=was) is False


def test_a_question_of_a_run_that_has_ended_stores_nothing(state: State) -> None:
    state.runs.open(run_record("run-a"))
    state.runs.close(failed(run_id="run-a"))
    was = state.runs.get("prod-1", "run-a")

    state.runs.ask("prod-1", "run-a", QUESTION)
    assert state.runs.get("prod-1", "run-a") == was
