"""Buckets, keys, table and topic have the properties that a backup's safety rests on."""

import re
from typing import Any

import pytest

from holdfast.state import items
from template.stack import ROOT, declared_machines, resources, stack

BUCKETS = {"SnapshotsBucket": "SnapshotsKey", "SecretsBucket": "SecretsKey"}
KEPT = (*BUCKETS, *BUCKETS.values(), "Table")


@pytest.mark.parametrize("name", [*KEPT, "SigningKey"])
def test_what_backups_need_outlives_the_stack(name: str) -> None:
    resource = stack()["Resources"][name]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_there_are_two_buckets_and_each_has_a_key_of_its_own() -> None:
    assert set(resources("AWS::S3::Bucket")) == set(BUCKETS)
    for bucket, key in BUCKETS.items():
        (rule,) = resources("AWS::S3::Bucket")[bucket]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["BucketKeyEnabled"] is True
        default = rule["ServerSideEncryptionByDefault"]
        assert default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": [key, "Arn"]}}


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_versioned_lockable_and_private(name: str) -> None:
    bucket = resources("AWS::S3::Bucket")[name]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4


KINDS = ("Snapshots", "Secrets")


def replication(kind: str) -> dict[str, Any]:
    """What the bucket has where copies are wanted, and nothing where they are not."""
    condition, wanted, otherwise = resources("AWS::S3::Bucket")[f"{kind}Bucket"]["ReplicationConfiguration"]["Fn::If"]
    assert (condition, otherwise) == (f"Copies{kind}", {"Ref": "AWS::NoValue"})
    found: dict[str, Any] = wanted
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_copied_under_its_own_key_and_no_deletion_is(kind: str) -> None:
    (rule,) = replication(kind)["Rules"]
    assert (rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": ""})
    assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    destination = rule["Destination"]
    assert destination["Bucket"] == {"Ref": f"Replica{kind}BucketArn"}
    assert destination["EncryptionConfiguration"] == {"ReplicaKmsKeyID": {"Ref": f"Replica{kind}KeyArn"}}
    none = {"Ref": "AWS::NoValue"}
    assert destination["AccessControlTranslation"] == {
        "Fn::If": ["CopiesToOtherAccount", {"Owner": "Destination"}, none]
    }
    assert destination["Account"] == {"Fn::If": ["CopiesToOtherAccount", {"Ref": "ReplicaAccount"}, none]}


def words(value: Any) -> set[str]:
    """Every name of a resource or parameter that a value refers to, without its attribute."""
    if isinstance(value, str):
        return set(re.findall(r"\$\{([A-Za-z]+)", value))
    if isinstance(value, list):
        return set().union(*map(words, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    named = {value["Ref"]} if "Ref" in value else set()
    named |= {value["Fn::GetAtt"][0]} if "Fn::GetAtt" in value else set()
    return named.union(*map(words, value.values())) if value else set()


def touched(kind: str) -> set[str]:
    """All that the copies of one bucket have to do with."""
    role = resources("AWS::IAM::Role")[f"{kind}ReplicationRole"]
    policy = resources("AWS::IAM::ManagedPolicy")[f"{kind}ReplicationPolicy"]
    assert "Policies" not in role
    assert "ManagedPolicyArns" not in role
    assert policy["Roles"] == [{"Ref": f"{kind}ReplicationRole"}]
    assert replication(kind)["Role"] == {"Fn::GetAtt": [f"{kind}ReplicationRole", "Arn"]}
    return words(replication(kind)) | words(role) | words(policy)


def test_copies_of_secrets_share_no_key_no_role_and_no_bucket_with_those_of_snapshots() -> None:
    shared = {"ReplicaAccount", "Region", "AWS::AccountId", "AWS::NoValue", "AWS"}
    snapshots, secrets = (touched(kind) - shared for kind in KINDS)
    own = ("ReplicationRole", "Bucket", "Key")
    assert {f"Snapshots{each}" for each in own} <= snapshots
    assert {f"Secrets{each}" for each in own} <= secrets
    assert not snapshots & secrets
    assert all("Secrets" not in each for each in snapshots)
    assert all("Snapshots" not in each for each in secrets)


def test_parameters_that_would_put_both_copies_into_one_hand_are_refused() -> None:
    rule = stack()["Rules"]["CopiesOfSecretsHaveABucketAndAKeyOfTheirOwn"]
    refused = [each["Assert"]["Fn::Not"][0]["Fn::Equals"] for each in rule["Assertions"]]
    assert [{"Ref": f"Replica{kind}BucketArn"} for kind in ("Secrets", "Snapshots")] in refused
    assert [{"Ref": f"Replica{kind}KeyArn"} for kind in ("Secrets", "Snapshots")] in refused
    assert [{"Ref": "ReplicaSecretsKeyArn"}, ""] in refused


@pytest.mark.parametrize("kind", KINDS)
def test_who_copies_can_only_read_here_and_only_replicate_there(kind: str) -> None:
    policy = resources("AWS::IAM::ManagedPolicy")[f"{kind}ReplicationPolicy"]["PolicyDocument"]["Statement"]
    there = {action for each in policy if "Replica" in str(each["Resource"]) for action in each["Action"]}
    assert there == {
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "s3:ObjectOwnerOverrideToBucketOwner",
        "s3:ReplicateObject",
        "s3:ReplicateTags",
    }
    here = {str(each["Action"]) for each in policy if "Replica" not in str(each["Resource"])}
    assert not re.findall(r"Put|Delete|Replicate[A-Z]|Encrypt", " ".join(here))


@pytest.mark.parametrize("name", BUCKETS)
def test_unfinished_uploads_expire_and_backups_do_not(name: str) -> None:
    rules = resources("AWS::S3::Bucket")[name]["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    assert not [rule for rule in rules if {"ExpirationInDays", "ExpirationDate", "Transitions"} & set(rule)]


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_takes_tls_and_its_own_key_only(name: str) -> None:
    (document,) = (
        policy["PolicyDocument"]
        for policy in resources("AWS::S3::BucketPolicy").values()
        if policy["Bucket"] == {"Ref": name}
    )
    by_sid = {statement["Sid"]: statement for statement in document["Statement"]}
    assert {statement["Effect"] for statement in by_sid.values()} == {"Deny"}
    assert {statement["Principal"] for statement in by_sid.values()} == {"*"}
    assert by_sid["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert by_sid["TlsOnly"]["Action"] == "s3:*"
    assert len(by_sid["TlsOnly"]["Resource"]) == 2
    named = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    key = {"Fn::GetAtt": [BUCKETS[name], "Arn"]}
    assert by_sid["NoOtherKey"]["Condition"] == {"Null": {named: "false"}, "StringNotEquals": {named: key}}


@pytest.mark.parametrize("name", ["SnapshotsKey", "SecretsKey", "TopicKey"])
def test_a_key_rotates(name: str) -> None:
    assert resources("AWS::KMS::Key")[name]["EnableKeyRotation"] is True


def test_the_signing_key_signs_with_the_curve_that_checks_know_and_nothing_else() -> None:
    key = resources("AWS::KMS::Key")["SigningKey"]
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    assert "EnableKeyRotation" not in key  # KMS rotates no asymmetric key


def test_the_topic_is_encrypted_and_takes_tls_only() -> None:
    (topic,) = resources("AWS::SNS::Topic").values()
    (policy,) = resources("AWS::SNS::TopicPolicy").values()
    assert topic["KmsMasterKeyId"] == {"Ref": "TopicKey"}
    assert any(statement["Effect"] == "Deny" for statement in policy["PolicyDocument"]["Statement"])


def test_the_table_has_the_keys_index_and_expiry_that_the_adapter_uses() -> None:
    (table,) = resources("AWS::DynamoDB::Table").values()
    (index,) = table["LocalSecondaryIndexes"]
    assert [each["AttributeName"] for each in table["KeySchema"]] == list(items.key("a", "b"))
    assert index["IndexName"] == items.BY_START
    assert [each["AttributeName"] for each in index["KeySchema"]] == ["pk", "started_at"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "remove_after", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True


def test_a_lease_is_never_removed_by_the_tables_expiry() -> None:
    """DynamoDB may remove an expired item at any time: only runs carry the attribute."""
    (table,) = resources("AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"]["AttributeName"] != "expires_at"


@pytest.mark.parametrize("name", ["backup", "restore", "phase"])
def test_a_state_machine_logs_every_event_without_the_data(name: str) -> None:
    logging = declared_machines()[name]["Logging"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)


@pytest.mark.parametrize(
    ("function", "machine"),
    [("BackupStoppedFunction", "StateMachine"), ("RestoreStoppedFunction", "RestoreStateMachine")],
)
def test_a_stopped_execution_is_noticed(function: str, machine: str) -> None:
    events = resources("AWS::Serverless::Function")[function]["Events"]
    (rule,) = events.values()
    pattern = rule["Properties"]["Pattern"]
    assert pattern["detail"] == {"stateMachineArn": [{"Ref": machine}], "status": ["ABORTED", "FAILED", "TIMED_OUT"]}


def test_every_alarm_tells_the_topic() -> None:
    alarms = resources("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 8
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "Topic"}], name
        missing = "breaching" if name == "FreshnessNotCheckedAlarm" else "notBreaching"
        assert alarm["TreatMissingData"] == missing, name


def test_nothing_is_bound_to_an_account_a_region_or_a_partition() -> None:
    text = (ROOT / "template.yaml").read_text()
    assert not re.findall(r"\b\d{12}\b|\b(?:eu|us|ap|sa|ca|me|af)-[a-z]+-\d\b|arn:aws:", text)


def test_the_template_has_no_yaml_aliases() -> None:
    """CloudFormation does not read them; only SAM's packaging would resolve them."""
    text = (ROOT / "template.yaml").read_text()
    assert not re.findall(r"^[^#\n]*:\s+[&*][A-Za-z]\w*\s*$", text, re.MULTILINE)
