"""Backups into stores that are not the stack's, by the deployed functions with IAM enforced: with keys, by a role."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from builders import embedded
from builders.fault_proxy import FaultProxy, HttpFault, fault_proxy
from builders.product import TEMPLATE, Product, etcd_from_real_snapshot, product_on
from builders.s3_server import client_of, new_bucket, s3_server
from builders.stores import server_tls
from holdfast.engine.catalog import list_backups
from holdfast.engine.verification import load_report
from holdfast.local import stack
from holdfast.local.pki import CertificateAuthority, issue_ca

ACCOUNT = "000000000000"
ROLES = {side: f"arn:aws:iam::{ACCOUNT}:role/store-{side}" for side in ("snapshots", "secrets")}
ALLOWED = {
    "StoreCredentials": "yes",
    "StoreRoleArns": ROLES["snapshots"],
    "SecretsStoreRoleArns": ROLES["secrets"],
}
KMS = {"kind": "kms", "key": "the-key", "secrets_key": "the-other-key"}
_MINE = ("x-amz-server-side-encryption-aws-kms-key-id", "the-key")
# What a bucket policy demands of whatever makes an object. Parts and completions name nothing, as S3 has it.
DEMANDS = [
    HttpFault("PUT", ".json", "answer", 999, 403, "AccessDenied", unless=_MINE),
    HttpFault("POST", "uploads", "answer", 999, 403, "AccessDenied", unless=_MINE),
]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = embedded.home(tmp_path_factory.mktemp("product"), TEMPLATE)
    with etcd_from_real_snapshot(tmp_path_factory.mktemp("source")) as etcd:
        info = stack.up(home, lambda _line: None, iam="enforce", parameters=ALLOWED)
        try:
            yield product_on(info, etcd, home.iam_log)
        finally:
            stack.down(home)


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return issue_ca("The authority of another store")


@pytest.fixture(scope="module")
def away(authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FaultProxy, Any]]:
    """Another store under a private authority, whose bucket demands headers; and a client behind its back."""
    tls = server_tls(authority, tmp_path_factory.mktemp("tls"))
    with s3_server() as url, fault_proxy(url, DEMANDS, tls=tls) as proxy:
        yield proxy, client_of(url)


def keys_below(client: Any, bucket: str, prefix: str) -> list[str]:
    return [each["Key"] for each in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def test_a_backup_goes_into_a_store_with_keys_of_its_own_under_a_private_authority(
    product: Product, away: tuple[FaultProxy, Any], authority: CertificateAuthority
) -> None:
    proxy, direct = away
    bucket, other = new_bucket(direct, versioned=True), new_bucket(direct)
    for name in ("holdfast-store/away", "holdfast-store-secrets/away"):
        text = json.dumps({"access_key": "test", "secret_key": "test"})
        product.client("secretsmanager").create_secret(Name=name, SecretString=text)
    storage = {
        "endpoint": proxy.url,
        "region": "us-east-1",
        "ca": authority.certificate,
        "bucket": bucket,
        "secrets_bucket": other,
        "credentials": "holdfast-store/away",
        "secrets_credentials": "holdfast-store-secrets/away",
        "folder": "team/etcd",
        "encryption": KMS,
    }
    product.apply("away", storage=storage)
    ended = product.run("away")
    assert ended["status"] == "SUCCEEDED", ended
    (entry,) = list_backups(product.services.reader, "away")
    assert entry.state == "verified"
    assert load_report(product.services.reader, "away", entry.backup_id).backup_id == entry.backup_id
    keys = keys_below(direct, bucket, "")
    assert all(key.startswith("team/etcd/away/") for key in keys)
    assert f"team/etcd/away/{entry.backup_id}/manifest.json" in keys
    assert keys_below(product.client("s3"), product.bucket, "away/") == []
    assert not [fault for fault in DEMANDS if fault.met]


def store_role(product: Product, side: str, bucket: str, external_id: str) -> None:
    iam = product.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
            }
        ],
    }
    everything = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
        ],
    }
    name = ROLES[side].rpartition("/")[2]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName="store", PolicyDocument=json.dumps(everything))


def test_a_backup_goes_into_another_bucket_by_a_role_that_the_stack_may_assume(product: Product) -> None:
    s3 = product.client("s3")
    buckets = {}
    for side in ROLES:
        buckets[side] = f"another-{side}"
        where = {"LocationConstraint": product.info.region}
        s3.create_bucket(Bucket=buckets[side], CreateBucketConfiguration=where)
        # LocalStack 4.14.0 answers 500 to a removal of the version "null", which is all that a bucket without has.
        s3.put_bucket_versioning(Bucket=buckets[side], VersioningConfiguration={"Status": "Enabled"})
        store_role(product, side, buckets[side], "lab-7")
    storage = {
        "region": product.info.region,
        "bucket": buckets["snapshots"],
        "secrets_bucket": buckets["secrets"],
        "role": {"arn": ROLES["snapshots"], "external_id": "lab-7"},
        "secrets_role": {"arn": ROLES["secrets"], "external_id": "lab-7"},
    }
    product.apply("by-role", storage=storage)
    ended = product.run("by-role")
    assert ended["status"] == "SUCCEEDED", ended
    (entry,) = list_backups(product.services.reader, "by-role")
    assert entry.state == "verified"
    assert f"by-role/{entry.backup_id}/manifest.json" in keys_below(s3, buckets["snapshots"], "by-role/")
    assert keys_below(s3, product.bucket, "by-role/") == []
