"""From the sections of node/survey.sh to a NodeSurvey."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

from holdfast.drivers.host_files import NodeFiles, read_disks, read_paths, told_node_name
from holdfast.drivers.kubeadm.member import FoundMember, find_member
from holdfast.drivers.kubeadm.processes import read_processes
from holdfast.errors import PermanentError
from holdfast.facts.clock import clock_offset_s
from holdfast.facts.frames import pairs, sections
from holdfast.facts.kubeadm_config import read_certificates_dir
from holdfast.facts.kubelet import kubelet_version, static_pod_path
from holdfast.facts.process import flags
from holdfast.facts.static_pod import StaticPod, read_static_pod
from holdfast.facts.tools import tool_versions
from holdfast.facts.unreadable import checked, unreadable
from holdfast.models.command import CommandResult
from holdfast.models.node import ApiServerLayout, NodeSurvey

FORMAT = "holdfast-survey-1"
_MANIFEST = "manifest "
# kubeadm's own default; another one is in its ConfigMap.
_CERTIFICATES = "/etc/kubernetes/pki"
_KUBEADM_FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
# Flags of the API server that name what it writes, not what it needs.
_WRITTEN = {"audit-log-path", "log-file", "log-dir"}


def read_survey(node: str, result: CommandResult, *, asked_at: datetime, read_at: datetime) -> NodeSurvey:
    """PermanentError with the codes of facts/frames.py: sections."""
    found = sections(f"{node}: survey", FORMAT, result)
    about = pairs(found.get("about", ""))
    there = read_paths(found.get("paths", ""))
    disks = read_disks(f"{node}: survey", found.get("disks", ""))
    apiserver = next(iter(_pods(found, "kube-apiserver")), None)
    etcd_pods = _pods(found, "etcd")
    processes = read_processes(node, found)
    member = find_member(node, etcd_pods, processes, apiserver, there)
    if member == FoundMember() and any(process.pod for process in processes):
        member = FoundMember(problem=_skipped(found))
    certificates = read_certificates_dir(f"{node}: the ConfigMap kubeadm-config", found.get("kubeadm-config", ""))
    layout = api_layout(node, apiserver) if apiserver else None
    data = disks.of(member.layout.host_data_dir) if member.layout else disks.work
    static_pods = _static_pods(node, about, found)
    kubelet_files = tuple(path for path in found.get("kubelet-client", "").splitlines() if path.startswith("/"))
    return checked(
        f"{node}: survey",
        NodeSurvey,
        node=node,
        hostname=about.get("hostname", ""),
        node_name=told_node_name(found),
        boot_id=about.get("boot_id", ""),
        machine=about.get("machine", ""),
        clock_offset_s=clock_offset_s(f"{node}: survey", about.get("now", ""), asked_at, read_at),
        tools=tool_versions(pairs(found.get("tools", ""))),
        work_free=disks.work.free,
        data_free=data.free,
        data_on_work_disk=(data.device, data.mount) == (disks.work.device, disks.work.mount),
        root=about.get("uid") == "0",
        topology=_topology(has_member=bool(member.layout or member.problem), has_apiserver=apiserver is not None),
        etcd=member.layout,
        etcd_problem=member.problem,
        apiserver=layout,
        static_pod_path=static_pods if static_pods in there.folders else None,
        kubernetes_version=(apiserver.version if apiserver else "")
        or kubelet_version(about.get("kubelet_version", "")),
        bundle_paths=there.existing((*_bundle(about, certificates, apiserver, member, there), *kubelet_files)),
        missing=tuple(sorted({*_missing(layout, there), *(path for path in kubelet_files if path not in there.files)})),
        key_services=tuple(sorted({line for line in found.get("key-service", "").splitlines() if line})),
        kubelet_files=kubelet_files,
    )


def _static_pods(node: str, about: Mapping[str, str], found: Mapping[str, str]) -> str:
    """The folder whose manifests the node has printed. Its shell finds it with sed; YAML can say more than sed reads.

    Not compared when there are further files (--config-dir), of which the last one counts.
    """
    printed = about.get("static_pod_path", "")
    given = flags(found.get("kubelet", "").splitlines())
    told = static_pod_path(given, f"{node}: kubelet's configuration", found.get("kubelet-config", ""))
    if told and told.rstrip("/") != printed and "config-dir" not in given:
        raise unreadable(f"{node}: survey", "kubelet's configuration names another folder of static pods than was read")
    return printed


def _pods(found: Mapping[str, str], container: str) -> tuple[StaticPod, ...]:
    """Every manifest with that container. Kubelet skips a file that is no pod, so one among several is not the end."""
    pods: list[StaticPod] = []
    for name, text in found.items():
        if not name.startswith(_MANIFEST):
            continue
        try:
            pod = read_static_pod(name.removeprefix(_MANIFEST), text, container)
        except PermanentError:
            continue
        pods += [pod] if pod else []
    return tuple(pods)


def _skipped(found: Mapping[str, str]) -> str:
    """Why a pod's etcd may be this node's member all the same; a worker's pod that runs one for itself is none."""
    for name, text in found.items():
        if name.startswith(_MANIFEST):
            try:
                read_static_pod(name, text, "etcd")
            except PermanentError:
                return f"etcd runs in a pod, and {name} cannot be read"
    return ""


