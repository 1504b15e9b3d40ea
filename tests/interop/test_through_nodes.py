"""A backup through a real node to each store: presigned URLs by the node's own curl, which gets the store's authority
and no key; below a folder of its own, beside somebody else's objects."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.kept import Control, Kept, kept
from builders.kubeadm_node import KubeadmCluster, kubeadm_cluster
from builders.node_services import ssh_spec
from builders.sites import Site
from builders.ssh_keys import CLIENT

SSH = "holdfast/interop/ssh"
FOLDER = "kubernetes/lab"


@pytest.fixture(scope="package")
def node(controlled: Control, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeadmCluster]:
    controlled.put_secret(SSH, json.dumps({"private_key": CLIENT.private}))
    with kubeadm_cluster(tmp_path_factory.mktemp("node"), 1) as cluster:
        yield cluster


@pytest.fixture
def through(controlled: Control, site: Site, node: KubeadmCluster) -> Kept:
    transport = ssh_spec(node, credentials=SSH).transport.model_dump(mode="json")
    return kept(controlled, site, storage={"folder": FOLDER}, transport=transport)


def left_on(cluster: KubeadmCluster) -> list[Path]:
    """Files of ours with a signed URL or a database in them."""
    files = (path for machine in cluster.nodes for path in machine.path("/var/lib/holdfast").rglob("*"))
    return [
        path
        for path in files
        if path.is_file() and (path.stat().st_size > 65_536 or b"X-Amz-Signature=" in path.read_bytes())
    ]


def test_a_node_sends_its_database_and_its_secrets_by_urls(through: Kept, node: KubeadmCluster, tmp_path: Path) -> None:
    through.client.put_object(Bucket=through.snapshots, Key=f"{through.cluster}/of-somebody-else", Body=b"")
    outcome = through.backup(on_wait=lambda seconds: time.sleep(min(seconds, 1) * 0.3))
    assert outcome.status == "succeeded", outcome.error
    (entry,) = through.listed()
    assert entry["state"] == "verified"

    manifest = through.holdfast("backup", "show", through.cluster, "latest").value["manifest"]
    assert manifest["source"]["transport"] == "ssh"
    assert [bundle["node"] for bundle in manifest["bundles"]] == ["n1"]
    fetched = through.holdfast("backup", "download", through.cluster, "latest", str(tmp_path / "d"))
    assert fetched.code == 0, fetched.stderr

    *ours, other = sorted(through.stored(), key=lambda key: not key.startswith(FOLDER))
    assert all(key.startswith(f"{FOLDER}/{through.cluster}/") for key in ours)
    assert other == f"{through.cluster}/of-somebody-else"
    secrets = through.client.list_objects_v2(Bucket=through.secrets)["Contents"]
    assert {key["Key"].split("/")[-1] for key in secrets} >= {"bundle.tar"}
    assert all(key["Key"].startswith(f"{FOLDER}/{through.cluster}/") for key in secrets)
    assert through.unfinished() == []
    assert left_on(node) == []
