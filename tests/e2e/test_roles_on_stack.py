"""What roles may not do is tried with their own credentials on the deployed product, and is refused.

Each attempt says which check stopped it: "implicitDeny" when no policy allows it, "explicitDeny" when the bucket's
policy refuses it although the caller's own might allow it. An administrator (`admin`) is somebody whose policy allows
everything.
"""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from builders.attempts import (
    CLUSTER,
    Attempt,
    Ground,
    around_lock,
    bucket,
    bundle,
    put,
    release,
    snapshot,
    version,
    version_around_lock,
)
from builders.product import Product
from template.stack import functions, stack, statements, text_of

REFUSALS = ("AccessDenied", "AccessDeniedException", "AuthorizationError")
DELETING = ("BackupRetainRole", "BackupFailedRole", "BackupStoppedRole")


@pytest.fixture(scope="module")
def ground(product: Product) -> Ground:
    product.apply(CLUSTER)
    ended = product.run(CLUSTER)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    key = product.client("kms").create_key()["KeyMetadata"]["Arn"]
    made = Ground(product, json.loads(ended["output"])["backup_id"], key)
    for name in ("n1/bundle.tar", "n1/certificates.pem"):
        product.client("s3").put_object(**made.of(name, "SecretsBucket"), Body=b"secret")
    made.make_roles()
    return made


WRITERS = sorted(
    {each.owner for each in statements() if "s3:PutObject" in each.actions} - {*DELETING, "OperatorPolicy"}
)
READERS = sorted(
    {
        each.owner
        for each in statements()
        for resource in each.resources
        if "s3:GetObject" in each.actions
        and "${SnapshotsBucket.Arn}" in text_of(resource)
        and each.owner.endswith("Role")
    }
    - {"BackupSecretsRole", "RestorePhaseRole", "BreakGlassRole"}
)
FUNCTION_ROLES = sorted(
    function.role for function in functions().values() if "Condition" not in stack()["Resources"][function.role]
)
BUCKETS = ("SnapshotsBucket", "SecretsBucket")
LIFECYCLE = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
SSE = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
CHANGES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("put_bucket_policy", {"Policy": "{}"}, "s3:PutBucketPolicy"),
    ("delete_bucket_policy", {}, "s3:DeleteBucketPolicy"),
    ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": LIFECYCLE}, "s3:PutLifecycleConfiguration"),
    ("delete_bucket_lifecycle", {}, "s3:PutLifecycleConfiguration"),
    ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}, "s3:PutBucketVersioning"),
    ("put_bucket_encryption", {"ServerSideEncryptionConfiguration": SSE}, "s3:PutEncryptionConfiguration"),
    ("delete_bucket_encryption", {}, "s3:PutEncryptionConfiguration"),
    (
        "put_object_lock_configuration",
        {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
        "s3:PutBucketObjectLockConfiguration",
    ),
    ("delete_public_access_block", {}, "s3:PutBucketPublicAccessBlock"),
    ("delete_bucket", {}, "s3:DeleteBucket"),
)

