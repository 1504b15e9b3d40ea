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
        """Start an execution of this state machine; False when one of that name exists already (running or done).
        TransientError `executions_unavailable`, PermanentError `executions_access_denied`, `executions_refused`,
        `state_machine_missing`."""

    def view(self, name: str) -> ExecutionView:
        """What is known of it now, or PermanentError `run_unknown`."""

    def stop(self, name: str, cause: str) -> None:
        """Stop it if it runs; one that is over is left as it is. PermanentError `run_unknown`."""

    def answer(self, token: str, payload: str) -> None:
        """Let a state go on that waits with a task token; `payload` becomes its output.
        PermanentError `question_closed` when nobody waits with that token any more."""

    def decline(self, token: str, error: str, cause: str) -> None:
        """Let it fail instead. The same error."""
