"""Run Command of the embedded stack: on a registered node, and on nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from builders.node import Node
from builders.probe import Probe
from builders.waiting import wait_for
from holdfast.errors import PermanentError
from holdfast.local import nodes
from holdfast.models.cluster import SsmTransport
from holdfast.models.command import Command, CommandResult
from holdfast.transports.base import Running
from holdfast.transports.ssm.transport import SsmNodes

INSTANCE = "i-00000000000000e2e"
TELLING = "5ecret51gnature"


@pytest.fixture
def node(probe: Probe, tmp_path: Path) -> Iterator[Node]:
    with Node(tmp_path, "n1") as made:
        nodes.register(probe.home, INSTANCE, made.enter())
        yield made
    nodes.forget(probe.home, INSTANCE)


def transport(probe: Probe) -> SsmNodes:
    spec = SsmTransport.model_validate({"kind": "ssm", "nodes": [{"name": "n1", "instance": INSTANCE}]})
    return SsmNodes(spec, probe.client("ssm"))


def test_a_step_with_a_secret_runs_on_the_node_and_leaves_no_trace_of_it(probe: Probe, node: Node) -> None:
    nodes_by_ssm, handle = transport(probe), ""
    command = Command('. ./secrets && rm -f ./secrets\nhostname; echo "${#url}"\n', {}, {"url": SecretStr(TELLING)})

    def ended() -> CommandResult | None:
        nonlocal handle
        answer = nodes_by_ssm.run("n1", "e2e", command, handle)
        if isinstance(answer, Running):
            handle = answer.handle
            return None
        return answer

    assert wait_for(ended, "the end of the step", 60).stdout == f"n1\n{len(TELLING)}\n"
    found = probe.client("ssm").list_command_invocations(InstanceId=INSTANCE)["CommandInvocations"]
    assert [each["Status"] for each in found] == ["Success", "Success"]
    assert TELLING not in json.dumps(found, default=str)
    assert TELLING not in probe.home.log.read_text()


def test_an_instance_that_nobody_registered_is_invalid(probe: Probe) -> None:
    with pytest.raises(PermanentError) as error:
        transport(probe).run("n1", "nobody", Command("true\n"))
    assert error.value.code == "ssm_node_unknown"


def test_a_command_that_was_never_sent_has_no_invocation(probe: Probe) -> None:
    with pytest.raises(ClientError) as caught:
        probe.client("ssm").get_command_invocation(
            CommandId="11111111-2222-3333-4444-555555555555", InstanceId=INSTANCE
        )
    assert caught.value.response["Error"]["Code"] == "InvocationDoesNotExist"


def test_a_running_command_can_be_cancelled(probe: Probe, node: Node) -> None:
    ssm = probe.client("ssm")
    sent = ssm.send_command(
        InstanceIds=[INSTANCE], DocumentName="AWS-RunShellScript", Parameters={"commands": ["sleep 4714"]}
    )["Command"]
    wait_for(lambda: any("4714" in line for line in node.command_lines()), "the script", 20)
    ssm.cancel_command(CommandId=sent["CommandId"])

    def status() -> str | None:
        (found,) = ssm.list_command_invocations(CommandId=sent["CommandId"])["CommandInvocations"]
        return None if found["Status"] == "InProgress" else str(found["Status"])

    assert wait_for(status, "the end of the command", 20) == "Cancelled"


def test_parameters_still_are_localstacks_own(probe: Probe) -> None:
    ssm = probe.client("ssm")
    ssm.put_parameter(Name="/holdfast/a", Value="1", Type="String")
    assert ssm.get_parameter(Name="/holdfast/a")["Parameter"]["Value"] == "1"
