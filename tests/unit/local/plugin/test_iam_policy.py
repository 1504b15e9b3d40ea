"""The gate decides as IAM does: denied unless allowed, a deny wins, what is not understood never allows."""

from typing import Any

import pytest

from holdfast.local.plugin.iam_policy import Decision, Principal, addressed_to, decide, decide_both

OBJECT = "arn:aws:s3:::snapshots/prod/a"


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::snapshots/*", **elements}


def test_what_no_statement_allows_is_denied() -> None:
    assert decide([], "s3:GetObject", OBJECT, {}) == "implicitDeny"
    assert decide([allow()], "s3:PutObject", OBJECT, {}) == "implicitDeny"
    assert decide([allow()], "s3:GetObject", "arn:aws:s3:::secrets/prod/a", {}) == "implicitDeny"


def test_actions_ignore_case_and_resources_do_not() -> None:
    assert decide([allow(Action="S3:Get*")], "s3:GetObject", OBJECT, {}) == "allowed"
    assert decide([allow()], "s3:GetObject", OBJECT.replace("snapshots", "Snapshots"), {}) == "implicitDeny"


def test_a_deny_wins_over_any_allow() -> None:
    deny = {"Effect": "Deny", "Action": ["s3:*"], "Resource": "*"}

    assert decide([allow(), deny, allow()], "s3:GetObject", OBJECT, {}) == "explicitDeny"


def test_not_action_and_not_resource_mean_all_others() -> None:
    others = {"Effect": "Allow", "NotAction": "s3:Delete*", "NotResource": "arn:aws:s3:::secrets/*"}

    assert decide([others], "s3:GetObject", OBJECT, {}) == "allowed"
    assert decide([others], "s3:DeleteObject", OBJECT, {}) == "implicitDeny"
    assert decide([others], "s3:GetObject", "arn:aws:s3:::secrets/a", {}) == "implicitDeny"


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"k": ["a", "b"]}}, {"k": "b"}, True),
        ({"StringEquals": {"k": "a"}}, {"k": "A"}, False),
        ({"StringEqualsIgnoreCase": {"k": "a"}}, {"k": "A"}, True),
        ({"StringLike": {"k": "prod/*"}}, {"k": "prod/x"}, True),
        ({"StringNotEquals": {"k": "a"}}, {"k": "a"}, False),
        ({"StringNotLike": {"k": "a*"}}, {"k": "b"}, True),
        ({"ArnLike": {"k": "arn:aws:s3:::*"}}, {"k": "arn:aws:s3:::a"}, True),
        ({"ArnEquals": {"k": "arn:aws:s3:::b"}}, {"k": "arn:aws:s3:::a"}, False),
        ({"Bool": {"k": True}}, {"k": "true"}, True),
        ({"Bool": {"k": "false"}}, {"k": "true"}, False),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringNotEquals": {"k": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"k": "a"}}, {"k": "b"}, False),
        ({"StringEquals": {"k": "a", "l": "b"}}, {"k": "a"}, False),
        ({"IpAddress": {"k": "10.0.0.0/8"}}, {"k": "10.0.0.1"}, False),
    ],
)
def test_a_statement_counts_only_where_all_of_its_conditions_hold(
    condition: dict[str, Any], context: dict[str, str], *, allowed: bool
) -> None:
    expected = "allowed" if allowed else "implicitDeny"

    assert decide([allow(Condition=condition)], "s3:GetObject", OBJECT, context) == expected


def test_a_deny_under_a_condition_that_is_not_understood_denies() -> None:
    deny = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    }

    assert decide([allow(), deny], "s3:GetObject", OBJECT, {}) == "explicitDeny"


def test_a_deny_whose_condition_does_not_hold_denies_nothing() -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"k": "a"}}}

    assert decide([allow(), deny], "s3:GetObject", OBJECT, {"k": "b"}) == "allowed"


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"Null": {"s3:prefix": "true"}}, {}, True),
        ({"Null": {"s3:prefix": True}}, {"s3:prefix": ""}, False),
        ({"Null": {"s3:prefix": "false"}}, {"s3:prefix": ""}, True),
        ({"NumericGreaterThan": {"s3:max-keys": 10}}, {"s3:max-keys": "11"}, True),
        ({"NumericGreaterThan": {"s3:max-keys": 10}}, {"s3:max-keys": "10"}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3:max-keys": "9"}, True),
        ({"NumericNotEquals": {"s3:max-keys": "10"}}, {}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::1:role/a-*"}}, {"aws:PrincipalArn": "x"}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": ["x", "arn:*"]}}, {"aws:PrincipalArn": "arn:aws:iam::1:role/b"}, False),
        ({"StringNotEqualsIfExists": {"aws:PrincipalAccount": "1"}}, {}, True),
        ({"ForAllValues:StringNotEquals": {"aws:CalledVia": "a"}}, {}, True),
        ({"ForAllValues:StringNotEquals": {"aws:CalledVia": "a"}}, {"aws:CalledVia": "a"}, False),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": "a"}}, {}, False),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": "a"}}, {"aws:CalledVia": "a"}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"ForSomeValues:StringEquals": {"aws:CalledVia": "a"}}, {}, True),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {}, True),
    ],
)
def test_a_deny_counts_where_its_condition_holds_or_is_beyond_the_gate(
    condition: dict[str, Any], context: dict[str, str], *, holds: bool
) -> None:
    """The last two are an operator and a key that the gate does not know."""
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    expected = "explicitDeny" if holds else "allowed"
    assert decide([allow(), deny], "s3:GetObject", OBJECT, context) == expected


ROLE = Principal("arn:aws:iam::000000000000:role/writer", "000000000000")


@pytest.mark.parametrize(
    ("effect", "principal", "addressed"),
    [
        ("Deny", "*", True),
        ("Deny", {"AWS": "*"}, True),
        ("Deny", {"AWS": "000000000000"}, True),
        ("Deny", {"AWS": "arn:aws:iam::111111111111:root"}, False),
        ("Allow", {"AWS": "arn:aws:iam::000000000000:root"}, False),
        ("Allow", {"AWS": [ROLE.arn]}, True),
        ("Allow", {"AWS": "arn:aws:iam::000000000000:role/other"}, False),
        ("Allow", {"Service": "cloudwatch.amazonaws.com"}, False),
    ],
)
def test_a_statement_of_a_resource_counts_for_those_it_names(
    effect: str, principal: str | dict[str, Any], *, addressed: bool
) -> None:
    statement = {"Effect": effect, "Principal": principal, "Action": "s3:*", "Resource": "*"}
    assert addressed_to([statement], ROLE) == ([statement] if addressed else [])


def test_what_the_gate_cannot_read_of_a_principal_denies_and_never_allows() -> None:
    everybody_else = {"NotPrincipal": {"AWS": ROLE.arn}, "Action": "s3:*", "Resource": "*"}
    deny, grant = ({"Effect": effect, **everybody_else} for effect in ("Deny", "Allow"))
    assert addressed_to([deny, grant], ROLE) == [deny]


@pytest.mark.parametrize(
    ("own", "of_resource", "within", "between"),
    [
        ("allowed", "implicitDeny", "allowed", "implicitDeny"),
        ("implicitDeny", "allowed", "allowed", "implicitDeny"),
        ("allowed", "allowed", "allowed", "allowed"),
        ("allowed", "explicitDeny", "explicitDeny", "explicitDeny"),
        ("explicitDeny", "allowed", "explicitDeny", "explicitDeny"),
        ("implicitDeny", "implicitDeny", "implicitDeny", "implicitDeny"),
    ],
)
def test_within_an_account_one_policy_has_to_allow_and_between_accounts_both(
    own: Decision, of_resource: Decision, within: Decision, between: Decision
) -> None:
    assert decide_both(own, of_resource, same_account=True) == within
    assert decide_both(own, of_resource, same_account=False) == between
