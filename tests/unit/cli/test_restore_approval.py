"""`holdfast restore approve`: nothing begins before a person typed the cluster's id."""

from builders.changes import BACKUP, RUN, TOKEN, begin, restore_plan, wait_for_approval
from builders.command_line import holdfast
from builders.services import MemoryServices, services_with
from holdfast.models.approval import Approval


def waiting() -> MemoryServices:
    services = services_with()
    begin(services)
    wait_for_approval(services)
    return services


def test_approve_shows_the_plan_asks_for_the_id_and_answers_in_the_callers_name() -> None:
    services, asked = waiting(), []

    def person(question: str) -> str:
        asked.append(question)
        return " prod-1\n"

    ended = holdfast("restore", "approve", RUN, services=services, person=person)
    assert ended.code == 0, ended.stderr
    answer = Approval.model_validate_json(services.changes.answers[TOKEN])
    assert (answer.cluster, answer.digest) == ("prod-1", restore_plan().digest)
    assert answer.approved_by == services.identity.name
    assert len(asked) == 1
    assert f"restore prod-1 from {BACKUP}, mode etcd, in the name of {services.identity.name}" in ended.stderr
    order = [ended.stdout.index(text) for text in ("stop-api", "fetch", "point of no return", "3 swap", "digest ")]
    assert order == sorted(order)
    assert "next: Shutdown, stop-api on n1, n2, n3" in ended.stdout
    assert f"until swap begins, holdfast restore abort {RUN}" in ended.stdout


def test_another_cluster_typed_is_refused_and_the_question_stays() -> None:
    services = waiting()
    ended = holdfast("restore", "approve", RUN, services=services, person=lambda _: "prod-2")
    assert (ended.code, services.changes.answers) == (3, {})
    assert "error[approval_mismatch]" in ended.stderr
    assert holdfast("restore", "approve", RUN, "--cluster-id", "prod-1", services=services).code == 0


def test_a_script_gives_the_id_and_without_a_terminal_nobody_is_asked() -> None:
    services = waiting()
    for form in ("human", "json"):
        ended = holdfast("restore", "approve", RUN, "-o", form, services=services)
        assert (ended.code, services.changes.answers) == (2, {})
        assert "approval_unattended" in ended.stderr
    ended = holdfast("restore", "approve", RUN, "--cluster-id", "prod-1", "-o", "json", services=services)
    assert ended.value["approval"]["approved_by"] == services.identity.name
    assert ended.value["next"]
    assert TOKEN in services.changes.answers


def test_json_asks_nobody_even_on_a_terminal() -> None:
    ended = holdfast("restore", "approve", RUN, "-o", "json", services=waiting(), person=lambda _: "prod-1")
    assert (ended.code, ended.error["code"]) == (2, "approval_unattended")


def test_a_plan_that_changed_after_the_question_is_not_approved() -> None:
    services = services_with()
    begin(services)
    wait_for_approval(services)
    begin(services, plan=restore_plan(mode="full"))
    ended = holdfast("restore", "approve", RUN, "--cluster-id", "prod-1", services=services)
    assert (ended.code, services.changes.answers) == (3, {})
    assert "error[plan_changed]" in ended.stderr


def test_there_is_nothing_to_approve_where_nobody_waits() -> None:
    services = services_with()
    begin(services)
    ended = holdfast("restore", "approve", RUN, "--cluster-id", "prod-1", "-o", "json", services=services)
    assert (ended.code, ended.error["code"]) == (1, "nothing_to_approve")
