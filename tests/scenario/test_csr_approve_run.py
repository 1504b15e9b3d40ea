"""`holdfast csr approve` as one run, from Started to Report, over a double of a control-plane host behind a real sshd:
what passes the checks is approved in two waves, the rest is named, and a run that ends in between is resumed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from builders.csrs import W1, W2, client, pem, serving, subject_of
from builders.node_services import CLUSTER
from builders.openshift_csrs import Joining
from builders.openshift_scene import OpenShiftScene, openshift_scene
from builders.restore_faults import Fault, Run
from builders.restore_machine import ChangeMachine, Killed, Stopped
from holdfast.engine.csrs import look_at_csrs
from holdfast.engine.restore.approving import decline
from holdfast.engine.restore.journal import Journal
from holdfast.engine.restore.stored import run_of
from holdfast.engine.services import Services
from holdfast.models.command import Command, CommandResult
from holdfast.models.restore import ChangeRun, RestorePlan
from holdfast.models.run import Outcome
from holdfast.transports.base import Running

pytestmark = pytest.mark.timeout(300)
NOTHING = Fault("fails", "none")
FIRST, SECOND, UNKNOWN, THIEF = "csr-a-worker-1", "csr-b-worker-1", "csr-unknown", "csr-thief"
REFUSED = [
    f"the certificate request {name} was not approved: {why}"
    for name, why in (
        (UNKNOWN, "there is no node worker-9, no Machine waits for it, and nobody named it"),
        (THIEF, "192.0.2.11 is no name or address of worker-2"),
    )
]
# A kubelet here asks at once when its first certificate is signed; a wave waits so long for it.
PATIENCE_S = "20"


@pytest.fixture(scope="module")
def joining(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joining]:
    with openshift_scene(tmp_path_factory.mktemp("joining"), members=1) as scene:
        scene.purpose = {"csrs": True}
        yield Joining(scene)


@pytest.fixture(autouse=True)
def waiting(joining: Joining) -> None:
    """A machine that comes back, one that nobody knows, and a node that would like to be taken for another."""
    joining.clear(W1, W2)
    now = datetime.now(UTC)
    stolen = pem(subject_of("worker-2"), ["worker-2"], ["192.0.2.11"])
    joining.ask(
        client("worker-1", FIRST, at=now),
        client("worker-9", UNKNOWN, at=now),
        serving(W2, THIEF, request=stolen, at=now),
    )


@pytest.fixture
def scene(joining: Joining) -> OpenShiftScene:
    """With a plan that Started made, whose first wave waits a little for the kubelet."""
    planned = joining.scene.plan()
    joining.scene.first = patient(planned)
    return joining.scene


def patient(plan: RestorePlan) -> RestorePlan:
    first, *others = plan.steps
    (command,) = first.commands
    longer = command.model_copy(update={"values": command.values | {"quiet_s": PATIENCE_S}})
    return plan.model_copy(update={"steps": (first.model_copy(update={"commands": (longer,)}), *others)})


@dataclass
class Cut(Fault):
    """Around the round that is the first to approve something: `after` it was at work on the host, or before. Stopped
    is the execution's end; Killed is the function's, which is called once more."""

    way: str = "stopped"  # type: ignore[assignment]
    step: str = "csrs-client"
    after: bool = False

    def run(self, node: str, command: Command, run: Run) -> Running | CommandResult:
        if self.met or not command.values.get("approve"):
            return run(command)
        self.met.append(node)
        while self.after and not isinstance(run(command), CommandResult):
            time.sleep(0.05)
        raise Stopped if self.way == "stopped" else Killed


def both_waves_are_done(joining: Joining, outcome: Outcome) -> None:
    assert outcome.status == "succeeded", outcome.error
    assert outcome.job == "approve-csrs"
    assert joining.approvals == [[FIRST], [SECOND]]
    assert joining.approved() == {FIRST, SECOND}
    assert [each for each in outcome.warnings if "certificate request" in each] == REFUSED
    services = joining.scene.services
    assert services.notifier.outcomes[-1] == outcome
    assert services.leases.holder(CLUSTER) is None


def test_good_requests_are_approved_in_two_waves_and_bad_ones_are_named(
    joining: Joining, scene: OpenShiftScene
) -> None:
    with joining.kubelet(W1, FIRST, SECOND):
        outcome = scene.restore_as_planned(NOTHING)
    both_waves_are_done(joining, outcome)
    journal = Journal(scene.services, run_of(scene.services.runs.get(CLUSTER, outcome.run_id)))
    approved = {
        step: [name for each in journal.records_of([step]) for name in each.report["approved"]]
        for step in ("csrs-client", "csrs-serving")
    }
    assert approved == {"csrs-client": [FIRST], "csrs-serving": [SECOND]}


def test_a_plan_that_is_declined_approves_nothing(joining: Joining) -> None:
    def declined(services: Services, run: ChangeRun) -> None:
        decline(services, run.cluster_id, run.run_id, declined_by="ops")

    scene = joining.scene
    machine = ChangeMachine(scene.services, on_wait=scene.wait, approve=declined)
    outcome = machine.execute(scene.name(), scene.request())
    assert outcome.error
    assert (outcome.status, outcome.error.code) == ("refused", "approval_declined")
    assert "Nothing was changed." in outcome.error.hint
    assert (joining.approvals, joining.approved()) == ([], set())
    assert scene.services.leases.holder(CLUSTER) is None


@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_is_stopped_between_decision_and_approval_goes_on_when_it_is_resumed(
    joining: Joining, scene: OpenShiftScene, *, after: bool
) -> None:
    cut = Cut(after=after)
    with joining.kubelet(W1, FIRST, SECOND):
        stopped = scene.restore_as_planned(cut)
        assert cut.met
        assert stopped.error
        assert f"holdfast restore resume {stopped.run_id}" in stopped.error.hint
        assert joining.approvals == ([[FIRST]] if after else [])
        assert scene.services.leases.holder(CLUSTER) is None
        outcome = scene.again(stopped.run_id, 2, "resume")
    both_waves_are_done(joining, outcome)


def test_a_function_that_dies_before_it_notes_an_approval_is_called_again(
    joining: Joining, scene: OpenShiftScene
) -> None:
    cut = Cut(way="killed", after=True)
    with joining.kubelet(W1, FIRST, SECOND):
        outcome = scene.restore_as_planned(cut)
    assert cut.met
    both_waves_are_done(joining, outcome)


def test_what_waits_is_listed_with_its_verdicts_and_nothing_is_approved(joining: Joining) -> None:
    services = joining.scene.services
    found = look_at_csrs(
        services, services.clusters.get(CLUSTER), "csrs-1", wait=lambda pending: joining.scene.wait(pending.wait_s)
    )
    told = {each.name: (each.action, each.code, each.node) for each in found.requests}
    assert told == {
        FIRST: ("approve", "returns", "worker-1"),
        UNKNOWN: ("refuse", "node_unknown", "worker-9"),
        THIEF: ("refuse", "names_differ", "worker-2"),
    }
    assert (found.host, found.not_ready) == ("n1", ("worker-1",))
    assert joining.approvals == []
    assert services.leases.holder(CLUSTER) is None
