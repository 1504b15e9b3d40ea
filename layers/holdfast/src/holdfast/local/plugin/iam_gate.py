"""Checks every call of an assumed role against its policies: `record` writes the outcome down, `enforce` also refuses.

Each line of the record is one JSON object: role, action, resource, context, decision. Calls with the plain test
credentials are nobody's role and pass.
"""

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.local.plugin.iam_actions import Call, Check, checks
from holdfast.local.plugin.iam_policy import as_list, decide
from holdfast.local.plugin.ssm_nodes import managed_node

LOG = logging.getLogger("localstack.holdfast.iam")


class IamGate:
    """A handler in LocalStack's request chain; it runs after the request is parsed and before the service."""

    def __init__(self, mode: str, record: Path, nodes: Path) -> None:
        if mode not in ("record", "enforce"):
            raise ValueError(f"HOLDFAST_LOCAL_IAM is {mode!r}, not record or enforce")
        self._enforce = mode == "enforce"
        self._record = record
        self._nodes = nodes
        self._lock = threading.Lock()

    def __call__(self, _chain: object, context: Any, _response: object) -> None:
        if not context.service or not context.operation:
            return
        role = _role_of(context)
        if role is None:
            return
        call = Call(
            service=context.service.service_name,
            operation=context.operation.name,
            parameters=dict(context.service_request or {}),
            region=context.region,
            account=context.account_id,
            arns=lambda service, name: _resolved(service, name, context.account_id, context.region),
            tags=self._tags,
        )
        needed = checks(call)
        statements = _statements(role, context.account_id) if needed else []
        for check in needed:
            decision = decide(statements, check.action, check.resource, check.context)
            self._write(role, check, decision)
            if self._enforce and decision != "allowed":
                raise _denied(call.service, role, check)

    def _tags(self, instance: str) -> Mapping[str, str]:
        node = managed_node(self._nodes, instance)
        return node.tags if node else {}

    def _write(self, role: str, check: Check, decision: str) -> None:
        line = {
            "role": role.rpartition("/")[2],
            "action": check.action,
            "resource": check.resource,
            "context": check.context,
            "decision": decision,
        }
        with self._lock, self._record.open("a") as record:
            record.write(json.dumps(line) + "\n")


def _denied(service: str, role: str, check: Check) -> Exception:
    from localstack.aws.api import CommonServiceException

    code = {"s3": "AccessDenied", "sns": "AuthorizationError"}.get(service, "AccessDeniedException")
    user = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
    text = f"User: {user} is not authorized to perform: {check.action} on resource: {check.resource}"
    error: Exception = CommonServiceException(code, text, status_code=403, sender_fault=True)
    return error


def _role_of(context: Any) -> str | None:
    """The role behind the access key of the request (header or presigned query), or None."""
    from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header
    from moto.sts.models import sts_backends

    key = extract_access_key_id_from_auth_header(context.request.headers)
    credential = context.request.args.get("X-Amz-Credential")
    key = credential.partition("/")[0] if credential else key
    sessions = sts_backends[context.account_id]["aws"].assumed_roles
    return next((session.role_arn for session in sessions if session.access_key_id == key), None)


def _statements(role_arn: str, account: str) -> list[dict[str, Any]]:
    """All statements of the role's inline and attached policies; none for a role that does not exist."""
    from moto.iam.models import iam_backends

    backend = iam_backends[account]["aws"]
    name = role_arn.rpartition("/")[2]
    role = next((found for found in list(backend.roles.values()) if found.name == name), None)
    if role is None:
        LOG.warning("role %s does not exist", role_arn)
        return []
    attached = [
        version for policy in role.managed_policies.values() for version in policy.versions if version.is_default
    ]
    documents = [*role.policies.values(), *(version.document for version in attached)]
    parsed = [json.loads(document) if isinstance(document, str) else document for document in documents]
    return [statement for document in parsed for statement in as_list(document["Statement"])]


def _resolved(service: str, name: str, account: str, region: str) -> str:
    if name.startswith("arn:"):
        return name
    if service == "secretsmanager":
        from moto.secretsmanager.models import secretsmanager_backends

        secret = secretsmanager_backends[account][region].secrets.get(name)
        return str(secret.arn) if secret else f"arn:aws:secretsmanager:{region}:{account}:secret:{name}"
    from localstack.services.kms.models import kms_stores

    store = kms_stores[account][region]
    alias = store.aliases.get(name)
    key = alias.metadata["TargetKeyId"] if alias else name
    return f"arn:aws:kms:{region}:{account}:key/{key}"


def install(mode: str, record: Path, nodes: Path) -> None:
    from localstack.aws import handlers

    handlers.serve_custom_service_request_handlers.append(IamGate(mode, record, nodes))