def api_layout(node: str, apiserver: StaticPod) -> ApiServerLayout:
    """A file that the container does not see keeps the name that the flag gives it: it will be missing on the host."""
    named = flags(apiserver.arguments)

    def on_host(flag: str) -> str | None:
        path = named.get(flag)
        return (apiserver.on_node(path) or path) if path else None

    return checked(
        f"{node}: the API server's flags",
        ApiServerLayout,
        etcd_servers=tuple(url for url in named.get("etcd-servers", "").split(",") if url),
        url=_api_url(named),
        ca=on_host("client-ca-file"),
        client_cert=on_host("kubelet-client-certificate"),
        client_key=on_host("kubelet-client-key"),
        encryption_config=on_host("encryption-provider-config") or on_host("experimental-encryption-provider-config"),
        audit_policy=on_host("audit-policy-file"),
        version=apiserver.version,
    )


def _api_url(named: Mapping[str, str]) -> str:
    """By the address that it tells the others; "" where no flag has one that can be read. 6443 is its own default."""
    address, port = named.get("advertise-address", ""), named.get("secure-port", "6443")
    if not re.fullmatch(r"[0-9a-fA-F.:]{2,45}", address) or not re.fullmatch(r"[0-9]{1,5}", port):
        return ""
    return f"https://[{address}]:{port}" if ":" in address else f"https://{address}:{port}"


def _missing(layout: ApiServerLayout | None, there: NodeFiles) -> Iterator[str]:
    for path in (layout.encryption_config, layout.audit_policy) if layout else ():
        if path and path not in there.files:
            yield path


def _topology(*, has_member: bool, has_apiserver: bool) -> Literal["stacked", "external-etcd", "control-plane", "none"]:
    if has_member:
        return "stacked" if has_apiserver else "external-etcd"
    return "control-plane" if has_apiserver else "none"


def _bundle(
    about: Mapping[str, str],
    certificates_dir: str,
    apiserver: StaticPod | None,
    member: FoundMember,
    there: NodeFiles,
) -> Iterator[str]:
    """What a restore needs beside the database, wherever this node has it; what is not there is left out later."""
    for folder in {_CERTIFICATES, certificates_dir}:
        if folder.count("/") < 2:
            continue
        yield folder
        beside = PurePosixPath(folder).parent
        yield from (path for path in there.files if path.endswith(".conf") and PurePosixPath(path).parent == beside)
    if apiserver or member.layout:
        yield about.get("static_pod_path", "")
    if apiserver:
        for flag, value in flags(apiserver.arguments).items():
            if value.startswith("/") and flag not in _WRITTEN and (apiserver.on_node(value) or "") in there.files:
                yield apiserver.on_node(value) or ""
    yield from member.files
    yield about.get("kubelet_config", "")
    yield _KUBEADM_FLAGS
