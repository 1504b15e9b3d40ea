"""Each role may do what its function calls, and no more."""

import re
from typing import Any

import pytest

from holdfast.state import items
from template.handlers import USES
from template.stack import (
    Statement,
    bucket_statements,
    declared_machines,
    denials,
    functions,
    resources,
    stack,
    statements,
    text_of,
)

ALL = list(statements())

# (owner, action) pairs that AWS gives no resource to restrict to, with the reason.
ANY_RESOURCE = {
    "TelemetryPolicy": ("xray:", "X-Ray's write calls know no resource (Service Authorization Reference)"),
    "ClusterAccessPolicy": ("ssm:(Get|Cancel)", "a command is no resource (Service Authorization Reference)"),
    "OperatorPolicy": ("states:SendTaskFailure", "a task token is no resource (Service Authorization Reference)"),
    "ApproverPolicy": ("states:SendTaskSuccess", "a task token is no resource (Service Authorization Reference)"),
    "VpcPolicy": ("ec2:", "Lambda itself calls these; it demands them on any resource (Lambda developer guide, VPC)"),
} | dict.fromkeys(
    ("StateMachineRole", "RestoreStateMachineRole", "PhaseStateMachineRole"),
    ("logs:|xray:", "log deliveries and traces know no resource (Step Functions developer guide)"),
)

