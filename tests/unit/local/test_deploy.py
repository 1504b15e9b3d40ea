"""What an operator reads when a deployment fails."""

from typing import Any

from holdfast.local.deploy import REASON_CHARACTERS, failure_reasons


def event(resource: str, reason: str | None = None, status: str = "CREATE_FAILED") -> dict[str, Any]:
    known = {"LogicalResourceId": resource, "ResourceStatus": status}
    return known if reason is None else known | {"ResourceStatusReason": reason}


def test_only_resources_that_say_why_are_named() -> None:
    events = [event("Alarm"), event("StateMachine", "bad definition"), event("Topic", "fine", "CREATE_COMPLETE")]
    assert failure_reasons({}, events) == "  StateMachine: bad definition"


def test_a_reason_as_long_as_a_page_is_cut() -> None:
    assert len(failure_reasons({}, [event("StateMachine", "word " * 500)])) < REASON_CHARACTERS + 50


def test_without_any_reason_the_stacks_own_is_told() -> None:
    assert failure_reasons({"StackStatusReason": "rolled back"}, [event("Alarm")]) == "  rolled back"
