"""How a store of one's own is opened: its CA, its proxy, its keys, its role, its encryption, for every verb alike."""

import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.connect_proxy import connect_proxy
from builders.fault_proxy import FaultProxy, HttpFault, fault_proxy
from builders.granted import over_http
from builders.stores import KEYS, server_tls, storage, stores
from holdfast.errors import PermanentError, TransientError
from holdfast.local.pki import CertificateAuthority, issue_ca
from holdfast.models.storage import StorageSpec, StoreKeys
from holdfast.storage.ca_file import ca_file
from holdfast.storage.s3_stores import OpenStore

KMS = {
    "kind": "kms",
    "key": "arn:aws:kms:us-east-1:123456789012:key/snapshots",
    "secrets_key": "arn:aws:kms:us-east-1:123456789012:key/secrets",
}
DEMANDS = [
    HttpFault(method, "", "answer", times=99, status=403, code="AccessDenied",
              unless=("x-amz-server-side-encryption", "aws:kms"))
    for method in ("PUT", "POST")
]  # fmt: skip


@pytest.fixture
def authority() -> CertificateAuthority:
    return issue_ca("A private authority")


@pytest.fixture
def tls_store(s3_url: str, authority: CertificateAuthority, tmp_path: Path) -> Iterator[FaultProxy]:
    with fault_proxy(s3_url, tls=server_tls(authority, tmp_path)) as proxy:
        yield proxy


def opened(spec: StorageSpec) -> OpenStore:
    return stores().open(spec, "snapshots", "unused")


