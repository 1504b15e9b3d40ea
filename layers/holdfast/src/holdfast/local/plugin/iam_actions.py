"""Which IAM actions on which resources an API call needs: a table for the services that Holdfast calls. Pure.

Source: the Service Authorization Reference, https://docs.aws.amazon.com/service-authorization/latest/reference/
A call of a service that is not in the table is checked on resource `*` under its own name.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

# Every role may log, trace and meter here: LocalStack makes some of these calls itself with the function's role.
NOT_CHECKED = frozenset({"sts", "logs", "xray", "cloudwatch"})

S3_ACTIONS = {
    "AbortMultipartUpload": ["AbortMultipartUpload"],
    "CompleteMultipartUpload": ["PutObject"],
    "CopyObject": ["PutObject"],
    "CreateMultipartUpload": ["PutObject"],
    "DeleteObjects": ["DeleteObject"],
    "GetBucketEncryption": ["GetEncryptionConfiguration"],
    "GetBucketLifecycleConfiguration": ["GetLifecycleConfiguration"],
    "GetObjectAttributes": ["GetObject", "GetObjectAttributes"],
    "DeleteBucketEncryption": ["PutEncryptionConfiguration"],
    "DeleteBucketLifecycle": ["PutLifecycleConfiguration"],
    "DeleteBucketOwnershipControls": ["PutBucketOwnershipControls"],
    "DeleteBucketReplication": ["PutReplicationConfiguration"],
    "DeletePublicAccessBlock": ["PutBucketPublicAccessBlock"],
    "GetObjectLockConfiguration": ["GetBucketObjectLockConfiguration"],
    "GetBucketReplication": ["GetReplicationConfiguration"],
    "GetPublicAccessBlock": ["GetBucketPublicAccessBlock"],
    "HeadBucket": ["ListBucket"],
    "HeadObject": ["GetObject"],
    "ListBuckets": ["ListAllMyBuckets"],
    "ListMultipartUploads": ["ListBucketMultipartUploads"],
    "ListObjects": ["ListBucket"],
    "ListObjectsV2": ["ListBucket"],
    "ListObjectVersions": ["ListBucketVersions"],
    "ListParts": ["ListMultipartUploadParts"],
    "PutBucketEncryption": ["PutEncryptionConfiguration"],
    "PutBucketLifecycleConfiguration": ["PutLifecycleConfiguration"],
    "PutBucketReplication": ["PutReplicationConfiguration"],
    "PutObjectLockConfiguration": ["PutBucketObjectLockConfiguration"],
    "PutPublicAccessBlock": ["PutBucketPublicAccessBlock"],
    "UploadPart": ["PutObject"],
    "UploadPartCopy": ["PutObject"],
}
# A parameter of a put that needs a permission of its own.
S3_EXTRA = {
    "Tagging": "PutObjectTagging",
    "ObjectLockMode": "PutObjectRetention",
    "ObjectLockLegalHoldStatus": "PutObjectLegalHold",
    "BypassGovernanceRetention": "BypassGovernanceRetention",
}
# A parameter that is a condition key too, by the key's name.
S3_CONTEXT = {
    "Prefix": "s3:prefix",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
    "ObjectLockMode": "s3:object-lock-mode",
    "ObjectLockLegalHoldStatus": "s3:object-lock-legal-hold",
    "VersionId": "s3:VersionId",
}
S3_OF_A_VERSION = frozenset({"GetObject", "HeadObject", "DeleteObject", "GetObjectAttributes", "GetObjectTagging"})


@dataclass(frozen=True)
class Check:
    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """`arns` resolves a name that is no ARN (a secret's name, a key's alias); it returns its argument when unknown.
    `tags` are those of an instance; `now` is the moment from which a lock's days are counted."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    region: str
    account: str
    arns: Callable[[str, str], str]
    tags: Callable[[str], Mapping[str, str]] = lambda _: {}
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def days_left(self, until: datetime) -> int:
        """Whole days, as S3 counts them for its condition: a part of a day is one."""
        return math.ceil((until.astimezone(UTC) - self.now) / timedelta(days=1))


