"""Restores of a real cluster through the deployed state machine, and what they are held against.

Everything in here changes the cluster: HOLDFAST_E2E_RESTORE=yes says that it may be.
"""

import json
import os
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from builders.product import session_of
from builders.real_cluster import RealCluster
from builders.waiting import wait_for
from holdfast.engine.restore.approving import approve
from holdfast.engine.restore.status import ChangeStatus, change_status
from holdfast.engine.restore.stored import load_plan, run_of
from holdfast.errors import HoldfastError
from holdfast.local.stack import StackInfo
from holdfast.models.run import RunRecord
from holdfast.wiring import AwsServices

ALLOWED = "HOLDFAST_E2E_RESTORE"
NAMESPACE = "default"
_DEADLINE_S = 900
_KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout 20s"


def skip_unless_allowed() -> None:
    if os.environ.get(ALLOWED) != "yes":
        pytest.skip(f"it takes the cluster down and back in time: set {ALLOWED}=yes for one that may be")


@dataclass(frozen=True)
class Execution:
    name: str
    arn: str


@dataclass(frozen=True)
class Restoring:
    """`spec_id` is the cluster's id in Holdfast."""

    cluster: RealCluster
    services: AwsServices
    info: StackInfo
    spec_id: str

    @property
    def _states(self) -> Any:
        return session_of(self.info).client("stepfunctions", endpoint_url=self.info.endpoint)

    def kubectl(self, words: str, *, node: str = "") -> str:
        return self.cluster.ssh(node or self.cluster.nodes[0], f"{_KUBECTL} {words}\n")

    def make(self, name: str) -> None:
        self.kubectl(f"create configmap {name} -n {NAMESPACE} --from-literal=made=here")

    def remove(self, name: str) -> None:
        self.kubectl(f"delete configmap {name} -n {NAMESPACE}")

    def exists(self, name: str) -> bool:
        return bool(self.kubectl(f"get configmap {name} -n {NAMESPACE} --ignore-not-found -o name").strip())

    def start(self, **request: Any) -> Execution:
        """As a person does in the console."""
        name = f"e2e-{uuid.uuid4().hex[:12]}"
        arn = self._states.start_execution(
            stateMachineArn=self.info.outputs["RestoreMachineArn"],
            name=name,
            input=json.dumps({"cluster": self.spec_id, **request}),
        )["executionArn"]
        return Execution(name, arn)

    def record(self, run: str) -> RunRecord | None:
        try:
            return self.services.runs.get(self.spec_id, run)
        except HoldfastError:
            return None

    def approve(self, run: str) -> None:
        """Somebody who read the plan that is stored."""

        def asked() -> RunRecord | None:
            record = self.record(run)
            assert record is None or record.outcome is None, record and record.outcome
            return record if record and record.question else None

        record = wait_for(asked, f"the question of {run}", _DEADLINE_S)
        digest = load_plan(self.services, run_of(record)).digest
        approve(self.services, self.spec_id, run, approved_by="e2e", typed=self.spec_id, digest=digest)

    def wait(self, execution: Execution) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            described = self._states.describe_execution(executionArn=execution.arn)
            return None if described["status"] == "RUNNING" else dict(described)

        return wait_for(ended, f"the end of {execution.name}", _DEADLINE_S)

    def wait_for_step(self, run: str, step: str) -> None:
        """Until a step was started on some node."""
        prefix = f"{self.spec_id}/runs/{run}/steps/{step}."
        wait_for(lambda: any(True for _ in self.services.reader.list(prefix)) or None, f"the step {step}", _DEADLINE_S)

    def stop(self, execution: Execution, run: str) -> None:
        self._states.stop_execution(executionArn=execution.arn, error="e2e", cause="killed by a test")
        wait_for(lambda: (found := self.record(run)) and found.outcome, f"the end of {run} being told", 120)

    def status(self, run: str) -> ChangeStatus:
        return change_status(self.services, self.spec_id, run)

    def wait_for_the_api(self) -> None:
        def answers() -> bool | None:
            try:
                return "Ready" in self.kubectl("get nodes") or None
            except Exception:  # noqa: BLE001 - whatever ssh or kubectl says: it does not answer yet
                return None

        wait_for(answers, "the API", 300)

    def ready_nodes(self) -> int:
        lines = self.kubectl("get nodes --no-headers").splitlines()
        return sum(1 for line in lines if line.split()[1] == "Ready")

    def kept_data(self, node: str) -> list[str]:
        """Old data directories that lie beside the live one."""
        found = self.cluster.ssh(node, "ls -d /var/lib/etcd.holdfast-*/old/member 2>/dev/null || true\n")
        return found.split()

    def plaintext(self, node: str) -> str:
        """Copies of a database or of secrets that a restore should not leave."""
        return self.cluster.ssh(
            node,
            "find /var/lib/etcd.holdfast-* /var/lib/holdfast -name snapshot.db -o -name 'new*' -o -name files "
            "2>/dev/null || true\n",
        )
