"""Surveys of OpenShift's control-plane hosts; a healthy cluster of release 4.18.12 unless told otherwise."""

from datetime import UTC, datetime
from typing import Any

from builders.etcd_facts import endpoint
from builders.node_facts import survey
from holdfast.models.node import EtcdLayout, NodeSurvey
from holdfast.models.openshift import (
    OPERATORS,
    ClusterNode,
    Encryption,
    OpenShiftCluster,
    OpenShiftHost,
    OpenShiftView,
    Operator,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RESOURCES = "/etc/kubernetes/static-pod-resources"
QUIET = tuple(Operator(name=name, available="True", progressing="False", degraded="False") for name in OPERATORS)
_CERTS = f"{RESOURCES}/etcd-certs/secrets/etcd-all-certs/etcd-peer"


def openshift_layout(number: int) -> EtcdLayout:
    return EtcdLayout(
        name=f"etcd-{number}",
        data_dir="/var/lib/etcd",
        host_data_dir="/var/lib/etcd",
        client_urls=(endpoint(number),),
        ca=f"{RESOURCES}/etcd-certs/configmaps/etcd-serving-ca/ca-bundle.crt",
        cert=f"{_CERTS}-n{number}.crt",
        key=f"{_CERTS}-n{number}.key",
        container=True,
        namespace="openshift-etcd",
    )


def openshift_host(**changes: Any) -> OpenShiftHost:
    known = OpenShiftHost(
        generation="4.18",
        scripts=("cluster-backup.sh", "cluster-restore.sh", "disable-etcd.sh", "quorum-restore.sh"),
        can_force=True,
        has_oc=True,
        data_entries=("member", "revision.json"),
        raft_index=1000,
        manifests=tuple(sorted(f"{name}-pod.yaml" for name in OPERATORS)),
    )
    return known.model_copy(update=changes)


def openshift_cluster(**changes: Any) -> OpenShiftCluster:
    known = OpenShiftCluster(
        version="4.18.12",
        progressing="False",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        topology="HighlyAvailable",
        platform="AWS",
        operators=QUIET,
        encryption=(Encryption(server="kubeapiserver", reason="EncryptionCompleted"),),
        members_available="True",
        members_message="3 members are available",
        nodes=tuple(ClusterNode(name=f"n{number}", ready="True") for number in (1, 2, 3)),
    )
    return known.model_copy(update=changes)


def openshift_survey(number: int, *, silence: str = "", **changes: Any) -> NodeSurvey:
    """Changes of the host by `host`, of the cluster by `cluster` (None: its API server told nothing), others of the
    survey itself."""
    host = openshift_host(**changes.pop("host", {}))
    told = changes.pop("cluster", {})
    cluster = None if told is None else openshift_cluster(**told)
    view = OpenShiftView(host=host, cluster=cluster, silence=silence)
    return survey(number, **{"etcd": openshift_layout(number), "openshift": view, **changes})
