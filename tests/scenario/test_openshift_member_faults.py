"""A member of OpenShift's etcd is replaced, and that is broken at every step in turn, in every way: on machines that
stand for its hosts, with real members and the double of its operators (builders/openshift_replaced.py).

Before the member leaves the list a run goes back by itself, or by abort; after it, a resumed run goes on. One
replacement has every fault at each of its steps, one after the other. After every fault: the lease is free, the
operator was told the step and the command, no data are gone, and a member that is left still has what was written.
"""

import re
import sys
from collections.abc import Iterator

import pytest

from builders.node_services import CLUSTER
from builders.openshift_replaced import ReplaceScene, StepFault, kept_on, replace_scene
from builders.restore_faults import Way
from builders.waiting import wait_for
from holdfast.local.machines.openshift.layout import MANIFESTS
from holdfast.local.machines.openshift.pods import DATA
from holdfast.local.machines.openshift.seed import named
from holdfast.models.run import Outcome

# Each way, and whether the work of the step is done when it comes.
WAYS: tuple[tuple[Way, bool], ...] = (("fails", False), ("fails", True), ("hangs", False), ("stopped", False))
MIDDLE = ("remove-member", "guard-off", "delete-secrets")
END = ("rejoin", "members-settled", "guard-on")
ADVICE = re.compile(r"holdfast restore (resume|abort) (restore-\d+)")
WRITTEN = "/kubernetes.io/configmaps/kept/"
# Some sixty faults, each a few seconds; a machine that does other things too may need many.
LONG_S = 1800
pytestmark = pytest.mark.timeout(LONG_S)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplaceScene]:
    with replace_scene(tmp_path_factory.mktemp("openshift")) as made:
        made.hosts.writer().put_many([(f"{WRITTEN}{number}".encode(), b"{}") for number in range(3)])
        yield made


@pytest.fixture(scope="module")
def cases() -> list[str]:
    """What was broken, one line a fault."""
    return []


def after_any_fault(scene: ReplaceScene, outcome: Outcome, step: str, helper: str) -> None:
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert scene.services.notifier.outcomes[-1] == outcome
    assert step in outcome.error.message, outcome.error
    assert scene.services.leases.holder(CLUSTER) is None
    assert written(scene, helper) == 3


def written(scene: ReplaceScene, host: str) -> int:
    """What a member has, whatever the others do; it may just be restarting."""
    found: list[int] = []

    def told() -> bool:
        client = scene.hosts.client(host)
        found.append(client.key_count(scene.hosts.node(host).host.client_url, WRITTEN))
        return True

    wait_for(lambda: scene.quietly(told), f"the member on {host}", 60)
    return found[-1]


def helper_of(scene: ReplaceScene) -> str:
    assert scene.first
    return scene.first.step("still-lost").commands[0].node


def broken_before(scene: ReplaceScene, steps: tuple[str, ...], cases: list[str]) -> None:
    """Whatever goes wrong in these, the cluster is as it was."""
    before, members = scene.nodes(), scene.member_names()
    for step in steps:
        for way, late in WAYS:
            fault = StepFault(way, step, cut=scene.cut, worked=late)
            outcome = scene.replace(fault)
            assert fault.met, f"{way} at {step} did not come: {outcome.error}"
            after_any_fault(scene, outcome, step, helper_of(scene))
            if way == "stopped":
                assert outcome.error
                assert f"holdfast restore abort {outcome.run_id}" in outcome.error.hint
                scene.again(outcome.run_id, 2, "abort")
            assert (scene.nodes(), scene.member_names()) == (before, members)
            assert scene.guard_is_on()
            assert [path for node in scene.hosts.nodes for path in kept_on(node)] == []
            cases.append(f"{way}{' late' if late else ''} at {step}: taken back")


def broken_after(scene: ReplaceScene, steps: tuple[str, ...], cases: list[str]) -> Outcome:
    """Every fault at each of these, one after the other, in one run; its end."""
    faults = [StepFault(way, step, cut=scene.cut, worked=late) for step in steps for way, late in WAYS]
    outcome = scene.replace(faults[0])
    for number, (fault, following) in enumerate(zip(faults, [*faults[1:], None], strict=True), start=2):
        told = f"{fault.way}{' late' if fault.worked else ''} at {fault.step}"
        assert fault.met, f"{told} did not come: {outcome.error}"
        after_any_fault(scene, outcome, fault.step, helper_of(scene))
        assert outcome.error
        assert ADVICE.findall(outcome.error.hint)[0] == ("resume", outcome.run_id)
        cases.append(f"{told}: resumed")
        outcome = scene.again(outcome.run_id, number, "resume", following)
    return outcome


def is_replaced(scene: ReplaceScene, names: set[str]) -> None:
    assert scene.nodes() == names
    assert scene.member_names() == names
    assert scene.guard_is_on()
    scene.hosts.wait_until_healthy()
    assert {written(scene, name) for name in names} == {3}


def test_a_crashing_member_is_replaced_on_its_own_node(scene: ReplaceScene, cases: list[str]) -> None:
    node = scene.hosts.node("master-2")
    scene.break_etcd("master-2")
    data = (node.path(DATA) / "member").stat().st_ino
    broken_before(scene, ("still-lost", "stop-etcd", "put-data-aside"), cases)
    assert (node.path(DATA) / "member").stat().st_ino == data
    assert node.path(f"{MANIFESTS}/etcd-pod.yaml").exists()
    outcome = broken_after(scene, (*MIDDLE, *END), cases)
    assert outcome.status == "succeeded", outcome.error
    is_replaced(scene, {"master-0", "master-1", "master-2"})
    assert data in {path.stat().st_ino for path in node.path("/var/lib/holdfast-old").glob("*/etcd/member")}


def test_a_lost_machine_is_replaced_by_one_of_its_own_manifest(scene: ReplaceScene, cases: list[str]) -> None:
    scene.forget()
    scene.lose_host("master-2")
    broken_before(scene, ("still-lost", "save-machine"), cases)
    outcome = broken_after(scene, (*MIDDLE, "delete-machine", "create-machine", *END), cases)
    assert outcome.status == "succeeded", outcome.error
    is_replaced(scene, {"master-0", "master-1", "master-3"})
    assert scene.machines() == {"test-x7k2p-master-0", "test-x7k2p-master-1", "test-x7k2p-master-3"}
    made = scene.api.get(named("machine"), "openshift-machine-api", "test-x7k2p-master-3")
    assert made["status"]["nodeRef"]["name"] == "master-3"


def test_the_number_of_cases_is_told(cases: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        told = (f"\nreplacements on OpenShift: {len(cases)} fault cases", *(f"  {case}" for case in cases), "")
        sys.stdout.write("\n".join(told))
