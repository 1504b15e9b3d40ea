"""What lies on a control-plane host of OpenShift, as texts by path."""

import base64
from dataclasses import dataclass, field

import yaml

from holdfast.local.machines.kubeadm_files import MASTERS, encryption_config
from holdfast.local.machines.openshift.pods import (
    API_CERTS,
    API_PORT,
    COMPONENTS,
    ETCD_CERTS,
    POD_CERTS,
    RESOURCES,
    Host,
    apiserver_pod,
    as_json,
    as_yaml,
    controller_pod,
    etcd_ca,
    etcd_env,
    etcd_pod,
    image,
    quorum_restore_pod,
    restore_pod,
)
from holdfast.local.machines.openshift.vendor import generation_of, minor, rendered
from holdfast.local.pki import CertificateAuthority, KeyPair, issue_ca
from holdfast.models.openshift import Generation

MANIFESTS = "/etc/kubernetes/manifests"
SCRIPTS = f"{ETCD_CERTS}/configmaps/etcd-scripts"
LOCALHOST = f"{API_CERTS}/secrets/node-kubeconfigs/localhost.kubeconfig"
KUBELET_CLIENT = "/var/lib/kubelet/pki/kubelet-client-current.pem"
KUBELET_SERVING = "/var/lib/kubelet/pki/kubelet-server-current.pem"
KUBELET_CA = "/etc/kubernetes/kubelet-ca.crt"
BOOTSTRAP = "/etc/kubernetes/kubelet-bootstrap.pem"
# Those of a service account of that namespace.
_ACCOUNTS = ("system:serviceaccounts", "system:serviceaccounts:openshift-machine-config-operator")
BOOTSTRAPPER = "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper"
ETCD_SECRETS = ("etcd-peer", "etcd-serving", "etcd-serving-metrics")


@dataclass(frozen=True)
class Release:
    """`version` as the ClusterVersion has it ("4.18.12")."""

    version: str

    @property
    def generation(self) -> Generation:
        return generation_of(self.version)

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(image(self.version, component) for component in COMPONENTS)


@dataclass(frozen=True)
class Signers:
    """Of one cluster. `encryption_key` is what an API server would encrypt Secrets with, None without."""

    encryption_key: bytes | None = None
    etcd: CertificateAuthority = field(default_factory=lambda: issue_ca("openshift-etcd_etcd-signer"))
    kubernetes: CertificateAuthority = field(default_factory=lambda: issue_ca("kube-csr-signer"))


def etcd_secrets(signers: Signers, host: Host) -> dict[str, KeyPair]:
    """By the name of the Secret in openshift-etcd."""
    return {f"{name}-{host.name}": signers.etcd.issue_member(host.name, address=host.address) for name in ETCD_SECRETS}


def certificates(release: Release, signers: Signers, secrets: dict[str, KeyPair]) -> dict[str, str]:
    """etcd's, of all hosts, as every host has them."""
    ca = {etcd_ca(release.version, ETCD_CERTS): signers.etcd.certificate}
    folder = f"{ETCD_CERTS}/secrets/etcd-all-certs"
    return (
        ca
        | {f"{folder}/{name}.crt": pair.certificate for name, pair in secrets.items()}
        | {f"{folder}/{name}.key": pair.key for name, pair in secrets.items()}
    )


def etcd_scripts(release: Release, host: Host, hosts: tuple[Host, ...]) -> dict[str, str]:
    """What the vendor's scripts read, and the pods that they start. Before 4.9 no script looks for the certificates
    elsewhere, so they are named as the host has them [inf]."""
    base = POD_CERTS if minor(release.version) >= (4, 9) else ETCD_CERTS
    known = etcd_env(release.version, host, hosts, base)
    del known["ETCDCTL_ENDPOINTS"]
    known["NODE_NODE_ENVVAR_NAME"] = host.variable
    pods = f"{ETCD_CERTS}/configmaps/restore-etcd-pod"
    found = {
        f"{SCRIPTS}/etcd.env": "".join(f'export {name}="{value}"\n' for name, value in known.items()),
        f"{SCRIPTS}/etcd-common-tools": rendered("etcd-common-tools", release.generation),
        f"{pods}/pod.yaml": as_yaml(restore_pod(release.version, host)),
    }
    if minor(release.version) >= (4, 18):
        found[f"{pods}/quorum-restore-pod.yaml"] = as_yaml(quorum_restore_pod(release.version, host))
    return found


