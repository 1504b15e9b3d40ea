"""What is asked of a node before a restore, and what kubeadm's nodes most likely answer."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from holdfast import node
from holdfast.drivers.etcdctl import CONTAINER
from holdfast.drivers.timeouts import RESTORE_FACTS_S
from holdfast.models.command import Command
from holdfast.models.node import NodeSurvey
from holdfast.models.restore import PodFile, RestoreFacts

API, CONTROLLERS = "kube-apiserver", ("kube-controller-manager", "kube-scheduler")
# Where kubeadm has etcd's data. On a node without a member, what a restore brings is kept beside this path.
DATA_DIR = "/var/lib/etcd"
_MANIFESTS = "/etc/kubernetes/manifests"
_UNIT = "etcd"
# kubelet's own, which it renews by itself; without a valid one its node is never Ready.
_KUBELET = "/var/lib/kubelet/pki/kubelet-client-current.pem"
# Beside etcd's and the API server's flags: what kubeadm lays there (kubeadm: phases/certs).
_OF_ETCD = ("server.crt", "peer.crt", "healthcheck-client.crt")
_OF_API = ("apiserver.crt", "apiserver-etcd-client.crt", "apiserver-kubelet-client.crt", "front-proxy-client.crt")
_KUBECONFIGS = ("controller-manager.conf", "scheduler.conf")


def facts_command(survey: NodeSurvey) -> Command:
    etcd = survey.etcd
    values = {
        "manifests": survey.static_pod_path or "",
        "data_dir": etcd.host_data_dir if etcd else DATA_DIR,
        "etcd_image": etcd.image if etcd else "",
        "how": "host" if etcd and not etcd.container else "container",
        "etcd_name": CONTAINER,
        "certificates": "\n".join(certificates(survey)),
        "encryption_config": (survey.apiserver.encryption_config if survey.apiserver else None) or "",
    }
    return Command(node.change("facts"), values, timeout_s=RESTORE_FACTS_S)


def certificates(survey: NodeSurvey) -> tuple[str, ...]:
    return tuple(sorted(set(_certificates(survey))))


def _certificates(survey: NodeSurvey) -> Iterator[str]:
    """Not every *.crt of the folders: one that somebody left there years ago must not stop a restore."""
    if survey.etcd:
        yield from (survey.etcd.ca, survey.etcd.cert)
        yield from (_beside(survey.etcd.ca, name) for name in _OF_ETCD)
    if survey.apiserver:
        yield from (path for path in (survey.apiserver.ca, survey.apiserver.client_cert) if path)
        if survey.apiserver.ca:
            yield from (_beside(survey.apiserver.ca, name) for name in _OF_API)
        yield from survey.kubelet_files or (_KUBELET,)
        yield from (path for path in survey.bundle_paths if path.endswith(_KUBECONFIGS))


def _beside(path: str, name: str) -> str:
    return str(PurePosixPath(path).parent / name)


def assumed_facts(survey: NodeSurvey, etcd_version: str) -> RestoreFacts:
    """The files have kubeadm's names. The tool is taken for etcd's own, which is in the image of a static pod."""
    folder = survey.static_pod_path or _MANIFESTS
    in_pod = survey.etcd is not None and survey.etcd.container
    containers = ((CONTAINER,) if in_pod else ()) + ((API, *CONTROLLERS) if survey.apiserver else ())
    return RestoreFacts(
        pods=tuple(PodFile(container=name, path=f"{folder}/{name}.yaml") for name in containers),
        unit=_UNIT if survey.etcd and not in_pod else "",
        data_exists=survey.etcd is not None,
        data_free=survey.data_free,
        etcd_tool=etcd_version,
        tool_bumps=can_bump(etcd_version),
        kubelet=survey.static_pod_path is not None,
    )


def can_bump(version: str) -> bool:
    """--bump-revision is in the tools of etcd 3.4.27, 3.5.10, and of 3.6 and later."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    if not found:
        return False
    major, minor, patch = map(int, found.groups())
    least = {(3, 4): 27, (3, 5): 10}.get((major, minor))
    return patch >= least if least is not None else (major, minor) > (3, 5)
