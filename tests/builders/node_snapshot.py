"""A snapshot by node/snapshot.sh: the upload that waits for it, and an etcd in what crictl takes for a container."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders.fault_proxy import FaultProxy
from builders.real_etcd import RealEtcd
from builders.shell import NodeProgram, Shell, toolbox
from builders.waiting import wait_for
from holdfast.local.etcd_binaries import etcd_binary

PART_BYTES = 8 * 1024 * 1024
KEY = "c/b/snapshot.db.zst"

# What crictl does for our two calls; all is in kube-system. The container's name for its folder is the host's, as with
# kubeadm.
CRICTL = """
case "$1 $2 $3 $4 $5" in
"ps --name ^etcd\\$ --label io.kubernetes.pod.namespace=kube-system") echo 0123456789abc ;;
"exec 0123456789abc etcdctl "*) shift 3 && exec {etcdctl} "$@" ;;
*) echo "crictl: $*" >&2 && exit 2 ;;
esac
"""


def crictl(etcdctl: str | Path | None = None) -> str:
    return CRICTL.format(etcdctl=etcdctl or etcd_binary("etcdctl"))


def presigned(client: Any, operation: str, **parameters: Any) -> str:
    return str(client.generate_presigned_url(operation, Params=parameters, ExpiresIn=900))


@dataclass
class WaitingUpload:
    """A multipart upload with its list of URLs, as engine/node_snapshot.py makes them."""

    client: Any
    bucket: str
    count: int = 6
    upload_id: str = ""
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.upload_id = self.client.create_multipart_upload(Bucket=self.bucket, Key=KEY)["UploadId"]
        self.lines = [
            presigned(
                self.client, "upload_part", Bucket=self.bucket, Key=KEY, UploadId=self.upload_id, PartNumber=number
            )
            for number in range(1, self.count + 1)
        ]

    def plan_url(self) -> str:
        self.client.put_object(Bucket=self.bucket, Key="upload.txt", Body="".join(f"{line}\n" for line in self.lines))
        return presigned(self.client, "get_object", Bucket=self.bucket, Key="upload.txt")

    def renewal(self) -> str:
        """The last line of a list that is written anew while a node is at work."""
        return f"renew {presigned(self.client, 'get_object', Bucket=self.bucket, Key='upload.txt')}"

    def parts(self) -> list[dict[str, Any]]:
        found = self.client.list_parts(Bucket=self.bucket, Key=KEY, UploadId=self.upload_id)
        return list(found.get("Parts", ()))

    def complete(self) -> bytes:
        """The object's bytes, once it is made of the parts that arrived."""
        parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in self.parts()]
        self.client.complete_multipart_upload(
            Bucket=self.bucket, Key=KEY, UploadId=self.upload_id, MultipartUpload={"Parts": parts}
        )
        return bytes(self.client.get_object(Bucket=self.bucket, Key=KEY)["Body"].read())


@dataclass
class SnapshotNode:
    """A node with a running etcd. `program` makes the step of one test; its folder names the file in the container."""

    folder: Path
    etcd: RealEtcd
    shell: Shell

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def saved(self) -> dict[str, Any]:
        """The values of a program that sends a small file that was saved before: quick, where etcd does not matter."""
        self.data.mkdir(exist_ok=True)
        body = bytes(128 * 512)
        file = self.data / "saved.db"
        file.write_bytes(body + hashlib.sha256(body).digest())
        return {"how": "file", "file": str(file), "expected_bytes": str(len(body))}

    def program(
        self,
        upload: WaitingUpload,
        *,
        without: tuple[str, ...] = (),
        stubs: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        **values: str,
    ) -> NodeProgram:
        self.data.mkdir(exist_ok=True)
        path = toolbox(self.folder / "bin", self.shell, without=without, stubs={"crictl": crictl(), **(stubs or {})})
        member = {"how": "container", "etcd_name": "etcd", "endpoint": self.etcd.client_url, "member_id": ""}
        files = {"host_data_dir": str(self.data), "data_dir": str(self.data), "file": ""}
        tls = {"ca": "", "cert": "", "key_file": ""}
        sizes = {"expected_bytes": "16000000", "part_bytes": str(PART_BYTES)}
        usual = member | files | tls | sizes
        return NodeProgram(
            "snapshot",
            self.folder / "step.1",
            self.shell,
            path,
            {**usual, **values},
            {"plan_url": upload.plan_url()},
            environment or {},
        )


def saving_until(go: Path) -> dict[str, str]:
    """crictl in whose container the snapshot is not saved before a file is there."""
    script = f"""exec_etcdctl() {{
case "$*" in *" snapshot save "*) until [ -e {go} ]; do sleep 0.1; done ;; esac
exec {etcd_binary("etcdctl")} "$@"
}}
"""
    return {"crictl": script + CRICTL.replace("exec {etcdctl}", "exec_etcdctl")}


def looks(proxy: FaultProxy) -> int:
    """How often the node asked for the list."""
    return sum(each.startswith("GET") and "upload.txt" in each for each in proxy.requests)


def look_again(proxy: FaultProxy) -> None:
    """Until a list that is there now was fetched by the node: the request under way may have come before it."""
    before = looks(proxy)
    wait_for(lambda: looks(proxy) >= before + 2, "two more looks at the list")
