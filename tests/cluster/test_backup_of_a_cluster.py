"""A whole backup of a real cluster by every way that there is, held against what the live members say.

`make e2e` runs these; they need HOLDFAST_E2E_KUBECONFIG and HOLDFAST_E2E_SSH_CONFIG (tests/README.md).
"""

import json
import time
import uuid
from typing import Any

import pytest

from builders.product import session_of
from builders.real_cluster import RealCluster
from builders.waiting import wait_for
from holdfast.engine.catalog import load_manifest
from holdfast.engine.check import check_cluster
from holdfast.engine.clusters import apply_cluster
from holdfast.engine.verification import load_report
from holdfast.local.stack import StackInfo
from holdfast.models.cluster import ClusterSpec
from holdfast.wiring import AwsServices

WAYS = ("ssh", "port-forward", "exec", "pod")
DEADLINE_S = 300


def spec_for(way: str, cluster: RealCluster) -> ClusterSpec:
    transport: dict[str, Any]
    if way == "ssh":
        transport = cluster.ssh_transport("holdfast/e2e/ssh")
    else:
        transport = {"kind": "kubernetes", "credentials": "holdfast/e2e/kubeconfig", "via": way, "image": cluster.image}
        if way == "port-forward":
            transport["etcd_credentials"] = "holdfast/e2e/etcd"
    return ClusterSpec.model_validate({"id": f"e2e-{way}", "driver": "kubeadm", "transport": transport})


def run(info: StackInfo, cluster_id: str) -> dict[str, Any]:
    states = session_of(info).client("stepfunctions", endpoint_url=info.endpoint)
    execution = states.start_execution(
        stateMachineArn=info.outputs["StateMachineArn"],
        name=f"e2e-{uuid.uuid4()}",
        input=json.dumps({"cluster": cluster_id}),
    )["executionArn"]

    def ended() -> dict[str, Any] | None:
        described = states.describe_execution(executionArn=execution)
        return None if described["status"] == "RUNNING" else dict(described)

    return wait_for(ended, f"the end of {execution}", DEADLINE_S)


@pytest.mark.parametrize("way", WAYS)
def test_a_check_finds_every_member_and_refuses_nothing(way: str, cluster: RealCluster, services: AwsServices) -> None:
    spec = spec_for(way, cluster)
    apply_cluster(services, spec, replace=True)
    found = check_cluster(
        services, spec, f"check-{uuid.uuid4().hex[:8]}", wait=lambda pending: time.sleep(pending.wait_s)
    )
    assert not found.refused, found.findings
    assert len(found.members) == len(cluster.nodes)
    assert not found.failures


@pytest.mark.parametrize("way", WAYS)
def test_a_backup_ends_verified_and_is_what_the_members_have(
    way: str, cluster: RealCluster, services: AwsServices, info: StackInfo
) -> None:
    spec = spec_for(way, cluster)
    apply_cluster(services, spec, replace=True)
    ended = run(info, spec.id)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    outcome = json.loads(ended["output"])
    manifest, _ = load_manifest(services.reader, spec.id, outcome["backup_id"])
    report = load_report(services.reader, spec.id, outcome["backup_id"])
    hash_kv = report.database.hash_kv
    assert hash_kv is not None
    assert cluster.live_hashes(hash_kv.revision) == {hash_kv.hash}
    assert manifest.source.transport == spec.transport.kind
    if way != "port-forward":
        assert [bundle.node for bundle in manifest.bundles] == sorted(cluster.nodes)
        for bundle in manifest.bundles:
            assert any(certificate.path.endswith("/apiserver.crt") for certificate in bundle.certificates)
    else:
        assert manifest.bundles == ()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_on_nodes_or_in_the_cluster(
    way: str, cluster: RealCluster, services: AwsServices, info: StackInfo
) -> None:
    spec = spec_for(way, cluster)
    apply_cluster(services, spec, replace=True)
    assert run(info, spec.id)["status"] == "SUCCEEDED"
    assert {node: cluster.left_behind(node) for node in cluster.nodes} == dict.fromkeys(cluster.nodes, "")
    # What is deleted stays for a few seconds, until its kubelet has ended it.
    wait_for(lambda: not cluster.pods_left(), "the end of every pod of ours", 60)
