"""Which certificate requests of kubelets are approved: their own, to the letter, and nobody else's."""

import base64
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from builders.csrs import NODE_GROUPS, W1, W2, client, csr, ground, packed, pem, renewal, serving, subject_of
from builders.runs import NOON
from holdfast.facts.csr import read_requests
from holdfast.models.csr import CLIENT_SIGNER, SERVING_SIGNER, CsrMachine, CsrNode, Verdict
from holdfast.planning import csr as csr_policy
from holdfast.planning.csr import BOOTSTRAPPER, judge, too_large

_WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is what is refused
_LIES = ["127.0.0.1", "0.0.0.0", "169.254.169.254", "::1", "localhost", "kubernetes.default.svc"]  # noqa: S104


def verdict(made: dict[str, Any], **known: Any) -> Verdict:
    return judge(read_requests(packed(made)), ground(**known))[0]


def told(made: dict[str, Any], **known: Any) -> tuple[str, str]:
    found = verdict(made, **known)
    return found.action, found.code


def test_a_node_that_is_known_and_not_ready_gets_its_client_certificate_back() -> None:
    assert told(client()) == ("approve", "returns")


def test_a_serving_certificate_for_the_names_and_addresses_of_its_node() -> None:
    assert told(serving()) == ("approve", "own_addresses")


def test_a_node_renews_its_own_client_certificate() -> None:
    assert told(renewal("worker-2")) == ("approve", "renewal")


def test_rsa_keys_are_enciphered_with() -> None:
    """Kubelets before Kubernetes 1.27 ask for that usage whatever their key is."""
    usages = ("digital signature", "key encipherment", "client auth")
    assert told(client(usages=usages)) == ("approve", "returns")


def test_the_bootstrapper_gets_no_certificate_of_a_node_that_is_ready() -> None:
    """Every machine can read its credentials when it begins."""
    assert told(client("worker-2")) == ("refuse", "node_ready")


@pytest.mark.parametrize("node", ["worker-3", "master-9"])
def test_a_node_that_nobody_knows_is_refused(node: str) -> None:
    assert told(client(node)) == ("refuse", "node_unknown")
    assert told(renewal(node)) == ("refuse", "node_unknown")


def test_an_operator_names_a_machine_that_is_new() -> None:
    assert told(client("worker-3"), named=frozenset({"worker-3"})) == ("approve", "named")
    assert told(client("worker-30"), named=frozenset({"worker-3"})) == ("refuse", "node_unknown")


def test_a_node_that_was_named_and_is_ready_has_its_certificate() -> None:
    """Else whoever reads the bootstrapper's credentials becomes that node while the wave goes on."""
    assert told(client("worker-2"), named=frozenset({"worker-2"})) == ("refuse", "node_ready")
    assert told(client("worker-1"), named=frozenset({"worker-1"})) == ("approve", "named")


def test_a_machine_without_a_node_is_awaited_by_its_name() -> None:
    new = CsrMachine(addresses=("192.0.2.13", "worker-3"))
    assert told(client("worker-3"), machines=(new,)) == ("approve", "awaited")
    joined = CsrMachine(node="worker-3-other", addresses=("worker-3",))
    assert told(client("worker-3"), machines=(joined,)) == ("refuse", "node_unknown")


def test_a_node_that_is_named_is_no_leave_for_its_serving_certificate() -> None:
    new = CsrNode(name="worker-3", addresses=("192.0.2.13",))
    assert told(serving(new), named=frozenset({"worker-3"})) == ("refuse", "node_unknown")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"username": "system:node:worker-2", "groups": NODE_GROUPS}, "requestor_differs"),
        ({"username": "mallory"}, "requestor_differs"),
        ({"username": f"{BOOTSTRAPPER} "}, "requestor_differs"),
        ({"groups": NODE_GROUPS}, "groups_differ"),
        ({"groups": ()}, "groups_differ"),
        ({"usages": ("digital signature", "client auth", "server auth")}, "usages_differ"),
        ({"usages": ("client auth",)}, "usages_differ"),
        ({"usages": ("digital signature", "digital signature", "client auth")}, "usages_differ"),
        ({"usages": ()}, "usages_differ"),
        ({"at": NOON - timedelta(hours=2)}, "too_old"),
        ({"at": NOON + timedelta(minutes=10)}, "from_the_future"),
        ({"request": pem(subject_of("worker-1"), ["api.example.net"])}, "names_unwanted"),
        ({"request": pem(subject_of("worker-1"), ips=["192.0.2.11"])}, "names_unwanted"),
        ({"uid": "x y"}, "name_odd"),
        ({"name": "csr\nother"}, "name_odd"),
        ({"name": "-o yaml"}, "name_odd"),
    ],
)
def test_a_client_request_that_no_kubelet_makes_is_refused(changes: dict[str, Any], code: str) -> None:
    assert told(client(**changes)) == ("refuse", code)


