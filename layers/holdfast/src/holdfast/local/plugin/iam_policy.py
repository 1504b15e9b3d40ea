"""Whether policies allow a call. Pure; a part of IAM's evaluation, strict where it knows less.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and, for conditions,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
Left out: boundaries, SCPs, session policies, policy variables, NotPrincipal. An operator that is not known here, or a
key that the gate never fills, makes an Allow not match and a Deny match.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Decision = Literal["allowed", "implicitDeny", "explicitDeny"]
Statements = Iterable[Mapping[str, Any]]

# What the gate knows of every call; these keys are absent only where they are absent on AWS too.
FILLED = re.compile(
    r"(aws:(SecureTransport|PrincipalArn|PrincipalAccount|PrincipalOrgID|PrincipalIsAWSService|CalledVia)"
    r"|s3:.*|kms:.*|ssm:resourceTag/.*|events:.*|iam:PassedToService)"
)


@dataclass(frozen=True)
class Principal:
    """`arn` is the role's for a session of one, which is what conditions and policies name."""

    arn: str
    account: str


def decide(statements: Statements, action: str, resource: str, context: Mapping[str, str]) -> Decision:
    allowed = False
    for statement in statements:
        effect = statement["Effect"]
        if not _names(statement, "Action", action, fold=True) or not _names(
            statement, "Resource", resource, fold=False
        ):
            continue
        if not _conditions_hold(statement.get("Condition") or {}, context, unknown=effect == "Deny"):
            continue
        if effect == "Deny":
            return "explicitDeny"
        allowed = True
    return "allowed" if allowed else "implicitDeny"


def decide_both(own: Decision, of_resource: Decision, *, same_account: bool) -> Decision:
    """A deny of either wins. Within an account one of them has to allow, between two accounts both."""
    if "explicitDeny" in (own, of_resource):
        return "explicitDeny"
    found = [own == "allowed", of_resource == "allowed"]
    return "allowed" if (any(found) if same_account else all(found)) else "implicitDeny"


def addressed_to(statements: Statements, principal: Principal) -> list[Mapping[str, Any]]:
    """Of a resource's policy the statements that speak of this principal. An account that is named in an Allow leaves
    the decision to its own policies, so such a statement allows nothing by itself."""
    return [each for each in statements if _speaks_of(each, principal)]


def _speaks_of(statement: Mapping[str, Any], principal: Principal) -> bool:
    deny = bool(statement["Effect"] == "Deny")
    named = statement.get("Principal")
    if named is None:
        return deny
    patterns: list[str] = as_list(named if isinstance(named, str) else named.get("AWS", []))
    accounts = {principal.account, f"arn:aws:iam::{principal.account}:root"} if deny else set()
    return not {"*", principal.arn, *accounts}.isdisjoint(patterns)


def matches(pattern: str, text: str) -> bool:
    """`*` and `?` as in a policy."""
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(statement: Mapping[str, Any], element: str, text: str, *, fold: bool) -> bool:
    """Action or NotAction, Resource or NotResource."""
    negated = f"Not{element}" in statement
    patterns = as_list(statement[f"Not{element}"] if negated else statement.get(element, []))
    found = any(matches(p.lower(), text.lower()) if fold else matches(p, text) for p in patterns)
    return found is not negated


def _equal(wanted: str, actual: str) -> bool:
    return wanted == actual


def _equal_ignoring_case(wanted: str, actual: str) -> bool:
    return wanted.lower() == actual.lower()


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_ignoring_case,
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": _equal_ignoring_case,
    "NumericEquals": lambda wanted, actual: float(actual) == float(wanted),
    "NumericLessThan": lambda wanted, actual: float(actual) < float(wanted),
    "NumericLessThanEquals": lambda wanted, actual: float(actual) <= float(wanted),
    "NumericGreaterThan": lambda wanted, actual: float(actual) > float(wanted),
    "NumericGreaterThanEquals": lambda wanted, actual: float(actual) >= float(wanted),
}


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str], *, unknown: bool) -> bool:
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            strict = unknown and not FILLED.fullmatch(key)
            texts = [_text(value) for value in as_list(wanted)]
            if not _condition_holds(operator, context.get(key), texts, unknown=unknown, absent=strict):
                return False
    return True


def _text(value: Any) -> str:
    """YAML and JSON write true without quotes; a policy means the word."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition_holds(operator: str, actual: str | None, wanted: list[str], *, unknown: bool, absent: bool) -> bool:
    """`unknown` is the answer for an operator that is not known, `absent` for a key that nobody fills. A key has one
    value here or none, so that ForAnyValue and ForAllValues differ only when it has none."""
    if operator == "Null":
        return (actual is None) == (wanted == ["true"])
    quantifier, _, plain = operator.rpartition(":")
    name = plain.removesuffix("IfExists")
    negated = name.startswith(("StringNot", "ArnNot", "NumericNot"))
    test = OPERATORS.get(name.replace("Not", "", 1) if negated else name)
    if test is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        return unknown
    if actual is None:
        if quantifier:
            return quantifier == "ForAllValues" or name != plain
        return negated or name != plain or absent
    return any(test(value, actual) for value in wanted) is not negated
