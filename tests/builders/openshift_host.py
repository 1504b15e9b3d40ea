"""A control-plane host of OpenShift as a folder, and an `oc` that answers from a table: for the survey alone."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builders.questions import Asker
from builders.shell import Shell
from holdfast.drivers.openshift.driver import OpenShiftDriver
from holdfast.local.pki import issue_ca
from holdfast.models.command import CommandResult

DRIVER = OpenShiftDriver()
RESOURCES = "etc/kubernetes/static-pod-resources"
SCRIPTS = f"{RESOURCES}/etcd-certs/configmaps/etcd-scripts"
IMAGE = "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:" + "e" * 64
API_IMAGE = "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:" + "a" * 64
POD_CERTS = "/etc/kubernetes/static-pod-certs"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
# What tells the generations apart, in texts of our own.
BACKUP = {
    "4.4": "etcdctl snapshot save",
    "4.6": "[ $1 = --force ]",
    "4.9": "[ $1 = --force ]; echo 'Checking in different directory'",
    "4.11": "[ $1 = --force ]; echo 'Checking in different directory'; etcdutl snapshot status",
    "4.18": "[ $1 = --force ]; echo 'Checking in different directory'; etcdutl snapshot status",
}
# By the words after `oc get` that tell the question: what its jsonpath makes of a healthy cluster.
ANSWERS: dict[str, str] = {
    "clusterversion version": "4.18.12\tFalse\t2026-03-01T08:00:00Z",
    "infrastructure cluster": "HighlyAvailable\tAWS\tprod-x7k2p",
    "clusteroperators": "".join(
        f"{name}\tTrue\tFalse\tFalse\n" for name in ("console", *COMPONENTS[:3], "kube-scheduler", "network")
    ),
    "kubeapiservers.": "EncryptionCompleted\nAll resources encrypted: secrets, configmaps",
    "openshiftapiservers.": "EncryptionCompleted\nAll resources encrypted: routes.route.openshift.io",
    "authentications.": "EncryptionCompleted\nAll resources encrypted",
    "proxy cluster": "",
    "etcd cluster": "\nTrue\n3 members are available",
    "nodes ": "".join(
        f"master-{n}.example\tTrue\t2026-03-01T08:2{n}:00Z\tnode-role.kubernetes.io/master\t"
        f"10.0.0.{n} master-{n}.example\n"
        for n in (0, 1, 2)
    ),
    "machines.": "".join(f"prod-x7k2p-master-{n}\tmaster-{n}.example\tRunning\trunning\n" for n in (0, 1, 2)),
    "controlplanemachinesets.": "Active",
    "pods ": "".join(f"etcd-master-{n}.example\tmaster-{n}.example\tRunning\tTrue\t0 0 {n} 0\t\n" for n in (0, 1, 2)),
}
REFUSED = "The connection to the server localhost:6443 was refused - did you specify the right host or port?"


def openshift_host(folder: Path, generation: str = "4.18", *, encrypted: bool = True) -> Path:
    """Node master-0.example of three, as a folder that the survey takes for its root."""
    texts = {
        "usr/local/bin/cluster-backup.sh": BACKUP[generation],
        "usr/local/bin/cluster-restore.sh": "ls -vd",
        f"{SCRIPTS}/etcd.env": etcd_env(),
        f"{SCRIPTS}/etcd-common-tools": "dl_etcdctl() { :; }",
        "var/lib/kubelet/kubeconfig": "users:\n- user:\n    client-certificate: /var/lib/kubelet/pki/current.pem\n",
        "proc/sys/kernel/random/boot_id": "a-boot\n",
    }
    pair = issue_ca().issue_client("system:node:master-0.example", group="system:nodes")
    texts["var/lib/kubelet/pki/current.pem"] = pair.certificate + pair.key
    if generation == "4.18":
        texts |= {f"usr/local/bin/{name}": "" for name in ("disable-etcd.sh", "quorum-restore.sh")}
        texts["var/lib/etcd/revision.json"] = '{"clusterId":"5","raftIndexByEndpoint":{},"maxRaftIndex":81234}'
    for name in ("etcd-serving-ca/ca-bundle.crt",):
        texts[f"{RESOURCES}/etcd-certs/configmaps/{name}"] = "a certificate"
    for end in ("crt", "key"):
        texts[f"{RESOURCES}/etcd-certs/secrets/etcd-all-certs/etcd-peer-master-0.example.{end}"] = "a file"
    for number, component in enumerate(COMPONENTS, start=4):
        texts[f"etc/kubernetes/manifests/{component}-pod.yaml"] = manifest(component, number)
        texts[f"{RESOURCES}/{component}-pod-{number}/{component}-pod.yaml"] = "{}"
        texts[f"{RESOURCES}/{component}-pod-{number - 1}/{component}-pod.yaml"] = "{}"
    if encrypted:
        for number in (4, 5):
            path = f"{RESOURCES}/kube-apiserver-pod-{number}/secrets/encryption-config/encryption-config"
            texts[path] = (
                '{"kind":"EncryptionConfiguration","resources":[{"providers":[{"aescbc":{"keys":["s3cret"]}}]}]}'
            )
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "var/lib/etcd/member").mkdir(parents=True)
    return folder


def etcd_env(**changes: str) -> str:
    peer = f"{POD_CERTS}/secrets/etcd-all-certs/etcd-peer-master-0.example"
    known = {
        "ALL_ETCD_ENDPOINTS": "https://10.0.0.10:2379,https://10.0.0.11:2379,https://10.0.0.12:2379",
        "ETCDCTL_API": "3",
        "ETCDCTL_CACERT": f"{POD_CERTS}/configmaps/etcd-serving-ca/ca-bundle.crt",
        "ETCDCTL_CERT": f"{peer}.crt",
        "ETCDCTL_KEY": f"{peer}.key",
        "ETCD_IMAGE": IMAGE,
    }
    for n in (0, 1, 2):
        known |= {
            f"NODE_master_{n}_example_IP": f"10.0.0.1{n}",
            f"NODE_master_{n}_example_ETCD_NAME": f"master-{n}.example",
        }
        known[f"NODE_master_{n}_example_ETCD_URL_HOST"] = f"10.0.0.1{n}"
    return "".join(f'export {name}="{value}"\n' for name, value in (known | changes).items())


def manifest(component: str, revision: int) -> str:
    """In one line of JSON, as the operators' installer writes it."""
    container: dict[str, Any] = {
        "name": component,
        "image": IMAGE if component == "etcd" else API_IMAGE,
        "command": ["/bin/bash", "-c", 'exec etcd --name "$ETCD_NAME"'],
        "env": [{"name": "HTTPS_PROXY", "value": "http://user:s3cret@proxy:3128"}],
    }
    volume = {"name": "resource-dir", "hostPath": {"path": f"/{RESOURCES}/{component}-pod-{revision}"}}
    pod = {
        "kind": "Pod",
        "metadata": {"name": component, "labels": {"revision": str(revision)}},
        "spec": {"containers": [{"name": "beside", "image": "x"}, container], "volumes": [volume]},
    }
    return json.dumps(pod, separators=(",", ":"))


def survey_of(
    folder: Path,
    root: Path,
    shell: Shell = "dash",
    *,
    answers: Mapping[str, str | None] | None = None,
    absent: tuple[str, ...] = (),
    oc: bool = True,
    limit_s: str = "60",
) -> CommandResult:
    """`answers` are those that differ: None for a question that fails, as without an API server. `absent` are questions
    about a kind that the release does not have."""
    asker = Asker(folder, shell, without=("etcdctl",))
    if oc:
        known = {**ANSWERS, **(answers or {})}
        (folder / "bin/oc").write_text(_oc({each: answer for each, answer in known.items() if each not in absent}))
        (folder / "bin/oc").chmod(0o755)
    return asker.ask(DRIVER.survey(), root=str(root), limit_s=limit_s)


def _oc(answers: Mapping[str, str | None]) -> str:
    cases = ""
    for question, answer in answers.items():
        said = f'echo "{REFUSED}" >&2; exit 1' if answer is None else f"printf '%s' '{answer}'"
        cases += f"*' get {question}'*) {said} ;;\n"
    return f"""#!{shutil.which("sh")}
case " $*" in
{cases}*) echo "error: the server doesn't have a resource type \\"$5\\"" >&2; exit 1 ;;
esac
"""
