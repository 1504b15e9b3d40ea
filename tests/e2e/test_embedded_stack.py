"""What Holdfast relies on from the embedded stack, asked of a running one.

The probes double as the regression test of the pins: a new LocalStack has to pass them all.
"""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from builders import embedded
from holdfast.errors import RefusedError
from holdfast.local import processes, stack
from holdfast.local.deploy import client
from holdfast.local.home import Home
from holdfast.local.localstack import USUAL_PORT
from holdfast.local.stack import StackInfo

DEADLINE_S = 60


@dataclass(frozen=True)
class Probe:
    home: Home
    info: StackInfo

    def client(self, service: str) -> Any:
        return client(service, self.info.endpoint)

    def invoke(self, **event: object) -> tuple[str | None, dict[str, Any]]:
        """(function error, payload)"""
        answer = self.client("lambda").invoke(
            FunctionName=self.info.outputs["ProbeFunction"], Payload=json.dumps(event).encode()
        )
        return answer.get("FunctionError"), json.loads(answer["Payload"].read() or "{}")

    def execute(self, name: str, **event: object) -> dict[str, Any]:
        execution = self.start(name, **event)
        states = self.client("stepfunctions")
        return wait_for(
            lambda: _unless_running(states.describe_execution(executionArn=execution)), f"the end of execution {name}"
        )

    def start(self, name: str, **event: object) -> str:
        text = json.dumps({"name": name, **event})
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.info.outputs["MachineArn"], name=name, input=text
        )
        return str(started["executionArn"])

    def observed(self, kind: str) -> list[dict[str, Any]]:
        """The events that the observer function wrote down."""
        found = self.client("dynamodb").query(
            TableName=self.info.outputs["Table"],
            KeyConditionExpression="pk = :kind",
            ExpressionAttributeValues={":kind": {"S": kind}},
        )
        return [json.loads(item["event"]["S"]) for item in found["Items"]]


def _unless_running(described: dict[str, Any]) -> dict[str, Any] | None:
    return None if described["status"] == "RUNNING" else described