def _named(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, value, _validate=False) for kind, value in attributes])


ORG, CN, OU = NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME


@pytest.mark.parametrize(
    "subject",
    [
        _named((ORG, "system:masters"), (CN, "system:node:worker-1")),
        _named((ORG, "system:nodes"), (ORG, "system:masters"), (CN, "system:node:worker-1")),
        _named((ORG, "system:nodes"), (CN, "system:node:worker-1"), (CN, "system:admin")),
        _named((ORG, "system:nodes"), (CN, "system:node:worker-1"), (OU, "x")),
        _named((ORG, "system:nodes"), (CN, "system:admin")),
        _named((ORG, "system:nodes"), (CN, "system:node:")),
        _named((ORG, "system:nodes"), (CN, "system:node:worker-1\n")),
        _named((ORG, "system:nodes"), (CN, "system:node:Worker-1")),
        _named((ORG, "system:nodes"), (CN, "system:node:wоrker-1")),  # noqa: RUF001 - another alphabet's o
        _named((ORG, "system:nodes"), (CN, "worker-1")),
        _named((ORG, "system:nodes")),
        _named((CN, "system:node:worker-1")),
        _named(),
    ],
)
def test_a_subject_that_is_not_that_node_alone_is_refused(subject: x509.Name) -> None:
    assert told(client(request=pem(subject))) == ("refuse", "subject_differs")
    assert told(serving(request=pem(subject, ["worker-1"]))) == ("refuse", "subject_differs")


def test_attributes_side_by_side_are_refused() -> None:
    both = [x509.NameAttribute(ORG, "system:nodes"), x509.NameAttribute(CN, "system:node:worker-1")]
    subject = x509.Name([x509.RelativeDistinguishedName(both)])
    assert told(client(request=pem(subject))) == ("refuse", "request_odd")


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (b"", "one block"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "be read"),
        (pem(subject_of("worker-1")) * 2, "one block"),
        (pem(subject_of("worker-1"), key=_WEAK), "1024 bits"),
        (pem(subject_of("worker-1"), key=ec.generate_private_key(ec.SECP192R1())), "curve"),
        (pem(subject_of("worker-1"), extensions=[x509.BasicConstraints(ca=True, path_length=None)]), "2.5.29.19"),
        (pem(subject_of("worker-1"), extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])]), "29.37"),
        (pem(subject_of("worker-1"), [f"n{number}.example.net" for number in range(900)]), "bytes"),
    ],
)
def test_a_request_that_is_odd_in_itself_is_refused_and_says_why(request_: bytes, word: str) -> None:
    for made in (client(request=request_), serving(request=request_)):
        found = verdict(made)
        assert (found.action, found.code) == ("refuse", "request_odd")
        assert word in found.why


def test_a_request_that_was_changed_after_it_was_signed_is_refused() -> None:
    der = bytearray(base64.b64decode(b"".join(pem(subject_of("worker-1")).splitlines()[1:-1])))
    at = der.index(b"worker-1") + 7
    der[at : at + 1] = b"2"
    text = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.b64encode(der) + b"\n-----END CERTIFICATE REQUEST-----\n"
    assert "own key" in verdict(client("worker-2", request=text)).why


@pytest.mark.parametrize("kind", [x509.RFC822Name("root@example.net"), x509.UniformResourceIdentifier("spiffe://a/b")])
def test_other_kinds_of_names_are_refused(kind: x509.GeneralName) -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("worker-1"), kind])
    assert told(serving(request=pem(subject_of("worker-1"), extensions=[names]))) == ("refuse", "request_odd")


@pytest.mark.parametrize(
    ("dns", "ips", "code"),
    [
        (["worker-2"], [], "names_differ"),
        (["worker-1", "worker-2"], ["192.0.2.11"], "names_differ"),
        (["worker-1"], ["192.0.2.12"], "names_differ"),
        (["*.example.net"], [], "names_differ"),
        (["kubernetes.default.svc"], [], "names_differ"),
        (["WORKER-1"], [], "names_differ"),
        ([], ["127.0.0.1"], "names_differ"),
        ([], [], "names_missing"),
    ],
)
def test_a_serving_certificate_for_other_names_is_refused(dns: list[str], ips: list[str], code: str) -> None:
    assert told(serving(request=pem(subject_of("worker-1"), dns, ips))) == ("refuse", code)


@pytest.mark.parametrize("lie", _LIES)
def test_a_kubelet_that_gives_its_node_such_an_address_gets_no_certificate_for_it(lie: str) -> None:
    liar = CsrNode(name="worker-1", addresses=("worker-1", lie))
    assert told(serving(liar), nodes=(liar,)) == ("refuse", "names_differ")


def test_an_address_that_another_node_claims_too_is_nobodys() -> None:
    liar = CsrNode(name="worker-1", addresses=("worker-1", "192.0.2.12"))
    assert told(serving(liar), nodes=(liar, W2), shared=frozenset({"192.0.2.12"})) == ("refuse", "address_shared")


