"""What operators share: an API server that answers, conditions that keep their times, knobs that make them fail."""

import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.local.machines.apiserver.kinds import Kind
from holdfast.local.machines.kubeadm_files import MASTERS
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.oc.failures import AwayError, OcError, RefusedError
from holdfast.local.machines.oc.kubeconfig import Access
from holdfast.local.machines.openshift.cluster import OpenShiftCluster
from holdfast.local.machines.openshift.pods import API_PORT
from holdfast.local.machines.openshift.seed import Object, condition, named

_ASK_S = 4.0


@dataclass
class Knobs:
    """`slow_s` is what every step of a rollout takes at least. Components that are `stuck` never come to the end of a
    rollout; those in `progressing` or `degraded` say so of themselves whatever they do. `approves`: requests for the
    certificates of machines are approved, as a cluster with a Machine API does for those it knows."""

    slow_s: float = 0.0
    stuck: set[str] = field(default_factory=set)
    progressing: set[str] = field(default_factory=set)
    degraded: set[str] = field(default_factory=set)
    approves: bool = True


class AnyApi:
    """Some API server of the cluster, asked as one who may do everything."""

    def __init__(self, cluster: OpenShiftCluster) -> None:
        self._cluster = cluster
        own = cluster.signers.kubernetes.issue_client("system:admin", group=MASTERS)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.load_verify_locations(cadata=cluster.signers.kubernetes.certificate)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
            pair.write(f"{own.certificate}\n{own.key}\n")
            pair.flush()
            self._context.load_cert_chain(pair.name)

    def answering(self) -> Api:
        """AwayError when none answers with its etcd."""
        for host in self._cluster.hosts:
            api = Api(Access(host.address, API_PORT, self._context), _ASK_S)
            try:
                api.raw("/readyz")
            except OcError:
                continue
            return api
        raise AwayError("no API server answers")


def set_status(
    api: Api, kind: Kind, name: str, said: Iterable[Object] = (), namespace: str = "", **fields: object
) -> None:
    """Conditions by their types, those that say the same as before with the time that they had. Nothing is written
    when nothing changes."""
    value = api.get(kind, namespace, name)
    status = value.get("status") or {}
    known = {each["type"]: each for each in status.get("conditions", [])}
    for each in said:
        before = known.get(each["type"], {})
        since = before.get("lastTransitionTime") if before.get("status") == each["status"] else None
        known[each["type"]] = {**each, **({"lastTransitionTime": since} if since else {})}
    wanted = {**status, **fields, **({"conditions": list(known.values())} if known else {})}
    if wanted != status:
        api.patch(kind, namespace, name, {"status": wanted}, "status")


def set_operator(api: Api, name: str, knobs: Knobs, *, progressing: str = "", degraded: str = "") -> None:
    """The ClusterOperator's conditions; what is given is the reason why."""
    progresses, degrades = progressing or name in knobs.progressing, degraded or name in knobs.degraded
    said = [condition("Available", "True")]
    said.append(condition("Progressing", "True" if progresses else "False", message=progressing))
    said.append(condition("Degraded", "True" if degrades else "False", message=degraded))
    set_status(api, named("clusteroperator"), name, said)


def masters(api: Api) -> dict[str, bool]:
    """Names of control-plane nodes, and whether each is ready."""
    found = api.items(named("node"), labels="node-role.kubernetes.io/master")
    return {
        each["metadata"]["name"]: is_ready(each) for each in sorted(found, key=lambda each: each["metadata"]["name"])
    }


def is_ready(value: Object) -> bool:
    says = {each["type"]: each["status"] for each in (value.get("status") or {}).get("conditions", [])}
    return says.get("Ready") == "True"


def ensure(api: Api, kind: Kind, namespace: str, value: Object) -> None:
    """Made, unless it is there."""
    try:
        api.create(kind, namespace, {"apiVersion": kind.api_version, "kind": kind.name, **value})
    except RefusedError as error:
        if error.reason != "AlreadyExists":
            raise


def files_of(folder: Path, texts: dict[str, str]) -> dict[str, str]:
    """Written, by their names' beginnings."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: str(folder / name) for name in texts}
