"""What kubeadm (seen: 1.20.2, stacked etcd) writes on a control-plane node, as texts by path."""

import base64
from dataclasses import dataclass, field
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.local.pki import CertificateAuthority, KeyPair, issue_ca

PKI = "/etc/kubernetes/pki"
MANIFESTS = "/etc/kubernetes/manifests"
ENCRYPTION = "/etc/kubernetes/enc/encryption.yaml"
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
KUBELET_CLIENT = "/var/lib/kubelet/pki/kubelet-client-current.pem"
KUBELET_CLIENT_DATED = "/var/lib/kubelet/pki/kubelet-client-2026-11-20-15-43-00.pem"
API_PORT = 6443
IMAGES = {
    "etcd": "k8s.gcr.io/etcd:3.5.1-0",
    **{f"kube-{name}": f"k8s.gcr.io/kube-{name}:v1.20.2" for name in ("apiserver", "controller-manager", "scheduler")},
}
# The group whose members may do everything in Kubernetes.
MASTERS = "system:masters"


@dataclass(frozen=True)
class Member:
    """One etcd as its node's manifest has it."""

    name: str
    address: str

    @property
    def endpoint(self) -> str:
        return f"https://{self.address}:2379"

    @property
    def peer_url(self) -> str:
        return f"https://{self.address}:2380"


@dataclass(frozen=True)
class Authorities:
    """Of one cluster: kubeadm copies them to every control-plane node."""

    etcd: CertificateAuthority = field(default_factory=lambda: issue_ca("etcd-ca"))
    kubernetes: CertificateAuthority = field(default_factory=lambda: issue_ca("kubernetes"))
    front_proxy: CertificateAuthority = field(default_factory=lambda: issue_ca("front-proxy-ca"))
    service_accounts: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def pki(authorities: Authorities, node: str, address: str) -> dict[str, str]:
    own = authorities.service_accounts
    found = {
        "sa.key": _private(own),
        "sa.pub": own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    }
    for name, authority in (
        ("ca", authorities.kubernetes),
        ("front-proxy-ca", authorities.front_proxy),
        ("etcd/ca", authorities.etcd),
    ):
        found |= _pair(name, KeyPair(authority.certificate, _private(authority.private_key)))
    for name, pair in (
        ("apiserver", authorities.kubernetes.issue_member("kube-apiserver", address=address)),
        (
            "apiserver-kubelet-client",
            authorities.kubernetes.issue_client("kube-apiserver-kubelet-client", group=MASTERS),
        ),
        ("front-proxy-client", authorities.front_proxy.issue_client("front-proxy-client")),
        ("apiserver-etcd-client", authorities.etcd.issue_client("kube-apiserver-etcd-client")),
        ("etcd/server", authorities.etcd.issue_member(node, address=address)),
        ("etcd/peer", authorities.etcd.issue_member(node, address=address)),
        ("etcd/healthcheck-client", authorities.etcd.issue_client("kube-etcd-healthcheck-client")),
    ):
        found |= _pair(name, pair)
    return {f"{PKI}/{name}": text for name, text in found.items()}


def _pair(name: str, pair: KeyPair) -> dict[str, str]:
    return {f"{name}.crt": pair.certificate, f"{name}.key": pair.key}


def kubelet_client(authorities: Authorities, node: str) -> str:
    """The certificate and the key in one file, as the kubelet keeps them; a link leads to the newest one."""
    pair = authorities.kubernetes.issue_client(f"system:node:{node}", group="system:nodes")
    return pair.certificate + pair.key


def kubeconfigs(authorities: Authorities, node: str, address: str) -> dict[str, str]:
    """Only an API server that runs on the node answers at that address."""
    users = {
        "admin": ("kubernetes-admin", MASTERS),
        "controller-manager": ("system:kube-controller-manager", ""),
        "scheduler": ("system:kube-scheduler", ""),
    }
    server = f"https://{address}:{API_PORT}"
    kubelet = {"client-certificate": KUBELET_CLIENT, "client-key": KUBELET_CLIENT}
    return {
        f"/etc/kubernetes/{name}.conf": _kubeconfig(authorities, user, _embedded(authorities, user, group), server)
        for name, (user, group) in users.items()
    } | {"/etc/kubernetes/kubelet.conf": _kubeconfig(authorities, f"system:node:{node}", kubelet, server)}


def _embedded(authorities: Authorities, user: str, group: str) -> dict[str, str]:
    pair = authorities.kubernetes.issue_client(user, group=group)
    return {"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _kubeconfig(authorities: Authorities, user: str, known: dict[str, str], server: str) -> str:
    """`known` says how the user proves who he is."""
    cluster = {"certificate-authority-data": _base64(authorities.kubernetes.certificate), "server": server}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "clusters": [{"cluster": cluster, "name": "kubernetes"}],
            "contexts": [{"context": {"cluster": "kubernetes", "user": user}, "name": f"{user}@kubernetes"}],
            "current-context": f"{user}@kubernetes",
            "kind": "Config",
            "preferences": {},
            "users": [{"name": user, "user": known}],
        }
    )


