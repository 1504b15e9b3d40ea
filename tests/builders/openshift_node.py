"""Control-plane hosts of OpenShift (holdfast.local.machines.openshift), of the releases that stand for a generation."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders.node import need_nodes
from builders.ssh_keys import CLIENT
from holdfast.local.machines.openshift.cluster import OpenShiftCluster, openshift_machines
from holdfast.local.machines.openshift.layout import LOCALHOST
from holdfast.local.machines.openshift.machine import OpenShiftMachine as OpenShiftNode
from holdfast.local.machines.openshift.operators import Operators, operated

__all__ = ["RELEASES", "OpenShiftCluster", "OpenShiftNode", "Operators", "oc", "openshift_cluster", "operated"]

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


def oc(node: OpenShiftNode, *words: str, text: str = "") -> str:
    """What it printed, as the vendor's scripts ask on a host; PermanentError when it failed."""
    return node.run("oc", f"--kubeconfig={LOCALHOST}", *words, text=text)
