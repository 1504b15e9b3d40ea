"""The node's uploads at a store that checks what moto believes: Content-MD5, and the signatures of URLs."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.node_snapshot import SnapshotNode, WaitingUpload, look_again, looks, saving_until
from builders.real_etcd import RealEtcd, running_etcd
from builders.s3_server import client_of, new_bucket
from builders.waiting import wait_for


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[RealEtcd]:
    with running_etcd(tmp_path / "etcd") as etcd:
        etcd.put("/registry/configmaps/default/c", b"x" * 100_000)
        yield etcd


@pytest.fixture
def node(tmp_path: Path, etcd: RealEtcd) -> SnapshotNode:
    return SnapshotNode(tmp_path, etcd, "dash")


@pytest.fixture
def client(s3_url: str) -> Any:
    return client_of(s3_url)


def test_a_bit_that_flips_on_the_way_is_seen_and_the_part_sent_again(
    node: SnapshotNode, client: Any, s3_url: str
) -> None:
    flips = HttpFault("PUT", "partNumber=1", "flip", times=2)
    with fault_proxy(s3_url, [flips]) as proxy:
        upload = WaitingUpload(client_of(proxy.url), new_bucket(client))
        ended = node.program(upload).run()
        assert ended.exit_code == 0, ended
        assert hashlib.sha256(upload.complete()).hexdigest() == ended.report["object_sha256"]
    assert flips.met == 2


def test_a_path_that_changes_every_part_is_told(node: SnapshotNode, client: Any, s3_url: str) -> None:
    with fault_proxy(s3_url, [HttpFault("PUT", "partNumber=1", "flip", times=99)]) as proxy:
        upload = WaitingUpload(client_of(proxy.url), new_bucket(client))
        assert node.program(upload).run().code == "upload_part_rejected"
        assert upload.parts() == []


def test_a_url_that_was_changed_is_denied(node: SnapshotNode, client: Any) -> None:
    upload = WaitingUpload(client, new_bucket(client))
    upload.lines = [line.replace("Expires=900", "Expires=1800") for line in upload.lines]
    assert node.program(upload).run().code == "upload_denied"


def test_an_upload_that_was_aborted_is_gone(tmp_path: Path, etcd: RealEtcd, client: Any) -> None:
    upload = WaitingUpload(client, new_bucket(client))
    program = SnapshotNode(tmp_path, etcd, "dash").program(upload)
    client.abort_multipart_upload(Bucket=upload.bucket, Key="c/b/snapshot.db.zst", UploadId=upload.upload_id)
    assert program.run().code == "upload_gone"


def test_a_url_whose_life_is_over_has_expired(node: SnapshotNode, client: Any) -> None:
    upload = WaitingUpload(client, new_bucket(client))
    upload.lines = expired(client, upload)
    assert node.program(upload).run().code == "upload_url_expired"


def expired(client: Any, upload: WaitingUpload) -> list[str]:
    """A life of -60 s: the signature is right, and the end of its life is past."""
    parameters = {"Bucket": upload.bucket, "Key": "c/b/snapshot.db.zst", "UploadId": upload.upload_id, "PartNumber": 1}
    return [client.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=-60)]


def test_urls_that_expired_while_etcd_saved_are_replaced_by_those_of_the_list_that_is_there_then(
    node: SnapshotNode, client: Any, s3_url: str, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    with fault_proxy(s3_url) as proxy:
        upload = WaitingUpload(client_of(proxy.url), new_bucket(client))
        fresh = [*upload.lines, upload.renewal()]
        upload.lines = [*expired(upload.client, upload) * upload.count, upload.renewal()]
        with node.program(upload, stubs=saving_until(go)).start() as process:
            wait_for(lambda: looks(proxy) >= 1, "the first look at the list")
            upload.lines = fresh
            upload.plan_url()
            look_again(proxy)
            go.touch()
            stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stdout + stderr
        assert upload.complete()
