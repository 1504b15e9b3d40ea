"""Writes docs/reference/iam.md from template.yaml: `make iam-page`. A test says when the page is not current."""

from collections.abc import Iterator, Mapping
from typing import Any

from template.stack import ROOT, Statement, bucket_statements, denials, functions, resources, stack, statements, text_of

PAGE = ROOT / "docs/reference/iam.md"

HEAD = """\
# Who may do what

Generated from `template.yaml` by `make iam-page`. Every function and every state machine has a role of its own, with
the actions and resources below and nothing else. `${SnapshotsBucket.Arn}` and the like are the template's words for
what a stack makes. The tests run every scenario with these policies enforced, and hold the calls against the grants
in both directions: a call without a grant fails, and so does a grant that no scenario uses and nobody has justified
(`tests/e2e/test_iam_on_stack.py`; the reasons are in `tests/builders/unused_grants.py`). What is forbidden is tried
with the roles' own credentials (`tests/e2e/test_roles_on_stack.py`).

Nodes have no credential of AWS at all: they are handed presigned URLs, each for one object and for minutes, with no
more rights than the role that signed it. Run Command needs its agent's own registration on a node, and none of our
roles there.

The keys' own policies leave the decision to IAM. Who may use a key is therefore in the roles, always through one
service and for one bucket or secret: S3 names the bucket as the encryption context because both buckets have bucket
keys. Listings cannot be bound to a prefix: keys begin with a cluster's id, and one installation's functions serve every
cluster. Objects are bound by their names instead, `*/manifest.json` and the like.
"""

PEOPLE = """\
## People

`AuditorPolicy`, `OperatorPolicy` and `ApproverPolicy` are managed policies that whoever runs the account attaches to
users, groups or permission sets. Operators and approvers need `AuditorPolicy` too. Registering clusters (`holdfast
cluster apply`), `backup verify`, `backup download` and everything else that reads a snapshot's bytes or reaches nodes
with the caller's own credentials is in none of them: the functions do that work, and a snapshot holds every Secret of
its cluster.

`BreakGlassRole` is assumed with MFA, by the parameter `BreakGlassPrincipal` or by those of the account whose policies
let them. It alone lets a hold go, gets around a governance lock, deletes by hand, changes the buckets' policies,
lifecycle and lock configuration, and reads secrets bundles, for a restore by hand on the day when nothing else works.
Its use is in CloudTrail (`AssumeRole`).

### Four eyes

With the parameter `FourEyes` set to `yes` a restore is approved by somebody else than the person who asked for it:

- The run carries who asked, as STS told the command line, and the plan that is approved says it. An approval by the
  same person is refused (`approval_own_request`), whichever role he wears; by the command line, and again by every
  phase before it touches a node. A run that was started in the console carries nobody's name, and is refused with
  `approval_requester_unknown`.
- What somebody writes into an execution's input, or calls by hand, no program of ours can hold against Step
  Functions, which does not say who started an execution. So the policies themselves part the two: `OperatorPolicy`
  then denies the answer (`states:SendTaskSuccess`) and `ApproverPolicy` denies the start, and whoever has both
  attached can do neither.
"""

BUCKETS = """\
## Buckets

Both buckets' policies only refuse; what is allowed, roles say. They hold against everybody, administrators included.
"""