# Read a cluster's credentials, and run commands on its nodes: a policy that the functions share which reach a cluster.
REACH = {"secretsmanager:GetSecretValue", "ssm:CancelCommand", "ssm:GetCommandInvocation", "ssm:SendCommand"}
REACHING = {"BackupStartedRole", "BackupSnapshotRole", "BackupSecretsRole", "BackupFailedRole", "BackupStoppedRole"} | {
    "RestoreStartedRole",
    "RestorePhaseRole",
    "RestoreFailedRole",
    "RestoreStoppedRole",
}
TELL = {"events:PutEvents", "sns:Publish"}
CLEAN_UP = {
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:UpdateItem",
    "s3:AbortMultipartUpload",
    "s3:DeleteObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
    "s3:PutObject",
    *TELL,
}
REPORT = {"s3:GetObject", "s3:ListBucket", "s3:PutObject", *TELL}
# Without the KMS actions, which follow from what is touched. A right that is added must be added here, and looked at.
GRANTED: dict[str, set[str]] = {
    "StartBackupRole": {"states:DescribeExecution", "states:StartExecution"},
    "BackupStartedRole": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:PutObject",
    },
    "BackupSnapshotRole": {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
    },
    "BackupSecretsRole": {"dynamodb:GetItem", "dynamodb:UpdateItem", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    "BackupSealRole": {"dynamodb:GetItem", "dynamodb:UpdateItem", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    "BackupVerifyRole": {"dynamodb:GetItem", "dynamodb:UpdateItem", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    "BackupLockRole": {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:GetObjectRetention",
        "s3:ListBucket",
        "s3:PutObjectRetention",
    },
    "BackupRetainRole": {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:DeleteObjectVersion",
        "s3:GetObjectLegalHold",
        "s3:GetObjectRetention",
        "s3:ListBucket",
        "s3:ListBucketVersions",
    },
    "BackupFinishedRole": {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        *TELL,
    },
    "BackupFailedRole": CLEAN_UP,
    "BackupStoppedRole": CLEAN_UP,
    "ScheduleRole": {"lambda:InvokeFunction"},
    # S3 assumes these; what they may do is in policies beside them (tests/template/test_storage.py).
    "SnapshotsReplicationRole": set(),
    "SecretsReplicationRole": set(),
    "RestoreStartedRole": {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
    },
    "RestoreApprovalRole": {"dynamodb:GetItem", "dynamodb:UpdateItem", "s3:GetObject", "s3:ListBucket", *TELL},
    "RestorePhaseRole": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    },
    "RestoreReportRole": {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "states:DescribeExecution",
        "states:StartExecution",
        *REPORT,
    },
    "RestoreFailedRole": {"dynamodb:GetItem", "s3:GetObject", "s3:ListBucket"},
    "RestoreEndedRole": {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        *REPORT,
    },
    "RestoreStoppedRole": {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem", *REPORT},
}
COPYING = ("SnapshotsReplicationPolicy", "SecretsReplicationPolicy")
# Asymmetric: no service stands between them and the key.
SIGNING = ("SignPolicy", "CheckSignaturesPolicy")
GRANTED["CheckFreshnessRole"] = {
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "s3:GetObject",
    "s3:ListBucket",
    *TELL,
}
# What people have, and the role that they become on the worst day.
PEOPLE: dict[str, set[str]] = {
    "AuditorPolicy": {
        "cloudformation:DescribeStacks",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "s3:GetObject",
        "s3:GetObjectLegalHold",
        "s3:GetObjectRetention",
        "s3:ListBucket",
        "scheduler:GetSchedule",
        "states:DescribeExecution",
        "states:GetExecutionHistory",
    },
    "OperatorPolicy": {
        "s3:PutObject",
        "s3:PutObjectLegalHold",
        "states:SendTaskFailure",
        "states:StartExecution",
        "states:StopExecution",
    },
    "ApproverPolicy": {"states:SendTaskSuccess"},
    "BreakGlassRole": {
        "cloudformation:DescribeStacks",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:BypassGovernanceRetention",
        "s3:DeleteBucketPolicy",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketPolicy",
        "s3:GetLifecycleConfiguration",
        "s3:GetObject",
        "s3:GetObjectLegalHold",
        "s3:GetObjectRetention",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketPolicy",
        "s3:PutLifecycleConfiguration",
        "s3:PutObjectLegalHold",
        "s3:PutObjectRetention",
    },
}
NOTIFY = {"NotifySlackRole": "SlackSecret", "NotifyWebhookRole": "WebhookSecret"}
GRANTED |= {role: {"secretsmanager:GetSecretValue"} for role in NOTIFY}
MACHINES = {"StateMachineRole", "RestoreStateMachineRole", "PhaseStateMachineRole"}


DELETING = ("BackupRetainRole", "BackupFailedRole", "BackupStoppedRole")
JSON = ("manifest.json", "manifest.sig", "verified.json", "damaged.json")
SNAPSHOTS = ["${SnapshotsBucket.Arn}/*/snapshot.db.zst", "${SnapshotsBucket.Arn}/*/snapshot.db.gz"]
SIGNATURE = "${SnapshotsBucket.Arn}/*/manifest.sig"
SECRETS = ["${SecretsBucket.Arn}/*/bundle.tar", "${SecretsBucket.Arn}/*/certificates.pem"]


def names(letter: str) -> str:
    """What the catalogue says of backups in one state."""
    return f"${{SnapshotsBucket.Arn}}/*/catalog/*.{letter}.*"


def of(owner: str, action: str) -> list[str]:
    """The resources on which `owner` may do `action`, as text."""
    return [
        text_of(resource)
        for statement in ALL
        for resource in statement.resources
        if statement.owner == owner and action in statement.actions
    ]


@pytest.mark.parametrize("statement", ALL, ids=lambda each: f"{each.owner}-{each.actions[0]}")
def test_no_action_is_a_pattern(statement: Statement) -> None:
    assert not [action for action in statement.actions if "*" in action]


@pytest.mark.parametrize("statement", ALL, ids=lambda each: f"{each.owner}-{each.actions[0]}")
def test_any_resource_is_allowed_only_where_aws_has_no_other_way(statement: Statement) -> None:
    if "*" in statement.resources:
        pattern, reason = ANY_RESOURCE.get(statement.owner, ("(?!)", "none"))
        assert all(re.match(pattern, action) for action in statement.actions), f"known reason: {reason}"


def test_every_listed_reason_is_still_needed() -> None:
    assert {statement.owner for statement in ALL if "*" in statement.resources} == set(ANY_RESOURCE)


@pytest.mark.parametrize("owner", sorted({**GRANTED, **PEOPLE}))
def test_a_role_may_do_what_is_listed_and_nothing_else(owner: str) -> None:
    found = {action for statement in ALL if statement.owner == owner for action in statement.actions}
    assert {action for action in found if not action.startswith("kms:")} == {**GRANTED, **PEOPLE}[owner]


def test_every_role_and_every_policy_is_looked_at() -> None:
    assert set(resources("AWS::IAM::Role")) == {*GRANTED, *MACHINES, "BreakGlassRole"}
    shared = {"TelemetryPolicy", "VpcPolicy", "ClusterAccessPolicy", *SIGNING, *STORES, *COPYING}
    assert set(resources("AWS::IAM::ManagedPolicy")) == {*PEOPLE, *shared} - {"BreakGlassRole"}


def test_no_two_functions_share_a_role() -> None:
    roles = [function.role for function in functions().values()]
    assert len(set(roles)) == len(roles)


def test_the_functions_that_delete_are_retain_and_the_clean_up_and_a_person_becomes_break_glass() -> None:
    deleting = {each.owner for each in ALL for action in each.actions if action.startswith("s3:Delete")}
    assert deleting == {*DELETING, "BreakGlassRole"}


def test_who_deletes_puts_nothing_that_a_backup_consists_of() -> None:
    putting = {resource for role in DELETING for resource in of(role, "s3:PutObject")}
    assert putting == {"${SnapshotsBucket.Arn}/*/runs/*/report.json"}


@pytest.mark.parametrize("role", ["BackupFailedRole", "BackupStoppedRole"])
def test_the_clean_up_cannot_touch_a_manifest(role: str) -> None:
    urls = "${SnapshotsBucket.Arn}/*/runs/*/upload.txt"
    assert of(role, "s3:DeleteObjectVersion") == [*SNAPSHOTS, SIGNATURE, urls, *SECRETS]
    assert of(role, "s3:PutObject") == ["${SnapshotsBucket.Arn}/*/runs/*/report.json"]


def test_only_seal_and_an_emergency_backup_put_a_manifest_and_only_verify_a_verdict() -> None:
    putting = {
        name: {each.owner for each in ALL if "s3:PutObject" in each.actions and _covers(each, name)}
        for name in (*JSON, "snapshot.db.zst", "snapshot.db.gz", "bundle.tar")
    }
    assert putting == {
        "manifest.json": {"BackupSealRole", "RestoreStartedRole"},
        "manifest.sig": {"BackupSealRole", "RestoreStartedRole"},
        "verified.json": {"BackupVerifyRole"},
        "damaged.json": {"BackupVerifyRole"},
        "snapshot.db.zst": {"BackupSnapshotRole", "RestoreStartedRole"},
        "snapshot.db.gz": {"BackupSnapshotRole", "RestoreStartedRole"},
        "bundle.tar": {"BackupSecretsRole"},
    }


def test_the_catalogue_is_told_of_a_state_by_who_found_it_and_no_function_can_remove_a_hold() -> None:
    told = {
        letter: {owner for owner in GRANTED if names(letter) in of(owner, "s3:PutObject")} for letter in ("s", "v", "d")
    }
    assert told == {
        "s": {"BackupSealRole", "RestoreStartedRole"},
        "v": {"BackupVerifyRole"},
        "d": {"BackupVerifyRole"},
    }
    removing = [each for each in of("BackupRetainRole", "s3:DeleteObjectVersion") if "/catalog/" in each]
    assert removing == [*(names(letter) for letter in "svd"), "${SnapshotsBucket.Arn}/*/catalog/*.accept"]
    assert not [each for owner in GRANTED for each in of(owner, "s3:DeleteObjectVersion") if each.endswith(".hold")]
    assert not [each for owner in GRANTED for each in of(owner, "s3:PutObject") if each.endswith(("/*", ".hold"))]


def _covers(statement: Statement, name: str) -> bool:
    return any(text_of(resource).endswith((f"/{name}", ".Arn}/*")) for resource in statement.resources)


def test_only_functions_that_reach_a_cluster_have_its_credentials_and_only_our_own() -> None:
    found = {action for each in ALL if each.owner == "ClusterAccessPolicy" for action in each.actions}
    assert {action for action in found if not action.startswith("kms:")} == REACH
    attached = {
        name
        for name, role in resources("AWS::IAM::Role").items()
        if {"Ref": "ClusterAccessPolicy"} in role.get("ManagedPolicyArns", ())
    }
    assert attached == REACHING
    assert {each.owner for each in ALL if REACH & set(each.actions)} - {*STORES, *NOTIFY} == {"ClusterAccessPolicy"}
    (secret,) = of("ClusterAccessPolicy", "secretsmanager:GetSecretValue")
    assert secret.endswith(":secret:holdfast/*")


STORES = {
    "StoreCredentialsPolicy": ("HasStoreCredentials", "secretsmanager:GetSecretValue"),
    "SecretsStoreCredentialsPolicy": ("HasStoreCredentials", "secretsmanager:GetSecretValue"),
    "StoreRolesPolicy": ("HasStoreRoles", "sts:AssumeRole"),
    "SecretsStoreRolesPolicy": ("HasSecretsStoreRoles", "sts:AssumeRole"),
}


@pytest.mark.parametrize("policy", STORES)
def test_other_stores_are_reached_only_where_the_installation_allows_it(policy: str) -> None:
    condition, action = STORES[policy]
    assert stack()["Resources"][policy]["Condition"] == condition
    found = {each for statement in ALL if statement.owner == policy for each in statement.actions}
    assert {each for each in found if not each.startswith("kms:")} == {action}


def test_keys_and_roles_of_other_stores_are_named_and_those_for_secrets_apart() -> None:
    secret = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
    assert of("StoreCredentialsPolicy", "secretsmanager:GetSecretValue") == [f"{secret}holdfast-store/*"]
    assert of("SecretsStoreCredentialsPolicy", "secretsmanager:GetSecretValue") == [f"{secret}holdfast-store-secrets/*"]
    assert of("StoreRolesPolicy", "sts:AssumeRole") == ["StoreRoleArns"]
    assert of("SecretsStoreRolesPolicy", "sts:AssumeRole") == ["SecretsStoreRoleArns"]


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_function_reaches_other_stores_for_the_buckets_that_it_touches_and_no_others(name: str) -> None:
    """As its uses say (handlers.py), which a test compares with what it asks for."""
    role = resources("AWS::IAM::Role")[functions()[name].role]
    attached = [each["Fn::If"] for each in role.get("ManagedPolicyArns", ()) if "Fn::If" in each]
    found = {policy["Ref"]: condition for condition, policy, _ in attached if policy["Ref"] in STORES}
    wanted: set[str] = set()
    if USES[name] & {"reader", "writer", "remover", "grants", "locks"}:
        wanted |= {"StoreCredentialsPolicy", "StoreRolesPolicy"}
    if any(each.startswith("secrets_") for each in USES[name]):
        wanted |= {"SecretsStoreCredentialsPolicy", "SecretsStoreRolesPolicy"}
    assert found == {policy: STORES[policy][0] for policy in wanted}


@pytest.mark.parametrize(
    "name", sorted(name for name, each in functions().items() if "HOLDFAST_STORAGE" in each.environment)
)
def test_whoever_touches_objects_may_look_up_where_a_cluster_has_them(name: str) -> None:
    assert "dynamodb:GetItem" in GRANTED[functions()[name].role]
    assert "HOLDFAST_TABLE" in functions()[name].environment


def test_commands_run_on_tagged_nodes_only_and_by_one_document() -> None:
    sending = [each for each in ALL if "ssm:SendCommand" in each.actions]
    on_nodes = [each for each in sending if each.condition]
    assert [text_of(resource) for each in sending if not each.condition for resource in each.resources] == [
        "arn:${AWS::Partition}:ssm:${AWS::Region}::document/AWS-RunShellScript"
    ]
    assert [each.condition for each in on_nodes] == [{"StringEquals": {"ssm:resourceTag/holdfast": "node"}}]


def test_who_may_read_a_secrets_bundle_hands_it_to_nodes_and_may_write_none() -> None:
    """A presigned URL is good for as much as its signer."""
    reading = {
        (each.owner, text_of(resource))
        for each in ALL
        for resource in each.resources
        if "SecretsBucket" in text_of(resource) and "s3:GetObject" in each.actions
    }
    assert reading == {
        ("BackupSecretsRole", "${SecretsBucket.Arn}/*/certificates.pem"),
        ("RestorePhaseRole", "${SecretsBucket.Arn}/*/bundle.tar"),
        ("BreakGlassRole", "${SecretsBucket.Arn}/*"),
    }


def test_who_writes_secrets_writes_no_snapshots_and_the_other_way_round() -> None:
    writing = {
        (each.owner, text_of(resource).partition(".")[0])
        for each in ALL
        for resource in each.resources
        if "s3:PutObject" in each.actions
    }
    owners = {bucket: {owner for owner, there in writing if there == bucket} for _, bucket in writing}
    assert owners["${SecretsBucket"] == {"BackupSecretsRole"}
    assert "BackupSecretsRole" not in owners["${SnapshotsBucket"]


# The bucket's keys: that its ARN is the encryption context follows from its bucket key.
THROUGH_S3 = {"SnapshotsKey": "SnapshotsBucket", "SecretsKey": "SecretsBucket"}


def test_keys_are_used_through_their_service_alone_and_for_what_is_ours() -> None:
    for statement in ALL:
        if statement.owner not in COPYING and {"kms:Decrypt", "kms:GenerateDataKey"} & set(statement.actions):
            assert statement.condition == _use_of(statement), statement.owner


def _use_of(statement: Statement) -> dict[str, Any]:
    def through(service: str) -> dict[str, Any]:
        return {"kms:ViaService": {"Fn::Sub": f"{service}.${{AWS::Region}}.amazonaws.com"}}

    (key,) = statement.resources
    name = key["Fn::GetAtt"][0]
    if secrets := of(statement.owner, "secretsmanager:GetSecretValue"):
        secret = {"Fn::Sub": secrets[0]}
        return {
            "StringEquals": through("secretsmanager"),
            "StringLike": {"kms:EncryptionContext:SecretARN": secret},
        }
    if name == "TopicKey":
        return {"StringEquals": through("sns")}
    return {
        "StringEquals": {
            **through("s3"),
            "kms:EncryptionContext:aws:s3:arn": {"Fn::GetAtt": [THROUGH_S3[name], "Arn"]},
        }
    }


@pytest.mark.parametrize("bucket", ["SnapshotsBucket", "SecretsBucket"])
def test_both_buckets_encrypt_with_a_bucket_key(bucket: str) -> None:
    """Without one S3 would give each object's ARN as the context, and no role could use the key."""
    (rule,) = resources("AWS::S3::Bucket")[bucket]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True


@pytest.mark.parametrize("owner", COPYING)
def test_who_copies_uses_both_keys_through_s3_alone(owner: str) -> None:
    kind = owner.removesuffix("ReplicationPolicy")
    used = {
        text_of(each.resources[0]): each.condition
        for each in ALL
        if each.owner == owner and any(action.startswith("kms:") for action in each.actions)
    }
    assert used == {
        f"{kind}Key.Arn": {
            "StringEquals": {
                "kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.amazonaws.com"},
                "kms:EncryptionContext:aws:s3:arn": {"Fn::GetAtt": [f"{kind}Bucket", "Arn"]},
            }
        },
        # In the region of the key, which is the copy's.
        f"Replica{kind}KeyArn": {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}},
    }


