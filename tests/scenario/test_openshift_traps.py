"""What is known to go wrong with restores of OpenShift by its vendor's scripts, each as it would happen on a host.

The hosts are doubles that behave so (tests/contract/test_openshift_machines.py holds them to it); here it is what
Holdfast makes of it.
"""

from collections.abc import Iterator

import pytest

from builders.openshift_node import OpenShiftNode, oc
from builders.openshift_scene import KEPT, MADE, OpenShiftScene, openshift_scene
from builders.restore_faults import Fault
from builders.waiting import wait_for
from holdfast.local.machines.openshift.pods import DATA
from holdfast.models.restore import RestorePlan

pytestmark = pytest.mark.timeout(600)
NOTHING = Fault("fails", "none")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftScene]:
    with openshift_scene(tmp_path_factory.mktemp("traps")) as made:
        made.change()
        made.plan()
        yield made


@pytest.fixture(autouse=True)
def between(scene: OpenShiftScene) -> Iterator[None]:
    planned = scene.plan()
    scene.heal()
    scene.clear_archives()
    scene.change()
    yield
    scene.first = planned


def with_values(plan: RestorePlan, step: str, **values: str) -> RestorePlan:
    """The same plan, with variables of one step changed."""
    steps = []
    for each in plan.steps:
        commands = tuple(one.model_copy(update={"values": one.values | values}) for one in each.commands)
        steps.append(each.model_copy(update={"commands": commands}) if each.name == step else each)
    return plan.model_copy(update={"steps": tuple(steps)})


def recovery(scene: OpenShiftScene) -> OpenShiftNode:
    (step,) = [each for each in scene.plan().steps if each.name == "cluster-restore"]
    return scene.host(step.commands[0].node)


def ids(node: OpenShiftNode, name: str) -> list[str]:
    return node.run("crictl", "ps", "--name", f"^{name}$", "-q").split()


def is_restored(scene: OpenShiftScene) -> bool:
    scene.settle()
    return scene.counts(MADE) == {0} and scene.counts(KEPT) == {3}


def test_a_script_that_waits_without_end_is_ended_and_what_it_waits_for_is_told(scene: OpenShiftScene) -> None:
    """cluster-restore.sh loops until its containers are gone, however long that takes."""
    host = recovery(scene)
    host.hold("etcd-metrics")
    scene.first = with_values(scene.plan(), "cluster-restore", limit_s="20")
    outcome = scene.restore_as_planned(NOTHING)
    assert outcome.error
    assert outcome.error.code == "openshift_script_hangs"
    assert "etcd" in outcome.error.message
    assert f"holdfast restore resume {outcome.run_id}" in outcome.error.hint
    host.hold("etcd-metrics", on=False)
    resumed = scene.again(outcome.run_id, 2, "resume")
    assert resumed.status == "succeeded", resumed.error
    assert is_restored(scene)


def test_a_stray_file_beside_the_data_is_met_before_anything_stops(scene: OpenShiftScene) -> None:
    """The vendor's own check comes when etcd is down already."""
    host = recovery(scene)
    before = ids(host, "etcd")
    stray = host.write(f"{DATA}/snapshot-of-last-year.db", "x")
    refused = scene.machine().execute(scene.name(), scene.request())
    assert refused.error
    assert refused.error.code == "openshift_data_stray"
    assert "snapshot-of-last-year.db" in refused.error.message
    late = scene.restore_as_planned(NOTHING)
    stray.unlink()
    assert late.error
    assert "check-hosts" in late.error.message
    assert "snapshot-of-last-year.db" in late.error.message
    assert [ids(node, "etcd") for node in scene.cluster.nodes if node is host] == [before]
    scene.settle()
    assert scene.counts(MADE) == {3}


def test_a_host_that_returns_soon_is_a_member_again_by_itself(scene: OpenShiftScene) -> None:
    """So there is nothing to replace, and a replacement is refused while it may still return."""
    lost = scene.cluster.nodes[2]
    lost.stop()
    wait_for(lambda: "NotReady" in oc(scene.cluster.nodes[0], "get", "node", lost.name), "the node's lease", 30)
    lost.start()
    scene.settle()
    assert len(scene.cluster.client().facts().statuses) == 3
