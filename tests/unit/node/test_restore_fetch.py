"""What a restore fetches: through a real S3 server, checked on the node, and put into place and back."""

import hashlib
import os
import signal
import subprocess
import tarfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.node_snapshot import presigned
from builders.real_etcd import RealEtcd
from builders.restore_node import RestoreNode, snapshot_of
from builders.waiting import wait_for

PACK = {"zstd": ["zstd", "-q", "-c"], "gzip": ["gzip", "-c"]}
EVERY_TIME = 99


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> RestoreNode:
    return RestoreNode(tmp_path / "node", request.param)


@pytest.fixture
def dash(tmp_path: Path) -> RestoreNode:
    return RestoreNode(tmp_path / "node", "dash")


@pytest.fixture(scope="module")
def raw(etcd: RealEtcd, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return snapshot_of(etcd, tmp_path_factory.mktemp("snapshot") / "snapshot.db").read_bytes()


def packed(raw: bytes, compression: str) -> bytes:
    return subprocess.run(PACK[compression], input=raw, capture_output=True, check=True, timeout=60).stdout


@dataclass
class Stored:
    """Objects in a bucket, by presigned URLs."""

    client: Any
    bucket: str

    def put(self, body: bytes) -> str:
        self.client.put_object(Bucket=self.bucket, Key="object", Body=body)
        return presigned(self.client, "get_object", Bucket=self.bucket, Key="object")


@pytest.fixture
def stored(client: Any, bucket: str) -> Stored:
    return Stored(client, bucket)


def wanted(raw: bytes, compression: str = "zstd") -> dict[str, str]:
    return {"sha256": raw[-32:].hex(), "raw_size": str(len(raw)), "compression": compression}


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_a_snapshot_arrives_as_etcd_wrote_it(node: RestoreNode, stored: Stored, raw: bytes, compression: str) -> None:
    url = {"snapshot_url": stored.put(packed(raw, compression))}
    assert node.done("fetch", url, **wanted(raw, compression)) == {"bytes": len(raw)}
    assert (node.keep / "snapshot.db").read_bytes() == raw
    assert [path.name for path in node.keep.iterdir()] == ["snapshot.db"]
    assert (node.keep.stat().st_mode & 0o777, (node.keep / "snapshot.db").stat().st_mode & 0o777) == (0o700, 0o600)


def test_what_is_there_and_sound_is_not_fetched_again(node: RestoreNode, raw: bytes) -> None:
    node.keep.mkdir()
    (node.keep / "snapshot.db").write_bytes(raw)
    assert node.done("fetch", {"snapshot_url": "http://127.0.0.1:1/x"}, **wanted(raw)) == {"bytes": len(raw)}


def test_what_is_there_and_damaged_is_fetched_again(node: RestoreNode, stored: Stored, raw: bytes) -> None:
    node.keep.mkdir()
    (node.keep / "snapshot.db").write_bytes(raw[:-1] + b"x")
    node.done("fetch", {"snapshot_url": stored.put(packed(raw, "zstd"))}, **wanted(raw))
    assert (node.keep / "snapshot.db").read_bytes() == raw


def test_another_snapshot_or_no_snapshot_is_not_kept(node: RestoreNode, stored: Stored, raw: bytes) -> None:
    flipped = bytearray(raw)
    flipped[5000] ^= 1
    for body in (packed(bytes(flipped), "zstd"), packed(raw[:-32], "zstd"), packed(raw, "zstd")[:-100], b"x" * 100):
        ended = node.run("fetch", {"snapshot_url": stored.put(body)}, **wanted(raw))
        assert ended.code == "restore_snapshot_differs"
        assert not (node.keep / "snapshot.db").exists()
    node.done("forget_new")
    assert not node.keep.exists()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (HttpFault("GET", "object", "answer", EVERY_TIME, 403, "AccessDenied"), "download_denied"),
        (HttpFault("GET", "object", "answer", EVERY_TIME, 400, "ExpiredToken"), "download_url_expired"),
        (HttpFault("GET", "object", "answer", EVERY_TIME, 404, "NoSuchKey"), "download_gone"),
        (HttpFault("GET", "object", "answer", EVERY_TIME, 503, "SlowDown"), "download_unreachable"),
        (HttpFault("GET", "object", "cut", EVERY_TIME), "download_unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.act,
)
def test_a_store_that_says_no_is_told_by_its_reason(
    dash: RestoreNode, stored: Stored, s3_url: str, raw: bytes, fault: HttpFault, code: str
) -> None:
    with fault_proxy(s3_url, [fault]) as proxy:
        url = stored.put(packed(raw, "zstd")).replace(s3_url, proxy.url)
        ended = dash.run("fetch", {"snapshot_url": url}, **wanted(raw))
    assert ended.code == code
    assert "Signature" not in str(ended)


def test_what_passes_is_tried_again(node: RestoreNode, stored: Stored, s3_url: str, raw: bytes) -> None:
    with fault_proxy(s3_url, [HttpFault("GET", "object", "cut", 2)]) as proxy:
        url = stored.put(packed(raw, "zstd")).replace(s3_url, proxy.url)
        node.done("fetch", {"snapshot_url": url}, **wanted(raw))


def test_what_is_no_url_is_refused(dash: RestoreNode, raw: bytes) -> None:
    ended = dash.run("fetch", {"snapshot_url": 'http://host/x" -o "/etc/passwd'}, **wanted(raw))
    assert ended.code == "download_plan_invalid"


def test_a_disk_that_is_short_is_told_before_anything_is_fetched(node: RestoreNode, raw: bytes) -> None:
    values = wanted(raw) | {"raw_size": str(1 << 60)}
    assert node.run("fetch", {"snapshot_url": "http://127.0.0.1:1/x"}, **values).code == "restore_disk_full"


def test_a_disk_that_fills_in_the_middle_is_told(dash: RestoreNode, stored: Stored, raw: bytes) -> None:
    dash.stubs = {"zstd": "head -c 1000; echo 'zstd: error 70 : Write error : No space left on device' >&2; exit 70"}
    ended = dash.run("fetch", {"snapshot_url": stored.put(packed(raw, "zstd"))}, **wanted(raw))
    assert ended.code == "restore_disk_full"


def test_a_node_without_the_tool_that_unpacks_says_so(dash: RestoreNode, stored: Stored, raw: bytes) -> None:
    dash.without = ("zstd",)
    ended = dash.run("fetch", {"snapshot_url": stored.put(packed(raw, "zstd"))}, **wanted(raw))
    assert ended.code == "node_tool_missing"


def test_a_fetch_that_was_killed_is_done_anew(dash: RestoreNode, stored: Stored, raw: bytes) -> None:
    url = {"snapshot_url": stored.put(packed(raw, "zstd"))}
    dash.stubs = {"zstd": "head -c 100000; sleep 60"}
    program = dash.program("fetch", url, **wanted(raw))
    part = dash.keep / "snapshot.db.new"
    with program.start() as process:
        wait_for(lambda: part.exists() and part.stat().st_size, "a part of the snapshot")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
    dash.stubs = {}
    dash.done("fetch", url, **wanted(raw))
    assert [path.name for path in dash.keep.iterdir()] == ["snapshot.db"]


@dataclass
class Bundle:
    """A bundle of files of one folder, whose paths are absolute as in bundle.sh's."""

    node: RestoreNode
    compression: str = "zstd"

    @property
    def etc(self) -> Path:
        return self.node.folder / "kubernetes"

    def make(self, stored: Stored) -> tuple[dict[str, str], dict[str, str]]:
        source = self.node.folder / "source"
        (source / "pki/etcd").mkdir(parents=True, mode=0o755)
        for name, text, mode in (
            ("pki/ca.key", "new key", 0o600),
            ("pki/etcd/ca.crt", "new certificate", 0o644),
            ("admin.conf", "same", 0o600),
            ("my file.conf", "new", 0o640),
        ):
            (source / name).write_text(text)
            (source / name).chmod(mode)
        (source / "kubelet.conf").symlink_to("admin.conf")
        archive = self.node.folder / "bundle.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(source, arcname=str(self.etc).lstrip("/"))
            for name in ("etcd.yaml", "kube-vip.yaml"):
                file = self.node.folder / name
                file.write_text(f"new {name}")
                tar.add(file, arcname=f"{self.node.manifests}/{name}".lstrip("/"))
        body = packed(archive.read_bytes(), self.compression)
        archive.unlink()
        values = {"bundle_sha256": hashlib.sha256(body).hexdigest(), "compression": self.compression}
        return {"bundle_url": stored.put(body)}, values

    def before(self) -> None:
        """What the node has: pods are stopped, one file is equal, one differs, one is a link, others are not there."""
        self.node.done("stop_pods")
        (self.etc / "pki").mkdir(parents=True)
        (self.etc / "pki/ca.key").write_text("old key")
        (self.etc / "admin.conf").write_text("same")
        (self.etc / "admin.conf").chmod(0o600)
        (self.etc / "kubelet.conf").symlink_to("elsewhere.conf")
        (self.etc / "mine.conf").write_text("mine")

    def texts(self) -> dict[str, str]:
        roots = (self.etc, self.node.aside, self.node.manifests)
        paths = [path for root in roots for path in root.rglob("*") if path.is_symlink() or path.is_file()]
        return {
            str(path.relative_to(self.node.folder)): str(path.readlink()) if path.is_symlink() else path.read_text()
            for path in paths
        }


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_a_bundle_is_put_into_place_and_what_was_there_is_kept(
    node: RestoreNode, stored: Stored, compression: str
) -> None:
    bundle = Bundle(node, compression)
    url, values = bundle.make(stored)
    bundle.before()
    assert node.done("fetch_bundle", url, **values) == {"files": 7}
    assert node.done("fetch_bundle", {"bundle_url": "http://127.0.0.1:1/x"}, **values) == {"files": 7}
    for _ in range(2):
        assert node.done("swap_files") == {"files": 7, "kept": 3}
    aside = node.aside.name
    assert bundle.texts() == {
        "kubernetes/pki/ca.key": "new key",
        "kubernetes/pki/etcd/ca.crt": "new certificate",
        "kubernetes/admin.conf": "same",
        "kubernetes/my file.conf": "new",
        "kubernetes/kubelet.conf": "admin.conf",
        "kubernetes/mine.conf": "mine",
        f"{aside}/etcd.yaml": "new etcd.yaml",
        f"{aside}/kube-apiserver.yaml": "kind: Pod # kube-apiserver\n",
        "manifests/kube-vip.yaml": "new kube-vip.yaml",
    }
    assert (bundle.etc / "pki/ca.key").stat().st_mode & 0o777 == 0o600
    assert (bundle.etc / "pki/etcd").stat().st_mode & 0o777 == 0o755
    assert (bundle.etc / "my file.conf").stat().st_mode & 0o777 == 0o640
    old = node.keep / "old-files"
    assert (old / str(bundle.etc / "pki/ca.key").lstrip("/")).read_text() == "old key"
    node.done("forget_new")
    assert sorted(path.name for path in node.keep.iterdir()) == ["brought", "old-files"]


def test_files_are_put_back_as_they_were(node: RestoreNode, stored: Stored) -> None:
    bundle = Bundle(node)
    url, values = bundle.make(stored)
    bundle.before()
    before = bundle.texts()
    node.done("fetch_bundle", url, **values)
    assert node.done("put_files_back") == {"files": 0}
    assert bundle.texts() == before
    node.done("swap_files")
    for files in (3, 0):
        assert node.done("put_files_back") == {"files": files}
        assert bundle.texts() == before
    assert not (bundle.etc / "pki/etcd").exists()
    assert [path.name for path in node.keep.iterdir()] == ["files"], "no copies of keys"
    node.done("swap_files")
    node.done("put_files_back")
    node.done("forget_new")
    assert not node.keep.exists()
    assert bundle.texts() == before


def test_files_that_could_not_be_put_back_are_put_back_later(node: RestoreNode, stored: Stored) -> None:
    """A disk was full. Meanwhile the rest was taken back: what was fetched is removed, and the pods have started."""
    bundle = Bundle(node)
    url, values = bundle.make(stored)
    bundle.before()
    before = bundle.texts()
    node.done("fetch_bundle", url, **values)
    node.done("swap_files")
    node.stubs = {"cp": "echo 'cp: error writing: No space left on device' >&2; exit 1"}
    assert node.run("put_files_back").code == "restore_disk_full"
    node.stubs = {}
    node.done("forget_new")
    node.done("start_pods")
    assert bundle.texts()["kubernetes/pki/ca.key"] == "new key"
    assert node.done("put_files_back") == {"files": 3}
    assert bundle.texts() == {name.replace(node.aside.name, "manifests"): text for name, text in before.items()}
    node.done("forget_new")
    assert not node.keep.exists()


def test_manifests_that_a_bundle_brought_go_wherever_they_are(node: RestoreNode, stored: Stored) -> None:
    bundle = Bundle(node)
    url, values = bundle.make(stored)
    (node.manifests / "etcd.yaml").unlink()
    node.done("fetch_bundle", url, **values)
    node.done("swap_files")
    pods = f"etcd {node.manifests}/etcd.yaml"
    node.done("start_pods", pods=pods)
    node.done("put_files_back", pods=pods)
    assert [path.name for path in node.manifests.iterdir()] == ["kube-apiserver.yaml"]


def test_a_folder_that_is_brought_is_as_in_the_bundle(node: RestoreNode, stored: Stored) -> None:
    bundle = Bundle(node)
    url, values = bundle.make(stored)
    bundle.before()
    labelled = node.folder / "labelled"
    node.stubs = {"restorecon": f'echo "$1" >>{labelled}'}
    node.done("fetch_bundle", url, **values)
    owner = 65534 if os.getuid() == 0 else os.getuid()
    os.chown(node.keep / "files/tree" / str(bundle.etc / "pki/etcd").lstrip("/"), owner, -1)
    node.done("swap_files")
    assert (bundle.etc / "pki/etcd").stat().st_uid == owner
    assert str(bundle.etc / "pki/etcd") in labelled.read_text().splitlines()


def test_a_list_of_what_was_brought_that_broke_off_does_no_harm(node: RestoreNode, stored: Stored) -> None:
    """The disk was full in the middle of a line."""
    bundle = Bundle(node)
    url, values = bundle.make(stored)
    bundle.before()
    before = bundle.texts()
    node.done("fetch_bundle", url, **values)
    (node.keep / "brought").write_text(f"{bundle.etc}")
    node.done("swap_files")
    node.done("put_files_back")
    assert bundle.texts() == before


def test_an_exchange_of_files_that_was_killed_is_finished_or_taken_back(node: RestoreNode, stored: Stored) -> None:
    bundle = Bundle(node)
    url, values = bundle.make(stored)
    bundle.before()
    before = bundle.texts()
    node.done("fetch_bundle", url, **values)
    real = 'exec $(PATH=/usr/bin:/bin command -v mv) "$@"'
    for after in (1, 2, 4, 6):
        count = '"$(wc -l <"${0%/*}/calls")"'
        node.stubs = {"mv": f'echo >>"${{0%/*}}/calls"; [ {count} -le {after} ] || sleep 60; {real}'}
        program = node.program("swap_files")
        calls = Path(program.path) / "calls"
        with program.start() as process:
            wait_for(partial(called_more, calls, after), "a mv that does not end")
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=20)
        node.stubs = {}
        node.done("put_files_back")
        assert bundle.texts() == before
    node.done("swap_files")
    assert bundle.texts()["kubernetes/pki/ca.key"] == "new key"


