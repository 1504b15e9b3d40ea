"""`holdfast cluster check` on real stores: it finds out what each of them cannot, and leaves nothing behind."""

import pytest

from builders.s3_server import new_bucket
from builders.sites import Site
from holdfast.models.storage import StorageSpec, StoreKeys
from holdfast.models.store import StoreFacts
from holdfast.planning.store_findings import store_findings
from holdfast.storage.s3_probing import S3Probe
from holdfast.storage.s3_stores import S3Stores


def spec_of(site: Site, bucket: str, **changes: object) -> StorageSpec:
    fields: dict[str, object] = {
        "endpoint": site.url,
        "region": "us-east-1",
        "bucket": bucket,
        "secrets_bucket": f"{bucket}-secrets",
        "credentials": "holdfast-store/lab",
        "secrets_credentials": "holdfast-store-secrets/lab",
        "ca": site.ca_file.read_text() if site.ca_file else None,
    }
    return StorageSpec.model_validate(fields | changes)


def look(site: Site, spec: StorageSpec) -> StoreFacts:
    frozen = site.session.get_credentials().get_frozen_credentials()
    keys = StoreKeys.model_validate({"access_key": frozen.access_key, "secret_key": frozen.secret_key})
    stores = S3Stores(site.session, lambda _: keys)
    return S3Probe(stores, {}, stores.kms_client).look("lab", spec, "snapshots", "check-1")


def codes(spec: StorageSpec, facts: StoreFacts) -> set[str]:
    return {each.code for each in store_findings(spec, facts)}


@pytest.mark.parametrize("locks", [False, True])
def test_a_look_leaves_nothing_behind(site: Site, locks: bool) -> None:
    client = site.client()
    bucket = new_bucket(client, locks=locks)
    facts = look(site, spec_of(site, bucket))
    assert (facts.error, facts.writing, facts.uploading, facts.reading, facts.left) == (None, None, None, None, ())
    there = client.list_object_versions(Bucket=bucket)
    assert not there.get("Versions")
    assert not there.get("DeleteMarkers")
    assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert (facts.object_lock, facts.versioning) == (("on", "on") if locks else ("off", "off"))


def test_what_ceph_cannot_is_found_out_with_the_lines_to_set(ceph: Site) -> None:
    bucket = new_bucket(ceph.client(), locks=True)
    spec = spec_of(ceph, bucket)
    found = codes(spec, look(ceph, spec))
    assert {"store_checksums_missing", "store_conditions_ignored"} <= found
    told = spec_of(ceph, bucket, checksums="none", conditional_puts=False)
    assert not {"store_checksums_missing", "store_conditions_ignored"} & codes(told, look(ceph, told))


def test_what_localstack_can_is_seen(localstack: Site) -> None:
    spec = spec_of(localstack, new_bucket(localstack.client(), locks=True))
    facts = look(localstack, spec)
    assert (facts.checksums, facts.conditions, facts.encryption) == ("on", "honoured", "AES256")
    assert not [each for each in store_findings(spec, facts) if each.level == "refuse"]


def test_a_bucket_that_is_not_there_is_told(site: Site) -> None:
    spec = spec_of(site, "nobody-made-this")
    assert codes(spec, look(site, spec)) <= {"bucket_not_found", "storage_access_denied"}


def test_wrong_keys_are_told(ceph: Site) -> None:
    wrong = StoreKeys.model_validate({"access_key": "NOBODY", "secret_key": "wrong"})
    stores = S3Stores(ceph.session, lambda _: wrong)
    spec = spec_of(ceph, new_bucket(ceph.client()))
    facts = S3Probe(stores, {}, stores.kms_client).look("lab", spec, "snapshots", "check-1")
    refused = {each.code for each in store_findings(spec, facts) if each.level == "refuse"}
    assert refused == {"storage_credentials"}
