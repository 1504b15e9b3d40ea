"""Executions in memory. Nothing runs by itself: a test moves one on with `enter` and `finish`."""

from dataclasses import replace
from threading import Lock

from holdfast.doubles import FailsOnDemand
from holdfast.executions.base import ExecutionView, Status
from holdfast.executions.failures import question_closed, run_unknown


class MemoryExecutions(FailsOnDemand):
    """`payloads` are the inputs by name, in the order of their starts; `answers` what was said by task token."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._views: dict[str, ExecutionView] = {}
        self.payloads: dict[str, str] = {}
        self.answers: dict[str, str] = {}
        self._waiting: set[str] = set()

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

    def stop(self, name: str, cause: str) -> None:
        self._reach("stop")
        view = self.view(name)
        if view.status == "RUNNING":
            self._views[name] = replace(view, status="ABORTED", error="Holdfast.Aborted", cause=cause)

    def answer(self, token: str, payload: str) -> None:
        self._reach("answer")
        self._settle(token, payload)

    def decline(self, token: str, error: str, cause: str) -> None:
        self._reach("decline")
        self._settle(token, f"{error}: {cause}")

    def wait_for(self, token: str) -> None:
        """A state waits with this token from now on."""
        self._waiting.add(token)

    def _settle(self, token: str, said: str) -> None:
        if token not in self._waiting:
            raise question_closed()
        self._waiting.remove(token)
        self.answers[token] = said

    def enter(self, name: str, phase: str) -> None:
        self._views[name] = replace(self._views[name], phases=(*self._views[name].phases, phase))

    def finish(self, name: str, *, error: str = "", cause: str = "") -> None:
        status: Status = "FAILED" if error else "SUCCEEDED"
        self._views[name] = replace(self._views[name], status=status, error=error, cause=cause)
