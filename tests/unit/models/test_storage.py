"""A storage is hostile until it is parsed: what would leak, mix, or lead elsewhere is refused with the reason."""

from typing import Any

import pytest
from pydantic import ValidationError

from builders.stores import storage
from holdfast.local.pki import issue_ca
from holdfast.models.storage import StorageSpec, StoreKeys

AUTHORITY = issue_ca()
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = {"arn": "arn:aws:iam::123456789012:role/store", "external_id": "lab-7"}
OTHER_ROLE = {"arn": "arn:aws:iam::123456789012:role/store-secrets"}


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        storage(**changes)
    return " ".join(each["msg"] for each in caught.value.errors(include_input=False))


def test_nothing_set_means_the_stacks_own_buckets() -> None:
    spec = StorageSpec()
    assert (spec.is_elsewhere, spec.bucket, spec.encryption.headers("snapshots")) == (False, None, {})


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://s3.example.com", "plain http"),
        ("http://10.0.0.1:9000", "plain http"),
        ("ftp://s3.example.com", "https://HOST"),
        ("https://user:secret@s3.example.com", "no password"),
        ("https://s3.example.com/bucket", "nothing more"),
        ("https://s3.example.com?x=1", "nothing more"),
        ("https://s3.example.com#x", "nothing more"),
        ("https://s3.example.com:0", "port"),
        ("https://s3.example.com:99999", "ort"),
        ("https://s3 .example.com", "nothing more"),
        ("https://s3.example.com\nproxy = evil", "nothing more"),
        ("s3.example.com", "https://HOST"),
    ],
)
def test_an_endpoint_that_is_none_or_shows_secrets_is_refused(endpoint: str, reason: str) -> None:
    assert reason in refusal(endpoint=endpoint)


@pytest.mark.parametrize(
    "endpoint", ["https://s3.example.com", "https://[fd00::1]:9000", "http://127.0.0.1:9000", "http://localhost:4566/"]
)
def test_an_endpoint_over_tls_or_on_this_machine_is_taken(endpoint: str) -> None:
    assert storage(endpoint=endpoint).endpoint == endpoint.rstrip("/")


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("http://user:pass@proxy:3128", "no place for a secret"),
        ("https://proxy:3128", "http://HOST:PORT"),
        ("socks5://proxy:1080", "nothing more"),
        ('http://proxy:3128"', "nothing more"),
    ],
)
def test_a_proxy_holds_no_password_and_is_plain_http(proxy: str, reason: str) -> None:
    assert reason in refusal(proxy=proxy)


def test_no_authority_and_no_endpoint_leads_the_stacks_own_buckets_through_somebody_elses_hands() -> None:
    """Whoever may write a cluster's file may not therefore read what the functions put into the stack's buckets."""
    for taken in ({"ca": AUTHORITY.certificate}, {"endpoint": "https://s3.example.com"}):
        with pytest.raises(ValidationError):
            StorageSpec.model_validate({"proxy": "http://proxy.example.com:3128", **taken})


def test_an_authority_is_certificates_and_nothing_else() -> None:
    key = AUTHORITY.issue_member("x").key
    broken = "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n"
    assert storage(ca=f"notes\n{AUTHORITY.certificate}").ca == AUTHORITY.certificate
    assert "only the authority" in refusal(ca=AUTHORITY.certificate + key)
    assert "no PEM text" in refusal(ca="hello")
    assert "no X.509" in refusal(ca=broken)
    assert key.splitlines()[1] not in refusal(ca=AUTHORITY.certificate + key)


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_key": "c2VjcmV0"},
        {"encryption": {"kind": "customer"}},
        {"encryption": {"kind": "SSE-C"}},
        {"encryption": {"kind": "bucket", "customer_key": "c2VjcmV0"}},
    ],
)
def test_customer_keys_are_refused_with_the_reason(changes: dict[str, Any]) -> None:
    said = refusal(**changes)
    assert "a key that is lost takes every backup with it" in said
    assert "presigned URL" in said
    assert "c2VjcmV0" not in said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"secrets_bucket": None}, "come together"),
        ({"secrets_bucket": "snapshots"}, "share no bucket"),
        ({"secrets_credentials": None}, "come together"),
        ({"secrets_credentials": "holdfast-store/lab"}, "starts with holdfast-store-secrets/"),
        ({"credentials": "holdfast/prod/etcd"}, "starts with holdfast-store/"),
        ({"credentials": "holdfast-store/x\n"}, "never the value"),
        ({"role": ROLE, "secrets_role": OTHER_ROLE}, "either role or credentials"),
        ({"credentials": None, "secrets_credentials": None}, "needs role or credentials"),
        ({"credentials": None, "secrets_credentials": None, "role": ROLE}, "come together"),
        ({"credentials": None, "secrets_credentials": None, "role": ROLE, "secrets_role": ROLE}, "share no role"),
        ({"bucket": None, "secrets_bucket": None}, "name its bucket"),
        ({"endpoint": None, "ca": AUTHORITY.certificate}, "ca belongs to an endpoint of your own"),
        ({"encryption": {"kind": "kms", "key": KEY}}, "needs key and secrets_key"),
        ({"encryption": {"kind": "kms", "key": KEY, "secrets_key": KEY}}, "share no key"),
        ({"encryption": {"kind": "s3", "key": KEY}}, "belong to kind: kms"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_what_belongs_together_is_checked_together(changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(**changes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bucket", "Upper"),
        ("bucket", "a/b"),
        ("region", "eu central"),
        ("folder", "/a"),
        ("folder", "a//b"),
        ("folder", "../b"),
        ("folder", "a/../b"),
        ("folder", "a/"),
        ("addressing", "dns"),
        ("checksums", "crc32"),
        ("attempts", 0),
        ("read_timeout_s", 100_000),
        ("encryption", {"kind": "kms", "key": "a b", "secrets_key": "c"}),
    ],
)
def test_a_value_out_of_its_form_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        storage(**{field: value})


def test_each_side_names_its_own_key() -> None:
    spec = storage(encryption={"kind": "kms", "key": KEY, "secrets_key": "other"})
    assert spec.encryption.headers("snapshots")["x-amz-server-side-encryption-aws-kms-key-id"] == KEY
    assert spec.encryption.headers("secrets")["x-amz-server-side-encryption-aws-kms-key-id"] == "other"


@pytest.mark.parametrize("fields", [{"secret_key": "a b"}, {"secret_key": "a", "session_token": "x\ny"}])
def test_keys_of_a_store_are_one_line_each_and_in_no_message(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        StoreKeys.model_validate({"access_key": "AK"} | fields)
    assert "one line" in str(caught.value)
    assert "a b" not in str(caught.value)
