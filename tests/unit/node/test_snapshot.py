"""node/snapshot.sh against a real etcd and a real S3 server: what arrives is what etcd saved."""

import hashlib
import os
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builders.fault_proxy import fault_proxy
from builders.node_snapshot import PART_BYTES, SnapshotNode, WaitingUpload
from builders.real_etcd import RealEtcd
from builders.shell import Shell
from builders.waiting import wait_for
from holdfast.etcd.format.seekable import SeekTable
from holdfast.models.node import SnapshotReport

SHELLS: tuple[Shell, ...] = ("dash", "busybox", "bash")


@pytest.fixture(params=SHELLS)
def node(request: pytest.FixtureRequest, tmp_path: Path, etcd: RealEtcd) -> SnapshotNode:
    return SnapshotNode(tmp_path, etcd, request.param)


@pytest.fixture
def upload(client: Any, bucket: str) -> WaitingUpload:
    return WaitingUpload(client, bucket)


def unpacked(tool: str, stored: bytes) -> bytes:
    return subprocess.run([tool, "-d", "-c"], input=stored, capture_output=True, check=True, timeout=60).stdout


def test_the_object_unpacks_to_the_snapshot_and_our_table_reads_it(node: SnapshotNode, upload: WaitingUpload) -> None:
    member = node.etcd.etcdctl("endpoint", "status")[0]["Status"]["header"]["member_id"]
    program = node.program(upload, member_id=str(member))
    ended = program.run()
    assert ended.exit_code == 0, ended
    report = SnapshotReport.model_validate(ended.report)
    etags = [part["ETag"].strip('"') for part in upload.parts()]
    sizes = [part["Size"] for part in upload.parts()]
    stored = upload.complete()
    raw = unpacked("zstd", stored)
    assert hashlib.sha256(raw[:-32]).digest() == raw[-32:]
    assert (report.sha256, report.raw_size) == (raw[-32:].hex(), len(raw))
    assert (report.object_sha256, report.size) == (hashlib.sha256(stored).hexdigest(), len(stored))
    assert report.parts == len(sizes) >= 2
    assert set(sizes[:-1]) == {PART_BYTES}
    assert 0 < sizes[-1] <= PART_BYTES
    assert report.parts_md5 == hashlib.md5(bytes.fromhex("".join(etags)), usedforsecurity=False).hexdigest()
    table = SeekTable.from_tail(lambda start, end: stored[start:end], len(stored))
    assert (table.raw_size, len(table.frames)) == (len(raw), -(-len(raw) // (4 << 20)))
    assert report.member_id == f"{member:x}"
    assert report.warnings == ()
    assert program.left() == set()
    assert list(node.data.iterdir()) == []


def test_without_zstd_it_is_gzip_members_with_the_same_table_in_an_empty_one(
    node: SnapshotNode, upload: WaitingUpload
) -> None:
    ended = node.program(upload, without=("zstd",)).run()
    assert ended.exit_code == 0, ended
    report = SnapshotReport.model_validate(ended.report)
    stored = upload.complete()
    raw = unpacked("gzip", stored)
    assert (report.compression, report.sha256, report.raw_size) == ("gzip", raw[-32:].hex(), len(raw))
    assert report.object_sha256 == hashlib.sha256(stored).hexdigest()
    count, descriptor, magic = struct.unpack("<IBI", stored[-19:-10])
    assert (count, descriptor, magic) == (-(-len(raw) // (4 << 20)), 0, 0x8F92EAB1)
    member = stored[-10 - 9 - 8 * count - 16 :]
    header = bytes.fromhex("1f8b08040000000000ff") + struct.pack("<H2sH", 8 * count + 13, b"HF", 8 * count + 9)
    assert member.startswith(header)
    assert member[-10:] == bytes.fromhex("0300") + bytes(8)
    frames = list(struct.iter_unpack("<II", member[16 : 16 + 8 * count]))
    assert sum(raw_size for _, raw_size in frames) == len(raw)
    assert sum(size for size, _ in frames) == len(stored) - len(member)
    first, raw_size = frames[0]
    assert unpacked("gzip", stored[:first]) == raw[:raw_size]


def test_without_md5_the_parts_go_without_their_checksum_and_that_is_told(
    node: SnapshotNode, upload: WaitingUpload
) -> None:
    """As in FIPS mode, where md5sum is there and refuses."""
    ended = node.program(upload, stubs={"md5sum": "echo 'md5sum: Operation not permitted' >&2; exit 1"}).run()
    assert ended.exit_code == 0, ended
    assert ended.report["parts_md5"] == ""
    assert len(ended.report["warnings"]) == 1
    assert hashlib.sha256(upload.complete()).hexdigest() == ended.report["object_sha256"]


def test_without_openssl_or_an_older_zstd_the_object_is_the_same(node: SnapshotNode, upload: WaitingUpload) -> None:
    older = 'case "$*" in *single*) echo "Incorrect parameter" >&2; exit 1 ;; esac; exec /usr/bin/zstd "$@"'
    ended = node.program(upload, stubs={"zstd": older, "openssl": "exit 127"}).run()
    assert ended.exit_code == 0, ended
    raw = unpacked("zstd", upload.complete())
    assert ended.report["sha256"] == raw[-32:].hex() == hashlib.sha256(raw[:-32]).hexdigest()


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"http_proxy": "URL"}, "# none"),
        ({"HTTP_PROXY": "URL"}, "http_proxy=http://127.0.0.1:1"),
        ({}, 'HTTP_PROXY="URL"'),
        ({}, "export http_proxy='URL'  "),
    ],
)
def test_the_proxy_of_the_environment_or_of_its_file_is_used(
    node: SnapshotNode, upload: WaitingUpload, s3_url: str, environment: dict[str, str], line: str
) -> None:
    """curl asks a proxy for the whole URL, which is how the proxy's own log tells it."""
    with fault_proxy(s3_url, []) as proxy:
        file = node.folder / "environment"
        file.write_text(f"PATH=/nowhere\n{line.replace('URL', proxy.url)}\nLANG=C\n")
        named = {name: value.replace("URL", proxy.url) for name, value in environment.items()}
        ended = node.program(upload, environment=named, environment_file=str(file), **node.saved()).run()
        assert ended.exit_code == 0, ended
        # A part that took too long on a loaded machine is sent again, to the same URL.
        assert len(set(proxy.requests)) == 1 + ended.report["parts"]
        assert all(f" {s3_url}/" in request for request in proxy.requests)


