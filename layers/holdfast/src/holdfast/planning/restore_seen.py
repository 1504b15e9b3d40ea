"""What was seen before a restore: the nodes, what they said of themselves, what etcd still tells, and the backup."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.drivers.restore import RestoreDriver
from holdfast.models.backup import Manifest, SecretsBundle, State, VerificationReport
from holdfast.models.cluster import ClusterSpec, SshTransport, SsmTransport
from holdfast.models.etcd import EndpointFailure, EtcdFacts, Member
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import BackupPlan
from holdfast.models.restore import RestoreFacts, RestoreMode
from holdfast.models.signature import SignatureState


@dataclass(frozen=True)
class ChosenBackup:
    """`state` is what the listing says, `verified` the report of its read-back, `plan` the plan that it was made by:
    with the nodes as they were, when it was made through nodes. `signature` is the manifest's, which has the SHA-256
    `manifest_sha256`."""

    state: State
    manifest: Manifest
    verified: VerificationReport | None = None
    plan: BackupPlan | None = None
    signature: SignatureState = "unchecked"
    manifest_sha256: str = ""

    def bundle_of(self, node: str) -> SecretsBundle | None:
        return next((bundle for bundle in self.manifest.bundles if bundle.node == node), None)

    def survey_of(self, node: str) -> NodeSurvey | None:
        """The node as it was when the backup was made."""
        surveys = self.plan.surveys if self.plan else ()
        return next((survey for survey in surveys if survey.node == node), None)

    def was_worker(self, node: str) -> bool:
        before = self.survey_of(node)
        return before is not None and before.topology == "none"


@dataclass(frozen=True)
class RestoreSeen:
    """`surveys` are the nodes as they are, and `facts` what they said of a restore, by node; a node that is missing in
    one of them has a failure, whose endpoint is the node's name. `etcd` is None when no member answered. `members` is
    the newest list of members that is known, empty when none is. `nodes` is the node of each member that answered, by
    the member's id."""

    surveys: tuple[NodeSurvey, ...]
    facts: Mapping[str, RestoreFacts]
    etcd: EtcdFacts | None = None
    members: tuple[Member, ...] = ()
    failures: tuple[EndpointFailure, ...] = field(default=())
    nodes: Mapping[str, str] = field(default_factory=dict)

    def survey_of(self, node: str) -> NodeSurvey | None:
        return next((survey for survey in self.surveys if survey.node == node), None)

    def member_list(self) -> tuple[Member, ...]:
        return self.members or (self.etcd.members if self.etcd else ())


def node_names(spec: ClusterSpec, seen: RestoreSeen) -> tuple[str, ...]:
    """Every node that should take part: those of the cluster file, or those that were found where it names none."""
    if isinstance(spec.transport, SshTransport | SsmTransport):
        return tuple(node.name for node in spec.transport.nodes)
    return tuple(survey.node for survey in seen.surveys)


def expected(mode: RestoreMode, survey: NodeSurvey, backup: ChosenBackup) -> NodeSurvey:
    """The node as it shall be. A bundle brings back the manifests of its day, so that with one the backup's own survey
    says where everything is; the tools and the disks are those of today."""
    before = backup.survey_of(survey.node)
    if mode not in ("full", "new-hosts") or before is None:
        return survey
    return restored(survey, before)


def restored(survey: NodeSurvey, before: NodeSurvey) -> NodeSurvey:
    """A node of today, laid out as it was before."""
    return survey.model_copy(
        update={
            "topology": before.topology,
            "etcd": before.etcd,
            "etcd_problem": "",
            "apiserver": before.apiserver,
            "static_pod_path": before.static_pod_path,
            "bundle_paths": before.bundle_paths,
            "node_name": before.node_name or survey.node_name,
            "kubelet_files": before.kubelet_files,
        }
    )


def seen_in_backup(driver: RestoreDriver, backup: ChosenBackup) -> RestoreSeen:
    """What a restore would most likely find, for the runbook that is stored beside a backup: nobody looked."""
    surveys = backup.plan.surveys if backup.plan else ()
    version = backup.manifest.source.etcd_version
    return RestoreSeen(
        surveys=surveys, facts={survey.node: driver.assumed_facts(survey, version) for survey in surveys}
    )
