"""What roles did on a stack of the product's template, in the template's own words.

A grant is one action on one resource as template.yaml writes them. The stack has the same statements with real names
in the same order, and the gate's record has the calls: so each call finds the grants that it used.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from builders.product import session_of
from holdfast.local.deploy import STACK
from holdfast.local.plugin.iam_policy import as_list, matches
from holdfast.local.stack import StackInfo
from template.stack import Statement, resources, statements, text_of

# The name of sessions that try what they may not: their calls are neither a use nor a failure.
TRIAL = "trial"


@dataclass(frozen=True, order=True)
class Grant:
    """`owner` is the role or managed policy; `resource` as `text_of` writes it."""

    owner: str
    action: str
    resource: str


@dataclass(frozen=True)
class Seen:
    """Of one stack. `denied` are lines of the record."""

    used: frozenset[Grant]
    denied: tuple[Mapping[str, Any], ...]


# What was seen on each stack of this run of the tests, by the name of the module that used it.
KEPT: dict[str, Seen] = {}


def keep(name: str, info: StackInfo, iam_log: Path) -> None:
    """Before the stack ends."""
    KEPT[name] = seen_on(info, iam_log)


def grants() -> frozenset[Grant]:
    """All of the template, those under a condition too."""
    return frozenset(
        Grant(each.owner, action, text_of(resource))
        for each in statements()
        for action in each.actions
        for resource in each.resources
    )


def seen_on(info: StackInfo, iam_log: Path) -> Seen:
    lines = [json.loads(line) for line in iam_log.read_text().splitlines()]
    calls = [line for line in lines if line["session"] != TRIAL]
    allowed = {(each["role"], each["action"], each["resource"]) for each in calls if each["decision"] == "allowed"}
    deployed = _Deployed(info)
    used = {
        grant
        for role in {role for role, _, _ in allowed}
        for grant, pattern in deployed.grants_of(role)
        if any(who == role and what == grant.action and matches(pattern, on) for who, what, on in allowed)
    }
    return Seen(frozenset(used), tuple(each for each in calls if each["decision"] != "allowed"))


class _Deployed:
    """The statements of roles and policies on a stack, each beside what the template says."""

    def __init__(self, info: StackInfo) -> None:
        self._iam = session_of(info).client("iam", endpoint_url=info.endpoint)
        cloudformation = session_of(info).client("cloudformation", endpoint_url=info.endpoint)
        found = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        self._logical = {each["PhysicalResourceId"]: each["LogicalResourceId"] for each in found}

    def grants_of(self, role: str) -> Iterator[tuple[Grant, str]]:
        """Each grant with the pattern of its resource as it was deployed."""
        if role in self._logical:
            owner = self._logical[role]
            declared = resources("AWS::IAM::Role")[owner].get("Policies", ())
            documents = [self._inline(role, each["PolicyName"]) for each in declared]
            yield from _paired(owner, documents)
        for attached in self._iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            if arn in self._logical:
                version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                policy = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
                yield from _paired(self._logical[arn], [_parsed(policy)])

    def _inline(self, role: str, policy: str) -> Mapping[str, Any]:
        return _parsed(self._iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"])


def _parsed(document: Any) -> Mapping[str, Any]:
    return dict(json.loads(unquote(document)) if isinstance(document, str) else document)


def _paired(owner: str, documents: list[Mapping[str, Any]]) -> Iterator[tuple[Grant, str]]:
    """Statements that the stack leaves out, since their condition does not hold, grant nothing there."""
    declared: list[Statement] = [each for each in statements() if each.owner == owner]
    real = [each for document in documents for each in as_list(document["Statement"]) if each["Effect"] == "Allow"]
    for statement in declared:
        if statement.optional and (not real or tuple(as_list(real[0]["Action"])) != statement.actions):
            continue
        deployed = real.pop(0)
        assert tuple(as_list(deployed["Action"])) == statement.actions, owner
        for resource, pattern in zip(statement.resources, as_list(deployed["Resource"]), strict=True):
            for action in statement.actions:
                yield Grant(owner, action, text_of(resource)), pattern
