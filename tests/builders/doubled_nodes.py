"""Nodes in memory that answer as real kubeadm nodes do, and send what they have to the store in memory.

What a node prints was captured on a real one (tests/data/facts), with its name and address put in; the real driver
reads it. Snapshots and bundles go to presigned URLs of `MemoryServices`, as the programs on nodes send them.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from builders.compressed import packed
from builders.frames import captured, printed
from builders.services import MemoryServices, small_snapshot
from builders.specs import cluster_spec
from holdfast.facts.frames import sections
from holdfast.models.backup import Compression
from holdfast.models.cluster import ClusterSpec
from holdfast.models.command import Command, CommandResult
from holdfast.transports.memory import MemoryTransport

SURVEY, ETCD = "holdfast-survey-1", "holdfast-etcd-1"
FRAME = 4 * 1024**2
FIRST_MEMBER = 9_466_897_300_446_105_021
CLUSTER_ID = 18_365_341_028_575_653_622

type Report = dict[str, Any]


def node_names(count: int) -> tuple[str, ...]:
    return tuple(f"n{number}" for number in range(1, count + 1))


def nodes_spec(cluster_id: str = "prod-1", count: int = 3, **changes: Any) -> ClusterSpec:
    nodes = [{"name": name, "host": _address(name)} for name in node_names(count)]
    transport = {"kind": "ssh", "user": "core", "credentials": f"holdfast/{cluster_id}/ssh", "nodes": nodes}
    return cluster_spec(cluster_id, **{"transport": transport} | changes)


def _address(node: str) -> str:
    return f"10.78.0.{10 + int(node[1:])}"


def failure(code: str, message: str = "it did not work") -> CommandResult:
    return CommandResult(1, json.dumps({"code": code, "message": message}))


@dataclass
class DoubledNodes:
    """`packs_with` is what snapshots are compressed with, whatever the survey says. `snapshot_answers` and
    `bundle_answers` are given instead of any work, the first one first. `edit` changes a report on its way, `swaps`
    the texts of surveys; `certificates` is what comes with every bundle."""

    services: MemoryServices
    count: int = 3
    members: int = 3
    packs_with: Compression = "zstd"
    snapshot_file: bytes = field(default_factory=small_snapshot)
    snapshot_answers: list[CommandResult] = field(default_factory=list)
    bundle_answers: dict[str, list[CommandResult]] = field(default_factory=dict)
    edit: Callable[[Report], Report] = lambda report: report
    swaps: dict[str, str] = field(default_factory=dict)
    certificates: bytes = b"# /etc/kubernetes/pki/ca.crt\n"
    on_command: Callable[[str, Command], None] = lambda _node, _command: None

    def transport(self, *, looks: int = 1) -> MemoryTransport:
        return MemoryTransport(node_names(self.count), self.program, looks=looks)

    def program(self, node: str, command: Command) -> CommandResult:
        self.on_command(node, command)
        if "plan_url" in command.secrets:
            return self.snapshot_answers.pop(0) if self.snapshot_answers else self._snapshot(command)
        if "bundle_url" in command.secrets:
            answers = self.bundle_answers.get(node)
            return answers.pop(0) if answers else self._bundle(command)
        return self._survey(node) if "tool_names" in command.values else self._etcd(node)

    def _survey(self, node: str) -> CommandResult:
        told = dict(sections("n1", SURVEY, captured("kubeadm-1.20-stacked")))
        swaps = {"10.78.0.11": _address(node), "hostname=n1": f"hostname={node}", "--name=n1": f"--name={node}"}
        swaps |= {"n1=https": f"{node}=https"} | self.swaps
        for name, text in told.items():
            for old, new in swaps.items():
                text = text.replace(old, new)
            told[name] = text
        now = next(line for line in told["about"].splitlines() if line.startswith("now="))
        told["about"] = told["about"].replace(now, f"now={int(self.services.clock().timestamp())}")
        return printed(SURVEY, told)

    def _etcd(self, node: str) -> CommandResult:
        told = dict(sections("n1", ETCD, captured("kubeadm-1.20-etcd")))
        numbers = range(1, self.members + 1)
        size = len(self.snapshot_file)
        status = {
            "header": {"cluster_id": CLUSTER_ID, "member_id": _member(node), "revision": 10_979, "raft_term": 8},
            "version": "3.4.23",
            "dbSize": size,
            "dbSizeInUse": size,
            "leader": FIRST_MEMBER + 1,
            "raftIndex": 16_439,
            "raftTerm": 8,
            "raftAppliedIndex": 16_439,
        }
        members = [
            {
                "ID": FIRST_MEMBER + number,
                "name": f"n{number}",
                "peerURLs": [f"https://{_address(f'n{number}')}:2380"],
                "clientURLs": [f"https://{_address(f'n{number}')}:2379"],
            }
            for number in numbers
        ]
        told["status out"] = json.dumps([{"Endpoint": f"https://{_address(node)}:2379", "Status": status}])
        told["members out"] = json.dumps({"header": status["header"], "members": members})
        return printed(ETCD, told)

    def _snapshot(self, command: Command) -> CommandResult:
        grants = self.services.grants
        answer = grants.receive(command.secrets["plan_url"], method="GET")
        if answer.status != 200:
            return failure("upload_gone" if answer.status == 404 else "upload_denied")
        urls = [line for line in answer.body.decode().splitlines() if not line.startswith("renew ")]
        body, _ = packed(self.snapshot_file, FRAME, self.packs_with)
        part_bytes = int(command.values["part_bytes"])
        parts = [body[start : start + part_bytes] for start in range(0, len(body), part_bytes)]
        for url, part in zip(urls, parts, strict=False):
            if grants.receive(url, part).status != 200:
                return failure("upload_gone")
        now = int(self.services.clock().timestamp())
        report = {
            "member_id": f"{int(command.values['member_id']):x}",
            "compression": self.packs_with,
            "raw_size": len(self.snapshot_file),
            "sha256": self.snapshot_file[-32:].hex(),
            "size": len(body),
            "object_sha256": hashlib.sha256(body).hexdigest(),
            "parts": len(parts),
            "parts_md5": "",
            "started": now,
            "finished": now + 1,
            "warnings": [],
        }
        return CommandResult(0, json.dumps(self.edit(report)))

    def _bundle(self, command: Command) -> CommandResult:
        grants = self.services.secrets_grants
        body = b"a bundle of " + command.values.get("paths", "a pair").encode()
        for name, content in (("bundle_url", body), ("certificates_url", self.certificates)):
            if grants.receive(command.secrets[name], content).status != 200:
                return failure("upload_denied")
        report = {
            "compression": "zstd",
            "size": len(body),
            "object_sha256": hashlib.sha256(body).hexdigest(),
            "files": 7,
        }
        return CommandResult(0, json.dumps(self.edit(report)))


def _member(node: str) -> int:
    return FIRST_MEMBER + int(node[1:])
