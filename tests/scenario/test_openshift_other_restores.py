"""Restores of OpenShift of one host alone, and the one that needs no backup: the quorum is lost, and one host has data.

Each is broken as the restores of three hosts are (test_openshift_restore_faults.py), at the steps that they have not.
"""

import sys
from collections.abc import Iterator

import pytest

from builders.openshift_node import RELEASES
from builders.openshift_scene import KEPT, MADE, OpenShiftScene, kept_members, openshift_scene
from builders.restore_faults import Deaths, Fault, Way
from builders.waiting import wait_for
from holdfast.errors import HoldfastError
from holdfast.local.machines.openshift.pods import DATA

pytestmark = pytest.mark.timeout(900)
# A step that ended while its host was away is found done when the run is resumed: that way comes last.
WAYS: tuple[Way, ...] = ("fails", "hangs", "stopped", "unreachable")
BEFORE = ("stop-etcd", "copy-data")
AFTER = ("quorum-restore", "etcd-alone", "api-back", "nodes-ready")


@pytest.fixture(scope="module")
def cases() -> Iterator[list[str]]:
    """What was broken, one line a fault."""
    told: list[str] = []
    yield told
    sys.stdout.write("\n".join((f"\nother restores of OpenShift: {len(told)} cases", *told, "")))


@pytest.mark.parametrize("generation", ["4.18", "4.4"])
def test_a_cluster_of_one_host_is_restored_although_the_function_dies_at_every_step(
    generation: str, tmp_path_factory: pytest.TempPathFactory, cases: list[str]
) -> None:
    with openshift_scene(tmp_path_factory.mktemp("single"), RELEASES[generation], 1) as scene:
        scene.change()
        steps = [step.name for step in scene.plan().steps if step.commands]
        # Nobody else is there to be stopped, and no guard to be turned off.
        assert not {"disable-etcd", "stop-etcd", "guard-off", "redeploy-etcd"} & set(steps)
        member = (scene.cluster.nodes[0].path(DATA) / "member").stat().st_ino
        deaths = Deaths()
        outcome = scene.restore_as_planned(deaths)
        assert outcome.status == "succeeded", outcome.error
        assert deaths.steps == steps
        scene.settle()
        assert scene.counts(MADE) == {0}
        assert scene.counts(KEPT) == {3}
        assert member in kept_members(scene.cluster.nodes[0])
        cases += [f"{generation}, one host: dies at {step}: went on by itself" for step in steps]


def count(scene: OpenShiftScene, prefix: str) -> int:
    """On the host that is left; -1 while it does not answer."""
    try:
        return scene.cluster.client().key_count(scene.cluster.endpoints[0], prefix)
    except HoldfastError:
        return -1


def fault(scene: OpenShiftScene, way: Way, step: str) -> Fault:
    return Fault(way, step, of="n1", late="n1", early="n1", cut=scene.cut)


def test_a_lost_quorum_comes_back_with_all_data_of_the_host_that_is_left(
    tmp_path_factory: pytest.TempPathFactory, cases: list[str]
) -> None:
    with openshift_scene(tmp_path_factory.mktemp("quorum")) as scene:
        scene.change()
        first, lost = scene.cluster.nodes[0], scene.cluster.nodes[1:]
        wait_for(lambda: count(scene, MADE) == 3, "all data on the first host", 10)
        for node in lost:
            node.stop()
        wait_for(lambda: no_leader(scene), "the loss of the quorum", 20)
        scene.purpose = {"quorum": True, "allow": ("no_emergency_snapshot",)}
        steps = [step.name for step in scene.plan().steps if step.commands]
        member = (first.path(DATA) / "member").stat().st_ino
        assert {*BEFORE, *AFTER} <= set(steps)
        for step in BEFORE:
            for way in WAYS:
                outcome = scene.restore_as_planned(fault(scene, way, step))
                assert outcome.error
                assert step in outcome.error.message
                if f"holdfast restore abort {outcome.run_id}" in outcome.error.hint:
                    scene.again(outcome.run_id, 2, "abort")
                first.wait_until_runs("etcd")
                assert (first.path(DATA) / "member").stat().st_ino == member
                cases.append(f"quorum: {way} at {step}: taken back")
        faults = [(way, step) for step in AFTER for way in WAYS]
        outcome = scene.restore_as_planned(fault(scene, *faults[0]))
        run = outcome.run_id
        for number, (way, step) in enumerate(faults, start=2):
            assert outcome.error
            assert step in outcome.error.message
            assert f"holdfast restore resume {run}" in outcome.error.hint
            cases.append(f"quorum: {way} at {step}: resumed")
            broken = fault(scene, *faults[number - 1]) if number <= len(faults) else Fault("fails", "none")
            outcome = scene.again(run, number, "resume", broken)
        assert outcome.status == "succeeded", outcome.error
        # Nothing that was acknowledged is lost: the quorum restore needs no backup, and goes back to none.
        assert count(scene, MADE) == 3
        assert count(scene, KEPT) == 0
        assert [each.name for each in scene.cluster.client().facts().members] == [first.name]
        assert len(list(first.path("/var/lib/holdfast-old").glob("*/**/member"))) > 0


def no_leader(scene: OpenShiftScene) -> bool:
    try:
        return {each.leader_id for each in scene.cluster.client().facts().statuses} == {"0"}
    except HoldfastError:
        return True