def wait_for[T](look: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {DEADLINE_S} s")


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    home = embedded.home(tmp_path_factory.mktemp("stack"))
    with contextlib.ExitStack() as usual_port:
        with contextlib.suppress(OSError):  # somebody else has it already, which does as well
            usual_port.enter_context(socket.create_server(("127.0.0.1", USUAL_PORT)))
        info = stack.up(home, lambda _: None, iam="enforce")
    try:
        yield Probe(home, info)
    finally:
        stack.down(home)


def test_a_free_port_is_found_when_the_usual_one_is_taken(probe: Probe) -> None:
    assert probe.info.port != USUAL_PORT


def test_the_stack_listens_on_loopback_only(probe: Probe) -> None:
    """A port that is bound on all interfaces could not be bound on another address of the loopback net."""
    with socket.create_server(("127.0.0.2", probe.info.port)) as other:
        assert other.getsockname()[1] == probe.info.port


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

    def logged() -> bool:
        events = logs.filter_log_events(logGroupName=group)["events"]
        return any("a name to look for" in event["message"] for event in events)

    wait_for(logged, "the log line")


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


def test_a_state_machine_has_its_context_and_intrinsics(probe: Probe) -> None:
    ended = probe.execute("a-b", do="greet")
    output = json.loads(ended["output"])

    assert ended["status"] == "SUCCEEDED"
    assert output["execution"] == "a-b"
    assert output["parts"] == ["a", "b"]
    assert output["text"].startswith("a-b of holdfast-Machine")
    assert output["result"]["greeting"] == "Hello, a-b"


@pytest.mark.parametrize(
    ("name", "event", "error"),
    [
        ("raises", {"do": "raise"}, "ProbeError"),
        ("dies", {"do": "die"}, "Runtime.ExitError"),
        ("sleeps", {"do": "sleep", "seconds": 30}, "Sandbox.Timedout"),
    ],
)
def test_a_failing_task_is_caught_by_name_and_fails_with_its_cause(
    probe: Probe, name: str, event: dict[str, object], error: str
) -> None:
    ended = probe.execute(name, **event)

    assert ended["status"] == "FAILED"
    assert ended["error"] == error
    assert json.loads(ended["cause"])["errorType"] == error


def test_the_same_execution_name_with_another_input_is_refused(probe: Probe) -> None:
    probe.start("once", do="greet")

    with pytest.raises(ClientError) as caught:
        probe.start("once", do="greet", more=1)

    assert caught.value.response["Error"]["Code"] == "ExecutionAlreadyExists"


def test_an_aborted_execution_is_an_event_that_reaches_a_function(probe: Probe) -> None:
    states, execution = probe.client("stepfunctions"), probe.start("stopped", do="sleep", seconds=1)

    def at_work() -> bool:
        history = states.get_execution_history(executionArn=execution)["events"]
        return "LambdaFunctionStarted" in {event["type"] for event in history}

    # LocalStack fails an execution that is stopped while it evaluates an intrinsic function.
    wait_for(at_work, "the task")
    states.stop_execution(executionArn=execution, error="Stopped", cause="by hand")

    event = wait_for(lambda: _event_of(probe, execution), "the event ABORTED")

    assert event["detail"]["status"] == "ABORTED"
    assert json.loads(event["detail"]["input"])["name"] == "stopped"


def test_an_execution_over_its_time_is_an_event_that_reaches_a_function(probe: Probe) -> None:
    states = probe.client("stepfunctions")
    described = states.describe_state_machine(stateMachineArn=probe.info.outputs["MachineArn"])
    definition = json.loads(described["definition"])
    waits = {"Type": "Wait", "Seconds": 60, "End": True}
    states.update_state_machine(
        stateMachineArn=described["stateMachineArn"],
        definition=json.dumps({"StartAt": "W", "TimeoutSeconds": 1, "States": {"W": waits}}),
    )
    execution = probe.start("too-long")
    states.update_state_machine(stateMachineArn=described["stateMachineArn"], definition=json.dumps(definition))

    event = wait_for(lambda: _event_of(probe, execution), "the event TIMED_OUT")

    assert event["detail"]["status"] == "TIMED_OUT"


def _event_of(probe: Probe, execution: str) -> dict[str, Any] | None:
    events = probe.observed("Step Functions Execution Status Change")
    return next((event for event in events if event["detail"]["executionArn"] == execution), None)


def _schedule(probe: Probe, name: str, expression: str, text: str) -> dict[str, Any]:
    target = {
        "Arn": probe.info.outputs["ObserverFunctionArn"],
        "RoleArn": probe.info.outputs["SchedulerRoleArn"],
        "Input": text,
    }
    return {
        "Name": name,
        "GroupName": probe.info.outputs["ScheduleGroup"],
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }


def test_a_rate_schedule_fires_at_once_with_the_scheduled_time_in_its_input(probe: Probe) -> None:
    text = json.dumps({"name": "rate", "at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"})
    created = probe.client("scheduler").create_schedule(**_schedule(probe, "every-hour", "rate(1 hour)", text))

    fired = wait_for(lambda: [event for event in probe.observed("schedule") if event["name"] == "rate"], "the schedule")

    assert len(fired) == 1
    assert fired[0]["by"] == created["ScheduleArn"]
    assert datetime.strptime(fired[0]["at"], "%Y-%m-%dT%H:%M:%S%z")


def test_an_updated_schedule_fires_anew_and_a_disabled_one_does_not(probe: Probe) -> None:
    scheduler = probe.client("scheduler")
    disabled = _schedule(probe, "sleeping", "rate(1 hour)", json.dumps({"name": "disabled"})) | {"State": "DISABLED"}
    scheduler.create_schedule(**disabled)
    scheduler.create_schedule(**_schedule(probe, "changed", "cron(0 0 1 1 ? 2199)", json.dumps({"name": "before"})))
    scheduler.update_schedule(**_schedule(probe, "changed", "rate(1 hour)", json.dumps({"name": "after"})))

    wait_for(lambda: [event for event in probe.observed("schedule") if event["name"] == "after"], "the schedule")

    assert {event["name"] for event in probe.observed("schedule")}.isdisjoint({"before", "disabled"})


def test_a_second_put_of_the_same_key_is_refused_on_request(probe: Probe) -> None:
    s3, bucket = probe.client("s3"), probe.info.outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")

    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*")

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_a_part_that_is_not_what_its_checksum_says_is_refused(probe: Probe) -> None:
    s3, bucket = probe.client("s3"), probe.info.outputs["Bucket"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ChecksumAlgorithm="SHA256")["UploadId"]

    with pytest.raises(ClientError) as caught:
        s3.upload_part(
            Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x", ChecksumSHA256="A" * 43 + "="
        )

    assert caught.value.response["Error"]["Code"] == "BadDigest"


def test_versioning_and_object_lock_come_from_the_template(probe: Probe) -> None:
    s3, bucket = probe.client("s3"), probe.info.outputs["Bucket"]

    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert lock["ObjectLockEnabled"] == "Enabled"


def test_an_expired_presigned_url_is_refused(probe: Probe) -> None:
    s3, where = probe.client("s3"), {"Bucket": probe.info.outputs["Bucket"], "Key": "presigned"}
    s3.put_object(**where, Body=b"1")
    good = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=60)
    expired = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=-1)

    with urllib.request.urlopen(good) as answer:  # noqa: S310 - the stack's own URL
        assert answer.read() == b"1"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(expired)  # noqa: S310
    assert caught.value.code == 403


