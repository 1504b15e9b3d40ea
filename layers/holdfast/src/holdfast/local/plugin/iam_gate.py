"""Checks every call of a role's session against the policies: `record` writes the outcome down, `enforce` also refuses.

Each line of the record is one JSON object: role, session, action, resource, context, decision. The plain test
credentials are the owner of the account they name: they may do all in it, and nothing with another one's buckets that
the bucket's policy does not allow. So whoever sits at this machine can deploy, and repair what a test has locked.
"""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.local.plugin import iam_facts
from holdfast.local.plugin.iam_actions import Call, Check, checks
from holdfast.local.plugin.iam_facts import Session
from holdfast.local.plugin.iam_keys import key_checks
from holdfast.local.plugin.iam_policy import Decision, Principal, addressed_to, decide, decide_both
from holdfast.local.plugin.ssm_nodes import managed_node

BUCKETS = "arn:aws:s3:::"
# The gateway speaks HTTP on the loopback interface, which stands for TLS to AWS. A request with this header stands for
# one without.
PLAIN_HTTP_HEADER = "x-holdfast-local-plain-http"


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
        session = iam_facts.session_of(context)
        call = Call(
            service=context.service.service_name,
            operation=context.operation.name,
            parameters=dict(context.service_request or {}),
            region=context.region,
            account=context.account_id,
            arns=lambda service, name: iam_facts.resolved(service, name, context.account_id, context.region),
            tags=self._tags,
            now=datetime.now(UTC),
        )
        session = session or _stranger(context, call)
        if session is None:
            return
        needed = checks(call)
        needed += key_checks(call, iam_facts.key_use(call)) if needed else []
        secure = PLAIN_HTTP_HEADER not in context.request.headers
        for check in needed:
            decision = _decision(session.role, check, secure=secure)
            self._write(session, check, decision)
            if self._enforce and decision != "allowed":
                raise _denied(call.service, session, check)

    def _tags(self, instance: str) -> Mapping[str, str]:
        node = managed_node(self._nodes, instance)
        return node.tags if node else {}

    def _write(self, session: Session, check: Check, decision: str) -> None:
        line = {
            "role": session.role.arn.rpartition("/")[2],
            "session": session.name,
            "action": check.action,
            "resource": check.resource,
            "context": check.context,
            "decision": decision,
        }
        with self._lock, self._record.open("a") as record:
            record.write(json.dumps(line) + "\n")


def _stranger(context: Any, call: Call) -> Session | None:
    """Plain credentials of another account than the one that owns the bucket."""
    if call.service != "s3" or context.is_internal_call:
        return None
    owner = iam_facts.bucket_owner(call.parameters.get("Bucket") or "")
    if owner in (None, call.account):
        return None
    return Session(Principal(f"arn:aws:iam::{call.account}:root", call.account), "root")


def _decision(principal: Principal, check: Check, *, secure: bool) -> Decision:
    context = {
        "aws:SecureTransport": "true" if secure else "false",
        "aws:PrincipalArn": principal.arn,
        "aws:PrincipalAccount": principal.account,
        "aws:PrincipalIsAWSService": "false",
        **check.context,
    }
    root = principal.arn.endswith(":root")
    own = "allowed" if root else decide(iam_facts.role_statements(principal), check.action, check.resource, context)
    if not check.resource.startswith(BUCKETS):
        return own
    bucket = check.resource.removeprefix(BUCKETS).partition("/")[0]
    addressed = addressed_to(iam_facts.bucket_statements(bucket), principal)
    theirs = decide(addressed, check.action, check.resource, context)
    return decide_both(own, theirs, same_account=iam_facts.bucket_owner(bucket) in (None, principal.account))


def _denied(service: str, session: Session, check: Check) -> Exception:
    from localstack.aws.api import CommonServiceException

    code = {"s3": "AccessDenied", "sns": "AuthorizationError"}.get(service, "AccessDeniedException")
    user = session.role.arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
    text = f"User: {user} is not authorized to perform: {check.action} on resource: {check.resource}"
    error: Exception = CommonServiceException(code, text, status_code=403, sender_fault=True)
    return error


def install(mode: str, record: Path, nodes: Path) -> None:
    from localstack.aws import handlers

    handlers.serve_custom_service_request_handlers.append(IamGate(mode, record, nodes))
