"""Run Command as Systems Manager has it: what it refuses, how commands end, and that nothing runs on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import embedded
from builders.node import Node
from builders.waiting import wait_for
from holdfast.local import nodes
from holdfast.local.home import Home
from holdfast.local.plugin.ssm_commands import CallRefused, RunCommands

INSTANCE = "mi-0123456789abcdef0"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("nodes"), "n1") as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return embedded.home(tmp_path)


@pytest.fixture
def registered(home: Home, node: Node) -> Home:
    nodes.register(home, INSTANCE, node.enter())
    return home


def request(text: str = "true", **changes: Any) -> dict[str, Any]:
    fields = {"InstanceIds": [INSTANCE], "DocumentName": "AWS-RunShellScript", "Parameters": {"commands": [text]}}
    return fields | changes


def ended(core: RunCommands, command_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        (listed,) = core.invocations(command_id)
        if listed["Status"] in ("Pending", "InProgress"):
            return None
        return core.invocation(command_id, INSTANCE)

    return wait_for(look, "the end of the command", 20)


def run(home: Home, text: str, *, speed: float = 1.0, **changes: Any) -> dict[str, Any]:
    core = RunCommands(home.nodes, speed=speed, hidden_s=0)
    return ended(core, core.send(request(text, **changes))["CommandId"])


def refused(home: Home, **changes: Any) -> str:
    with pytest.raises(CallRefused) as error:
        RunCommands(home.nodes).send(request(**changes))
    return error.value.code


def test_an_instance_that_nobody_registered_is_invalid_and_nothing_runs(home: Home, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    core = RunCommands(home.nodes)
    with pytest.raises(CallRefused) as error:
        core.send(request(f"touch {mark}"))
    assert error.value.code == "InvalidInstanceId"
    assert core.invocations() == []
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../i-0123456789abcdef0", "", "i-xyz", "."])
def test_an_id_that_is_none_opens_no_file(home: Home, name: str) -> None:
    nodes.register(home, "i-0123456789abcdef0", ["true"])
    assert refused(home, InstanceIds=[name]) == "InvalidInstanceId"


def test_a_script_runs_on_the_node_as_root_and_its_output_and_code_are_told(registered: Home) -> None:
    found = run(registered, "id -u; hostname; echo no >&2; exit 7")
    assert (found["Status"], found["StatusDetails"], found["ResponseCode"]) == ("Failed", "Failed", 7)
    assert found["StandardOutputContent"] == "0\nn1\n"
    assert found["StandardErrorContent"].endswith("no\n")
    assert run(registered, "true")["Status"] == "Success"


def test_lines_of_commands_are_one_script_and_its_file_stays_on_the_node(registered: Home, node: Node) -> None:
    found = run(registered, "", Parameters={"commands": ["a=1", 'echo "$a" kept-script']})
    assert found["StandardOutputContent"] == "1 kept-script\n"
    (script,) = node.path(f"/var/lib/amazon/ssm/{INSTANCE}").rglob(f"{found['CommandId']}/**/_script.sh")
    assert script.read_text() == 'a=1\necho "$a" kept-script'


def test_output_is_kept_up_to_the_services_limits(registered: Home) -> None:
    found = run(registered, "yes | head -c 30000; yes no | head -c 9000 >&2")
    out, err = found["StandardOutputContent"], found["StandardErrorContent"]
    assert (len(out), len(err)) == (24_000, 8_000)
    assert out.startswith("y\ny\n")
    assert out.endswith("--output truncated--")
    assert err.endswith("--output truncated--")


def test_a_new_invocation_does_not_exist_for_a_moment(registered: Home) -> None:
    core = RunCommands(registered.nodes, hidden_s=30)
    command_id = core.send(request())["CommandId"]
    with pytest.raises(CallRefused) as error:
        core.invocation(command_id, INSTANCE)
    assert error.value.code == "InvocationDoesNotExist"


def test_a_script_that_runs_too_long_is_ended(registered: Home, node: Node) -> None:
    parameters = {"commands": ["sleep 4711"], "executionTimeout": ["60"]}
    found = run(registered, "", speed=100, Parameters=parameters)
    assert (found["Status"], found["StatusDetails"], found["ResponseCode"]) == ("TimedOut", "ExecutionTimedOut", -1)
    assert [line for line in node.command_lines() if "4711" in line] == []


def test_an_agent_that_is_away_takes_nothing_until_the_delivery_times_out(registered: Home, node: Node) -> None:
    nodes.register(registered, INSTANCE, node.enter(), online=False)
    found = run(registered, "true", speed=100, TimeoutSeconds=30)
    assert (found["Status"], found["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")


def test_a_machine_that_is_off_takes_nothing_either(home: Home) -> None:
    nodes.register(home, INSTANCE, ["sh", "-c", "exit 255"])
    assert run(home, "true", speed=100, TimeoutSeconds=30)["StatusDetails"] == "DeliveryTimedOut"


def test_a_node_that_was_terminated_before_the_delivery_is_undeliverable(registered: Home, node: Node) -> None:
    nodes.register(registered, INSTANCE, node.enter(), online=False)
    core = RunCommands(registered.nodes, hidden_s=0)
    command_id = core.send(request())["CommandId"]
    nodes.forget(registered, INSTANCE)
    assert ended(core, command_id)["StatusDetails"] == "Undeliverable"


def test_a_cancelled_command_is_ended_and_a_second_cancel_changes_nothing(registered: Home, node: Node) -> None:
    core = RunCommands(registered.nodes, hidden_s=0)
    command_id = core.send(request("sleep 4712"))["CommandId"]
    wait_for(lambda: any("4712" in line for line in node.command_lines()), "the script", 20)
    core.cancel(command_id, [INSTANCE])
    assert ended(core, command_id)["Status"] == "Cancelled"
    core.cancel(command_id)
    assert core.invocation(command_id, INSTANCE)["Status"] == "Cancelled"
    wait_for(lambda: not any("4712" in line for line in node.command_lines()), "the end of the script", 20)


def test_the_result_of_a_node_that_lost_power_never_comes(home: Home, tmp_path: Path) -> None:
    with Node(tmp_path, "n2") as node:
        nodes.register(home, INSTANCE, node.enter())
        core = RunCommands(home.nodes, speed=20, hidden_s=0)
        parameters = {"commands": ["sleep 4713"], "executionTimeout": ["60"]}
        command_id = core.send(request(Parameters=parameters))["CommandId"]
        wait_for(lambda: any("4713" in line for line in node.command_lines()), "the script", 20)
        node.reboot()
        assert ended(core, command_id)["StatusDetails"] == "ExecutionTimedOut"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DocumentName": "AWS-RunPowerShellScript"}, "InvalidDocument"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["true"], "shell": ["bash"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["echo {{ssm:secret}}"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["#" * 65_537]}}, "MaxDocumentSizeExceeded"),
        ({"TimeoutSeconds": 29}, "ValidationException"),
        ({"Comment": "c" * 101}, "ValidationException"),
    ],
)
def test_what_systems_manager_does_not_take_is_refused(registered: Home, changes: dict[str, Any], code: str) -> None:
    assert refused(registered, **changes) == code


def test_a_command_that_was_never_sent_cannot_be_cancelled(home: Home) -> None:
    with pytest.raises(CallRefused) as error:
        RunCommands(home.nodes).cancel("11111111-2222-3333-4444-555555555555")
    assert error.value.code == "InvalidCommandId"
