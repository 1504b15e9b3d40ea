"""The deployed product, its IAM enforced, and the nodes of a kubeadm cluster: over SSH with a jump host, and over SSM.

One cluster of three nodes for all tests. After the backups everything that was written down anywhere is searched for
what must be in none of it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.nodes_on_stack import NEEDLES, Site, nodes_on_stack, written_down
from builders.product import DEADLINE_S
from builders.ssh_keys import client_key
from builders.waiting import wait_for
from holdfast.engine.clusters import apply_cluster
from holdfast.engine.verification import load_report

WAYS = ("ssh", "ssm")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with nodes_on_stack(tmp_path_factory.mktemp("nodes")) as made:
        yield made


@pytest.mark.parametrize("way", WAYS)
def test_a_backup_through_nodes_ends_verified_and_is_what_the_members_have(way: str, site: Site) -> None:
    manifest = site.manifest(site.backup(way), way)
    report = load_report(site.services.reader, manifest.cluster_id, manifest.backup_id)
    revision = report.database.head.revision
    live = {site.cluster.client().hash_kv(each, revision).hash for each in site.cluster.endpoints}
    assert report.database.hash_kv is not None
    assert live == {report.database.hash_kv.hash}
    assert manifest.source.transport == way
    assert [bundle.node for bundle in manifest.bundles] == ["n1", "n2", "n3"]
    assert all(bundle.encryption_keys for bundle in manifest.bundles)


def test_no_call_was_outside_of_its_role(site: Site) -> None:
    record = [json.loads(line) for line in site.home.iam_log.read_text().splitlines()]
    assert {"ssm:SendCommand", "s3:ListMultipartUploadParts"} <= {line["action"] for line in record}
    assert [line for line in record if line["decision"] != "allowed"] == []


def test_a_run_that_is_stopped_leaves_nothing_on_its_nodes(site: Site) -> None:
    spec = site.spec("ssh")
    apply_cluster(site.services, spec, replace=True)
    execution = site.start("StateMachineArn", {"cluster": spec.id})
    name = execution.rpartition(":")[2]

    def begun() -> bool | None:
        return any(path.name.startswith(f"{name}.snapshot.") for path in _steps(site)) or None

    wait_for(begun, "the snapshot's step on a node", DEADLINE_S)
    site.client("stepfunctions").stop_execution(executionArn=execution)

    def closed() -> bool | None:
        return site.services.runs.get(spec.id, name).outcome is not None or None

    wait_for(closed, "the outcome of the stopped run", DEADLINE_S)
    assert [path for path in _steps(site) if path.name.startswith(f"{name}.")] == []
    assert (
        site.client("s3").list_multipart_uploads(Bucket=site.info.outputs["SnapshotsBucket"]).get("Uploads", []) == []
    )


def _steps(site: Site) -> list[Path]:
    return [path for node in site.cluster.nodes for path in node.path("/var/lib/holdfast/steps").glob("*")]


def test_no_key_no_token_and_no_presigned_url_is_written_down_anywhere(site: Site) -> None:
    """Of what lies in the bucket, upload.txt held the URLs while a node needed them; it is empty now."""
    key = client_key().private_key.get_secret_value().splitlines()
    encryption = site.cluster.nodes[0].encryption_key
    assert encryption is not None
    needles = {*NEEDLES, key[len(key) // 2]}
    sources = list(written_down(site))
    assert {"an execution's history", "Run Command's history", "the arguments of processes"} <= {
        where for where, _ in sources
    }
    assert any("holdfast-step" in text for where, text in sources if where == "the arguments of processes")
    found = [(where, needle) for where, text in sources for needle in needles if needle in text]
    assert found == []
