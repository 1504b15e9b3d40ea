"""A real cluster, given from outside: HOLDFAST_E2E_KUBECONFIG and HOLDFAST_E2E_SSH_CONFIG.

The kubeconfig's user may do everything; the SSH configuration reaches every control-plane node under its Kubernetes
name, as a user with `sudo` that asks for no password. HOLDFAST_E2E_IMAGE names an image with sh, chroot and sleep that
the nodes can run.
"""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from builders.kubernetes_proof import pods_of_ours
from builders.waiting import wait_for
from holdfast.credentials.memory import MemoryCredentials
from holdfast.models.credentials import KubernetesAccess
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.exec import execute
from holdfast.transports.kubernetes.pods import EtcdPod, etcd_pods

VARIABLES = ("HOLDFAST_E2E_KUBECONFIG", "HOLDFAST_E2E_SSH_CONFIG")
ETCD_PKI = "/etc/kubernetes/pki/etcd"


@dataclass(frozen=True)
class RealCluster:
    kubeconfig: Path
    ssh_config: Path
    image: str

    @classmethod
    def from_environment(cls) -> "RealCluster":
        missing = [name for name in VARIABLES if not os.environ.get(name)]
        if missing:
            raise RuntimeError(f"these tests need a real cluster; not set: {', '.join(missing)} (tests/README.md)")
        image = os.environ.get("HOLDFAST_E2E_IMAGE", "docker.io/library/busybox:1.36")
        return cls(Path(os.environ[VARIABLES[0]]), Path(os.environ[VARIABLES[1]]), image)

    @cached_property
    def access(self) -> KubernetesAccess:
        return MemoryCredentials({"holdfast/e2e": self.kubeconfig.read_text()}).kubernetes("holdfast/e2e")

    @cached_property
    def pods(self) -> tuple[EtcdPod, ...]:
        with KubernetesApi(self.access) as api:
            return etcd_pods(api)

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(pod.node for pod in self.pods)

    def ssh(self, node: str, script: str) -> str:
        """What a script prints that root runs on a node."""
        command = ["ssh", "-F", str(self.ssh_config), node, "sudo -n sh -eu"]
        return subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=60).stdout

    def setting(self, host: str, name: str) -> str:
        """A setting of the SSH configuration, as ssh itself reads it."""
        command = ["ssh", "-F", str(self.ssh_config), "-G", host]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(rf"^{name} (.*)$", text, flags=re.MULTILINE)
        return found[1] if found else ""

    def host(self, host: str) -> dict[str, Any]:
        """A host of a cluster file, its keys pinned to what the known_hosts file of the configuration has."""
        name, port = self.setting(host, "hostname"), int(self.setting(host, "port"))
        known = Path(self.setting(host, "userknownhostsfile").split()[0]).expanduser()
        looked_up = name if port == 22 else f"[{name}]:{port}"
        command = ["ssh-keygen", "-l", "-F", looked_up, "-f", str(known)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        keys = sorted(set(re.findall(r"SHA256:[A-Za-z0-9+/]{43}", printed)))
        return {"host": name, "port": port, "host_keys": keys}

    def ssh_transport(self, credentials: str) -> dict[str, Any]:
        nodes = [{"name": node, **self.host(node)} for node in self.nodes]
        transport: dict[str, Any] = {"kind": "ssh", "nodes": nodes, "credentials": credentials}
        transport["user"] = self.setting(self.nodes[0], "user")
        jump = self.setting(self.nodes[0], "proxyjump")
        if jump and jump != "none":
            transport["jump"] = {**self.host(jump), "user": self.setting(jump, "user")}
        return transport

    def ssh_secret(self) -> str:
        key = Path(self.setting(self.nodes[0], "identityfile")).expanduser()
        return json.dumps({"private_key": key.read_text()})

    def etcd_secret(self) -> str:
        """The client certificate that kubeadm made for health checks."""
        names = {"ca": "ca.crt", "cert": "healthcheck-client.crt", "key": "healthcheck-client.key"}
        return json.dumps({field: self.ssh(self.nodes[0], f"cat {ETCD_PKI}/{name}") for field, name in names.items()})

    def live_hashes(self, revision: int) -> set[int]:
        """HashKV of every member at that revision, by the etcdctl in each member's own container."""
        with KubernetesApi(self.access) as api:
            return {_hash_kv(api, pod, revision) for pod in self.pods}

    def left_behind(self, node: str) -> str:
        """Files and processes of ours that are on the node, beside the small notes of finished steps."""
        return self.ssh(
            node,
            "find /var/lib/holdfast -type f -size +64k 2>/dev/null || true\n"
            "find /var/lib/holdfast \\( -name secrets -o -name private.pem \\) 2>/dev/null || true\n"
            "find /var/lib/etcd -maxdepth 1 -name 'holdfast*'\n"
            "grep -l holdfast-step /proc/[0-9]*/cmdline 2>/dev/null || true\n",
        )

    def pods_left(self) -> list[str]:
        with KubernetesApi(self.access) as api:
            return pods_of_ours(api)

    @contextlib.contextmanager
    def reach_back(self, port: int) -> Iterator[None]:
        """Let 127.0.0.1:`port` of every node come out here: the object store of the embedded stack is not theirs."""
        back = f"127.0.0.1:{port}:127.0.0.1:{port}"
        command = ["ssh", "-F", str(self.ssh_config), "-N", "-o", "ExitOnForwardFailure=yes", "-R", back]
        tunnels = [subprocess.Popen([*command, node], stdin=subprocess.DEVNULL) for node in self.nodes]
        try:
            for node in self.nodes:
                wait_for(partial(self._reaches, node, port), f"the tunnel from {node}", 30)
            yield
        finally:
            for tunnel in tunnels:
                tunnel.terminate()
            for tunnel in tunnels:
                tunnel.wait(timeout=10)

    def _reaches(self, node: str, port: int) -> bool | None:
        probe = f"curl -s -o /dev/null --max-time 3 http://127.0.0.1:{port}/ && echo yes || echo no"
        return self.ssh(node, probe).strip() == "yes" or None


def _hash_kv(api: KubernetesApi, pod: EtcdPod, revision: int) -> int:
    client = f"{ETCD_PKI}/healthcheck-client"
    tls = ("--cacert", f"{ETCD_PKI}/ca.crt", "--cert", f"{client}.crt", "--key", f"{client}.key")
    question = ("endpoint", "hashkv", "--rev", str(revision), "-w", "json")
    output = execute(api, pod.container, ("etcdctl", "--endpoints", pod.urls[0], *tls, *question), timeout_s=60)
    assert output.exit_code == 0, output.stderr
    return int(json.loads(output.stdout)[0]["HashKV"]["hash"])
