"""One control-plane host of OpenShift that is a machine here."""

import contextlib
import shutil
from pathlib import Path
from typing import Any, Literal

import yaml

from holdfast.local.machines.kubeadm import program
from holdfast.local.machines.machine import Machine
from holdfast.local.machines.openshift.layout import (
    MANIFESTS,
    Release,
    Signers,
    etcd_scripts,
    kubelet_files,
    unrevisioned,
)
from holdfast.local.machines.openshift.pods import Host
from holdfast.local.machines.openshift.vendor import rendered, vendor_scripts
from holdfast.local.machines.waiting import wait_for

_MODULES = {"kubelet": "openshift.kubelet", "crictl": "openshift.crictl", "oc": "oc"}
_RUN = """#!/bin/sh
export PYTHONHOME=/opt/python PYTHONPATH=/opt/holdfast:/opt/lib LD_LIBRARY_PATH=/opt/python/lib
set -- -S -X pycache_prefix=/run/pycache -m holdfast.local.machines.{module} "$@"
exec $(echo /opt/python/bin/python3.[0-9]*[0-9]) "$@"
"""
# A host of OpenShift has none of these.
_HIDE = """#!/bin/sh
for each in etcd etcdctl etcdutl kubectl; do [ ! -e /usr/bin/$each ] || mount --bind /dev/null /usr/bin/$each; done
exec sleep infinity
"""


class OpenShiftMachine(Machine):
    """`hosts` are those of its cluster. One that has not `joined` is as it comes out of an installation: a kubelet that
    asks for a certificate, and nothing of the control plane yet."""

    def __init__(
        self,
        folder: Path,
        host: Host,
        hosts: tuple[Host, ...],
        release: Release,
        signers: Signers,
        public_key: str,
        *,
        joined: bool = True,
        api: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(folder, host.name, public_key, address=host.address, **options)
        self.host, self.hosts, self.release, self.signers = host, hosts, release, signers
        # Every machine shares one loopback, and a host means itself by this name.
        self.write("/etc/hosts", f"{host.address} localhost {host.name}\n")
        for inside in (MANIFESTS, "/etc/kubernetes/pods-of-the-api", "/home/core/assets"):
            self.path(inside).mkdir(parents=True)
        self.put(kubelet_files(signers, host, joined=joined))
        if joined:
            self.install_scripts()
            self.put(unrevisioned(signers, host))
        self._add_programs(api)

    def put(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            self.write(path, text, mode=0o644 if path.endswith((".crt", ".env", ".yaml")) else 0o600)

    def install_scripts(self) -> None:
        """As the pod's first container does on every revision."""
        self.put(etcd_scripts(self.release, self.host, self.hosts))
        for name, text in vendor_scripts(self.release.generation).items():
            self.write(f"/usr/local/bin/{name}", text, mode=0o755)

    def write_manifest(self, component: str, text: str) -> None:
        """At once, as an installer does: a kubelet never sees half of it."""
        aside = self.write(f"/etc/kubernetes/{component}.new", text, mode=0o600)
        aside.rename(self.path(f"{MANIFESTS}/{component}-pod.yaml"))

    def runs(self, container: str) -> bool:
        return bool(self.run("crictl", "ps", "--name", f"^{container}$", "-q").strip())

    def wait_until_runs(self, container: str, *, within_s: float = 20) -> None:
        wait_for(lambda: self.runs(container), f"{container} on {self.name}", within_s)

    def hold(self, container: str, *, on: bool = True) -> None:
        """While it is on, the runtime does not stop containers of that name."""
        self._knob(f"hold.{container}", on)

    def crash(self, container: str, *, on: bool = True) -> None:
        """While it is on, containers of that name end as soon as they start."""
        self._knob(f"crash.{container}", on)

    def break_crictl(self, how: Literal["silent", "down", ""]) -> None:
        self.write("/run/crictl.fault", how)

    def break_registry(self, how: Literal["away", "proxy", ""]) -> None:
        """ "away": no image can be pulled; "proxy": only where HTTPS_PROXY is set."""
        self.write("/run/podman.fault", how)

    def _knob(self, name: str, on: bool) -> None:
        path = self.path(f"/run/kubelet/{name}")
        if on:
            self.write(f"/run/kubelet/{name}", "")
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def _add_programs(self, api: bool) -> None:
        for name, module in _MODULES.items():
            self.write(f"/usr/local/bin/{name}", _RUN.format(module=module), mode=0o755)
        self.write("/usr/local/bin/systemctl", program("systemctl"), mode=0o755)
        podman = f"#!/bin/sh\n{rendered('podman.sh', self.release.generation)}"
        self.write("/usr/local/bin/podman", podman, mode=0o755)
        self.write("/var/lib/images", "".join(f"{each}\n" for each in self.release.images))
        shutil.copytree(Path(yaml.__file__).parent, self.path("/opt/lib/yaml"), ignore=shutil.ignore_patterns("*.so"))
        servers = ",".join(dict.fromkeys([self.host.address, *(each.address for each in self.hosts)]))
        kubelet = f"/usr/local/bin/kubelet --node-ip={self.address} --api-servers={servers}{'' if api else ' --no-api'}"
        self.write("/etc/boot.d/kubelet", f"#!/bin/sh\nexec {kubelet}\n", mode=0o755)
        self.write("/etc/boot.d/hidden", _HIDE, mode=0o755)
