"""A step in rounds: what is approved follows from what the round before has told, and every decision is kept."""

import json
from datetime import timedelta
from typing import Any

import pytest

from builders.changes import RUN, restore_plan
from builders.csrs import W2, client, page, serving
from builders.phases import PhaseScene, phase_scene
from builders.runs import NOON
from holdfast.drivers.openshift.csr_steps import csr_steps
from holdfast.engine.restore.ending import finish
from holdfast.errors import HoldfastError
from holdfast.models.command import Command, CommandResult
from holdfast.models.restore import CHANGE_PHASES, RestoreStep, StepRecord
from holdfast.planning.csr_rounds import refused_words

STEPS = csr_steps("n1", named=["worker-7"])
MINUTE = timedelta(minutes=1)


class Cluster:
    """Answers each round with the next page, and notes what it was told to approve."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = list(pages)
        self.told: list[dict[str, str]] = []

    def __call__(self, _node: str, command: Command) -> CommandResult:
        self.told.append(dict(command.values))
        said = self.pages.pop(0)
        approve = [line.split(" ")[0] for line in command.values.get("approve", "").splitlines()]
        return CommandResult(
            1 if "code" in said else 0, json.dumps(said if "code" in said else said | {"approved": approve})
        )


def scene_of(cluster: Cluster, steps: tuple[RestoreStep, ...] = STEPS[:1]) -> PhaseScene:
    scene = phase_scene(restore_plan(steps=steps))
    scene.transport.program = cluster
    return scene


def quiet(seconds: int, **changes: Any) -> dict[str, Any]:
    made = page(**changes)
    return made | {"now": made["now"] + seconds}


def test_what_passes_is_approved_in_the_next_round_and_what_does_not_is_told() -> None:
    cluster = Cluster(page(client(), client("worker-2", "csr-bad")), quiet(5, not_ready=[], not_ready_count=0))
    scene = scene_of(cluster)
    scene.go_through("Finished")
    assert [each.get("approve", "") for each in cluster.told] == ["", f"csr-client {client()['metadata']['uid']}"]
    assert cluster.told[0]["awaited"] == cluster.told[1]["awaited"] == "worker-7"
    again, done = [each for each in scene.journal.records() if each.status in ("again", "done") and each.node == "n1"]
    assert (again.status, again.attempt, done.attempt) == ("again", 1, 2)
    assert [(each["name"], each["action"], each["code"]) for each in again.report["verdicts"]] == [
        ("csr-client", "approve", "returns"),
        ("csr-bad", "refuse", "node_ready"),
    ]
    assert done.report["approved"] == ["csr-client"]


def test_all_pages_are_gone_through_before_a_wave_ends() -> None:
    ready = {"not_ready": [], "not_ready_count": 0}
    cluster = Cluster(
        page(client("worker-9", "csr-a"), next="csr-a", left=2, **ready),
        page(client("worker-9", "csr-b"), next="csr-b", left=1, **ready),
        page(client(name="csr-c"), **ready),
        quiet(5, **ready),
    )
    scene_of(cluster).go_through("Finished")
    assert [each.get("after", "") for each in cluster.told] == ["", "csr-a", "csr-b", ""]
    assert cluster.told[3]["approve"].startswith("csr-c ")


def test_a_wave_waits_for_nodes_that_are_not_ready_and_not_for_ever() -> None:
    cluster = Cluster(page(), quiet(200), quiet(301))
    scene_of(cluster).go_through("Finished")
    assert [each.get("pause_s", "") for each in cluster.told] == ["", "30", "30"]


def test_no_round_waits_past_the_end_of_its_wave() -> None:
    cluster = Cluster(page(), quiet(50), quiet(60))
    scene_of(cluster, csr_steps("n1")[1:]).go_through("Finished")
    assert [each.get("pause_s", "") for each in cluster.told] == ["", "30", "10"]


def test_what_is_refused_keeps_no_wave_open() -> None:
    bad = client("worker-9")
    cluster = Cluster(page(bad), quiet(30, packed=page(bad)["packed"]), quiet(302, packed=page(bad)["packed"]))
    scene_of(cluster).go_through("Finished")
    assert all(not each.get("approve") for each in cluster.told)


def test_somebody_who_always_asks_anew_keeps_no_wave_open_for_ever() -> None:
    cluster = Cluster(*(quiet(60 * number, packed=page(client())["packed"]) for number in range(60)))
    scene_of(cluster).go_through("Finished")
    assert len(cluster.told) == 1 + 2 * 1200 // 60


def test_a_wave_in_which_something_always_comes_ends_when_nothing_waits() -> None:
    cluster = Cluster(page(), *(quiet(250 * number, gone=["x"]) for number in (1, 2)))
    scene_of(cluster).go_through("Finished")
    assert len(cluster.told) == 3


def test_both_waves_ask_for_their_own_signer() -> None:
    ready = {"not_ready": [], "not_ready_count": 0}
    cluster = Cluster(page(**ready), page(serving(W2), **ready), quiet(70, **ready), quiet(140, **ready))
    scene_of(cluster, STEPS).go_through("Finished")
    assert [each["signers"].rpartition("/")[2] for each in cluster.told] == [
        "kube-apiserver-client-kubelet",
        *["kubelet-serving"] * 3,
    ]
    assert cluster.told[2]["approve"].startswith("csr-serving ")


def test_another_function_goes_on_with_the_round_that_was_decided() -> None:
    """It reads the decision from the journal, and finds the round's own step on the node."""
    cluster = Cluster(page(client()), quiet(5, not_ready=[], not_ready_count=0))
    scene = scene_of(cluster)
    scene.transport.looks = 2
    work = scene.look("Finished")
    while work.pending:
        work = scene.look("Finished")  # what the last look has left was lost
    assert scene.transport.started == [("n1", f"{RUN}.finished.csrs-client.{number}") for number in (1, 2)]
    assert len(cluster.told) == 2


