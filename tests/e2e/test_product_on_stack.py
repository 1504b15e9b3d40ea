"""The whole product on the embedded stack: the deployed template with IAM enforced, and a real etcd with TLS."""

import functools
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders.history import BEGIN, entry
from builders.holding_proxy import HoldingProxy, held
from builders.proc import seen_in_processes
from builders.product import DEADLINE_S, TEMPLATE, Product, now
from builders.stored_history import lay
from builders.waiting import wait_for
from holdfast.engine.catalog import list_backups, look_at_objects
from holdfast.engine.holding import hold, protection, unhold
from holdfast.engine.removal import remove_backup
from holdfast.engine.retention import plan_retention
from holdfast.engine.signing import load_signed
from holdfast.engine.verification import load_report
from holdfast.errors import RefusedError
from holdfast.local import template
from holdfast.planning.naming import SNAPSHOT, backup_key, bundle_key, scheduled_run_id
from holdfast.storage.base import LockState
from holdfast.storage.s3 import S3Bucket

DAY = timedelta(days=1)
ALARM = "AWS::CloudWatch::Alarm"


@pytest.fixture(scope="module")
def events(product: Product) -> str:
    """A queue that hears every event of Holdfast and every message of its topic; its URL."""
    sqs = product.client("sqs")
    url = str(sqs.create_queue(QueueName="heard")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = product.client("events")
    bus.put_rule(Name="heard", EventPattern=json.dumps({"source": ["holdfast"]}))
    bus.put_targets(Rule="heard", Targets=[{"Id": "queue", "Arn": arn}])
    product.client("sns").subscribe(TopicArn=product.info.outputs["TopicArn"], Protocol="sqs", Endpoint=arn)
    return url


def heard(product: Product, queue: str, run_id: str) -> dict[str, Any]:
    """The event and the message about a run, by "event" and "message"."""
    found: dict[str, Any] = {}

    def both() -> dict[str, Any] | None:
        answer = product.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            product.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            body = json.loads(message["Body"])
            if body.get("source") == "holdfast" and body["detail"].get("run_id") == run_id:
                found["event"] = body
            elif run_id in body.get("Message", ""):
                found["message"] = body["Message"]
        return found if len(found) == 2 else None

    return wait_for(both, f"event and message about {run_id}", DEADLINE_S)


def test_a_backup_of_a_real_etcd_ends_verified_and_both_channels_hear_of_it(product: Product, events: str) -> None:
    product.apply("whole")
    ended = product.run("whole")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    outcome = json.loads(ended["output"])
    entry = list_backups(product.services.reader, "whole")[0]
    assert (entry.state, entry.backup_id) == ("verified", outcome["backup_id"])
    # Signed by the function of Seal, looked at by that of Verify and here, each with KMS and its own rights.
    assert load_signed(product.services, "whole", entry.backup_id).signature == "valid"
    assert load_report(product.services.reader, "whole", entry.backup_id).signature == "valid"
    report = load_report(product.services.reader, "whole", entry.backup_id)
    live = product.etcd.client().hash_kv(product.etcd.endpoints[0], report.database.head.revision)
    assert report.database.hash_kv is not None
    assert report.database.hash_kv.hash == live.hash
    assert "3.5.1" in " ".join(outcome["warnings"])
    told = heard(product, events, outcome["run_id"])
    assert told["event"]["detail-type"] == "Holdfast Backup Succeeded"
    assert "whole" in told["message"]


def test_a_backup_whose_spec_asks_for_it_is_locked_and_one_that_a_person_holds_is_held(product: Product) -> None:
    product.apply("locked", lock={"mode": "governance", "days": 2})
    ended = product.run("locked")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    (entry,) = list_backups(product.services.reader, "locked")
    assert (entry.state, entry.live_keys > 0) == ("verified", True)
    # The runbook is written after the lock, and not part of the backup.
    until = ended["startDate"].astimezone(UTC).replace(microsecond=0) + timedelta(days=2)
    seen = {each.key.rpartition("/")[2]: each.state for each in protection(product.services, "locked", entry.backup_id)}
    locked = LockState("governance", until)
    assert {name for name, there in seen.items() if there == locked} == {
        "manifest.json",
        "manifest.sig",
        "snapshot.db.zst",
        "verified.json",
    }
    hold(product.services, "locked", entry.backup_id)
    assert list_backups(product.services.reader, "locked")[0].held
    unhold(product.services, "locked", entry.backup_id)
    with pytest.raises(RefusedError) as refused:
        remove_backup(product.services, "locked", entry.backup_id)
    assert refused.value.code == "object_locked"


def test_a_run_removes_what_the_rule_lets_go_from_both_buckets_but_what_is_held_or_locked(product: Product) -> None:
    services, secrets = product.services, S3Bucket(product.client("s3"), product.info.outputs["SecretsBucket"])
    product.apply("pruned", retention={"keep_last": 1, "keep_at_least": 1})
    at = functools.partial(entry, kind="manual", cluster="pruned", size=7)
    locked, held, goes = at(BEGIN), at(BEGIN + DAY, held=True), at(BEGIN + 2 * DAY)
    # Without figures, so that nothing is suspicious; the last is a leftover.
    history = [each.model_copy(update={"raw_size": 0}) for each in (locked, held, goes)]
    lay(services.writer, secrets, [*history, at(BEGIN + 3 * DAY, "unsealed")])
    until = now().replace(microsecond=0) + DAY
    services.locks.lock(backup_key("pruned", locked.backup_id, SNAPSHOT), "governance", until)
    secrets.put(bundle_key("pruned", at(BEGIN + DAY / 2).backup_id, "n1"), b"alone")
    ended = product.run("pruned")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    made = json.loads(ended["output"])["backup_id"]
    stays = [made, held.backup_id, locked.backup_id]
    assert [each.backup_id for each in look_at_objects(services.reader, "pruned")] == stays
    assert [each.backup_id for each in list_backups(services.reader, "pruned")] == stays
    left = {key.split("/")[1] for key in (each.key for each in services.secrets_reader.list("pruned/"))}
    assert left - {made} == {held.backup_id, locked.backup_id}
    plan = plan_retention(services, "pruned").plan
    assert [each.reason for each in plan.verdicts][1:] == [
        "held by a person",
        f"locked until {until:%Y-%m-%dT%H:%M:%SZ}",
    ]


def test_one_schedule_event_delivered_three_times_makes_one_backup(product: Product) -> None:
    product.apply("thrice")
    moment = now().replace(microsecond=0)
    event = {"cluster": "thrice", "scheduled_time": moment.isoformat().replace("+00:00", "Z"), "kind": "recurring"}
    function = product.info.outputs["StartFunctionArn"]

    def deliver(_: int) -> dict[str, Any]:
        answer = product.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        assert "FunctionError" not in answer
        return dict(json.loads(answer["Payload"].read()))

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(deliver, range(3)))
    name = scheduled_run_id("thrice", moment)
    assert {answer["run_id"] for answer in answers} == {name}
    machine = product.info.outputs["StateMachineArn"]
    ended = product.end_of(f"{machine.replace(':stateMachine:', ':execution:')}:{name}")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert deliver(4)["new"] is False
    listed = product.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert [each["name"] for each in listed].count(name) == 1
    assert len(list_backups(product.services.reader, "thrice")) == 1


