"""A restore of three members that is broken at every step in turn, in every way, on real nodes (builders/restored.py).

Before the point of no return a run goes back by itself, or is taken back as its operator was told; after it, a resumed
run goes on. Resumed runs come to the next step and are broken there, so that one restore has a fault at each of its
steps; at its end the cluster is what the backup was. After every single fault: the lease is free, the operator was told
the step and the command, no data directory is gone, and no secret lies on a node.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from builders.kubeadm_node import DATA, KubeadmNode
from builders.node_services import CLUSTER
from builders.restore_faults import STARTS, Deaths, Fault, Way
from builders.restored import KEPT, MADE, RestoreScene, members_of, restore_scene
from builders.waiting import wait_for
from holdfast.local.machines.kubeadm_files import MANIFESTS
from holdfast.models.etcd import EtcdFacts
from holdfast.models.run import Outcome

# Those that can be taken back, in their order; the next one is the point of no return.
BEFORE = ("stop-api", "stop-etcd", "fetch", "rebuild")
AFTER = ("swap", "start-etcd", "etcd-ready", "count-keys", "start-api", "start-controllers", "restart-kubelet")
LAST = ("tidy", "node-ready", "write-watch")
# Steps of one node only.
ON_N1 = ("count-keys", "write-watch")
# A test of fourteen faults takes a minute; a machine that does other things too may need many.
LONG_S = 900
ADVICE = re.compile(r"holdfast restore (resume|abort) (restore-\d+)")
SECRETS = ("secrets", "private.pem", "sealed", "pass")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestoreScene]:
    with restore_scene(tmp_path_factory.mktemp("restore")) as made:
        made.plan()
        yield made


@pytest.fixture(autouse=True)
def between(scene: RestoreScene) -> Iterator[None]:
    scene.heal()
    scene.change()
    yield
    scene.forget()


@pytest.fixture(scope="module")
def cases() -> list[str]:
    """What was broken, one line a fault."""
    return []


@dataclass(frozen=True)
class Before:
    """A cluster as it is: `members` are inodes of data directories, one a node; `hash` is HashKV at `revision`."""

    facts: EtcdFacts
    members: tuple[int, ...]
    manifests: tuple[dict[str, str], ...]
    revision: int
    hash: int


def seen(scene: RestoreScene) -> Before:
    facts = scene.cluster.client().facts()
    revision = min(status.revision for status in facts.statuses)
    (found,) = {scene.cluster.client().hash_kv(each, revision).hash for each in scene.cluster.endpoints}
    nodes = scene.cluster.nodes
    members = tuple((node.path(DATA) / "member").stat().st_ino for node in nodes)
    return Before(facts, members, tuple(map(manifests, nodes)), revision, found)


def manifests(node: KubeadmNode) -> dict[str, str]:
    return {path.name: path.read_text() for path in node.path(MANIFESTS).iterdir()}


def is_as_it_was(scene: RestoreScene, before: Before) -> None:
    scene.cluster.wait_until_healthy()
    facts = scene.cluster.client().facts()
    assert facts.cluster_id == before.facts.cluster_id
    assert {each.member_id for each in facts.members} == {each.member_id for each in before.facts.members}
    now = {scene.cluster.client().hash_kv(each, before.revision).hash for each in scene.cluster.endpoints}
    assert now == {before.hash}
    for node, member, files in zip(scene.cluster.nodes, before.members, before.manifests, strict=True):
        assert (node.path(DATA) / "member").stat().st_ino == member
        assert manifests(node) == files
    wait_for(lambda: everything_runs(scene), "every container on every node", 20)
    nothing_is_left(scene)


def is_restored(scene: RestoreScene, before: Before) -> None:
    assert scene.counts(MADE) == {0}
    assert scene.counts(KEPT) == {3}
    plan = scene.plan()
    live = {scene.cluster.client().hash_kv(each, plan.revision).hash for each in scene.cluster.endpoints}
    assert live == {plan.hash_kv}
    assert scene.cluster.client().facts().cluster_id != before.facts.cluster_id
    assert [manifests(node) for node in scene.cluster.nodes] == list(before.manifests)
    assert everything_runs(scene)
    nothing_is_left(scene)


def everything_runs(scene: RestoreScene) -> bool:
    names = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    return all(node.runs(name) for node in scene.cluster.nodes for name in names)


def nothing_is_left(scene: RestoreScene) -> None:
    """No copy of the database but the data themselves, no manifest aside, no step that goes on."""
    for node in scene.cluster.nodes:
        copies = [each for name in ("snapshot.db*", "new*", "files*") for each in kept(node, name)]
        assert copies == []
        assert list(node.path("/etc/kubernetes").glob("holdfast-*")) == []
        assert [line for line in node.command_lines() if line.endswith("sh ./script")] == []


def kept(node: KubeadmNode, name: str) -> list[Path]:
    return [*node.path(DATA).parent.glob(f"etcd.holdfast-*/{name}")]


def holds_after_any_fault(scene: RestoreScene, before: Before, outcome: Outcome, step: str) -> None:
    """Whatever was broken, and wherever."""
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert scene.services.notifier.outcomes[-1] == outcome
    assert step in outcome.error.message, outcome.error
    assert outcome.error.hint
    assert scene.services.leases.holder(CLUSTER) is None
    for node, member in zip(scene.cluster.nodes, before.members, strict=True):
        assert member in members_of(node)
        assert secrets_on(node) == []


def secrets_on(node: KubeadmNode) -> list[str]:
    """Files of secrets, presigned URLs in files, and either in the arguments of processes."""
    below = ("/var/lib/holdfast", "/var/log", "/tmp", "/etc/kubernetes/holdfast-*", "/var/lib/etcd.holdfast-*")
    folders = [path for each in below for path in node.root.glob(each.lstrip("/"))]
    small = [path for each in folders for path in each.rglob("*") if path.is_file() and path.stat().st_size < 1 << 20]
    found = [str(path) for path in small if path.name in SECRETS or b"X-Amz-Signature" in path.read_bytes()]
    return found + [line for line in node.command_lines() if "X-Amz-Signature" in line]


def advice(outcome: Outcome) -> tuple[str, str] | None:
    """What the operator is told to type, at its first mention."""
    assert outcome.error is not None
    found = ADVICE.search(outcome.error.hint)
    return (found[1], found[2]) if found else None


def fault(scene: RestoreScene, way: Way, step: str) -> Fault:
    return Fault(way, step, of="n1" if step in ON_N1 else "n2", cut=scene.cut)


@pytest.mark.parametrize("step", BEFORE)
@pytest.mark.parametrize("way", ["fails", "hangs", "unreachable"])
def test_before_the_point_of_no_return_the_cluster_is_as_it_was(
    way: Way, step: str, scene: RestoreScene, cases: list[str]
) -> None:
    before = seen(scene)
    broken = fault(scene, way, step)
    outcome = scene.restore_as_planned(broken)
    assert broken.met
    holds_after_any_fault(scene, before, outcome, step)
    if told := advice(outcome):
        how, run = told
        assert (how, way) == ("abort", "unreachable")
        taken_back = scene.again(run, 2, how)
        assert taken_back.error
        assert taken_back.error.code == "run_aborted"
    is_as_it_was(scene, before)
    cases.append(f"{way} at {step}: taken back")


@pytest.mark.parametrize("step", BEFORE)
def test_a_run_that_was_stopped_before_it_is_taken_back_by_abort(
    step: str, scene: RestoreScene, cases: list[str]
) -> None:
    before = seen(scene)
    outcome = scene.restore_as_planned(fault(scene, "stopped", step))
    holds_after_any_fault(scene, before, outcome, step)
    assert outcome.error
    assert f"holdfast restore abort {outcome.run_id}" in outcome.error.hint
    scene.again(outcome.run_id, 2, "abort")
    is_as_it_was(scene, before)
    cases.append(f"stopped at {step}: aborted")


@pytest.mark.timeout(LONG_S)
@pytest.mark.parametrize("way", ["fails", "hangs", "unreachable", "stopped"])
def test_a_resumed_run_goes_on_to_the_end_whatever_step_it_broke_at(
    way: Way, scene: RestoreScene, cases: list[str]
) -> None:
    """Stops are met from the first step on; what else breaks there goes back instead."""
    steps = [*(BEFORE if way == "stopped" else ()), *AFTER, *LAST]
    before = seen(scene)
    broken = fault(scene, way, steps[0])
    outcome = scene.restore_as_planned(broken)
    run = outcome.run_id
    for number, (step, following) in enumerate(zip(steps, [*steps[1:], "none"], strict=True), start=2):
        assert broken.met, f"{way} at {step} did not come: {outcome.error}"
        holds_after_any_fault(scene, before, outcome, step)
        assert advice(outcome) == ("resume", run)
        broken = fault(scene, way, following)
        outcome = scene.again(run, number, "resume", broken)
        cases.append(f"{way} at {step}: resumed")
    assert outcome.status == "succeeded", outcome.error
    is_restored(scene, before)


@pytest.mark.timeout(LONG_S)
def test_a_function_that_dies_at_every_step_after_its_command_ran_repeats_none(
    scene: RestoreScene, cases: list[str]
) -> None:
    before = seen(scene)
    deaths = Deaths()
    outcome = scene.restore_as_planned(deaths)
    assert outcome.status == "succeeded", outcome.error
    assert deaths.steps == [*BEFORE, *AFTER, *LAST]
    for node in scene.cluster.nodes:
        begun = node.path(STARTS).read_text().split()
        assert begun == [step for step in deaths.steps if node.name == "n1" or step not in ON_N1]
    is_restored(scene, before)
    for node, member in zip(scene.cluster.nodes, before.members, strict=True):
        assert member in members_of(node)
        assert secrets_on(node) == []
    assert scene.services.leases.holder(CLUSTER) is None
    cases += [f"dies at {step}: went on by itself" for step in deaths.steps]


def test_the_number_of_cases_is_told(cases: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write("\n".join((f"\nrestore faults: {len(cases)} cases", *(f"  {case}" for case in cases), "")))
