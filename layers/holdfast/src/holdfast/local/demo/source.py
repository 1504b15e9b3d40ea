"""The cluster that the demo backs up, started while the main thread does something else.

A control plane of three nodes in namespaces, or where none can be made the three members of an etcd alone.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.local.demo.signals import undisturbed
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.machines.kubeadm import KubeadmCluster, kubeadm_machines

MEMBERS = 3
# Nodes that are asked to stop while they boot do so when they are up, or failed to be.
STOP_WITHIN_S = 90.0

type Source = KubeadmCluster | LocalEtcd


class SourceCluster:
    """Its processes die with the thread that started them, so one thread holds them from their start to their end."""

    def __init__(self, folder: Path, snapshot: Path, *, nodes: bool) -> None:
        self._folder = folder
        self._snapshot = snapshot
        self._nodes = nodes
        self._ready: Future[Source] = Future()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="demo-source", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            self._stop.set()
            self._thread.join(STOP_WITHIN_S)

    def wait(self) -> Source:
        """The healthy cluster, or the error that kept it from becoming one."""
        return self._ready.result()

    def _live(self) -> None:
        try:
            with self._cluster() as cluster:
                self._ready.set_result(cluster)
                self._stop.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    @contextmanager
    def _cluster(self) -> Iterator[Source]:
        if self._nodes:
            self._folder.mkdir(parents=True)
            snapshot = self._snapshot.read_bytes()
            with kubeadm_machines(self._folder, snapshot, "", MEMBERS, encryption=True, api=True) as machines:
                yield machines
        else:
            with LocalEtcd.start(self._folder, members=MEMBERS, snapshot=self._snapshot) as members:
                yield members
