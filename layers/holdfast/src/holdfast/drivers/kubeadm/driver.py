"""The kubeadm driver: its commands, and who reads what they print."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from holdfast import node
from holdfast.drivers import etcdctl
from holdfast.drivers.kubeadm.findings import node_findings
from holdfast.drivers.kubeadm.restore import replace_steps, restore_steps
from holdfast.drivers.kubeadm.restore_facts import assumed_facts, certificates, facts_command
from holdfast.drivers.kubeadm.survey import read_survey
from holdfast.drivers.restore import ReplaceTask, RestoreTask
from holdfast.drivers.timeouts import BUNDLE_S, SURVEY_S, snapshot_timeout_s
from holdfast.errors import PermanentError
from holdfast.models.command import Command, CommandResult
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import TOOLS, EtcdLayout, NodeEtcd, NodeSurvey
from holdfast.models.plan import Finding
from holdfast.models.restore import RestoreFacts, RestoreStep


@dataclass(frozen=True)
class KubeadmDriver:
    name: str = "kubeadm"
    pairs: bool = False

    def survey(self) -> Command:
        return Command(node.survey("survey"), {"tool_names": " ".join(TOOLS)}, timeout_s=SURVEY_S)

    def read_survey(self, node: str, result: CommandResult, *, asked_at: datetime, read_at: datetime) -> NodeSurvey:
        return read_survey(node, result, asked_at=asked_at, read_at=read_at)

    def etcd_facts(self, layout: EtcdLayout) -> Command:
        return etcdctl.facts_command(layout)

    def read_etcd_facts(self, node: str, result: CommandResult, layout: EtcdLayout) -> NodeEtcd:
        return etcdctl.read_facts(node, result, layout)

    def etcd_exec(self, layout: EtcdLayout) -> dict[str, tuple[str, ...]]:
        return etcdctl.questions(layout)

    def read_etcd_exec(self, node: str, results: dict[str, CommandResult], layout: EtcdLayout) -> NodeEtcd:
        return etcdctl.read_answers(node, results, layout)

    def findings(
        self,
        surveys: tuple[NodeSurvey, ...],
        facts: EtcdFacts,
        now: datetime,  # noqa: ARG002 # nothing here depends on a cluster's age
    ) -> tuple[Finding, ...]:
        return node_findings(surveys, facts)

    def snapshot(self, survey: NodeSurvey, *, member_id: str, expected_bytes: int, part_bytes: int) -> Command:
        layout = _layout(survey)
        values = etcdctl.access(layout) | {
            "host_data_dir": layout.host_data_dir,
            "data_dir": layout.data_dir,
            "member_id": str(int(member_id, 16)),
            "file": "",
        }
        return _sending(values, expected_bytes, part_bytes)

    def save_argv(self, layout: EtcdLayout, path: str) -> tuple[str, ...]:
        return etcdctl.argv(layout, "snapshot", "save", path)

    def ship(self, survey: NodeSurvey, path: str, *, expected_bytes: int, part_bytes: int) -> Command:
        layout = _layout(survey)
        values = etcdctl.access(layout) | {
            "how": "file",
            "host_data_dir": layout.host_data_dir,
            "data_dir": layout.data_dir,
            "member_id": "",
            "file": path,
        }
        return _sending(values, expected_bytes, part_bytes)

    def bundle(self, survey: NodeSurvey) -> Command:
        encryption = survey.apiserver.encryption_config if survey.apiserver else None
        values = {"paths": _lines(survey.bundle_paths), "encryption_config": encryption or ""}
        return Command(node.program("bundle"), values, timeout_s=BUNDLE_S)

    def restore_facts(self, survey: NodeSurvey) -> Command:
        return facts_command(survey)

    def certificates(self, survey: NodeSurvey) -> tuple[str, ...]:
        return certificates(survey)

    def assumed_facts(self, survey: NodeSurvey, etcd_version: str) -> RestoreFacts:
        return assumed_facts(survey, etcd_version)

    def restore_steps(self, task: RestoreTask) -> tuple[RestoreStep, ...]:
        return restore_steps(task)

    def replace_steps(self, task: ReplaceTask) -> tuple[RestoreStep, ...]:
        return replace_steps(task)


def _sending(values: dict[str, str], expected_bytes: int, part_bytes: int) -> Command:
    sizes = {"expected_bytes": str(expected_bytes), "part_bytes": str(part_bytes)}
    return Command(node.program("snapshot"), values | sizes, timeout_s=snapshot_timeout_s(expected_bytes))


def _layout(survey: NodeSurvey) -> EtcdLayout:
    if survey.etcd is None:
        raise PermanentError("no_etcd_here", f"{survey.node} runs no etcd member that can be asked")
    return survey.etcd


def _lines(paths: Iterable[str]) -> str:
    return "\n".join(paths)
