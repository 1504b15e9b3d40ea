"""The contract of a driver for restores and member replacements: which steps, with which variables, in which order.

Planning knows the backup, the members and the rules; a driver knows where its distribution keeps what, and turns a task
into steps (models/restore.py). Pure: it makes values.
"""

from dataclasses import dataclass
from typing import Protocol

from holdfast.models.backup import Compression, SecretsBundle
from holdfast.models.command import Command
from holdfast.models.node import ApiServerLayout, EtcdLayout, NodeSurvey
from holdfast.models.restore import PodFile, RestoreFacts, RestoreMode, RestoreStep


@dataclass(frozen=True)
class TaskNode:
    """One node that takes part. `name` is the one that Kubernetes knows it by; `odd_name` is the same where the host's
    own name would not tell it, "" otherwise.

    `unit` is the systemd unit of an etcd that is no static pod, "" otherwise. `running` are the control plane's static
    pods that are there now, `wanted` those that shall run in the end: they differ where a bundle brings manifests.
    `manifests` is the folder of static pods, "" on a host without one. `data_dir` is the host's.
    """

    node: str
    name: str
    data_dir: str
    manifests: str = ""
    member: EtcdLayout | None = None
    unit: str = ""
    apiserver: ApiServerLayout | None = None
    running: tuple[PodFile, ...] = ()
    wanted: tuple[PodFile, ...] = ()
    kubelet: bool = True
    bundle: SecretsBundle | None = None
    odd_name: str = ""


@dataclass(frozen=True)
class RestoreTask:
    """`bump` is added to the revision, 0 where a node's tool cannot; then `revision` stays the backup's. `token` is
    fresh: members of the old cluster that come up again are refused by it. Sizes are bytes."""

    run_id: str
    mode: RestoreMode
    nodes: tuple[TaskNode, ...]
    token: str
    sha256: str
    raw_size: int
    compression: Compression
    revision: int
    bump: int


@dataclass(frozen=True)
class ReplaceTask:
    """`node` gets an empty member instead of its own; `helper` runs a sound one, and is asked to change the list.

    `member_id` is the one that goes, "" when the list has it no more. `others` are the members that stay, the helper
    among them. `tallies` say, in words, what the quorum is before the removal, after it, and after the promotion.
    `initial_cluster` names every member that stays, and the new one.
    """

    run_id: str
    node: TaskNode
    helper: TaskNode
    others: tuple[TaskNode, ...]
    member_id: str
    initial_cluster: str
    voters: int
    raw_size: int
    tallies: tuple[str, str, str]


class RestoreDriver(Protocol):
    def restore_facts(self, survey: NodeSurvey) -> Command:
        """What node/restore/facts.sh is asked on a node; for a host with nothing on it the survey is the backup's
        (planning/restore_seen.py: expected)."""

    def certificates(self, survey: NodeSurvey) -> tuple[str, ...]:
        """Paths on the host of the certificates that the control plane there works with, if they are there."""

    def assumed_facts(self, survey: NodeSurvey, etcd_version: str) -> RestoreFacts:
        """What a node would most likely say of itself: for a runbook that is written without looking, beside a backup,
        and for the manifests that a bundle brings."""

    def restore_steps(self, task: RestoreTask) -> tuple[RestoreStep, ...]: ...

    def replace_steps(self, task: ReplaceTask) -> tuple[RestoreStep, ...]: ...
