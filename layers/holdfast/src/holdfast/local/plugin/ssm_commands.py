"""Run Command: what Systems Manager does with a command, on registered nodes, with its limits and statuses.

Sources: the API reference of SendCommand and GetCommandInvocation; amazon-ssm-agent (agent/appconfig: output limits;
the script file that stays on the node). Left out: Targets, concurrency and errors limits, outputs to S3 and to logs.
Stricter than AWS: two braces in a row are refused, since Systems Manager may replace them.
"""

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.local.plugin.ssm_agent import Outcome, Script, deliver
from holdfast.local.plugin.ssm_nodes import managed_node

DOCUMENT = "AWS-RunShellScript"
DOCUMENT_BYTES = 64 * 1024
TICK_S = 0.05


class CallRefused(Exception):  # noqa: N818 - an answer of the service, not a mistake here
    """`code` is the exception's name on AWS."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class State:
    status: str
    details: str
    outcome: Outcome = field(default_factory=Outcome)


@dataclass
class Sent:
    """One command on one node. Times are seconds of the monotonic clock, `requested` is told to callers."""

    command_id: str
    instance: str
    text: str
    comment: str
    requested: datetime
    visible: float
    deliver_until: float
    execution_s: float
    state: State = field(default_factory=lambda: State("Pending", "Pending"))
    cancelled: threading.Event = field(default_factory=threading.Event)


class RunCommands:
    """`nodes` is the folder of registered nodes. With `speed` 100, a delivery timeout of 120 s takes 1.2 s.
    `hidden_s` is how long a new command's invocations do not exist yet."""

    def __init__(self, nodes: Path, *, speed: float = 1.0, hidden_s: float = 0.3) -> None:
        self._nodes = nodes
        self._speed = speed
        self._hidden_s = hidden_s
        self._sent: dict[tuple[str, str], Sent] = {}
        self._lock = threading.Lock()

    def send(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """SendCommand. Returns the Command."""
        text, execution_s = _checked(request)
        instances = list(request.get("InstanceIds") or ())
        for instance in instances:
            if managed_node(self._nodes, instance) is None:
                raise CallRefused("InvalidInstanceId", f"Instances [[{instance}]] not in a valid state for account")
        command_id, now = str(uuid.uuid4()), time.monotonic()
        delivery_s = float(request.get("TimeoutSeconds") or 3600)
        for instance in instances:
            sent = Sent(
                command_id=command_id,
                instance=instance,
                text=text,
                comment=str(request.get("Comment") or ""),
                requested=datetime.now(UTC),
                visible=now + self._hidden_s,
                deliver_until=now + delivery_s / self._speed,
                execution_s=execution_s / self._speed,
            )
            with self._lock:
                self._sent[command_id, instance] = sent
            threading.Thread(target=self._carry_out, args=(sent,), daemon=True).start()
        return {
            "CommandId": command_id,
            "DocumentName": DOCUMENT,
            "Comment": str(request.get("Comment") or ""),
            "InstanceIds": instances,
            "Parameters": dict(request["Parameters"]),
            "RequestedDateTime": datetime.now(UTC),
            "Status": "Pending",
            "StatusDetails": "Pending",
            "TargetCount": len(instances),
        }

    def invocation(self, command_id: str, instance: str) -> dict[str, Any]:
        """GetCommandInvocation."""
        sent = self._sent.get((command_id, instance))
        if sent is None or time.monotonic() < sent.visible:
            raise CallRefused("InvocationDoesNotExist", "")
        state = sent.state
        return {
            "CommandId": command_id,
            "InstanceId": instance,
            "Comment": sent.comment,
            "DocumentName": DOCUMENT,
            "PluginName": "aws:runShellScript",
            "ResponseCode": state.outcome.code,
            "Status": state.status,
            "StatusDetails": state.details,
            "StandardOutputContent": state.outcome.output,
            "StandardErrorContent": state.outcome.errors,
        }

    def invocations(self, command_id: str | None = None, instance: str | None = None) -> list[dict[str, Any]]:
        """ListCommandInvocations, without details of plugins."""
        with self._lock:
            known = list(self._sent.values())
        return [
            {
                "CommandId": sent.command_id,
                "InstanceId": sent.instance,
                "Comment": sent.comment,
                "DocumentName": DOCUMENT,
                "RequestedDateTime": sent.requested,
                "Status": sent.state.status,
                "StatusDetails": sent.state.details,
                "CommandPlugins": [],
            }
            for sent in known
            if command_id in (None, sent.command_id) and instance in (None, sent.instance)
        ]

    def cancel(self, command_id: str, instances: list[str] | None = None) -> None:
        """CancelCommand. What ended already stays as it is."""
        with self._lock:
            found = [sent for (known, _), sent in self._sent.items() if known == command_id]
        if not found:
            raise CallRefused("InvalidCommandId", "")
        for sent in found:
            if not instances or sent.instance in instances:
                sent.cancelled.set()

    def texts(self) -> list[str]:
        """Everything that a caller's parameters left in the history, for tests that look for secrets in it."""
        with self._lock:
            return [f"{sent.comment}\n{sent.text}" for sent in self._sent.values()]

    def _carry_out(self, sent: Sent) -> None:
        script = self._delivered(sent)
        if script is not None:
            sent.state = State("InProgress", "InProgress")
            with script:
                sent.state = self._ended(sent, script)

    def _delivered(self, sent: Sent) -> Script | None:
        """None when the command ended before an agent took it."""
        while not sent.cancelled.is_set():
            node = managed_node(self._nodes, sent.instance)
            if node is None:
                sent.state = State("Undeliverable", "Undeliverable")
                return None
            script = deliver(node, sent.command_id, sent.text) if node.online else None
            if script is not None:
                return script
            if time.monotonic() > sent.deliver_until:
                sent.state = State("TimedOut", "DeliveryTimedOut")
                return None
            time.sleep(TICK_S)
        sent.state = State("Cancelled", "Cancelled")
        return None

    def _ended(self, sent: Sent, script: Script) -> State:
        until = time.monotonic() + sent.execution_s
        while time.monotonic() < until:
            if sent.cancelled.is_set():
                return State("Cancelled", "Cancelled")
            outcome = script.outcome() if self._answers(sent) else None
            if outcome is not None:
                word = "Success" if outcome.code == 0 else "Failed"
                return State(word, word, outcome)
            time.sleep(TICK_S)
        return State("TimedOut", "ExecutionTimedOut")

    def _answers(self, sent: Sent) -> bool:
        node = managed_node(self._nodes, sent.instance)
        return node is not None and node.online


def _checked(request: Mapping[str, Any]) -> tuple[str, float]:
    """The script's text and its time limit in seconds, or what AWS answers to a request that it does not take."""
    if str(request.get("DocumentName")).rpartition("/")[2] != DOCUMENT:
        raise CallRefused("InvalidDocument", f"only {DOCUMENT} is here")
    parameters = dict(request.get("Parameters") or {})
    unknown = parameters.keys() - {"commands", "workingDirectory", "executionTimeout"}
    if unknown or not parameters.get("commands"):
        raise CallRefused("InvalidParameters", f"commands are missing, or {sorted(unknown)} are no parameters")
    text = "\n".join(parameters["commands"])
    if len(text.encode()) > DOCUMENT_BYTES:
        raise CallRefused("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")
    if "{{" in text:
        raise CallRefused("InvalidParameters", "two braces in a row may be read as a reference to a parameter")
    execution_s = float((parameters.get("executionTimeout") or ["3600"])[0])
    if not 5 <= execution_s <= 172_800:
        execution_s = 3600.0
    if not 30 <= (request.get("TimeoutSeconds") or 3600) <= 2_592_000:
        raise CallRefused("ValidationException", "timeoutSeconds is between 30 and 2592000")
    if len(request.get("Comment") or "") > 100:
        raise CallRefused("ValidationException", "comment has at most 100 characters")
    return text, execution_s
