"""What the demo needs before it can begin, and what it writes: a folder, a raw snapshot, access, cluster.yaml."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from holdfast.errors import InvalidInputError, RefusedError
from holdfast.local import deploy, locks, nodes
from holdfast.local.commands import python_3_13
from holdfast.local.demo.source import Source
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.home import Home, find
from holdfast.local.machines.kubeadm import KubeadmCluster, KubeadmMachine
from holdfast.local.stack import StackInfo

CLUSTER_ID = "demo"
SECRET = f"holdfast/{CLUSTER_ID}/etcd"
SNAPSHOT = Path("tests") / "data" / "kubeadm-a.db.zst"

# A rate schedule without a start date fires when it is made, and then every time its rate has passed.
CLUSTER_YAML = """\
id: {cluster_id}
driver: kubeadm
description: three {what} on this machine
transport:
{transport}
schedule:
  rate: 5 minutes
retention:
  keep_last: 3
"""


@dataclass(frozen=True)
class Folder:
    """`work` holds databases with real Secrets in them and goes when the demo ends."""

    home: Home
    data: Path

    @property
    def work(self) -> Path:
        return self.home.path / "work"

    @property
    def raw_snapshot(self) -> Path:
        return self.work / "source.db"

    @property
    def cluster_file(self) -> Path:
        return self.work / "cluster.yaml"


def prepare() -> Folder:
    """A home of its own below the usual one, so that a stack of `holdfast local up` is left alone.

    Fails with `template_missing`, `python_missing`, `etcd_binaries_missing` or `demo_data_missing`.
    """
    usual = find()
    python_3_13()
    etcd_binary("etcd")
    etcd_binary("etcdutl")
    data = usual.root / SNAPSHOT
    if not data.is_file():
        raise InvalidInputError(
            "demo_data_missing", f"{data} is not there", hint="run the demo inside a complete clone of Holdfast"
        )
    home = Home(root=usual.root, path=usual.path / "demo", template=usual.template, environments=usual.environments)
    return Folder(home, data)


@contextmanager
def exclusive(folder: Folder) -> Iterator[None]:
    """One demo per home at a time: each begins by removing what an earlier one left. RefusedError `demo_busy`."""
    busy = RefusedError("demo_busy", f"another demo is running in {folder.home.path}", hint="wait for it to end")
    with locks.refusing(folder.home.path / "demo.lock", busy):
        yield


def unpack(folder: Folder) -> None:
    """The raw file that etcdutl restores from."""
    shutil.rmtree(folder.work, ignore_errors=True)
    folder.work.mkdir(parents=True, mode=0o700)
    with folder.data.open("rb") as packed, folder.raw_snapshot.open("wb") as raw:
        zstandard.ZstdDecompressor().copy_stream(packed, raw)


def give_access(folder: Folder, stack: StackInfo, source: Source) -> str:
    """To nodes by Run Command, to an etcd alone by its client certificate. What was done, in words."""
    if isinstance(source, KubeadmCluster):
        for node in source.nodes:
            nodes.register(folder.home, instance_of(node), node.enter())
        return "Register the nodes with Run Command, which asks for no sshd and no key"
    _store_credentials(stack, source)
    return "Store the client certificate in Secrets Manager"


def instance_of(node: KubeadmMachine) -> str:
    """Its id with Systems Manager, from its place in the cluster: n1 is the first."""
    return f"mi-{int(node.name.removeprefix('n')):017x}"


def _store_credentials(stack: StackInfo, source: LocalEtcd) -> None:
    """The client certificate, under the key that the functions may decrypt with."""
    secret = {
        "ca": source.tls.ca.get_secret_value(),
        "cert": source.tls.cert.get_secret_value(),
        "key": source.tls.key.get_secret_value(),
    }
    client: Any = deploy.client("secretsmanager", stack.endpoint)
    client.create_secret(Name=SECRET, SecretString=json.dumps(secret), KmsKeyId=stack.outputs["SecretsKeyArn"])


def write_cluster_file(folder: Folder, source: Source) -> Path:
    if isinstance(source, KubeadmCluster):
        what, lines = "control-plane nodes", ["kind: ssm", "nodes:"]
        lines += [f"  - {{name: {node.name}, instance: {instance_of(node)}}}" for node in source.nodes]
    else:
        what, lines = "etcd members", ["kind: etcd", "endpoints:"]
        lines += [*(f"  - {endpoint}" for endpoint in source.endpoints), f"credentials: {SECRET}"]
    text = CLUSTER_YAML.format(cluster_id=CLUSTER_ID, what=what, transport="\n".join(f"  {line}" for line in lines))
    folder.cluster_file.write_text(text)
    return folder.cluster_file


def clean_work(folder: Folder) -> None:
    """The nodes are gone by now, and Run Command is to know them no more."""
    shutil.rmtree(folder.home.nodes, ignore_errors=True)
    shutil.rmtree(folder.work, ignore_errors=True)


def clean_stack(folder: Folder) -> None:
    """Logs and unpacked code stay, data does not."""
    for data in (folder.home.run, folder.home.scratch):
        shutil.rmtree(data, ignore_errors=True)
