"""A restore of OpenShift that is broken at every step in turn, in every way, over doubles of its hosts with a real etcd
(builders/openshift_scene.py), for the newest procedure of its vendor and for the oldest one.

Before the point of no return a run goes back by itself, or is taken back as its operator was told. After it one run is
resumed again and again: it comes to each step as often as there are ways to break it, and at its end the cluster is
what the backup was. Steps that both procedures have are broken in the newer one. After every single fault: the lease is
free, the operator was told the step and the command, no data directory is gone, and no secret lies on a host.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from builders.node_services import CLUSTER
from builders.openshift_node import RELEASES, OpenShiftNode
from builders.openshift_scene import KEPT, MADE, OpenShiftScene, kept_members, openshift_scene
from builders.restore_faults import Fault, Way
from builders.waiting import wait_for
from holdfast.local.machines.openshift.layout import MANIFESTS
from holdfast.local.machines.openshift.pods import COMPONENTS, DATA
from holdfast.local.machines.openshift.seed import CUSTOM, named
from holdfast.models.etcd import EtcdFacts
from holdfast.models.restore import RestoreStep
from holdfast.models.run import Outcome

LONG_S = 1200
WAYS: tuple[Way, ...] = ("fails", "hangs", "unreachable", "stopped")
# By the generation: what is broken before the vendor's script runs, and from it on.
BEFORE = {
    "4.18": ("check-hosts", "fetch", "fetch-bundle", "save-old", "disable-etcd"),
    "4.4": ("stop-etcd", "stop-api", "stop-controllers", "put-data-aside"),
}
AFTER = {
    "4.18": (
        *("cluster-restore", "etcd-alone", "api-back", "csrs-client", "csrs-serving", "guard-off", "wait-stable"),
        *("guard-on", "tidy", "last-csrs-client", "last-csrs-serving", "members-settled", "nodes-ready", "pods-back"),
    ),
    "4.4": (
        *("cluster-restore", "restart-kubelets", "redeploy-etcd", "redeploy-kubeapiserver"),
        *("redeploy-kubecontrollermanager", "redeploy-kubescheduler"),
    ),
}
SECRETS = ("secrets", "private.pem", "sealed", "pass")


@pytest.fixture(scope="module", params=["4.18", "4.4"])
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def scene(generation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftScene]:
    with openshift_scene(tmp_path_factory.mktemp("openshift"), RELEASES[generation]) as made:
        made.change()
        made.plan()
        yield made


@pytest.fixture(autouse=True)
def between(scene: OpenShiftScene) -> Iterator[None]:
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
    """A cluster as it is: `members` are inodes of data directories, one a host; `hash` is HashKV at `revision`."""

    facts: EtcdFacts
    members: tuple[int, ...]
    manifests: tuple[dict[str, str], ...]
    revision: int
    hash: int


def seen(scene: OpenShiftScene) -> Before:
    facts = scene.cluster.client().facts()
    revision = min(status.revision for status in facts.statuses)
    (found,) = {scene.cluster.client().hash_kv(each, revision).hash for each in scene.cluster.endpoints}
    nodes = scene.cluster.nodes
    members = tuple((node.path(DATA) / "member").stat().st_ino for node in nodes)
    return Before(facts, members, tuple(map(manifests, nodes)), revision, found)


def manifests(node: OpenShiftNode) -> dict[str, str]:
    return {path.name: path.read_text() for path in node.path(MANIFESTS).iterdir()}


def is_as_it_was(scene: OpenShiftScene, before: Before) -> None:
    scene.settle()
    facts = scene.cluster.client().facts()
    assert facts.cluster_id == before.facts.cluster_id
    assert {each.member_id for each in facts.members} == {each.member_id for each in before.facts.members}
    now = {scene.cluster.client().hash_kv(each, before.revision).hash for each in scene.cluster.endpoints}
    assert now == {before.hash}
    for node, member, files in zip(scene.cluster.nodes, before.members, before.manifests, strict=True):
        assert (node.path(DATA) / "member").stat().st_ino == member
        assert manifests(node) == files
        assert [path for each in node.path("/etc/kubernetes").glob("holdfast-*") for path in each.iterdir()] == []
    nothing_is_left(scene)


def is_restored(scene: OpenShiftScene, before: Before) -> None:
    scene.settle()
    assert scene.counts(MADE) == {0}
    assert scene.counts(KEPT) == {3}
    assert scene.cluster.client().facts().cluster_id != before.facts.cluster_id
    wait_for(lambda: everything_runs(scene), "every container on every host", 30)
    assert guard(scene) == {}
    nothing_is_left(scene)
    # One would stand for a run that has not ended, and the next restore be refused.
    aside = [path for node in scene.cluster.nodes for path in node.path("/etc/kubernetes").glob("holdfast-*/*")]
    assert aside == []


def everything_runs(scene: OpenShiftScene) -> bool:
    return all(node.runs(name) for node in scene.cluster.nodes for name in COMPONENTS)


def guard(scene: OpenShiftScene) -> dict[str, bool]:
    assert scene.operators
    spec = scene.operators.api.answering().get(named(CUSTOM["etcd"]), "", "cluster")["spec"]
    return dict(spec.get("unsupportedConfigOverrides") or {})


def nothing_is_left(scene: OpenShiftScene) -> None:
    """No copy of the pair, no step that goes on."""
    for node in scene.cluster.nodes:
        assert list(node.path("/home/core").glob("holdfast-*")) == []
        assert [line for line in node.command_lines() if line.endswith("sh ./script")] == []


def holds_after_any_fault(scene: OpenShiftScene, before: Before, outcome: Outcome, step: str) -> None:
    """Whatever was broken, and wherever."""
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert scene.services.notifier.outcomes[-1] == outcome
    assert step in outcome.error.message, outcome.error
    assert outcome.error.hint
    assert scene.services.leases.holder(CLUSTER) is None
    for node, member in zip(scene.cluster.nodes, before.members, strict=True):
        assert member in kept_members(node)
        assert secrets_on(node) == []


def secrets_on(node: OpenShiftNode) -> list[str]:
    """Files of secrets, presigned URLs in files, and either in the arguments of processes."""
    below = ("/var/lib/holdfast*", "/var/log", "/tmp", "/etc/kubernetes/holdfast-*", "/home/core/holdfast-*")
    folders = [path for each in below for path in node.root.glob(each.lstrip("/"))]
    small = [path for each in folders for path in each.rglob("*") if path.is_file() and path.stat().st_size < 1 << 20]
    found = [str(path) for path in small if path.name in SECRETS or b"X-Amz-Signature" in path.read_bytes()]
    return found + [line for line in node.command_lines() if "X-Amz-Signature" in line]


def fault(scene: OpenShiftScene, way: Way, step: str) -> Fault:
    nodes = [each.node for each in planned(scene, step).commands]
    return Fault(way, step, of=nodes[-1], late=nodes[0], early=nodes[-1], cut=scene.cut)


def planned(scene: OpenShiftScene, step: str) -> RestoreStep:
    return next(each for each in scene.plan().steps if each.name == step)


@pytest.mark.timeout(LONG_S)
def test_before_the_vendor_s_script_runs_the_cluster_is_as_it_was_whatever_broke(
    scene: OpenShiftScene, generation: str, cases: list[str]
) -> None:
    for step in BEFORE[generation]:
        for way in WAYS:
            before = seen(scene)
            broken = fault(scene, way, step)
            outcome = scene.restore_as_planned(broken)
            assert broken.met
            holds_after_any_fault(scene, before, outcome, step)
            assert outcome.error
            if f"holdfast restore abort {outcome.run_id}" in outcome.error.hint:
                taken_back = scene.again(outcome.run_id, 2, "abort")
                assert taken_back.error
                assert taken_back.error.code == "run_aborted"
            is_as_it_was(scene, before)
            scene.forget()
            cases.append(f"{generation}: {way} at {step}: taken back")


@pytest.mark.timeout(LONG_S)
def test_one_run_comes_to_the_end_although_every_step_of_it_breaks_in_every_way(
    scene: OpenShiftScene, generation: str, cases: list[str]
) -> None:
    before = seen(scene)
    faults = [(way, step) for step in AFTER[generation] for way in WAYS]
    broken = fault(scene, *faults[0])
    outcome = scene.restore_as_planned(broken)
    run = outcome.run_id
    for number, (way, step) in enumerate(faults, start=2):
        assert broken.met, f"{way} at {step} did not come: {outcome.error}"
        holds_after_any_fault(scene, before, outcome, step)
        assert outcome.error
        assert f"holdfast restore resume {run}" in outcome.error.hint
        cases.append(f"{generation}: {way} at {step}: resumed")
        following = faults[number - 1] if number <= len(faults) else None
        broken = fault(scene, *following) if following else Fault("fails", "none")
        outcome = scene.again(run, number, "resume", broken)
    assert outcome.status == "succeeded", outcome.error
    is_restored(scene, before)


def test_the_number_of_cases_is_told(cases: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        told = (f"\nOpenShift restore faults: {len(cases)} cases", *(f"  {case}" for case in cases), "")
        sys.stdout.write("\n".join(told))
