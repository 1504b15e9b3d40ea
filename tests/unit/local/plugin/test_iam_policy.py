"""The gate decides as IAM does: denied unless allowed, a deny wins, what is not understood never allows."""

from typing import Any

import pytest

from holdfast.local.plugin.iam_policy import decide

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