def test_what_the_platform_says_of_a_machine_outweighs_what_its_kubelet_says() -> None:
    liar = CsrNode(name="worker-1", addresses=("worker-1", "192.0.2.99"))
    machine = CsrMachine(node="worker-1", addresses=("192.0.2.11", "worker-1.example.net"))
    assert told(serving(liar), nodes=(liar,), machines=(machine,)) == ("refuse", "machine_differs")
    assert told(serving(W1), machines=(machine,)) == ("approve", "own_addresses")


def test_an_address_of_ipv4_in_ipv6_is_no_kubelets() -> None:
    """Whoever checks a certificate may take both for one address."""
    liar = CsrNode(name="worker-1", addresses=("worker-1", "::ffff:192.0.2.12"))
    asked = serving(request=pem(subject_of("worker-1"), ips=["::ffff:192.0.2.12"]))
    assert told(asked, nodes=(liar, W2)) == ("refuse", "names_differ")


def test_an_address_of_ipv6_is_one_however_it_is_written() -> None:
    node = CsrNode(name="worker-1", addresses=("2001:db8:0:0::11",))
    asked = serving(request=pem(subject_of("worker-1"), ips=["2001:db8::11"]))
    assert told(asked, nodes=(node,)) == ("approve", "own_addresses")


@pytest.mark.parametrize("other", [BOOTSTRAPPER, "system:node:worker-2", "system:admin"])
def test_nobody_asks_for_the_serving_certificate_of_another(other: str) -> None:
    assert told(serving(username=other)) == ("refuse", "requestor_differs")


def test_a_client_certificate_is_not_signed_as_a_serving_one_nor_the_other_way() -> None:
    assert told(client(signer=SERVING_SIGNER))[0] == "refuse"
    assert told(serving(signer=CLIENT_SIGNER))[0] == "refuse"


@pytest.mark.parametrize(
    "signer", ["kubernetes.io/kube-apiserver-client", "example.net/x", "kubernetes.io/legacy-unknown"]
)
def test_what_is_no_kubelets_is_left_alone(signer: str) -> None:
    assert told(client(signer=signer)) == ("ignore", "not_a_kubelets")


@pytest.mark.parametrize("condition", ["Approved", "Denied", "Failed"])
def test_what_somebody_decided_is_left_alone(condition: str) -> None:
    assert told(client(conditions=[{"type": condition}])) == ("ignore", "decided")


def test_an_api_that_knows_no_signers_is_asked_by_usages() -> None:
    """certificates.k8s.io/v1beta1 of OpenShift 4.4."""
    assert told(client(signer="")) == ("approve", "returns")
    assert told(serving(signer="")) == ("approve", "own_addresses")
    assert told(client(signer="", usages=("digital signature", "code signing"))) == ("ignore", "not_a_kubelets")


def test_of_several_requests_of_one_kubelet_the_newest_is_approved() -> None:
    old, new = client(name="csr-z", at=NOON - timedelta(minutes=9)), client(name="csr-a")
    found = judge(read_requests(packed(old, new, serving())), ground())
    assert [(each.name, each.action, each.code) for each in found] == [
        ("csr-z", "refuse", "superseded"),
        ("csr-a", "approve", "returns"),
        ("csr-serving", "approve", "own_addresses"),
    ]


def test_a_newer_request_that_is_refused_supersedes_nothing() -> None:
    bad = client(name="csr-b", at=NOON + timedelta(seconds=30), usages=("client auth",))
    found = judge(read_requests(packed(client(), bad)), ground())
    assert [each.action for each in found] == ["approve", "refuse"]


def test_a_verdict_shows_no_control_characters() -> None:
    found = verdict(csr("x", b"", username="a\x1b[2Jb\n", groups=(), usages=(), signer=CLIENT_SIGNER))
    assert found.requestor == "a [2Jb "


def test_what_fits_on_no_page_is_refused() -> None:
    assert (too_large("csr-x").action, too_large("csr-x").code) == ("refuse", "request_too_large")


def test_the_page_of_the_driver_explains_every_reason_and_no_other() -> None:
    page = (Path(csr_policy.__file__).parents[5] / "docs/drivers/openshift.md").read_text()
    rows = re.findall(r"^\| (approve|refuse) \| (`[^|]*) \|", page, re.MULTILINE)
    explained = {(action, code) for action, codes in rows for code in re.findall(r"`([a-z_]+)`", codes)}
    source = Path(csr_policy.__file__).read_text()
    refused = set(re.findall(r'_No\(\s*"([a-z_]+)"', source)) - {"decided", "not_a_kubelets"}
    approved = set(re.findall(r'return "([a-z_]+)", f?"', source))
    others = {"superseded", "request_too_large"}
    assert explained == {("refuse", each) for each in refused | others} | {("approve", each) for each in approved}
    assert len(explained) > 20
