"""Steps through Run Command on a real node: what Systems Manager's service, its agents and nodes do wrong."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from builders.node import Node
from builders.run_command import OverSsm, over_ssm
from builders.waiting import wait_for
from holdfast import node as programs
from holdfast.errors import HoldfastError, InvalidInputError, PermanentError, TransientError
from holdfast.local import nodes
from holdfast.models.command import STDOUT_LIMIT, Command, CommandResult
from holdfast.transports.base import Running
from holdfast.transports.ssm.transport import AWAY_FOR_S, SILENT_FOR_S, UNKNOWN_FOR_S, SsmNodes
from holdfast.transports.steps import STEPS

SECRET = "https://bucket/plan?X-Amz-Signature=5ecret51gnature"
TELLING = "5ecret51gnature"
COUNT = Command("echo started >>/count; wc -l </count\n")
# Lasts until the test makes the file.
UNTIL = "until [ -e /go ]; do sleep 0.1; done; echo gone\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("nodes"), "n1") as node:
        yield node


@pytest.fixture
def ssm(machine: Node, tmp_path: Path) -> Iterator[OverSsm]:
    """With seconds that last 100 to one, in Systems Manager."""
    with over_ssm(tmp_path, machine, speed=100) as made:
        yield made
    machine.path("/go").unlink(missing_ok=True)
    machine.path("/count").unlink(missing_ok=True)


def handle_of(answer: Running | CommandResult) -> str:
    assert isinstance(answer, Running)
    return answer.handle


def refusal(ssm: OverSsm, key: str, command: Command, handle: str = "") -> HoldfastError:
    with pytest.raises(HoldfastError) as error:
        ssm.finish(key, command, handle)
    return error.value


def step_is_there(ssm: OverSsm, key: str) -> None:
    """Its process has been noted, so the script was started."""
    wait_for((ssm.node.path(f"{STEPS}/{key}") / "process").exists, f"the step {key}", 20)


def test_a_command_runs_as_root_and_its_result_comes_back_whole(ssm: OverSsm) -> None:
    values = {"text": 'it\'s {{a}} \\ "b" $c'}
    result = ssm.finish("whole", Command('id -u; printf "%s\\n\\n\\n" "$text"; echo no >&2; exit 3\n', values))
    assert result == CommandResult(3, f"0\n{values['text']}\n\n\n", "no")


def test_a_look_sends_one_request_and_waits_for_nothing(ssm: OverSsm) -> None:
    transport = ssm.transport()
    handle = handle_of(transport.run("n1", "looks", Command(UNTIL)))
    assert ssm.server.calls == ["SendCommand"]
    assert handle_of(transport.run("n1", "looks", Command(UNTIL), handle)) == handle
    assert ssm.server.calls == ["SendCommand", "GetCommandInvocation"]
    assert len(handle) < 200
    ssm.node.write("/go", "")
    assert ssm.finish("looks", Command(UNTIL), handle).stdout == "gone\n"


def test_an_invocation_that_does_not_exist_yet_is_running_for_some_time_and_then_asked_anew(ssm: OverSsm) -> None:
    transport = ssm.transport()
    handle = handle_of(transport.run("n1", "unknown", COUNT))
    ssm.server.answer_next("GetCommandInvocation", "InvocationDoesNotExist", "InvocationDoesNotExist")
    assert handle_of(transport.run("n1", "unknown", COUNT, handle)) == handle
    ssm.clock.now += UNKNOWN_FOR_S + 1
    anew = handle_of(transport.run("n1", "unknown", COUNT, handle))
    assert anew != handle
    assert ssm.finish("unknown", COUNT, anew).stdout == "1\n"


def test_throttling_is_transient_after_the_clients_own_tries_and_the_step_goes_on(ssm: OverSsm) -> None:
    transport = ssm.transport(attempts=2)
    ssm.server.answer_next("SendCommand", "ThrottlingException", "ThrottlingException")
    with pytest.raises(TransientError) as error:
        transport.run("n1", "busy", COUNT)
    assert error.value.code == "ssm_unavailable"
    assert ssm.server.calls == ["SendCommand", "SendCommand"]
    assert ssm.finish("busy", COUNT).stdout == "1\n"


def test_a_step_that_is_started_twice_runs_once_with_and_without_secrets(ssm: OverSsm) -> None:
    for key, command in (("twice", COUNT), ("twice-sealed", Command(COUNT.script, {}, {"url": SecretStr(SECRET)}))):
        ssm.node.path("/count").unlink(missing_ok=True)
        # The first caller dies after its command was sent: its handle is lost.
        ssm.transport().run("n1", key, command)
        assert ssm.finish(key, command).stdout == "1\n"
        assert ssm.finish(key, command).stdout == "1\n"


def test_two_that_ask_for_a_key_at_once_get_the_same_one(ssm: OverSsm) -> None:
    command = Command('. ./secrets; echo "${#url}"\n', {}, {"url": SecretStr(SECRET)})
    first, second = (handle_of(ssm.transport().run("n1", "race", command)) for _ in range(2))
    assert ssm.finish("race", command, second).stdout == f"{len(SECRET)}\n"
    assert ssm.finish("race", command, first).stdout == f"{len(SECRET)}\n"


def test_a_caller_that_died_after_it_had_sealed_finds_its_step(ssm: OverSsm) -> None:
    command = Command(f". ./secrets; {UNTIL}", {}, {"url": SecretStr(SECRET)})
    transport, handle = ssm.transport(), ""
    while '"step"' not in handle:
        handle = handle_of(transport.run("n1", "sealed", command, handle))
    step_is_there(ssm, "sealed")
    ssm.node.write("/go", "")
    assert ssm.finish("sealed", command).stdout == "gone\n"


def test_a_secret_is_in_no_parameter_no_handle_no_argument_and_no_file_that_stays(ssm: OverSsm) -> None:
    script = f'. ./secrets && rm -f ./secrets\nprintf %s "$url" | sha256sum >sum\n{UNTIL}'
    command = Command(script, {}, {"url": SecretStr(SECRET)})
    transport, handle, handles = ssm.transport(), "", []
    while '"step"' not in handle:
        handle = handle_of(transport.run("n1", "trace", command, handle))
        handles.append(handle)
    wait_for((ssm.node.path(f"{STEPS}/trace") / "sum").exists, "the script's use of its secret", 20)
    seen = [*handles, *ssm.server.core.texts(), *ssm.node.command_lines()]
    assert any("trace" in each for each in seen)
    assert [each for each in seen if TELLING in each] == []
    kept = [path for path in ssm.node.root.rglob("*") if path.is_file() and path.stat().st_size]
    assert any(path.name == "_script.sh" for path in kept)
    assert [path for path in kept if TELLING.encode() in path.read_bytes()] == []
    ssm.node.write("/go", "")
    assert ssm.finish("trace", command, handle).exit_code == 0
    assert not ssm.node.path(f"{STEPS}/trace.key").exists()


def test_a_node_without_openssl_is_told_before_any_secret_is_sent(tmp_path: Path) -> None:
    with Node(tmp_path, "n1") as node, over_ssm(tmp_path, node) as ssm:
        node.hide("openssl")
        error = refusal(ssm, "bare", Command("true\n", {}, {"url": SecretStr(SECRET)}))
    assert (type(error), error.code) == (PermanentError, "node_tool_missing")
    assert "openssl" in error.hint
    assert ssm.server.calls.count("SendCommand") == 1


def test_output_beyond_the_limit_keeps_its_start_and_says_so(ssm: OverSsm) -> None:
    result = ssm.finish("long", Command("yes 12345678 | head -c 30000; head -c 5000 /dev/zero | tr '\\0' e >&2\n"))
    assert result.truncated
    assert result.stdout == ("12345678\n" * 4000)[:STDOUT_LIMIT]
    assert len(result.stderr) == 1800


def test_output_that_systems_manager_itself_cut_is_told_as_truncated(ssm: OverSsm) -> None:
    answer = {"holdfast": "step", "state": "finished", "exit_code": 0, "stdout_bytes": 9, "stderr_bytes": 0}
    ssm.server.change_next({"StandardOutputContent": f"{json.dumps(answer)}\n1234--output truncated--"})
    result = ssm.finish("cut", Command("echo 12345678\n"))
    assert (result.stdout, result.truncated) == ("1234", True)


def test_output_whose_blank_lines_at_the_end_got_lost_is_whole(ssm: OverSsm) -> None:
    answer = {"holdfast": "step", "state": "finished", "exit_code": 0, "stdout_bytes": 4, "stderr_bytes": 0}
    ssm.server.change_next({"StandardOutputContent": f"{json.dumps(answer)}\nabc"})
    result = ssm.finish("stripped", Command("echo abc\n"))
    assert (result.stdout, result.truncated) == ("abc\n", False)


def test_an_agent_that_is_away_for_a_while_gets_the_command_when_it_is_back(ssm: OverSsm) -> None:
    ssm.register(online=False)
    transport = ssm.transport()
    handle = handle_of(transport.run("n1", "back", COUNT))
    wait_for(lambda: undelivered(ssm, handle), "the end of the delivery", 20)
    ssm.clock.now += 121
    anew = handle_of(transport.run("n1", "back", COUNT, handle))
    assert anew != handle
    ssm.register()
    assert ssm.finish("back", COUNT, anew).stdout == "1\n"


def undelivered(ssm: OverSsm, handle: str) -> bool:
    (found,) = ssm.server.core.invocations(json.loads(handle)["command"])
    return found["StatusDetails"] in ("DeliveryTimedOut", "Undeliverable")


def test_an_agent_that_stays_away_is_told_with_what_to_look_at(ssm: OverSsm) -> None:
    ssm.register(online=False)
    transport = ssm.transport()
    handle = handle_of(transport.run("n1", "away", COUNT))
    wait_for(lambda: undelivered(ssm, handle), "the end of the delivery", 20)
    ssm.clock.now += AWAY_FOR_S + 1
    with pytest.raises(TransientError) as error:
        transport.run("n1", "away", COUNT, handle)
    assert error.value.code == "node_unreachable"
    assert "amazon-ssm-agent" in error.value.hint
    assert "DeliveryTimedOut" in error.value.message


def test_a_command_that_could_not_be_delivered_is_not_sent_again_at_once(ssm: OverSsm) -> None:
    ssm.register(online=False)
    transport = ssm.transport()
    handle = handle_of(transport.run("n1", "gone", COUNT))
    nodes.forget(ssm.home, ssm.instance)
    wait_for(lambda: undelivered(ssm, handle), "the end of the delivery", 20)
    with pytest.raises(TransientError) as error:
        transport.run("n1", "gone", COUNT, handle)
    assert error.value.code == "node_unreachable"
    assert ssm.server.calls.count("SendCommand") == 1


def test_an_agent_that_disappears_in_mid_command_comes_back_to_a_step_that_ended(ssm: OverSsm) -> None:
    transport, command = ssm.transport(), Command(UNTIL)
    handle = handle_of(transport.run("n1", "silent", command))
    step_is_there(ssm, "silent")
    ssm.register(online=False)
    ssm.node.write("/go", "")
    ssm.clock.now += SILENT_FOR_S + 1
    anew = handle_of(transport.run("n1", "silent", command, handle))
    assert anew != handle
    ssm.register()
    assert ssm.finish("silent", command, anew).stdout == "gone\n"


def test_a_command_that_systems_manager_gave_up_on_leaves_a_step_that_goes_on(ssm: OverSsm) -> None:
    command = Command(UNTIL, timeout_s=3000)
    handle = handle_of(ssm.transport().run("n1", "expired", command))
    step_is_there(ssm, "expired")
    ssm.server.change_next({"Status": "TimedOut", "StatusDetails": "Execution Timed Out", "StandardOutputContent": ""})
    ssm.node.write("/go", "")
    assert ssm.finish("expired", command, handle).stdout == "gone\n"
    assert ssm.server.calls.count("SendCommand") == 2


def test_an_agent_that_was_restarted_ends_its_command_and_not_the_step(ssm: OverSsm) -> None:
    ended = {"Status": "Failed", "StatusDetails": "Failed", "ResponseCode": 143, "StandardOutputContent": ""}
    ssm.server.change_next(ended)
    assert ssm.finish("restarted", COUNT).stdout == "1\n"
    ssm.server.change_next(ended, ended)
    error = refusal(ssm, "restarted-again", COUNT)
    assert error.code == "ssm_command_failed"
    assert "143" in error.message


def test_a_node_that_was_rebooted_in_mid_step_has_lost_it_and_the_next_start_is_a_new_one(tmp_path: Path) -> None:
    command = Command(f"echo /left >>leftovers; : >/left; {UNTIL}")
    with Node(tmp_path, "n1") as node, over_ssm(tmp_path, node) as ssm:
        handle = handle_of(ssm.transport().run("n1", "reboot", command))
        step_is_there(ssm, "reboot")
        wait_for(node.path("/left").exists, "what the step leaves elsewhere", 20)
        node.reboot()
        # A directory that was touched within a minute may belong to a step that is only just being made.
        node.run("touch", "-d", "10 minutes ago", f"{STEPS}/reboot")
        ssm.clock.now += SILENT_FOR_S + 1
        error = refusal(ssm, "reboot", command, handle)
        assert (type(error), error.code) == (TransientError, "node_step_lost")
        assert not node.path("/left").exists()
        node.write("/go", "")
        assert ssm.finish("reboot", command).stdout == "gone\n"


def test_progress_is_told_once_a_step_is_asked_for_itself(ssm: OverSsm) -> None:
    command = Command(f"echo 7 9 >progress; {UNTIL}")
    ssm.transport().run("n1", "progress", command)
    wait_for((ssm.node.path(f"{STEPS}/progress") / "progress").exists, "the step's progress", 20)
    transport, handle = ssm.transport(), handle_of(ssm.transport().run("n1", "progress", command))
    ssm.clock.now += SILENT_FOR_S + 1

    def told() -> Running | None:
        nonlocal handle
        answer = transport.run("n1", "progress", command, handle)
        handle = handle_of(answer)
        return answer if isinstance(answer, Running) and answer.total else None

    seen = wait_for(told, "the step's progress", 20)
    assert (seen.done, seen.total) == (7, 9)
    ssm.node.write("/go", "")
    assert ssm.finish("progress", command, handle).stdout == "gone\n"


def test_a_cancelled_step_ends_with_what_it_left(ssm: OverSsm) -> None:
    transport, command = ssm.transport(), Command(f"echo /left >>leftovers; : >/left; {UNTIL}")
    transport.run("n1", "cancelled", command)
    wait_for(ssm.node.path("/left").exists, "what the step leaves elsewhere", 20)
    transport.cancel("n1", "cancelled")
    assert ssm.server.calls[-2:] == ["CancelCommand", "SendCommand"]
    wait_for(lambda: not ssm.node.path(f"{STEPS}/cancelled").exists(), "the end of the step", 20)
    assert not ssm.node.path("/left").exists()


def test_a_node_that_does_not_answer_is_no_error_for_a_cancel(ssm: OverSsm) -> None:
    nodes.forget(ssm.home, ssm.instance)
    ssm.transport().cancel("n1", "never-started")
    ssm.server.answer_next("SendCommand", "ThrottlingException", "ThrottlingException")
    ssm.register()
    ssm.transport().cancel("n1", "never-started")


def test_a_role_that_may_not_cancel_is_told(ssm: OverSsm) -> None:
    ssm.server.answer_next("SendCommand", "AccessDeniedException")
    with pytest.raises(PermanentError) as error:
        ssm.transport().cancel("n1", "never-started")
    assert error.value.code == "node_access_denied"


@pytest.mark.parametrize(
    ("details", "family", "code"),
    [
        ("Cancelled", PermanentError, "ssm_command_cancelled"),
        ("Terminated", PermanentError, "ssm_command_cancelled"),
        ("AccessDenied", PermanentError, "node_access_denied"),
        ("RateExceeded", TransientError, "ssm_unavailable"),
    ],
)
def test_a_command_that_ended_from_outside_is_told_by_its_status(
    ssm: OverSsm, details: str, family: type[HoldfastError], code: str
) -> None:
    ssm.server.change_next({"StatusDetails": details, "StandardOutputContent": ""})
    error = refusal(ssm, f"outside-{details}", COUNT)
    assert (type(error), error.code) == (family, code)
    assert details in error.message


def test_an_instance_that_nobody_registered_is_unknown(ssm: OverSsm) -> None:
    nodes.forget(ssm.home, ssm.instance)
    assert refusal(ssm, "nobody", COUNT).code == "ssm_node_unknown"


def test_what_a_login_shell_prints_first_is_no_answer(ssm: OverSsm) -> None:
    ssm.server.change_next({"StandardOutputContent": "Welcome!\n"})
    assert refusal(ssm, "banner", COUNT).code == "node_output_unreadable"


def test_a_handle_of_something_else_is_refused(ssm: OverSsm) -> None:
    assert refusal(ssm, "handle", COUNT, "pid 4711").code == "ssm_handle_unreadable"


def test_another_node_than_the_clusters_is_refused(ssm: OverSsm) -> None:
    with pytest.raises(InvalidInputError) as error:
        ssm.transport().run("n9", "k", COUNT)
    assert error.value.code == "node_unknown"


def test_it_runs_commands_and_nothing_else(ssm: OverSsm) -> None:
    transport: SsmNodes = ssm.transport()
    assert transport.capabilities == {"run"}
    calls = (
        lambda: transport.upload_file("n1", "/f", b""),
        lambda: transport.fetch_file("n1", "/f"),
        lambda: transport.stream("n1", ("true",)),
        lambda: transport.port_forward("n1", 2379),
        lambda: transport.exec("n1", ("true",)),
    )
    for call in calls:
        with pytest.raises(PermanentError) as error:
            call()
        assert error.value.code == "transport_cannot"
    transport.close()
    transport.close()


def test_the_step_protocol_itself_holds_nothing_that_systems_manager_would_replace() -> None:
    assert "{{" not in programs.script("step")
