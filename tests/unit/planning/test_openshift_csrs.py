"""The plan that approves certificate requests and does nothing else."""

import io
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from builders import openshift_seen
from holdfast.cli.plan_view import plan_view
from holdfast.engine.restore.started import findings_of
from holdfast.errors import RefusedError
from holdfast.models.restore import ChangeRequest
from holdfast.planning.openshift_csrs import asked_host
from holdfast.planning.planners import planner_of
from holdfast.planning.restore_seen import RestoreSeen
from holdfast.planning.runbook import runbook

REQUEST = ChangeRequest(cluster="prod-1", csrs=True, nodes=("worker-3",))


def seen(**changes: Any) -> RestoreSeen:
    return openshift_seen.seen(openshift_seen.cluster(**changes))


def test_both_waves_run_on_one_host_whose_api_answers() -> None:
    looked = seen()
    spec = openshift_seen.spec()
    found = findings_of(spec, looked, None, REQUEST, None, openshift_seen.NOW)
    plan = planner_of("openshift").plan(
        spec, looked, None, REQUEST, run_id="prod-1-x", emergency=None, findings=found, now=openshift_seen.NOW
    )
    assert plan.job == REQUEST.job == "approve-csrs"
    assert [(step.name, step.commands[0].node, step.rounds) for step in plan.steps] == [
        ("csrs-client", "m1", "csrs"),
        ("csrs-serving", "m1", "csrs"),
    ]
    assert plan.steps[0].commands[0].values["named"] == "worker-3"
    assert plan.backup_id is None
    assert not plan.backup_after


def test_nothing_is_saved_first_and_no_finding_says_so() -> None:
    """Also where a member answers, of which a restore would make a backup."""
    found = findings_of(openshift_seen.spec(), seen(), None, REQUEST, None, openshift_seen.NOW)
    assert [(each.level, each.code) for each in found] == [("info", "nodes_named")]
    assert "worker-3" in found[0].text


def test_without_an_api_that_answers_nothing_can_be_approved() -> None:
    spec, looked = openshift_seen.spec(), openshift_seen.seen(None)
    found = findings_of(spec, looked, None, REQUEST, None, openshift_seen.NOW)
    assert [(each.level, each.code) for each in found] == [("refuse", "openshift_api_silent")]
    with pytest.raises(RefusedError) as caught:
        planner_of("openshift").plan(
            spec, looked, None, REQUEST, run_id="prod-1-x", emergency=None, findings=found, now=openshift_seen.NOW
        )
    assert caught.value.code == "openshift_api_silent"


def test_the_host_that_had_most_questions_answered_is_asked() -> None:
    looked = openshift_seen.seen(openshift_seen.cluster(unanswered=("machines",)))
    better = openshift_seen.survey(2, openshift_seen.cluster())
    surveys = tuple(better if each.node == "m2" else each for each in looked.surveys)
    host = asked_host(replace(looked, surveys=surveys))
    assert host
    assert host.node == "m2"


def test_elsewhere_than_on_openshift_the_request_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        planner_of("kubeadm").findings(openshift_seen.spec(), seen(), None, REQUEST, openshift_seen.NOW)
    assert caught.value.code == "mode_unsupported"


@pytest.mark.parametrize(
    "words", [{"nodes": ["w"], "replace": "m1"}, {"csrs": True, "replace": "m1"}, {"csrs": True, "nodes": ["a b"]}, {}]
)
def test_a_request_that_means_two_things_or_none_is_no_request(words: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ChangeRequest.model_validate({"cluster": "prod-1", **words})


def test_its_plan_and_its_page_say_what_a_person_does_and_promise_no_backup() -> None:
    spec, looked = openshift_seen.spec(), seen()
    found = planner_of("openshift").findings(spec, looked, None, REQUEST, openshift_seen.NOW)
    plan = planner_of("openshift").plan(
        spec, looked, None, REQUEST, run_id="prod-1-x", emergency=None, findings=found, now=openshift_seen.NOW
    )
    page = runbook(plan)
    assert "# Approve certificate requests of kubelets of prod-1, by hand" in page
    assert page.count("oc adm certificate approve NAME") == 2
    assert "Going back" not in page
    text = io.StringIO()
    shown = Console(file=text, width=200)
    for line in plan_view(plan):
        shown.print(line)
    assert "first  no backup: nothing that etcd's members have is replaced" in text.getvalue()