SIDS = {
    "TlsOnly": "a request that does not come over TLS",
    "NoForeignAccount": "whoever is of another account or of none, but for AWS's own services",
    "NoOtherEncryption": "an object that is to be encrypted otherwise than with a KMS key",
    "NoOtherKey": "an object under another key than the bucket's own",
    "NoKeyOfTheCaller": "an object under a key that the caller brings (SSE-C): nobody else could read it",
    "OnlyBreakGlassChangesTheBucket": "a change of policy, lifecycle, versioning, lock configuration, encryption,"
    " replication or ownership, and the bucket's deletion",
    "OnlyRetentionDeletes": "the deletion of a version",
    "NobodyHides": "a delete marker",
    "OnlyBreakGlassGetsAroundLocks": "getting around a governance lock, which shortening one is too",
    "OnlyLockSetsLocks": "setting a lock, or making one longer",
    "OnlyBreakGlassReleasesHolds": "letting a legal hold go; to put one is not refused",
    "NoOtherReader": "reading a secrets bundle",
}


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield HEAD
    yield "## Functions\n"
    by_role = {function.role: function for function in functions().values()}
    for role, function in sorted(by_role.items()):
        yield f"### {function.name}\n"
        yield f"{function.properties['Description']}. Role `{role}`{_with(role)}.{_only(role)}\n"
        yield from _table(role)
    yield "## State machines and schedules\n"
    for role in sorted(set(resources("AWS::IAM::Role")) - set(by_role) - {"BreakGlassRole"}):
        yield f"### {role}\n"
        yield from _table(role)
    yield "## Shared policies\n"
    people = ["AuditorPolicy", "OperatorPolicy", "ApproverPolicy"]
    for name, policy in resources("AWS::IAM::ManagedPolicy").items():
        if name not in people:
            yield f"### {name}\n"
            yield f"{policy['Description']}.{_only(name)}\n"
            yield from _table(name)
    yield PEOPLE
    for name in (*people, "BreakGlassRole"):
        yield f"### {name}\n"
        yield from _table(name)
    yield BUCKETS
    yield from _buckets()


def _only(name: str) -> str:
    condition = stack()["Resources"][name].get("Condition")
    return f" Only where the template's condition `{condition}` holds." if condition else ""


def _with(role: str) -> str:
    attached = resources("AWS::IAM::Role")[role].get("ManagedPolicyArns", ())
    names = [str(each["Ref"] if "Ref" in each else each["Fn::If"][1]["Ref"]) for each in attached]
    return f", with {', '.join(f'`{name}`' for name in names)}" if names else ""


def _table(owner: str) -> Iterator[str]:
    yield "| action | on | only if |"
    yield "|---|---|---|"
    for each in [*statements(), *denials()]:
        if each.owner == owner:
            yield _row(each)
    yield ""


def _row(each: Statement) -> str:
    denied = "**denied** " if each.effect == "Deny" else ""
    actions = " ".join(f"`{action}`" for action in each.actions)
    where = " ".join(f"`{text_of(resource)}`" for resource in each.resources)
    with_four_eyes = "`FourEyes` is `yes`" if each.effect == "Deny" else ""
    return f"| {denied}{actions} | {where} | {condition_text(each.condition) or with_four_eyes} |"


def condition_text(condition: Mapping[str, Mapping[str, Any]]) -> str:
    found = [
        f"`{key}` {WORDS[operator]} {_values(value)}"
        for operator, keys in condition.items()
        for key, value in keys.items()
    ]
    return "; ".join(found)


WORDS = {
    "StringEquals": "is",
    "StringLike": "is like",
    "StringNotEquals": "is not",
    "ArnNotLike": "is not",
    "Bool": "is",
    "BoolIfExists": "is",
    "Null": "is absent:",
    "NumericGreaterThan": "is over",
    "NumericLessThanEquals": "is at most",
    "ForAllValues:StringEquals": "is",
    "ForAllValues:StringNotEquals": "is not",
}


def _values(value: Any) -> str:
    many = value if isinstance(value, list) else [value]
    return " or ".join(f"`{_value(each)}`" for each in many)


def _value(value: Any) -> str:
    if isinstance(value, dict) and "Fn::If" in value:
        return text_of(value["Fn::If"][1])
    return text_of(value)


def _buckets() -> Iterator[str]:
    both = {
        each.sid: [other.owner for other in bucket_statements() if other.sid == each.sid]
        for each in bucket_statements()
    }
    yield "| refused | to everybody but | by the bucket |"
    yield "|---|---|---|"
    seen: set[str] = set()
    for each in bucket_statements():
        if each.sid in seen:
            continue
        seen.add(each.sid)
        yield f"| {SIDS[each.sid]} | {_but(each) or '-'} | {', '.join(both[each.sid])} |"


def _but(each: Statement) -> str:
    named = each.condition.get("ArnNotLike", {}).get("aws:PrincipalArn", [])
    found = [f"`{_value(one).removesuffix('.Arn')}`" for one in (named if isinstance(named, list) else [named])]
    if "ForAllValues:StringNotEquals" in each.condition:
        found.append("CloudFormation in the name of who deploys (`aws:CalledVia`)")
    return ", ".join(found)


if __name__ == "__main__":
    PAGE.write_text(page())