def test_a_host_of_no_proxy_is_reached_without_one(node: SnapshotNode, upload: WaitingUpload) -> None:
    file = node.folder / "environment"
    file.write_text("http_proxy=http://user:pass@127.0.0.1:1\nNO_PROXY=localhost,127.0.0.1\n")
    assert node.program(upload, environment_file=str(file), **node.saved()).run().exit_code == 0


def test_a_proxy_that_does_not_answer_is_named_without_its_password(node: SnapshotNode, upload: WaitingUpload) -> None:
    proxy = {"http_proxy": "http://user:s3cr3t@127.0.0.1:1/"}
    ended = node.program(upload, environment=proxy).run()
    assert ended.code == "upload_unreachable"
    assert "the proxy 127.0.0.1:1 is set" in ended.report["message"]
    assert "s3cr3t" not in str(ended)


def test_what_a_dead_run_left_beside_etcds_data_is_swept_and_a_younger_one_stays(
    node: SnapshotNode, upload: WaitingUpload
) -> None:
    program = node.program(upload, **node.saved())
    old, young, foreign = (node.data / name for name in ("holdfast-a.db.part", "holdfast-b.db", "member.db"))
    for path in (old, young, foreign):
        path.touch()
    for path in (old, foreign):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    assert program.run().exit_code == 0
    assert (old.exists(), young.exists(), foreign.exists()) == (False, True, True)


def test_progress_is_told_in_bytes_of_the_database(node: SnapshotNode, upload: WaitingUpload) -> None:
    slow = 'case "$*" in *plan*) ;; *) sleep 1 ;; esac; exec /usr/bin/curl "$@"'
    program = node.program(upload, stubs={"curl": slow})
    with program.start() as process:
        progress = program.folder / "progress"
        wait_for(progress.exists, "progress")
        first = [int(number) for number in progress.read_text().split()]
        process.communicate(timeout=60)
    last = [int(number) for number in progress.read_text().split()]
    assert first[0] < last[0] == last[1] == first[1]