def test_only_who_seals_signs_and_by_one_algorithm_over_a_digest() -> None:
    (signs,) = [each for each in ALL if "kms:Sign" in each.actions]
    assert signs.owner == "SignPolicy"
    assert signs.condition == {"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256", "kms:MessageType": "DIGEST"}}
    assert attached("SignPolicy") == {"BackupSealRole", "RestoreStartedRole"}


def test_who_believes_a_manifest_may_ask_for_the_public_key_and_for_nothing_else_of_it() -> None:
    asks = [each for each in ALL if "kms:GetPublicKey" in each.actions]
    assert [(each.owner, each.actions) for each in asks] == [
        (owner, ("kms:GetPublicKey",)) for owner in ("CheckSignaturesPolicy", "AuditorPolicy")
    ]
    assert attached("CheckSignaturesPolicy") == {"BackupVerifyRole", "RestoreStartedRole"}


def test_the_signing_key_is_of_no_use_but_for_signatures() -> None:
    users = {each.owner for each in ALL if any("SigningKey" in str(resource) for resource in each.resources)}
    assert users == {*SIGNING, "AuditorPolicy"}


def attached(policy: str) -> set[str]:
    """The roles that have a managed policy whose condition holds."""
    wanted = {"Fn::If": ["Signs", {"Ref": policy}, {"Ref": "AWS::NoValue"}]}
    return {name for name, role in resources("AWS::IAM::Role").items() if wanted in role.get("ManagedPolicyArns", ())}