def test_what_the_role_does_not_allow_is_refused_and_recorded(probe: Probe) -> None:
    allowed, _ = probe.invoke(do="put", key="allowed/a")
    refused, answer = probe.invoke(do="put", key="elsewhere/a")

    assert allowed is None
    assert refused == "Unhandled"
    assert "AccessDenied" in answer["errorMessage"]
    records = [json.loads(line) for line in probe.home.iam_log.read_text().splitlines()]
    decisions = {record["resource"].rpartition(":")[2]: record["decision"] for record in records}
    bucket = probe.info.outputs["Bucket"]
    assert decisions[f"{bucket}/allowed/a"] == "allowed"
    assert decisions[f"{bucket}/elsewhere/a"] == "implicitDeny"


def test_a_conditional_write_to_the_table_fails_the_second_time(probe: Probe) -> None:
    table, item = probe.client("dynamodb"), {"pk": {"S": "lease"}, "sk": {"S": "lease"}}
    once = {"TableName": probe.info.outputs["Table"], "ConditionExpression": "attribute_not_exists(pk)", "Item": item}
    table.put_item(**once)

    with pytest.raises(ClientError) as caught:
        table.put_item(**once)

    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"


def test_a_second_up_says_what_runs(probe: Probe) -> None:
    lines: list[str] = []
    again = stack.up(probe.home, lines.append)

    assert again == probe.info
    assert lines == [f"already running since {probe.info.started_at:%H:%M:%S} UTC"]
    assert stack.status(probe.home) == probe.info


def test_the_line_to_copy_names_the_endpoint_and_test_credentials(probe: Probe) -> None:
    assert probe.info.export_line == (
        f"export AWS_ENDPOINT_URL=http://127.0.0.1:{probe.info.port} AWS_ACCESS_KEY_ID=test "
        "AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=eu-west-1"
    )


def test_an_explicit_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RefusedError) as caught:
        stack.up(embedded.home(tmp_path), lambda _: None, port=taken.getsockname()[1])

    assert caught.value.code == "port_in_use"


def test_an_up_that_is_interrupted_leaves_nothing_running(tmp_path: Path) -> None:
    home, lines = embedded.home(tmp_path), []

    def interrupt(line: str) -> None:
        lines.append(line)
        if line.startswith("uploading"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stack.up(home, interrupt)

    assert lines[-1].startswith("uploading")
    assert stack.status(home) is None
    assert not _processes_of(home)


def _processes_of(home: Home) -> list[str]:
    """Found by another way than the code under test: by the paths in their command lines and working folders."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(home.path) in str((entry / "cwd").readlink()):
                found.append(entry.name)
        except OSError:  # it ended meanwhile
            continue
    return found


UP = """
import sys
from pathlib import Path
from builders import embedded
from holdfast.local import stack
stack.up(embedded.home(Path(sys.argv[1])), lambda line: print(line, flush=True))
"""


def test_what_a_killed_up_left_is_found_and_ended(tmp_path: Path) -> None:
    home = embedded.home(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(embedded.PROJECT / "tests")}
    command = [sys.executable, "-c", UP, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as killed:
        assert killed.stdout is not None
        assert any(line.startswith("uploading") for line in killed.stdout)
        killed.kill()

    assert _processes_of(home)
    assert stack.status(home) is None
    assert stack.down(home) is True
    assert not _processes_of(home)


def test_functions_end_when_localstack_is_killed(tmp_path: Path) -> None:
    crashed = Probe(embedded.home(tmp_path), stack.up(embedded.home(tmp_path), lambda _: None))
    _, answer = crashed.invoke(do="greet", name="Ada")
    os.kill(crashed.info.pid, signal.SIGKILL)

    wait_for(lambda: not Path(f"/proc/{answer['pid']}").exists(), "the end of the function's process")

    assert stack.status(crashed.home) is None
    assert stack.down(crashed.home) is False
    assert not _processes_of(crashed.home)


def test_down_leaves_no_process(probe: Probe) -> None:
    """Last in this file: it ends the stack that the others use."""
    probe.invoke(do="greet", name="Ada")
    assert len(_processes_of(probe.home)) >= 2  # LocalStack and a sandbox

    assert stack.down(probe.home) is True

    assert not _processes_of(probe.home)
    assert not processes.marked(probe.info.stack_id)
    assert stack.status(probe.home) is None
    assert stack.down(probe.home) is False
