"""What the scripts say of their work by which a member of OpenShift's etcd is replaced (node/restore/openshift/)."""

from pydantic import Field

from holdfast.models.base import StoredModel
from holdfast.models.words import Words


class StillLostReport(StoredModel):
    """Of still_lost: `healthy` voters without the lost one."""

    voters: int
    healthy: int


class SavedMachineReport(StoredModel):
    """Of save_machine: the name of the Machine that will be made, and where its manifest is."""

    machine: Words
    kept: Words


class ForgottenReport(StoredModel):
    """Of forget_machine."""

    removed: bool


class DeletedSecretsReport(StoredModel):
    """Of delete_secrets: those of the three that there were."""

    deleted: tuple[Words, ...]


class MachineReport(StoredModel):
    """Of delete_machine, create_machine and await_machine; `node` is what Kubernetes calls the new one's."""

    machine: Words
    node: Words = ""


class HostReport(StoredModel):
    """Of await_host: a node that is Ready."""

    node: Words


class RejoinReport(StoredModel):
    """Of rejoin. `redeployed`: etcd's operator had to be told to begin."""

    voters: int
    healthy: int
    redeployed: bool


class SettledReport(StoredModel):
    """Of members_settled: pods that are Ready, and the revision that all nodes are at."""

    voters: int
    pods: int
    revision: int = Field(ge=0)


# Each script with its report.
MEMBER_REPORTS: dict[str, type[StoredModel]] = {
    "openshift/still_lost": StillLostReport,
    "openshift/save_machine": SavedMachineReport,
    "openshift/forget_machine": ForgottenReport,
    "openshift/delete_secrets": DeletedSecretsReport,
    "openshift/delete_machine": MachineReport,
    "openshift/create_machine": MachineReport,
    "openshift/await_machine": MachineReport,
    "openshift/await_host": HostReport,
    "openshift/rejoin": RejoinReport,
    "openshift/members_settled": SettledReport,
}
