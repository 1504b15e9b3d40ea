"""Nodes in memory that also answer what is asked before a restore; nothing is restored there."""

import json
from datetime import timedelta
from typing import Any

from builders.doubled_nodes import DoubledNodes, nodes_spec
from builders.doubled_runs import CLUSTER, run, through
from builders.services import START, MemoryServices, services_with
from holdfast.engine.restore.started import start
from holdfast.engine.restore.stored import load_plan
from holdfast.models.command import Command, CommandResult
from holdfast.models.restore import ChangeRequest, RestorePlan

NAME = "nodes-restore"
_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
# Enough for a database of any test; the real rule wants three times its size.
_FREE = 100 * 1024**3


class RestorableNodes(DoubledNodes):
    """On `silent` nodes every command fails, on `dead` ones etcd does not answer. `facts` changes what all say."""

    silent: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    facts: dict[str, Any] = {}  # noqa: RUF012 - replaced, never changed

    def program(self, node: str, command: Command) -> CommandResult:
        if node in self.silent:
            return CommandResult(1, json.dumps({"code": "node_silent", "message": f"{node} says nothing"}))
        if "encryption_config" in command.values and "certificates" in command.values:
            return CommandResult(0, json.dumps(self._facts()))
        if node in self.dead and "tool_names" not in command.values:
            return CommandResult(1, json.dumps({"code": "node_silent", "message": f"etcd on {node} says nothing"}))
        return super().program(node, command)

    def _facts(self) -> dict[str, Any]:
        return {
            "pods": [{"container": name, "path": f"/etc/kubernetes/manifests/{name}.yaml"} for name in _PODS],
            "data_exists": True,
            "data_free": _FREE,
            "etcd_tool": "3.4.23",
            "tool_bumps": False,
            "kubelet": True,
            "tools": ["curl", "zstd", "sha256sum", "tar", "timeout", "setsid", "crictl", "ctr"],
            "certificates": [],
            "encryption_keys": [],
            "unfinished": [],
        } | self.facts


def restorable() -> tuple[MemoryServices, RestorableNodes, str]:
    """Three nodes, a verified backup of them, and its id."""
    services = services_with(nodes_spec())
    nodes = RestorableNodes(services)
    through(nodes)
    outcome = run(services)
    assert outcome.backup_id, outcome.error
    return services, nodes, outcome.backup_id


def started(services: MemoryServices, **request: object) -> RestorePlan:
    """The plan that the state Started of the run NAME makes of a request."""
    asked = ChangeRequest.model_validate({"cluster": CLUSTER, **request})
    state = start(services, asked, NAME, START, None)
    while state.look:
        services.clock.advance(timedelta(seconds=state.look.wait_s))
        state = start(services, asked, NAME, START, state.look)
    return load_plan(services, state.run)
