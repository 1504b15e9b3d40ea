"""How a kubelet comes to its certificates: a request for each, and a wait until somebody approved and signed it.

The first one is asked for in the name of the bootstrapper, the second one in its own, for what it serves.
"""

import base64
import subprocess
import time
from pathlib import Path
from typing import Any

from holdfast.local.machines.openshift.kubelet_api import Api

PKI = Path("/var/lib/kubelet/pki")
CLIENT, SERVING = PKI / "kubelet-client-current.pem", PKI / "kubelet-server-current.pem"
BOOTSTRAP = Path("/etc/kubernetes/kubelet-bootstrap.pem")
_REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_ASK_S = 0.3
# As long as it looks before it tells of itself again; a real one asks anew after a quarter of an hour.
_PATIENCE_S = 1.0


def certify(api: Api, node: str, address: str, path: Path) -> None:
    """Asks once, and takes what became of the request, now or when it is called again."""
    PKI.mkdir(parents=True, exist_ok=True)
    key, asked = path.with_suffix(".key"), path.with_suffix(".asked")
    if not key.exists():
        new_key(key)
    if asked.exists():
        status, found = api.ask("GET", f"{_REQUESTS}/{asked.read_text()}")
        if status == 404:  # a restore knows nothing of it
            asked.unlink()
    if not asked.exists():
        status, found = api.ask("POST", _REQUESTS, request(node, address, key, serving=path == SERVING))
        if status != 201:
            return
        asked.write_text(found["metadata"]["name"])
    until = time.monotonic() + _PATIENCE_S
    while not (signed := found.get("status", {}).get("certificate")):
        if time.monotonic() > until:
            return
        time.sleep(_ASK_S)
        _, found = api.ask("GET", f"{_REQUESTS}/{asked.read_text()}")
    path.with_suffix(".new").write_text(base64.b64decode(signed).decode() + key.read_text())
    path.with_suffix(".new").rename(path)
    asked.unlink()


def new_key(path: Path) -> Path:
    _openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(path))
    return path


def request(node: str, address: str, key: Path, *, serving: bool) -> dict[str, Any]:
    words = ["req", "-new", "-key", str(key), "-subj", f"/O=system:nodes/CN=system:node:{node}"]
    words += ["-addext", f"subjectAltName=DNS:{node},IP:{address}"] if serving else []
    pem = _openssl(*words)
    signer = "kubernetes.io/kubelet-serving" if serving else "kubernetes.io/kube-apiserver-client-kubelet"
    spec = {
        "request": base64.b64encode(pem.encode()).decode(),
        "signerName": signer,
        "usages": ["digital signature", "server auth" if serving else "client auth"],
    }
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "csr-"},
        "spec": spec,
    }


def _openssl(*words: str) -> str:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607 - ours
    if done.returncode:
        raise OSError(done.stderr)
    return done.stdout
