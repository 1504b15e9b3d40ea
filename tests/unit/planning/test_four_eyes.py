"""Nobody approves what he asked for, by whichever of his names."""

import pytest

from holdfast.errors import RefusedError
from holdfast.planning.four_eyes import refuse_own_request

ANNA = "arn:aws:iam::123456789012:user/ops/anna"
SESSION = "arn:aws:sts::123456789012:assumed-role/%s/anna"


@pytest.mark.parametrize("asked", [ANNA, SESSION % "Operator", ANNA.upper()])
@pytest.mark.parametrize("answers", [ANNA, SESSION % "Operator", SESSION % "Approver"])
def test_the_same_person_under_any_role_is_refused(asked: str, answers: str) -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_own_request(asked, answers)
    assert refused.value.code == "approval_own_request"


@pytest.mark.parametrize("other", [ANNA.replace("anna", "ben"), (SESSION % "Operator").replace("anna", "anna2")])
def test_another_person_may_answer(other: str) -> None:
    refuse_own_request(ANNA, other)


def test_the_root_user_is_one_person() -> None:
    root = "arn:aws:iam::123456789012:root"
    with pytest.raises(RefusedError, match="approval_own_request"):
        refuse_own_request(root, root)
    refuse_own_request(root, ANNA)


def test_who_asked_is_known_or_nobody_is_let_through() -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_own_request("", ANNA)
    assert refused.value.code == "approval_requester_unknown"
