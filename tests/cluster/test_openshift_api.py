"""The suite that our double of OpenShift's API passes, asked of a real kube-apiserver that has OpenShift's kinds as
CustomResourceDefinitions; and our `oc` beside kubectl: the same arguments, the same words, the same exit code."""

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from builders.jsonpath_cases import CASES, ITEMS, REFUSED
from builders.openshift_api import OpenShiftApi, run
from builders.openshift_contract import CSR, ETCD, MACHINE, NAMESPACE, ApiContract, ClientContract, fresh, machine
from builders.openshift_crds import openshift_crds
from builders.openshift_survey_contract import SurveyContract, emptied
from builders.waiting import wait_for
from holdfast.local.machines.oc.client import Object

KUBECONFIG, ALLOWED = "HOLDFAST_E2E_KUBECONFIG", "HOLDFAST_E2E_OPENSHIFT_KINDS"


@dataclass(frozen=True)
class RealApi(OpenShiftApi):
    kubectl: str = "kubectl"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApi]:
    if not os.environ.get(KUBECONFIG) or os.environ.get(ALLOWED) != "yes":
        pytest.skip(f"needs {KUBECONFIG}, and {ALLOWED}=yes: OpenShift's kinds are added to that cluster (README.md)")
    kubectl = os.environ.get("HOLDFAST_E2E_KUBECTL") or shutil.which("kubectl")
    assert kubectl, "kubectl is not on PATH, and HOLDFAST_E2E_KUBECTL names none"
    admin = Path(os.environ[KUBECONFIG])
    ask = (kubectl, f"--kubeconfig={admin}")
    kinds = json.dumps({"apiVersion": "v1", "kind": "List", "items": openshift_crds()})
    done = run([*ask, "apply", "-f", "-"], kinds)
    assert done.code == 0, done.stderr
    try:
        assert run([*ask, "wait", "crd", "--all", "--for=condition=Established", "--timeout=30s"]).code == 0
        real = RealApi(admin, admin, kubectl=kubectl)
        yield RealApi(admin, nobody(real, tmp_path_factory.mktemp("nobody")), kubectl=kubectl)
    finally:
        run([*ask, "delete", "--wait=true", "-f", "-"], kinds)


def nobody(server: OpenShiftApi, folder: Path) -> Path:
    """The kubeconfig of a user whom the cluster knows and lets do nothing: by a certificate that it signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    pem = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256()).public_bytes(Encoding.PEM)
    spec = {"request": base64.b64encode(pem).decode(), "usages": ["client auth"]}
    name = fresh()
    value = {"apiVersion": CSR.api_version, "kind": CSR.name, "metadata": {"name": name}}
    server.api.create(CSR, "", {**value, "spec": {**spec, "signerName": "kubernetes.io/kube-apiserver-client"}})
    assert server.oc("adm", "certificate", "approve", name).code == 0
    certificate = wait_for(lambda: server.api.get(CSR, "", name)["status"].get("certificate"), "the certificate", 20)
    config = yaml.safe_load(server.kubeconfig.read_text())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    user = {"client-certificate-data": certificate, "client-key-data": base64.b64encode(private).decode()}
    path = folder / "nobody.conf"
    path.write_text(yaml.safe_dump(config | {"users": [{"name": config["users"][0]["name"], "user": user}]}))
    return path


class TestApi(ApiContract):
    """As the suite says."""


class TestSurvey(SurveyContract):
    """As the suite says, with a real kubectl for `oc`."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _tidy(cls, server: RealApi) -> Iterator[None]:
        yield
        emptied(server)

    def client(self, server: OpenShiftApi) -> tuple[str, ...]:
        assert isinstance(server, RealApi)
        return (server.kubectl,)


class TestClient(ClientContract):
    """As the suite says."""


@pytest.fixture(scope="module")
def objects(server: RealApi) -> Iterator[RealApi]:
    """Those of the templates, and machines."""
    for item in ITEMS:
        server.api.create(ETCD, "", item)
        if "status" in item:
            server.api.patch(ETCD, "", item["metadata"]["name"], {"status": item["status"]}, "status")
    for name in ("contract-m1", "contract-machine-2"):
        labels = {"machine.openshift.io/zone": "eu-west-1a"}
        server.api.create(MACHINE, NAMESPACE, machine(name, labels=labels))
        status: Object = {"phase": "Running", "providerStatus": {"instanceState": "running"}}
        server.api.patch(MACHINE, NAMESPACE, name, {"status": status}, "status")
    yield server
    for name in ("contract-m1", "contract-machine-2"):
        server.api.delete(MACHINE, NAMESPACE, name)
    for item in ITEMS:
        server.api.delete(ETCD, "", item["metadata"]["name"])


