"""What lies on a control-plane host of OpenShift, from the sections of node/openshift_survey.sh."""

import json
import re
from collections.abc import Mapping

from holdfast.errors import PermanentError
from holdfast.facts.static_pod import StaticPod, read_static_pod
from holdfast.models.openshift import Generation, OpenShiftHost

MANIFESTS = "/etc/kubernetes/manifests"
RESOURCES = "/etc/kubernetes/static-pod-resources"
DATA_DIR = "/var/lib/etcd"
# Where etcd's certificates and scripts are: in the pod, and on the host.
_IN_POD, _ON_HOST = "/etc/kubernetes/static-pod-certs/", f"{RESOURCES}/etcd-certs/"
_VARIABLE = re.compile(r'(?:export )?([A-Za-z_][A-Za-z0-9_]{0,200})=(?:"([^"]*)"|(\S*))')
_LARGEST_INDEX = (1 << 63) - 1


def read_host(found: Mapping[str, str]) -> OpenShiftHost:
    marks = _marks(found)
    etcd, apiserver = pod_of(found, "etcd"), pod_of(found, "kube-apiserver")
    return OpenShiftHost(
        generation=generation_by(marks),
        scripts=tuple(sorted(each.removeprefix("script=") for each in marks if each.startswith("script="))),
        can_force="mark=force" in marks,
        has_oc="mark=oc" in marks,
        etcd_image=etcd.image if etcd else read_etcd_env(found.get("etcd-env", "")).get("ETCD_IMAGE", ""),
        apiserver_image=apiserver.image if apiserver else "",
        data_entries=tuple(found.get("data", "").splitlines()),
        saved_before="member" in found.get("saved", "").splitlines(),
        raft_index=raft_index(found.get("revision", "")),
        manifests=tuple(sorted(found.get("manifests", "").splitlines())),
    )


def _marks(found: Mapping[str, str]) -> frozenset[str]:
    return frozenset(found.get("scripts", "").splitlines())


def generation_by(marks: frozenset[str]) -> Generation | None:
    """By what each generation was the first to have (source: cluster-etcd-operator, bindata/etcd). 4.18 brings
    disable-etcd.sh; 4.11 etcdutl, and waits for etcd-readyz; 4.9 looks for certificates on the host; 4.6 has --force.
    The script's own words change less than they might: what a host has is compared with its release in the findings."""
    if "script=cluster-backup.sh" not in marks:
        return None
    if "script=disable-etcd.sh" in marks:
        return "4.18"
    if "mark=etcdutl" in marks:
        return "4.11"
    if "mark=fallback" in marks:
        return "4.9"
    return "4.6" if "mark=force" in marks else "4.4"


def read_etcd_env(text: str) -> dict[str, str]:
    """etcd.env: shell assignments, one a line, exported or not, quoted or not. Others are left out."""
    lines = (_VARIABLE.fullmatch(line.strip()) for line in text.splitlines())
    return {line[1]: line[2] if line[2] is not None else line[3] for line in lines if line}


def on_host(path: str) -> str:
    """Where the host has a file that etcd.env names as the pod sees it; one that is the host's own stays [inf]."""
    return _ON_HOST + path.removeprefix(_IN_POD) if path.startswith(_IN_POD) else path


def raft_index(text: str) -> int:
    """maxRaftIndex of revision.json, 0 where there is none: the file is written every ten seconds, from 4.18 on."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return 0
    index = told.get("maxRaftIndex") if isinstance(told, dict) else None
    return index if isinstance(index, int) and not isinstance(index, bool) and 0 < index <= _LARGEST_INDEX else 0


def pod_of(found: Mapping[str, str], component: str) -> StaticPod | None:
    """The component's container in its live manifest; None without one, and for a text that is no manifest."""
    path = f"{MANIFESTS}/{component}-pod.yaml"
    text = found.get(f"manifest {path}", "")
    try:
        return read_static_pod(path, text, component) if text else None
    except PermanentError:
        return None
