"""A control-plane host of OpenShift for the scripts of a restore: its folders, the vendor's scripts as stand-ins, a
crictl that shows what has a manifest, and an `oc` that answers from files.

What those files say is the test's. A patch that is asked for takes effect when the API is up.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders.restore_node import RestoreProgram, variables
from builders.shell import Ended, Shell, toolbox
from holdfast.models.restore_reports import REPORTS

RUN = "prod-20261120T154300Z-1a2b3c"
NAME = "master-1.prod.example"
STAMP = "2026-11-20_154300"
SNAPSHOT, BUNDLE = f"snapshot_{STAMP}.db", f"static_kuberesources_{STAMP}.tar.gz"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
REFUSED = "The connection to the server localhost:6443 was refused - did you specify the right host or port?"

# "stuck" names containers that do not end; "silent" is there when the runtime does not answer.
_CRICTL = """
[ ! -e {folder}/silent ] || {{ echo "crictl: deadline exceeded" >&2; exit 1; }}
shows() {{ [ ! -f {folder}/manifests/$1-pod.yaml ] && [ ! -f {folder}/stuck/$2 ] || echo "0123456789ab$2"; }}
case "$*" in
"ps -q") echo 0123456789ab ;;
"ps --label io.kubernetes.container.name=etcd"*" -q")
	name=${{3#*=}}
	shows etcd "$name"
	;;
"ps --label io.kubernetes.container.name="*" -q") name=${{3#*=}} && shows "$name" "$name" ;;
"ps --name ^etcd\\$ "*) shows etcd etcd ;;
"pods -q --state ready --namespace openshift-etcd --name ^etcd-{name}\\$") cat {folder}/sandboxes 2>/dev/null ;;
"exec 0123456789abetcd etcdctl version") echo "etcdctl version: 3.5.18" ;;
"exec 0123456789abetcd env ETCDCTL_ENDPOINTS="*" etcdctl "*) shift 5; exec sh {folder}/etcdctl "$@" ;;
*) echo "crictl: $*" >&2; exit 2 ;;
esac
exit 0
"""
_OC = """
state={folder}/api
[ ! -e $state/down ] || {{ echo "{refused}" >&2; exit 1; }}
answer() {{ [ -f "$state/$1" ] || {{ echo "Error from server (NotFound): $1" >&2; exit 1; }}; cat "$state/$1"; }}
echo "$*" >>$state/asked
case "$*" in
"adm wait-for-stable-cluster --help") [ ! -f $state/can-wait ] || echo "--minimum-stable-period=5m0s"; exit 0 ;;
*"adm wait-for-stable-cluster "*) sh $state/can-wait ;;
*"get --raw /readyz") answer readyz ;;
*"get pods -n openshift-etcd"*) answer pods ;;
*"get pods -A "*) answer all-pods ;;
*"get nodes "*) answer nodes ;;
*"get clusteroperators "*) answer operators ;;
*"get proxy cluster "*) case "$*" in *.httpsProxy*) cat $state/proxy 2>/dev/null ;; esac; exit 0 ;;
*"patch "*) printf '%s\\n' "$*" >>$state/patches; sh $state/on-patch "$@" || exit; echo patched ;;
*"get etcd cluster -o jsonpath={{.spec.unsupportedConfigOverrides.useUnsup"*) cat $state/override 2>/dev/null; exit 0 ;;
*"get etcd cluster -o jsonpath={{.spec.unsupportedConfigOverrides}}") answer overrides ;;
*"NodeInstallerProgressing"*.reason*) shift 4; answer $1.reason ;;
*"NodeInstallerProgressing"*.message*) shift 4; answer $1.message ;;
*) echo "oc: $*" >&2; exit 2 ;;
esac
"""


def archive(*, without: str = "") -> bytes:
    """The vendor's: four components with their pods' manifests, below static-pod-resources."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as made:
        for number, component in enumerate((each for each in COMPONENTS if each != without), start=5):
            for name in (f"{component}-pod.yaml", "configmaps/config/config.yaml"):
                entry = tarfile.TarInfo(f"static-pod-resources/{component}-pod-{number}/{name}")
                text = f"kind: Pod # {component}\n".encode()
                entry.size = len(text)
                made.addfile(entry, io.BytesIO(text))
    return body.getvalue()


def snapshot() -> bytes:
    """Not a database, and with a sound hash at its end."""
    body = b"snapshot".ljust(1024, b"\0")
    return body + hashlib.sha256(body).digest()


