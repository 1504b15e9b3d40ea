"""The OpenShift driver: its commands, and who reads what they print."""

from dataclasses import dataclass
from datetime import datetime

from holdfast import node
from holdfast.drivers import etcdctl
from holdfast.drivers.openshift.findings import node_findings
from holdfast.drivers.openshift.survey import read_survey
from holdfast.drivers.restore import ReplaceTask, RestoreTask
from holdfast.drivers.timeouts import (
    BUNDLE_S,
    OPENSHIFT_SURVEY_S,
    QUESTIONS_S,
    RESTORE_FACTS_S,
    snapshot_timeout_s,
    vendor_backup_s,
)
from holdfast.errors import PermanentError, RefusedError
from holdfast.facts.openshift_host import DATA_DIR, MANIFESTS
from holdfast.models.command import Command, CommandResult
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import TOOLS, EtcdLayout, NodeEtcd, NodeSurvey
from holdfast.models.openshift import OPERATORS
from holdfast.models.plan import Finding
from holdfast.models.restore import PodFile, RestoreFacts, RestoreStep


@dataclass(frozen=True)
class OpenShiftDriver:
    name: str = "openshift"
    pairs: bool = True

    def survey(self) -> Command:
        values = {"tool_names": " ".join(TOOLS), "limit_s": str(QUESTIONS_S)}
        return Command(node.survey("openshift_survey"), values, timeout_s=OPENSHIFT_SURVEY_S)

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

    def findings(self, surveys: tuple[NodeSurvey, ...], facts: EtcdFacts, now: datetime) -> tuple[Finding, ...]:
        return node_findings(surveys, facts, now)

    def snapshot(self, survey: NodeSurvey, *, member_id: str, expected_bytes: int, part_bytes: int) -> Command:
        """cluster-backup.sh, under a deadline of its own within the step's."""
        if survey.etcd is None:
            raise PermanentError("no_etcd_here", f"{survey.node} runs no etcd member that can be asked")
        vendor_s = vendor_backup_s(expected_bytes)
        values = etcdctl.access(survey.etcd) | {
            "member_id": str(int(member_id, 16)),
            "expected_bytes": str(expected_bytes),
            "part_bytes": str(part_bytes),
            "vendor_s": str(vendor_s),
        }
        timeout_s = vendor_s + snapshot_timeout_s(expected_bytes)
        return Command(node.program("openshift_backup"), values, timeout_s=timeout_s)

    def save_argv(self, layout: EtcdLayout, path: str) -> tuple[str, ...]:
        del layout, path
        raise _needs_a_shell()

    def ship(self, survey: NodeSurvey, path: str, *, expected_bytes: int, part_bytes: int) -> Command:
        del survey, path, expected_bytes, part_bytes
        raise _needs_a_shell()

    def bundle(self, survey: NodeSurvey) -> Command:
        """What `snapshot` kept: the host's other files are not asked for."""
        del survey
        return Command(node.program("openshift_bundle"), timeout_s=BUNDLE_S)

    def restore_facts(self, survey: NodeSurvey) -> Command:
        """Manifests there are JSON as well as YAML, and hold no flags that a shell could read: only what lies on disks,
        tools and dates are of use. No image is opened, as the vendor's scripts bring their own tools."""
        values = {
            "manifests": survey.static_pod_path or MANIFESTS,
            "data_dir": DATA_DIR,
            "etcd_image": "",
            "how": "openshift",
            "etcd_name": etcdctl.CONTAINER,
            "certificates": "\n".join(self.certificates(survey)),
            "encryption_config": (survey.apiserver.encryption_config if survey.apiserver else None) or "",
        }
        return Command(node.change("facts"), values, timeout_s=RESTORE_FACTS_S)

    def certificates(self, survey: NodeSurvey) -> tuple[str, ...]:
        """etcd's, and kubelet's own: the operators renew all others by themselves once an API server answers."""
        of_etcd = (survey.etcd.ca, survey.etcd.cert) if survey.etcd else ()
        return tuple(sorted({*of_etcd, "/var/lib/kubelet/pki/kubelet-client-current.pem"}))

    def assumed_facts(self, survey: NodeSurvey, etcd_version: str) -> RestoreFacts:
        """The four static pods under the names that the vendor's scripts look for."""
        folder = survey.static_pod_path or MANIFESTS
        return RestoreFacts(
            pods=tuple(PodFile(container=name, path=f"{folder}/{name}-pod.yaml") for name in OPERATORS),
            data_exists=survey.etcd is not None,
            data_free=survey.data_free,
            etcd_tool=etcd_version,
        )

    def restore_steps(self, task: RestoreTask) -> tuple[RestoreStep, ...]:
        raise _unsupported(task.nodes[0].node if task.nodes else "")

    def replace_steps(self, task: ReplaceTask) -> tuple[RestoreStep, ...]:
        raise _unsupported(task.node.node)


def _needs_a_shell() -> RefusedError:
    return RefusedError(
        "openshift_needs_hosts",
        "cluster-backup.sh runs on a host, and this transport runs programs in containers alone",
        hint="Use ssh, or the transport kubernetes with `via: pod`.",
    )


def _unsupported(where: str) -> RefusedError:
    """planning/openshift_planner.py makes the plans for this distribution, and asks no driver for steps of members."""
    return RefusedError(
        "driver_unsupported",
        f"{where}: OpenShift's members are not restored or replaced one by one",
        hint="`holdfast restore plan` and `holdfast member replace` follow the vendor's procedure there.",
    )
