"""Whether a role's policies allow a call. Pure; a small part of IAM's evaluation, strict where it knows less.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
Left out: resource policies, boundaries, SCPs, session policies, policy variables. An operator or a key that is not
known here makes an Allow not match and a Deny match.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

Decision = Literal["allowed", "implicitDeny", "explicitDeny"]


def decide(statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str]) -> Decision:
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
}


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str], *, unknown: bool) -> bool:
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            if not _condition_holds(operator, context.get(key), [str(value) for value in as_list(wanted)], unknown):
                return False
    return True


def _condition_holds(operator: str, actual: str | None, wanted: list[str], unknown: bool) -> bool:
    name = operator.removesuffix("IfExists")
    negated = name.startswith(("StringNot", "ArnNot"))
    test = OPERATORS.get(name.replace("Not", "", 1) if negated else name)
    if test is None:
        return unknown
    if actual is None:
        return negated or name != operator or unknown
    return any(test(value, actual) for value in wanted) is not negated