def revision(
    release: Release,
    signers: Signers,
    component: str,
    number: int,
    host: Host,
    hosts: tuple[Host, ...],
    reason: str = "",
) -> tuple[dict[str, str], str]:
    """What an installer writes for one revision of a component: its resources, and the manifest."""
    version, folder = release.version, f"{RESOURCES}/{component}-pod-{number}"
    found = {f"{folder}/version": f"{number}\n"}
    match component:
        case "etcd":
            pod = etcd_pod(version, number, host, hosts, reason)
            if minor(version) < (4, 11):
                found[f"{folder}/configmaps/restore-etcd-pod/pod.yaml"] = as_yaml(restore_pod(version, host))
        case "kube-apiserver":
            encrypted = signers.encryption_key is not None
            pod = apiserver_pod(version, number, host, hosts, encryption=encrypted, reason=reason)
            found |= _apiserver_resources(signers, folder)
        case _:
            pod = controller_pod(component, version, number, reason)
            found[f"{folder}/configmaps/serviceaccount-ca/ca-bundle.crt"] = signers.kubernetes.certificate
    manifest = as_json(pod)
    return found | {f"{folder}/{component}-pod.yaml": manifest}, manifest


def _apiserver_resources(signers: Signers, folder: str) -> dict[str, str]:
    own = signers.etcd.issue_client("etcd-client")
    found = {
        f"{folder}/configmaps/etcd-serving-ca/ca-bundle.crt": signers.etcd.certificate,
        f"{folder}/secrets/etcd-client/tls.crt": own.certificate,
        f"{folder}/secrets/etcd-client/tls.key": own.key,
    }
    if signers.encryption_key is not None:
        found[f"{folder}/secrets/encryption-config/encryption-config"] = encryption_config(signers.encryption_key)
    return found


def unrevisioned(signers: Signers, host: Host) -> dict[str, str]:
    """The API server's own certificates, and the kubeconfigs for whoever is root on the host."""
    serving = signers.kubernetes.issue_member("kube-apiserver", address=host.address)
    admin = signers.kubernetes.issue_client("system:openshift-master", group=MASTERS)
    found = {
        f"{API_CERTS}/configmaps/client-ca/ca-bundle.crt": signers.kubernetes.certificate,
        f"{API_CERTS}/secrets/serving/tls.crt": serving.certificate,
        f"{API_CERTS}/secrets/serving/tls.key": serving.key,
        LOCALHOST: _kubeconfig(signers, admin, f"https://localhost:{API_PORT}"),
        LOCALHOST.replace("localhost.", "lb-int."): _kubeconfig(signers, admin, f"https://{host.address}:{API_PORT}"),
    }
    return found | {f"{RESOURCES}/{component}-certs/.keep": "" for component in COMPONENTS[2:]}


def kubelet_files(signers: Signers, host: Host, *, joined: bool) -> dict[str, str]:
    """`joined`: it has a certificate; without one it asks for it as the bootstrapper."""
    asking = signers.kubernetes.issue_client(BOOTSTRAPPER, groups=_ACCOUNTS)
    found = {KUBELET_CA: signers.kubernetes.certificate, BOOTSTRAP: asking.certificate + asking.key}
    if joined:
        own = signers.kubernetes.issue_client(f"system:node:{host.name}", group="system:nodes")
        serving = signers.kubernetes.issue_member(f"system:node:{host.name}", address=host.address)
        found |= {KUBELET_CLIENT: own.certificate + own.key, KUBELET_SERVING: serving.certificate + serving.key}
    return found


def _kubeconfig(signers: Signers, pair: KeyPair, server: str) -> str:
    def data(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    user = {"client-certificate-data": data(pair.certificate), "client-key-data": data(pair.key)}
    cluster = {"certificate-authority-data": data(signers.kubernetes.certificate), "server": server}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "clusters": [{"cluster": cluster, "name": "localhost"}],
            "contexts": [{"context": {"cluster": "localhost", "user": "root"}, "name": "root"}],
            "current-context": "root",
            "kind": "Config",
            "users": [{"name": "root", "user": user}],
        }
    )
