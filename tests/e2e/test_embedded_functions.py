"""What Holdfast relies on from the Lambda functions of the embedded stack."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builders.probe import Probe
from builders.waiting import wait_for


def test_a_function_imports_its_layers_and_the_next_call_reuses_the_sandbox(probe: Probe) -> None:
    error, first = probe.invoke(do="greet", name="Ada")
    _, second = probe.invoke(do="greet", name="Grace")

    assert error is None
    assert (first["greeting"], second["greeting"]) == ("Hello, Ada", "Hello, Grace")
    assert first["pid"] == second["pid"]


def test_a_function_has_the_environment_of_aws_and_nothing_of_this_machine(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, answer = probe.invoke(do="environment")
    found = answer["environment"]

    assert answer["python"] == [3, 13]
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert found["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert found["AWS_ENDPOINT_URL"] == probe.info.endpoint
    assert found["BUCKET"] == probe.info.outputs["Bucket"]
    assert found["HOME"].startswith(str(probe.home.scratch))
    assert not [path for path in answer["path"] if path.endswith("holdfast/local/plugin")]
    assert not [name for name in found if "LOCALSTACK" in name]


def test_a_function_calls_with_the_role_of_the_template(probe: Probe) -> None:
    _, answer = probe.invoke(do="whoami")

    assert ":assumed-role/holdfast-ProbeFunctionRole-" in answer["arn"]


def test_an_exception_keeps_its_class_name_and_message(probe: Probe) -> None:
    error, answer = probe.invoke(do="raise")

    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("ProbeError", "as told")


def test_a_killed_function_is_an_exit_error_and_the_next_call_works(probe: Probe) -> None:
    error, answer = probe.invoke(do="die")

    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in answer["errorMessage"]
    assert probe.invoke(do="greet", name="Ada")[0] is None


def test_a_function_over_its_timeout_is_replaced(probe: Probe) -> None:
    _, before = probe.invoke(do="greet", name="Ada")
    error, answer = probe.invoke(do="sleep", seconds=30)
    _, after = probe.invoke(do="greet", name="Ada")

    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert "timed out after 3.00 seconds" in answer["errorMessage"]
    assert after["pid"] != before["pid"]
    assert not Path(f"/proc/{before['pid']}").exists()


def test_a_function_logs_to_its_own_group(probe: Probe) -> None:
    probe.invoke(do="greet", name="a name to look for")
    logs, group = probe.client("logs"), f"/aws/lambda/{probe.info.outputs['ProbeFunction']}"

    def logged() -> list[str]:
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events if "a name to look for" in event["message"]]

    assert len(wait_for(logged, "the log line")) == 1


def test_a_function_may_write_more_than_a_pipe_holds(probe: Probe) -> None:
    assert probe.invoke(do="chatter", bytes=1_000_000)[0] is None


def test_calls_at_the_same_time_get_a_sandbox_each(probe: Probe) -> None:
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: probe.invoke(do="sleep", seconds=1), range(3)))

    assert [error for error, _ in answers] == [None] * 3
    assert len({answer["pid"] for _, answer in answers}) == 3


def test_a_function_that_does_not_import_says_so(probe: Probe) -> None:
    functions = probe.client("lambda")
    existing = functions.get_function_configuration(FunctionName=probe.info.outputs["ProbeFunction"])
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "import a_package_that_no_layer_has\n")
    functions.create_function(
        FunctionName="broken",
        Runtime="python3.13",
        Handler="app.handler",
        Role=existing["Role"],
        Code={"ZipFile": code.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="broken", WaiterConfig={"Delay": 1})

    answer = functions.invoke(FunctionName="broken", Payload=b"{}")
    payload = json.loads(answer["Payload"].read())

    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Runtime.ImportModuleError"
    assert "a_package_that_no_layer_has" in payload["errorMessage"]