def called_more(calls: Path, times: int) -> bool:
    return calls.exists() and len(calls.read_text()) > times


def test_another_bundle_is_not_unpacked(node: RestoreNode, stored: Stored) -> None:
    url, values = Bundle(node).make(stored)
    assert node.run("fetch_bundle", url, **values | {"bundle_sha256": "0" * 64}).code == "restore_bundle_differs"
    assert node.run("swap_files").code == "restore_bundle_missing"
    node.done("forget_new")
    assert not node.keep.exists()


def test_what_is_no_bundle_is_told(node: RestoreNode, stored: Stored) -> None:
    body = b"no archive"
    values = {"bundle_sha256": hashlib.sha256(body).hexdigest(), "compression": "zstd"}
    assert node.run("fetch_bundle", {"bundle_url": stored.put(body)}, **values).code == "restore_bundle_differs"
    body = packed(b"no archive" * 1000, "zstd")
    values["bundle_sha256"] = hashlib.sha256(body).hexdigest()
    assert node.run("fetch_bundle", {"bundle_url": stored.put(body)}, **values).code == "restore_bundle_differs"


def test_a_folder_where_the_bundle_has_a_file_is_left_alone(dash: RestoreNode, stored: Stored) -> None:
    bundle = Bundle(dash)
    url, values = bundle.make(stored)
    (bundle.etc / "admin.conf").mkdir(parents=True)
    dash.done("fetch_bundle", url, **values)
    assert dash.run("swap_files").code == "restore_layout_unsupported"