def checks(call: Call) -> list[Check]:
    if call.service in NOT_CHECKED:
        return []
    known = TABLE.get(call.service)
    return known(call) if known else [Check(f"{call.service}:{call.operation}", "*")]


def _s3(call: Call) -> list[Check]:
    p, operation = call.parameters, call.operation
    actions = list(S3_ACTIONS.get(operation, [operation]))
    if p.get("VersionId") and operation in S3_OF_A_VERSION:
        actions = [name.replace("Object", "ObjectVersion", 1) for name in actions]
    actions += [action for name, action in S3_EXTRA.items() if p.get(name)]
    bucket = f"arn:aws:s3:::{p.get('Bucket', '*')}"
    context = _s3_context(call, actions)
    if operation == "DeleteObjects":
        entries = p["Delete"]["Objects"]
        names = ["s3:DeleteObjectVersion" if entry.get("VersionId") else "s3:DeleteObject" for entry in entries]
        extra = [action for action in actions if action != "DeleteObject"]
        return [
            Check(name, f"{bucket}/{entry['Key']}")
            for action, entry in zip(names, entries, strict=True)
            for name in (action, *(f"s3:{each}" for each in extra))
        ]
    resource = f"{bucket}/{p['Key']}" if p.get("Key") else bucket
    found = [Check(f"s3:{action}", resource, context) for action in actions]
    if source := p.get("CopySource"):
        source = f"{source['Bucket']}/{source['Key']}" if isinstance(source, dict) else str(source).lstrip("/")
        found.append(Check("s3:GetObject", f"arn:aws:s3:::{source.partition('?')[0]}"))
    return found


def _s3_context(call: Call, actions: list[str]) -> dict[str, str]:
    p = call.parameters
    found = {name: str(p[parameter]) for parameter, name in S3_CONTEXT.items() if p.get(parameter)}
    if "ListBucket" in actions or "ListBucketVersions" in actions:
        found["s3:prefix"] = p.get("Prefix") or ""
    hold, lock = p.get("LegalHold") or {}, p.get("Retention") or {}
    if hold.get("Status"):
        found["s3:object-lock-legal-hold"] = str(hold["Status"])
    if lock.get("Mode"):
        found["s3:object-lock-mode"] = str(lock["Mode"])
    until = lock.get("RetainUntilDate") or p.get("ObjectLockRetainUntilDate")
    if until is not None:
        found["s3:object-lock-remaining-retention-days"] = str(call.days_left(until))
    return found


def _dynamodb(call: Call) -> list[Check]:
    p = call.parameters

    def table(name: str, index: str | None = None) -> str:
        full = name if name.startswith("arn:") else call.arn("dynamodb", f"table/{name}")
        return f"{full}/index/{index}" if index else full

    if call.operation == "TransactWriteItems":
        pairs = [(kind, item) for entry in p["TransactItems"] for kind, item in entry.items()]
        names = {
            "Put": "PutItem",
            "Update": "UpdateItem",
            "Delete": "DeleteItem",
            "ConditionCheck": "ConditionCheckItem",
        }
        return [Check(f"dynamodb:{names[kind]}", table(item["TableName"])) for kind, item in pairs]
    if call.operation == "TransactGetItems":
        return [Check("dynamodb:GetItem", table(entry["Get"]["TableName"])) for entry in p["TransactItems"]]
    if call.operation in ("BatchGetItem", "BatchWriteItem"):
        return [Check(f"dynamodb:{call.operation}", table(name)) for name in p["RequestItems"]]
    resource = table(p["TableName"], p.get("IndexName")) if p.get("TableName") else "*"
    return [Check(f"dynamodb:{call.operation}", resource, _leading_key(p))]


