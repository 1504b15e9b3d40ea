"""What speaks against a restore: each guardrail alone, and which of them an operator may lift."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders.etcd_facts import etcd_facts, member, status
from builders.restore_shapes import (
    NOW,
    PKI,
    RAW_SIZE,
    VERSION,
    Shape,
    backup,
    bundle,
    facts,
    request,
    seen,
    spec,
    survey,
)
from holdfast.models.etcd import EndpointFailure
from holdfast.models.node import Certificate
from holdfast.models.restore import RestoreMode
from holdfast.planning.restore_findings import LIFTABLE, emergency_findings, restore_findings
from holdfast.planning.restore_node_checks import LOG_BYTES
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen

SHAPE = Shape()
HEALTHY = etcd_facts(*(status(number, version=VERSION) for number in (1, 2, 3)))
DAY = timedelta(days=1)


def found(
    before: RestoreSeen | None = None,
    chosen: ChosenBackup | None = None,
    mode: RestoreMode = "etcd",
    shape: Shape = SHAPE,
    allow: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    return [
        (finding.level, finding.code)
        for finding in restore_findings(
            spec(shape), before or seen(shape), chosen or backup(shape), request(mode, allow=allow), NOW
        )
    ]


def with_facts(node: str = "n2", shape: Shape = SHAPE, **changes: Any) -> RestoreSeen:
    before = seen(shape)
    return replace(before, facts={**before.facts, node: facts(survey(shape, node), **changes)})


def with_survey(node: str = "n2", shape: Shape = SHAPE, **changes: Any) -> RestoreSeen:
    before = seen(shape)
    surveys = tuple(each.model_copy(update=changes) if each.node == node else each for each in before.surveys)
    return replace(before, surveys=surveys)


def read_back(**changes: Any) -> ChosenBackup:
    chosen = backup(SHAPE)
    assert chosen.verified is not None
    summary = chosen.verified.database.model_copy(update=changes)
    return replace(chosen, verified=chosen.verified.model_copy(update={"database": summary}))


def bundles(**changes: Any) -> dict[str, Any]:
    return {"bundles": [bundle(node, **changes).model_dump() for node in SHAPE.nodes]}


@pytest.mark.parametrize("shape", [Shape(), Shape(members=1), Shape(external=True), Shape(workers=2)], ids=str)
@pytest.mark.parametrize("mode", ["etcd", "full"])
def test_nothing_speaks_against_a_sound_backup_of_a_dead_cluster(shape: Shape, mode: RestoreMode) -> None:
    assert found(shape=shape, mode=mode) == []


REFUSALS = [
    pytest.param(None, backup(SHAPE, state="damaged"), "backup_damaged", id="damaged"),
    pytest.param(None, backup(SHAPE, state="sealed"), "backup_not_verified", id="never read back"),
    pytest.param(None, replace(backup(SHAPE), signature="missing"), "manifest_unsigned", id="not signed"),
    pytest.param(seen(SHAPE, without=("n3",)), None, "node_unreachable", id="a node away"),
    pytest.param(
        replace(seen(SHAPE), facts={"n1": facts(survey(SHAPE, "n1"))}), None, "node_unreachable", id="facts missing"
    ),
    pytest.param(with_survey(root=False), None, "node_not_root", id="not root"),
    pytest.param(with_facts(unfinished=("run-7",)), None, "unfinished_restore", id="manifests of another run"),
    pytest.param(with_survey(etcd=None, etcd_problem="it hides"), None, "layout_unknown", id="no member found"),
    pytest.param(with_facts(pods=()), None, "layout_unknown", id="no manifest of etcd"),
    pytest.param(with_facts(wal_dir="/wal"), None, "layout_unknown", id="a log that lies elsewhere"),
    pytest.param(
        with_facts(unread=("/etc/kubernetes/manifests/api.json",)), None, "layout_unknown", id="a manifest nobody reads"
    ),
    pytest.param(with_facts(etcd_tool=""), None, "tool_missing", id="no tool that restores"),
    pytest.param(with_survey(tools={"curl": ""}), None, "tool_missing", id="no tools"),
    pytest.param(with_facts(etcd_tool="3.4.23"), None, "version_differs", id="a tool of another minor"),
    pytest.param(
        None,
        backup(SHAPE, source=backup(SHAPE).manifest.source.model_dump() | {"etcd_version": "3.6.1"}),
        "version_differs",
        id="a backup of another minor",
    ),
    pytest.param(None, read_back(encryption_keys=("aescbc:v1:key1",)), "encryption_key_missing", id="no key"),
    pytest.param(
        with_facts(certificates=((f"{PKI}/apiserver.crt", int((NOW + DAY).timestamp())),)),
        None,
        "certificate_expires",
        id="a certificate that ends tomorrow",
    ),
    pytest.param(with_facts(data_free=3 * RAW_SIZE + LOG_BYTES - 1), None, "restore_disk_short", id="disk"),
    pytest.param(seen(SHAPE, etcd=HEALTHY), None, "cluster_healthy", id="healthy"),
]


@pytest.mark.parametrize(("before", "chosen", "code"), REFUSALS)
def test_each_condition_refuses_with_its_code(
    before: RestoreSeen | None, chosen: ChosenBackup | None, code: str
) -> None:
    assert found(before, chosen) == [("refuse", code)]


@pytest.mark.parametrize(("before", "chosen", "code"), REFUSALS)
def test_only_the_named_ones_can_be_lifted_and_stay_as_warnings(
    before: RestoreSeen | None, chosen: ChosenBackup | None, code: str
) -> None:
    lifted = found(before, chosen, allow=tuple(LIFTABLE))
    assert lifted == [("warn" if code in LIFTABLE else "refuse", code)]


def test_every_refusal_says_what_to_do() -> None:
    for case in REFUSALS:
        before, chosen, _ = case.values
        known = (before or seen(SHAPE), chosen or backup(SHAPE))
        for finding in restore_findings(spec(SHAPE), *known, request(), NOW):  # type: ignore[arg-type]
            assert finding.hint
            assert finding.text


def test_a_bundle_is_needed_of_every_node_that_gets_its_files() -> None:
    short = backup(SHAPE, bundles=[bundle("n1").model_dump(), bundle("n3").model_dump()])
    assert found(chosen=short, mode="full") == [("refuse", "bundle_missing")]
    assert found(chosen=short) == []


def test_a_worker_needs_no_bundle_and_may_be_away() -> None:
    shape = Shape(workers=1)
    assert found(shape=shape, mode="full") == []
    assert found(seen(shape, without=("w1",)), shape=shape) == []


def test_keys_of_the_encryption_may_be_on_the_nodes_or_in_the_bundles() -> None:
    encrypted = read_back(encryption_keys=("aescbc:v1:key1", "kms:v2:vault:a"))
    keys = ("aescbc:key1", "kms:vault:a")
    before = seen(SHAPE)
    known = {node: each.model_copy(update={"encryption_keys": keys}) for node, each in before.facts.items()}
    assert found(replace(before, facts=known), encrypted) == []
    brought = replace(encrypted, manifest=backup(SHAPE, **bundles(encryption_keys=keys)).manifest)
    assert found(chosen=brought, mode="full") == []
    assert found(chosen=brought) == [("refuse", "encryption_key_missing")]


def test_the_bundles_certificates_count_where_they_replace_the_nodes() -> None:
    old = tuple(Certificate(path=f"{PKI}/{name}", subject="x", not_after=NOW) for name in ("apiserver.crt", "old.crt"))
    late = backup(SHAPE, **bundles(certificates=[each.model_dump() for each in old]))
    assert found(chosen=late, mode="full") == [("refuse", "certificate_expires")]
    assert found(chosen=late) == []
    leftover = backup(SHAPE, **bundles(certificates=[old[1].model_dump()]))
    assert found(chosen=leftover, mode="full") == []
    expired = with_facts(certificates=((f"{PKI}/apiserver.crt", 0),))
    assert found(expired, mode="full") == []


def test_a_certificate_that_lives_a_little_longer_will_do() -> None:
    end = int((NOW + DAY).timestamp()) + 1
    assert found(with_facts(certificates=((f"{PKI}/apiserver.crt", end),))) == []


def test_new_hosts_are_laid_out_as_the_backup_knew_them() -> None:
    bare = tuple(survey(SHAPE, node, topology="none", etcd=None, apiserver=None) for node in SHAPE.nodes)
    known = {each.node: facts(each, pods=(), etcd_tool=VERSION) for each in bare}
    before = RestoreSeen(surveys=bare, facts=known)
    assert found(before, mode="new-hosts") == [("info", "addresses_must_match")]
    assert ("refuse", "layout_unknown") in found(before, backup(SHAPE, with_plan=False), mode="new-hosts")
    assert ("refuse", "layout_unknown") in found(before)


def test_one_first_is_for_members_in_static_pods() -> None:
    assert found(shape=Shape(external=True), mode="one-first") == [("refuse", "mode_unsupported")]
    assert found(shape=Shape(members=1), mode="one-first") == [("info", "one_member")]


def test_etcd_by_systemd_needs_a_unit() -> None:
    shape = Shape(external=True)
    assert found(with_facts("e2", shape, unit=""), shape=shape) == [("refuse", "layout_unknown")]


@pytest.mark.parametrize("shape", [Shape(), Shape(external=True)], ids=str)
def test_an_api_server_that_would_not_be_stopped_is_no_restore(shape: Shape) -> None:
    """The survey reads its manifest, and the shell that would move it away does not."""
    told = facts(survey(shape, "n2"))
    others = tuple(pod for pod in told.pods if pod.container != "kube-apiserver")
    left = with_facts("n2", shape, pods=others)
    assert found(left, shape=shape) == [("refuse", "layout_unknown")]
    unread = with_facts("n2", shape, pods=others, unread=("/etc/kubernetes/manifests/api.json",))
    for mode in ("etcd", "full"):
        assert found(unread, shape=shape, mode=mode) == [("refuse", "layout_unknown")]


def test_the_tool_of_a_node_without_a_member_restores_nothing() -> None:
    shape = Shape(external=True, workers=1)
    before = seen(shape)
    other = {node: before.facts[node].model_copy(update={"etcd_tool": "3.3.25"}) for node in ("n1", "w1")}
    assert found(replace(before, facts={**before.facts, **other}), shape=shape) == []


def test_kubelets_own_files_are_in_the_bundle_or_on_the_node() -> None:
    client = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    chosen = backup(SHAPE)
    assert chosen.plan is not None

    def made(**changes: Any) -> ChosenBackup:
        surveys = tuple(survey(SHAPE, node, **changes) for node in SHAPE.nodes)
        return replace(chosen, plan=chosen.plan.model_copy(update={"surveys": surveys}))  # type: ignore[union-attr]

    assert found(chosen=made(kubelet_files=(client,)), mode="full") == []
    lacking = made(kubelet_files=(client,), missing=(client,))
    assert found(chosen=lacking, mode="full") == [("refuse", "bundle_missing")]
    assert found(chosen=lacking) == []
    there = seen(SHAPE)
    there = replace(there, surveys=tuple(survey(SHAPE, node, kubelet_files=(client,)) for node in SHAPE.nodes))
    assert found(there, lacking, mode="full") == []


def test_hosts_of_etcd_alone_are_not_enough() -> None:
    shape = Shape(external=True)
    only = seen(shape)
    alone = replace(only, surveys=tuple(each for each in only.surveys if each.etcd))
    assert ("refuse", "layout_unknown") in found(alone, backup(shape), shape=shape)


def test_a_lost_quorum_is_what_restores_are_for() -> None:
    alone = etcd_facts(status(1, leader=0, version=VERSION), members=(member(1), member(2), member(3)))
    assert found(seen(SHAPE, etcd=alone)) == []


def test_what_is_only_worth_a_word_is_a_warning() -> None:
    other = backup(SHAPE, database=backup(SHAPE).manifest.database.model_dump() | {"members": ["x"]})
    assert found(chosen=other) == [("warn", "members_renamed")]
    assert found(with_survey(kubernetes_version="v1.29.1")) == [("warn", "kubernetes_version_differs")]
    assert found(with_facts(tool_bumps=False)) == [("warn", "revisions_repeat")]
    assert found(seen(SHAPE, members=(member(9),))) == [("warn", "nodes_missing")]


def test_no_emergency_backup_matters_only_where_one_could_be_made() -> None:
    alive = seen(SHAPE, etcd=HEALTHY)
    failed = EndpointFailure(endpoint="n1", code="node_disk_short", message="full")
    assert emergency_findings(alive, "20261121T150000Z-m-000000", None, ()) == ()
    (finding,) = emergency_findings(alive, None, failed, ())
    assert (finding.level, finding.code) == ("refuse", "no_emergency_snapshot")
    (allowed,) = emergency_findings(alive, None, failed, ("no_emergency_snapshot",))
    assert allowed.level == "warn"
    (nobody,) = emergency_findings(seen(SHAPE), None, None, ())
    assert nobody.level == "info"