def etcd_manifest(member: Member, initial_cluster: str) -> str:
    certificates = f"{PKI}/etcd"
    flags = {
        "advertise-client-urls": member.endpoint,
        "cert-file": f"{certificates}/server.crt",
        "client-cert-auth": "true",
        "data-dir": "/var/lib/etcd",
        "initial-advertise-peer-urls": member.peer_url,
        "initial-cluster": initial_cluster,
        "key-file": f"{certificates}/server.key",
        "listen-client-urls": member.endpoint,
        "listen-peer-urls": member.peer_url,
        "name": member.name,
        "peer-cert-file": f"{certificates}/peer.crt",
        "peer-client-cert-auth": "true",
        "peer-key-file": f"{certificates}/peer.key",
        "peer-trusted-ca-file": f"{certificates}/ca.crt",
        "snapshot-count": "10000",
        "trusted-ca-file": f"{certificates}/ca.crt",
    }
    mounts = {"etcd-data": "/var/lib/etcd", "etcd-certs": certificates}
    noted = {"kubeadm.kubernetes.io/etcd.advertise-client-urls": member.endpoint}
    return _static_pod("etcd", flags, mounts, noted)


def apiserver_manifest(member: Member, *, encryption: bool) -> str:
    flags = {
        "advertise-address": member.address,
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "client-ca-file": f"{PKI}/ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true",
        **({"encryption-provider-config": ENCRYPTION} if encryption else {}),
        "etcd-cafile": f"{PKI}/etcd/ca.crt",
        "etcd-certfile": f"{PKI}/apiserver-etcd-client.crt",
        "etcd-keyfile": f"{PKI}/apiserver-etcd-client.key",
        "etcd-servers": member.endpoint,
        "kubelet-client-certificate": f"{PKI}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{PKI}/apiserver-kubelet-client.key",
        "proxy-client-cert-file": f"{PKI}/front-proxy-client.crt",
        "proxy-client-key-file": f"{PKI}/front-proxy-client.key",
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "secure-port": str(API_PORT),
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": f"{PKI}/sa.pub",
        "service-account-signing-key-file": f"{PKI}/sa.key",
        "service-cluster-ip-range": "10.96.0.0/12",
        "tls-cert-file": f"{PKI}/apiserver.crt",
        "tls-private-key-file": f"{PKI}/apiserver.key",
    }
    mounts = {"k8s-certs": PKI} | ({"enc": ENCRYPTION.rpartition("/")[0]} if encryption else {})
    return _static_pod("kube-apiserver", flags, mounts, {})


def controller_manifests() -> dict[str, str]:
    """The controller manager and the scheduler, with the flags that say where the cluster is."""
    return {
        f"{MANIFESTS}/kube-{name}.yaml": _static_pod(
            f"kube-{name}",
            {"authentication-kubeconfig": f"/etc/kubernetes/{name}.conf", "bind-address": "127.0.0.1"}
            | {"kubeconfig": f"/etc/kubernetes/{name}.conf", "leader-elect": "true"},
            {"kubeconfig": f"/etc/kubernetes/{name}.conf"},
            {},
        )
        for name in ("controller-manager", "scheduler")
    }


def _static_pod(name: str, flags: dict[str, str], mounts: dict[str, str], annotations: dict[str, str]) -> str:
    container: dict[str, Any] = {
        "command": [name, *(f"--{flag}={value}" for flag, value in flags.items())],
        "image": IMAGES[name],
        "imagePullPolicy": "IfNotPresent",
        "name": name,
        "volumeMounts": [{"mountPath": path, "name": volume} for volume, path in mounts.items()],
    }
    volumes = [
        {"hostPath": {"path": path, "type": "DirectoryOrCreate"}, "name": volume} for volume, path in mounts.items()
    ]
    metadata: dict[str, Any] = {"annotations": annotations} if annotations else {}
    metadata |= {
        "creationTimestamp": None,
        "labels": {"component": name, "tier": "control-plane"},
        "name": name,
        "namespace": "kube-system",
    }
    spec = {
        "containers": [container],
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "volumes": volumes,
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {}}
    return yaml.safe_dump(pod, width=1000)


def encryption_config(key: bytes) -> str:
    """As the Kubernetes documentation has it; `key` is 32 bytes."""
    provider = {"aescbc": {"keys": [{"name": "key1", "secret": base64.b64encode(key).decode()}]}}
    resources = [{"resources": ["secrets"], "providers": [provider, {"identity": {}}]}]
    return yaml.safe_dump(
        {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources}
    )


def kubelet_files() -> dict[str, str]:
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": f"{PKI}/ca.crt"}},
        "authorization": {"mode": "Webhook"},
        "clusterDNS": ["10.96.0.10"],
        "clusterDomain": "cluster.local",
        "kind": "KubeletConfiguration",
        "rotateCertificates": True,
        "staticPodPath": MANIFESTS,
    }
    arguments = "--container-runtime=remote --container-runtime-endpoint=/run/containerd/containerd.sock"
    return {
        KUBELET_CONFIG: yaml.safe_dump(config),
        "/var/lib/kubelet/kubeadm-flags.env": f'KUBELET_KUBEADM_ARGS="{arguments}"\n',
    }
