"""Where a node's etcd member is and how to ask it, from its manifest, its process, and what files there are.

The manifest is found by what is in it. What the process runs with counts where the two differ in more than what
kubelet fills in, as that is the member that would be asked.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from holdfast.drivers.host_files import NodeFiles
from holdfast.drivers.kubeadm.processes import EtcdProcess
from holdfast.facts.process import etcd_settings
from holdfast.facts.static_pod import StaticPod
from holdfast.facts.unreadable import checked
from holdfast.models.node import EtcdLayout

_CLIENT_URL = re.compile(r"https://[A-Za-z0-9\[][A-Za-z0-9.:_\]-]{0,260}/?", re.ASCII)
_PEER_URL = re.compile(r"https?://[A-Za-z0-9\[][A-Za-z0-9.:_\]-]{0,260}/?", re.ASCII)
# What etcd advertises when nothing is set.
_DEFAULT_URL = "http://localhost:2379"


@dataclass(frozen=True)
class FoundMember:
    """`layout` is None when there is no member, and with a `problem` when there is one that cannot be asked.

    `files` are the host's paths of what it is configured with.
    """

    layout: EtcdLayout | None = None
    problem: str = ""
    files: tuple[str, ...] = ()


def find_member(
    where: str,
    pods: tuple[StaticPod, ...],
    processes: tuple[EtcdProcess, ...],
    apiserver: StaticPod | None,
    there: NodeFiles,
) -> FoundMember:
    """PermanentError `node_output_unreadable` for values that are no paths or names at all."""
    in_pods = [each for each in processes if each.pod]
    on_host = [each for each in processes if not each.pod and not each.container]
    if pods:
        return _in_pod(where, pods, in_pods, apiserver, there)
    if len(on_host) > 1:
        return FoundMember(
            problem=f"{len(on_host)} etcd processes run here, and nothing says which one is the cluster's"
        )
    if on_host:
        process = on_host[0]
        return _Reader(where, process.settings, process.data_dir, lambda path: path, apiserver, there).member()
    if any(each.container and not each.pod for each in processes):
        return FoundMember(problem="etcd runs in a container that is no static pod, whose files cannot be told")
    return FoundMember()


def _in_pod(
    where: str,
    pods: tuple[StaticPod, ...],
    processes: list[EtcdProcess],
    apiserver: StaticPod | None,
    there: NodeFiles,
) -> FoundMember:
    """A pod that runs etcd for itself alone (a virtual cluster's) is told by its data directory."""
    for pod in pods:
        written = etcd_settings(pod.arguments, {})
        for process in processes:
            if _same(written, process.settings):
                return _Reader(where, process.settings, process.data_dir, pod.on_node, apiserver, there).member(pod)
    pod = pods[0]
    written = etcd_settings(pod.arguments, {})
    if len(processes) == 1 and len(pods) == 1 and written.get("name") == processes[0].settings.get("name"):
        return FoundMember(
            problem=f"the etcd that runs has its data in {processes[0].data_dir}, and {pod.manifest} says "
            f"{written.get('data-dir', 'nothing')}: kubelet did not take the file over"
        )
    data_dir = written.get("data-dir", f"/{written.get('name', 'default')}.etcd")
    return _Reader(where, written, data_dir, pod.on_node, apiserver, there).member(pod)


def _same(written: Mapping[str, str], running: Mapping[str, str]) -> bool:
    return all("$(" in written.get(name, "") or written.get(name) == running.get(name) for name in ("name", "data-dir"))


@dataclass(frozen=True)
class _Reader:
    """`on_node` maps a path that etcd sees to the host's, None when the host has no such file."""

    where: str
    settings: Mapping[str, str]
    data_dir: str
    on_node: Callable[[str], str | None]
    apiserver: StaticPod | None
    there: NodeFiles

    def member(self, pod: StaticPod | None = None) -> FoundMember:
        files = self._files()
        told = self.settings.get("advertise-client-urls", _DEFAULT_URL)
        urls = tuple(url for url in told.split(",") if _CLIENT_URL.fullmatch(url))
        host_data = self.on_node(self.data_dir)
        ca, pair = self._authority(), self._client_pair()
        if not urls:
            return FoundMember(problem=f"it offers its clients no https URL ({told[:200]})", files=files)
        if host_data is None:
            return FoundMember(problem=f"its data directory {self.data_dir[:200]} is not on the host", files=files)
        if not ca or not pair:
            lacks = "certificate of a client" if ca else "authority (--trusted-ca-file)"
            return FoundMember(problem=f"there is no {lacks} that it can be asked with", files=files)
        layout = checked(
            f"{self.where}: etcd's flags",
            EtcdLayout,
            name=self.settings.get("name", "default"),
            data_dir=self.data_dir,
            host_data_dir=host_data,
            client_urls=urls,
            ca=ca,
            cert=pair[0],
            key=pair[1],
            container=pod is not None,
            image=pod.image if pod else "",
            peer_urls=self._peer_urls(),
        )
        return FoundMember(layout=layout, files=files)

    def _peer_urls(self) -> tuple[str, ...]:
        """Without the flag etcd would tell the others to look at localhost: then nothing is known."""
        told = self.settings.get("initial-advertise-peer-urls", "")
        return tuple(url for url in told.split(",") if _PEER_URL.fullmatch(url))

    def _exists(self, path: str) -> bool:
        return bool(path) and self.on_node(path) in self.there.files

    def _authority(self) -> str:
        """--trusted-ca-file is for etcd's clients; whoever signs them signs the server too, in every known set-up."""
        named = (self.settings.get("trusted-ca-file", ""), self._of_apiserver("etcd-cafile"))
        return next((path for path in named if self._exists(path)), "")

    def _client_pair(self) -> tuple[str, str] | None:
        """kubeadm's own for probes, then the API server's, then the member's own certificates, which etcd itself uses
        as a client: the peer's where both sides have one authority."""
        server = self.settings.get("cert-file", "")
        beside = str(PurePosixPath(server).parent / "healthcheck-client")
        pairs = [
            (f"{beside}.crt", f"{beside}.key"),
            (self._of_apiserver("etcd-certfile"), self._of_apiserver("etcd-keyfile")),
        ]
        if self.settings.get("peer-trusted-ca-file") == self.settings.get("trusted-ca-file"):
            pairs.append((self.settings.get("peer-cert-file", ""), self.settings.get("peer-key-file", "")))
        pairs.append((server, self.settings.get("key-file", "")))
        return next(((cert, key) for cert, key in pairs if self._exists(cert) and self._exists(key)), None)

    def _of_apiserver(self, flag: str) -> str:
        """A file of the API server's flags, under the path that etcd sees it at: certificates have one path in both."""
        return etcd_settings(self.apiserver.arguments, {}).get(flag, "") if self.apiserver else ""

    def _files(self) -> tuple[str, ...]:
        kinds = ("cert-file", "key-file", "trusted-ca-file")
        named = [self.settings.get(f"{side}{kind}", "") for side in ("", "peer-") for kind in kinds]
        pair = self._client_pair() or ()
        return tuple(host for path in (*named, *pair) if path and (host := self.on_node(path)))