@pytest.mark.parametrize("template", [*CASES, *REFUSED])
def test_templates_print_what_kubectl_prints(objects: RealApi, template: str) -> None:
    asked = ("get", "etcd", "-l", "contract=path", "-o", f"jsonpath={template}")
    ours, theirs = objects.oc(*asked), objects.oc(*asked, client=(objects.kubectl,))
    # After this kubectl shows the object in Go's own notation.
    words = [each.stderr.partition("\tobject given to jsonpath engine was")[0].strip() for each in (ours, theirs)]
    assert (ours.stdout, words[0], ours.code) == (theirs.stdout, words[1], theirs.code)
    assert ours.stdout == CASES.get(template, "")
    assert REFUSED.get(template, "") in words[0]


COMPARED = [
    "get nodes",
    "get nodes -o wide",
    "get nodes -l node-role.kubernetes.io/master -o name",
    "get no --no-headers",
    "get pods -A",
    "get pods -n kube-system -l component=etcd -o wide",
    "get ns",
    "get cm -n kube-system",
    "get leases -n kube-node-lease",
    "get csr",
    "get co",
    "get clusterversion",
    "get etcd",
    "get etcd -l contract=path",
    "get etcds.operator.openshift.io contract-path-a",
    "get etcds.v1.operator.openshift.io contract-path-a -o name",
    "get etcd/contract-path-a -o name",
    "get etcd contract-path-a contract-path-b",
    "get etcd contract-path-a nobody -o name",
    "get etcd contract-path-a nobody",
    "get etcd contract-path-a -o json",
    "get etcd -l contract=path -o json",
    "get etcd nobody -o json",
    "get etcd nobody nobody2",
    "get etcd nobody --ignore-not-found",
    "get etcd -l contract=nothing",
    "get etcd -l contract=nothing -o json",
    "get etcd -l contract=nothing -o name",
    "get machine",
    "get machines -o wide",
    "get machines -A",
    "get machines -A -o wide --no-headers",
    "get machine -n default contract-m1 -o wide",
    "get machine -n nowhere",
    "get machine -n nowhere -o name",
    "get machine contract-m1 -A",
    "get machine --field-selector=metadata.name=contract-m1",
    "get machine --field-selector metadata.name=contract-m1 -A -o name",
    "get authentication",
    "get nothing",
    "get secrets nobody -n default",
    "get --raw /readyz",
    "get --raw /apis/operator.openshift.io/v1/etcds/nobody",
    "patch etcd contract-path-a --type=merge -p {}",
    'patch etcd/contract-path-a --type=merge -p {"spec":{"count":3}}',
    "patch etcd nobody --type=merge -p {}",
    "delete etcd nobody",
    "delete etcd nobody --ignore-not-found",
    "delete secret a b -n default",
    "delete machine -l a=nothing",
    "certificate approve nobody",
]


@pytest.mark.parametrize("line", COMPARED)
def test_oc_says_what_kubectl_says(objects: RealApi, line: str) -> None:
    words = line.split(" ")
    ours = words if words[0] != "certificate" else ["adm", *words]
    found = objects.oc(*ours), objects.oc(*words, client=(objects.kubectl,))
    mine, theirs = ((_without_ages(each.stdout), _without_ages(each.stderr), each.code) for each in found)
    assert mine == theirs


def _without_ages(text: str) -> str:
    """Two answers may be a second apart, and so may be the widths of their columns. Lists had a selfLink until 1.24."""
    text = text.replace(',\n        "selfLink": ""', "")
    return re.sub(r"\b(\d+[dhms])+\b", "AGE", re.sub(r" {2,}", "  ", text))


def test_nobody_at_the_address_is_told_in_kubectls_words(server: RealApi, tmp_path: Path) -> None:
    config = re.sub(r"server: .*", "server: https://127.0.0.1:1", server.kubeconfig.read_text())
    (tmp_path / "away.conf").write_text(config)
    away = RealApi(tmp_path / "away.conf", tmp_path, kubectl=server.kubectl)
    ours, theirs = away.oc("get", "nodes"), away.oc("get", "nodes", client=(server.kubectl,))
    assert (ours.stderr, ours.code) == (theirs.stderr, theirs.code)
    missing = RealApi(tmp_path / "no.conf", tmp_path, kubectl=server.kubectl)
    ours, theirs = missing.oc("get", "nodes"), missing.oc("get", "nodes", client=(server.kubectl,))
    assert (ours.stderr, ours.code) == (theirs.stderr, theirs.code)
