"""What the scripts of a restore (node/restore/) say of their work, each in one line of JSON.

Ids of members and clusters are hexadecimal, as etcdctl prints them. `RestoreFacts`, the report of facts.sh, is in
models/restore.py.
"""

import base64
import binascii
import gzip
import io
import json
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from holdfast.models.base import StoredModel
from holdfast.models.csr import CsrPage
from holdfast.models.openshift_member_reports import MEMBER_REPORTS
from holdfast.models.openshift_restore_reports import OPENSHIFT_RESTORE_REPORTS
from holdfast.models.restore import RestoreFacts
from holdfast.models.words import Words

HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,16}$")]
# A report has to fit into what a transport keeps of a step's output; what it unpacks to is bounded too.
_LARGEST_UNPACKED = 4 * 1024 * 1024


class StoppedPods(StoredModel):
    """Of stop_pods: the containers whose manifests are aside and of which nothing runs any more."""

    stopped: tuple[Words, ...]


class StartedPods(StoredModel):
    """Of start_pods: the containers that run again."""

    started: tuple[Words, ...]


class BackReport(StoredModel):
    """Of put_pods_back and put_unit_back: containers, or a unit, that are as they were before they were stopped. `down`
    are those that do not run: they may not have run before."""

    back: tuple[Words, ...]
    down: tuple[Words, ...] = ()


class UnitReport(StoredModel):
    """Of stop_unit and start_unit."""

    unit: Words


class FetchReport(StoredModel):
    """Of fetch: the size of the snapshot, whose hash was checked."""

    bytes: int = Field(gt=32)


class RebuildReport(StoredModel):
    """Of rebuild. `members` are the ids of all members of the new cluster, sorted: equal on every node. `bumped` is
    how far revisions were put ahead, 0 where the tool cannot."""

    members: tuple[HexId, ...] = Field(min_length=1)
    tool: Words
    bumped: int = 0
    owner: Words
    mode: Words


class ForgetReport(StoredModel):
    """Of forget_new: whether there was anything to remove."""

    removed: bool


class KeptReport(StoredModel):
    """Of swap and put_aside: where the old data are, "" when there were none."""

    kept: Words


class BundleFilesReport(StoredModel):
    """Of fetch_bundle, swap_files and put_files_back: files of the bundle, and of those that they replaced."""

    files: int
    kept: int = 0


class EtcdReadyReport(StoredModel):
    """Of etcd_ready: a member that is healthy. `hash` and `compact_revision` are those of HashKV at `at`, or at
    `revision` where that is 0; `revision` was the member's newest one when it answered that. `alike` members, itself
    among them, told it the same hash of that one; 0 where `at` is not, as then all of the step tell of the same."""

    member_id: HexId
    cluster_id: HexId
    leader: HexId
    version: Words
    voters: int
    learners: int
    revision: int
    at: int = 0
    alike: int = 0
    hash: int
    compact_revision: int


class KeyCounts(StoredModel):
    """Of count_keys: live keys at a revision, by resource as etcd/format/keyspace.py names them. Where there are so
    many resources that the line would be cut, it has them packed (gzip, base64)."""

    revision: int = 0
    keys: int = 0
    other: int = 0
    resources: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _unpacked(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "packed" not in value:
            return value
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode(str(value["packed"]), validate=True))) as packed:
                text = packed.read(_LARGEST_UNPACKED)
            return {**value, "resources": json.loads(text)}
        except (OSError, EOFError, binascii.Error, ValueError) as error:
            raise ValueError("the packed counts cannot be read") from error


class ReadyReport(StoredModel):
    """Of start_api, node_ready: it is ready. `renewed`: the node's lease was seen with two different times."""

    ready: bool
    renewed: bool = False


class ActiveReport(StoredModel):
    """Of restart_kubelet."""

    active: bool


class WriteWatchReport(StoredModel):
    """Of write_watch: an object was written, and a watch showed it."""

    wrote: bool
    seen: bool


class RemovedMember(StoredModel):
    """Of remove_member: False when it was no member any more."""

    removed: bool


class LearnerReport(StoredModel):
    """Of add_learner."""

    member_id: HexId


class PromotedReport(StoredModel):
    """Of promote."""

    promoted: bool


class JoinFilesReport(StoredModel):
    """Of join_files: whether the manifest had to be changed."""

    changed: bool


# Each script of node/restore/ with its report.
REPORTS: dict[str, type[StoredModel]] = {
    "facts": RestoreFacts,
    "stop_pods": StoppedPods,
    "start_pods": StartedPods,
    "put_pods_back": BackReport,
    "stop_unit": UnitReport,
    "start_unit": UnitReport,
    "put_unit_back": BackReport,
    "fetch": FetchReport,
    "rebuild": RebuildReport,
    "forget_new": ForgetReport,
    "swap": KeptReport,
    "put_aside": KeptReport,
    "fetch_bundle": BundleFilesReport,
    "swap_files": BundleFilesReport,
    "put_files_back": BundleFilesReport,
    "etcd_ready": EtcdReadyReport,
    "count_keys": KeyCounts,
    "start_api": ReadyReport,
    "restart_kubelet": ActiveReport,
    "node_ready": ReadyReport,
    "write_watch": WriteWatchReport,
    "remove_member": RemovedMember,
    "add_learner": LearnerReport,
    "promote": PromotedReport,
    "join_files": JoinFilesReport,
    "openshift/csr_round": CsrPage,
    **MEMBER_REPORTS,
    **OPENSHIFT_RESTORE_REPORTS,
}
