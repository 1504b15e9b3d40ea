"""The contract of a driver: which commands tell what, and which do the work. Pure: it makes commands and reads output.

A driver never runs anything. The engine runs `survey` on every node, then `etcd_facts` on those that have a member, and
hands both to `findings`; planning chooses the member; `snapshot` and `bundle` are the work itself. What restores need
is in drivers/restore.py.

Everything that a command prints is hostile. A reader gives its value or raises PermanentError
`node_output_unreadable` (which command, which part of it is off), `node_output_truncated` or `node_command_failed`;
the readers of etcd's answers also raise what etcdctl's words mean, as drivers/etcdctl.py lists it.
"""

from datetime import datetime
from typing import Protocol

from holdfast.drivers.restore import RestoreDriver
from holdfast.models.command import Command, CommandResult
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import EtcdLayout, NodeEtcd, NodeSurvey
from holdfast.models.plan import Finding


class Driver(RestoreDriver, Protocol):
    @property
    def name(self) -> str: ...

    @property
    def pairs(self) -> bool:
        """Whether `snapshot` makes the bundle of its node too, as a vendor's script does that saves both at one moment.
        It keeps the bundle in its step's directory; `bundle` sends it from there, by the variables `kept` (the step's
        key) and `snapshot_sha256`. Such a `snapshot` also understands `force` ("1"). Other nodes send no bundle."""

    def survey(self) -> Command:
        """Files, flags, tools, disk and clock of a node; touches nothing."""

    def read_survey(self, node: str, result: CommandResult, *, asked_at: datetime, read_at: datetime) -> NodeSurvey:
        """`asked_at` and `read_at` bound the moment at which the node looked at its clock."""

    def etcd_facts(self, layout: EtcdLayout) -> Command:
        """The member's own status, the member list and the alarms, by the tools of the node."""

    def read_etcd_facts(self, node: str, result: CommandResult, layout: EtcdLayout) -> NodeEtcd: ...

    def etcd_exec(self, layout: EtcdLayout) -> dict[str, tuple[str, ...]]:
        """The same questions as programs with arguments, for where there is no shell: name to argv."""

    def read_etcd_exec(self, node: str, results: dict[str, CommandResult], layout: EtcdLayout) -> NodeEtcd: ...

    def findings(self, surveys: tuple[NodeSurvey, ...], facts: EtcdFacts, now: datetime) -> tuple[Finding, ...]:
        """What speaks against a backup, or is worth saying, beyond what etcd itself shows (planning/preflight.py)."""

    def snapshot(self, survey: NodeSurvey, *, member_id: str, expected_bytes: int, part_bytes: int) -> Command:
        """Without its secret `plan_url`, the presigned URL of the list of part URLs."""

    def save_argv(self, layout: EtcdLayout, path: str) -> tuple[str, ...]:
        """`etcdctl snapshot save` as a program with arguments, for where there is no shell."""

    def ship(self, survey: NodeSurvey, path: str, *, expected_bytes: int, part_bytes: int) -> Command:
        """`snapshot` for a file that is on the node already; it is removed in every outcome."""

    def bundle(self, survey: NodeSurvey) -> Command:
        """Without its secrets `bundle_url` and `certificates_url`, presigned for one PUT each."""