def test_an_event_of_the_version_watch_ends_in_unchanged_and_leaves_no_run(product: Product) -> None:
    """Of a cluster of which nobody tells a release: the look, its rights and its end are those of any other."""
    product.apply("watched")
    made = product.run("watched")
    assert made["status"] == "SUCCEEDED", made.get("cause")
    moment = now().replace(microsecond=0)
    time = moment.isoformat().replace("+00:00", "Z")
    event = {"cluster": "watched", "scheduled_time": time, "kind": "recurring", "when": "version-changed"}
    function = product.info.outputs["StartFunctionArn"]
    answer = product.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    assert "FunctionError" not in answer
    name = scheduled_run_id("watched", moment, "version-changed")
    machine = product.info.outputs["StateMachineArn"]
    ended = product.end_of(f"{machine.replace(':stateMachine:', ':execution:')}:{name}")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert json.loads(ended["output"])["skipped"] == "no host's API server told the cluster's version"
    assert product.services.executions.view(name).phases == ("Entered", "Started", "StartedDone", "Unchanged")
    assert len(list_backups(product.services.reader, "watched")) == 1
    assert name not in [record.run_id for record in product.services.runs.list("watched", 10)]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("{}", "input_invalid"),
        ('"a text"', "input_invalid"),
        ("[]", "input_invalid"),
        ('{"cluster": "../../etc"}', "input_invalid"),
        ('{"cluster": "whole", "run": {}, "error": 1}', "input_invalid"),
        ('{"cluster": "ghost"}', "cluster_unknown"),
    ],
)
def test_a_wrong_input_typed_in_the_console_ends_in_a_readable_error(product: Product, payload: str, code: str) -> None:
    ended = product.end_of(product.start(payload))
    assert ended["status"] == "FAILED"
    assert code in ended["error"] + ended["cause"]


