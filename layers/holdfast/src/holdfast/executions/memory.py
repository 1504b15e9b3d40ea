"""Executions in memory. Nothing runs by itself: a test moves one on with `enter` and `finish`."""

from dataclasses import replace
from threading import Lock

from holdfast.doubles import FailsOnDemand
from holdfast.executions.base import ExecutionView, Status
from holdfast.executions.failures import run_unknown


class MemoryExecutions(FailsOnDemand):
    """`payloads` are the inputs by name, in the order of their starts."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._views: dict[str, ExecutionView] = {}
        self.payloads: dict[str, str] = {}

    def start(self, name: str, payload: str) -> bool:
        self._reach("start")
        with self._lock:
            if name in self._views:
                return False
            self._views[name] = ExecutionView(name=name, status="RUNNING", phases=())
            self.payloads[name] = payload
        return True

    def view(self, name: str) -> ExecutionView:
        self._reach("view")
        if name not in self._views:
            raise run_unknown(name)
        return self._views[name]

    def enter(self, name: str, phase: str) -> None:
        self._views[name] = replace(self._views[name], phases=(*self._views[name].phases, phase))

    def finish(self, name: str, *, error: str = "", cause: str = "") -> None:
        status: Status = "FAILED" if error else "SUCCEEDED"
        self._views[name] = replace(self._views[name], status=status, error=error, cause=cause)
