"""The probe template (tests/data/embedded) on a running stack, and what tests ask of it."""

import json
from dataclasses import dataclass
from typing import Any

from builders.waiting import wait_for
from holdfast.local.deploy import client
from holdfast.local.home import Home
from holdfast.local.stack import StackInfo


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