def held_in_the_middle(product: Product, cluster_id: str, proxy: HoldingProxy) -> str:
    """An execution whose Snapshot has an upload under way and waits for the rest of the stream."""
    transport = {"kind": "etcd", "endpoints": [proxy.url], "credentials": f"holdfast/{cluster_id}/etcd"}
    product.apply(cluster_id, transport=transport)
    execution = product.start(json.dumps({"cluster": cluster_id}))
    wait_for(lambda: product.unfinished_uploads(cluster_id), "an upload under way", DEADLINE_S)
    return execution


def test_a_function_killed_in_the_middle_leaves_no_parts_and_the_next_run_works(product: Product, events: str) -> None:
    with held(product.etcd.endpoints[0]) as proxy:
        execution = held_in_the_middle(product, "killed", proxy)
        os.kill(sandbox_of(product, "backup-snapshot"), signal.SIGKILL)
        ended = product.end_of(execution)
        assert ended["status"] == "FAILED"
        assert product.unfinished_uploads("killed") == []
        assert look_at_objects(product.services.reader, "killed") == []
        told = heard(product, events, execution.rpartition(":")[2])
        assert told["event"]["detail"]["error"]["code"] == "function_killed"
        proxy.let_go()
        again = product.run("killed")
    assert again["status"] == "SUCCEEDED", again.get("cause")
    assert [entry.state for entry in list_backups(product.services.reader, "killed")] == ["verified"]


def sandbox_of(product: Product, function: str) -> int:
    """The process that runs this function's handler."""

    def running_it(process: Path) -> int | None:
        variables = (process / "environ").read_bytes().split(b"\0")
        here = f"AWS_ENDPOINT_URL={product.info.endpoint}".encode() in variables
        it = any(each.startswith(b"AWS_LAMBDA_FUNCTION_NAME=") and function.encode() in each for each in variables)
        return int(process.name) if here and it else None

    found = seen_in_processes(running_it)
    assert found, f"no sandbox of {function} runs"
    return found[0]


def test_an_execution_that_somebody_stops_is_cleaned_up_after(product: Product, events: str) -> None:
    with held(product.etcd.endpoints[0]) as proxy:
        execution = held_in_the_middle(product, "stopped", proxy)
        product.client("stepfunctions").stop_execution(executionArn=execution, cause="by a test")
        # The embedded stack tells of a stop when the task that was at work has ended; AWS tells at once.
        proxy.let_go()
        told = heard(product, events, execution.rpartition(":")[2])
        assert told["event"]["detail"]["error"]["code"] == "run_aborted"
        assert look_at_objects(product.services.reader, "stopped") == []
        again = product.run("stopped")
    assert again["status"] == "SUCCEEDED", again.get("cause")
    assert product.unfinished_uploads("stopped") == []


def test_a_cluster_that_nobody_can_reach_fails_with_the_reason(product: Product, events: str) -> None:
    closed = {"kind": "etcd", "endpoints": ["https://127.0.0.1:1"], "credentials": "holdfast/closed/etcd"}
    product.apply("closed", transport=closed)
    execution = product.start(json.dumps({"cluster": "closed"}))
    ended = product.end_of(execution)
    assert ended["status"] == "FAILED"
    told = heard(product, events, execution.rpartition(":")[2])
    assert told["event"]["detail"]["error"]["hint"]
    assert "https://127.0.0.1:1" in told["event"]["detail"]["error"]["message"]


def test_a_look_at_freshness_tells_what_changed_once_and_its_alarms_are_there(product: Product) -> None:
    product.apply("looked-at", schedule={"cron": "0 3 1 1 *"})
    first, again = look_at_freshness(product), look_at_freshness(product)
    assert first["late"] >= 1
    assert (first["told"], again["told"]) == (True, False)
    assert product.run("looked-at")["status"] == "SUCCEEDED"
    after = look_at_freshness(product)
    assert (after["late"], after["told"]) == (first["late"] - 1, True)
    alarms = {each["AlarmName"] for each in product.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    pages = product.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="holdfast")
    made = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == ALARM
    }
    declared = template.read(TEMPLATE)["Resources"].items()
    assert set(made) == {name for name, each in declared if each["Type"] == ALARM and "Condition" not in each}
    assert set(made.values()) <= alarms


def look_at_freshness(product: Product) -> dict[str, Any]:
    answer = product.client("lambda").invoke(
        FunctionName="holdfast-check-freshness", Payload=json.dumps({"check": "freshness"})
    )
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def test_no_call_of_any_function_was_outside_its_role(product: Product) -> None:
    """Runs last in this module: by now every function has worked."""
    calls = [json.loads(line) for line in product.iam_log.read_text().splitlines()]
    assert len({call["role"] for call in calls}) >= 10
    assert [call for call in calls if call["decision"] != "allowed"] == []