@dataclass
class OpenShiftNode:
    """`run("stop_pod")` runs a script of openshift/ with the usual variables; keywords replace single ones."""

    folder: Path
    shell: Shell
    stubs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in ("manifests", "stuck", "api", "vendor"):
            (self.folder / each).mkdir(parents=True)
        for component in COMPONENTS:
            (self.manifest(component)).write_text(f"kind: Pod # {component}\n")
        (self.folder / "api/on-patch").write_text("exit 0\n")
        for part in ("snap", "wal"):
            (self.data / "member" / part).mkdir(parents=True)
        (self.data / "member/snap/db").write_text("old")
        for script in ("cluster-restore.sh", "disable-etcd.sh", "quorum-restore.sh"):
            self.has_script(script, "exit 0")

    @property
    def data(self) -> Path:
        return self.folder / "etcd"

    @property
    def parked(self) -> Path:
        return self.folder / "etcd-backup"

    @property
    def keep(self) -> Path:
        return self.folder / "old" / RUN

    @property
    def stage(self) -> Path:
        return self.folder / "stage"

    @property
    def aside(self) -> Path:
        return self.folder / f"holdfast-{RUN}"

    @property
    def stopped(self) -> Path:
        return self.folder / "manifests-stopped"

    def manifest(self, component: str = "etcd") -> Path:
        return self.folder / "manifests" / f"{component}-pod.yaml"

    def has_script(self, name: str, text: str) -> None:
        path = self.folder / "vendor" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def has_pair(self) -> dict[str, str]:
        """The values of cluster_restore for a pair that was fetched."""
        self.stage.mkdir(exist_ok=True)
        (self.stage / SNAPSHOT).write_bytes(snapshot())
        (self.stage / BUNDLE).write_bytes(archive())
        return {"sha256": hashlib.sha256(snapshot()[:-32]).hexdigest()}

    def says(self, name: str, text: str) -> None:
        """What `oc` answers; see the stand-in above for the names."""
        (self.folder / "api" / name).write_text(text)

    def patches(self) -> list[dict[str, Any]]:
        path = self.folder / "api/patches"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line[line.index("{") :]) for line in lines]

    def values(self, script: str, **changes: str) -> dict[str, str]:
        usual = {
            "data_dir": str(self.data),
            "backup_dir": str(self.parked),
            "stopped_dir": str(self.stopped),
            "keep": str(self.keep),
            "aside": str(self.aside),
            "stage": str(self.stage),
            "snapshot": SNAPSHOT,
            "bundle": BUNDLE,
            "sha256": "0" * 64,
            "bundle_sha256": "0" * 64,
            "raw_size": str(len(snapshot())),
            "compression": "zstd",
            "scripts": "cluster-restore.sh",
            "components": "etcd",
            "node_name": NAME,
            "node_names": NAME,
            "limit_s": "1",
            "success": "starting restore-etcd static pod",
            "how": "openshift",
            "etcd_name": "etcd",
            "endpoint": "https://10.0.0.1:2379",
            "ca": "",
            "cert": "",
            "key_file": "",
            "pod_namespace": "openshift-etcd",
            "revision": "0",
            "old_cluster": "",
            "alone": "",
            "stable_s": "2",
            "kind": "etcd",
            "reason": f"recovery-{RUN}",
        }
        others = {name: value for name, value in changes.items() if name not in usual}
        return {name: (usual | changes)[name] for name in variables(script)[0]} | others

    def program(self, name: str, secrets: Mapping[str, str] | None = None, /, **changes: str) -> RestoreProgram:
        script = f"openshift/{name}"
        place = self.folder / f"bin.{len(list(self.folder.glob('bin.*')))}"
        stubs = {
            "crictl": _CRICTL.format(folder=self.folder, name=NAME),
            "oc": _OC.format(folder=self.folder, refused=REFUSED),
            "timeout": 'exec /usr/bin/timeout "$@"',
            "id": "echo 0",
            **self.stubs,
        }
        values = {
            "manifests": str(self.folder / "manifests"),
            "vendor_bin": str(self.folder / "vendor"),
            "proxy_file": str(self.folder / "proxy.env"),
            "every_s": "1",
            **self.values(script, **changes),
        }
        path = toolbox(place, self.shell, stubs=stubs)
        return RestoreProgram(script, self.folder / f"step.{place.name}", self.shell, path, values, secrets or {})

    def run(self, name: str, secrets: Mapping[str, str] | None = None, /, **changes: str) -> Ended:
        return self.program(name, secrets, **changes).run()

    def done(self, name: str, secrets: Mapping[str, str] | None = None, /, **changes: str) -> dict[str, Any]:
        """Its report, which is of its form."""
        ended = self.run(name, secrets, **changes)
        assert ended.exit_code == 0, ended
        REPORTS[f"openshift/{name}"].model_validate(ended.report)
        return ended.report
