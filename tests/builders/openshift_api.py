"""The double of an OpenShift API (holdfast.local.machines) over a real etcd, and our `oc`, without a machine."""

import base64
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from builders.waiting import wait_for
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.etcd_member import free_port
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.oc.failures import OcError
from holdfast.local.pki import CertificateAuthority, issue_ca

PREFIX = "/kubernetes.io"


@dataclass(frozen=True)
class Answer:
    """How a client ended."""

    stdout: str
    stderr: str
    code: int


@dataclass(frozen=True)
class OpenShiftApi:
    """Somewhere, with the kubeconfig of a user who may do everything, and of one who may do nothing. `etcd` is where
    the objects are, None where nobody gets at it."""

    kubeconfig: Path
    nobody: Path
    etcd: LocalEtcd | None = None

    @property
    def api(self) -> Api:
        return Api.of(str(self.kubeconfig), timeout_s=20)

    def oc(self, *words: str, text: str = "", client: tuple[str, ...] = ()) -> Answer:
        """`client` is another program that takes the same arguments."""
        program = client or (sys.executable, "-m", "holdfast.local.machines.oc")
        return run([*program, f"--kubeconfig={self.kubeconfig}", *words], text)


def run(command: list[str], text: str = "") -> Answer:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    return Answer(done.stdout, done.stderr, done.returncode)


@contextmanager
def openshift_api(folder: Path, members: int = 1) -> Iterator[OpenShiftApi]:
    """Empty, and ready. Its objects are in a real etcd of its own, below PREFIX."""
    etcd = LocalEtcd.start(folder / "etcd", members=members)
    try:
        authority, port = issue_ca("localhost-serving-signer"), free_port()
        command = [sys.executable, "-m", "holdfast.local.machines.apiserver", *_files(folder, authority, etcd)]
        command += [f"--etcd-servers={','.join(etcd.endpoints)}", f"--etcd-prefix={PREFIX}"]
        command += ["--advertise-address=127.0.0.1", f"--secure-port={port}"]
        admin = _kubeconfig(folder / "admin.conf", port, authority, "system:admin", "system:masters")
        nobody = _kubeconfig(folder / "nobody.conf", port, authority, "nobody", "")
        made = OpenShiftApi(admin, nobody, etcd)
        with (folder / "api.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                wait_for(lambda: _answers(made), "the API server", 20)
                yield made
            finally:
                process.kill()
    finally:
        etcd.stop()


def _files(folder: Path, authority: CertificateAuthority, etcd: LocalEtcd) -> list[str]:
    """Written, and the flags that name them."""
    server = authority.issue_member("kube-apiserver")
    texts = {"client-ca-file": authority.certificate}
    texts |= {"tls-cert-file": server.certificate, "tls-private-key-file": server.key}
    texts |= {"etcd-cafile": etcd.tls.ca.get_secret_value(), "etcd-certfile": etcd.tls.cert.get_secret_value()}
    texts |= {"etcd-keyfile": etcd.tls.key.get_secret_value()}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [f"--{name}={folder / name}" for name in texts]


def _answers(made: OpenShiftApi) -> bool:
    try:
        return made.api.raw("/readyz") == "ok"
    except OcError:
        return False


def _kubeconfig(path: Path, port: int, authority: CertificateAuthority, user: str, group: str) -> Path:
    pair = authority.issue_client(user, group=group)
    cluster = {"certificate-authority-data": _base64(authority.certificate), "server": f"https://127.0.0.1:{port}"}
    known = {"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}
    named = {"clusters": [{"cluster": cluster, "name": "c"}], "users": [{"name": "u", "user": known}]}
    context = {"contexts": [{"context": {"cluster": "c", "user": "u"}, "name": "c"}], "current-context": "c"}
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **named, **context}))
    return path


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