VERBS: dict[str, Callable[[OpenStore], object]] = {
    "head": lambda store: store.bucket.head("a"),
    "read": lambda store: store.bucket.read("a"),
    "list": lambda store: list(store.bucket.list("a")),
    "put": lambda store: store.bucket.put("a", b"x"),
    "put_if_absent": lambda store: store.bucket.put_if_absent("a", b"x"),
    "start_upload": lambda store: store.bucket.start_upload("up").part(1, b"x"),
    "abort_uploads": lambda store: store.bucket.abort_uploads("up"),
    "begin_upload": lambda store: store.grants.begin_upload("granted", content_type="application/zstd"),
    "remove": lambda store: store.bucket.remove(["a"]),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_knows_the_private_authority(
    tls_store: FaultProxy, authority: CertificateAuthority, bucket: str, direct: Any, verb: str
) -> None:
    direct.put_object(Bucket=bucket, Key="a", Body=b"x")
    VERBS[verb](opened(storage(endpoint=tls_store.url, bucket=bucket, ca=authority.certificate)))
    assert tls_store.requests


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("wrong", ["another authority", "no authority"])
def test_a_certificate_of_a_stranger_is_refused_by_every_verb(
    tls_store: FaultProxy, bucket: str, verb: str, wrong: str
) -> None:
    ca = issue_ca().certificate if wrong == "another authority" else None
    with pytest.raises(PermanentError) as error:
        VERBS[verb](opened(storage(endpoint=tls_store.url, bucket=bucket, ca=ca)))
    assert error.value.code == "storage_tls"
    assert "ca in the storage" in error.value.hint
    assert not tls_store.requests


def test_one_stores_authority_is_nobody_elses(
    tls_store: FaultProxy, authority: CertificateAuthority, bucket: str
) -> None:
    """Gardener's store client changed what the whole process trusts, and dropped its proxies (peers did so)."""
    before, default = dict(os.environ), ssl.create_default_context().cert_store_stats()
    both = stores()
    both.open(storage(endpoint=tls_store.url, bucket=bucket, ca=authority.certificate), "snapshots", "").bucket.put(
        "a", b"x"
    )
    other = both.open(storage(endpoint=tls_store.url, bucket=bucket), "snapshots", "")
    with pytest.raises(PermanentError, match="storage_tls"):
        other.bucket.head("a")
    assert dict(os.environ) == before
    assert ssl.create_default_context().cert_store_stats() == default


def test_the_file_with_an_authority_is_ours_alone(authority: CertificateAuthority) -> None:
    path = Path(ca_file(authority.certificate))
    assert path.read_text() == authority.certificate
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert ca_file(authority.certificate) == str(path)
    assert ca_file(issue_ca().certificate) != str(path)


def test_the_file_with_an_authority_goes_with_its_process(authority: CertificateAuthority) -> None:
    code = "import sys; from holdfast.storage.ca_file import ca_file; print(ca_file(sys.stdin.read()))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=authority.certificate, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith(".pem")
    assert not Path(done.stdout.strip()).parent.exists()


def test_the_way_leads_through_the_stores_proxy_and_tls_ends_at_the_store(
    tls_store: FaultProxy, authority: CertificateAuthority, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with connect_proxy() as proxy:
        spec = storage(endpoint=tls_store.url, bucket=bucket, ca=authority.certificate, proxy=proxy.url)
        store = opened(spec)
        store.bucket.put("a", b"through")
        assert store.bucket.read("a") == b"through"
        assert set(proxy.asked) == {tls_store.url.removeprefix("https://")}
        assert store.grants.url_use("a").proxy == proxy.url


def test_a_proxy_that_is_down_is_named_and_worth_another_try(authority: CertificateAuthority) -> None:
    spec = storage(endpoint="https://127.0.0.1:9", proxy="http://127.0.0.1:1", attempts=1, ca=authority.certificate)
    with pytest.raises(TransientError) as error:
        opened(spec).bucket.head("a")
    assert error.value.code == "storage_proxy_unreachable"
    assert "127.0.0.1:1" in error.value.message


def test_where_the_spec_names_no_proxy_that_of_the_environment_stays(
    tls_store: FaultProxy, authority: CertificateAuthority, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        opened(storage(endpoint=tls_store.url, bucket=bucket, ca=authority.certificate)).bucket.put("a", b"x")
        assert proxy.asked


def sent(proxy: FaultProxy, method: str, target: str) -> list[dict[str, str]]:
    both = zip(proxy.requests, proxy.headers, strict=True)
    return [headers for request, headers in both if request.startswith(method) and target in request]


@pytest.mark.parametrize(("side", "key"), [("snapshots", KMS["key"]), ("secrets", KMS["secrets_key"])])
def test_every_put_and_upload_names_the_key_of_its_side(s3_url: str, bucket: str, side: Any, key: str) -> None:
    with fault_proxy(s3_url, DEMANDS) as proxy:
        spec = storage(endpoint=proxy.url, bucket=bucket, secrets_bucket=f"{bucket}-2", encryption=KMS)
        spec = spec.model_copy(update={"secrets_bucket": bucket})
        store = stores().open(spec, side, "unused")
        store.bucket.put("a", b"x")
        store.bucket.put_if_absent("b", b"x")
        store.bucket.start_upload("c")
        store.grants.begin_upload("d", content_type="application/zstd")
        told = sent(proxy, "PUT", "/a") + sent(proxy, "PUT", "/b") + sent(proxy, "POST", "?uploads")
    assert len(told) == 4
    assert {each["x-amz-server-side-encryption-aws-kms-key-id"] for each in told} == {key}


def test_a_bucket_whose_policy_demands_headers_is_told_with_what_to_set(s3_url: str, bucket: str) -> None:
    with fault_proxy(s3_url, DEMANDS) as proxy:
        store = opened(storage(endpoint=proxy.url, bucket=bucket))
        for call in (lambda: store.bucket.put("a", b"x"), lambda: store.bucket.start_upload("b")):
            with pytest.raises(PermanentError) as error:
                call()
            assert error.value.code == "storage_access_denied"
            assert "set encryption in the storage" in error.value.hint


def test_a_url_for_a_put_says_which_headers_it_must_have_and_they_are_signed(s3_url: str, bucket: str) -> None:
    with fault_proxy(s3_url, DEMANDS) as proxy:
        grants = opened(storage(endpoint=proxy.url, bucket=bucket, encryption=KMS)).grants
        url = grants.put_url("a", expires_s=60)
        headers = dict(line.split(": ", 1) for line in grants.url_use("a").put_headers)
        assert "X-Amz-SignedHeaders=host%3B" + "%3B".join(sorted(headers)) in url.get_secret_value()
        assert over_http(url, b"x")[0] == 403
        assert over_http(url, b"x", headers=headers)[0] == 200


def test_parts_of_an_encrypted_upload_need_no_header_of_their_own(s3_url: str, bucket: str) -> None:
    grants = opened(storage(endpoint=s3_url, bucket=bucket, encryption=KMS)).grants
    (url,) = grants.part_urls("a", grants.begin_upload("a", content_type="x/y"), 1, expires_s=60)
    assert "SignedHeaders=host&" in f"{url.get_secret_value()}&"


def test_a_store_is_opened_once_for_each_side_and_its_keys_are_read_when_they_are_needed(
    s3_url: str, bucket: str
) -> None:
    read = []

    def keys(name: str) -> StoreKeys:
        read.append(name)
        return KEYS

    made = stores(keys)
    spec = storage(endpoint=s3_url, bucket=bucket)
    first = made.open(spec, "snapshots", "")
    assert made.open(spec, "snapshots", "") is first
    assert made.open(spec, "secrets", "") is not first
    assert read == []
    first.bucket.put("a", b"x")
    first.bucket.put("b", b"x")
    assert read == ["holdfast-store/lab"]


def test_keys_that_cannot_be_read_are_the_error_of_whatever_needs_them(s3_url: str, bucket: str) -> None:
    def keys(name: str) -> StoreKeys:
        raise PermanentError("secret_access_denied", name)

    store = stores(keys).open(storage(endpoint=s3_url, bucket=bucket), "snapshots", "")
    for call in (lambda: store.bucket.put("a", b"x"), lambda: store.grants.put_url("a", expires_s=9)):
        with pytest.raises(PermanentError, match="holdfast-store/lab") as error:
            call()
        assert error.value.code == "secret_access_denied"


def test_short_lived_keys_are_sent_with_their_token(s3_url: str, bucket: str) -> None:
    short = StoreKeys.model_validate({"access_key": "AK", "secret_key": "s", "session_token": "a-token"})
    with fault_proxy(s3_url) as proxy:
        made = stores(lambda _: short)
        made.open(storage(endpoint=proxy.url, bucket=bucket), "snapshots", "").bucket.put("a", b"x")
    (headers,) = proxy.headers
    assert headers["x-amz-security-token"] == "a-token"
    assert "Credential=AK/" in headers["authorization"]


@pytest.mark.parametrize(
    ("headers", "named"), [((("x-amz-bucket-region", "eu-west-3"),), "eu-west-3"), ((), "PermanentRedirect|on demand")]
)
@pytest.mark.parametrize("status", [301, 307])
def test_a_bucket_in_another_region_is_told_with_the_region(
    s3_url: str, bucket: str, status: int, headers: Any, named: str
) -> None:
    away = [
        HttpFault(method, "", "answer", times=99, status=status, code="PermanentRedirect", headers=headers)
        for method in ("GET", "HEAD", "PUT")
    ]
    with fault_proxy(s3_url, away) as proxy:
        store = opened(storage(endpoint=proxy.url, bucket=bucket))
        for call in (
            lambda: store.bucket.read("a"),
            lambda: list(store.bucket.list("a")),
            lambda: store.bucket.put("a", b""),
        ):
            with pytest.raises(PermanentError, match=named) as error:
                call()
            assert error.value.code == "storage_wrong_region"
            assert "set region in the storage" in error.value.hint


def test_a_listing_that_is_refused_is_an_error_and_not_an_empty_bucket(s3_url: str, bucket: str) -> None:
    denied = HttpFault("GET", "list-type=2", "answer", times=99, status=403, code="AccessDenied")
    with fault_proxy(s3_url, [denied]) as proxy:
        with pytest.raises(PermanentError) as error:
            list(opened(storage(endpoint=proxy.url, bucket=bucket)).bucket.list(""))
        assert error.value.code == "storage_access_denied"


def test_a_token_that_expires_in_mid_upload_is_told_and_leaves_nothing_that_a_listing_shows(
    s3_url: str, bucket: str, direct: Any
) -> None:
    expired = HttpFault("PUT", "partNumber=2", "answer", times=99, status=400, code="ExpiredToken")
    with fault_proxy(s3_url, [expired]) as proxy:
        upload = opened(storage(endpoint=proxy.url, bucket=bucket)).bucket.start_upload("a")
        upload.part(1, bytes(5 * 1024 * 1024))
        with pytest.raises(PermanentError) as error:
            upload.part(2, b"x")
    assert error.value.code == "storage_credentials"
    assert "renew the keys" in error.value.hint
    assert "Contents" not in direct.list_objects_v2(Bucket=bucket)
    assert opened(storage(endpoint=s3_url, bucket=bucket)).bucket.abort_uploads("a") == 1
