"""Certificates of a secrets bundle, from text that a node sent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from holdfast.facts.certificates import read_certificates
from holdfast.local.pki import issue_ca

KUBEADM_CA = Path(__file__).parents[2] / "data" / "kubeadm-1.20-ca.crt"


def test_every_certificate_is_a_row_with_its_path_and_its_end() -> None:
    ca = issue_ca()
    client = ca.issue_client()
    text = f"# /etc/kubernetes/pki/etcd/ca.crt\n{ca.certificate}# /etc/kubernetes/pki/client.crt\n{client.certificate}"
    authority, leaf = read_certificates(text)
    assert (authority.path, authority.is_ca) == ("/etc/kubernetes/pki/etcd/ca.crt", True)
    assert (leaf.path, leaf.is_ca) == ("/etc/kubernetes/pki/client.crt", False)
    assert datetime.now(UTC) < leaf.not_after < datetime.now(UTC) + timedelta(days=4000)
    assert leaf.subject


def test_a_chain_in_one_file_gives_a_row_each() -> None:
    ca = issue_ca()
    found = read_certificates(f"# /chain.crt\n{ca.issue_client().certificate}\n{ca.certificate}")
    assert [each.path for each in found] == ["/chain.crt", "/chain.crt"]


def test_kubeadms_own_authority_with_its_serial_number_of_0_is_read() -> None:
    (found,) = read_certificates(f"# /etc/kubernetes/pki/etcd/ca.crt\n{KUBEADM_CA.read_text()}")
    assert found.is_ca


def test_what_is_no_certificate_is_left_out() -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert read_certificates(f"# /a.crt\n{broken}# /b.crt\nnothing\n") == ()


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_certificates(text)
    read_certificates(f"# /x\n-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----")
