"""A host of OpenShift for its backup's scripts: cluster-backup.sh, oc and crictl as far as they are asked.

The script is a small stand-in, in our words, for what the vendor's does: its arguments, the names of its files, its
success line, and that it leaves its files behind when it gives up by itself.
"""

import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builders.node_snapshot import WaitingUpload, presigned
from builders.real_etcd import RealEtcd
from builders.shell import NodeProgram, Shell, toolbox
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.pki import issue_ca

PART_BYTES = 8 * 1024 * 1024
STAMP = "2026-11-20_154300"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
ENCRYPTION = (
    '{"kind":"EncryptionConfiguration","resources":[{"resources":["secrets"],"providers":[{"aescbc":{"keys":'
    '[{"name":"7","secret":"c2VjcmV0IGlzIHNlY3VyZQ=="}]}},{"identity":{}}]}]}'
)

# What the pod's variables say, which our call overrides by name.
CRICTL = """
case "$1 $2 $3 $4 $5" in
"ps --name ^etcd\\$ --label io.kubernetes.pod.namespace=openshift-etcd") echo 0123456789abc ;;
"exec 0123456789abc etcdctl "*) shift 3 && exec {etcdctl} "$@" ;;
"exec 0123456789abc env ETCDCTL_ENDPOINTS="*) shift 3; all=$1; shift 2; exec env "$all" {etcdctl} "$@" ;;
*) echo "crictl: $*" >&2 && exit 2 ;;
esac
"""

SCRIPT = """#!/bin/sh
### stand-in for cluster-backup.sh [{flag}] <path>
dirty=""
{parse}
mkdir -p "$1" && cd "$1" || exit 1
{before}
snapshot=snapshot_{stamp}$dirty.db archive=static_kuberesources_{stamp}$dirty.tar.gz
trap 'rm -f "$snapshot" "$archive"' TERM
for each in etcd kube-apiserver kube-controller-manager kube-scheduler; do
	echo "found latest $each: /etc/kubernetes/static-pod-resources/$each-pod-6"
done
cp {archive} "$archive" && chmod 600 "$archive"
{middle}
ETCDCTL_API=3 {etcdctl} --endpoints {endpoint} snapshot save "$PWD/$snapshot" || exit 1
{after}
echo "snapshot db and kube resources are successfully saved to $1"
"""
FORCED = 'if [ "$1" = --force ]; then dirty=__POSSIBLY_DIRTY__; shift; fi'
OC = "printf '%s\\n' '{http}' '{https}' '{no}'"


def static_resources(components: Iterable[str] = COMPONENTS, *, encryption: str = "") -> bytes:
    """The archive of these components at revision 6, with a pod, a certificate and its key for each."""
    served = issue_ca("kube-apiserver-service-network-signer").issue_member("kubernetes.default.svc")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:

        def add(name: str, content: str) -> None:
            info = tarfile.TarInfo(f"static-pod-resources/{name}")
            data = content.encode()
            info.size, info.mode = len(data), 0o600
            archive.addfile(info, io.BytesIO(data))

        for component in components:
            add(f"{component}-pod-6/{component}-pod.yaml", "kind: Pod\n")
            add(f"{component}-pod-6/secrets/serving/tls.crt", served.certificate)
            add(f"{component}-pod-6/secrets/serving/tls.key", served.key)
        if encryption:
            add("kube-apiserver-pod-6/secrets/encryption-config/encryption-config", encryption)
    return buffer.getvalue()


@dataclass
class VendorHost:
    """`before`, `middle` and `after` are lines of sh in the script: at its begin, between archive and snapshot, and
    before its success line. `knows_force` is a script of 4.6 or later."""

    folder: Path
    etcd: RealEtcd
    shell: Shell = "dash"
    before: str = ""
    middle: str = ""
    after: str = ""
    knows_force: bool = True
    archive: bytes = field(default_factory=static_resources)
    oc: str = OC.format(http="", https="", no="")
    script: str = ""

    @property
    def steps(self) -> Path:
        return self.folder / "steps"

    def written(self) -> Path:
        """cluster-backup.sh as a file."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "resources.tar.gz").write_bytes(self.archive)
        path = self.folder / "cluster-backup.sh"
        text = self.script or SCRIPT.format(
            flag="--force" if self.knows_force else "",
            parse=FORCED if self.knows_force else "",
            before=self.before,
            middle=self.middle,
            after=self.after,
            stamp=STAMP,
            archive=self.folder / "resources.tar.gz",
            etcdctl=etcd_binary("etcdctl"),
            endpoint=self.etcd.client_url,
        )
        path.write_text(text)
        path.chmod(0o755)
        return path

    def backup(self, upload: WaitingUpload, *, step: str = "step.1", **values: str) -> NodeProgram:
        status = self.etcd.etcdctl("endpoint", "status")[0]["Status"]
        usual = {
            "how": "openshift",
            "pod_namespace": "openshift-etcd",
            "etcd_name": "etcd",
            "endpoint": self.etcd.client_url,
            "ca": "",
            "cert": "",
            "key_file": "",
            "member_id": str(status["header"]["member_id"]),
            "expected_bytes": "16000000",
            "part_bytes": str(PART_BYTES),
            "vendor_s": "60",
            "cluster_backup": str(self.written()),
        }
        return self._program("openshift_backup", step, {**usual, **values}, {"plan_url": upload.plan_url()})

    def bundle(self, upload: WaitingUpload, kept: str, sha256: str, *, step: str = "step.2") -> NodeProgram:
        """Into the objects `bundle` and `certificates` of the upload's bucket."""
        urls = {
            f"{name}_url": presigned(upload.client, "put_object", Bucket=upload.bucket, Key=name)
            for name in ("bundle", "certificates")
        }
        return self._program("openshift_bundle", step, {"kept": kept, "snapshot_sha256": sha256}, urls)

    def _program(self, name: str, step: str, values: Mapping[str, str], secrets: Mapping[str, str]) -> NodeProgram:
        self.steps.mkdir(exist_ok=True)
        tools = self.folder / f"bin-{step}"
        stubs = {"crictl": crictl(), "oc": self.oc}
        path = toolbox(tools, self.shell, stubs=stubs)
        return NodeProgram(name, self.steps / step, self.shell, path, values, secrets)


def crictl() -> str:
    return CRICTL.replace("{etcdctl}", str(etcd_binary("etcdctl")))
