"""What the scripts of a restore of OpenShift (node/restore/openshift/) say of their work, each in one line of JSON."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from holdfast.models.base import StoredModel
from holdfast.models.words import Lines, Words

_HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,16}$")]
_Guard = Literal["on", "off"]


class HostReport(StoredModel):
    """Of check_host: how many containers run there."""

    containers: int


class FetchedFile(StoredModel):
    """Of fetch: the size of the snapshot, whose hash was checked."""

    bytes: int = Field(gt=32)


class FetchedArchive(StoredModel):
    """Of fetch_bundle: how many files the vendor's archive has."""

    files: int = Field(ge=4)


class RemovedReport(StoredModel):
    """Of forget, tidy and forget_copy: whether there was anything to remove."""

    removed: bool


class MovedReport(StoredModel):
    """Of save_old, put_data_aside, copy_data and what takes them back: where the old data are, "" when there are
    none."""

    kept: Words


class StoppedReport(StoredModel):
    """Of stop_pod and disable_etcd: the components of which nothing runs any more."""

    stopped: tuple[Words, ...]


class StartedAgain(StoredModel):
    """Of put_pod_back and enable_etcd. `down` are components that do not run: they may not have run before."""

    back: tuple[Words, ...]
    down: tuple[Words, ...] = ()


class VendorReport(StoredModel):
    """Of cluster_restore and quorum_restore: the end of what the vendor's script printed; `kept` is where the data are
    that it replaced."""

    script: Words
    kept: Words
    words: Lines


class AloneReport(StoredModel):
    """Of etcd_alone: a cluster of one member, by ids as etcdctl prints them."""

    member_id: _HexId
    cluster_id: _HexId
    version: Words
    revision: int


class ApiBackReport(StoredModel):
    """Of api_back."""

    ready: bool


class RolloutReport(StoredModel):
    """Of redeploy: the newest revision of the component's static pods before, and the one that all nodes are at."""

    kind: Words
    before: int
    revision: int


class GuardReport(StoredModel):
    """Of guard_off, guard_on and guard_put_back. `was`: before this run turned it off, "" when that is not known."""

    guard: _Guard
    was: Literal["", "on", "off"]


class StableReport(StoredModel):
    """Of wait_stable. "looking": this oc is too old to know how to wait."""

    stable: bool
    by: Literal["oc", "looking"]


class NodesReport(StoredModel):
    """Of nodes_ready; `away` are others that are not Ready."""

    ready: tuple[Words, ...]
    away: tuple[Words, ...] = ()


class PodsReport(StoredModel):
    """Of pods_back: how many do not run, and the first of them in words, for the outcome."""

    away: int
    warnings: Lines = ()


# Each script of node/restore/openshift/ that restores, with its report.
OPENSHIFT_RESTORE_REPORTS: dict[str, type[StoredModel]] = {
    "openshift/check_host": HostReport,
    "openshift/fetch": FetchedFile,
    "openshift/fetch_bundle": FetchedArchive,
    "openshift/forget": RemovedReport,
    "openshift/tidy": RemovedReport,
    "openshift/save_old": MovedReport,
    "openshift/put_old_back": MovedReport,
    "openshift/stop_pod": StoppedReport,
    "openshift/put_pod_back": StartedAgain,
    "openshift/put_data_aside": MovedReport,
    "openshift/put_data_back": MovedReport,
    "openshift/disable_etcd": StoppedReport,
    "openshift/enable_etcd": StartedAgain,
    "openshift/cluster_restore": VendorReport,
    "openshift/etcd_alone": AloneReport,
    "openshift/api_back": ApiBackReport,
    "openshift/redeploy": RolloutReport,
    "openshift/guard_off": GuardReport,
    "openshift/guard_on": GuardReport,
    "openshift/guard_put_back": GuardReport,
    "openshift/wait_stable": StableReport,
    "openshift/nodes_ready": NodesReport,
    "openshift/pods_back": PodsReport,
    "openshift/copy_data": MovedReport,
    "openshift/forget_copy": RemovedReport,
    "openshift/quorum_restore": VendorReport,
}