def test_who_reads_or_writes_objects_may_use_the_key() -> None:
    for role in GRANTED:
        kms = {action for each in ALL if each.owner == role for action in each.actions if action.startswith("kms:")}
        if "s3:PutObject" in GRANTED[role]:
            assert "kms:GenerateDataKey" in kms, role
        if "s3:GetObject" in GRANTED[role]:
            assert "kms:Decrypt" in kms, role


def test_the_scheduler_may_start_backups_for_this_stack_only() -> None:
    role: dict[str, Any] = resources("AWS::IAM::Role")["ScheduleRole"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert set(trust["Condition"]["StringEquals"]) == {"aws:SourceAccount", "aws:SourceArn"}
    assert of("ScheduleRole", "lambda:InvokeFunction") == ["StartBackupFunction.Arn"]


@pytest.mark.parametrize("name", ["backup", "restore", "phase"])
def test_a_state_machine_may_invoke_its_own_functions_only(name: str) -> None:
    declared = declared_machines()[name]
    wanted = {f"{each}.Arn" for each in declared["DefinitionSubstitutions"] if each != "PhaseStateMachine"}
    assert set(of(declared["Role"]["Fn::GetAtt"][0], "lambda:InvokeFunction")) == wanted


def test_a_restore_may_start_and_stop_its_phases_and_no_other_execution() -> None:
    """What startExecution.sync needs (Step Functions developer guide, "Manage AWS Step Functions executions")."""
    arn = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
    executions = arn % ("states", "execution:${PhaseStateMachine.Name}:*")
    rule = arn % ("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")
    found = {
        action: [text_of(resource) for resource in each.resources]
        for each in ALL
        if each.owner in MACHINES
        for action in each.actions
        if action.startswith(("states:", "events:"))
    }
    assert found == {
        "states:StartExecution": ["PhaseStateMachine"],
        "states:DescribeExecution": [executions],
        "states:StopExecution": [executions],
        "events:DescribeRule": [rule],
        "events:PutRule": [rule],
        "events:PutTargets": [rule],
    }
    stopping = {each.owner for each in ALL if "states:StopExecution" in each.actions}
    assert stopping == {"RestoreStateMachineRole", "OperatorPolicy"}


def test_no_function_answers_the_question_whether_a_restore_may_begin() -> None:
    """Only whoever may call Step Functions himself does: the command line, with the caller's own rights."""
    answering = {each.owner for each in ALL for action in each.actions if action.startswith("states:SendTask")}
    assert answering == {"OperatorPolicy", "ApproverPolicy"}


def test_with_four_eyes_nobody_asks_for_a_restore_and_lets_it_begin() -> None:
    assert [(each.owner, each.actions, [text_of(one) for one in each.resources]) for each in denials()] == [
        ("OperatorPolicy", ("states:SendTaskSuccess",), ["*"]),
        ("ApproverPolicy", ("states:StartExecution",), ["RestoreStateMachine"]),
    ]


def test_an_auditor_sees_no_bytes_of_a_snapshot_and_no_presigned_url() -> None:
    assert of("AuditorPolicy", "s3:GetObject") == [
        "${SnapshotsBucket.Arn}/*/*.json",
        "${SnapshotsBucket.Arn}/*/manifest.sig",
        "${SnapshotsBucket.Arn}/*/runbook.md",
        "${SnapshotsBucket.Arn}/*/catalog/*.hold",
    ]


def test_a_restore_puts_nothing_into_a_backup_but_its_emergency_backup() -> None:
    putting = {owner: set(of(owner, "s3:PutObject")) for owner in GRANTED if owner.startswith("Restore")}
    runs = "${SnapshotsBucket.Arn}/*/runs/*/"
    sealing = {"${SnapshotsBucket.Arn}/*/manifest.json", SIGNATURE, names("s")}
    assert putting.pop("RestoreStartedRole") - {*sealing, *SNAPSHOTS} == {
        runs + name for name in ("plan.json", "runbook.md", "emergency.json", "upload.txt")
    }
    assert {resource for found in putting.values() for resource in found} == {
        runs + name for name in ("approval.json", "steps/*.json", "report.json", "upload.txt")
    }


@pytest.mark.parametrize("role", NOTIFY)
def test_who_notifies_reads_the_one_secret_that_its_parameter_names(role: str) -> None:
    (secret,) = of(role, "secretsmanager:GetSecretValue")
    assert secret.endswith(f":secret:${{{NOTIFY[role]}}}-??????")
    pattern = stack()["Parameters"][NOTIFY[role]]["AllowedPattern"]
    assert re.fullmatch(pattern, "holdfast-notify/slack")
    assert not re.fullmatch(pattern, "holdfast/prod-1/etcd")


def test_a_look_at_freshness_reads_no_backup_and_writes_only_what_it_told() -> None:
    role = "CheckFreshnessRole"
    assert of(role, "s3:GetObject") == ["${SnapshotsBucket.Arn}/*/verified.json"]
    keys = {
        action: each.condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
        for each in ALL
        if each.owner == role
        for action in each.actions
        if action.startswith("dynamodb:")
    }
    assert keys["dynamodb:PutItem"] == keys["dynamodb:DeleteItem"] == [items.TOLD]
    assert keys["dynamodb:Query"] == [items.SPECS, items.TOLD]
    assert keys["dynamodb:GetItem"] == [items.SPECS]


def test_every_role_trusts_one_service_and_break_glass_a_person_with_mfa() -> None:
    roles = dict(resources("AWS::IAM::Role"))
    (trust,) = roles.pop("BreakGlassRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    assert set(trust["Principal"]) == {"AWS"}
    for name, role in roles.items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert re.fullmatch(r"(lambda|s3|states|scheduler)\.amazonaws\.com", trust["Principal"]["Service"]), name


# By the statement's Sid: who is left out of the denial. "CloudFormation" is whoever deploys through it.
LEFT_OUT: dict[str, set[str]] = {
    "TlsOnly": set(),
    "NoForeignAccount": set(),
    "NoOtherEncryption": set(),
    "NoOtherKey": set(),
    "NoKeyOfTheCaller": set(),
    "OnlyBreakGlassChangesTheBucket": {"BreakGlassRole", "DeploymentRole", "CloudFormation"},
    "OnlyRetentionDeletes": {"BreakGlassRole", *DELETING},
    "NobodyHides": {"BreakGlassRole"},
    "OnlyBreakGlassGetsAroundLocks": {"BreakGlassRole"},
    "OnlyLockSetsLocks": {"BackupLockRole", "BreakGlassRole"},
    "OnlyBreakGlassReleasesHolds": {"BreakGlassRole"},
    "NoOtherReader": {"BackupSecretsRole", "RestorePhaseRole", "BreakGlassRole"},
}


@pytest.mark.parametrize("statement", list(bucket_statements()), ids=lambda each: f"{each.owner}-{each.sid}")
def test_a_bucket_refuses_everybody_but_those_who_are_listed(statement: Statement) -> None:
    assert statement.effect == "Deny"
    assert _left_out(statement) == LEFT_OUT[statement.sid]


def _left_out(statement: Statement) -> set[str]:
    named = statement.condition.get("ArnNotLike", {}).get("aws:PrincipalArn", [])
    found = {_named(each) for each in (named if isinstance(named, list) else [named])}
    if "ForAllValues:StringNotEquals" in statement.condition:
        assert statement.condition["ForAllValues:StringNotEquals"] == {"aws:CalledVia": "cloudformation.amazonaws.com"}
        found.add("CloudFormation")
    return found


def _named(principal: dict[str, Any]) -> str:
    if "Fn::If" in principal:
        return str(principal["Fn::If"][1]["Ref"])
    return str(principal["Fn::GetAtt"][0])


def test_both_buckets_refuse_the_same_and_secrets_every_reader_but_restores() -> None:
    sids = {
        bucket: [each.sid for each in bucket_statements() if each.owner == bucket] for bucket in THROUGH_S3.values()
    }
    assert sids["SecretsBucket"] == [*sids["SnapshotsBucket"], "NoOtherReader"] == list(LEFT_OUT)
