"""Which IAM actions on which resources a call needs: the gate is worth as much as this table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.local.plugin.iam_actions import Call, checks

BUCKET = "arn:aws:s3:::snapshots"
TABLE = "arn:aws:dynamodb:eu-west-1:000000000000:table/holdfast"


def needed(service: str, operation: str, **parameters: Any) -> list[tuple[str, str]]:
    call = Call(service, operation, parameters, "eu-west-1", "000000000000", arns=lambda kind, name: f"{kind}/{name}")
    return [(check.action, check.resource) for check in checks(call)]


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("PutObject", {}, [("s3:PutObject", f"{BUCKET}/k")]),
        ("HeadObject", {}, [("s3:GetObject", f"{BUCKET}/k")]),
        ("GetObject", {"VersionId": "1"}, [("s3:GetObjectVersion", f"{BUCKET}/k")]),
        ("DeleteObject", {"VersionId": "1"}, [("s3:DeleteObjectVersion", f"{BUCKET}/k")]),
        ("UploadPart", {}, [("s3:PutObject", f"{BUCKET}/k")]),
        ("CompleteMultipartUpload", {}, [("s3:PutObject", f"{BUCKET}/k")]),
        ("AbortMultipartUpload", {}, [("s3:AbortMultipartUpload", f"{BUCKET}/k")]),
        ("ListParts", {}, [("s3:ListMultipartUploadParts", f"{BUCKET}/k")]),
        (
            "PutObject",
            {"ObjectLockLegalHoldStatus": "ON"},
            [("s3:PutObject", f"{BUCKET}/k"), ("s3:PutObjectLegalHold", f"{BUCKET}/k")],
        ),
        (
            "CopyObject",
            {"CopySource": {"Bucket": "other", "Key": "a"}},
            [("s3:PutObject", f"{BUCKET}/k"), ("s3:GetObject", "arn:aws:s3:::other/a")],
        ),
    ],
)
def test_a_call_on_an_object_is_checked_on_every_object_it_touches(
    operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert needed("s3", operation, Bucket="snapshots", Key="k", **parameters) == expected


def test_a_listing_is_checked_on_its_bucket() -> None:
    assert needed("s3", "ListObjectsV2", Bucket="snapshots") == [("s3:ListBucket", BUCKET)]
    assert needed("s3", "ListObjectVersions", Bucket="snapshots") == [("s3:ListBucketVersions", BUCKET)]
    assert needed("s3", "ListMultipartUploads", Bucket="snapshots") == [("s3:ListBucketMultipartUploads", BUCKET)]


def test_a_listing_carries_its_prefix_as_context() -> None:
    parameters = {"Bucket": "snapshots", "Prefix": "prod/"}
    call = Call("s3", "ListObjectsV2", parameters, "eu-west-1", "000000000000", arns=lambda _, name: name)

    assert checks(call)[0].context == {"s3:prefix": "prod/"}


def test_each_deleted_object_is_checked() -> None:
    entries = [{"Key": "a"}, {"Key": "b", "VersionId": "1"}]

    assert needed("s3", "DeleteObjects", Bucket="snapshots", Delete={"Objects": entries}) == [
        ("s3:DeleteObject", f"{BUCKET}/a"),
        ("s3:DeleteObjectVersion", f"{BUCKET}/b"),
    ]


def test_a_transaction_needs_the_action_of_each_of_its_items() -> None:
    items = [{"Put": {"TableName": "holdfast"}}, {"ConditionCheck": {"TableName": "holdfast"}}]

    assert needed("dynamodb", "TransactWriteItems", TransactItems=items) == [
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:ConditionCheckItem", TABLE),
    ]


def test_a_query_of_an_index_is_on_the_index() -> None:
    assert needed("dynamodb", "Query", TableName="holdfast", IndexName="i") == [("dynamodb:Query", f"{TABLE}/index/i")]


def test_names_are_resolved_to_arns() -> None:
    assert needed("secretsmanager", "GetSecretValue", SecretId="etcd") == [
        ("secretsmanager:GetSecretValue", "secretsmanager/etcd")
    ]
    assert needed("kms", "Decrypt", KeyId="alias/a") == [("kms:Decrypt", "kms/alias/a")]
    assert needed("cloudformation", "DescribeStacks", StackName="holdfast") == [
        ("cloudformation:DescribeStacks", "cloudformation/holdfast")
    ]
    assert needed("lambda", "Invoke", FunctionName="f") == [
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000000:function:f")
    ]


def test_a_schedule_also_passes_its_role() -> None:
    assert needed("scheduler", "CreateSchedule", Name="s", GroupName="g", Target={"RoleArn": "role"}) == [
        ("scheduler:CreateSchedule", "arn:aws:scheduler:eu-west-1:000000000000:schedule/g/s"),
        ("iam:PassRole", "role"),
    ]


def test_each_event_is_checked_on_its_bus() -> None:
    assert needed("events", "PutEvents", Entries=[{"Source": "holdfast"}]) == [
        ("events:PutEvents", "arn:aws:events:eu-west-1:000000000000:event-bus/default")
    ]


def test_an_execution_is_started_on_its_state_machine_and_stopped_by_itself() -> None:
    assert needed("stepfunctions", "StartExecution", stateMachineArn="m") == [("states:StartExecution", "m")]
    assert needed("stepfunctions", "StopExecution", executionArn="e") == [("states:StopExecution", "e")]


def test_an_unknown_service_is_checked_on_everything_and_telemetry_not_at_all() -> None:
    assert needed("sqs", "SendMessage") == [("sqs:SendMessage", "*")]
    assert needed("logs", "PutLogEvents") == []


@pytest.mark.parametrize(
    ("instance", "arn"),
    [
        ("i-0123456789abcdef0", "arn:aws:ec2:eu-west-1:000000000000:instance/i-0123456789abcdef0"),
        ("mi-0123456789abcdef0", "arn:aws:ssm:eu-west-1:000000000000:managed-instance/mi-0123456789abcdef0"),
    ],
)
def test_a_command_is_checked_on_its_document_and_on_its_node(instance: str, arn: str) -> None:
    assert needed("ssm", "SendCommand", DocumentName="AWS-RunShellScript", InstanceIds=[instance]) == [
        ("ssm:SendCommand", "arn:aws:ssm:eu-west-1::document/AWS-RunShellScript"),
        ("ssm:SendCommand", arn),
    ]


def test_a_command_carries_the_tags_of_its_node_as_context() -> None:
    parameters = {"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-1"]}
    call = Call(
        "ssm", "SendCommand", parameters, "eu-west-1", "0", arns=lambda _, name: name, tags=lambda _: {"a": "b"}
    )

    assert [check.context for check in checks(call)] == [{}, {"ssm:resourceTag/a": "b"}]


def test_a_look_at_a_command_is_checked_on_no_resource_because_a_command_is_none() -> None:
    command = {"CommandId": "1", "InstanceId": "i-0123456789abcdef0"}
    assert needed("ssm", "GetCommandInvocation", **command) == [("ssm:GetCommandInvocation", "*")]
    assert needed("ssm", "CancelCommand", CommandId="1") == [("ssm:CancelCommand", "*")]


def test_a_parameter_is_checked_by_its_name() -> None:
    parameter = "arn:aws:ssm:eu-west-1:000000000000:parameter/holdfast/a"
    assert needed("ssm", "GetParameter", Name="/holdfast/a") == [("ssm:GetParameter", parameter)]


NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("PutObject", {"ServerSideEncryption": "aws:kms"}, {"s3:x-amz-server-side-encryption": "aws:kms"}),
        ("PutObject", {"SSEKMSKeyId": "k1"}, {"s3:x-amz-server-side-encryption-aws-kms-key-id": "k1"}),
        (
            "PutObject",
            {"SSECustomerAlgorithm": "AES256"},
            {"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"},
        ),
        ("PutObjectLegalHold", {"LegalHold": {"Status": "OFF"}}, {"s3:object-lock-legal-hold": "OFF"}),
        (
            "PutObjectRetention",
            {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": NOW + timedelta(days=2, hours=1)}},
            {"s3:object-lock-mode": "GOVERNANCE", "s3:object-lock-remaining-retention-days": "3"},
        ),
        ("GetObject", {"VersionId": "v"}, {"s3:VersionId": "v"}),
    ],
)
def test_what_a_call_asks_for_is_the_context_of_its_conditions(
    operation: str, parameters: dict[str, Any], expected: dict[str, str]
) -> None:
    parameters = {"Bucket": "snapshots", "Key": "k", **parameters}
    call = Call("s3", operation, parameters, "eu-west-1", "0", arns=lambda _, name: name, now=NOW)

    assert checks(call)[0].context == expected


def test_who_asks_to_bypass_governance_needs_the_right_to_it_for_each_object() -> None:
    entries = [{"Key": "a", "VersionId": "1"}, {"Key": "b", "VersionId": "2"}]
    found = needed(
        "s3", "DeleteObjects", Bucket="snapshots", Delete={"Objects": entries}, BypassGovernanceRetention=True
    )

    assert found == [
        (action, f"{BUCKET}/{key}")
        for key in ("a", "b")
        for action in ("s3:DeleteObjectVersion", "s3:BypassGovernanceRetention")
    ]


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("PutBucketEncryption", "s3:PutEncryptionConfiguration"),
        ("DeleteBucketEncryption", "s3:PutEncryptionConfiguration"),
        ("PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
        ("DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
        ("PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"),
        ("PutBucketPolicy", "s3:PutBucketPolicy"),
    ],
)
def test_a_change_of_a_bucket_has_the_name_that_policies_use(operation: str, action: str) -> None:
    assert needed("s3", operation, Bucket="snapshots") == [(action, BUCKET)]


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("PutItem", {"Item": {"pk": {"S": "FRESHNESS"}, "sk": {"S": "a"}}}),
        ("DeleteItem", {"Key": {"pk": {"S": "FRESHNESS"}, "sk": {"S": "a"}}}),
        (
            "Query",
            {"KeyConditionExpression": "pk = :told", "ExpressionAttributeValues": {":told": {"S": "FRESHNESS"}}},
        ),
    ],
)
def test_the_partition_of_an_item_is_a_condition_key(operation: str, parameters: dict[str, Any]) -> None:
    asked = {"TableName": "holdfast", **parameters}
    call = Call("dynamodb", operation, asked, "eu-west-1", "000000000000", arns=lambda kind, name: f"{kind}/{name}")
    (check,) = checks(call)
    assert check.context == {"dynamodb:LeadingKeys": "FRESHNESS"}
