"""From the sections of node/openshift_survey.sh to a NodeSurvey."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from holdfast.drivers.etcdctl import OPENSHIFT
from holdfast.drivers.host_files import NodeFiles, read_disks, read_paths, told_node_name
from holdfast.facts.clock import clock_offset_s
from holdfast.facts.frames import pairs, sections
from holdfast.facts.kubelet import kubelet_version
from holdfast.facts.openshift_api import read_cluster, silence
from holdfast.facts.openshift_host import DATA_DIR, MANIFESTS, on_host, pod_of, read_etcd_env, read_host
from holdfast.facts.tools import tool_versions
from holdfast.facts.unreadable import checked
from holdfast.models.command import CommandResult
from holdfast.models.node import ApiServerLayout, EtcdLayout, NodeSurvey
from holdfast.models.openshift import OpenShiftView

FORMAT = "holdfast-openshift-survey-1"
_URL = re.compile(r"https://[A-Za-z0-9\[][A-Za-z0-9.:_\]-]{0,260}", re.ASCII)
_NODE_OF_PEER = re.compile(r"/etcd-peer-([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)\.crt")
_COMPONENT = re.compile(r"/(?:etcd|kube-apiserver|kube-controller-manager|kube-scheduler)-pod-\d+")
_ENCRYPTION = "/secrets/encryption-config/encryption-config"
_API_PORT = 6443


@dataclass(frozen=True)
class _Member:
    """`host` is the address as URLs have it, "" where etcd.env has none of this node."""

    name: str
    host: str

    def url(self, port: int) -> str:
        return f"https://{self.host}:{port}" if self.host else ""


def read_survey(node: str, result: CommandResult, *, asked_at: datetime, read_at: datetime) -> NodeSurvey:
    """PermanentError with the codes of facts/frames.py: sections."""
    what = f"{node}: survey"
    found = sections(what, FORMAT, result)
    about = pairs(found.get("about", ""))
    there = read_paths(found.get("paths", ""))
    disks = read_disks(what, found.get("disks", ""))
    environment = read_etcd_env(found.get("etcd-env", ""))
    name = _node_name(found, environment, about.get("hostname", ""))
    member = _member(environment, name)
    host = read_host(found)
    runs_etcd, runs_api = (f"{each}-pod.yaml" in host.manifests for each in ("etcd", "kube-apiserver"))
    problem = _problem(environment, member) if runs_etcd else ""
    data = disks.of(DATA_DIR)
    return checked(
        what,
        NodeSurvey,
        node=node,
        hostname=about.get("hostname", ""),
        node_name=name,
        boot_id=about.get("boot_id", ""),
        machine=about.get("machine", ""),
        clock_offset_s=clock_offset_s(what, about.get("now", ""), asked_at, read_at),
        tools=tool_versions(pairs(found.get("tools", ""))),
        work_free=disks.work.free,
        data_free=data.free,
        data_on_work_disk=(data.device, data.mount) == (disks.work.device, disks.work.mount),
        root=about.get("uid") == "0",
        topology=_topology(runs_etcd=runs_etcd, runs_api=runs_api),
        etcd=_layout(what, member, environment, host.etcd_image) if runs_etcd and not problem else None,
        etcd_problem=problem,
        apiserver=_apiserver(what, found, member, environment, there) if runs_api else None,
        static_pod_path=MANIFESTS if MANIFESTS in there.folders else None,
        kubernetes_version=kubelet_version(about.get("kubelet_version", "")),
        bundle_paths=tuple(sorted(path for path in there.folders if _COMPONENT.search(path))),
        key_services=tuple(sorted({line for line in found.get("key-service", "").splitlines() if line})),
        openshift=OpenShiftView(host=host, cluster=read_cluster(found), silence=silence(found)),
    )


def _node_name(found: Mapping[str, str], environment: Mapping[str, str], hostname: str) -> str:
    """By kubelet's certificate; else by etcd's, whose file is named after the node; else the host's own name."""
    peer = _NODE_OF_PEER.search(environment.get("ETCDCTL_CERT", ""))
    return told_node_name(found) or (peer[1] if peer else "") or hostname.lower()


def _member(environment: Mapping[str, str], node: str) -> _Member:
    """etcd.env has a set of variables for each control-plane node, named after it with - and . as _."""
    before = f"NODE_{node.replace('-', '_').replace('.', '_')}"
    address = environment.get(f"{before}_IP", "")
    host = environment.get(f"{before}_ETCD_URL_HOST", "") or (f"[{address}]" if ":" in address else address)
    member = _Member(name=environment.get(f"{before}_ETCD_NAME", "") or node, host=host)
    return member if _URL.fullmatch(member.url(2379)) else _Member(name=member.name, host="")


def _problem(environment: Mapping[str, str], member: _Member) -> str:
    if not environment:
        return "there is no etcd.env in static-pod-resources/etcd-certs/configmaps/etcd-scripts"
    missing = [name for name in ("ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY") if not environment.get(name)]
    if missing:
        return f"etcd.env names no {', '.join(missing)}"
    return "" if member.host else f"etcd.env has no address of {member.name}"


def _layout(what: str, member: _Member, environment: Mapping[str, str], image: str) -> EtcdLayout:
    """Files are the host's; etcdctl runs in the pod, whose own variables name them as the pod sees them."""
    return checked(
        f"{what}: etcd.env",
        EtcdLayout,
        name=member.name,
        data_dir=DATA_DIR,
        host_data_dir=DATA_DIR,
        client_urls=(member.url(2379),),
        peer_urls=(member.url(2380),),
        ca=on_host(environment["ETCDCTL_CACERT"]),
        cert=on_host(environment["ETCDCTL_CERT"]),
        key=on_host(environment["ETCDCTL_KEY"]),
        container=True,
        image=image,
        namespace=OPENSHIFT,
    )


def _apiserver(
    what: str, found: Mapping[str, str], member: _Member, environment: Mapping[str, str], there: NodeFiles
) -> ApiServerLayout:
    """Its flags are in a file of its resources, so what is known comes from where the vendor's scripts look. `oc` asks
    it with a kubeconfig of the host's: no certificate of a client is named here."""
    pod = pod_of(found, "kube-apiserver")
    keys = (path for path in there.files if path.endswith(_ENCRYPTION) and "/kube-apiserver-pod-" in path)
    return checked(
        f"{what}: the API server",
        ApiServerLayout,
        etcd_servers=tuple(url for url in environment.get("ALL_ETCD_ENDPOINTS", "").split(",") if url),
        url=member.url(_API_PORT),
        encryption_config=next(iter(sorted(keys)), None),
        version=pod.version if pod else "",
    )


def _topology(*, runs_etcd: bool, runs_api: bool) -> Literal["stacked", "external-etcd", "control-plane", "none"]:
    if runs_etcd:
        return "stacked" if runs_api else "external-etcd"
    return "control-plane" if runs_api else "none"