ATTEMPTS = [
    # Who writes does not delete, who deletes does not write.
    *(Attempt(who, "s3.delete_object", version, "s3:DeleteObjectVersion", "explicitDeny") for who in WRITERS),
    *(Attempt(who, "s3.delete_object", snapshot, "s3:DeleteObject", "explicitDeny") for who in FUNCTION_ROLES),
    *(Attempt(who, "s3.put_object", put("snapshot.db.zst"), "s3:PutObject") for who in DELETING),
    *(Attempt(who, "s3.put_object", put("manifest.json"), "s3:PutObject") for who in DELETING),
    *(Attempt(who, "s3.put_object", put("n1/bundle.tar", "SecretsBucket"), "s3:PutObject") for who in DELETING),
    *(
        Attempt(
            who, "s3.delete_object", lambda g: {**g.of("manifest.json"), "VersionId": "any"}, "s3:DeleteObjectVersion"
        )
        for who in ("BackupFailedRole", "BackupStoppedRole")
    ),
    # Who reads snapshots reads no secrets; who writes secrets reads none back.
    *(Attempt(who, "s3.get_object", bundle, "s3:GetObject", "explicitDeny") for who in READERS),
    Attempt("BackupSecretsRole", "s3.get_object", bundle, "s3:GetObject"),
    Attempt("BackupSecretsRole", "s3.get_object", snapshot, "s3:GetObject"),
    Attempt("BackupSecretsRole", "s3.put_object", put("snapshot.db.zst"), "s3:PutObject"),
    Attempt("BackupSnapshotRole", "s3.put_object", put("n1/bundle.tar", "SecretsBucket"), "s3:PutObject"),
    Attempt("RestorePhaseRole", "s3.put_object", put("snapshot.db.zst"), "s3:PutObject"),
    # Lock locks, and that is all.
    Attempt("BackupLockRole", "s3.get_object", snapshot, "s3:GetObject"),
    Attempt("BackupLockRole", "s3.put_object", put("manifest.json"), "s3:PutObject"),
    Attempt("BackupLockRole", "s3.put_object_legal_hold", release, "s3:PutObjectLegalHold", "explicitDeny"),
    Attempt("BackupLockRole", "s3.put_object_retention", around_lock, "s3:BypassGovernanceRetention", "explicitDeny"),
    Attempt("BackupVerifyRole", "s3.put_object_retention", around_lock, "s3:PutObjectRetention", "explicitDeny"),
    Attempt("reader without the key", "s3.get_object", snapshot, "kms:Decrypt"),
    # An administrator, whose own policies allow everything.
    *(
        Attempt("admin", f"s3.{operation}", bucket(name, **more), action, "explicitDeny")
        for name in BUCKETS
        for operation, more, action in CHANGES
    ),
    Attempt("admin", "s3.get_object", bundle, "s3:GetObject", "explicitDeny"),
    Attempt("admin", "s3.delete_object", version, "s3:DeleteObjectVersion", "explicitDeny"),
    Attempt("admin", "s3.delete_object", snapshot, "s3:DeleteObject", "explicitDeny"),
    Attempt(
        "admin",
        "s3.put_object_legal_hold",
        release,
        "s3:PutObjectLegalHold",
        "explicitDeny",
    ),
    Attempt("admin", "s3.put_object_retention", around_lock, "s3:PutObjectRetention", "explicitDeny"),
    Attempt("admin", "s3.delete_object", version_around_lock, "s3:DeleteObjectVersion", "explicitDeny"),
    Attempt(
        "BackupRetainRole", "s3.delete_object", version_around_lock, "s3:BypassGovernanceRetention", "explicitDeny"
    ),
    # Wrong key, wrong encryption, no TLS: refused to who may put the object otherwise.
    *(
        Attempt("BackupSealRole", "s3.put_object", put("manifest.json", **more), "s3:PutObject", "explicitDeny")
        for more in (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": lambda g: g.other_key},
            {"ServerSideEncryption": "AES256"},
            {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32},
        )
    ),
    Attempt("BackupSealRole", "s3.put_object", put("manifest.json"), "s3:PutObject", "explicitDeny", plain_http=True),
    Attempt("BackupVerifyRole", "s3.get_object", snapshot, "s3:GetObject", "explicitDeny", plain_http=True),
    # Another account, whose administrator may do everything there.
    *(
        Attempt("foreign", f"s3.{operation}", parameters, action, "explicitDeny")
        for operation, parameters, action in (
            ("get_object", snapshot, "s3:GetObject"),
            ("put_object", put("manifest.json"), "s3:PutObject"),
            ("delete_object", version, "s3:DeleteObjectVersion"),
            ("list_objects_v2", bucket("SnapshotsBucket"), "s3:ListBucket"),
            ("get_object", bundle, "s3:GetObject"),
            ("put_bucket_policy", bucket("SnapshotsBucket", Policy="{}"), "s3:PutBucketPolicy"),
        )
    ),
    # People.
    *(Attempt(who, "s3.get_object", snapshot, "s3:GetObject") for who in ("auditor", "operator", "approver")),
    *(Attempt(who, "s3.get_object", bundle, "s3:GetObject", "explicitDeny") for who in ("auditor", "operator", "both")),
    Attempt("auditor", "s3.put_object", put("manifest.json"), "s3:PutObject"),
    *(
        Attempt(
            who,
            "stepfunctions.start_execution",
            lambda g: {"stateMachineArn": g.output("RestoreMachineArn")},
            "states:StartExecution",
            decision,
        )
        for who, decision in (
            ("auditor", "implicitDeny"),
            ("approver", "explicitDeny"),
            ("both", "explicitDeny"),
            ("BreakGlassRole", "implicitDeny"),
        )
    ),
    *(
        Attempt(
            who,
            "stepfunctions.send_task_success",
            lambda _: {"taskToken": "t", "output": "{}"},
            "states:SendTaskSuccess",
            decision,
        )
        for who, decision in (
            ("auditor", "implicitDeny"),
            ("operator", "explicitDeny"),
            ("both", "explicitDeny"),
            ("RestoreApprovalRole", "implicitDeny"),
            ("RestorePhaseRole", "implicitDeny"),
        )
    ),
    Attempt(
        "operator",
        "s3.put_object_legal_hold",
        release,
        "s3:PutObjectLegalHold",
        "explicitDeny",
    ),
    Attempt(
        "auditor",
        "secretsmanager.get_secret_value",
        lambda _: {"SecretId": f"holdfast/{CLUSTER}/etcd"},
        "secretsmanager:GetSecretValue",
    ),
    # Functions keep to their own work.
    Attempt(
        "BackupVerifyRole",
        "kms.sign",
        lambda g: {
            "KeyId": g.output("SigningKeyArn"),
            "Message": b"0" * 32,
            "MessageType": "DIGEST",
            "SigningAlgorithm": "ECDSA_SHA_256",
        },
        "kms:Sign",
    ),
    Attempt(
        "BackupSealRole",
        "kms.decrypt",
        lambda g: {"KeyId": g.output("SecretsKeyArn"), "CiphertextBlob": b"0"},
        "kms:Decrypt",
    ),
    Attempt(
        "BackupVerifyRole",
        "secretsmanager.get_secret_value",
        lambda _: {"SecretId": f"holdfast/{CLUSTER}/etcd"},
        "secretsmanager:GetSecretValue",
    ),
    Attempt(
        "BackupSnapshotRole",
        "secretsmanager.get_secret_value",
        lambda _: {"SecretId": "another/secret"},
        "secretsmanager:GetSecretValue",
    ),
    Attempt(
        "StateMachineRole",
        "lambda.invoke",
        lambda _: {"FunctionName": "holdfast-restore-phase"},
        "lambda:InvokeFunction",
    ),
    Attempt(
        "ScheduleRole", "lambda.invoke", lambda _: {"FunctionName": "holdfast-backup-retain"}, "lambda:InvokeFunction"
    ),
    Attempt("RestoreStateMachineRole", "s3.get_object", snapshot, "s3:GetObject"),
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_what_is_forbidden_is_refused(attempt: Attempt, ground: Ground) -> None:
    with pytest.raises(ClientError) as refused:
        attempt.make(ground)
    assert refused.value.response["Error"]["Code"] in REFUSALS
    last = ground.last_trial()
    assert (last["action"], last["decision"]) == (attempt.action, attempt.decision)


PERMITTED = [
    Attempt("BackupVerifyRole", "s3.get_object", snapshot, ""),
    Attempt("RestorePhaseRole", "s3.get_object", bundle, ""),
    Attempt("BackupSealRole", "s3.put_object", put("manifest.json", ServerSideEncryption="aws:kms"), ""),
    Attempt("admin", "s3.get_object", snapshot, ""),
    Attempt(
        "admin", "s3.put_object_legal_hold", lambda g: {**g.of("verified.json"), "LegalHold": {"Status": "ON"}}, ""
    ),
    Attempt("auditor", "s3.get_object", lambda g: g.of("manifest.json"), ""),
]


@pytest.mark.parametrize("attempt", PERMITTED, ids=str)
def test_nearly_the_same_is_permitted_so_the_refusals_mean_something(attempt: Attempt, ground: Ground) -> None:
    attempt.make(ground)


def test_a_url_is_worth_no_more_than_the_role_that_signed_it(ground: Ground) -> None:
    url = ground.client("BackupVerifyRole", "s3", config=Config(signature_version="s3v4")).generate_presigned_url(
        "get_object", Params=bundle(ground), ExpiresIn=60
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)  # noqa: S310 - the stack's own URL
    assert refused.value.code == 403
    assert ground.last_trial()["decision"] == "explicitDeny"
