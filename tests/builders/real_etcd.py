"""A real etcd 3.5.1 on loopback, and what is asked of it in tests.

Unlike `holdfast.local.etcd_cluster.LocalEtcd` it takes a data directory that etcdutl made, whatever is in it, and it is
asked by etcdctl and not by our client: what our code says is compared with it.
"""

import base64
import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from holdfast.local.etcd_binaries import etcd_binary
from holdfast.models.etcd import HashKV

DATA = Path(__file__).parents[1] / "data"


def two_free_ports() -> list[int]:
    """Both are held until both are known, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        return [opened.getsockname()[1] for opened in sockets]


class RealEtcd:
    def __init__(self, client_url: str) -> None:
        self.client_url = client_url

    def etcdctl(self, *arguments: str) -> Any:
        command = [str(etcd_binary("etcdctl")), f"--endpoints={self.client_url}", "-w", "json", *arguments]
        answer = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
        return json.loads(answer) if answer.startswith((b"{", b"[")) else answer

    def put(self, key: str, value: bytes) -> None:
        """Through the JSON gateway: many times faster than a process for each."""
        pair = {"key": base64.b64encode(key.encode()).decode(), "value": base64.b64encode(value).decode()}
        connection = http.client.HTTPConnection(self.client_url.removeprefix("http://"), timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", "/v3/kv/put", json.dumps(pair))
            assert connection.getresponse().status == http.HTTPStatus.OK

    def hash_kv(self) -> HashKV:
        (answer,) = self.etcdctl("endpoint", "hashkv")
        found = answer["HashKV"]
        revision = found["header"]["revision"]
        return HashKV(hash=found["hash"], revision=revision, compact_revision=found["compact_revision"])

    def live_keys(self) -> dict[bytes, int]:
        """Every key with the length of its value."""
        answer = self.etcdctl("get", "", "--prefix")
        decode = base64.b64decode
        return {decode(found["key"]): len(decode(found.get("value", ""))) for found in answer.get("kvs", [])}

    def snapshot(self, path: Path) -> Path:
        self.etcdctl("snapshot", "save", str(path))
        return path


@contextlib.contextmanager
def running_etcd(data_dir: Path, *flags: str) -> Iterator[RealEtcd]:
    """An etcd on `data_dir` (a new one, or one that `restore` made), stopped at the end."""
    client, peer = (f"http://127.0.0.1:{port}" for port in two_free_ports())
    command = [str(etcd_binary("etcd")), f"--data-dir={data_dir}", "--unsafe-no-fsync", "--log-level=error", *flags]
    command += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"]
    command += [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            etcd = RealEtcd(client)
            _wait_until_ready(etcd, process, log)
            yield etcd
        finally:
            process.kill()


def _wait_until_ready(etcd: RealEtcd, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(subprocess.CalledProcessError):
            etcd.etcdctl("endpoint", "health", "--command-timeout=1s")
            return
    raise AssertionError(f"etcd did not start: {log.read_text()[-2000:]}")


def restore(snapshot: Path, data_dir: Path) -> subprocess.CompletedProcess[bytes]:
    """`etcdutl snapshot restore`; a refusal (or a panic) is a return code other than 0."""
    command = [str(etcd_binary("etcdutl")), "snapshot", "restore", str(snapshot), f"--data-dir={data_dir}"]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


def real_snapshot(name: str) -> bytes:
    """The raw bytes of tests/data/kubeadm-<name>.db.zst."""
    with (DATA / f"kubeadm-{name}.db.zst").open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read()