def _leading_key(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The partition that a call is about. Which attribute that is, only the table knows: here the one named pk."""
    item = parameters.get("Key") or parameters.get("Item") or {}
    asked = re.match(r"pk = (:\w+)", parameters.get("KeyConditionExpression", ""))
    if asked:
        item = {"pk": parameters["ExpressionAttributeValues"][asked[1]]}
    return {"dynamodb:LeadingKeys": item["pk"]["S"]} if "pk" in item else {}


def _states(call: Call) -> list[Check]:
    p = call.parameters
    resource = p.get("executionArn") or p.get("stateMachineArn") or p.get("activityArn") or "*"
    return [Check(f"states:{call.operation}", resource)]


def _lambda(call: Call) -> list[Check]:
    name = call.parameters.get("FunctionName")
    if not name:
        return [Check(f"lambda:{call.operation}", "*")]
    action = "InvokeFunction" if call.operation == "Invoke" else call.operation
    return [Check(f"lambda:{action}", name if name.startswith("arn:") else call.arn("lambda", f"function:{name}"))]


def _secretsmanager(call: Call) -> list[Check]:
    secret = call.parameters.get("SecretId")
    resource = call.arns("secretsmanager", secret) if secret else "*"
    return [Check(f"secretsmanager:{call.operation}", resource)]


def _kms(call: Call) -> list[Check]:
    p = call.parameters
    named = {"SigningAlgorithm": "kms:SigningAlgorithm", "MessageType": "kms:MessageType"}
    context = {key: str(p[name]) for name, key in named.items() if p.get(name)}
    return [Check(f"kms:{call.operation}", call.arns("kms", p["KeyId"]) if p.get("KeyId") else "*", context)]


def _events(call: Call) -> list[Check]:
    if call.operation != "PutEvents":
        return [Check(f"events:{call.operation}", "*")]
    found = []
    for entry in call.parameters["Entries"]:
        bus = entry.get("EventBusName") or "default"
        resource = bus if bus.startswith("arn:") else call.arn("events", f"event-bus/{bus}")
        context = {"events:source": entry.get("Source", ""), "events:detail-type": entry.get("DetailType", "")}
        found.append(Check("events:PutEvents", resource, context))
    return found


def _sns(call: Call) -> list[Check]:
    return [Check(f"sns:{call.operation.removesuffix('Batch')}", call.parameters.get("TopicArn") or "*")]


def _scheduler(call: Call) -> list[Check]:
    p = call.parameters
    group = p.get("GroupName") or "default"
    resource = call.arn("scheduler", f"schedule/{group}/{p['Name']}") if p.get("Name") else "*"
    found = [Check(f"scheduler:{call.operation}", resource)]
    role = (p.get("Target") or {}).get("RoleArn")
    if role:
        found.append(Check("iam:PassRole", role, {"iam:PassedToService": "scheduler.amazonaws.com"}))
    return found


def _cloudformation(call: Call) -> list[Check]:
    stack = call.parameters.get("StackName")
    return [Check(f"cloudformation:{call.operation}", call.arns("cloudformation", stack) if stack else "*")]


def _ssm(call: Call) -> list[Check]:
    """A command needs the right to the document and to each node. Documents of AWS have no account in their ARN."""
    p = call.parameters
    if call.operation != "SendCommand":
        resource = "*" if not p.get("Name") else call.arn("ssm", f"parameter/{p['Name'].lstrip('/')}")
        return [Check(f"ssm:{call.operation}", resource)]
    name = p["DocumentName"]
    document = f"arn:aws:ssm:{call.region}::document/{name}" if name.startswith("AWS-") else name
    found = [Check("ssm:SendCommand", document)]
    for instance in p.get("InstanceIds") or ():
        hybrid = instance.startswith("mi-")
        arn = call.arn("ssm", f"managed-instance/{instance}") if hybrid else call.arn("ec2", f"instance/{instance}")
        context = {f"ssm:resourceTag/{tag}": value for tag, value in call.tags(instance).items()}
        found.append(Check("ssm:SendCommand", arn, context))
    return found


TABLE: dict[str, Callable[[Call], list[Check]]] = {
    "s3": _s3,
    "dynamodb": _dynamodb,
    "stepfunctions": _states,
    "lambda": _lambda,
    "secretsmanager": _secretsmanager,
    "kms": _kms,
    "events": _events,
    "sns": _sns,
    "scheduler": _scheduler,
    "ssm": _ssm,
    "cloudformation": _cloudformation,
}
