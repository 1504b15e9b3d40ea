"""The contract for starting and watching executions. A name is used once: that is what makes duplicate events one
backup."""

from dataclasses import dataclass
from typing import Literal, Protocol

type Status = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


@dataclass(frozen=True)
class ExecutionView:
    """`phases` are the names of the states that were entered, in order."""

    name: str
    status: Status
    phases: tuple[str, ...]
    error: str = ""
    cause: str = ""


class Executions(Protocol):
    def start(self, name: str, payload: str) -> bool:
        """Start an execution of the backup state machine; False when one of that name exists already (running or done).
        TransientError `executions_unavailable`, PermanentError `executions_access_denied`, `executions_refused`,
        `state_machine_missing`."""

    def view(self, name: str) -> ExecutionView:
        """What is known of it now, or PermanentError `run_unknown`."""
