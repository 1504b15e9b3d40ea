"""Run Command's answers, as botocore gives them, in our words. The requests are checked against AWS's own model."""

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.transports.ssm.commands import LARGEST, Invocation, RunCommand

INSTANCE = "mi-0123456789abcdef0"
COMMAND = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def client() -> Any:
    return boto3.Session("key", "secret", region_name="eu-central-1").client("ssm")


def looked(client: Any, **answer: Any) -> Invocation:
    with Stubber(client) as stub:
        stub.add_response("get_command_invocation", answer, {"CommandId": COMMAND, "InstanceId": INSTANCE})
        return RunCommand(client).look("n1", INSTANCE, COMMAND)


def refused(client: Any, code: str, status: int = 400) -> HoldfastError:
    """What becomes of SendCommand's refusal."""
    with Stubber(client) as stub:
        stub.add_client_error("send_command", code, "its words", http_status_code=status)
        with pytest.raises(HoldfastError) as error:
            RunCommand(client).send("n1", INSTANCE, "true", comment="c", timeout_s=60)
    return error.value


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        ("Pending", "Pending", "waiting"),
        ("Delayed", "Delayed", "waiting"),
        ("InProgress", "InProgress", "running"),
        ("InProgress", "In Progress", "running"),
        ("Cancelling", "Cancelling", "running"),
        ("Success", "Success", "ended"),
        ("Failed", "Failed", "ended"),
        ("TimedOut", "DeliveryTimedOut", "undelivered"),
        ("TimedOut", "Delivery Timed Out", "undelivered"),
        ("TimedOut", "ExecutionTimedOut", "expired"),
        ("TimedOut", "Execution Timed Out", "expired"),
        ("Failed", "Undeliverable", "undelivered"),
        ("Cancelled", "Cancelled", "cancelled"),
        ("Failed", "Terminated", "cancelled"),
        ("Failed", "AccessDenied", "denied"),
        ("Failed", "Rate Exceeded", "busy"),
    ],
)
def test_every_status_has_a_meaning(client: Any, status: str, details: str, expected: str) -> None:
    assert looked(client, Status=status, StatusDetails=details).state == expected


def test_a_status_that_nobody_knows_is_told_in_the_services_words(client: Any) -> None:
    with pytest.raises(PermanentError) as error:
        looked(client, Status="Failed", StatusDetails="Eaten by the Dog")
    assert error.value.code == "ssm_command_failed"
    assert "Eaten by the Dog" in error.value.message


def test_an_output_that_was_cut_is_told_and_comes_without_the_mark(client: Any) -> None:
    cut = looked(client, Status="Success", StandardOutputContent="{}\nabc--output truncated--")
    assert (cut.output, cut.cut) == ("{}\nabc", True)
    whole = looked(client, Status="Success", StandardOutputContent="{}\nabc\n", ResponseCode=0)
    assert (whole.output, whole.cut, whole.exit_code) == ("{}\nabc\n", False, 0)


@pytest.mark.parametrize("code", ["InvocationDoesNotExist", "InvalidCommandId"])
def test_an_invocation_that_is_not_there_is_unknown_and_no_error(client: Any, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("get_command_invocation", code)
        assert RunCommand(client).look("n1", INSTANCE, COMMAND).state == "unknown"


@pytest.mark.parametrize(
    ("code", "status", "family", "expected"),
    [
        ("ThrottlingException", 400, TransientError, "ssm_unavailable"),
        ("InternalServerError", 500, TransientError, "ssm_unavailable"),
        ("AccessDeniedException", 400, PermanentError, "node_access_denied"),
        ("ExpiredTokenException", 400, PermanentError, "node_access_denied"),
        ("InvalidDocument", 400, PermanentError, "ssm_refused"),
        ("InvalidInstanceId", 400, PermanentError, "ssm_node_unknown"),
    ],
)
def test_a_refused_command_is_told_by_its_reason(
    client: Any, code: str, status: int, family: type[HoldfastError], expected: str
) -> None:
    error = refused(client, code, status)
    assert (type(error), error.code) == (family, expected)
    assert "n1" in error.message


def test_a_node_that_systems_manager_does_not_know_is_told_with_the_region_and_what_to_look_at(client: Any) -> None:
    error = refused(client, "InvalidInstanceId")
    assert INSTANCE in error.message
    assert "eu-central-1" in error.message
    assert "describe-instance-information --region eu-central-1" in error.hint


def test_a_denied_role_is_told_which_rights_and_which_tag_it_takes(client: Any) -> None:
    hint = refused(client, "AccessDeniedException").hint
    assert all(word in hint for word in ("ssm:SendCommand", "ssm:GetCommandInvocation", "holdfast=node"))


def test_a_command_goes_to_one_node_with_its_limits(client: Any) -> None:
    with Stubber(client) as stub:
        wanted = {
            "InstanceIds": [INSTANCE],
            "DocumentName": "AWS-RunShellScript",
            "Comment": "k" * 100,
            "TimeoutSeconds": 120,
            "Parameters": {"commands": ["echo 1"], "executionTimeout": ["660"]},
        }
        stub.add_response("send_command", {"Command": {"CommandId": COMMAND}}, wanted)
        sent = RunCommand(client).send("n1", INSTANCE, "echo 1", comment="k" * 150, timeout_s=600)
    assert sent == COMMAND


def test_a_command_that_is_too_large_is_refused_before_it_is_sent(client: Any) -> None:
    with Stubber(client), pytest.raises(PermanentError) as error:
        RunCommand(client).send("n1", INSTANCE, "#" * LARGEST, comment="c", timeout_s=60)
    assert error.value.code == "ssm_command_too_large"


@pytest.mark.parametrize("text", ["a='{{ssm:secret}}'", "a='{{{{x}}}}'", "a='{{{x}}'"])
def test_no_text_holds_what_systems_manager_would_replace(client: Any, text: str) -> None:
    sent: dict[str, Any] = {}
    client.meta.events.register(
        "provide-client-params.ssm.SendCommand", lambda params, **_: sent.update(params["Parameters"])
    )
    with Stubber(client) as stub:
        expected = dict.fromkeys(("InstanceIds", "DocumentName", "Comment", "TimeoutSeconds", "Parameters"), ANY)
        stub.add_response("send_command", {"Command": {"CommandId": COMMAND}}, expected)
        RunCommand(client).send("n1", INSTANCE, text, comment="c", timeout_s=60)
    (command,) = sent["commands"]
    assert "{{" not in command
    assert command.replace("''", "") == text
