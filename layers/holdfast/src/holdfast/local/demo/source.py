"""The cluster that the demo backs up: three real etcd members, started while the main thread does something else."""

import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.local.demo.signals import undisturbed
from holdfast.local.etcd_cluster import LocalEtcd

MEMBERS = 3
STOP_WITHIN_S = 30.0


class SourceCluster:
    """Members die with the thread that started them, so one thread holds them from their start to their end."""

    def __init__(self, folder: Path, snapshot: Path) -> None:
        self._folder = folder
        self._snapshot = snapshot
        self._ready: Future[LocalEtcd] = Future()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="demo-etcd", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            self._stop.set()
            self._thread.join(STOP_WITHIN_S)

    def wait(self) -> LocalEtcd:
        """The healthy cluster, or the error that kept it from becoming one."""
        return self._ready.result()

    def _live(self) -> None:
        try:
            cluster = LocalEtcd.start(self._folder, members=MEMBERS, snapshot=self._snapshot)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            self._ready.set_exception(error)
            return
        with cluster:
            self._ready.set_result(cluster)
            self._stop.wait()
