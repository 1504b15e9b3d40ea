"""The operators of a cluster: a thread outside of its hosts, which asks the API and works on the hosts' files.

While no API server answers they do nothing, as real ones. What lasts minutes there takes a second here."""

import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.local.machines.oc.failures import OcError
from holdfast.local.machines.openshift.certificates import CertificateSigner
from holdfast.local.machines.openshift.cluster import OpenShiftCluster
from holdfast.local.machines.openshift.etcd_operator import EtcdOperator
from holdfast.local.machines.openshift.machine_api import MachineApi
from holdfast.local.machines.openshift.operating import AnyApi, Knobs
from holdfast.local.machines.openshift.pods import COMPONENTS
from holdfast.local.machines.openshift.static_pods import StaticPodOperator

PERIOD_S = 0.3


class Operators(threading.Thread):
    """`failures` are those that no operator should have; a test that ends with any has found a defect here."""

    def __init__(self, cluster: OpenShiftCluster) -> None:
        super().__init__(daemon=True)
        self.cluster, self.knobs = cluster, Knobs()
        self.api = AnyApi(cluster)
        self.failures: list[str] = []
        self._ended = threading.Event()
        self._all: list[EtcdOperator | StaticPodOperator | CertificateSigner | MachineApi] = [
            EtcdOperator(cluster, self.knobs),
            *(StaticPodOperator(each, cluster, self.knobs) for each in COMPONENTS[1:]),
            CertificateSigner(cluster.signers, self.knobs),
            MachineApi(cluster, self.knobs, cluster.grow),
        ]

    def run(self) -> None:
        while not self._ended.wait(PERIOD_S):
            for each in self._all:
                try:
                    each.sync(self.api.answering())
                except OcError:  # away, or changed by somebody else meanwhile: the next look comes soon
                    time.sleep(PERIOD_S / len(self._all))
                except Exception:  # noqa: BLE001 - one operator's defect is not the others'
                    self.failures.append(traceback.format_exc())

    def end(self) -> None:
        self._ended.set()
        self.join(20)


@contextmanager
def operated(cluster: OpenShiftCluster) -> Iterator[Operators]:
    """While the block runs."""
    operators = Operators(cluster)
    operators.start()
    try:
        yield operators
    finally:
        operators.end()
