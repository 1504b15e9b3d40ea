"""Control-plane hosts of OpenShift (holdfast.local.machines.openshift), of the releases that stand for a generation."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders.node import need_nodes
from builders.ssh_keys import CLIENT
from holdfast.local.machines.openshift.cluster import OpenShiftCluster, openshift_machines
from holdfast.local.machines.openshift.machine import OpenShiftMachine as OpenShiftNode

__all__ = ["RELEASES", "OpenShiftCluster", "OpenShiftNode", "openshift_cluster"]

# One of each generation of the vendor's scripts.
RELEASES = {"4.4": "4.4.33", "4.6": "4.6.58", "4.9": "4.10.67", "4.11": "4.16.30", "4.18": "4.18.12"}


@contextmanager
def openshift_cluster(
    folder: Path, version: str = RELEASES["4.18"], members: int = 3, **options: Any
) -> Iterator[OpenShiftCluster]:
    """Hosts master-0, master-1, ... that are up. `options` are those of openshift_machines and of OpenShiftMachine."""
    need_nodes()
    with openshift_machines(folder, CLIENT.public, version, members, **options) as cluster:
        yield cluster
