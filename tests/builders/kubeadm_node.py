"""Control-plane nodes as kubeadm leaves them (holdfast.local.machines), with data of the real cluster of tests/data."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders.node import need_nodes
from builders.real_etcd import real_snapshot
from builders.ssh_keys import CLIENT
from holdfast.local.machines.kubeadm import DATA, KubeadmCluster, kubeadm_machines
from holdfast.local.machines.kubeadm import KubeadmMachine as KubeadmNode

__all__ = ["DATA", "KubeadmCluster", "KubeadmNode", "kubeadm_cluster"]


@contextmanager
def kubeadm_cluster(
    folder: Path, members: int = 3, *, snapshot: str = "a", encryption: bool = False, **options: Any
) -> Iterator[KubeadmCluster]:
    """Nodes n1, n2, ... that are up, with tests/data/kubeadm-<snapshot> in their etcd. `options` are those of
    KubeadmMachine; with api=True an API server of ours runs on each."""
    need_nodes()
    database = real_snapshot(snapshot)
    with kubeadm_machines(folder, database, CLIENT.public, members, encryption=encryption, **options) as cluster:
        yield cluster
