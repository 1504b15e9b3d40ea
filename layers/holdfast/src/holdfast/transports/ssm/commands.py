"""Run Command as calls: send a text to one node, ask once what became of it, cancel it.

Limits and statuses: https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html and the API
reference of SendCommand and GetCommandInvocation.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from holdfast.aws import AwsErrors, error_code, error_text
from holdfast.errors import HoldfastError, PermanentError

DOCUMENT = "AWS-RunShellScript"
# Seconds until a command that no agent fetched is given up. The least that Systems Manager takes is 30.
DELIVERY_S = 120
# Seconds beyond a command's own limit, after which the agent ends what it runs.
MARGIN_S = 60
# A document with its parameters has at most 64 KB; the document's own text needs some of it.
LARGEST = 60_000
_CUT = "--output truncated--"

State = Literal["unknown", "waiting", "running", "ended", "expired", "undelivered", "cancelled", "denied", "busy"]
# Status details of an invocation, without their blanks: the API and the console write them in two ways.
_STATES: dict[str, State] = {
    "Pending": "waiting",
    "Delayed": "waiting",
    "InProgress": "running",
    "Cancelling": "running",
    "Success": "ended",
    "Failed": "ended",
    "ExecutionTimedOut": "expired",
    "TimedOut": "expired",
    "DeliveryTimedOut": "undelivered",
    "Undeliverable": "undelivered",
    "Cancelled": "cancelled",
    "Canceled": "cancelled",
    "Terminated": "cancelled",
    "AccessDenied": "denied",
    "RateExceeded": "busy",
}
_ERRORS = AwsErrors(
    unavailable="ssm_unavailable",
    denied="node_access_denied",
    refused="ssm_refused",
    denied_hint="The role needs ssm:SendCommand on the document and on the node, ssm:GetCommandInvocation and "
    "ssm:CancelCommand. Holdfast's own roles may command nodes with the tag holdfast=node only.",
)


@dataclass(frozen=True)
class Invocation:
    """`details` are the service's words. `cut` says that Systems Manager itself left out the end of `output`."""

    state: State
    details: str = ""
    exit_code: int = -1
    output: str = ""
    cut: bool = False


class RunCommand:
    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, where: str, instance: str, text: str, *, comment: str, timeout_s: int) -> str:
        """Returns the command's id. Once sent it may run, whatever becomes of the answer."""
        text = _without_references(text)
        if len(json.dumps(text)) > LARGEST:
            raise PermanentError(
                "ssm_command_too_large",
                f"{where}: the command has {len(text)} characters; Systems Manager takes 64 KB",
                hint="Use ssh or the kubernetes transport for this cluster.",
            )
        with _ERRORS.read(f"send a command to {where}"):
            try:
                answer = self._client.send_command(
                    InstanceIds=[instance],
                    DocumentName=DOCUMENT,
                    Comment=comment[:100],
                    TimeoutSeconds=DELIVERY_S,
                    Parameters={"commands": [text], "executionTimeout": [str(timeout_s + MARGIN_S)]},
                )
            except ClientError as error:
                if error_code(error) == "InvalidInstanceId":
                    raise self._unknown(where, instance, error) from error
                raise
        return str(answer["Command"]["CommandId"])

    def look(self, where: str, instance: str, command: str) -> Invocation:
        with _ERRORS.read(f"ask for a command of {where}"):
            try:
                answer = self._client.get_command_invocation(CommandId=command, InstanceId=instance)
            except ClientError as error:
                if error_code(error) in ("InvocationDoesNotExist", "InvalidCommandId"):
                    return Invocation("unknown")
                raise
        details = str(answer.get("StatusDetails") or answer["Status"])
        output = str(answer.get("StandardOutputContent", ""))
        state = _STATES.get(details.replace(" ", ""))
        if state is None:
            raise PermanentError("ssm_command_failed", f"{where}: the command ended as «{details}»")
        whole = output.rstrip().removesuffix(_CUT)
        cut = whole != output.rstrip()
        return Invocation(state, details, int(answer.get("ResponseCode", -1)), whole if cut else output, cut)

    def cancel(self, where: str, instance: str, command: str) -> None:
        with _ERRORS.read(f"cancel a command of {where}"):
            self._client.cancel_command(CommandId=command, InstanceIds=[instance])

    def _unknown(self, where: str, instance: str, error: ClientError) -> HoldfastError:
        region = self._client.meta.region_name
        listing = f"aws ssm describe-instance-information --region {region}"
        return PermanentError(
            "ssm_node_unknown",
            f"{where}: Systems Manager in {region} has no running node {instance}: {error_text(error)}",
            hint=f"Is the machine running, is its agent registered ({listing}), and does"
            " its instance profile or hybrid activation allow AmazonSSMManagedInstanceCore?",
        )


def _without_references(text: str) -> str:
    """Systems Manager replaces `{{ssm:name}}` in a parameter, and may refuse other braces that look like it.

    Two braces in a row stand in our texts between single quotes only, as every value does; there `{''{` is the same.
    """
    return re.sub(r"\{(?=\{)", "{''", text)