def test_a_round_that_fails_is_tried_again_with_the_same_decision() -> None:
    away = {"code": "download_unreachable", "message": "the test says so"}
    cluster = Cluster(page(client()), away, away, quiet(5, not_ready=[], not_ready_count=0))
    scene_of(cluster).go_through("Finished")
    assert [each.get("approve", "").partition(" ")[0] for each in cluster.told] == ["", *["csr-client"] * 3]


def test_an_api_that_stays_away_ends_the_phase_and_a_resumed_run_goes_on() -> None:
    away = {"code": "openshift_api_silent", "message": "the test says so"}
    cluster = Cluster(page(client()), away)
    scene = scene_of(cluster)
    with pytest.raises(HoldfastError) as caught:
        scene.go_through("Finished")
    assert caught.value.code == "openshift_api_silent"
    cluster.pages = [quiet(5, not_ready=[], not_ready_count=0)]
    scene.go_through("Finished")
    assert cluster.told[-1]["approve"].startswith("csr-client ")


def test_an_answer_that_is_none_is_told_as_such() -> None:
    scene = scene_of(Cluster(page(packed="bm90IGd6aXA=")))
    with pytest.raises(HoldfastError) as caught:
        scene.go_through("Finished")
    assert caught.value.code == "node_output_unreadable"


def test_the_outcome_warns_of_what_was_refused_to_the_end() -> None:
    """Not of what passed later, nor of older requests of the same kubelet."""
    first = page(
        client("worker-9", "csr-x"), client("worker-3", "csr-l"), client(name="csr-old", at=NOON - MINUTE), client()
    )
    later = quiet(5, packed=page(client("worker-9", "csr-x"))["packed"], not_ready=[], not_ready_count=0)
    scene = scene_of(Cluster(first, later))
    for phase in CHANGE_PHASES:
        scene.go_through(phase)
    outcome = finish(scene.services, scene.run)
    why = "no Machine waits for it, and nobody named it"
    assert [each for each in outcome.warnings if "csr-" in each] == [
        f"the certificate request csr-{name} was not approved: there is no node worker-{number}, {why}"
        for name, number in (("x", 9), ("l", 3))
    ]


def test_of_many_refusals_some_are_told_one_by_one() -> None:
    records = [
        StepRecord.model_validate(
            {"step": "csrs-client", "node": "n1", "attempt": 1, "status": "done", "at": NOON, "started_at": NOON}
            | {"report": {"verdicts": [{"name": f"csr-{n}", "action": "refuse", "code": "too_old", "why": "old"}]}}
        )
        for n in range(14)
    ]
    told = refused_words(records)
    assert len(told) == 11
    assert told[-1].startswith("4 more certificate requests")
