"""What the IAM gate asks of the services in this process: sessions, roles, policies, keys. It changes nothing."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.local.plugin.iam_actions import Call
from holdfast.local.plugin.iam_keys import KeyUse, key_of_put, key_of_stored
from holdfast.local.plugin.iam_policy import Principal, as_list

LOG = logging.getLogger("localstack.holdfast.iam")


@dataclass(frozen=True)
class Session:
    """Of a role; `name` is what the caller of AssumeRole chose."""

    role: Principal
    name: str


def session_of(context: Any) -> Session | None:
    """The session behind the access key of the request (header or presigned query), or None."""
    from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header
    from moto.sts.models import sts_backends

    key = extract_access_key_id_from_auth_header(context.request.headers)
    query = context.request.args  # of a presigned URL, by signature version 4 or 2
    credential = query.get("X-Amz-Credential") or query.get("AWSAccessKeyId")
    key = credential.partition("/")[0] if credential else key
    sessions = sts_backends[context.account_id]["aws"].assumed_roles
    found = next((session for session in sessions if session.access_key_id == key), None)
    return Session(Principal(found.role_arn, context.account_id), found.session_name) if found else None


def role_statements(role: Principal) -> list[Mapping[str, Any]]:
    """All statements of the role's inline and attached policies; none for a role that does not exist."""
    from moto.iam.models import iam_backends

    backend = iam_backends[role.account]["aws"]
    name = role.arn.rpartition("/")[2]
    found = next((each for each in list(backend.roles.values()) if each.name == name), None)
    if found is None:
        LOG.warning("role %s does not exist", role.arn)
        return []
    attached = [
        version for policy in found.managed_policies.values() for version in policy.versions if version.is_default
    ]
    documents = [*found.policies.values(), *(version.document for version in attached)]
    return [statement for document in documents for statement in _statements(document)]


def bucket_owner(bucket: str) -> str | None:
    """The account, or None for a bucket that does not exist."""
    from localstack.services.s3.models import s3_stores

    # The map is one for all accounts and regions.
    owner = s3_stores["000000000000"]["us-east-1"].global_bucket_map.get(bucket)
    return str(owner) if owner else None


def bucket_statements(bucket: str) -> list[Mapping[str, Any]]:
    found = _bucket(bucket)
    return _statements(found.policy) if found is not None and found.policy else []


def resolved(service: str, name: str, account: str, region: str) -> str:
    """The ARN of a secret, a key or a stack that was named otherwise."""
    if name.startswith("arn:"):
        return name
    if service == "cloudformation":
        return _stack(name, account, region)
    if service == "secretsmanager":
        secret = _secret(name, account, region)
        return str(secret.arn) if secret else f"arn:aws:secretsmanager:{region}:{account}:secret:{name}"
    from localstack.services.kms.models import kms_stores

    alias = kms_stores[account][region].aliases.get(name)
    key = alias.metadata["TargetKeyId"] if alias else name
    return f"arn:aws:kms:{region}:{account}:key/{key}"


def key_use(call: Call) -> KeyUse | None:
    """The key of ours under which the thing lies that the call is about."""
    use: KeyUse | None = None
    match call.service:
        case "s3":
            use = _of_object(call)
        case "sns":
            use = _of_topic(call)
        case "secretsmanager":
            use = _of_secret(call)
    if use is None or use.key.endswith("alias/aws/secretsmanager"):
        return None
    return KeyUse(resolved("kms", use.key, call.account, call.region), use.context)


def _of_object(call: Call) -> KeyUse | None:
    p = call.parameters
    bucket, key = _bucket(p.get("Bucket") or ""), p.get("Key")
    if bucket is None or not key:
        return None
    if call.operation in ("PutObject", "CopyObject", "CreateMultipartUpload"):
        return key_of_put(bucket.name, bucket.encryption_rule, p)
    upload = bucket.multiparts.get(p.get("UploadId"))
    version = p.get("VersionId")
    stored = bucket.objects.get(key, version) if version else bucket.objects.get(key)
    there = upload.object if upload else stored
    kms_key = getattr(there, "kms_key_id", None)
    if not kms_key:
        return None
    return key_of_stored(bucket.name, key, kms_key, with_bucket_key=bool(there.bucket_key_enabled))


def _of_topic(call: Call) -> KeyUse | None:
    from localstack.services.sns.models import sns_stores

    arn = call.parameters.get("TopicArn") or ""
    topic = sns_stores[call.account][call.region].topics.get(arn) or {}
    key = topic.get("attributes", {}).get("KmsMasterKeyId")
    return KeyUse(str(key), {}) if key else None


def _of_secret(call: Call) -> KeyUse | None:
    secret = _secret(call.parameters.get("SecretId") or "", call.account, call.region)
    key = getattr(secret, "kms_key_id", None)
    return KeyUse(str(key), {"SecretARN": str(secret.arn)}) if key else None


def _secret(name: str, account: str, region: str) -> Any:
    from moto.secretsmanager.models import secretsmanager_backends

    return secretsmanager_backends[account][region].secrets.get(name)


def _stack(name: str, account: str, region: str) -> str:
    from localstack.services.cloudformation.stores import cloudformation_stores

    store = cloudformation_stores[account][region]
    stacks = [*store.stacks.values(), *store.stacks_v2.values()]
    found = (str(stack.stack_id) for stack in stacks if stack.stack_name == name)
    return next(found, f"arn:aws:cloudformation:{region}:{account}:stack/{name}/")


def _bucket(name: str) -> Any:
    from localstack.services.s3.models import s3_stores

    owner = bucket_owner(name)
    stores = s3_stores[owner].values() if owner else ()
    return next((store.buckets[name] for store in list(stores) if name in store.buckets), None)


def _statements(document: Any) -> list[Mapping[str, Any]]:
    parsed = json.loads(document) if isinstance(document, str) else document
    return list(as_list(parsed["Statement"]))
