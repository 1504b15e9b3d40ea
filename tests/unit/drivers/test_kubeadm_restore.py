"""What the kubeadm driver reads for restores, what it asks of a node, and what it takes a node to be like."""

from datetime import UTC, datetime, timedelta

import pytest

from builders.frames import captured, printed
from builders.restore_shapes import PKI, Shape, survey
from holdfast.drivers.base import Driver
from holdfast.drivers.kubeadm.driver import KubeadmDriver
from holdfast.drivers.kubeadm.restore_facts import can_bump
from holdfast.facts.frames import pairs, sections
from holdfast.local.pki import issue_ca
from holdfast.models.node import NodeSurvey

DRIVER: Driver = KubeadmDriver()
SURVEY = "holdfast-survey-1"
CAPTURED = sections("n1", SURVEY, captured("kubeadm-1.20-stacked"))
THEN = datetime.fromtimestamp(int(pairs(CAPTURED["about"])["now"]), UTC)


def read(*swaps: tuple[str, str]) -> NodeSurvey:
    told = dict(CAPTURED)
    for old, new in swaps:
        assert any(old in text for text in told.values()), old
        told = {name: text.replace(old, new) for name, text in told.items()}
    return DRIVER.read_survey("n1", printed(SURVEY, told), asked_at=THEN, read_at=THEN + timedelta(seconds=3))


def test_a_survey_tells_where_the_peers_find_a_member() -> None:
    layout = read().etcd
    assert layout is not None
    assert layout.peer_urls == ("https://10.78.0.11:2380",)


@pytest.mark.parametrize("told", ["", "ftp://x:1", "https://a b"])
def test_a_peer_url_that_is_none_is_not_taken_for_one(told: str) -> None:
    layout = read(
        ("--initial-advertise-peer-urls=https://10.78.0.11:2380", f"--initial-advertise-peer-urls={told}")
    ).etcd
    assert layout is not None
    assert layout.peer_urls == ()


def test_a_survey_tells_how_the_api_server_is_asked() -> None:
    server = read().apiserver
    assert server is not None
    assert server.url == "https://10.78.0.11:6443"
    assert (server.ca, server.client_cert, server.client_key) == (
        f"{PKI}/ca.crt",
        f"{PKI}/apiserver-kubelet-client.crt",
        f"{PKI}/apiserver-kubelet-client.key",
    )


@pytest.mark.parametrize(
    ("flag", "url"),
    [
        ("--advertise-address=fd00::1", "https://[fd00::1]:6443"),
        ("--advertise-address=$(HOST_IP)", ""),
        ("--other=1", ""),
    ],
)
def test_the_api_servers_address_may_be_of_ipv6_or_unknown(flag: str, url: str) -> None:
    server = read(("--advertise-address=10.78.0.11", flag)).apiserver
    assert server is not None
    assert server.url == url


def test_another_port_of_the_api_server_counts() -> None:
    server = read(("--secure-port=6443", "--secure-port=8443")).apiserver
    assert server is not None
    assert server.url == "https://10.78.0.11:8443"


def test_the_question_before_a_restore_names_paths_of_the_host() -> None:
    command = DRIVER.restore_facts(survey(Shape(), "n1"))
    assert command.values["manifests"] == "/etc/kubernetes/manifests"
    assert command.values["data_dir"] == "/var/lib/etcd"
    assert (command.values["how"], command.values["etcd_name"]) == ("container", "etcd")
    assert f"{PKI}/etcd/peer.crt" in command.values["certificates"].splitlines()
    assert not command.secrets
    host = DRIVER.restore_facts(survey(Shape(external=True), "e1"))
    assert (host.values["how"], host.values["etcd_image"]) == ("host", "")


def test_only_certificates_that_are_in_use_are_looked_at() -> None:
    found = DRIVER.certificates(survey(Shape(), "n1"))
    assert f"{PKI}/apiserver.crt" in found
    assert "/etc/kubernetes/controller-manager.conf" in found
    assert "/etc/kubernetes/admin.conf" not in found
    assert DRIVER.certificates(survey(Shape(workers=1), "w1")) == ()
    only_etcd = DRIVER.certificates(survey(Shape(external=True), "e1"))
    assert not any("apiserver" in path for path in only_etcd)


def read_with(sections: dict[str, str]) -> NodeSurvey:
    return DRIVER.read_survey(
        "n1", printed(SURVEY, CAPTURED | sections), asked_at=THEN, read_at=THEN + timedelta(seconds=3)
    )


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("system:node:n1.example", "n1.example"),
        ("system:node:", ""),
        ("system:node:a/../b", ""),
        ("kubernetes-admin", ""),
    ],
)
def test_a_node_has_the_name_that_its_kubelet_shows(user: str, name: str) -> None:
    certificate = issue_ca().issue_client(user).certificate
    assert read_with({"kubelet-certificate": certificate}).node_name == name


def test_a_kubelet_without_a_certificate_may_have_been_told_its_name() -> None:
    assert read().node_name == ""
    assert read_with({"kubelet": "--hostname-override=Node-A", "kubelet-certificate": "no PEM"}).node_name == "node-a"


def test_the_files_of_kubelets_own_certificate_are_in_the_bundle() -> None:
    """Its kubeconfig names a link; without what that leads to, no kubelet of a new host starts."""
    link, target = (f"/var/lib/kubelet/pki/kubelet-client-{name}.pem" for name in ("current", "2026-11-20"))
    told = {"kubelet-client": f"{link}\n{target}\n", "paths": f"{CAPTURED['paths']}f {link} -> {target}\nf {target}\n"}
    survey = read_with(told)
    assert {link, target} <= set(survey.bundle_paths)
    assert survey.kubelet_files == (link, target)
    assert {link, target} <= set(DRIVER.certificates(survey))
    assert set(read_with({"kubelet-client": f"{link}\n"}).missing) == {link}


def test_a_node_is_taken_to_be_as_kubeadm_makes_it() -> None:
    told = DRIVER.assumed_facts(survey(Shape(), "n1"), "3.5.21")
    assert [pod.path.rpartition("/")[2] for pod in told.pods] == [
        "etcd.yaml",
        "kube-apiserver.yaml",
        "kube-controller-manager.yaml",
        "kube-scheduler.yaml",
    ]
    assert (told.tool_bumps, told.unit) == (True, "")
    external = DRIVER.assumed_facts(survey(Shape(external=True), "e1"), "3.4.23")
    assert (external.pods, external.unit, external.tool_bumps, external.kubelet) == ((), "etcd", False, False)


@pytest.mark.parametrize(
    ("version", "can"),
    [
        ("3.4.23", False),
        ("3.4.27", True),
        ("3.5.9", False),
        ("3.5.10", True),
        ("3.6.0", True),
        ("3.3.99", False),
        ("", False),
    ],
)
def test_which_tools_raise_the_revision(version: str, *, can: bool) -> None:
    assert can_bump(version) is can
